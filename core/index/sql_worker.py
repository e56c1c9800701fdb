"""The process that runs what a person typed: a copy of the index, hard limits, and nothing else in it.

:mod:`core.index.sql_console` starts this file by its path, so it imports nothing of AgeScope's: it is to start
quickly and to have nothing worth stealing. A question comes as one JSON line on standard input; the answer goes
out as eight bytes of length and a JSON object, and the same again with the rows as Arrow.
"""

import os
import select
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, TypedDict

import duckdb
import orjson
import pyarrow as pa

IDLE_S = 600.0
"""A process that nobody asks anything ends itself."""

_THREADS = 2
_ROWS_AT_A_TIME = 64
_LOCKED_DOWN = {
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
    "python_enable_replacements": "false",
    "enable_external_access": "false",
    "lock_configuration": "true",
}
_IN_OUR_WORDS = (
    ("Binder Error: Referenced column", "There is no such column."),
    ("Catalog Error", "There is no such table or function."),
    ("Binder Error", "The database could not understand this:"),
)
_TABLE_FUNCTIONS = frozenset({"unnest", "json_each", "json_tree"})
# they make much out of little; the limits of the process would end them too, but a refusal says more
_GROWING_FUNCTIONS = frozenset({"repeat", "lpad", "rpad", "range", "generate_series", "list_resize", "array_resize"})


class Opening(TypedDict):
    """The first message: the copy of the index, a folder for what does not fit into memory, and how much more may."""

    file: str
    spill_dir: str
    bytes: int


class Question(TypedDict):
    """Every later message: a query, and how long and how large its answer may be."""

    query: str
    seconds: float
    rows: int
    answer_bytes: int


class Head(TypedDict, total=False):
    """What an answer begins with: that the copy is open, why there are no rows, or why some are left out."""

    ready: bool
    refused: str
    cut: str | None


class Refused(Exception):
    """The question cannot be answered; the text says why."""


def main() -> None:
    """Answer questions until there are no more."""
    connection: duckdb.DuckDBPyConnection | None = None
    while select.select([sys.stdin], [], [], IDLE_S)[0] and (line := sys.stdin.buffer.readline()):
        question = orjson.loads(line)
        if question.get("file"):
            connection = open_copy(Path(question["file"]), Path(question["spill_dir"]))
            limit_memory(question["bytes"])
            _send(sys.stdout.buffer, {"ready": True}, b"")
            continue
        assert connection is not None
        limit_time(question["seconds"])
        _answer(connection, question)


def open_copy(file: Path, spill_dir: Path) -> duckdb.DuckDBPyConnection:
    """Open a copy of the index, to be read only, with no way to files, extensions or settings."""
    connection = duckdb.connect(str(file), read_only=True)
    connection.execute("SET memory_limit = '1GB'")
    connection.execute(f"SET threads = {_THREADS}")
    connection.execute("SET temp_directory = $1", [str(spill_dir)])
    connection.execute("SET max_temp_directory_size = '2GB'")
    lock_down(connection)
    return connection


def lock_down(connection: duckdb.DuckDBPyConnection) -> None:
    """Let nothing that runs in a database reach files, extensions or settings, from now on."""
    for setting, value in _LOCKED_DOWN.items():
        connection.execute(f"SET {setting} = {value}")


def limit_memory(more: int) -> None:
    """Let the process take ``more`` bytes than it has; macOS heeds this in part only, so the asker watches too."""
    import resource  # not on Windows

    pages = Path("/proc/self/statm")
    used = int(pages.read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE") if pages.exists() else 0
    with suppress(ValueError, OSError):  # macOS refuses a limit below what is mapped already
        resource.setrlimit(resource.RLIMIT_AS, (used + more, used + more))
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def limit_time(seconds: float) -> None:
    """Let the process compute for ``seconds`` more on each of its threads; the system kills it after that."""
    import resource  # not on Windows

    usage = resource.getrusage(resource.RUSAGE_SELF)
    until = int(usage.ru_utime + usage.ru_stime + (seconds + 2) * _THREADS) + 1
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (until, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _answer(connection: duckdb.DuckDBPyConnection, question: Question) -> None:
    try:
        with connection.cursor() as cursor, _explained(), _interrupted_after(cursor, question["seconds"]):
            check(cursor, question["query"])
            table, cut = fetch(cursor, question["query"], question["rows"], question["answer_bytes"])
            rows = _as_stream(table)
    except Refused as error:
        _send(sys.stdout.buffer, {"refused": str(error)}, b"")
    except MemoryError:
        _send(sys.stdout.buffer, {"refused": "memory"}, b"")
    else:
        _send(sys.stdout.buffer, {"cut": cut}, rows)


def check(cursor: duckdb.DuckDBPyConnection, query: str) -> None:
    """Raise Refused unless the query is one SELECT that calls no table function but harmless ones."""
    if not query.strip():
        raise Refused("Type a query, for example: SELECT username, posts FROM accounts LIMIT 10")
    ((text,),) = cursor.execute("SELECT json_serialize_sql(?::VARCHAR)", [query]).fetchall()
    tree = orjson.loads(text)
    if tree.get("error_type") == "parser":
        raise Refused(f"The database could not understand this: {tree.get('error_message')}")
    if tree.get("error") or len(tree.get("statements", [])) != 1:
        raise Refused("Only one SELECT statement at a time can be run here (no PIVOT, no changes, no settings).")
    for node in _nodes(tree):
        _check_node(node)


def fetch(
    cursor: duckdb.DuckDBPyConnection, query: str, most_rows: int, most_bytes: int
) -> tuple[pa.Table, str | None]:
    """The first rows of the answer, and why the others are left out."""
    cursor.execute("BEGIN TRANSACTION READ ONLY")
    reader = cursor.sql(query).to_arrow_reader(_ROWS_AT_A_TIME)
    batches: list[pa.RecordBatch] = []
    rows = size = 0
    cut = None
    for batch in reader:
        rows += batch.num_rows
        size += batch.nbytes
        batches.append(batch)
        if rows > most_rows:
            cut = f"Only the first {most_rows:,} rows are shown."
            break
        if size > most_bytes:
            cut = f"Only the first {rows:,} row{'' if rows == 1 else 's'} can be shown, because they are so large."
            break
    return pa.Table.from_batches(batches, reader.schema)[:most_rows], cut


def _check_node(node: dict[str, Any]) -> None:
    kind = node.get("type")
    if kind == "TABLE_FUNCTION":
        name = str((node.get("function") or {}).get("function_name", "")).lower()
        if name not in _TABLE_FUNCTIONS:
            raise Refused(f"The table function {name}() is not allowed here; ask the tables beside the query.")
    elif str(node.get("function_name")).lower() in _GROWING_FUNCTIONS:
        raise Refused(f"The function {node['function_name']}() is not allowed here.")
    elif str(kind).endswith("_QUERY_NODE"):  # WITH x AS (DELETE ... RETURNING ...)
        raise Refused("The index can only be read here, not changed.")


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
    """Interrupt what the cursor does once it takes too long; what cannot be interrupted is killed from outside."""
    done = threading.Event()

    def watch() -> None:
        done.wait(seconds)
        while not done.wait(0.05):  # again and again: an interrupt between two steps is lost
            cursor.interrupt()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (duckdb.Error, pa.ArrowException, OSError) as error:  # the latter two while rows are fetched
        text = str(error)
        if isinstance(error, duckdb.InterruptException) or "INTERRUPT" in text.upper():
            raise Refused("time") from error
        if isinstance(error, duckdb.OutOfMemoryException) or any(words in text for words in _NO_MEMORY):
            raise Refused("memory") from error
        ours = next((words for start, words in _IN_OUR_WORDS if text.startswith(start)), "This cannot be answered:")
        # without the line of the query with a mark below, which needs a fixed width
        excerpt = text.find("\n\nLINE ")
        raise Refused(f"{ours} {text[:excerpt] if excerpt >= 0 else text}") from error


_NO_MEMORY = ("Out of Memory", "bad allocation", "bad_alloc", "malloc", "could not allocate", "thread constructor")


def _as_stream(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _send(out: BinaryIO, head: Head, rows: bytes) -> None:
    for part in (orjson.dumps(head), rows):
        out.write(len(part).to_bytes(8, "little"))
        out.write(part)
    out.flush()


if __name__ == "__main__":
    main()
