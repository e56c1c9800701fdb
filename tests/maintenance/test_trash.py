"""What is removed can be brought back, for a while, and is gone when an account is forgotten."""

from datetime import timedelta
from pathlib import Path

import pytest

from core.errors import AgeScopeError, InputError
from core.maintenance.delete_accounts import forget
from core.maintenance.trash import KEPT_DAYS, RemovedRecord, list_removed, put_back, remove, trash_dir
from core.settings import get_settings
from core.storage.account_files import write_account
from core.storage.models import Account, Post
from core.storage.own_names import called, own_name_of, say_of
from core.utils.records import utc_now, write_record
from tests.made_model import training_record
from tests.made_study import add_model, add_running_job


@pytest.fixture
def model(data_dir: Path) -> Path:
    folder = data_dir / "models" / "20261125-at-least-21"
    folder.mkdir(parents=True)
    (folder / "weights.pth").write_bytes(b"1")
    return folder


def test_a_folder_is_called_as_people_call_it_and_remembers_the_rest(model: Path) -> None:
    assert called(model) == model.name
    say_of(model, name="  The  one ", note="for the paper", starred=True)
    say_of(model, name="Another")
    assert (called(model), own_name_of(model).note, own_name_of(model).starred) == ("Another", "for the paper", True)
    with pytest.raises(InputError, match="at most 80 letters"):
        say_of(model, name="a" * 81)


def test_what_is_removed_comes_back_as_it_was(model: Path) -> None:
    settings = get_settings()
    say_of(model, name="The one")
    remove(settings, model)
    [removed] = list_removed(settings)
    assert not model.exists() and (removed.title, removed.kind) == ("The one", "models")
    assert put_back(settings, removed) == model and (model / "weights.pth").read_bytes() == b"1"
    assert not list_removed(settings)


def test_only_models_and_predictions_are_removed_and_none_that_is_in_use(model: Path, data_dir: Path) -> None:
    settings = get_settings()
    for folder in (data_dir / "accounts", settings.models_dir):
        with pytest.raises(AgeScopeError, match="Only models"):
            remove(settings, folder)
    job = add_running_job(data_dir, "predict", {})
    record = (job / "job.json").read_text()
    (job / "job.json").write_text(record.replace('"arguments": [', f'"arguments": ["{model}", '))
    with pytest.raises(AgeScopeError, match="is using it"):
        remove(settings, model)


def test_what_has_lain_there_long_is_deleted(model: Path) -> None:
    settings = get_settings()
    removed = remove(settings, model)
    long_ago = utc_now() - timedelta(days=KEPT_DAYS + 1)
    write_record(removed.folder / "removed.json", RemovedRecord(place=removed.record.place, removed_at=long_ago))
    assert list_removed(settings) == [] and not removed.folder.exists()


def test_forgetting_an_account_reaches_the_trash_and_the_names_that_people_gave(model: Path, data_dir: Path) -> None:
    settings = get_settings()
    write_account(settings.accounts_dir, Account(username="ada_b", posts=[Post(id="1", caption="hello")]))
    run = data_dir / "predictions" / "run"
    (run).mkdir(parents=True)
    (run / "predictions.csv").write_text("username,probability,prediction,posts\nada_b,0.9,1,3\n")
    say_of(model, name="without ada_b", note="ada_b was odd")
    remove(settings, run)
    said = forget(["ada_b"], settings)
    assert not [*trash_dir(settings).iterdir()] and "deleted for good: 1 folder" in " ".join(said)
    assert "no name is left" in said[-1]
    assert called(model) == "without forgotten"


@pytest.mark.parametrize(("method", "choosing_is_learning"), [("finetuned", True), ("combined", False)])
def test_forgetting_tells_what_an_account_was_to_a_model(
    data_dir: Path, method: str, choosing_is_learning: bool
) -> None:
    settings = get_settings()
    folder = data_dir / "models" / "m"
    split = {"train": ["ada_b"], "validation": ["ben_c"], "test": ["cleo_d"]}
    record = training_record(split, method=method)
    add_model(folder)
    write_record(folder / "training.json", record)
    for name, has_learnt in (("ada_b", True), ("ben_c", choosing_is_learning), ("cleo_d", False)):
        said = " ".join(forget([name], settings, really=False))
        assert ("cannot unlearn: train it again" in said) == has_learnt
        assert ("did not learn from them; its figures still rest on them" in said) != has_learnt
