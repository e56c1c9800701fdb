"""Tables of posts: CSV (any usual delimiter and encoding), sheets of Excel, and Parquet.

Which column is what, :mod:`core.storage.column_meanings` decides. The rows of an account need not stand together:
they are sorted by account first, on the disk where there are many.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import islice
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet

from core.errors import InputError
from core.importers.archives import Piece
from core.importers.by_account import PostsByAccount
from core.importers.facepager import Nodes, is_of_facepager, why_not_read, without_none
from core.importers.records import soundly_numbered
from core.importers.results import (
    Context,
    Found,
    FoundLabels,
    LeftOutRecords,
    NotUnderstood,
    Recognised,
    account,
    of_garbled,
)
from core.storage.column_meanings import SAMPLE, FieldChoice, UntoldCaptions, choose_fields, is_text_like
from core.storage.csv_records import ListChoices
from core.storage.date_order import DateEvidence, numbers_of_date
from core.storage.field_names import USUAL_NAMES, Field, core_name, plain_name
from core.storage.field_values import flattened, unpacked
from core.storage.moments import parse_time
from core.storage.not_posts import kind_by_names, kind_by_values
from core.storage.post_parsing import PostReading, post_of, read_record
from core.storage.text_tables import MAX_LINE, NOT_CLOSED, Table, open_table
from core.storage.user_lists import UserList, read_labels
from core.storage.usernames import canonical_username, instagram_username_error, username_error
from core.storage.workbooks import SheetTable, open_sheets
from core.utils.encodings import looks_garbled
from core.utils.formatting import count
from core.utils.spreadsheets import csv_text

LOOKED_FOR = "a table or list with a user and a text"

_KNOWN = frozenset(name for names in USUAL_NAMES.values() for name in names)
_ONE_LINE: tuple[Field, ...] = ("username", "taken_at", "id", "shortcode", "likes", "comments", "age")
"""Fields of which no cell ever breaks into several lines."""
_ROWS_AT_A_TIME = 10_000
_BYTES_AT_A_TIME = 64_000_000
_FOOTERS = frozenset(
    ("total", "totals", "sum", "count", "average", "mean", "summe", "gesamt", "somme", "suma", "totale")
)
_SHOWN_TEXT = 500
"""Characters from which on the text of a row is cut."""
_RULER = " \t\r|:+=-"
"""Signs of the line below a header in Markdown and in what databases print."""
_ROUNDED = re.compile(r"\d(\.\d+)?E\+\d\d|[1-9]\d{14}0{2,}(\.0)?", re.IGNORECASE)
"""Ids of which a spreadsheet has kept the first 15 digits."""

Record = Mapping[str, Any]
Placed = tuple[str, Record]
"""A record and where it stands: ``line 12``."""


@dataclass
class _Tally:
    """Puts rows to their accounts, and counts what was wrong with them, for a sentence each at the end.

    Attributes:
        name: the file.
        fallback: whose posts they are where a row does not say.
        left_out: rows that were left out, by reason.
        unread: that some rows could not be read, whoever they belong to; None where all could.
        ages: by account, as written.
        dates: what dates such as 01/05/2024 show of their order.
    """

    name: str
    fallback: str | None
    left_out: LeftOutRecords
    unread: str | None = None
    ages: dict[str, set[str]] = field(default_factory=dict)
    dates: DateEvidence = field(default_factory=DateEvidence)
    unread_times: int = 0
    time_example: str = ""
    rounded_ids: int = 0
    captions: UntoldCaptions = field(default_factory=UntoldCaptions)
    garbled: int = 0

    @classmethod
    def of(cls, context: Context) -> Self:
        """A tally of a table found there."""
        dates = DateEvidence(context.choices.date_order)
        return cls(context.name, _username(context), LeftOutRecords(context.name), dates=dates)

    def keep(self, place: str, record: Record, reading: PostReading, posts: PostsByAccount) -> None:
        """Put a post to its account, or count it with those left out."""
        written = reading.username or self.fallback or ""
        name, reason = _name_of(written)
        if reason:
            self.left_out.add(f"because of the name: {reason}", place, written)
            return
        self.captions.see(record, reading.caption is not None)
        self.garbled += looks_garbled(reading.caption or "")
        if reading.unread_time:
            self.unread_times += 1
            self.time_example = self.time_example or reading.unread_time
        if reading.age:
            self.ages.setdefault(name, set()).add(reading.age)
        if reading.id and _ROUNDED.fullmatch(reading.id):
            self.rounded_ids += 1
            reading = replace(reading, id=None)
        posts.add(name, post_of(reading), reading.undecided_date)

    def cannot_read(self, place: str, text: str, reason: str) -> None:
        """Count a row that is left out without anybody knowing whose it is."""
        self.left_out.add(reason, place, text)
        self.unread = self.unread or f"{self.name} has rows that could not be read (the first: {place})"

    def found(self) -> Iterator[Found]:
        yield from self.left_out.found()
        if self.unread_times:
            reason = f"{count(self.unread_times, 'time')} in an unknown form (such as {self.time_example!r}) left empty"
            yield NotUnderstood(self.name, f"{reason}; write them as 2026-10-01T12:00:00Z")
        if undecided := self.dates.why_unread():
            yield NotUnderstood(self.name, undecided)
        if self.rounded_ids:
            reason = f"{count(self.rounded_ids, 'id')} not used, as a spreadsheet has rounded them"
            yield NotUnderstood(self.name, f"{reason}; the same posts from another file count as others", False)
        yield from of_garbled(self.name, self.garbled)
        if untold := self.captions.in_words():
            yield NotUnderstood(self.name, f"{untold}; say which it is, for example --column caption=NAME")


def read_text_table(piece: Piece, context: Context) -> Iterator[Found]:
    """The accounts of a CSV file; a table of usernames and ages without texts becomes labels."""
    with open_table(piece.open, "it", _known(context), context.choices.encoding) as table:
        yield from _read_table(table, piece, context, "csv")


def read_sheet(piece: Piece, context: Context) -> Iterator[Found]:
    """The accounts of a workbook of Excel, of every sheet that has a user and a text, or is as good as the best.

    A table of usernames and ages without texts becomes labels.
    """
    with open_sheets(piece.path if piece.archive is None else piece.whole(), "it", _known(context)) as sheets:
        best, *others = sheets
        alike = [sheet for sheet in others if _has_posts(sheet, context)]
        yield from _read_table(best, piece, context, "xlsx")
        for sheet in alike:
            yield from _read_table(sheet, piece, replace(context, name=f"{context.name}, {sheet.title[:40]}"), "xlsx")
        if left := [sheet for sheet in others if sheet not in alike]:
            names = ", ".join(repr(sheet.title[:40]) for sheet in left[:10])
            yield NotUnderstood(
                context.name,
                f"{count(len(left), 'sheet')} not read, as hidden or without a user and a text: {names}",
                is_loss=False,
            )


def _has_posts(sheet: SheetTable, context: Context) -> bool:
    names = choose_fields(sheet.header, (), context.columns).names
    return not sheet.is_hidden and bool(names["username"] and names["caption"])


def _read_table(table: Table | SheetTable, piece: Piece, context: Context, format_name: str) -> Iterator[Found]:
    header = table.header or [cell or "" for cell in next((row.cells for row in table.sample()), [])]
    first = [row.cells for row in table.sample() if not row.fault]
    header = table.header = _filled_first(header, first)
    samples: list[Record] = [dict(zip(header, cells, strict=False)) for cells in first]
    if is_of_facepager(header):
        samples = [without_none(record) for record in samples]
    packed = _packed_columns(samples)
    samples = [_with_unpacked(record, packed) for record in samples]
    names = list(dict.fromkeys([*header, *(name for record in samples for name in record)]))
    choice = choose_fields(names, samples, context.columns)
    if choice.names["username"] and choice.names["age"] and not choice.names["caption"]:
        yield from _labels(piece, context)
    elif reason := _unusable(choice, names, samples, context):
        yield NotUnderstood(context.name, reason)
    else:
        tally = _Tally.of(context)
        rows, choice = _with_owners(_table_rows(table, choice, tally, packed), choice, tally, header)
        yield from _accounts(rows, choice, context, _format(choice, context, format_name), tally)
        yield _recognised(context, format_name, choice, table.remarks, tally)
        if table.short:
            rows_are = f"{count(table.short, 'row')} with fewer cells than the header, the first on line"
            yield NotUnderstood(
                context.name, f"{rows_are} {table.first_short:,}; what is missing at the end was left empty"
            )


def _packed_columns(samples: Sequence[Record]) -> frozenset[str]:
    """The columns in whose cells stand objects, as pandas writes what lay nested."""
    texts = {name: [text for each in samples if (text := each.get(name))] for name in (samples[0] if samples else ())}
    return frozenset(
        name for name, found in texts.items() if found and all(unpacked(text) is not None for text in found)
    )


def _with_unpacked(record: Record, packed: frozenset[str]) -> Record:
    """A row with the fields of the objects in its cells: ``user.username`` instead of ``user``."""
    if not packed:
        return record
    objects = {name: unpacked(record[name]) for name in packed if record.get(name)}
    whole = {name: value for name, value in objects.items() if value is not None}
    return {name: value for name, value in record.items() if name not in whole} | flattened(whole)


def _with_owners(
    rows: Iterator[Placed], choice: FieldChoice, tally: _Tally, header: Sequence[str]
) -> tuple[Iterator[Placed], FieldChoice]:
    """The rows that are posts, with the owners that stand in other rows."""
    if not is_of_facepager(header) or tally.fallback:
        return rows, choice
    nodes = Nodes(choice)
    cleaned = ((place, without_none(record)) for place, record in rows)
    return nodes.posts(cleaned, lambda reason, place: tally.left_out.add(reason, place, is_loss=False)), nodes.choice


def _recognised(
    context: Context, format_name: str, choice: FieldChoice, remarks: Sequence[str], tally: _Tally
) -> Recognised:
    dates = tally.dates.how_read()
    sentences = [f"took {choice.in_words()}.", *([dates] if dates else ()), *remarks]
    return Recognised(context.name, format_name, " ".join(sentences).rstrip("."))


def _filled_first(header: Sequence[str], rows: Sequence[Sequence[str | None]]) -> list[str]:
    """The names of columns, where of two with one name the first that holds anything bears it."""
    names = list(header)

    def is_filled(at: int) -> bool:
        return any(at < len(cells) and cells[at] for cells in rows)

    for at, name in enumerate(header):
        repeated = re.fullmatch(r"(.*) \(\d+\)", name)
        first = names.index(repeated[1]) if repeated and repeated[1] in names else at
        if first != at and is_filled(at) and not is_filled(first):
            names[first], names[at] = names[at], names[first]
    return names


def _table_rows(
    table: Table | SheetTable, choice: FieldChoice, tally: _Tally, packed: frozenset[str]
) -> Iterator[Placed]:
    at = {name: place for place, name in enumerate(table.header)}
    single = [at[name] for wanted in _ONE_LINE for name in choice.names[wanted][:1] if name in at]
    users = choice.names["username"]
    for row in table.rows(at.get(users[0]) if users else None, single, _row_check(table.header, choice)):
        place = f"line {row.line:,}"
        record = _with_unpacked(dict(zip(table.header, row.cells, strict=False)), packed)
        if not row.text.strip(_RULER):
            continue
        if row.fault:
            tally.cannot_read(place, row.text, f"because {row.fault}")
        elif [cell or "" for cell in row.cells] == table.header:
            tally.left_out.add("that repeat the header", place, row.text, is_loss=False)
        elif row.is_short and len(row.text) < _SHOWN_TEXT and row.text.count('"') % 2:
            tally.cannot_read(place, row.text, f"because {NOT_CLOSED}")
        elif users and (_is_footer(record, users[0]) or _is_total(record, choice)):
            tally.left_out.add("that are a footer, such as a total", place, row.text, is_loss=False)
        elif what := kind_by_values(record):
            tally.left_out.add(what, place, is_loss=False)
        elif row.is_short and _is_shifted(read_record(record, choice), choice):
            tally.cannot_read(place, row.text, "because a line break without quotation marks has cut them in two")
        else:
            yield place, record


def _is_footer(record: Record, user_column: str) -> bool:
    """Whether a row has nothing but something in the column of accounts that is none."""
    name = canonical_username(str(record.get(user_column) or ""))
    is_account = instagram_username_error(name) is None and name not in _FOOTERS
    return not is_account and not any(record[column] for column in record if column != user_column)


def _is_total(record: Record, choice: FieldChoice) -> bool:
    """Whether a row begins with a word such as ``Total`` and has neither a text nor a time."""
    first = next((str(cell) for cell in record.values() if cell), "")
    if first.strip(" :").lower() not in _FOOTERS:
        return False  # as nearly every row, which need not be read for it
    reading = read_record(record, choice)
    return not (reading.caption or reading.taken_at)


def _row_check(header: Sequence[str], choice: FieldChoice) -> Callable[[list[str]], bool] | None:
    """Whether cells have a time and numbers where the table has them; None where it has neither."""
    if not any(choice.names[wanted] for wanted in ("taken_at", "likes", "comments")):
        return None

    def is_row(cells: list[str]) -> bool:
        reading = read_record(dict(zip(header, cells, strict=False)), choice)
        return not reading.unread_time and any(
            found is not None for found in (reading.taken_at, reading.undecided_date, reading.likes, reading.comments)
        )

    return is_row


def _is_shifted(reading: PostReading, choice: FieldChoice) -> bool:
    """Whether a row that lacks cells begins in the middle, so that a time stands where its text should."""
    text = reading.caption or ""
    is_time = parse_time(text) is not None or numbers_of_date(text) is not None
    return bool(choice.names["taken_at"]) and not (reading.taken_at or reading.undecided_date) and is_time


def read_parquet(piece: Piece, context: Context) -> Iterator[Found]:
    """The accounts of a Parquet file."""
    try:
        with pyarrow.parquet.ParquetFile(
            piece.path if piece.archive is None else pa.BufferReader(piece.whole()), buffer_size=2**20, pre_buffer=False
        ) as file:
            yield from _of_parquet(file, context)
    except (pa.ArrowException, OSError) as error:
        yield NotUnderstood(context.name, f"it is a damaged Parquet file ({error})")


def _of_parquet(file: "pyarrow.parquet.ParquetFile", context: Context) -> Iterator[Found]:
    names = list(file.schema_arrow.names)
    samples = [flattened(record) for record in islice(_parquet_records(file, names), SAMPLE)]
    flat = list(dict.fromkeys([*names, *(name for record in samples for name in record)]))
    choice = choose_fields(flat, samples, context.columns)
    if reason := _unusable(choice, flat, samples, context):
        yield NotUnderstood(context.name, reason)
        return
    wanted = {name.split(".")[0] if name not in names else name for found in choice.names.values() for name in found}
    records = _parquet_records(file, [name for name in names if name in wanted])
    placed = ((f"row {number:,}", record) for number, record in enumerate(records, start=1))
    tally = _Tally.of(context)
    yield from _accounts(placed, choice, context, "parquet", tally)
    yield _recognised(context, "parquet", choice, (), tally)


def _parquet_records(file: "pyarrow.parquet.ParquetFile", columns: Sequence[str]) -> Iterator[Record]:
    """The rows of a Parquet file, few at a time where they are long.

    Raises:
        InputError: a row is longer than any post.
    """
    groups = [file.metadata.row_group(at) for at in range(file.metadata.num_row_groups)]
    longest = max((group.total_byte_size // max(group.num_rows, 1) for group in groups), default=0)
    too_long = f"its rows are longer than {MAX_LINE:,} bytes, which no post is"
    if longest > MAX_LINE:
        raise InputError(too_long)
    rows = max(1, min(_ROWS_AT_A_TIME, _BYTES_AT_A_TIME // max(longest, 1)))
    for batch in file.iter_batches(rows, columns=list(columns)):
        if batch.nbytes > _BYTES_AT_A_TIME and any(_longest(column) > MAX_LINE for column in batch.columns):
            raise InputError(too_long)
        few = max(1, int(batch.num_rows * _BYTES_AT_A_TIME // max(batch.nbytes, 1)))
        for at in range(0, batch.num_rows, few):
            yield from batch.slice(at, few).to_pylist()


def _longest(column: "pa.Array") -> int:
    is_text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    return pyarrow.compute.max(pyarrow.compute.binary_length(column)).as_py() or 0 if is_text else 0


def _known(context: Context) -> Callable[[str], bool]:
    """Whether a column of that name is one that a header of a table of posts would have."""

    def is_known(name: str) -> bool:
        plain = plain_name(name.strip('"'))
        return name in context.columns.values() or plain in _KNOWN or core_name(plain) in _KNOWN

    return is_known


def _unusable(choice: FieldChoice, names: Sequence[str], samples: Sequence[Record], context: Context) -> str | None:
    """Why a table with these columns is none of posts, or None if it is."""
    shown = ", ".join(repr(name[:30]) for name in names[:12])
    for wanted, name in context.columns.items():
        if name not in names:
            return f"it has no column {name[:40]!r} to take the {wanted} from; it has {shown}"
    if reason := why_not_read(names):
        return reason
    if names and all(len(name) > 1 and name[0] == name[-1] == "'" for name in names):
        return "its cells stand between single quotation marks; save it with double ones"
    if (what := kind_by_names(names)) and "caption" not in context.columns:
        return f"it holds rows {what}, and no posts; give the file of the posts"
    if not choice.names["caption"] and (passed := next(iter(choice.passed_over.items()), None)):
        return f"its column {passed[0][:40]!r} is {passed[1]}, and no other holds a text; found {shown}"
    if not choice.names["caption"]:
        return (
            f"it has no column with the text; looked for {_usual('caption')}, found {shown}. "
            f"Rename the column with the text to 'caption', or say which it is: {_caption_option(names, samples)}"
        )
    if is_of_facepager(names):
        return None
    has_owner = choice.names["username"] or any(read_record(record, choice).username for record in samples)
    if not has_owner and not _username(context):
        return (
            f"it does not say whose posts these are; looked for {_usual('username')}, found {shown}. "
            "Rename that column to 'username', say which it is (--column username=NAME), or give the username"
        )
    return None


def _caption_option(names: Sequence[str], samples: Sequence[Record]) -> str:
    """How to say which column has the text; with its name, where only one can be meant."""
    shares = {name: sum(is_text_like(name, each.get(name)) for each in samples) for name in names}
    texts = [name for name, share in shares.items() if share * 2 > len(samples)]
    return f"--column 'caption={texts[0]}'" if len(texts) == 1 else "--column caption=NAME"


def _accounts(
    rows: Iterable[Placed], choice: FieldChoice, context: Context, format_name: str, tally: _Tally
) -> Iterator[Found]:
    with PostsByAccount(tally.dates) as posts:
        try:
            for place, record in rows:
                tally.keep(place, record, read_record(record, choice), posts)
        except InputError as error:
            tally.unread = tally.unread or f"{context.name}: {error}"
            yield NotUnderstood(context.name, str(error))
        for username, mine in posts.accounts():
            yield account(format_name, username, soundly_numbered(mine), context, tally.unread)
    yield from tally.found()
    if tally.ages:
        yield FoundLabels(context.name, _labels_of(tally.ages, context))


@lru_cache(maxsize=10_000)
def _name_of(written: str) -> tuple[str, str | None]:
    """The canonical form of a name, and why it cannot be used; it mostly stands in many rows."""
    name = canonical_username(written)
    return name, username_error(name)


def _labels_of(ages: dict[str, set[str]], context: Context) -> UserList:
    """Labels out of an age column beside the posts; an account with two ages is rejected, as in any labels file."""
    rows = ((name, age) for name, known in ages.items() for age in sorted(known))
    return read_labels(csv_text(("username", "age"), rows).encode(), context.name)


def _labels(piece: Piece, context: Context) -> Iterator[Found]:
    try:
        said = ListChoices(context.columns.get("username"), context.columns.get("age"), context.choices.encoding)
        yield FoundLabels(context.name, read_labels(piece.whole(), context.name, said))
    except InputError as error:
        yield NotUnderstood(context.name, str(error))


def _format(choice: FieldChoice, context: Context, format_name: str) -> str:
    """The older training layout is a CSV per account that leaves the account to the file's name."""
    return format_name if choice.names["username"] or not _username(context) or context.username else "older-training"


def _username(context: Context) -> str | None:
    """Whose posts a table without a column for it holds: as given, or by a file name such as ``@anna.csv``."""
    if context.username:
        return context.username
    return context.stem if context.stem.startswith("@") else None


def _usual(wanted: Field) -> str:
    return ", ".join(USUAL_NAMES[wanted][:6])
