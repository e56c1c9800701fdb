"""Tables as they may leave the study: with pseudonyms for names, and without what people wrote."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import pandas as pd

from core.privacy.pseudonyms import Pseudonyms
from core.privacy.redaction import without_names

HARMLESS_TEXTS = frozenset(
    {"language", "outcome", "source", "kind", "part", "prediction", "called", "run", "model", "reason", "at"}
)
"""Columns of AgeScope's own words."""
NAMES = ("username", "name")
POINTERS = frozenset({"id", "post_id", "shortcode", "user_id", "account_id"})
"""Columns by which whoever holds them finds the account or the post on the platform."""


@dataclass(frozen=True)
class Content:
    """What a table that leaves the study holds.

    Attributes:
        names: the accounts' own names, and what leads to them, instead of pseudonyms.
        captions: what people wrote; names in it are pseudonyms unless ``names``.
    """

    names: bool = False
    captions: bool = False


def shareable(
    table: pd.DataFrame, content: Content, pseudonyms: Pseudonyms, known: Collection[str] = frozenset()
) -> pd.DataFrame:
    """``table`` with the ``content`` that was asked for.

    A column of texts that is not known to be harmless is taken for something that people wrote, and left
    out with the captions: a query can give any column any name.

    Args:
        table: a row for anything.
        content: what may be in it.
        pseudonyms: of the study.
        known: canonical names of the study's accounts.

    Raises:
        AgeScopeError: two accounts would share a pseudonym.
    """
    kept = {}
    for at, name in enumerate(table.columns):
        column = _column(table.iloc[:, at], str(name).lower(), content, pseudonyms, known)
        if column is not None:
            kept[name] = column
    return pd.DataFrame(kept, index=table.index)


def _column(
    column: "pd.Series[Any]", name: str, content: Content, pseudonyms: Pseudonyms, known: Collection[str]
) -> "pd.Series[Any] | None":
    if name in NAMES or name.startswith("username_"):  # a query may answer with it twice
        names = column.dropna().astype(str).unique()
        return column if content.names else column.map(pseudonyms.of_all(names), na_action="ignore")
    if name in POINTERS:
        return column if content.names else None
    if not _is_text(column) or name in HARMLESS_TEXTS:
        return column
    if not content.captions:
        return None
    if content.names:
        return column
    return column.map(lambda cell: without_names(str(cell), pseudonyms, known), na_action="ignore")


def _is_text(column: "pd.Series[Any]") -> bool:
    return not (
        pd.api.types.is_numeric_dtype(column)
        or pd.api.types.is_bool_dtype(column)
        or pd.api.types.is_datetime64_any_dtype(column)
        or pd.api.types.is_timedelta64_dtype(column)
        or _are_dates_or_numbers(column)
    )


def _are_dates_or_numbers(column: "pd.Series[Any]") -> bool:
    """Whether objects are dates, moments or exact numbers, as the index gives some of them."""
    return pd.api.types.infer_dtype(column, skipna=True) in {"date", "datetime", "decimal", "integer", "floating"}
