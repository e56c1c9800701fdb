"""Tables as files: CSV that is safe to open in a spreadsheet, and Parquet."""

import io

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from core.utils.spreadsheets import safe_name

AGES = frozenset({"age", "known_age", "cutoff", "age_cutoff"})
"""Columns of years, which are mostly whole: 20 and not 20.0, as people say them."""


def safe_csv(table: pd.DataFrame) -> bytes:
    """``table`` as CSV with a mark for spreadsheets; texts that begin like a formula get an apostrophe."""
    safe = table.rename(columns=lambda name: safe_name(str(name)))
    for column in safe.columns:
        if safe[column].dtype == object or pd.api.types.is_string_dtype(safe[column]):
            safe[column] = safe[column].map(_safe_cell, na_action="ignore")
        elif column in AGES:
            safe[column] = safe[column].map("{:g}".format, na_action="ignore")
    return safe.to_csv(index=False).encode("utf-8-sig", "replace")


def parquet(table: pa.Table) -> bytes:
    """``table`` as Parquet, which holds texts as they are."""
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def _safe_cell(cell: object) -> object:
    return safe_name(cell) if isinstance(cell, str) else safe_name(str(cell))
