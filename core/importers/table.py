"""Tables of posts: CSV (any usual delimiter and encoding), sheets of Excel, Parquet, JSON lines and lists of records.

Which column is what, :mod:`core.storage.post_records` decides. The rows of an account need not stand together:
they are sorted by account first, on the disk where there are many.
"""

import csv
import io
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from typing import Any

import duckdb
import orjson
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet

from core.errors import InputError
from core.importers.archives import Piece
from core.importers.results import (
    Context,
    Found,
    FoundLabels,
    LeftOutRecords,
    NotUnderstood,
    Recognised,
    account,
    with_ids,
)
from core.storage.models import Post
from core.storage.moments import parse_time
from core.storage.post_records import (
    SAMPLE,
    USUAL_NAMES,
    Field,
    FieldChoice,
    PostReading,
    UntoldCaptions,
    choose_fields,
    flattened,
    plain_name,
    read_record,
)
from core.storage.text_tables import MAX_LINE, Table, open_table
from core.storage.user_lists import UserList, read_labels
from core.storage.usernames import canonical_username, username_error
from core.storage.workbooks import SheetTable, open_sheet
from core.utils.formatting import count

LOOKED_FOR = "a table or list with a user and a text"

_KNOWN = frozenset(name for names in USUAL_NAMES.values() for name in names)
_ONE_LINE: tuple[Field, ...] = ("username", "taken_at", "id", "shortcode", "likes", "comments", "age")
"""Fields of which no cell ever breaks into several lines."""
_TYPES = {
    **dict.fromkeys(("username", "caption", "taken_at", "id", "shortcode", "kind", "age"), "VARCHAR"),
    **dict.fromkeys(("likes", "comments"), "BIGINT"),
}
_ROWS_AT_A_TIME = 10_000
_BYTES_AT_A_TIME = 64_000_000
_SORT_MEMORY = "400MB"
_ROUNDED = re.compile(r"\d(\.\d+)?E\+\d\d|[1-9]\d{14}0{2,}(\.0)?", re.IGNORECASE)
"""Ids of which a spreadsheet has kept the first 15 digits."""

Record = Mapping[str, Any]
Placed = tuple[str, Record]
"""A record and where it stands: ``line 12``."""


@dataclass
class _Trouble:
    """What was wrong with single rows, for a sentence each at the end."""

    name: str
    left_out: LeftOutRecords
    unread_times: int = 0
    time_example: str = ""
    rounded_ids: int = 0
    captions: UntoldCaptions = field(default_factory=UntoldCaptions)

    def found(self) -> Iterator[Found]:
        yield from self.left_out.found()
        if self.unread_times:
            reason = f"{count(self.unread_times, 'time')} in an unknown form (such as {self.time_example!r}) left empty"
            yield NotUnderstood(self.name, f"{reason}; write them as 2026-10-01T12:00:00Z")
        if self.rounded_ids:
            reason = f"{count(self.rounded_ids, 'id')} not used, as a spreadsheet has rounded them"
            yield NotUnderstood(self.name, f"{reason}; the same posts from another file count as others")
        if untold := self.captions.in_words():
            yield NotUnderstood(self.name, f"{untold}; say which it is, for example --column caption=NAME")


def read_text_table(piece: Piece, context: Context) -> Iterator[Found]:
    """The accounts of a CSV file; a table of usernames and ages without texts becomes labels."""
    with open_table(piece.open, "it", _known(context)) as table:
        yield from _read_table(table, piece, context, "csv")


def read_sheet(piece: Piece, context: Context) -> Iterator[Found]:
    """The accounts of a sheet of Excel; a table of usernames and ages without texts becomes labels."""
    with open_sheet(piece.path if piece.archive is None else piece.whole(), "it", _known(context)) as table:
        yield from _read_table(table, piece, context, "xlsx")


def _read_table(table: Table | SheetTable, piece: Piece, context: Context, format_name: str) -> Iterator[Found]:
    header = table.header or [cell or "" for cell in next((row.cells for row in table.sample()), [])]
    samples = [dict(zip(header, row.cells, strict=False)) for row in table.sample() if not row.fault]
    choice = choose_fields(header, samples, context.columns)
    if choice.names["username"] and choice.names["age"] and not choice.names["caption"]:
        yield from _labels(piece, context)
    elif reason := _unusable(choice, header, samples, context):
        yield NotUnderstood(context.name, reason)
    else:
        yield Recognised(
            context.name, format_name, " ".join([f"took {choice.in_words()}.", *table.remarks]).rstrip(".")
        )
        trouble = _Trouble(context.name, LeftOutRecords(context.name))
        rows = _table_rows(table, choice, trouble.left_out)
        yield from _accounts(rows, choice, context, _format(choice, context, format_name), trouble)
        if table.short:
            rows_are = f"{count(table.short, 'row')} with fewer cells than the header, the first on line"
            yield NotUnderstood(
                context.name, f"{rows_are} {table.first_short:,}; what is missing at the end was left empty"
            )


def _table_rows(table: Table | SheetTable, choice: FieldChoice, left_out: LeftOutRecords) -> Iterator[Placed]:
    at = {name: place for place, name in enumerate(table.header)}
    single = [at[name] for wanted in _ONE_LINE for name in choice.names[wanted][:1] if name in at]
    users = choice.names["username"]
    for row in table.rows(at[users[0]] if users else None, single):
        place = f"line {row.line:,}"
        record = dict(zip(table.header, row.cells, strict=False))
        if row.fault:
            left_out.add(f"because {row.fault}", place, row.text)
        elif row.is_short and _is_shifted(read_record(record, choice), choice):
            left_out.add("because a line break without quotation marks has cut them in two", place, row.text)
        else:
            yield place, record


def _is_shifted(reading: PostReading, choice: FieldChoice) -> bool:
    """Whether a row that lacks cells begins in the middle, so that a time stands where its text should."""
    text = reading.caption or ""
    return bool(choice.names["taken_at"]) and reading.taken_at is None and parse_time(text) is not None


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
    yield Recognised(context.name, "parquet", f"took {choice.in_words()}")
    wanted = {name.split(".")[0] if name not in names else name for found in choice.names.values() for name in found}
    records = _parquet_records(file, [name for name in names if name in wanted])
    placed = ((f"row {number:,}", record) for number, record in enumerate(records, start=1))
    yield from _accounts(placed, choice, context, "parquet", _Trouble(context.name, LeftOutRecords(context.name)))


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


def read_records(records: Iterable[Record], context: Context, format_name: str) -> Iterator[Found]:
    """The accounts of a list of JSON objects, one per post; inner objects count as ``outer.inner``."""
    flat = (flattened(record) for record in records)
    first = list(islice(flat, SAMPLE))
    names = list(dict.fromkeys(name for record in first for name in record))
    choice = choose_fields(names, first, context.columns)
    if reason := _unusable(choice, names, first, context):
        yield NotUnderstood(context.name, reason)
        return
    yield Recognised(context.name, format_name, f"took {choice.in_words()}")
    everything = (record for part in (first, flat) for record in part)
    placed = ((f"record {number:,}", record) for number, record in enumerate(everything, start=1))
    yield from _accounts(placed, choice, context, format_name, _Trouble(context.name, LeftOutRecords(context.name)))


def _known(context: Context) -> Any:
    """Whether a column of that name is one that a header of a table of posts would have."""
    return lambda name: name in context.columns.values() or plain_name(name.strip('"')) in _KNOWN


def _unusable(choice: FieldChoice, names: Sequence[str], samples: Sequence[Record], context: Context) -> str | None:
    """Why a table with these columns is none of posts, or None if it is."""
    shown = ", ".join(repr(name[:30]) for name in names[:12])
    for wanted, name in context.columns.items():
        if name not in names:
            return f"it has no column {name[:40]!r} to take the {wanted} from; it has {shown}"
    if not choice.names["caption"]:
        return (
            f"it has no column with the text; looked for {_usual('caption')}, found {shown}. "
            "Rename the column with the text to 'caption', or say which it is: --column caption=NAME"
        )
    has_owner = choice.names["username"] or any(read_record(record, choice).username for record in samples)
    if not has_owner and not _username(context):
        return (
            f"it does not say whose posts these are; looked for {_usual('username')}, found {shown}. "
            "Rename that column to 'username', say which it is (--column username=NAME), or give the username"
        )
    return None


def json_lines(piece: Piece) -> Iterator[dict[str, Any]]:
    """The objects of a JSON lines file.

    Raises:
        InputError: a line is no JSON object.
    """
    with piece.open() as content:
        for number, line in enumerate(content, start=1):
            if not line.strip(b"\xef\xbb\xbf \t\r\n"):
                continue
            try:
                record = orjson.loads(line.removeprefix(b"\xef\xbb\xbf"))
            except orjson.JSONDecodeError as error:
                raise InputError(f"line {number:,} is not valid JSON ({error}); correct or remove it") from error
            if not isinstance(record, dict):
                raise InputError(f"line {number:,} is no JSON object")
            yield record


def _accounts(
    rows: Iterable[Placed], choice: FieldChoice, context: Context, format_name: str, trouble: _Trouble
) -> Iterator[Found]:
    ages: dict[str, set[str]] = {}
    with _Sorter() as sorter:
        try:
            sorter.add(_checked(rows, choice, context, trouble))
        except InputError as error:
            yield NotUnderstood(context.name, str(error))
        for username, group in groupby(sorter.rows(), key=lambda row: row["username"]):
            mine = list(group)
            if known := {row["age"] for row in mine if row["age"]}:
                ages[username] = known
            yield account(format_name, username, _posts(mine), context)
    yield from trouble.found()
    if ages:
        yield FoundLabels(context.name, _labels_of(ages, context))


Plain = dict[str, Any]
"""The cells of one post by column of the sorter."""


def _checked(rows: Iterable[Placed], choice: FieldChoice, context: Context, trouble: _Trouble) -> Iterator[Plain]:
    """Rows with a canonical username and plain cells; those that cannot be used are counted."""
    fallback = _username(context)
    names: dict[str, str] = {}
    for place, record in rows:
        reading = read_record(record, choice)
        written = reading.username or fallback or ""
        if written not in names:
            names[written] = canonical_username(written)
        if reason := username_error(names[written]):
            trouble.left_out.add(f"because of the name: {reason}", place, written)
            continue
        trouble.captions.see(record, reading)
        yield {**_plain(reading, trouble), "username": names[written]}


def _plain(reading: PostReading, trouble: _Trouble) -> Plain:
    if reading.unread_time:
        trouble.unread_times += 1
        trouble.time_example = trouble.time_example or reading.unread_time
    is_rounded = reading.id is not None and _ROUNDED.fullmatch(reading.id) is not None
    trouble.rounded_ids += is_rounded
    return {
        "caption": reading.caption,
        "taken_at": reading.taken_at.isoformat() if reading.taken_at else None,
        "id": None if is_rounded else reading.id,
        "shortcode": reading.shortcode,
        "likes": reading.likes,
        "comments": reading.comments,
        "kind": reading.kind,
        "age": reading.age,
    }


def _posts(rows: list[Plain]) -> list[Post]:
    """The posts of one account; ids that stand for something else than a post are not used."""
    texts: dict[str, str | None] = {}
    of_posts = all(texts.setdefault(row["id"], row["caption"]) == row["caption"] for row in rows if row["id"])
    posts = [
        Post(
            id=(row["id"] if of_posts else None) or row["shortcode"] or "",
            **{name: row[name] for name in ("shortcode", "taken_at", "caption", "kind", "likes", "comments")},
        )
        for row in rows
    ]
    return with_ids(posts)


class _Sorter:
    """Sorts rows by account, keeping their order, in bounded memory."""

    def __enter__(self) -> "_Sorter":
        self._folder = tempfile.TemporaryDirectory(prefix="agescope-")
        config: dict[str, Any] = {"memory_limit": _SORT_MEMORY, "temp_directory": self._folder.name}
        self._connection = duckdb.connect(":memory:", config=config)
        columns = ", ".join(f'"{name}" {kind}' for name, kind in _TYPES.items())
        self._connection.execute(f"CREATE TABLE rows (position BIGINT, {columns})")
        return self

    def __exit__(self, *error: object) -> None:
        self._connection.close()
        self._folder.cleanup()

    def add(self, rows: Iterator[Plain]) -> None:
        """Take in all rows; those taken in before ``rows`` raised stay."""
        position = 0
        more = True
        while more:
            part: list[Plain] = []
            try:
                part.extend(islice(rows, _ROWS_AT_A_TIME))
            finally:
                self._insert(part, position)
            position += len(part)
            more = len(part) == _ROWS_AT_A_TIME

    def rows(self) -> Iterator[Plain]:
        """All rows, sorted by account."""
        cursor = self._connection.execute("SELECT * EXCLUDE (position) FROM rows ORDER BY username, position")
        while part := cursor.fetchmany(_ROWS_AT_A_TIME):
            for row in part:
                yield dict(zip(_TYPES, row, strict=True))

    def _insert(self, rows: list[Plain], position: int) -> None:
        columns = {
            name: pa.array([row[name] for row in rows], pa.int64() if kind == "BIGINT" else pa.string())
            for name, kind in _TYPES.items()
        }
        numbers = pa.array(range(position, position + len(rows)), pa.int64())
        self._connection.register("part", pa.table({"position": numbers, **columns}))
        self._connection.execute("INSERT INTO rows BY NAME SELECT * FROM part")
        self._connection.unregister("part")


def _labels_of(ages: dict[str, set[str]], context: Context) -> UserList:
    """Labels out of an age column beside the posts; an account with two ages is rejected, as in any labels file."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(["username", "age"])
    writer.writerows((name, age) for name, known in ages.items() for age in sorted(known))
    return read_labels(buffer.getvalue().encode(), context.name)


def _labels(piece: Piece, context: Context) -> Iterator[Found]:
    try:
        yield FoundLabels(context.name, read_labels(piece.whole(), context.name))
    except InputError as error:
        yield NotUnderstood(context.name, str(error))


def _format(choice: FieldChoice, context: Context, format_name: str) -> str:
    """The older training layout is a CSV per account that leaves the account to the file's name."""
    return format_name if choice.names["username"] or context.username else "older-training"


def _username(context: Context) -> str | None:
    """Whose posts a table without a column for it holds: as given, or by a file name such as ``@anna.csv``."""
    if context.username:
        return context.username
    return context.stem if context.stem.startswith("@") else None


def _usual(wanted: Field) -> str:
    return ", ".join(USUAL_NAMES[wanted][:6])
