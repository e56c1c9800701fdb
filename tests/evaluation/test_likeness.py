"""Accounts are held against those of the training by themselves, not by what is known of others."""

from pathlib import Path

import numpy as np
import orjson
import pytest

from bench.prevalence import one_draw
from core.errors import InputError
from core.evaluation.arguments import PrevalenceArguments
from core.evaluation.share_records import PrevalenceRecord
from core.evaluation.shares import shares
from core.models.folder import read_model_info
from core.statistics.drift import BY_TEXTS, training_profile, write_profile
from core.storage.account_files import write_account
from core.storage.models import Account, Post
from tests.statistics.test_drift import AT_LEAST, accounts
from tests.statistics.test_prevalence import STRONG, labelled_file, model_folder

pytestmark = pytest.mark.slow  # a model's profile is made of many texts

ALIKE, STRANGE = accounts(60, 2), [[text.replace("e", "qx") for text in texts] for texts in accounts(40, 4)]


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A run of 60 accounts that write like the training ones and 40 that do not, without a record beside it."""
    model = model_folder(tmp_path / "model", {"train": ["t0"], "validation": ["v1"]})
    labelled_file(model / "validation.csv", 80, 80)
    write_profile(model, training_profile(accounts(150, 1), AT_LEAST))
    probability, _ = one_draw(STRONG, 0.5, (1, 1, 100), np.random.default_rng(1))
    rows = []
    for at, texts in enumerate([*ALIKE, *STRANGE]):
        posts = [Post(id=str(number), caption=text) for number, text in enumerate(texts)]
        write_account(tmp_path / "accounts", Account(username=f"u{at}", posts=posts))
        rows.append(f"u{at},{probability[at]:.6f},{probability[at] >= 0.5:d},{len(texts)}")
    (tmp_path / "p.csv").write_text("\n".join(["username,probability,prediction,posts", *rows, ""]))
    (tmp_path / "alike.csv").write_text("\n".join(["username", *(f"u{at}" for at in range(60))]))
    (tmp_path / "strange.csv").write_text("\n".join(["username", *(f"u{at}" for at in range(60, 100))]))
    return tmp_path


def asked(study: Path, *lists: str, **given: object) -> PrevalenceRecord:
    files = tuple(study / name for name in lists)
    arguments = PrevalenceArguments(study / "p.csv", study / "model", user_file=files, **given)  # type: ignore[arg-type]
    return shares(arguments)


def test_a_list_is_judged_by_the_texts_of_its_own_accounts(study: Path) -> None:
    accounts_of_it = {"input_dir": study / "accounts"}
    assert asked(study, "alike.csv", **accounts_of_it)["withheld"] == []
    for lists in (("strange.csv",), ("alike.csv", "strange.csv"), ()):
        assert any("words that these accounts use" in it for it in asked(study, *lists, **accounts_of_it)["withheld"])
    groups = asked(study, "alike.csv", "strange.csv", by="list", **accounts_of_it)["groups"]
    assert [it["rogan_gladen"]["value"] is None for it in groups["shares"]] == [True, True]


def test_what_is_known_of_all_accounts_of_a_run_says_nothing_of_some(study: Path) -> None:
    same = [{"name": name, "psi": 0.0, "limit": 0.02, "sentence": "The words are alike."} for name in BY_TEXTS]
    record = {"input_dir": str(study / "accounts"), "drift": {"differences": same}}
    (study / "p.run.json").write_bytes(orjson.dumps(record))
    assert asked(study)["withheld"] == []
    assert asked(study, "strange.csv")["withheld"]
    (study / "p.run.json").write_bytes(orjson.dumps(record | {"input_dir": str(study / "gone")}))
    assert "could not be checked" in asked(study, "alike.csv")["withheld"][0]


def test_too_few_of_the_files_are_no_comparison(study: Path) -> None:
    for at in range(10):
        (study / "accounts" / f"u{at}.json").unlink()
    found = asked(study, "alike.csv", input_dir=study / "accounts")
    assert "could not be checked" in found["withheld"][0]


def test_predictions_of_another_model_or_cutoff_are_refused(study: Path) -> None:
    made_at = read_model_info(study / "model").training.created_at.isoformat()
    record = {"model": "elsewhere/model/m.pth", "model_made_at": made_at}
    (study / "p.run.json").write_bytes(orjson.dumps(record))
    assert asked(study)["withheld"]
    for other in (record | {"model_made_at": "2020-01-01T00:00:00Z"}, {"model": "models/other"}):
        (study / "p.run.json").write_bytes(orjson.dumps(other))
        with pytest.raises(InputError, match="Give the folder of the model that made them"):
            asked(study)
    (study / "p.run.json").write_bytes(orjson.dumps(record | {"age_cutoff": 18}))
    with pytest.raises(InputError, match="18"):
        asked(study)
