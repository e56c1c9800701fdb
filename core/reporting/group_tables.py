"""Shares of groups side by side, and their differences, in words."""

import pandas as pd

from core.evaluation.share_records import EstimateRecord, GroupsRecord
from core.storage.listed import Interval
from core.utils.formatting import percent, with_interval


def group_shares(found: GroupsRecord) -> pd.DataFrame:
    """A row a group of what :func:`core.evaluation.groups.compare_groups` found."""
    return pd.DataFrame(
        [
            {
                "group": share["group"],
                "listed": share["listed"],
                "accounts": share["counted"],
                "counted": _share(share["raw"]),
                "corrected": _share(share.get("rogan_gladen")),
                "note": _note(share.get("rogan_gladen")),
            }
            for share in found["shares"]
        ]
    )


def group_differences(found: GroupsRecord) -> pd.DataFrame:
    """A row for every two groups: by how many points the first is above the second, with the interval."""
    return pd.DataFrame(
        [
            {
                "groups": f"{pair['first']} less {pair['second']}",
                "counted, points": _points(pair["raw"]),
                "corrected, points": _points(pair.get("rogan_gladen")),
                "note": pair["raw"]["note"] or _note(pair.get("rogan_gladen")),
            }
            for pair in found["differences"]
        ]
    )


def _note(estimate: EstimateRecord | None) -> str | None:
    return estimate["note"] if estimate else None


def _share(share: Interval | None) -> str:
    if share is None or share["value"] is None or share["low"] is None or share["high"] is None:
        return "–"
    return f"{percent(share['value'], 1)} ({percent(share['low'], 1)} to {percent(share['high'], 1)})"


def _points(difference: EstimateRecord | None) -> str:
    if difference is None or difference["value"] is None:
        return "–"
    low, high = difference["low"], difference["high"]
    if low is None or high is None:
        return "–"
    return with_interval(100 * difference["value"], 100 * low, 100 * high, 1)
