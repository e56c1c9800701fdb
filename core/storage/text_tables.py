"""Tables as people have them, read line by line: lists, labels and posts alike.

What a table looks like is found by evidence: which line is its header (above it may stand titles and Excel's
``sep=;``), what stands between its cells, whether R has put row names before them. Every row keeps the
number of its line. A row that cannot be read as one row of that table bears a fault instead of cells, and
takes no other with it: neither a quotation mark that is never closed, nor a comma too many.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import IO, NamedTuple

from core.errors import InputError
from core.storage.usernames import INSTAGRAM_USERNAME
from core.utils.encodings import text_encoding

MAX_LINE = 2**24
"""Characters of a line, or of one cell, quotation marks and all; a blog entry may have some hundred thousand."""
MAX_HEADER = 2**20
"""Characters of a table's header."""
MAX_COLUMNS = 10_000
NOT_CLOSED = "a quotation mark is not closed"

_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_BLANKS = re.compile(r'"[^"]*"( "[^"]*")*')
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
MISSING = frozenset(("NA", "NaN", "nan", "<NA>", "#N/A", "N/A", "n/a", "#NA", "None", "NULL", "NaT", "\\N"))
"""How R, pandas, Python, Excel and databases write, without quotation marks, that a cell is missing."""
_HEADER_AMONG, _SAMPLE_ROWS = 20, 100
_WASTE, _COST_OF_A_LINE = 60_000_000, 20
_SHOWN = 500

Cell = str | None
"""What stands in a cell; None where it is missing: not there, or R's and pandas' unquoted ``NA``."""


class Row(NamedTuple):
    """A row of a table: the number of its line, how it stands there, its cells, and why these cannot be read.

    Where it has fewer cells than the header, those missing at its end are None, and ``is_short`` says so.
    """

    line: int
    text: str
    cells: list[Cell]
    fault: str | None = None
    is_short: bool = False


@dataclass
class Table:
    """A table of text.

    Attributes:
        header: the names of its columns, each once; empty where no line could be a header.
        remarks: what was decided about it, in sentences.
        short: how many rows have had fewer cells than the header, so far.
        first_short: the line of the first of them.
    """

    header: list[str]
    remarks: list[str]
    _lines: "_Lines"
    _delimiter: str
    short: int = 0
    first_short: int = 0
    _one_line: Collection[int] = field(default_factory=tuple)
    _user_at: int | None = None
    _is_row: Callable[[list[str]], bool] | None = None

    @property
    def form(self) -> str:
        """What it is, in a few words: ``a table with semicolons between its cells``."""
        if len(self.header) < 2 or not self._delimiter:
            return "a text with one entry a line"
        return f"a table with {_DELIMITERS.get(self._delimiter, 'blanks')} between its cells"

    def sample(self) -> list[Row]:
        """Its first rows, which :meth:`rows` gives again."""
        rows: list[Row] = []
        at = 0
        while len(rows) < _SAMPLE_ROWS and not (rows and self._lines.is_full) and (found := self._row(at)):
            row, taken = found
            rows.append(row)
            at += taken
        return [row for row in rows if row.fault or any(row.cells)]

    def rows(
        self,
        user_at: int | None = None,
        one_line: Collection[int] = (),
        is_row: Callable[[list[str]], bool] | None = None,
    ) -> Iterator[Row]:
        """All rows that are not blank.

        Args:
            user_at: the column of the account, by which a row is known where quotation marks are broken.
            one_line: columns whose cells never have several lines.
            is_row: whether cells are those of a row for certain, by a time or a number where the table has them.
                Without it, lines within quotation marks are rows of others only where all of them look so.

        Raises:
            InputError: a line is too long for anything, or nearly all quotation marks are broken.
        """
        self._user_at, self._one_line, self._is_row = user_at, one_line, is_row
        while found := self._row(0):
            row, taken = found
            self._lines.drop(taken)
            if row.fault or any(cell is None or cell.strip() for cell in row.cells):
                yield self._fitted(row)

    def _row(self, at: int) -> tuple[Row, int] | None:
        """The row that begins ``at`` lines ahead, and of how many lines it is."""
        line = self._lines.ahead(at)
        if line is None:
            return None
        number = self._lines.number(at)
        found = _record(self._lines, at, self._delimiter)
        if found and found[1] > 1 and self._is_swallowing(at, *found):
            found = None
        found = found or self._with_backslashes(line) or _loosely(line, self._delimiter)
        if found is None:
            return Row(number, line[:_SHOWN], [], NOT_CLOSED), 1
        cells, taken = found
        if self._delimiter == "|":  # of Markdown and of databases, which put blanks beside it
            cells = [cell and cell.strip() for cell in cells]
        return Row(number, line[:_SHOWN], cells), taken

    def _with_backslashes(self, line: str) -> tuple[list[Cell], int] | None:
        """The cells of a line whose quotation marks have a backslash before them; None where they make no row."""
        if '\\"' not in line or not self.header:
            return None
        reader = csv.reader((line, ""), delimiter=self._delimiter or ",", doublequote=False, escapechar="\\")
        try:
            cells = next(reader)
        except csv.Error:
            return None
        return (list(cells), 1) if reader.line_num == 1 and len(cells) == len(self.header) else None

    def _is_swallowing(self, at: int, cells: Sequence[Cell], taken: int) -> bool:
        """Whether a record of several lines has taken in rows of others, by a quotation mark left open."""
        if any("\n" in (cells[place] or "") for place in self._one_line if place < len(cells)):
            return True
        if self._user_at is not None and len(self.header) == 1:  # a list of names, of which none has two lines
            return True
        if self._user_at is None or not self.header:
            return False
        first, *middle, last = [self._is_like_row(self._lines.ahead(ahead) or "") for ahead in range(at, at + taken)]
        if self._is_row is None:
            alike = [is_like for is_like in (*middle, last) if is_like is not None]
            return len(alike) > 1 and all(alike)
        return any(middle) or bool(first and last)  # the last line has the record's own last cells in any case

    def _is_like_row(self, line: str) -> bool | None:
        """Whether a line within quotation marks looks like a row of its own; None where it is blank."""
        if not line.strip() or self._user_at is None:
            return None
        cells = line.split(self._delimiter)
        if len(cells) != len(self.header) or any(cell.startswith(" ") for cell in cells):
            return False
        is_named = INSTAGRAM_USERNAME.fullmatch(cells[self._user_at].strip('"@ ').lower()) is not None
        return is_named and (self._is_row is None or self._is_row(cells))

    def _fitted(self, row: Row) -> Row:
        """A row with as many cells as the header has, or with the fault of having more."""
        more = len(row.cells) - len(self.header)
        if row.fault or not self.header or more == 0:
            return row
        if more < 0:
            self.short += 1
            self.first_short = self.first_short or row.line
            return row._replace(cells=[*row.cells, *[None] * -more], is_short=True)
        if not any(cell and cell.strip() for cell in row.cells[len(self.header) :]):
            return row._replace(cells=row.cells[: len(self.header)])
        between = _DELIMITERS.get(self._delimiter, "blanks")
        return row._replace(
            cells=[],
            fault=f"it has {len(row.cells):,} cells where the header has {len(self.header):,}; "
            f"a text with {between} in it needs quotation marks around it",
        )


@contextmanager
def open_table(
    opened: Callable[[], AbstractContextManager[IO[bytes]]],
    name: str,
    is_known: Callable[[str], bool],
    said_encoding: str | None = None,
) -> Iterator[Table]:
    """A table of text, whatever its encoding and form; open as long as its rows are asked for.

    Args:
        opened: opens the file from its beginning; it is gone through twice.
        name: what messages call it.
        is_known: whether a column of that name is one that a header of such a table would have.
        said_encoding: the encoding that a person said it is in.

    Raises:
        InputError: it is no text, is empty, or its encoding cannot be told.
    """
    encoding = text_encoding(opened, name, said_encoding)
    with opened() as content:
        stream = io.TextIOWrapper(content, encoding.codec, encoding.errors)
        lines = _Lines(stream, name)
        table = _laid_out(lines, name, is_known)
        table.remarks[:0] = encoding.remarks
        yield table


class _Lines:
    """The lines of a text, of which some may be looked at ahead, within bounds."""

    def __init__(self, stream: IO[str], name: str) -> None:
        self._stream = stream
        self._name = name
        self._held: list[str] = []
        self._characters = 0
        self._is_at_too_long_a_line = False
        self._first = 0
        self._dropped = 0
        self.wasted = 0

    def ahead(self, by: int) -> str | None:
        """The line that many lines ahead, without its end; None where there is none that can be read.

        Raises:
            InputError: it is the next one, and too long.
        """
        while len(self._held) - self._first <= by:
            line = "" if self._is_at_too_long_a_line else self._stream.readline(MAX_LINE + 1)
            self._is_at_too_long_a_line |= len(line) > MAX_LINE
            if self._is_at_too_long_a_line and by == 0:
                raise InputError(
                    f"line {self.number(0):,} of {self._name} is longer than {MAX_LINE:,} characters, which no table "
                    "has; what stands before it is used"
                )
            if not line or self._is_at_too_long_a_line:
                return None
            self._characters += len(line)
            self._held.append(line.removesuffix("\n").replace("\x00", "").replace("\ufeff", ""))
        return self._held[self._first + by]

    @property
    def is_full(self) -> bool:
        """Whether enough is held to judge by, and no more should be looked at ahead for that."""
        return self._characters > MAX_HEADER

    def number(self, by: int) -> int:
        """The number of that line in the file, from 1."""
        return self._dropped + by + 1

    def drop(self, count: int) -> None:
        """Go on by so many lines."""
        self._characters -= sum(map(len, self._held[self._first : self._first + count]))
        self._first += count
        self._dropped += count
        if self._first > 1_000:
            del self._held[: self._first]
            self._first = 0

    def waste(self, characters: int) -> None:
        """Note that so many characters were looked at in vain.

        Raises:
            InputError: so many that the rest would take for ever.
        """
        self.wasted += characters
        if self.wasted > _WASTE:
            raise InputError(
                f"nearly all quotation marks of {self._name} are broken, at the latest from line "
                f"{self.number(0):,} on; save it anew as CSV. What stands before it is used"
            )


def _laid_out(lines: _Lines, name: str, is_known: Callable[[str], bool]) -> Table:
    """The table that begins with the best of the first lines; see :func:`_candidates`."""
    remarks = []
    while (line := lines.ahead(0)) is not None and not line.strip():
        lines.drop(1)
    if line is None:
        raise InputError(f"{name} is empty.")
    delimiters: Sequence[str] = (*_DELIMITERS, *((" ",) if _BLANKS.fullmatch(line.strip()) else ()))
    if separator := _SEPARATOR_LINE.fullmatch(line.rstrip("\r ")):
        remarks.append(f"Its first line says that {separator[0].strip(chr(34))!r} stands between the cells.")
        delimiters = (separator[1],)
        lines.drop(1)
    best = max(_candidates(lines, delimiters, is_known), key=lambda candidate: candidate.worth, default=None)
    if best is None or not (best.worth[0] or best.has_row_names):
        return Table([], remarks, lines, best.delimiter if best and best.worth[1] else "")
    if len(best.header) > MAX_COLUMNS:
        raise InputError(f"{name} has {len(best.header):,} columns, which no table of posts has; leave out the others.")
    if best.at:
        above = "line above the header" if best.at == 1 else f"{best.at:,} lines above the header"
        were = "was" if best.at == 1 else "were"
        remarks.append(f"The {above}, which is line {lines.number(best.at):,}, {were} left out.")
    lines.drop(best.at + best.taken)
    header = best.header
    if best.has_row_names:
        header = ["", *header]
        remarks.append("The first cell of each row, for which the header has no name, is taken for R's row names.")
    return Table(_each_once(header), remarks, lines, best.delimiter)


class _Candidate(NamedTuple):
    """A line that could be the header.

    Attributes:
        worth: how many of its cells are known names; the share of rows that fit it; how many cells these have;
            how early it comes.
    """

    worth: tuple[int, float, int, int]
    delimiter: str
    at: int
    taken: int
    header: list[str]
    has_row_names: bool


def _candidates(lines: _Lines, delimiters: Sequence[str], is_known: Callable[[str], bool]) -> Iterator[_Candidate]:
    for at in range(_HEADER_AMONG):
        if at and lines.is_full:
            return
        line = lines.ahead(at)
        if line is None or len(line) > MAX_HEADER:
            if line is not None and at == 0:
                raise InputError(
                    f"its first line has {len(line):,} characters, which no header of a table has; "
                    "save it as CSV with one row a line"
                )
            return
        if line.strip():
            yield from (_candidate(lines, at, delimiter, is_known) for delimiter in delimiters)


def _candidate(lines: _Lines, at: int, delimiter: str, is_known: Callable[[str], bool]) -> _Candidate:
    line = lines.ahead(at) or ""
    cells, taken = _record(lines, at, delimiter) or _loosely(line, delimiter) or ([line], 1)
    header = [(cell or "").strip() for cell in cells]
    while len(header) > 1 and not header[-1]:
        header.pop()
    known = sum(map(is_known, header))
    if at and (not known or (len(header) == 1 and _are_names(lines, at))):
        return _Candidate((0, 0.0, 0, 0), delimiter, at, taken, header, False)
    rows = _next_rows(lines, at + taken, delimiter) if known or not at else []
    widths = Counter(map(len, rows))
    has_row_names = len(widths) == 1 and len(rows[0]) == len(header) + 1 and all(map(_begins_with_number, rows))
    width = len(header) + has_row_names
    fit = sum(widths[cells] for cells in widths if cells == width) / len(rows) if rows else 1.0
    worth = (known, round(fit, 1), max(widths, default=width), -at)
    return _Candidate(worth, delimiter, at, taken, header, has_row_names)


def _are_names(lines: _Lines, before: int) -> bool:
    """Whether all lines before one could be usernames, so that this is a list of names and has no header."""
    return all(re.fullmatch(r"[\w.@/:?=&-]*", (lines.ahead(at) or "").strip()) for at in range(before))


def _next_rows(lines: _Lines, at: int, delimiter: str) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    while len(rows) < _SAMPLE_ROWS and not (rows and lines.is_full) and (line := lines.ahead(at)) is not None:
        cells, taken = _record(lines, at, delimiter) or _loosely(line, delimiter) or ([], 1)
        at += taken
        if any(cells):
            rows.append(cells)
    return rows


def _begins_with_number(cells: Sequence[Cell]) -> bool:
    return (cells[0] or "").strip().isdigit()


def _each_once(header: Sequence[str]) -> list[str]:
    """Names of columns of which none comes twice."""
    seen: Counter[str] = Counter()
    names = []
    for name in header:
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return names


def _record(lines: _Lines, at: int, delimiter: str) -> tuple[list[Cell], int] | None:
    """The cells of the record that begins ``at`` lines ahead, and of how many lines it is.

    Returns:
        None where its quotation marks are not those of CSV: not closed, or not followed by a delimiter.
    """
    line = lines.ahead(at) or ""
    if '"' not in line:
        return [None if cell.strip() in MISSING else cell for cell in line.split(delimiter or None)], 1
    cutter = _Cutter(lines, at, delimiter)
    cells = cutter.cells()
    if cells is None:
        lines.waste(cutter.cost)
        return None
    return cells, cutter.line_at - at + 1


class _Cutter:
    """Cuts a record into cells, over as many lines as its quotation marks take in."""

    def __init__(self, lines: _Lines, at: int, delimiter: str) -> None:
        self.line_at = at
        self.looked_at = self.cost = 0
        self._lines = lines
        self._delimiter = delimiter
        self._line = lines.ahead(at) or ""
        self._at = 0

    def cells(self) -> list[Cell] | None:
        """All cells; None where a quotation mark is not closed, or something else follows it."""
        cells: list[Cell] = []
        while True:
            start = self._after_blanks(self._at)
            if self._line.startswith('"', start):
                self._at = start + 1
                cell = self._quoted()
                if cell is None:
                    return None
                cells.append(cell)
            else:
                cells.append(self._plain())
            if self._at >= len(self._line):
                return cells
            self._at += 1

    def _plain(self) -> Cell:
        end = self._line.find(self._delimiter, self._at) if self._delimiter else -1
        cell = self._line[self._at : end if end >= 0 else None]
        self._at = end if end >= 0 else len(self._line)
        return None if cell.strip() in MISSING else cell

    def _quoted(self) -> str | None:
        parts: list[str] = []
        while True:
            end = self._line.find('"', self._at)
            if end < 0:
                parts += (self._line[self._at :], "\n")
                if not self._go_on():
                    return None
            elif self._line.startswith('""', end):
                parts.append(self._line[self._at : end + 1])
                self._at = end + 2
            else:
                parts.append(self._line[self._at : end])
                self._at = self._after_blanks(end + 1)
                return "".join(parts) if self._is_at_end_of_cell() else None

    def _after_blanks(self, at: int) -> int:
        while self._delimiter != " " and self._line.startswith(" ", at):
            at += 1
        return at

    def _is_at_end_of_cell(self) -> bool:
        return self._at >= len(self._line) or bool(self._delimiter and self._line.startswith(self._delimiter, self._at))

    def _go_on(self) -> bool:
        """Go on to the next line, where there is one and the record is not too long for that."""
        self.looked_at += len(self._line)
        self.cost += len(self._line) + _COST_OF_A_LINE
        line = self._lines.ahead(self.line_at + 1) if self.looked_at <= MAX_LINE else None
        if line is None:
            return False
        self._line, self._at = line, 0
        self.line_at += 1
        return True


def _loosely(line: str, delimiter: str) -> tuple[list[Cell], int] | None:
    """The cells of a single line as people write them (``"anna"_k``); None where a quotation mark stays open."""
    reader = csv.reader((line, ""), delimiter=delimiter or ",")
    try:
        cells = next(reader)
    except csv.Error:
        return None
    return (list(cells), 1) if reader.line_num == 1 else None


csv.field_size_limit(MAX_LINE)
