"""Work that is killed at random moments and gone on with ends as if nobody had disturbed it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.kills import BEGIN, END, TABLE, Count, Work, block, everything, trials, works, written
from tests.faults.nursery import Nursery

QUICK = ["import", "take in (dashboard)", "label (Label page)", "forget"]


@pytest.fixture(scope="module")
def study() -> Iterator[tuple[Path, Nursery, dict[str, Work]]]:
    with everything(lambda name: name in QUICK) as (folder, runs, chosen):
        yield folder, runs, {work.name: work for work in chosen}


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICK)
def test_killed_work_is_finished_by_the_same_command(
    study: tuple[Path, Nursery, dict[str, Work]], tmp_path: Path, name: str
) -> None:
    _, runs, kinds = study
    count = trials(runs, kinds[name], tmp_path / "trials", kills=3)
    assert count.kills >= 3
    assert count.lost == 0


def test_the_table_of_kills_is_of_kinds_of_work_that_there_are_and_tells_of_no_loss() -> None:
    counts = written(TABLE.read_text())
    assert counts and {*counts} <= {work.name for work in works(Path(), "", Path())}
    assert all(count.kills > 0 and count.lost == 0 for count in counts.values())


def test_the_table_comes_back_from_the_page_as_it_was_written() -> None:
    counts = {"import": Count(0.5, 20, 3, 0, 0, 0), "forget": Count(0.1, 21, 0, 1, 2, 3)}
    made = block(counts)
    assert made.startswith(BEGIN) and made.endswith(END)
    assert written(f"before\n{made}\nafter") == counts
