"""How long work tells where it stands, and learns that it should stop.

A command makes one :class:`Progress` and passes it down. On a terminal it draws a bar; where the
command runs as a background job (``AGESCOPE_JOB_DIR`` is set by :mod:`core.jobs.control`), it writes
``progress.json`` (the latest state, with a heartbeat) and ``events.jsonl`` (everything that should
be kept: an epoch's figures, an account's outcome) into the job's folder.
"""

import logging
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self, TypedDict, Unpack

import psutil
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress

from core.errors import AgeScopeError, Stopped
from core.jobs.events import EVENTS_FILE, Event, event_line
from core.jobs.records import PROGRESS_FILE, RESULT_FILE, ProgressRecord, ResultRecord
from core.utils.ranks import process_number
from core.utils.records import utc_now, write_record

logger = logging.getLogger(__name__)

JOB_DIR_VARIABLE = "AGESCOPE_JOB_DIR"
HEARTBEAT_S = 2.0
LOG_S = 30.0
_RATE_WINDOW = 50
_SIGNAL_S = 1.0
"""A signal that reaches another thread (of a job that was suspended) does not end a wait of this one."""


class Report(TypedDict, total=False):
    """What work may report besides how far it is; see :class:`core.jobs.records.ProgressRecord`."""

    unit: str
    message: str
    waiting_until: datetime | None
    waiting_reason: str | None
    seconds_left: float | None
    requests: int
    requests_by_route: dict[str, int]
    outcomes: dict[str, int]
    posts: int
    by_others: int | None
    epoch: int
    loss: float


class Progress:
    """The state of one piece of long work.

    Use it as a context manager; inside, SIGTERM and SIGINT ask the work to stop instead of killing
    it, and :meth:`check` raises :class:`~core.errors.Stopped` at the next safe point.

    Attributes:
        state: what ``progress.json`` shows.
    """

    def __init__(self, unit: str, job_dir: Path | None = None, terminal: bool | None = None) -> None:
        self._job_dir = job_dir or _job_dir_from_environment()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._closed = threading.Event()
        self._marks: deque[tuple[float, float]] = deque(maxlen=_RATE_WINDOW)
        self.state = ProgressRecord(unit=unit)
        is_seen = self._job_dir is None and process_number() == 0 and sys.stderr.isatty()
        show = is_seen if terminal is None else terminal
        self._bar = _bar() if show else None
        self._task = self._bar.add_task("", total=None, unit=unit) if self._bar else None

    def __enter__(self) -> Self:
        self._previous: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._previous[number] = signal.signal(number, self._on_signal)
        if self._bar:
            self._bar.start()
        else:
            threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()
        if self._job_dir:
            self._write()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        if self._bar:
            self._bar.stop()
        if kind is None:
            self.update(waiting_until=None, waiting_reason=None, seconds_left=0)
        if self._job_dir:
            self._write()

    def update(self, done: float | None = None, total: float | None = None, **more: Unpack[Report]) -> None:
        """Report where the work stands, and whatever else of :class:`Report` is known.

        A part of the work that counts something else gives its own ``total`` and ``unit``; the unit ""
        leaves the counting to the message.
        """
        with self._lock:
            if total is not None and total != self.state.total:
                self.state.total = total
                self._marks.clear()  # the rate of what was counted before
            if done is not None:
                self.state.done = done
                self._marks.append((time.monotonic(), done))
            if "seconds_left" not in more and done is not None:
                self.state.seconds_left = self._seconds_left()
            for name, value in more.items():
                setattr(self.state, name, value)
        if self._bar and self._task is not None:
            self._bar.update(
                self._task,
                completed=self.state.done,
                total=self.state.total,
                description=self.state.message,
                unit=self.state.unit,
            )

    def event(self, event: Event) -> None:
        """Append an event to the job's ``events.jsonl``."""
        if self._job_dir:
            with (self._job_dir / EVENTS_FILE).open("ab") as file:
                file.write(event_line(event))

    def request_stop(self) -> None:
        """Ask the work to stop at its next safe point, as SIGTERM does."""
        self._stop.set()

    @property
    def stopping(self) -> bool:
        """Whether the work has been asked to stop."""
        return self._stop.is_set()

    def check(self) -> None:
        """Raise :class:`~core.errors.Stopped` if the work has been asked to stop."""
        if self._stop.is_set():
            raise self.stopped("Stopped as asked.")

    def stopped(self, why: str) -> Stopped:
        """What to raise when the work ends early: ``why``, and how to go on, where it was started from."""
        again = '"Go on" takes it up' if self._job_dir else "Run the same command again to go on"
        return Stopped(f"{why} {again} from here.")

    def wait(self, seconds: float, reason: str) -> None:
        """Wait, saying what for and until when; ends early, with ``Stopped``, when asked to stop."""
        if seconds <= 0:
            self.check()
            return
        until = datetime.fromtimestamp(int(time.time() + seconds), UTC)
        self.update(waiting_until=until, waiting_reason=reason)
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not self._stop.wait(min(left, _SIGNAL_S)):
            pass
        self.update(waiting_until=None, waiting_reason=None)
        self.check()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.stopping and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.request_stop()

    def _seconds_left(self) -> float | None:
        total = self.state.total
        if total is None or len(self._marks) < 2:
            return None
        (start, first), (end, last) = self._marks[0], self._marks[-1]
        if last <= first or end <= start:
            return None
        return round(float(total - last) * (end - start) / (last - first), 1)

    def _beat(self) -> None:
        """Where no bar is drawn: keep the job's folder fresh, and tell the log now and then."""
        logged_at, logged = time.monotonic(), ""
        while not self._closed.wait(HEARTBEAT_S):
            if self._job_dir:
                self._write()
            if time.monotonic() - logged_at >= LOG_S and (line := self._line()) != logged:
                logger.info(line)
                logged_at, logged = time.monotonic(), line

    def _line(self) -> str:
        with self._lock:
            state = self.state.model_copy()
        of = "" if state.total is None else f" of {state.total:,.0f}"
        counted = state.unit and f"{state.done:,.0f}{of} {state.unit}"
        parts = [counted, state.message, state.waiting_reason]
        return ", ".join(part for part in parts if part)

    def _write(self) -> None:
        assert self._job_dir is not None
        memory = psutil.Process().memory_info().rss
        with self._lock:
            self.state.peak_memory = max(memory, self.state.peak_memory)
            state = self.state.model_copy(update={"heartbeat": time.time()})
        try:
            write_record(self._job_dir / PROGRESS_FILE, state)
        except AgeScopeError as error:
            # the work itself must not fail because its progress cannot be shown
            print(error, file=sys.stderr)


def _bar() -> RichProgress:
    return RichProgress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}", markup=False),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )


def _job_dir_from_environment() -> Path | None:
    value = os.environ.get(JOB_DIR_VARIABLE)
    return Path(value) if value and process_number() == 0 else None


@contextmanager
def recorded_result() -> Iterator[None]:
    """Write how the command inside ended to the job's ``result.json``, when it runs as a job."""
    job_dir = _job_dir_from_environment()
    status, message, was_stopped = 1, "It failed in a way nobody foresaw; the log says more.", False
    try:
        yield
        status, message = 0, ""
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
        cause = error.__context__
        message, was_stopped = str(cause) if isinstance(cause, AgeScopeError) else "", isinstance(cause, Stopped)
        raise
    finally:
        if job_dir:
            ended = ResultRecord(exit_status=status, message=message, stopped=was_stopped, ended_at=utc_now())
            write_record(job_dir / RESULT_FILE, ended)


@contextmanager
def no_progress() -> Iterator[Progress]:
    """A progress that nobody watches, for calls from code and tests."""
    with Progress("", terminal=False) as progress:
        yield progress
