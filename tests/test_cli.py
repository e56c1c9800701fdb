"""The command line as a shell sees it: what goes where, and the exit status."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from core.settings import PROJECT_DIR
from core.storage.account_files import read_account
from tests import in_process
from tests.stand_in import StandIn
from tests.tiny_models import study

pytestmark = pytest.mark.slow  # real commands, or several trainings a test


def core(*arguments: str | int | Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "core", *map(str, arguments)],
        cwd=PROJECT_DIR,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture
def users(tmp_path: Path) -> Path:
    path = tmp_path / "users.csv"
    path.write_text("username\nanna\n@Bob\n../../etc/passwd\ngone_carla\n")
    return path


def test_a_list_is_collected_and_the_rest_is_said(tmp_path: Path, users: Path, stand_in: StandIn) -> None:
    arguments = ("scrape-users", "--user-file", users, "--output-dir", tmp_path / "accounts", "--posts-per-user", "12")
    done = core(*arguments, "--ratelimit", "1000,1")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "1 line of the list cannot be used" in done.stderr
    outcomes = {path.stem: read_account(path).outcome for path in (tmp_path / "accounts").glob("*.json")}
    assert outcomes == {"anna": "collected", "bob": "collected", "gone_carla": "not_found"}

    requests = len(stand_in.seen)
    again = core(*arguments, "--ratelimit", "1000,1")
    assert again.returncode == 0
    assert len(stand_in.seen) == requests


def test_a_checkpoint_stops_the_run_with_status_1(tmp_path: Path, users: Path, stand_in: StandIn) -> None:
    stand_in.fail("*", "checkpoint")
    done = core("scrape-users", "--user-file", users, "--output-dir", tmp_path / "accounts", "--ratelimit", "1000,1")
    assert done.returncode == 1
    assert "checkpoint" in done.stderr.lower()


@pytest.mark.parametrize("content", [b"", b"\x89PNG\x00", b"name,age\nanna,3\n"])
def test_a_list_that_is_none_is_a_usage_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "users.csv").write_bytes(content)
    done = core("scrape-users", "--user-file", tmp_path / "users.csv", "--output-dir", tmp_path / "accounts")
    assert done.returncode == 2
    assert "users.csv" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("scrape-users",),
        ("scrape-users", "--user-file", "none.csv", "--output-dir", "out"),
        ("train", "--input-dir", "none", "--labels", "none.csv", "--model-output-dir", "out"),
        ("predict", "--precision", "roughly"),
        ("nonsense",),
    ],
)
def test_usage_errors_have_status_2(arguments: tuple[str, ...]) -> None:
    assert core(*arguments).returncode == 2


@pytest.mark.slow
def test_import_and_evaluate_speak_json_on_standard_output(tmp_path: Path) -> None:
    (tmp_path / "posts.csv").write_text("username,caption\nanna,hello\nbob,school\n")
    imported = core("import", tmp_path / "posts.csv", "--output-dir", tmp_path / "accounts")
    assert imported.returncode == 0, imported.stderr
    assert len([*(tmp_path / "accounts").glob("*.json")]) == 2
    predictions, labels = tmp_path / "predictions.csv", tmp_path / "labels.csv"
    predictions.write_text("username,probability,prediction,posts\nanna,0.9,1,1\nbob,0.2,0,1\n")
    labels.write_text("username,age\nanna,30\nbob,16\n")
    evaluated = core("evaluate", "--predictions", predictions, "--labels", labels)
    assert evaluated.returncode == 0, evaluated.stderr
    assert json.loads(evaluated.stdout)["metrics"]["accuracy"]["value"] == 1.0


@pytest.mark.slow
def test_reindex_makes_the_index_anew(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (tmp_path / "posts.csv").write_text("username,caption\nanna,hello\n")
    core("import", tmp_path / "posts.csv", "--output-dir", data / "accounts")
    done = core("reindex", AGESCOPE_DATA_DIR=str(data))
    assert done.returncode == 0, done.stderr
    assert (data / "index.duckdb").is_file()


def test_app_hands_what_follows_to_the_dashboards_server(tmp_path: Path) -> None:
    elsewhere = {"cwd": tmp_path, "env": {**os.environ, "PYTHONPATH": str(PROJECT_DIR)}}
    command = [sys.executable, "-m", "core", "app", "--server.headless", "true", "--server.port", "none"]
    done = subprocess.run(command, **elsewhere, capture_output=True, text=True, timeout=60)  # type: ignore[call-overload]
    assert done.returncode == 2
    assert "'--server.port'" in done.stderr and "'none' is not a valid int" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "method"),
    [
        (("--epoch-num", 1), "finetuned"),
        (("--freeze-encoder", "--folds", 0), "frozen"),
        (("--recipe", "best", "--folds", 0), "combined"),
    ],
)
def test_train_says_what_the_model_is_worth_and_where_its_card_is(
    tmp_path: Path, encoder: str, options: tuple[str | int, ...], method: str
) -> None:
    accounts, labels = study(tmp_path / "study")
    given = ("--input-dir", accounts, "--labels", labels, "--model-output-dir", tmp_path / "model")
    done = in_process.core("train", *given, "--model-name-or-path", encoder, *options)
    assert done.status == 0, done.stderr
    assert re.search(r"AUC on \d+ test accounts: [\d.]+.* at 21 years\.", done.stderr)
    assert str(tmp_path / "model" / "README.md") in done.stderr
    assert json.loads((tmp_path / "model" / "training.json").read_text())["method"] == method
