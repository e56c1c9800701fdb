"""Files -> rows of the index, and the statements that put them in and take them out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import orjson
import pyarrow as pa

from core.errors import InputError
from core.index.account_reader import languages_of, read_batch
from core.index.scan import FileKind, FoundFile
from core.storage.moments import parse_time
from core.storage.predictions_file import read_table
from core.storage.run_record import RunRecord
from core.storage.user_lists import read_labels, read_user_list
from core.utils.records import read_record

_TABLES: dict[FileKind, tuple[str, ...]] = {
    "account": ("accounts",),
    "list": ("lists",),
    "labels": ("labels",),
    "predictions": ("predictions",),
    "run": ("runs",),
}
_WHITE_SPACE = "".join(chr(code) for code in range(0x3001) if chr(code).isspace())
_INSERT_POSTS = """
    INSERT INTO posts
    SELECT $first + account, username, id, shortcode, taken_at, caption, lower(caption), kind, likes, comments
    FROM new_posts
"""
_INSERT_ACCOUNTS = """
    INSERT INTO accounts
    SELECT $first + a.account, username, user_id, source, collected_at, complete, outcome, post_count, reason,
        coalesce(posts, 0), coalesce(captions, 0), first_at, last_at, language, path
    FROM new_accounts a LEFT JOIN (
        SELECT account, count(*) AS posts, count(*) FILTER (trim(caption, $white_space) <> '') AS captions,
            min(taken_at) AS first_at, max(taken_at) AS last_at
        FROM new_posts GROUP BY account
    ) p USING (account)
    ORDER BY a.account
"""


@dataclass
class Rows:
    """What some files of one kind hold.

    Attributes:
        tables: rows by the name under which they are inserted.
        reasons: why a file cannot be used, by its path.
    """

    tables: dict[str, pa.Table] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)


def read_rows(data_dir: Path, files: Sequence[FoundFile]) -> Rows:
    """Read files, all of one kind."""
    if not files:
        return Rows()
    if files[0].kind == "account":
        return _account_rows(data_dir, files)
    rows = Rows()
    tables = []
    for file in files:
        try:
            tables.append(_READERS[file.kind](data_dir / file.path, file))
        except InputError as error:
            rows.reasons[file.path] = str(error)
    if tables:
        rows.tables[_TABLES[files[0].kind][0]] = pa.concat_tables(tables)
    return rows


def insert_rows(cursor: duckdb.DuckDBPyConnection, files: Sequence[FoundFile], rows: Rows) -> None:
    """Put files and what they hold into the index."""
    if not files:
        return
    records = [(f.path, f.kind, f.mtime_ns, f.size, rows.reasons.get(f.path)) for f in files]
    names = ("path", "kind", "mtime_ns", "size", "reason")
    columns = dict(zip(names, map(list, zip(*records, strict=True)), strict=True))
    columns["reason"] = pa.array(columns["reason"], pa.string())
    _insert(cursor, "files", pa.table(columns))
    if files[0].kind == "account":
        _insert_accounts(cursor, rows)
    else:
        for table, content in rows.tables.items():
            _insert(cursor, table, content)


def delete_rows(cursor: duckdb.DuckDBPyConnection, files: Sequence[FoundFile]) -> None:
    """Take files, all of one kind, and what they held out of the index."""
    if not files:
        return
    paths = [file.path for file in files]
    if files[0].kind == "account":
        query = "SELECT account_id FROM accounts WHERE path IN (SELECT unnest(?))"
        ids = [row[0] for row in cursor.execute(query, [paths]).fetchall()]
        cursor.execute("DELETE FROM posts WHERE account_id IN (SELECT unnest(?::INTEGER[]))", [ids])
    for table in (*_TABLES[files[0].kind], "files"):
        cursor.execute(f"DELETE FROM {table} WHERE path IN (SELECT unnest(?))", [paths])  # noqa: S608


def _account_rows(data_dir: Path, files: Sequence[FoundFile]) -> Rows:
    batch = read_batch([data_dir / file.path for file in files])
    paths = pa.array([file.path for file in files], pa.string()).take(batch.accounts["file"].combine_chunks())
    numbers = pa.array(range(len(batch.accounts)), pa.int32())
    languages = pa.array(languages_of(batch), pa.string())
    accounts = batch.accounts.append_column("path", paths).append_column("account", numbers)
    accounts = accounts.append_column("language", languages)
    reasons = {files[position].path: reason for position, reason in batch.reasons.items()}
    return Rows({"new_accounts": accounts, "new_posts": batch.posts}, reasons)


def _insert_accounts(cursor: duckdb.DuckDBPyConnection, rows: Rows) -> None:
    # ids only ever grow, so that an account's posts lie together and others' are skipped unread
    ((first,),) = cursor.execute("SELECT coalesce(max(account_id), 0) + 1 FROM accounts").fetchall()
    for name, table in rows.tables.items():
        cursor.register(name, table)
    cursor.execute(_INSERT_POSTS, {"first": first})
    cursor.execute(_INSERT_ACCOUNTS, {"first": first, "white_space": _WHITE_SPACE})
    for name in rows.tables:
        cursor.unregister(name)


def _insert(cursor: duckdb.DuckDBPyConnection, table: str, content: pa.Table) -> None:
    cursor.register("new_rows", content)
    cursor.execute(f"INSERT INTO {table} BY NAME SELECT * FROM new_rows")  # noqa: S608
    cursor.unregister("new_rows")


def _list_rows(path: Path, file: FoundFile) -> pa.Table:
    usernames = read_user_list(path).usernames
    return pa.table({"username": pa.array(usernames, pa.string()), "path": [file.path] * len(usernames)})


def _label_rows(path: Path, file: FoundFile) -> pa.Table:
    labels = read_labels(path)
    names = labels.usernames
    return pa.table(
        {
            "username": pa.array(names, pa.string()),
            "age": pa.array([labels.ages[name] for name in names], pa.float64()),
            "extra": pa.array([orjson.dumps(labels.extra[name]).decode() for name in names], pa.string()),
            "path": pa.array([file.path] * len(names), pa.string()),
            "mtime_ns": pa.array([file.mtime_ns] * len(names), pa.int64()),
        }
    )


def _prediction_rows(path: Path, file: FoundFile) -> pa.Table:
    table = read_table(path)
    for name, value in (("run", path.parent.name), ("path", file.path)):
        table = table.append_column(name, pa.repeat(pa.scalar(value, pa.string()), len(table)))
    return table


def _run_rows(path: Path, file: FoundFile) -> pa.Table:
    record = read_record(RunRecord, path, "Predict again into another folder.")
    created = parse_time(record.created_at.isoformat()) if record.created_at else None
    return pa.table(
        {
            "run": [path.parent.name],
            "model": pa.array([record.model], pa.string()),
            "cutoff": pa.array([record.age_cutoff], pa.float64()),
            "threshold": pa.array([record.threshold], pa.float64()),
            "created_at": pa.array([created.replace(tzinfo=None) if created else None], pa.timestamp("us")),
            "details": [record.model_dump_json()],
            "path": [file.path],
        }
    )


_READERS: dict[FileKind, Callable[[Path, FoundFile], pa.Table]] = {
    "list": _list_rows,
    "labels": _label_rows,
    "predictions": _prediction_rows,
    "run": _run_rows,
}
