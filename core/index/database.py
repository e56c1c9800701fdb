"""The index's DuckDB file: opened once per process, locked down, shared by threads through cursors."""

import logging
import os
import re
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from core.errors import AgeScopeError
from core.index.sql_worker import lock_down

logger = logging.getLogger(__name__)

SCHEMA_VERSION = 3

_MEMORY_LIMIT = "1GB"
_READERS_S = 5.0
"""How long those who read just now are waited for before the file is replaced."""
_SCHEMA = """
CREATE TABLE files (path VARCHAR, kind VARCHAR, mtime_ns BIGINT, size BIGINT, reason VARCHAR);
CREATE TABLE accounts (
    account_id INTEGER, username VARCHAR, user_id VARCHAR, source VARCHAR, collected_at TIMESTAMP, complete BOOLEAN,
    outcome VARCHAR, post_count BIGINT, reason VARCHAR,
    posts INTEGER, captions INTEGER, first_at TIMESTAMP, last_at TIMESTAMP, language VARCHAR, path VARCHAR
);
CREATE TABLE posts (
    account_id INTEGER, username VARCHAR, id VARCHAR, shortcode VARCHAR, taken_at TIMESTAMP, caption VARCHAR,
    caption_lower VARCHAR, kind VARCHAR, likes BIGINT, comments BIGINT
);
CREATE TABLE lists (username VARCHAR, path VARCHAR);
CREATE TABLE labels (username VARCHAR, age DOUBLE, extra JSON, path VARCHAR, mtime_ns BIGINT);
CREATE TABLE predictions (
    run VARCHAR, username VARCHAR, probability DOUBLE, prediction TINYINT, posts INTEGER, path VARCHAR
);
CREATE TABLE runs (
    run VARCHAR, model VARCHAR, cutoff DOUBLE, threshold DOUBLE, created_at TIMESTAMP, details JSON, path VARCHAR
);
CREATE VIEW ages AS
    SELECT username, arg_max(age, mtime_ns) AS age, arg_max(extra, mtime_ns) AS extra FROM labels GROUP BY username;
CREATE TABLE schema_version AS SELECT {version}::INTEGER AS version;
"""


def anew_file(index_file: Path) -> Path:
    """Where this file lies, whoever has the index open makes it anew: its free space may hold what was removed."""
    return index_file.with_name(f"{index_file.name}.anew")


class Database:
    """One open index file.

    Nothing that runs in it can reach files, extensions or settings: rows come in from memory only,
    so that a query typed by a person can be trusted to stay inside (see :mod:`core.index.sql_console`).

    Raises:
        AgeScopeError: another process has the index open, or the folder cannot be written.
    """

    def __init__(self, path: Path, spill_dir: Path) -> None:
        self.path = path
        self._spill_dir = spill_dir
        try:
            for folder in (path.parent, spill_dir):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise AgeScopeError(
                f"{error.filename} cannot be made: {error.strerror}. Correct the permissions of the data folder."
            ) from error
        self._writing = threading.Lock()
        self._change = threading.Condition()
        self._readers = 0
        self._is_replaced = False
        self._connection: duckdb.DuckDBPyConnection | None = self._open()

    @contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection of the calling thread's own."""
        with self._change:
            self._change.wait_for(lambda: not self._is_replaced)
            if self._connection is None:  # it could not be opened anew; perhaps it can by now
                self._connection = self._open()
            own = self._connection.cursor()
            self._readers += 1
        try:
            with own:
                yield own
        finally:
            with self._change:
                self._readers -= 1
                self._change.notify_all()

    def frame(self, query: str, parameters: Sequence[Any] = ()) -> pd.DataFrame:
        """The answer to a query of ours as a data frame."""
        with translated(), self.cursor() as cursor:
            frame: pd.DataFrame = cursor.execute(query, list(parameters)).df()
            return frame

    def row(self, query: str, parameters: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        """The first row of the answer to a query of ours."""
        with translated(), self.cursor() as cursor:
            rows = cursor.execute(query, list(parameters)).fetchall()
            return rows[0] if rows else None

    def record(self, query: str, parameters: Sequence[Any] = ()) -> dict[str, Any] | None:
        """The first row of the answer to a query of ours, by column."""
        with translated(), self.cursor() as cursor:
            columns = [column[0] for column in cursor.execute(query, list(parameters)).description]
            rows = cursor.fetchall()
            return dict(zip(columns, rows[0], strict=True)) if rows else None

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A transaction that is committed at the end, or rolled back whole; one at a time."""
        with self._writing, translated(), self.cursor() as cursor:
            cursor.begin()
            try:
                yield cursor
            except BaseException:
                with suppress(duckdb.Error):  # after some errors there is nothing left to roll back
                    cursor.rollback()
                raise
            cursor.commit()

    def copy(self, to: Path) -> None:
        """Copy the file as it is after the last transaction, which another process can open then.

        Raises:
            AgeScopeError: there is no room for it.
        """
        with self._writing:  # between transactions the file and its log belong together
            try:
                for suffix in ("", ".wal"):
                    with suppress(FileNotFoundError):
                        shutil.copyfile(f"{self.path}{suffix}", f"{to}{suffix}")
            except OSError as error:
                raise AgeScopeError(
                    f"A copy of the index for the query cannot be made: {error.strerror}. Make room on the disk."
                ) from error

    @property
    def must_be_made_anew(self) -> bool:
        """Whether somebody has asked for that; see :func:`anew_file`."""
        return anew_file(self.path).exists()

    def clear(self) -> None:
        """Begin with a new file, and empty tables: dropped ones would leave what they held in the old one.

        Raises:
            AgeScopeError: the new file cannot be made.
        """
        with self._writing, self._nobody_reads() as nobody:
            if nobody:
                self._replace()
        with self.transaction() as cursor:
            _create_schema(cursor)
        anew_file(self.path).unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file; what still runs in other threads is ended."""
        if self._connection is not None:
            self._connection.close()

    @contextmanager
    def _nobody_reads(self) -> Iterator[bool]:
        """Let those who read come to their end, and nobody begin; False where that takes too long."""
        with self._change:
            self._is_replaced = True
            try:
                yield self._change.wait_for(lambda: self._readers == 0, _READERS_S)
            finally:
                self._is_replaced = False
                self._change.notify_all()

    def _replace(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self._remove_files()
        self._connection = self._open()

    def _remove_files(self) -> None:
        for path in (self.path, self.path.with_name(self.path.name + ".wal")):
            path.unlink(missing_ok=True)

    def _open(self) -> duckdb.DuckDBPyConnection:
        try:
            connection = self._connect()
        except duckdb.Error as error:
            self._explain(error)
            # Damaged, or written by another version of DuckDB. The files are the truth: begin anew.
            logger.warning(
                "The index could not be used (%s). It is built anew from the files; nothing else was touched.",
                _first_line(error),
            )
            self._remove_files()
            connection = self._connect()
        if not _has_schema(connection):
            _create_schema(connection)
        return connection

    def _explain(self, error: duckdb.Error) -> None:
        """Raise where the file is sound but cannot be had; return where it is damaged."""
        if is_held(error):
            raise AgeScopeError(
                f"The index {self.path} is open in {holder_of(error)}, most likely a running dashboard. Use that one, "
                "or close it and try again."
            ) from error
        if not (self.path.is_file() and os.access(self.path, os.R_OK | os.W_OK)):
            raise AgeScopeError(
                f"The index {self.path} cannot be opened ({_first_line(error)}). Correct the folder's permissions."
            ) from error

    def _connect(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(str(self.path))
        connection.execute(f"SET memory_limit = '{_MEMORY_LIMIT}'")
        connection.execute("SET temp_directory = $1", [str(self._spill_dir)])
        lock_down(connection)
        return connection


@contextmanager
def translated() -> Iterator[None]:
    """Turn what DuckDB raises into an :class:`AgeScopeError` that a person can act on."""
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise AgeScopeError(
            f"The index needs more than the {_MEMORY_LIMIT} of memory it may use. Narrow the filter."
        ) from error
    except duckdb.ConnectionException as error:
        raise AgeScopeError("The index has been closed. Reload the page.") from error
    except duckdb.ProgrammingError:
        raise  # a mistake of ours, not of the disk
    except duckdb.Error as error:
        raise AgeScopeError(
            f"The index cannot be read or written ({_first_line(error)}). Make room on the disk; if that does not "
            "help, close AgeScope and delete the index: it is built again from the files."
        ) from error


def _has_schema(connection: duckdb.DuckDBPyConnection) -> bool:
    try:
        row = connection.execute("SELECT version FROM schema_version").fetchone()
    except duckdb.CatalogException:
        return False
    return row == (SCHEMA_VERSION,)


def _create_schema(connection: duckdb.DuckDBPyConnection) -> None:
    found = connection.execute("SELECT table_name, table_type FROM information_schema.tables").fetchall()
    for name, kind in sorted(found, key=lambda item: item[1] != "VIEW"):
        connection.execute(f'DROP {"VIEW" if kind == "VIEW" else "TABLE"} "{name}"')
    connection.execute(_SCHEMA.format(version=SCHEMA_VERSION))


def is_held(error: duckdb.Error) -> bool:
    """Whether somebody else has the file open; "block" tells of damage."""
    text = str(error)
    return bool(re.search(r"\block(ed)?\b", text)) or "same database file" in text


def holder_of(error: duckdb.Error) -> str:
    """Who has the file open, as far as the error says."""
    holder = re.search(r"PID (\d+)", str(error))
    return f"process {holder[1]}" if holder else "another place"


def _first_line(error: duckdb.Error) -> str:
    return str(error).splitlines()[0]
