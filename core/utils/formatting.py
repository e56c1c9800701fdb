"""Numbers, durations and moments as a person reads them, and text made safe to show."""

import math
import re
from datetime import UTC, datetime

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|$:~^=&@\"'/])")


def plain(text: object) -> str:
    """``text`` with everything that Markdown or HTML would act on made literal, on one line.

    For usernames and other people's words wherever a widget takes Markdown.
    """
    return _MARKDOWN.sub(r"\\\1", " ".join(str(text).split()))


def number(value: float | None, digits: int = 0) -> str:
    """1234567.8 as ``1,234,568``; a dash where there is none."""
    return "–" if value is None or math.isnan(value) else f"{value:,.{digits}f}"


def percent(share: float | None, digits: int = 0) -> str:
    """0.1234 as ``12 %``; a dash where there is none."""
    return "–" if share is None or math.isnan(share) else f"{100 * share:.{digits}f} %"


def count(value: int, noun: str) -> str:
    """``1 account``, ``1,240 accounts``."""
    return f"{value:,} {noun}{'' if value == 1 else 's'}"


def duration(seconds: float | None) -> str:
    """A length of time in words, as exact as anyone needs: ``21 s``, ``6 min``, ``17 hours``, ``6 days``."""
    if seconds is None or math.isnan(seconds):
        return "unknown"
    if seconds < 90:
        return f"{max(0, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    if seconds < 36 * 3600:
        return count(round(seconds / 3600), "hour")
    return count(round(seconds / 86400), "day")


def size(count_bytes: float) -> str:
    """A number of bytes: ``0``, ``712 KB``, ``2.1 GB``."""
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if count_bytes >= factor:
            return f"{count_bytes / factor:.{1 if count_bytes < 10 * factor else 0}f} {unit}"
    return f"{count_bytes:.0f} B" if count_bytes else "0"


def moment(value: datetime | str | None) -> str:
    """A point in time in this machine's zone: ``23 Nov 2026, 14:05 CET``."""
    local = _local(value)
    return f"{local.day} {local:%b %Y, %H:%M} {local.tzname()}" if local else "–"


def day(value: datetime | str | None) -> str:
    """The day of a point in time in this machine's zone: ``23 Nov 2026``."""
    local = _local(value)
    return f"{local.day} {local:%b %Y}" if local else "–"


def clock(value: datetime | str | None) -> str:
    """A point in time near now, in this machine's zone: ``14:05:10 CET`` today, with the day otherwise."""
    local = _local(value)
    if local is None:
        return "–"
    today = local.date() == datetime.now().astimezone().date()
    return f"{local:%H:%M:%S %Z}" if today else f"{local.day} {local:%b, %H:%M %Z}"


def _local(value: datetime | str | None) -> datetime | None:
    if not value:
        return None
    parsed = datetime.fromisoformat(value) if isinstance(value, str) else value
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone()
