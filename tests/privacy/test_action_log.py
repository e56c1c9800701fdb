"""The log of actions: added to, never changed unnoticed, and without anything about people but pseudonyms."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.errors import AgeScopeError
from core.privacy.action_log import LOG_FILE, first_changed_line, latest, record
from core.privacy.roles import Action, Person
from core.settings import Settings

ADA = Person("ada@example.org", "operator")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data")


def test_the_latest_action_comes_first_with_who_did_it(settings: Settings) -> None:
    record(settings, ADA, Action.TRAIN, "Training, best")
    record(settings, ADA, Action.SEE_ACCOUNTS, "p-abc")
    newest, oldest = latest(settings)
    assert (newest.who, newest.did, newest.about) == ("ada@example.org", "opened an account", "p-abc")
    assert oldest.did == "started a training"
    assert first_changed_line(settings) is None


def test_a_study_without_actions_has_an_empty_log(settings: Settings) -> None:
    assert latest(settings) == [] and first_changed_line(settings) is None


@pytest.mark.parametrize("change", ["changed", "taken out", "put in"])
def test_a_change_of_the_log_shows(settings: Settings, change: str) -> None:
    for about in ("one", "two", "three", "four"):
        record(settings, ADA, Action.COLLECT, about)
    path = settings.data_dir / LOG_FILE
    lines = path.read_bytes().splitlines(keepends=True)
    if change == "changed":
        lines[1] = lines[1].replace(b"two", b"ten")
    elif change == "taken out":
        del lines[1]
    else:
        lines.insert(1, lines[0])
    path.write_bytes(b"".join(lines))
    assert first_changed_line(settings) in (2, 3)


def test_only_the_owner_reads_the_log(settings: Settings) -> None:
    record(settings, ADA, Action.COLLECT)
    assert stat.S_IMODE((settings.data_dir / LOG_FILE).stat().st_mode) == 0o600


def test_several_may_write_at_once(settings: Settings) -> None:
    with ThreadPoolExecutor(8) as threads:
        for _ in range(40):
            threads.submit(record, settings, ADA, Action.QUERY, "x" * 300)
    assert len(latest(settings)) == 40 and first_changed_line(settings) is None


def test_after_a_line_that_was_cut_off_the_log_goes_on(settings: Settings) -> None:
    record(settings, ADA, Action.COLLECT, "one")
    with (settings.data_dir / LOG_FILE).open("ab") as file:
        file.write(b'{"at":"2026')
    record(settings, ADA, Action.COLLECT, "two")
    assert latest(settings)[0].about == "two" and first_changed_line(settings) == 2


def test_what_cannot_be_written_down_is_not_done(settings: Settings) -> None:
    (settings.data_dir / LOG_FILE).mkdir(parents=True)
    with pytest.raises(AgeScopeError, match="Nothing was done"):
        record(settings, ADA, Action.COLLECT)
