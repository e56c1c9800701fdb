"""SQL that a person typed: answered if it is one SELECT over the index's tables, refused otherwise.

It runs in a process of its own (:mod:`core.index.sql_worker`) over a copy of the index, which cannot be written,
and has no way to files, extensions, settings, secrets or a network. The system limits that process's memory and
processor time, its asker watches it as well, and whatever it comes to, it is the process that ends.
"""

import itertools
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import orjson
import pandas as pd
import psutil
import pyarrow as pa

from core.errors import AgeScopeError, InputError
from core.index.database import Database
from core.index.sql_worker import Head, Opening, Question
from core.utils.tables import parquet

MAX_ROWS = 10_000
MAX_SECONDS = 10.0
MAX_BYTES = 200_000_000
MAX_GROWTH = 1_500_000_000

_GRACE_S = 1.0
"""What can be interrupted is, and says so; after this the process is killed."""

_START_S = 60.0
_LOOK_S = 0.02
_MOST_OF_AN_ANSWER = 2 * MAX_BYTES
_KEPT_OF_THE_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


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


class SqlConsole:
    """Answers one query at a time, in a process that is kept for the next one.

    Args:
        database: the index.
        version: grows whenever the index changes; the process gets a new copy then.
        spill_dir: for copies, and for what a query cannot hold in memory.
    """

    def __init__(self, database: Database, version: Callable[[], int], spill_dir: Path) -> None:
        self._database = database
        self._version = version
        self._spill_dir = spill_dir
        self._one_at_a_time = threading.Lock()
        self._worker: _Worker | None = None
        self._copied = -1

    def answer(self, query: str, max_seconds: float = MAX_SECONDS, stop: Callable[[], bool] = lambda: False) -> Answer:
        """Answer one SELECT statement.

        Args:
            query: what was typed.
            max_seconds: how long it may take.
            stop: asked many times a second; True ends it.

        Raises:
            InputError: it is no single SELECT, asks for something that is not allowed, contains a
                mistake, takes too much time or memory, or was stopped.
            AgeScopeError: there is no room for a copy of the index.
        """
        started = time.perf_counter()
        while not self._one_at_a_time.acquire(timeout=_LOOK_S):
            if stop():
                raise InputError(_STOPPED)
        try:
            worker = self._ready()
            head, rows = worker.ask(query, max_seconds, stop)
        finally:
            self._one_at_a_time.release()
        if refused := head.get("refused"):
            raise InputError(_why(refused, max_seconds))
        table = pa.ipc.open_stream(rows).read_all()
        table = table.rename_columns(_distinct(table.column_names))
        return Answer(table, _frame(table), head["cut"], time.perf_counter() - started)

    def close(self) -> None:
        """End the process, whatever it does."""
        if self._worker:
            self._worker.kill()
            self._worker = None

    def _ready(self) -> "_Worker":
        """The process, with a copy of the index as it is now."""
        version = self._version()
        if self._worker and self._worker.alive and self._copied == version:
            return self._worker
        self.close()
        self._worker = _Worker(self._spill_dir)
        with tempfile.TemporaryDirectory(prefix="sql-", dir=self._spill_dir) as folder:
            copy = Path(folder) / self._database.path.name
            self._database.copy(copy)
            self._worker.open(copy)  # and after this the copy may go: an open file stays until it is closed
        self._copied = version
        return self._worker


class RunningQuery:
    """A query that is being answered in a thread, so that a page can show it and stop it.

    Args:
        answer: gives the answer, and asks now and then whether to stop.
    """

    def __init__(self, answer: Callable[[Callable[[], bool]], Answer]) -> None:
        self._stop = threading.Event()
        self._done = threading.Event()
        self._answer: Answer | AgeScopeError | None = None
        self.started_at = time.monotonic()
        threading.Thread(target=self._run, args=(answer,), name="query", daemon=True).start()

    def wait(self, seconds: float) -> bool:
        """Wait for the answer; whether it is there."""
        return self._done.wait(seconds)

    def stop(self) -> None:
        """End the query."""
        self._stop.set()

    def result(self) -> Answer:
        """The answer, once it is there.

        Raises:
            AgeScopeError: see :meth:`SqlConsole.answer`.
        """
        self._done.wait()
        if isinstance(self._answer, AgeScopeError):
            raise self._answer
        assert self._answer is not None
        return self._answer

    def _run(self, answer: Callable[[Callable[[], bool]], Answer]) -> None:
        try:
            self._answer = answer(self._stop.is_set)
        except AgeScopeError as error:
            self._answer = error
        finally:
            self._answer = self._answer or AgeScopeError("The query ended in a way nobody foresaw; ask it again.")
            self._done.set()


class _Worker:
    """A process that runs :mod:`core.index.sql_worker`."""

    def __init__(self, spill_dir: Path) -> None:
        self._spill_dir = spill_dir
        environment = {name: os.environ[name] for name in _KEPT_OF_THE_ENVIRONMENT if name in os.environ}
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(Path(__file__).with_name("sql_worker.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd=spill_dir,
            start_new_session=True,
        )

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    def open(self, copy: Path) -> None:
        """Let it open a copy of the index."""
        self._exchange({"file": str(copy), "spill_dir": str(self._spill_dir), "bytes": MAX_GROWTH}, _START_S)

    def ask(self, query: str, seconds: float, stop: Callable[[], bool]) -> tuple[Head, bytes]:
        """What it says: a head, and rows as an Arrow stream."""
        question: Question = {"query": query, "seconds": seconds, "rows": MAX_ROWS, "answer_bytes": MAX_BYTES}
        return self._exchange(question, seconds + _GRACE_S, stop)

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(BrokenPipeError):  # of a question that it died before it read
                if pipe:
                    pipe.close()

    def _exchange(
        self, question: Opening | Question, seconds: float, stop: Callable[[], bool] = lambda: False
    ) -> tuple[Head, bytes]:
        assert self._process.stdin and self._process.stdout
        with self._watched(seconds, stop) as killed_for:
            try:
                self._process.stdin.write(orjson.dumps(question) + b"\n")
                self._process.stdin.flush()
                head, rows = self._part(), self._part()
            except (OSError, EOFError, orjson.JSONDecodeError):
                self._process.kill()
                self._process.wait()  # else it looks alive to the next question
                return {"refused": killed_for[0] if killed_for else "memory"}, b""
        return orjson.loads(head), rows

    def _part(self) -> bytes:
        assert self._process.stdout
        length = int.from_bytes(self._read(8), "little")
        if length > _MOST_OF_AN_ANSWER:
            raise EOFError
        return self._read(length)

    def _read(self, length: int) -> bytes:
        assert self._process.stdout
        content = self._process.stdout.read(length)
        if len(content) < length:
            raise EOFError
        return content

    @contextmanager
    def _watched(self, seconds: float, stop: Callable[[], bool]) -> Iterator[list[str]]:
        """Kill the process once it takes too long or too much memory, or is to stop; the list says what for."""
        killed_for: list[str] = []
        done = threading.Event()
        until = time.monotonic() + seconds
        most = _memory(self._process.pid) + MAX_GROWTH

        def watch() -> None:
            while not done.wait(_LOOK_S):
                reason = self._too_much(until, most, stop)
                if reason:
                    killed_for.append(reason)
                    self._process.kill()
                    return

        watcher = threading.Thread(target=watch, name="query-limit", daemon=True)
        watcher.start()
        try:
            yield killed_for
        finally:
            done.set()
            watcher.join()

    def _too_much(self, until: float, most: int, stop: Callable[[], bool]) -> str:
        if stop():
            return "stop"
        if time.monotonic() > until:
            return "time"
        return "memory" if _memory(self._process.pid) > most else ""


_STOPPED = "The query was stopped, as you asked."


def _memory(process: int) -> int:
    try:
        return int(psutil.Process(process).memory_info().rss)
    except psutil.Error:  # it has ended
        return 0


def _why(refused: str, max_seconds: float) -> str:
    return {
        "stop": _STOPPED,
        "time": f"The query was stopped: it took more than {max_seconds:g} seconds. Narrow it, or add a LIMIT.",
        "memory": "The query was stopped: it needs more memory than it may use. Narrow it, or add a LIMIT.",
    }.get(refused, refused)


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
