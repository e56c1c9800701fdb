"""The day until which data are kept: said in time, in words."""

from datetime import date
from pathlib import Path

import pytest

from core.errors import InputError
from core.privacy.retention import reminder
from core.privacy.study_settings import Study, change_study, read_study
from core.settings import STUDY_FILE, Settings

TODAY = date(2026, 11, 25)


@pytest.mark.parametrize(
    ("until", "said"),
    [
        (date(2026, 11, 24), "1 day ago"),
        (date(2025, 11, 25), "365 days ago"),
        (date(2026, 11, 25), "kept until today"),
        (date(2026, 12, 25), "30 more days"),
    ],
)
def test_a_day_that_is_near_or_over_is_said(until: date, said: str) -> None:
    told = reminder(Study(keep_until=until), 3, TODAY)
    assert told and said in told and "--dry-run" in told


@pytest.mark.parametrize(("until", "accounts"), [(None, 3), (date(2026, 12, 26), 3), (date(2020, 1, 1), 0)])
def test_nothing_is_said_before_or_where_nothing_is_left(until: date | None, accounts: int) -> None:
    assert reminder(Study(keep_until=until), accounts, TODAY) is None


def test_what_is_said_of_a_study_is_kept(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    change_study(settings, title="A", keep_until=TODAY)
    change_study(settings, purpose="B", keep_until=None)
    assert read_study(settings) == Study(title="A", purpose="B")


def test_a_damaged_file_is_said_and_not_overwritten(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    (tmp_path / STUDY_FILE).write_text('{"id": 3')
    with pytest.raises(InputError, match="put it back from a copy"):
        change_study(settings, title="A")
    assert (tmp_path / STUDY_FILE).read_text() == '{"id": 3'


def test_what_cannot_be_said_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="title"):
        change_study(Settings(data_dir=tmp_path), title="x" * 3_000)
