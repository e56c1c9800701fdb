"""Sheets of Excel (``.xlsx``) read as tables, a row at a time."""

import io
import re
import warnings
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from core.errors import InputError
from core.storage.text_tables import Row

if TYPE_CHECKING:
    from openpyxl.worksheet._read_only import ReadOnlyWorksheet

MAX_UNPACKED = 500_000_000
"""Bytes of a workbook, unpacked; its texts are all held in memory."""

LOCKED_OR_OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""How a workbook begins that is older than 2007 or locked with a password."""

_HEADER_AMONG, _SAMPLE_ROWS, _MAX_COLUMNS = 20, 100, 10_000
_SHOWN, _CHUNK = 500, 1 << 20
_HIDDEN = re.compile(rb'\bhidden="(?:1|true)"')
_ZEROS = re.compile("0{2,}")
_ERRORS = frozenset(("#N/A", "#NULL!", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!"))
_BOOK = "xl/workbook.xml"
_DAMAGE: tuple[type[Exception], ...] = (
    *(ValueError, KeyError, TypeError, AttributeError, IndexError, SyntaxError, EOFError, OSError),
    *(zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError),
)
"""What openpyxl raises on a file that is none, or is cut; a syntax error is one of XML."""

Source = Path | bytes | IO[bytes]


class SheetTable:
    """A sheet with a header; what :class:`core.storage.text_tables.Table` is for text.

    Attributes:
        header: the names of its columns, each once; empty where no row could be a header.
        remarks: what was decided about it, in sentences.
        title: its name in the workbook.
        is_hidden: whether Excel does not show it.
        known: how many of its columns have known names.
        form: what it is, in a few words.
        short, first_short: as for tables of text, and always 0: a sheet has a cell everywhere.
    """

    short = first_short = 0
    form = "a sheet of Excel"

    def __init__(self, sheet: "ReadOnlyWorksheet", name: str, is_known: Callable[[str], bool]) -> None:
        self._sheet = sheet
        self._name = name
        self.title: str = sheet.title
        self.is_hidden = sheet.sheet_state != "visible"
        hidden = _hidden_rows(sheet)
        are = "1 of its rows is" if hidden == 1 else f"{hidden:,} of its rows are"
        self.remarks: list[str] = (
            [f"{are} hidden in Excel, by a filter perhaps, and read like the others."] if hidden else []
        )
        self.header: list[str] = []
        self._from = 1
        known, at, first = max(
            ((sum(map(is_known, texts)), -line, texts) for line, texts in islice(self._texts(1), _HEADER_AMONG)),
            default=(0, 0, []),
        )
        self.known = known
        if known:
            self.header, self._from = _each_once(first), 1 - at

    def sample(self) -> list[Row]:
        """Its first rows."""
        return list(islice(self.rows(), _SAMPLE_ROWS))

    def rows(
        self,
        user_at: int | None = None,
        one_line: Collection[int] = (),
        is_row: Callable[[list[str]], bool] | None = None,
    ) -> Iterator[Row]:
        """All rows that are not blank; cells of a sheet need no rules about quotation marks."""
        for line, texts in self._texts(self._from):
            if any(texts):
                cells = [text or None for text in texts]
                if self.header:
                    cells = [*cells[: len(self.header)], *[None] * (len(self.header) - len(cells))]
                yield Row(line, ", ".join(text for text in texts if text)[:_SHOWN], cells)

    def _texts(self, start: int) -> Iterator[tuple[int, list[str]]]:
        try:
            for line, cells in enumerate(self._sheet.iter_rows(min_row=start), start=start):
                if len(cells) > _MAX_COLUMNS:
                    raise InputError(f"{self._name} has {len(cells):,} columns; save what is needed of it as CSV.")
                yield line, [_shown(cell) for cell in cells]
        except _DAMAGE as error:
            raise InputError(_damaged(self._name, error)) from error


def is_workbook(source: Source) -> bool:
    """Whether it is a workbook of Excel."""
    try:
        with zipfile.ZipFile(io.BytesIO(source) if isinstance(source, bytes) else source) as archive:
            return _BOOK in archive.namelist()
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return False


@contextmanager
def open_sheet(source: Source, name: str, is_known: Callable[[str], bool]) -> Iterator[SheetTable]:
    """The sheet of a workbook whose header has most of the names that are known; see :func:`open_sheets`."""
    with open_sheets(source, name, is_known) as sheets:
        best, *others = sheets
        if others:
            best.remarks.append(f"Of its {len(sheets):,} sheets, {best.title[:40]!r} is read.")
        if alike := [sheet for sheet in others if sheet.known and {*sheet.header} == {*best.header}]:
            has = "has the same columns and is" if len(alike) == 1 else "have the same columns and are"
            names = ", ".join(repr(sheet.title[:40]) for sheet in alike)
            best.remarks.append(f"{names} {has} not read: give each sheet as a file of its own.")
        yield best


@contextmanager
def open_sheets(source: Source, name: str, is_known: Callable[[str], bool]) -> Iterator[list[SheetTable]]:
    """The sheets of a workbook, first those whose header has most of the names that are known, hidden ones last.

    Args:
        source: the workbook.
        name: what messages call it.
        is_known: whether a column of that name is one that a header of such a table would have.

    Raises:
        InputError: it is damaged, or larger than :data:`MAX_UNPACKED`.
    """
    from openpyxl import load_workbook  # only here: it takes 0.3 s, and few files are workbooks
    from openpyxl.utils.exceptions import InvalidFileException  # as above

    try:
        with zipfile.ZipFile(io.BytesIO(source) if isinstance(source, bytes) else source) as archive:
            if sum(member.file_size for member in archive.infolist()) > MAX_UNPACKED:
                raise InputError(
                    f"{name} is larger than {MAX_UNPACKED // 1_000_000:,} MB unpacked. Save the sheet as CSV."
                )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and extensions that are of no interest here
            book = load_workbook(
                io.BytesIO(source) if isinstance(source, bytes) else source,
                read_only=True,
                data_only=True,
            )
    except (*_DAMAGE, InvalidFileException) as error:
        raise InputError(_damaged(name, error)) from error
    try:
        sheets = [SheetTable(sheet, name, is_known) for sheet in book.worksheets]
        if not sheets:
            raise InputError(f"{name} has no sheet with cells.")
        yield sorted(sheets, key=lambda sheet: (sheet.is_hidden, -sheet.known))
    finally:
        book.close()


def _hidden_rows(sheet: "ReadOnlyWorksheet") -> int:
    """How many rows Excel does not show, which openpyxl does not tell of a sheet that it reads row by row."""
    number, rest = 0, b""
    try:
        with sheet.parent._archive.open(sheet._worksheet_path) as content:
            while chunk := content.read(_CHUNK):
                *tags, rest = (rest + chunk).split(b"<row")
                number += sum(_HIDDEN.search(tag.partition(b">")[0]) is not None for tag in tags)
    except _DAMAGE:
        return 0  # reading its cells tells what is wrong
    return number + (_HIDDEN.search(rest.partition(b">")[0]) is not None)


def _damaged(name: str, error: Exception) -> str:
    return f"{name} is a damaged Excel file ({error}). Save it anew, or as CSV."


def _shown(cell: Any) -> str:
    """A cell as text, with the zeros before a number that its form shows (00123), and nothing where it is an error."""
    text = _text(cell.value)
    if isinstance(cell.value, int) and not isinstance(cell.value, bool) and _ZEROS.fullmatch(cell.number_format):
        return text.zfill(len(cell.number_format))
    return "" if text in _ERRORS else text


def _text(value: object) -> str:
    """A cell as text: a moment in ISO 8601, a whole number without its ``.0``."""
    if value is None:
        return ""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}" if abs(value) < 1e15 else repr(value)
    return str(value)


def _each_once(header: Sequence[str]) -> list[str]:
    names = [name.strip() for name in header]
    while len(names) > 1 and not names[-1]:
        names.pop()
    return [name if names.index(name) == at else f"{name} ({at + 1})" for at, name in enumerate(names)]
