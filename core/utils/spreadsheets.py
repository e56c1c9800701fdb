"""Cells with other people's words, of which no spreadsheet makes a formula.

A spreadsheet runs a cell that begins with ``=``, ``+``, ``-`` or ``@`` as a formula. Such a name is
written with an apostrophe before it, which spreadsheets show as plain text; :func:`plain_name` takes
it off again. Every name comes back as it was.
"""

import csv
import io
from collections.abc import Iterable

_FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")


def csv_text(header: Iterable[object], rows: Iterable[Iterable[object]]) -> str:
    """A table as CSV, a line each; other people's words in it are the caller's to make safe."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return buffer.getvalue()


def safe_name(username: str) -> str:
    """``username`` for a CSV cell, so that no spreadsheet takes it for a formula."""
    return "'" + username if _is_formula(username) else username


def plain_name(cell: str) -> str:
    """The name that :func:`safe_name` wrote."""
    return cell[1:] if cell.startswith("'") and _is_formula(cell) else cell


def _is_formula(text: str) -> bool:
    return text.lstrip("'").startswith(_FORMULA_STARTS)
