"""Moments as other tools write them, in every form that can mean only one thing."""

import re
from datetime import UTC, datetime, timedelta, timezone

from core.storage.month_names import with_numbers

_EARLIEST = 100_000_000
"""Seconds since 1970 below which a number counts something else: zero for nothing, days, or years."""
_FIRST_YEAR = 1990
_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, start=1)}
_ZONES = {"utc": 0, "gmt": 0, "z": 0, "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6}
_ZONES |= {"pst": -8, "pdt": -7, "cet": 1, "cest": 2}
"""Hours from UTC; the American ones as CrowdTangle wrote them."""

CLOCK = r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.\d+)?)?\s*(?P<half>[ap]\.?m\.?)?"
ZONE = r"(?P<zone>[+-]\d\d:?\d\d|[A-Za-z]{1,4})?"
_DAY_NAME = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?\s+)?"
_MONTH = r"(?P<name>(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*)\.?"
_ORDINAL = r"(?:st|nd|rd|th)?"
_OF_MICROSOFT = re.compile(r"/Date\((\d{9,16})(?:[+-]\d{4})?\)/")
_COMPACT = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])(?:[01]\d|2[0-3])[0-5]\d[0-5]\d")
"""20240501100000, as web archives write it."""
_FORMS = [
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"(?P<year>\d{{4}})[/.]\s?(?P<month>\d{{1,2}})[/.]\s?(?P<day>\d{{1,2}})\.?(?:[T\s]+{CLOCK}\s*{ZONE})?",
        rf"(?P<year>\d{{4}})-(?P<month>\d{{1,2}})-(?P<day>\d{{1,2}})(?:[T\s]+{CLOCK}\s*{ZONE})?",
        r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)[_-](?P<hour>\d\d)-(?P<minute>\d\d)-(?P<second>\d\d)"
        r"(?P<half>)(?:_(?P<zone>UTC))?",
        rf"{_DAY_NAME}{_MONTH}\s+(?P<day>\d{{1,2}}){_ORDINAL},?\s+(?P<year>\d{{4}})(?:,?\s+(?:at\s+)?{CLOCK}\s*{ZONE})?",
        rf"{_DAY_NAME}(?P<day>\d{{1,2}}){_ORDINAL}[\s-]{_MONTH}[\s,-]+(?P<year>\d{{4}})(?:,?\s+(?:at\s+)?{CLOCK}\s*{ZONE})?",
        rf"{_DAY_NAME}{_MONTH}\s+(?P<day>\d{{1,2}})\s+{CLOCK}\s+{ZONE}\s*(?P<year>\d{{4}})",
    )
]


def parse_time(value: object) -> datetime | None:
    """A moment in UTC, to the second; None where ``value`` is none, or could mean two.

    Read are seconds and thousandths, millionths and billionths of them since 1970, ISO 8601 and its relations
    (``2024/05/01 10:00``, ``2024-05-01 10:00:00 EST``), and English forms with the month's name
    (``May 1, 2024 5:31 pm``, ``Wed May 01 10:00:00 +0000 2024``). What bears no zone counts as UTC.
    Months may be named in any language of :mod:`core.storage.month_names`. ``01/05/2024`` may be the first of May or
    the fifth of January, and is not read; see :mod:`core.storage.date_order`. Nor are years in which nobody can have
    posted, such as 0001, which some programs write for nothing.
    """
    if isinstance(value, str):
        value = value.replace("\u202f", " ").replace("\xa0", " ").strip()
        if wrapped := _OF_MICROSOFT.fullmatch(value):
            value = wrapped[1]
        if re.fullmatch(r"\d{9,19}(\.\d+)?", value) and not _COMPACT.fullmatch(value):
            value = float(value)
    moment = _moment(value)
    return moment if moment and _FIRST_YEAR <= moment.year <= datetime.now(UTC).year + 1 else None


def _moment(value: object) -> datetime | None:
    try:
        if isinstance(value, datetime):
            return _in_utc(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            if value < _EARLIEST:
                return None
            return datetime.fromtimestamp(_seconds(value), UTC).replace(microsecond=0)
        if isinstance(value, str) and 6 <= len(value) <= 60:
            return _of_text(value)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def _seconds(value: float) -> float:
    """Seconds since 1970 of a number that may count thousandths, millionths or billionths of them."""
    if value > 1e17:
        return value / 1e9
    if value > 1e14:
        return value / 1e6
    return value / 1e3 if value > 1e11 else value


def _of_text(text: str) -> datetime | None:
    if _COMPACT.fullmatch(text):
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    try:
        return _in_utc(datetime.fromisoformat(text))
    except ValueError:
        found = next((match for form in _FORMS if (match := form.fullmatch(text))), None)
    if found is None and (numbered := with_numbers(text)):
        found = _FORMS[0].fullmatch(numbered)
    return moment_of_parts({name: part or "" for name, part in found.groupdict().items()}) if found else None


def moment_of_parts(parts: dict[str, str]) -> datetime | None:
    """The moment of a date's parts by the names of the groups above; None where its clock or zone is none.

    Raises:
        ValueError: there is no such day.
    """
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
