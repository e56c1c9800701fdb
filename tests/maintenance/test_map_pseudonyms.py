"""Report, results and labels that left a study are joined again by whoever has its key, and by nobody else."""

import csv
import stat
from pathlib import Path

import pytest

from core.privacy.action_log import latest
from core.privacy.pseudonyms import key_file, open_pseudonyms
from core.settings import get_settings
from core.storage.account_files import write_account
from core.storage.models import Account
from tests.in_process import core

LONG = " ".join(["участница"] * 6)


@pytest.fixture
def labels(data_dir: Path, tmp_path: Path) -> Path:
    for name in ("anna", "=cmd", LONG):
        write_account(get_settings().accounts_dir, Account(username=name))
    (data_dir / "lists").mkdir()
    (data_dir / "lists" / "list.csv").write_text("username\nbob\n")
    path = tmp_path / "labels.csv"
    path.write_text('username,age,note\nAnna,30,a\n\'=cmd,16,"b, c"\nbob,20,\n')
    return path


def test_all_names_are_told_with_their_pseudonyms(labels: Path) -> None:
    pseudonyms = open_pseudonyms(get_settings())
    rows = [*csv.reader(core("pseudonyms").stdout.splitlines())]
    assert rows[0] == ["username", "pseudonym"]
    expected = {"anna": "anna", "'=cmd": "=cmd", "bob": "bob", LONG: LONG}
    assert dict(rows[1:]) == {cell: pseudonyms.of(name) for cell, name in expected.items()}


def test_a_table_goes_there_and_back(labels: Path, tmp_path: Path) -> None:
    hidden, named = tmp_path / "hidden.csv", tmp_path / "named.csv"
    assert core("pseudonyms", "--table", labels, "--output", hidden).status == 0
    text = hidden.read_text()
    assert "anna" not in text.lower() and "bob" not in text and '16,"b, c"' in text
    assert core("pseudonyms", "--table", hidden, "--reverse", "--output", named).status == 0
    assert named.read_text() == labels.read_text().replace("Anna", "anna")
    assert stat.S_IMODE(named.stat().st_mode) == 0o600


def test_who_is_not_in_the_study_is_found_in_a_list_of_names(labels: Path, tmp_path: Path) -> None:
    hidden = tmp_path / "hidden.csv"
    labels.write_text("username,age\ncarla,30\n")
    core("pseudonyms", "--table", labels, "--output", hidden)
    refused = core("pseudonyms", "--table", hidden, "--reverse")
    assert refused.status == 2 and "--names" in refused.stderr and not refused.stdout
    assert "carla,30" in core("pseudonyms", "--table", hidden, "--reverse", "--names", labels).stdout


def test_without_the_key_nothing_is_told(labels: Path) -> None:
    core("pseudonyms")
    key_file(get_settings()).unlink()
    refused = core("pseudonyms")
    assert refused.status == 1 and "key of this study" in refused.stderr and not refused.stdout


def test_that_somebody_asked_is_written_down(labels: Path) -> None:
    core("pseudonyms")
    assert latest(get_settings())[0].about == "listed all"


@pytest.mark.parametrize("content", ["a,b\n1,2\n", "username,age\nanna\n", "\x00\x01"])
def test_what_is_no_table_of_users_is_refused(labels: Path, content: str) -> None:
    labels.write_text(content)
    assert core("pseudonyms", "--table", labels).status == 2
