"""Reporting checklists say what the study's files know, ask for the rest, and name nobody."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.privacy.study_settings import Study
from core.reporting.checklists import CHECKLISTS, SOURCES, checklists
from core.reporting.protocol import OPEN
from core.reporting.run_results import RunAtThreshold
from tests.reporting.test_run_results import COUNTS, view

__all__ = ["view"]


def rows(text: str, name: str) -> list[list[str]]:
    part = text.split(f"## {name}\n")[1].split("\n## ")[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines() if line[:1] == "|"]
    return cells[2:]


def test_the_sources_items_are_all_there() -> None:
    numbers = {name: [item.number for item in items] for name, items in CHECKLISTS.items()}
    assert len(numbers["REFORMS"]) == 32
    assert {"".join(filter(str.isdigit, number)) for number in numbers["TRIPOD+AI"]} == {str(at) for at in range(1, 28)}
    assert all(len(set(listed)) == len(listed) for name, listed in numbers.items() if name != "CREMLS")
    assert SOURCES.keys() == CHECKLISTS.keys()


@pytest.mark.parametrize("name", CHECKLISTS)
def test_every_item_has_an_answer_or_is_a_question(view: RunAtThreshold, name: str) -> None:
    found = rows(checklists(view, COUNTS, Study()), name)
    assert [row[1] for row in found] == [item.question for item in CHECKLISTS[name]]
    assert all(len(row) == 3 and row[2] for row in found)
    assert 0 < sum(OPEN in row[2] for row in found) < len(found)


def test_what_is_known_is_said_with_its_figures(view: RunAtThreshold) -> None:
    answers = {row[0]: row[2] for row in rows(checklists(view, COUNTS, Study()), "TRIPOD+AI")}
    assert "300 collected" in answers["10"] and "from 0.50 on" in answers["15"] and "1 here" in answers["11"]
    assert "captions" in answers["16"]
    assert "no account is in two parts" in answers["12a"] and "was right on" in answers["23a"]
    assert all(OPEN in answers[number] for number in ("18a", "18b", "19", "25", "14"))


def test_what_people_said_of_the_study_is_taken_over_harmlessly(view: RunAtThreshold) -> None:
    study = Study(purpose="Shares | under\nage", review_board="Board 7")
    answers = {row[0]: row[2] for row in rows(checklists(view, COUNTS, study), "TRIPOD+AI")}
    assert answers["4"] == "Shares / under age" and answers["17"] == "Board 7"


def test_without_a_model_what_it_would_say_is_a_question(view: RunAtThreshold) -> None:
    gone = replace(view, run=replace(view.run, model=None))
    answers = {row[0]: row[2] for row in rows(checklists(gone, COUNTS, Study()), "REFORMS")}
    assert OPEN in answers["5a"] and OPEN in answers["6b"] and "at least 21" in answers["3d"]


def test_a_checklist_names_no_account(view: RunAtThreshold, tmp_path: Path) -> None:
    assert "user_" not in checklists(view, COUNTS, Study()) and "known_" not in checklists(view, COUNTS, Study())
