"""Dates that mean something only beside the others of their source: 01/05/2024, 1.5.24, 12-May-24, Excel's 45321."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from core.storage.moments import CLOCK, ZONE, moment_of_parts, parse_time
from core.utils.formatting import count

DateOrder = Literal["day-first", "month-first"]
"""What stands first in dates such as 01/05/2024."""

_OF_NUMBERS = re.compile(
    rf"(?P<one>\d{{1,2}})(?P<between>[./-])(?P<other>\d{{1,2}})(?P=between)(?P<year>[12]\d{{3}}|\d\d)"
    rf"(?:,?[T\s]+{CLOCK}(?:\s*Uhr)?\s*{ZONE})?",
    re.IGNORECASE,
)
_SHORT_YEAR = re.compile(
    r"(?P<first>\d{1,2})(?P<between>[-/. ])(?P<name>[^\W\d_]{3,9})\.?(?P=between)(?P<last>\d\d)(?P<clock>\D.*)?"
)
"""Excel's 12-May-24, in which the day or the year may stand first."""
_EXCEL_DAY = re.compile(r"[45]\d{4}(?:[.,]\d{1,12})?")
"""Days since 1900 from 2009 to 2064; as seconds they would all be the first day of 1970."""
_EXCEL_BEGINS = datetime(1899, 12, 30, tzinfo=UTC)


_FOUR_DIGITS = "write years with four digits, or say --date-order day-first"


@dataclass
class DateEvidence:
    """What the dates of a source show of their order, such as 13/05/2024 among them.

    Attributes:
        said: the order that a person said, which counts for more than anything found.
        seen: how many dates there were that show no order by themselves, or one.
        day_first, month_first: how many of them can have only that order.
        example: the first of them.
        proof: the first that can have only one order.
        short: how many of them have two digits for the year, which may then stand first as well.
        year_is_last: whether one of these can only have it last.
        days: how many dates are numbers of days, as Excel counts them.
        day_example: the first of these.
        short_named: how many dates name their month and have two digits for the year, such as 12-May-24.
        short_named_example: the first of these.
        is_day_first_there: whether one of these can only have the day first.
    """

    said: DateOrder | None = None
    seen: int = 0
    day_first: int = 0
    month_first: int = 0
    example: str = ""
    proof: str = ""
    short: int = 0
    year_is_last: bool = False
    days: int = 0
    day_example: str = ""
    short_named: int = 0
    short_named_example: str = ""
    is_day_first_there: bool = False

    def see(self, text: str) -> None:
        """Take a date that :func:`is_undecided` into account."""
        if _EXCEL_DAY.fullmatch(text.strip()):
            self.days += 1
            self.day_example = self.day_example or text
            return
        if named := _SHORT_YEAR.fullmatch(text.strip()):
            self.short_named += 1
            self.short_named_example = self.short_named_example or text
            self.is_day_first_there |= not _may_be_year(named["first"])
            return
        first, second = numbers_of_date(text) or (0, 0)
        may_be_year = _has_short_year(text) and first <= datetime.now(UTC).year % 100
        self.seen += 1
        self.short += _has_short_year(text)
        self.year_is_last |= second > 12 or not may_be_year
        self.day_first += first > 12 and not may_be_year
        self.month_first += second > 12
        self.example = self.example or text
        if second > 12 or (first > 12 and not may_be_year):
            self.proof = self.proof or text

    @property
    def _is_day_first_there(self) -> bool:
        return self.is_day_first_there or self.said == "day-first"

    @property
    def order(self) -> DateOrder | None:
        """The order of all dates; None where none proves it, or some prove the contrary."""
        if self.said or bool(self.day_first) == bool(self.month_first):
            return self.said
        return "day-first" if self.day_first else "month-first"

    @property
    def unread(self) -> int:
        """How many of the dates cannot be read."""
        unread = 0 if self._is_day_first_there else self.short_named
        if self.order is None:
            return self.seen + unread
        return unread + (self.month_first if self.order == "day-first" else self.day_first)

    def read(self, text: str) -> datetime | None:
        """The moment that one of the dates stands for, now that all are known; None where that is not known."""
        if _EXCEL_DAY.fullmatch(text.strip()):
            day = _EXCEL_BEGINS + timedelta(days=float(text.strip().replace(",", ".")))
            return (day + timedelta(milliseconds=500)).replace(microsecond=0)
        if named := _SHORT_YEAR.fullmatch(text.strip()):
            return _with_whole_year(named) if self._is_day_first_there else None
        is_unsure = _has_short_year(text) and not (self.said or self.year_is_last)
        return None if self.order is None or is_unsure else parse_date(text, self.order)

    def how_read(self) -> str | None:
        """How the dates were read, in sentences; None where there were none, or none could be."""
        sentences = []
        if self.days:
            sentences.append(f"Numbers such as {self.day_example!r} are read as Excel's days since 1900.")
        if self.short_named and self._is_day_first_there:
            sentences.append(f"Dates such as {self.short_named_example!r} are read with the day first.")
        if self.seen and self.order:
            first = self.order.removesuffix("-first")
            why = "as you said" if self.said else f"as {self.proof!r} can only be read so"
            sentences.append(f"Dates such as {self.example!r} are read with the {first} first, {why}.")
        return " ".join(sentences) or None

    def why_unread(self) -> str | None:
        """What was left empty and what to do, in words; None where everything could be read."""
        if not self.unread:
            return None
        left = f"{count(self.unread, 'time')} left empty"
        if not self.seen:
            example = self.short_named_example
            return f"{left}: dates such as {example!r} may have the day or the year first; {_FOUR_DIGITS}"
        if self.said:
            return f"{left}, as with the {self.said.removesuffix('-first')} first there are no such days"
        why = (
            f"some have the day first and some the month (such as {self.proof!r})" if self.proof else "nothing shows it"
        )
        return (
            f"{left}: dates such as {self.example!r} may have the day or the month first, and {why}. Say it with "
            "--date-order day-first or --date-order month-first"
        )


def is_undecided(value: object) -> bool:
    """Whether a value is a date, or a number of days, that only the others of its source tell how to read."""
    text = str(value).strip()
    named = _SHORT_YEAR.fullmatch(text) if len(text) <= 60 else None
    if _EXCEL_DAY.fullmatch(text) or (named and _with_whole_year(named)):
        return True
    return numbers_of_date(value) is not None


def numbers_of_date(value: object) -> tuple[int, int] | None:
    """The first two numbers of a date such as 01.05.2024 or 1/5/2024 10:30, be they day and month or the reverse.

    Returns:
        None where ``value`` is of another form, or can be no date in either order.
    """
    found = _OF_NUMBERS.fullmatch(value.strip()) if isinstance(value, str) and len(value) <= 60 else None
    if found is None:
        return None
    first, second = int(found["one"]), int(found["other"])
    return (first, second) if 1 <= min(first, second) <= 12 and max(first, second) <= 31 else None


def parse_date(text: str, order: DateOrder) -> datetime | None:
    """The moment that a date of :func:`numbers_of_date` stands for in that order; None where there is no such day."""
    found = _OF_NUMBERS.fullmatch(text.strip())
    if found is None:
        return None
    day, month = ("one", "other") if order == "day-first" else ("other", "one")
    year = found["year"] if len(found["year"]) == 4 else f"20{found['year']}"
    parts = {name: part or "" for name, part in found.groupdict().items()}
    try:
        return moment_of_parts(parts | {"day": found[day], "month": found[month], "year": year})
    except ValueError:
        return None


def _may_be_year(digits: str) -> bool:
    """Whether two digits may stand for a year until now."""
    return len(digits) == 2 and int(digits) <= datetime.now(UTC).year % 100


def _with_whole_year(named: re.Match[str]) -> datetime | None:
    return parse_time(f"{named['first']} {named['name']} 20{named['last']}{named['clock'] or ''}")


def _has_short_year(text: str) -> bool:
    found = _OF_NUMBERS.fullmatch(text.strip())
    return found is not None and len(found["year"]) == 2
