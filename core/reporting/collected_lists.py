"""Which accounts stand behind a part of the charts of a collection: those of an outcome, those of a day.

What was clicked is a short text that fits an address, as in :mod:`core.reporting.account_lists`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Literal, get_args

from core.index import Filter
from core.reporting.charts import OUTCOME_NAMES
from core.storage.models import Outcome

CollectionFigure = Literal["outcome", "day"]


@dataclass(frozen=True)
class CollectedList:
    """The accounts behind a part of a chart of the collection.

    Attributes:
        figure: of which.
        title: which accounts they are, in words.
        chosen: what finds them in the index.
        file_stem: for a file of them.
    """

    figure: CollectionFigure
    title: str
    chosen: Filter
    file_stem: str


def outcome_clicked(name: str) -> str:
    """The text for an outcome, called as the chart calls it."""
    outcomes = {shown: outcome for outcome, shown in OUTCOME_NAMES.items()}
    return f"outcome {outcomes.get(name, name)}"


def day_clicked(iso_date: str) -> str:
    """The text for a day of collection, written as 2026-11-02."""
    return f"day {iso_date}"


def collected_behind(clicked: str) -> CollectedList | None:
    """The accounts behind what was clicked; None where the text says nothing that is known."""
    figure, _, value = clicked.partition(" ")
    finders: dict[str, Callable[[str], CollectedList]] = {"outcome": _of_outcome, "day": _of_day}
    try:
        return finders[figure](value)
    except (KeyError, ValueError):  # an address that somebody wrote
        return None


def _of_outcome(name: str) -> CollectedList:
    if name not in get_args(Outcome):
        raise ValueError(name)
    return CollectedList("outcome", f"Outcome: {OUTCOME_NAMES[name]}", Filter(outcomes=(name,)), name)


def _of_day(text: str) -> CollectedList:
    collected_on = date.fromisoformat(text)
    title = f"Collected on {collected_on.day} {collected_on:%b %Y} (UTC)"
    return CollectedList("day", title, Filter(collected_on=collected_on), text)
