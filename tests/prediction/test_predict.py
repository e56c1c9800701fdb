"""Prediction: a row for every account, safe names, and interruptions that cost nothing."""

import csv
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from core.encoder.age_classifier import AgeClassifier
from core.encoder.precision import DType
from core.encoder.pretrained import load_config, load_tokenizer
from core.encoder.user_encoder import UserEncoder
from core.encoder.weights import write_weights
from core.errors import AgeScopeError, InputError, Stopped
from core.evaluation.evaluate import read_predictions
from core.jobs.progress import Progress, no_progress
from core.models.loading import load_predictor, select_dtype, usable_numbers
from core.models.predictor import EncoderPredictor
from core.models.settings import ModelSettings
from core.prediction.arguments import PredictArguments
from core.prediction.predict import PredictSummary, Sample, predict
from core.privacy.pseudonyms import open_pseudonyms
from core.settings import get_settings
from core.statistics.drift import training_profile, write_profile
from core.storage.account_files import write_account
from core.storage.models import Account, Post
from core.storage.predictions_file import HEADER, PartialPredictions, prediction, read_cutoff, read_rows
from core.utils.spreadsheets import plain_name, safe_name
from tests.made_model import finish_model
from tests.tiny_models import captions, linear, study

ALL: list[DType] = ["float32", "bfloat16", "int8"]


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return study(tmp_path_factory.mktemp("study"), accounts=20)[0]


@pytest.fixture(scope="module")
def model(encoder: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with random weights, for two cutoffs, with a threshold of its own for the second."""
    return make_model(encoder, tmp_path_factory.mktemp("models") / "two", (18.0, 21.0), (0.5, 0.25))


def make_model(encoder: str, folder: Path, cutoffs: tuple[float, ...], thresholds: tuple[float, ...]) -> Path:
    from transformers import BertModel

    torch.manual_seed(1)
    network = AgeClassifier(BertModel(load_config(encoder)), len(cutoffs))
    torch.nn.init.normal_(linear(network.classifier[0]).weight, std=0.3)
    torch.nn.init.normal_(linear(network.classifier[2]).weight, std=0.3)
    settings = ModelSettings(encoder, "w.safetensors", 9, cutoffs, thresholds)
    predictor = EncoderPredictor(network, load_tokenizer(encoder), settings)
    some = predictor.probabilities([captions(16, 4, number) for number in range(9)])
    with torch.no_grad():  # so that about half of the accounts lie on either side
        linear(network.classifier[2]).bias[0] -= torch.tensor(some[:, 0]).logit().median()
    predictor.save(folder)
    finish_model(folder)
    return folder


def run(accounts: Path, model: Path, output: Path, **options: Any) -> PredictSummary:
    with no_progress() as progress:
        return predict(
            PredictArguments(accounts, finetuned_model_path=model, prediction_output_file=output, **options), progress
        )


def test_every_account_gets_a_row(accounts: Path, model: Path, tmp_path: Path) -> None:
    for path in accounts.iterdir():
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / path.name).write_bytes(path.read_bytes())
    write_account(tmp_path / "in", Account(username="silent", posts=[Post(id="1"), Post(id="2", caption=" ")]))
    write_account(tmp_path / "in", Account(username="private", outcome="private"))
    summary = run(tmp_path / "in", model, tmp_path / "out.csv", age_cutoff=18)

    assert (tmp_path / "out.csv").read_text().splitlines()[0] == "username,probability,prediction,posts"
    rows = {row.username: row for row in read_rows(tmp_path / "out.csv")}
    assert len(rows) == 22 == summary.accounts
    assert (rows["silent"].probability, rows["silent"].prediction, rows["silent"].posts) == (None, None, 0)
    assert rows["private"].posts == 0
    assert rows["user_003"].posts == 4
    assert summary.without_captions == 2
    assert 0 < summary.at_least == sum(row.prediction or 0 for row in rows.values()) < 20
    assert all(row.prediction == (row.probability >= 0.5) for row in rows.values() if row.probability is not None)
    table = read_predictions(tmp_path / "out.csv")
    assert table["probability"].isna().sum() == 2


def test_the_run_says_what_made_the_predictions(accounts: Path, model: Path, tmp_path: Path) -> None:
    summary = run(accounts, model, tmp_path / "out" / "p.csv", age_cutoff=21)
    assert summary.run_file == tmp_path / "out" / "p.run.json"
    record = orjson.loads(summary.run_file.read_bytes())
    assert (record["age_cutoff"], record["threshold"], record["max_seq_len"]) == (21, 0.25, 9)
    assert record["precision"] == "exact"
    assert record["accounts"] == 20
    assert "torch" in record["versions"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["p.csv", "p.cutoffs.csv", "p.run.json"]


def test_accounts_unlike_those_learnt_from_are_warned_of(
    accounts: Path, model: Path, encoder: str, tmp_path: Path
) -> None:
    known = make_model(encoder, tmp_path / "m", (21.0,), (0.5,))
    write_profile(known, training_profile([["a long text of many quite different words " * 5] * 60] * 50))
    summary = run(accounts, known, tmp_path / "p.csv")
    assert summary.warnings
    assert summary.warnings[0] in str(summary)
    record = orjson.loads(summary.run_file.read_bytes())
    assert record["drift"]["warnings"] == summary.warnings
    assert orjson.loads(run(accounts, model, tmp_path / "q.csv").run_file.read_bytes())["drift"] is None


def test_a_sample_gives_every_account_the_same_chance() -> None:
    kept: Counter[str] = Counter()
    sample = Sample(50)
    for number in range(1000):
        sample.add([f"{number // 100}"])
    kept.update(captions[0] for captions in sample.kept)
    assert len(sample.kept) == 50
    assert len(kept) >= 8


def test_a_cutoff_of_its_own_threshold(accounts: Path, model: Path, tmp_path: Path) -> None:
    run(accounts, model, tmp_path / "18.csv", age_cutoff=18)
    run(accounts, model, tmp_path / "21.csv", age_cutoff=21)
    lower, higher = ([*read_rows(tmp_path / name)] for name in ("18.csv", "21.csv"))
    assert all((b.probability or 0) <= (a.probability or 0) for a, b in zip(lower, higher, strict=True))
    assert all(row.prediction == ((row.probability or 0) >= 0.25) for row in higher)
    with pytest.raises(InputError, match="at least 18 or 21, not 30"):
        run(accounts, model, tmp_path / "30.csv", age_cutoff=30)


def test_a_model_of_several_cutoffs_tells_the_probability_at_each_beside_the_file_that_was_asked_for(
    accounts: Path, model: Path, encoder: str, tmp_path: Path
) -> None:
    run(accounts, model, tmp_path / "p.csv", age_cutoff=18)
    told = {cutoff: read_cutoff(tmp_path / "p.csv", cutoff) for cutoff in (18, 21)}
    for cutoff in (18, 21):
        run(accounts, model, tmp_path / f"{cutoff}.csv", age_cutoff=cutoff)
        assert told[cutoff] == {row.username: row.probability for row in read_rows(tmp_path / f"{cutoff}.csv")}
    with pytest.raises(InputError, match="probabilities at 30"):
        read_cutoff(tmp_path / "p.csv", 30)
    run(accounts, make_model(encoder, tmp_path / "one", (21.0,), (0.5,)), tmp_path / "p.csv")
    assert not (tmp_path / "p.cutoffs.csv").exists()  # that of the earlier run would tell of other probabilities


def test_an_interrupted_run_of_several_cutoffs_has_each_account_once(tmp_path: Path) -> None:
    rows = [prediction(name, 0.5, 0.5, 1, (0.7, 0.5)) for name in ("anna", "=bob", "cleo")]
    silent = prediction("dov", float("nan"), 0.5, 0, (float("nan"), float("nan")))
    with PartialPredictions(tmp_path / "p.csv", {"a": 1}, (18, 21)) as written:
        written.add(rows[:2])
    with (tmp_path / "p.cutoffs.csv.part").open("a") as file:
        file.write("cleo,0.600000,0.500000\nhalf a r")  # killed between the two files
    with PartialPredictions(tmp_path / "p.csv", {"a": 1}, (18, 21)) as written:
        assert written.usernames == {"anna", "=bob"}
        written.add([rows[2], silent])
        assert len(written.finish()) == 4
    assert read_cutoff(tmp_path / "p.csv", 18) == {"anna": 0.7, "=bob": 0.7, "cleo": 0.7}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p.csv", "p.cutoffs.csv"]


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_bare_state_dict_of_the_older_form(suffix: str, accounts: Path, encoder: str, tmp_path: Path) -> None:
    """The probability of the plain computation, to 1e-5: one user at a time, padded to 18 tokens."""
    from transformers import BertModel

    torch.manual_seed(1)
    network = AgeClassifier(BertModel(load_config(encoder))).eval()
    torch.nn.init.normal_(linear(network.classifier[0]).weight, std=2.0)
    write_weights(tmp_path / f"older{suffix}", network.state_dict())
    run(accounts, tmp_path / f"older{suffix}", tmp_path / "p.csv", model_name_or_path=encoder)
    rows = [*read_rows(tmp_path / "p.csv")]
    for number, row in enumerate(rows):
        expected = plain(network, load_tokenizer(encoder), captions(40 if number % 2 else 16, 4, number))
        assert row.probability == pytest.approx(expected.item(), abs=1e-5)


def plain(network: AgeClassifier, tokenizer: Any, texts: list[str]) -> Tensor:
    encoded = tokenizer(texts, padding="max_length", truncation=True, max_length=18, return_tensors="pt")
    with torch.no_grad():
        states = network.bert(**encoded, output_hidden_states=True).hidden_states
        mean = torch.cat([states[layer][:, 0] for layer in (-4, -3, -2, -1)], dim=1).mean(0)
        return torch.sigmoid(network.classifier(mean))


def test_weights_of_another_encoder_say_what_to_give(encoder: str, accounts: Path, tmp_path: Path) -> None:
    write_weights(tmp_path / "w.pth", {"bert.x": torch.zeros(1)})
    with pytest.raises(InputError, match="--model-name-or-path"):
        run(accounts, tmp_path / "w.pth", tmp_path / "p.csv", model_name_or_path=encoder)


def test_files_that_are_no_accounts_are_named_and_the_rest_is_predicted(
    accounts: Path, model: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.json").write_text("{")
    (folder / "b.json").write_text('{"username": "two\\nlines", "posts": []}')
    (folder / "user_000.json").write_bytes((accounts / "user_000.json").read_bytes())
    summary = run(folder, model, tmp_path / "p.csv")
    assert summary.accounts == 1
    assert set(summary.unreadable) == {"a.json", "b.json"}
    assert "2 files could not be read" in str(summary)


@pytest.mark.parametrize("content", [None, "not a model"])
def test_what_is_not_a_model_is_explained(content: str | None, accounts: Path, tmp_path: Path) -> None:
    path = tmp_path / "model"
    if content is None:
        path.mkdir()
    else:
        path.write_text(content)
    with pytest.raises(InputError, match="not a"):
        run(accounts, path, tmp_path / "p.csv")


def test_a_folder_without_accounts_is_explained(model: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(InputError, match="holds no account files"):
        run(tmp_path / "in", model, tmp_path / "p.csv")


# ----------------------------------------------------------------------------- going on


class StopAfter(Progress):
    """Asks to stop once so many accounts are done."""

    def __init__(self, accounts: int) -> None:
        super().__init__("accounts", terminal=False)
        self.limit = accounts

    def update(self, done: float | None = None, total: float | None = None, **more: Any) -> None:
        super().update(done, total, **more)
        if (done or 0) >= self.limit:
            self.request_stop()


@pytest.fixture
def many(model: Path, tmp_path: Path) -> tuple[Path, str]:
    """150 accounts, and their predictions in one go."""
    folder, _ = study(tmp_path / "study", accounts=150, posts=2)
    run(folder, model, tmp_path / "whole.csv")
    return folder, (tmp_path / "whole.csv").read_text()


def test_an_interrupted_prediction_goes_on_from_what_is_written(
    many: tuple[Path, str], model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, whole = many
    output = tmp_path / "p.csv"
    with StopAfter(100) as progress, pytest.raises(Stopped):
        predict(PredictArguments(folder, finetuned_model_path=model, prediction_output_file=output), progress)
    assert not output.exists()
    part = output.with_name("p.csv.part")
    with part.open("a") as file:
        file.write("user_149,0.1")  # the row that a kill cut off

    encoded: list[int] = []
    probabilities = EncoderPredictor.probabilities

    def counted(self: EncoderPredictor, users: Any) -> Any:
        encoded.append(len(users))
        return probabilities(self, users)

    monkeypatch.setattr(EncoderPredictor, "probabilities", counted)
    run(folder, model, output)
    assert sum(encoded) == 150 - 128
    assert output.read_text() == whole
    assert not part.exists()


def test_predicting_again_encodes_nobody_again(
    accounts: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[int] = []
    compute = UserEncoder._compute

    def counted(self: UserEncoder, users: Any) -> Any:
        encoded.append(len(users))
        return compute(self, users)

    monkeypatch.setattr(UserEncoder, "_compute", counted)
    run(accounts, model, tmp_path / "first.csv")
    run(accounts, model, tmp_path / "second.csv", age_cutoff=21)
    assert sum(encoded) == 20
    run(accounts, model, tmp_path / "third.csv", cache=False)
    assert sum(encoded) == 40
    assert (tmp_path / "first.csv").read_text() == (tmp_path / "third.csv").read_text()


def test_rows_of_another_model_or_setting_are_not_mixed_in(
    many: tuple[Path, str], model: Path, encoder: str, tmp_path: Path
) -> None:
    folder, whole = many
    with StopAfter(60) as progress, pytest.raises(Stopped):
        predict(
            PredictArguments(
                folder, finetuned_model_path=model, prediction_output_file=tmp_path / "p.csv", age_cutoff=21
            ),
            progress,
        )
    run(folder, model, tmp_path / "p.csv")
    assert (tmp_path / "p.csv").read_text() == whole


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_full_disk_is_said_plainly_and_loses_nothing(tmp_path: Path) -> None:
    with pytest.raises(AgeScopeError, match="No space left"), PartialPredictions(tmp_path / "p.csv", {}) as written:
        written.add([prediction("first", 0.5, 0.5, 1)])
        written._file.close()
        written._file = Path("/dev/full").open("w")  # noqa: SIM115  closed by the object under test
        written.add([prediction("second", 0.5, 0.5, 1)])
    with PartialPredictions(tmp_path / "p.csv", {}) as written:
        assert written.usernames == {"first"}


# ------------------------------------------------------------------------ names in a spreadsheet


def test_no_name_is_taken_for_a_formula(model: Path, tmp_path: Path) -> None:
    names = ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "'=1", 'a,"b"', "P 017", "zoë"]
    for name in names:
        write_account(tmp_path / "in", Account(username=name, posts=[Post(id="1", caption="hello")]))
    run(tmp_path / "in", model, tmp_path / "p.csv")
    with (tmp_path / "p.csv").open(newline="") as file:
        cells = [row[0] for row in csv.reader(file)][1:]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    assert sorted(row.username for row in read_rows(tmp_path / "p.csv")) == sorted(names)
    assert set(names) - {"@SUM(A1)"} <= set(read_predictions(tmp_path / "p.csv")["username"])


@given(st.text(st.sampled_from("'=+-@a\\t"), max_size=6))
def test_every_name_comes_back_as_it_was(name: str) -> None:
    assert plain_name(safe_name(name)) == name


def test_the_header_is_that_of_the_contract() -> None:
    assert HEADER == ("username", "probability", "prediction", "posts")


@pytest.mark.parametrize("options", [{"max_seq_len": 2}, {"precision": "rough"}])
def test_arguments_that_cannot_be_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        PredictArguments(
            Path("in"), finetuned_model_path=Path("model"), prediction_output_file=Path("out.csv"), **options
        )


@pytest.mark.parametrize(
    ("own", "losses", "possible", "usable"),
    [
        (
            "float32",
            {"bfloat16": 0.001, "int8": 0.002},
            ["float32", "bfloat16", "int8"],
            ["float32", "bfloat16", "int8"],
        ),
        ("float32", {"bfloat16": 0.001, "int8": 0.003}, ["float32", "bfloat16", "int8"], ["float32", "bfloat16"]),
        ("float32", {}, ["float32", "bfloat16", "int8"], ["float32"]),
        ("float32", {"bfloat16": -0.01}, ["float32"], ["float32"]),
        ("bfloat16", {"float32": 0.01}, ["float32", "bfloat16"], ["bfloat16"]),
        ("bfloat16", {"float32": 0.01}, ["float32"], ["float32"]),
        ("bfloat16", {"float32": 0.0}, ["float32", "bfloat16"], ["bfloat16", "float32"]),
    ],
)
def test_numbers_are_used_only_where_the_model_loses_nothing_by_them(
    own: Any, losses: dict[str, float], possible: list[DType], usable: list[DType]
) -> None:
    settings = ModelSettings("x", "w.pth", numbers=own, auc_losses=losses)
    assert usable_numbers(settings, possible) == usable


@pytest.mark.parametrize(
    ("own", "losses", "wanted", "used"),
    [
        ("float32", {"bfloat16": 0.0, "int8": 0.0}, "exact", "float32"),
        ("float32", {"bfloat16": 0.0, "int8": 0.0}, "fast", "int8"),
        ("float32", {"bfloat16": 0.0, "int8": 0.01}, "fast", "bfloat16"),
        ("float32", {"bfloat16": 0.01, "int8": 0.01}, "fast", "float32"),
        ("bfloat16", {"float32": 0.01}, "exact", "bfloat16"),
        ("bfloat16", {"float32": 0.0}, "exact", "float32"),
    ],
)
def test_fast_takes_the_quickest_numbers_that_cost_nothing_and_says_which(
    model: Path, own: Any, losses: dict[str, float], wanted: Any, used: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.models.loading.supported_dtypes", lambda model: ALL)
    monkeypatch.setattr("core.models.loading.quickest", lambda model, among, *_: among[-1])
    predictor = load_predictor(model)
    assert isinstance(predictor, EncoderPredictor)
    predictor.settings = replace(predictor.settings, numbers=own, auc_losses=losses)
    select_dtype(predictor, wanted)
    assert (predictor.encoder.numbers, predictor.settings.numbers) == (used, used)
    assert predictor.settings.precision == ("exact" if used == "float32" else "fast")


def test_with_pseudonyms_no_name_is_written_and_everything_else_is_the_same(
    model: Path, accounts: Path, tmp_path: Path
) -> None:
    named, hidden = tmp_path / "a" / "named.csv", tmp_path / "b" / "hidden.csv"
    (accounts / "sandra_rough.json").write_text("{")
    try:
        run(accounts, model, named, cache=False)
        run(accounts, model, hidden, cache=False, pseudonymise=True)
    finally:
        (accounts / "sandra_rough.json").unlink()
    rows, others = [*read_rows(named)], [*read_rows(hidden)]
    pseudonyms = open_pseudonyms(get_settings())
    assert [replace(row, username=pseudonyms.of(row.username)) for row in rows] == others
    written = b"".join(path.read_bytes() for path in hidden.parent.iterdir())
    assert b"sandra_rough" not in written and not [row for row in rows if row.username.encode() in written]
    with pytest.raises(InputError, match="pseudonyms --table"):
        read_predictions(hidden)


def test_pseudonyms_are_kept_out_of_the_dashboards_own_predictions(model: Path, accounts: Path) -> None:
    output = get_settings().predictions_dir / "run" / "predictions.csv"
    with pytest.raises(InputError, match="another folder"):
        run(accounts, model, output, pseudonymise=True)


def test_a_list_is_predicted_and_nobody_else_and_its_accounts_add_up(
    accounts: Path, model: Path, tmp_path: Path
) -> None:
    names = sorted(path.stem for path in accounts.iterdir())[:3]
    (tmp_path / "cohort.csv").write_text("\n".join(["username", names[0].upper(), *names[1:], "never_collected"]))
    summary = run(accounts, model, tmp_path / "out.csv", user_file=(tmp_path / "cohort.csv",))
    assert [row.username for row in read_rows(tmp_path / "out.csv")] == names
    assert "The list cohort.csv names 4 accounts: 1 not collected, 3 left to estimate from." in str(summary)
    of = orjson.loads((tmp_path / "out.run.json").read_bytes())["of"]
    assert sum(of["flow"].values()) == of["listed"] == 4


def test_a_list_without_a_collected_account_is_refused(accounts: Path, model: Path, tmp_path: Path) -> None:
    (tmp_path / "cohort.csv").write_text("username\nnever_collected\n")
    with pytest.raises(InputError, match=r"No account of cohort\.csv is in"):
        run(accounts, model, tmp_path / "out.csv", user_file=(tmp_path / "cohort.csv",))
