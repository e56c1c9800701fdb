"""Tables of posts: CSV (any usual delimiter and encoding), Parquet, JSON lines and lists of records.

Columns are found by their usual names. The rows of an account need not stand together: they are
sorted by account first, on the disk where there are many.
"""

import codecs
import csv
import io
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby, islice
from typing import Any

import duckdb
import orjson
import pyarrow as pa
import pyarrow.parquet

from core.errors import InputError
from core.importers.archives import Piece
from core.importers.results import Context, Found, FoundLabels, NotUnderstood, account, with_ids
from core.storage.models import Post
from core.storage.moments import parse_time
from core.storage.user_lists import UserList, read_labels
from core.storage.usernames import canonical_username, username_error

LOOKED_FOR = "a table or list with a user and a text"
USUAL_NAMES: dict[str, tuple[str, ...]] = {
    "user": (
        *("username", "user_name", "user", "handle", "account", "screen_name", "ownerusername", "owner_username"),
        *(
            "user_username",
            "user_screen_name",
            "author_username",
            "author",
            "profile",
            "owner",
            "blogger",
            "participant",
        ),
        *("user_id", "author_id", "owner_id", "userid", "ownerid"),
    ),
    "text": (
        "caption",
        "caption_text",
        "text",
        "full_text",
        "body",
        "content",
        "message",
        "tweet",
        "post_text",
        "post",
    ),
    "time": (
        *(
            "taken_at",
            "taken_at_timestamp",
            "timestamp",
            "created_at",
            "creation_timestamp",
            "created_time",
            "datetime",
        ),
        *("date_utc", "date", "time", "published_at", "created", "created_utc"),
    ),
    "id": ("id", "pk", "post_id", "media_id", "tweet_id", "status_id", "post_pk"),
    "shortcode": ("shortcode", "code", "short_code"),
    "likes": ("likes", "like_count", "likes_count", "likescount"),
    "comments": ("comments", "comment_count", "comments_count", "commentscount"),
    "age": ("age", "labeled_age", "labelled_age"),
}
"""What each column is usually called, in lower case with ``_`` for dots, blanks and hyphens."""

_FIELDS = tuple(USUAL_NAMES)
_DELIMITERS = ",;\t|"
_ROWS_AT_A_TIME = 10_000
_SORT_MEMORY = "400MB"
_TWITTER_TIME = "%a %b %d %H:%M:%S %z %Y"

csv.field_size_limit(2**24)  # a blog entry may be longer than the 128 KB of the module's default


Row = dict[str, Any]
"""The cells of one post by field (``user``, ``text``, ``time``, ...); fields may be missing."""


def _as_cp1252(error: UnicodeError) -> tuple[str, int]:
    """Read single bytes that are not UTF-8 as Windows-1252, as :func:`core.utils.io.decode_text` does."""
    assert isinstance(error, UnicodeDecodeError)
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error("as_cp1252", _as_cp1252)


@dataclass
class _Trouble:
    """What was wrong with single rows, for one sentence at the end."""

    name: str
    rows: int = 0
    example: str = ""
    unread_times: int = 0
    time_example: str = ""

    def found(self) -> Iterator[NotUnderstood]:
        if self.rows:
            yield NotUnderstood(self.name, f"{self.rows:,} rows were left out; the first: {self.example}")
        if self.unread_times:
            reason = (
                f"{self.unread_times:,} times are in an unknown form (such as {self.time_example!r}) and left empty"
            )
            yield NotUnderstood(self.name, f"{reason}; write them as 2026-10-01T12:00:00Z")


@dataclass
class _Columns:
    """Which column holds which field; by position, or by name for records."""

    at: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, names: Iterable[str]) -> "_Columns":
        at = {_plain(name): name for name in reversed(list(names))}
        found = {wanted: [at[name] for name in usual if name in at] for wanted, usual in USUAL_NAMES.items()}
        return cls({wanted: places[0] for wanted, places in found.items() if places})

    def row_of(self, record: dict[str, Any]) -> Row:
        """The fields of a record."""
        return {wanted: record.get(name) for wanted, name in self.at.items()}

    def why_not(self, names: Sequence[str], context: Context) -> str | None:
        """Why a table with these columns is none of posts, or None if it is."""
        shown = ", ".join(repr(name[:30]) for name in names[:12])
        if "text" not in self.at:
            return (
                f"it has no column with the text; looked for {_usual('text')}, found {shown}. "
                "Rename the column with the text to 'caption'."
            )
        if "user" not in self.at and not _username(context):
            return (
                f"it does not say whose posts these are; looked for {_usual('user')}, found {shown}. "
                "Rename that column to 'username', or give the username."
            )
        return None


def read_text_table(piece: Piece, context: Context) -> Iterator[Found]:
    """The accounts of a CSV file; a table of usernames and ages without texts becomes labels."""
    with piece.open() as content:
        lines = io.TextIOWrapper(content, _encoding(piece), errors="as_cp1252", newline="")
        reader = csv.reader(lines, delimiter=_delimiter(piece))
        header = next((cells for cells in reader if any(cell.strip() for cell in cells)), [])
        columns = _Columns.of(header)
        if {"user", "age"} <= columns.at.keys() and "text" not in columns.at:
            yield from _labels(piece, context)
        elif reason := columns.why_not(header, context):
            yield NotUnderstood(context.name, reason)
        else:
            positions = {wanted: header.index(name) for wanted, name in columns.at.items()}
            yield from _accounts(_csv_rows(reader, positions), context, _format(columns, context, "csv"))


def read_parquet(piece: Piece, context: Context) -> Iterator[Found]:
    """The accounts of a Parquet file."""
    try:
        file = pyarrow.parquet.ParquetFile(piece.path if piece.archive is None else pa.BufferReader(piece.whole()))
        names = file.schema_arrow.names
        columns = _Columns.of(names)
        if reason := columns.why_not(names, context):
            yield NotUnderstood(context.name, reason)
            return
        batches = file.iter_batches(_ROWS_AT_A_TIME, columns=sorted(set(columns.at.values())))
        rows = (columns.row_of(record) for batch in batches for record in batch.to_pylist())
        yield from _accounts(rows, context, "parquet")
    except (pa.ArrowException, OSError) as error:
        yield NotUnderstood(context.name, f"it is a damaged Parquet file ({error})")


def read_records(records: Iterable[dict[str, Any]], context: Context, format_name: str) -> Iterator[Found]:
    """The accounts of a list of JSON objects, one per post; inner objects count as ``outer_inner``."""
    flat = (_flattened(record) for record in records)
    first = list(islice(flat, 100))
    names = list(dict.fromkeys(name for record in first for name in record))
    columns = _Columns.of(names)
    if reason := columns.why_not(names, context):
        yield NotUnderstood(context.name, reason)
        return
    rows = (columns.row_of(record) for part in (first, flat) for record in part)
    yield from _accounts(rows, context, format_name)


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


def _csv_rows(reader: Any, positions: dict[str, int]) -> Iterator[Row]:
    try:
        for cells in reader:
            if cells:
                yield {name: cells[at] if at < len(cells) else None for name, at in positions.items()}
    except csv.Error as error:
        raise InputError(
            f"line {reader.line_num:,} is not valid CSV ({error}); what stands before it is used"
        ) from error


def _accounts(rows: Iterator[Row], context: Context, format_name: str) -> Iterator[Found]:
    trouble = _Trouble(context.name)
    with _Sorter() as sorter:
        try:
            sorter.add(_checked(rows, context, trouble))
        except InputError as error:
            yield NotUnderstood(context.name, str(error))
        ages: dict[str, set[str]] = {}
        for username, group in groupby(sorter.rows(), key=lambda row: row["user"]):
            mine = list(group)
            ages[username] = {row["age"] for row in mine if row["age"]}
            yield account(format_name, username, _posts(mine), context)
    yield from trouble.found()
    if any(ages.values()):
        lines = [
            f'"{name.replace(chr(34), chr(34) * 2)}",{age}' for name, known in ages.items() for age in sorted(known)
        ]
        yield FoundLabels(context.name, read_labels("\n".join(["username,age", *lines]).encode(), context.name))


def _checked(rows: Iterator[Row], context: Context, trouble: _Trouble) -> Iterator[Row]:
    """Rows with a canonical username and plain cells; those that cannot be used are counted."""
    fallback = _username(context)
    known: dict[str, str] = {}
    for row in rows:
        written = _text(row.get("user")) or fallback or ""
        if written not in known:
            known[written] = canonical_username(written)
        name = known[written]
        if reason := username_error(name):
            trouble.rows += 1
            trouble.example = trouble.example or reason
            continue
        moment = _moment(row.get("time"))
        if moment is None and _text(row.get("time")):
            trouble.unread_times += 1
            trouble.time_example = trouble.time_example or str(row["time"])[:40]
        plain = {wanted: _text(row.get(wanted)) for wanted in _FIELDS}
        yield {**plain, "user": name, "time": moment.isoformat() if moment else None}


def _posts(rows: list[Row]) -> list[Post]:
    """The posts of one account; ids that stand for something else than a post are not used."""
    texts: dict[str, str | None] = {}
    of_posts = all(texts.setdefault(row["id"], row["text"]) == row["text"] for row in rows if row["id"])
    posts = [
        Post(
            id=(row["id"] if of_posts else None) or row["shortcode"] or "",
            shortcode=row["shortcode"],
            taken_at=row["time"],
            caption=row["text"],
            likes=_whole_number(row["likes"]),
            comments=_whole_number(row["comments"]),
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
        columns = ", ".join(f'"{name}" VARCHAR' for name in _FIELDS)
        self._connection.execute(f"CREATE TABLE rows (position BIGINT, {columns})")
        return self

    def __exit__(self, *error: object) -> None:
        self._connection.close()
        self._folder.cleanup()

    def add(self, rows: Iterator[Row]) -> None:
        """Take in all rows; those taken in before ``rows`` raised stay."""
        position = 0
        more = True
        while more:
            part: list[Row] = []
            try:
                part.extend(islice(rows, _ROWS_AT_A_TIME))
            finally:
                self._insert(part, position)
            position += len(part)
            more = len(part) == _ROWS_AT_A_TIME

    def rows(self) -> Iterator[Row]:
        """All rows, sorted by account."""
        cursor = self._connection.execute('SELECT * EXCLUDE (position) FROM rows ORDER BY "user", position')
        while part := cursor.fetchmany(_ROWS_AT_A_TIME):
            for row in part:
                yield dict(zip(_FIELDS, row, strict=True))

    def _insert(self, rows: list[Row], position: int) -> None:
        columns = {name: pa.array([row[name] for row in rows], pa.string()) for name in _FIELDS}
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


def _format(columns: _Columns, context: Context, format_name: str) -> str:
    """The older training layout is a CSV per account that leaves the account to the file's name."""
    return format_name if "user" in columns.at or context.username else "older-training"


def _username(context: Context) -> str | None:
    """Whose posts a table without a column for it holds: as given, or by a file name such as ``@anna.csv``."""
    if context.username:
        return context.username
    return context.stem if context.stem.startswith("@") else None


def _flattened(record: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            flat |= {f"{name}_{inner}": inside for inner, inside in value.items()}
        else:
            flat[name] = value
    return flat


def is_utf16(head: bytes) -> bool:
    """Whether a text begins with the mark of UTF-16."""
    return head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))


def _encoding(piece: Piece) -> str:
    return "utf-16" if is_utf16(piece.head()) else "utf-8-sig"


def _delimiter(piece: Piece) -> str:
    text = piece.head().decode(_encoding(piece), "replace")
    first = next((line for line in text.splitlines() if line.strip()), "")
    return max(_DELIMITERS, key=first.count)


def _plain(name: str) -> str:
    return re.sub(r"[\s.\-]+", "_", name.strip().strip("\ufeff")).lower()


def _usual(wanted: str) -> str:
    return ", ".join(USUAL_NAMES[wanted][:6])


def _text(value: object) -> str | None:
    """A cell as text; None where it is empty or holds a list or the like."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bool | dict | list) or value is None or value != value:
        return None
    text = str(value).encode("utf-8", "replace").decode()  # lone surrogates cannot be written as JSON
    return text if text.strip() else None


def _moment(value: object) -> datetime | None:
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
    if not isinstance(value, str):
        return parse_time(value)
    moment = parse_time(value)
    if moment is None and re.match(r"[A-Z][a-z]{2} [A-Z][a-z]{2} \d", value):
        try:
            return datetime.strptime(value, _TWITTER_TIME).astimezone(UTC)
        except ValueError:
            return None
    return moment


def _whole_number(text: str | None) -> int | None:
    try:
        number = int(float(text)) if text else None
    except (ValueError, OverflowError):
        return None
    return number if number is not None and 0 <= number < 2**53 else None
