"""The drafts say what the study's files say, and ask for everything else."""

from datetime import date
from pathlib import Path

import pytest

from core.privacy.study_settings import change_study
from core.reporting.protocol import OPEN, protocol, study_facts
from core.settings import get_settings
from tests.in_process import core


def test_an_empty_study_is_all_questions() -> None:
    said = core("protocol").stdout
    assert said.count(OPEN) > 20 and "0 accounts" in said and "nothing is collected yet" in said


@pytest.mark.slow
def test_what_the_study_knows_is_filled_in(sample_study: Path) -> None:
    settings = get_settings()
    before = protocol(study_facts(settings)).count(OPEN)
    change_study(settings, title="Captions and age", purpose="Shares under age", keep_until=date(2027, 1, 31))
    said = protocol(study_facts(settings))
    assert "# Captions and age: drafts" in said and "Purpose: Shares under age" in said and "2027-01-31" in said
    assert "420 accounts" in said and "340 of known age" in said and "invented sample" in said
    assert said.count(OPEN) < before and "sample_" not in said


@pytest.mark.parametrize(("session", "said"), [("secret-cookie", "with the session of somebody"), ("", "No session")])
def test_a_session_of_ones_own_is_said_and_never_shown(
    monkeypatch: pytest.MonkeyPatch, session: str, said: str
) -> None:
    if session:
        monkeypatch.setenv("AGESCOPE_INSTAGRAM_SESSION", session)
    get_settings.cache_clear()
    text = protocol(study_facts(get_settings()))
    assert said in text and "another category of review" in text and (not session or session not in text)


def test_roles_are_counted_and_nobody_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGESCOPE_PEOPLE", "ada@example.org, bo@example.org=viewer, cy@example.org=viewer")
    get_settings.cache_clear()
    text = protocol(study_facts(get_settings()))
    assert "1 with the role operator and 2 with the role viewer" in text and "example.org" not in text
