"""The lines of lists and tables as people write them: any usual delimiter, and quotation marks left open."""

import csv
import io
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from core.errors import InputError
from core.utils.io import decode_text, read_text
from core.utils.spreadsheets import plain_name

USER_COLUMNS = ("username", "user", "user.name", "user_name", "handle", "account")
AGE_COLUMNS = ("age", "labeled age", "labelled age", "labeled_age", "labelled_age")

_NOT_CLOSED = "a quotation mark is not closed"


class Row(NamedTuple):
    """A line of a list or a table: its number, its text, its cells by column, and why these cannot be read."""

    line: int
    text: str
    cells: dict[str, str]
    fault: str | None


class NoAgeColumn(InputError):
    """A table has no column that holds ages."""


def read_records(source: Path | bytes, name: str, need_age: bool = False) -> Iterator[Row]:
    """The lines of a list or a table, without its header and without blank ones."""
    text = decode_text(source, name) if isinstance(source, bytes) else read_text(source)
    name = name if isinstance(source, bytes) else source.name
    lines = io.StringIO(text, newline=None).read().split("\n")  # as an editor numbers them
    at = next(at for at, line in enumerate(lines) if line.strip())
    first = lines[at]
    delimiter = max(",;\t", key=first.count)
    cells, end = _record(lines, at, delimiter) or (first.split(delimiter), at + 1)
    header = [plain_name(cell.strip().strip('"')).lower() for cell in cells]
    columns = {
        "username": next((header.index(column) for column in USER_COLUMNS if column in header), None),
        "age": next((header.index(column) for column in AGE_COLUMNS if column in header), None),
    }
    without_age = need_age and columns["age"] is None
    if columns["username"] is None and (need_age or len(header) > 1):
        raise (NoAgeColumn if without_age else InputError)(
            f"{name} has no username column: its first line is {first[:80]!r}. "
            f"Name one column 'username'{' and one ' + repr('age') if need_age else ''}."
        )
    if without_age:
        raise NoAgeColumn(f"{name} has no age column. Name the column with the age in years 'age'.")
    if columns["username"] is None:
        return (_name_alone(at, line.strip()) for at, line in enumerate(lines, start=1) if line.strip())
    return _table_rows(lines, end, delimiter, header, {k: v for k, v in columns.items() if v is not None})


def _name_alone(at: int, line: str) -> Row:
    """A line of a list without columns."""
    is_open = line.startswith('"') and (len(line) == 1 or not line.endswith('"'))
    return Row(at, line, {"username": plain_name(line.strip('"'))}, _NOT_CLOSED if is_open else None)


def _table_rows(lines: list[str], at: int, delimiter: str, header: list[str], columns: dict[str, int]) -> Iterator[Row]:
    """The records of a table from line ``at`` on; one whose quotation mark is not closed is its line alone."""
    further = set(range(len(header))) - set(columns.values())
    while at < len(lines):
        line, number = lines[at], at + 1
        found = _record(lines, at, delimiter, further)
        cells, at = found or ([line], number)
        if not any(cell.strip() for cell in cells):
            continue
        row = {column: plain_name(cell.strip()) for column, cell in zip(header, cells, strict=False)}
        row |= {key: plain_name(cells[place].strip()) if place < len(cells) else "" for key, place in columns.items()}
        yield Row(number, line.strip(), row, None if found else _NOT_CLOSED)


def _record(lines: list[str], at: int, delimiter: str, may_break: Collection[int] = ()) -> tuple[list[str], int] | None:
    """The cells of the record that begins at line ``at``, and where the next one begins.

    Returns:
        None where a quotation mark is not closed: neither before the end of the file, nor in one of
        the cells that ``may_break`` into several lines, so that it would swallow the records after it.
    """
    if '"' not in lines[at]:
        return lines[at].split(delimiter), at + 1
    whole = _first_record((f"{lines[further]}\n" for further in range(at, len(lines))), delimiter, strict=True)
    if whole and not any("\n" in cell for place, cell in enumerate(whole[0]) if place not in may_break):
        return whole[0], at + whole[1]
    alone = _first_record((lines[at], ""), delimiter, strict=False)  # as people write them: "anna"_k
    return (alone[0], at + 1) if alone and alone[1] == 1 else None


def _first_record(lines: Iterable[str], delimiter: str, strict: bool) -> tuple[list[str], int] | None:
    """The first record of ``lines`` and how many of them it takes; None where it cannot be read."""
    reader = csv.reader(lines, delimiter=delimiter, strict=strict)
    try:
        return next(reader), reader.line_num
    except csv.Error:
        return None
