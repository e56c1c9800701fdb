"""An account is removed from everything that names it, and what cannot be removed is said."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.collection.folder_use import SHARED_NAME, only_one_run
from core.collection.outcome_log import LEDGER_NAME
from core.errors import AgeScopeError
from core.index import Store
from core.labelling.batches import Batch, create_batch
from core.labelling.records import Record, add_record
from core.maintenance.delete_accounts import forget
from core.maintenance.prove_forgotten import search
from core.privacy.names_of_study import names_of_study
from core.settings import PROJECT_DIR, Settings
from core.storage.account_files import file_name, write_account
from core.storage.models import Account, Post


def study(folder: Path) -> Settings:
    settings = Settings(data_dir=folder)
    for name in ("anna", "bob", "=cmd"):
        write_account(settings.accounts_dir, Account(username=name, posts=[Post(id="1", caption="hello")]))
    for path, text in {
        settings.lists_dir / "users.csv": "username\nanna\nbob\n",
        settings.labels_dir / "ages.csv": "username,age\nanna,30\nbob,16\n",
        settings.predictions_dir
        / "run"
        / "predictions.csv": "username,probability,prediction,posts\nanna,0.9,1,1\n'=cmd,0.1,0,1\n",
        settings.jobs_dir
        / "job"
        / "events.jsonl": '{"kind":"account","username":"anna"}\n{"kind":"account","username":"bob"}\n',
        settings.accounts_dir / LEDGER_NAME: '{"file":"anna.json"}\n{"file":"bob.json"}\n',
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    accounts = ("anna", "bob", "=cmd")
    batch = Batch(name="b", purpose="random", cutoff=21, usernames=accounts)
    create_batch(settings.coding_dir, batch)
    for name in ("anna", "bob"):
        add_record(settings.coding_dir / "b", Record(username=name, coder="kim", answer="30"))
    return settings


def everything(folder: Path) -> str:
    return "".join(str(path) + path.read_text() for path in sorted(folder.rglob("*")) if path.is_file())


def test_nothing_names_a_forgotten_account_any_more(tmp_path: Path) -> None:
    settings = study(tmp_path)
    said = forget(["@Anna"], settings)
    assert "anna" not in everything(tmp_path)
    assert everything(tmp_path).count("bob") >= 4
    assert said[-1].endswith("no name is left, and no word that only these accounts used.") and len(said) == 7


def test_names_that_look_like_formulas_are_found(tmp_path: Path) -> None:
    settings = study(tmp_path)
    forget(["=cmd"], settings)
    assert "=cmd" not in everything(tmp_path)
    assert not (settings.accounts_dir / file_name("=cmd")).exists()


@pytest.mark.slow
def test_uploads_and_the_index_hold_nothing_of_it_either(tmp_path: Path) -> None:
    settings = study(tmp_path)
    (settings.cache_dir / "uploads" / "1").mkdir(parents=True)
    (settings.cache_dir / "uploads" / "1" / "posts.csv").write_text("username,caption\nanna,hello\n")
    with Store(settings) as store:
        store.refresh()
        store.start(0.05)
        command = [sys.executable, "-m", "core", "forget", "bob"]
        environment = {**os.environ, "AGESCOPE_DATA_DIR": str(tmp_path)}
        said = subprocess.run(command, env=environment, cwd=PROJECT_DIR, capture_output=True, text=True, check=True)
        assert "made its index anew" in said.stdout
    assert not (settings.cache_dir / "uploads").exists()
    assert "index was removed" in forget(["anna"], settings)[-2]
    assert not settings.index_file.exists()


def test_an_account_that_is_not_there_is_said(tmp_path: Path) -> None:
    settings = study(tmp_path)
    with Store(settings) as store:
        store.refresh()
    first, last = forget(["carla"], settings)
    assert first == "There is no file of carla." and "no name is left" in last
    assert settings.index_file.exists()
    said = forget(["carla", "anna"], settings)
    assert said[0] == "There is no file of carla." and "index was removed" in said[-2]


def test_unfinished_shards_that_name_a_forgotten_account_go(tmp_path: Path) -> None:
    settings = study(tmp_path)
    folders = [settings.predictions_dir / run / "predictions.csv.shards" for run in ("one", "two")]
    for folder, name in zip(folders, ("anna", "carla"), strict=True):
        folder.mkdir(parents=True)
        (folder / "00000.files.json").write_text(f'["{name}.json", "zoe.json"]')
    told = "".join(forget(["anna"], settings))
    assert "unfinished shards of the predictions one were removed" in told
    assert [folder.exists() for folder in folders] == [False, True]


LONG = "ä" * 60


def test_leases_of_forgotten_accounts_go_and_those_of_others_stay(tmp_path: Path) -> None:
    settings = study(tmp_path)
    leases = {
        name: settings.accounts_dir / f".{file_name(name)}.lease-{number}"
        for number, name in enumerate(("anna", "anna.b", "carla", LONG), 1)
    }
    for path in leases.values():
        path.write_text("lab-3 4711 0011223344556677 000000009\n")
    assert {"anna.b", "carla"} <= names_of_study(settings)
    assert search(settings, {"carla", LONG}, ()).names == sorted((leases["carla"], leases[LONG]))
    assert any(
        "3 leases" in said and "would be" in said for said in forget(["anna", "carla", LONG], settings, really=False)
    )
    said = forget(["anna", "carla", LONG], settings)
    assert any("3 leases" in each for each in said) and "no name is left" in said[-1]
    assert [name for name, path in leases.items() if path.exists()] == ["anna.b"]


def test_a_name_in_the_shared_record_of_requests_is_found(tmp_path: Path) -> None:
    settings = study(tmp_path)
    record = settings.accounts_dir / ".requests" / "www.instagram.com_direct"
    record.mkdir(parents=True)
    (record / "000000001").write_bytes(b"\0")
    (record / "anna").touch()
    assert ".requests" in forget(["anna"], settings)[-2]


def test_nothing_is_forgotten_while_machines_share_the_folder_or_a_run_holds_it(tmp_path: Path) -> None:
    settings = study(tmp_path)
    before = everything(tmp_path)
    (settings.accounts_dir / SHARED_NAME).touch()
    with pytest.raises(AgeScopeError, match=r"Stop all of them, then remove the file \.shared"):
        forget(["anna"], settings)
    (settings.accounts_dir / SHARED_NAME).unlink()
    with (
        only_one_run(settings.accounts_dir),
        pytest.raises(AgeScopeError, match="may write an account down again"),
    ):
        forget(["anna"], settings)
    (settings.accounts_dir / ".collecting.lock").unlink(missing_ok=True)
    assert everything(tmp_path) == before
    assert "no name is left" in forget(["anna"], settings)[-1]
