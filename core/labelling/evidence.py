"""An account as a coder sees it: what its captions say of its age, and how old that would make it today."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from core.labelling.self_reports import SelfReport, find_self_reports
from core.storage.age_answers import AgeAnswer


@dataclass(frozen=True)
class Found:
    """A caption that tells an age.

    Attributes:
        caption: the whole of it.
        taken_at: when it was posted; None where that is not known.
        reports: what it tells, in the order of the text.
    """

    caption: str
    taken_at: datetime | None
    reports: list[SelfReport]


def find_evidence(posts: Iterable[tuple[str | None, datetime | None]]) -> list[Found]:
    """The captions that tell the account's own age, in the order of ``posts`` (caption, time)."""
    found = []
    for caption, taken_at in posts:
        reports = find_self_reports(caption, taken_at.date() if taken_at else None) if caption else []
        if any(report.whose == "own" for report in reports):
            found.append(Found(caption or "", taken_at, reports))
    return found


def suggested_answer(found: Iterable[Found], today: date) -> AgeAnswer | None:
    """The ages of today on which all own reports agree; None where there are none, or they contradict each other."""
    ages = [
        known
        for caption in found
        for report in caption.reports
        if report.whose == "own" and (known := report.age_on(today)) is not None
    ]
    if not ages:
        return None
    low, high = max(low for low, _ in ages), min(high for _, high in ages)
    if low > high or low == 0:
        return None
    return AgeAnswer(low, low) if low == high else AgeAnswer(low, high + 1)
