"""Moments as other tools write them, in every form that can mean only one thing."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Literal

from core.utils.formatting import count

DateOrder = Literal["day-first", "month-first"]
"""What stands first in dates such as 01/05/2024."""

_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, start=1)}
_ZONES = {"utc": 0, "gmt": 0, "z": 0, "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6}
_ZONES |= {"pst": -8, "pdt": -7, "cet": 1, "cest": 2}
"""Hours from UTC; the American ones as CrowdTangle wrote them."""

_CLOCK = r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.\d+)?)?\s*(?P<half>[ap]\.?m\.?)?"
_ZONE = r"(?P<zone>[+-]\d\d:?\d\d|[A-Za-z]{1,4})?"
_DAY_NAME = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?\s+)?"
_MONTH = r"(?P<name>(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*)\.?"
_FORMS = [
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"(?P<year>\d{{4}})[/.](?P<month>\d{{1,2}})[/.](?P<day>\d{{1,2}})(?:[T\s]+{_CLOCK}\s*{_ZONE})?",
        rf"(?P<year>\d{{4}})-(?P<month>\d{{1,2}})-(?P<day>\d{{1,2}})(?:[T\s]+{_CLOCK}\s*{_ZONE})?",
        rf"{_DAY_NAME}{_MONTH}\s+(?P<day>\d{{1,2}}),?\s+(?P<year>\d{{4}})(?:,?\s+(?:at\s+)?{_CLOCK}\s*{_ZONE})?",
        rf"{_DAY_NAME}(?P<day>\d{{1,2}})[\s-]{_MONTH}[\s,-]+(?P<year>\d{{4}})(?:,?\s+(?:at\s+)?{_CLOCK}\s*{_ZONE})?",
        rf"{_DAY_NAME}{_MONTH}\s+(?P<day>\d{{1,2}})\s+{_CLOCK}\s+{_ZONE}\s*(?P<year>\d{{4}})",
    )
]
_OF_NUMBERS = re.compile(
    rf"(?P<one>\d{{1,2}})(?P<between>[./-])(?P<other>\d{{1,2}})(?P=between)(?P<year>[12]\d{{3}})"
    rf"(?:,?[T\s]+{_CLOCK}(?:\s*Uhr)?\s*{_ZONE})?",
    re.IGNORECASE,
)


@dataclass
class DateEvidence:
    """What the dates of a source show of their order, such as 13/05/2024 among them.

    Attributes:
        said: the order that a person said, which counts for more than anything found.
        seen: how many dates there were that show no order by themselves, or one.
        day_first, month_first: how many of them can have only that order.
        example: the first of them.
        proof: the first that can have only one order.
    """

    said: DateOrder | None = None
    seen: int = 0
    day_first: int = 0
    month_first: int = 0
    example: str = ""
    proof: str = ""

    def see(self, text: str) -> None:
        """Take a date of :func:`numbers_of_date` into account."""
        first, second = numbers_of_date(text) or (0, 0)
        self.seen += 1
        self.day_first += first > 12
        self.month_first += second > 12
        self.example = self.example or text
        if max(first, second) > 12:
            self.proof = self.proof or text

    @property
    def order(self) -> DateOrder | None:
        """The order of all dates; None where none proves it, or some prove the contrary."""
        if self.said or bool(self.day_first) == bool(self.month_first):
            return self.said
        return "day-first" if self.day_first else "month-first"

    @property
    def unread(self) -> int:
        """How many of the dates cannot be read."""
        if self.order is None:
            return self.seen
        return self.month_first if self.order == "day-first" else self.day_first

    def how_read(self) -> str | None:
        """How the dates were read, in a sentence; None where there were none, or none could be."""
        if not self.seen or self.order is None:
            return None
        first = self.order.removesuffix("-first")
        why = "as you said" if self.said else f"as {self.proof!r} can only be read so"
        return f"Dates such as {self.example!r} are read with the {first} first, {why}."

    def why_unread(self) -> str | None:
        """What was left empty and what to do, in words; None where everything could be read."""
        if not self.unread:
            return None
        left = f"{count(self.unread, 'time')} left empty"
        if self.said:
            return f"{left}, as with the {self.said.removesuffix('-first')} first there are no such days"
        why = (
            f"some have the day first and some the month (such as {self.proof!r})" if self.proof else "nothing shows it"
        )
        return (
            f"{left}: dates such as {self.example!r} may have the day or the month first, and {why}. Say it with "
            "--date-order day-first or --date-order month-first"
        )


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
    try:
        return _of_parts(
            {name: part or "" for name, part in found.groupdict().items()} | {"day": found[day], "month": found[month]}
        )
    except ValueError:
        return None


def parse_time(value: object) -> datetime | None:
    """A moment in UTC, to the second; None where ``value`` is none, or could mean two.

    Read are seconds, milliseconds and microseconds since 1970, ISO 8601 and its relations
    (``2024/05/01 10:00``, ``2024-05-01 10:00:00 EST``), and English forms with the month's name
    (``May 1, 2024 5:31 pm``, ``Wed May 01 10:00:00 +0000 2024``). What bears no zone counts as UTC.
    ``01/05/2024`` may be the first of May or the fifth of January, and is not read; see :class:`DateEvidence`.
    """
    if isinstance(value, str):
        value = value.replace("\u202f", " ").replace("\xa0", " ").strip()
        if re.fullmatch(r"\d{9,16}(\.\d+)?", value):
            value = float(value)
    try:
        if isinstance(value, datetime):
            return _in_utc(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(_seconds(value), UTC).replace(microsecond=0)
        if isinstance(value, str) and 6 <= len(value) <= 60:
            return _of_text(value)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def _seconds(value: float) -> float:
    """Seconds since 1970 of a number that may count thousandths or millionths of them."""
    if value > 1e14:
        return value / 1e6
    return value / 1e3 if value > 1e11 else value


def _of_text(text: str) -> datetime | None:
    try:
        return _in_utc(datetime.fromisoformat(text))
    except ValueError:
        found = next((match for form in _FORMS if (match := form.fullmatch(text))), None)
    return _of_parts({name: part or "" for name, part in found.groupdict().items()}) if found else None


def _of_parts(parts: dict[str, str]) -> datetime | None:
    month = int(parts.get("month") or _MONTHS[parts["name"][:3].lower()])
    hour = int(parts["hour"] or 0)
    if half := parts["half"].lower():
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half.startswith("p") else 0)
    zone = _zone(parts["zone"])
    if zone is None:
        return None
    moment = datetime(int(parts["year"]), month, int(parts["day"]), hour, int(parts["minute"] or 0))
    return _in_utc(moment.replace(second=int(parts["second"] or 0), tzinfo=zone))


def _zone(text: str) -> timezone | None:
    """The zone of ``+0200`` or ``EST``, UTC where there is none; None where it is not known."""
    if not text:
        return UTC
    if text[0] in "+-":
        minutes = int(text[1:3]) * 60 + int(text[-2:])
        return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))
    hours = _ZONES.get(text.lower())
    return None if hours is None else timezone(timedelta(hours=hours))


def _in_utc(moment: datetime) -> datetime:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).replace(microsecond=0)
