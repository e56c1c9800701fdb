"""SQL that a person typed: answered if it is one SELECT over the index's tables, refused otherwise.

Four walls, each enough for most of what could go wrong: the database cannot reach files, extensions
or settings at all (:mod:`core.index.database`); the statement's syntax tree must be one SELECT that
calls no table function but harmless ones; it runs in a read-only transaction; and it is stopped
after a time, a number of rows and an amount of memory.
"""

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import duckdb
import orjson
import pandas as pd
import psutil
import pyarrow as pa

from core.errors import InputError
from core.index.database import Database
from core.utils.tables import parquet

MAX_ROWS = 10_000
MAX_SECONDS = 10.0
MAX_BYTES = 200_000_000
MAX_GROWTH = 1_500_000_000

_ROWS_AT_A_TIME = 64
_IN_OUR_WORDS = (
    ("Binder Error: Referenced column", "There is no such column."),
    ("Catalog Error", "There is no such table or function."),
    ("Binder Error", "The database could not understand this:"),
)
_TABLE_FUNCTIONS = frozenset({"unnest", "json_each", "json_tree"})
# they make much out of little, in memory that DuckDB neither counts nor gives up when interrupted
_GROWING_FUNCTIONS = frozenset({"repeat", "lpad", "rpad", "range", "generate_series", "list_resize", "array_resize"})


@dataclass(frozen=True)
class Answer:
    """The answer to a query.

    Attributes:
        table: its rows, at most :data:`MAX_ROWS`.
        frame: the same, to be shown.
        cut: why rows are left out, in a sentence, or None where all are there.
        seconds: how long it took.
    """

    table: pa.Table
    frame: pd.DataFrame
    cut: str | None
    seconds: float


def answer(database: Database, query: str, max_seconds: float = MAX_SECONDS) -> Answer:
    """Answer one SELECT statement.

    Raises:
        InputError: it is no single SELECT, asks for something that is not allowed, contains a
            mistake, or takes longer than ``max_seconds``.
    """
    started = time.perf_counter()
    with database.cursor() as cursor:
        _check(cursor, query)
        with _explained(max_seconds), _interrupted_after(cursor, max_seconds):
            cursor.execute("BEGIN TRANSACTION READ ONLY")
            table, cut = _fetch(cursor.sql(query).to_arrow_reader(_ROWS_AT_A_TIME))
    return Answer(table, _frame(table), cut, time.perf_counter() - started)


def _fetch(reader: pa.RecordBatchReader) -> tuple[pa.Table, str | None]:
    batches: list[pa.RecordBatch] = []
    rows = size = 0
    cut = None
    for batch in reader:
        rows += batch.num_rows
        size += batch.nbytes
        batches.append(batch)
        if rows > MAX_ROWS:
            cut = f"Only the first {MAX_ROWS:,} rows are shown."
            break
        if size > MAX_BYTES:
            cut = f"Only the first {rows:,} rows are shown, because they are so large."
            break
    table = pa.Table.from_batches(batches, reader.schema)[:MAX_ROWS]
    return table.rename_columns(_distinct(table.column_names)), cut


def _frame(table: pa.Table) -> pd.DataFrame:
    """``table`` as a data frame; refused where it could not be shown, or not be written as Parquet."""
    try:
        parquet(table.schema.empty_table())
        frame: pd.DataFrame = table.to_pandas()
    except (pa.ArrowException, ValueError) as error:
        raise InputError(
            "The answer holds what cannot be shown here: a span of time, or a date too far away. Turn it into text, "
            f"for example (last_at - first_at)::VARCHAR. {error}"
        ) from error
    return frame


def _distinct(names: list[str]) -> list[str]:
    """``names`` with ``_2``, ``_3``, ... behind what occurred before: a data frame or a file may have each but once."""
    taken = set(names)
    seen: set[str] = set()
    distinct = []
    for name in names:
        if name in seen:
            name = next(new for at in itertools.count(2) if (new := f"{name}_{at}") not in taken)
        seen.add(name)
        taken.add(name)
        distinct.append(name)
    return distinct


def _check(cursor: duckdb.DuckDBPyConnection, query: str) -> None:
    """Raise InputError unless the query is one SELECT that calls no table function but harmless ones."""
    if not query.strip():
        raise InputError("Type a query, for example: SELECT username, posts FROM accounts LIMIT 10")
    ((text,),) = cursor.execute("SELECT json_serialize_sql(?::VARCHAR)", [query]).fetchall()
    tree = orjson.loads(text)
    if tree.get("error_type") == "parser":
        raise InputError(f"The database could not understand this: {tree.get('error_message')}")
    if tree.get("error") or len(tree.get("statements", [])) != 1:
        raise InputError("Only one SELECT statement at a time can be run here (no PIVOT, no changes, no settings).")
    for node in _nodes(tree):
        _check_node(node)


def _check_node(node: dict[str, Any]) -> None:
    kind = node.get("type")
    if kind == "TABLE_FUNCTION":
        name = str((node.get("function") or {}).get("function_name", "")).lower()
        if name not in _TABLE_FUNCTIONS:
            raise InputError(f"The table function {name}() is not allowed here; ask the tables beside the query.")
    elif str(node.get("function_name")).lower() in _GROWING_FUNCTIONS:
        raise InputError(f"The function {node['function_name']}() is not allowed here.")
    elif str(kind).endswith("_QUERY_NODE"):  # WITH x AS (DELETE ... RETURNING ...)
        raise InputError("The index can only be read here, not changed.")


def _nodes(value: object) -> Iterator[dict[str, Any]]:
    """Every object of a syntax tree."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            yield item
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)


@contextmanager
def _interrupted_after(cursor: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
    """Interrupt what the cursor does once it takes too long or too much memory."""
    process = psutil.Process()
    until = time.monotonic() + seconds
    most = process.memory_info().rss + MAX_GROWTH
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.05):  # again and again: an interrupt between two steps is lost
            if time.monotonic() > until or process.memory_info().rss > most:
                cursor.interrupt()

    watcher = threading.Thread(target=watch, name="query-limit", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


@contextmanager
def _explained(max_seconds: float) -> Iterator[None]:
    try:
        yield
    except (duckdb.Error, pa.ArrowException, OSError) as error:  # the latter two while rows are fetched
        text = str(error)
        if isinstance(error, duckdb.InterruptException) or "INTERRUPT" in text.upper():
            limit = f"{max_seconds:g} seconds or {MAX_GROWTH / 1e9:g} GB of memory"
            raise InputError(f"The query was stopped: it took more than {limit}. Narrow it, or add a LIMIT.") from error
        if isinstance(error, duckdb.OutOfMemoryException) or "Out of Memory" in text:
            raise InputError("The query needs more memory than it may use. Narrow it, or add a LIMIT.") from error
        ours = next((words for start, words in _IN_OUR_WORDS if text.startswith(start)), "This cannot be answered:")
        raise InputError(f"{ours} {_without_excerpt(text)}") from error


def _without_excerpt(text: str) -> str:
    """What the database says, without the line of the query with a mark below, which needs a fixed width."""
    return text.split("\n\nLINE ")[0]
