"""Shares of groups side by side, and their differences, in words."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from core.utils.formatting import percent, with_interval


def group_shares(found: Mapping[str, Any]) -> pd.DataFrame:
    """A row a group of what :func:`core.evaluation.groups.compare_groups` found."""
    return pd.DataFrame(
        [
            {
                "group": share["group"],
                "listed": share["listed"],
                "accounts": share["counted"],
                "counted": _share(share["raw"]),
                "corrected": _share(share.get("rogan_gladen")),
                "note": (share.get("rogan_gladen") or {}).get("note"),
            }
            for share in found["shares"]
        ]
    )


def group_differences(found: Mapping[str, Any]) -> pd.DataFrame:
    """A row for every two groups: by how many points the first is above the second, with the interval."""
    return pd.DataFrame(
        [
            {
                "groups": f"{pair['first']} less {pair['second']}",
                "counted, points": _points(pair["raw"]),
                "corrected, points": _points(pair.get("rogan_gladen")),
                "note": pair["raw"]["note"] or (pair.get("rogan_gladen") or {}).get("note"),
            }
            for pair in found["differences"]
        ]
    )


def _share(share: Mapping[str, Any] | None) -> str:
    if share is None or share["value"] is None:
        return "–"
    return f"{percent(share['value'], 1)} ({percent(share['low'], 1)} to {percent(share['high'], 1)})"


def _points(difference: Mapping[str, Any] | None) -> str:
    if difference is None or difference["value"] is None:
        return "–"
    value, low, high = (100 * difference[key] for key in ("value", "low", "high"))
    return with_interval(value, low, high, 1)
