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


def with_interval(value: float | None, low: float | None, high: float | None, digits: int = 3) -> str:
    """A figure with its interval: ``0.940 (0.919 to 0.958)``; without one, the figure alone; a dash for none."""
    if value is None or low is None or high is None:
        return number(value, digits)
    return f"{number(value, digits)} ({number(low, digits)} to {number(high, digits)})"


def percent_interval(low: float | None, high: float | None, digits: int = 1) -> str:
    """The interval of a share: ``54.0 to 69.0 %``; a dash where there is none."""
    return "–" if low is None or high is None else f"{number(100 * low, digits)} to {percent(high, digits)}"


def percent_with_interval(share: float | None, low: float | None, high: float | None, digits: int = 1) -> str:
    """A share with its interval: ``61.5 % (54.0 to 69.0 %)``; without one, the share alone; a dash for none."""
    if share is None or low is None or high is None:
        return percent(share, digits)
    return f"{percent(share, digits)} ({percent_interval(low, high, digits)})"


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
