"""A job as its folder tells it: state, progress, result, log and events."""

import os
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil
from pydantic import JsonValue

from core.errors import InputError
from core.jobs.events import EVENTS_FILE, E, events_of, rows_of
from core.jobs.records import (
    JOB_FILE,
    PROCESS_FILE,
    PROGRESS_FILE,
    RESULT_FILE,
    JobRecord,
    Kind,
    ProcessRecord,
    ProgressRecord,
    ResultRecord,
)
from core.settings import MAIN_STUDY, PROJECT_DIR, study_of
from core.utils.machine import machine_name, start_of
from core.utils.records import find_record, read_record

__all__ = ["ACTIVE", "RESUMABLE", "Job", "Kind", "State", "active_jobs", "list_jobs", "shell_command"]

State = Literal["running", "unresponsive", "done", "stopped", "failed", "interrupted"]

ACTIVE: frozenset[State] = frozenset({"running", "unresponsive"})
RESUMABLE: frozenset[State] = frozenset({"stopped", "failed", "interrupted"})
STOPPING_FILE = "stopping.json"
HEARTBEAT_LIMIT_S = 60.0
"""A living process whose heartbeat is older than this is shown as unresponsive."""

_LAST_BYTES = 256 * 1024
# Where nothing else tells a start (macOS), its time is relative to a clock that may be corrected while a job runs for
# weeks; no process id comes round again within a minute.
_CLOCK_TOLERANCE_S = 60.0


@dataclass(frozen=True)
class Job:
    """One background job, as its folder tells it."""

    folder: Path

    @property
    def id(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def study_folder(self) -> Path:
        """The data folder of the study whose job it is."""
        return self.folder.parent.parent

    @property
    def record(self) -> JobRecord:
        """What it was asked to do.

        Raises:
            InputError: that is not known any more.
        """
        advice = "This job cannot be shown or gone on with: remove its folder, and start the work anew."
        return read_record(JobRecord, self.folder / JOB_FILE, advice)

    @property
    def progress(self) -> ProgressRecord:
        """The latest that the job reported; its heartbeat is 0 before the first report."""
        return find_record(ProgressRecord, self.folder / PROGRESS_FILE) or ProgressRecord()

    @property
    def result(self) -> ResultRecord | None:
        """How the job ended; None while it has not."""
        return find_record(ResultRecord, self.folder / RESULT_FILE)

    @property
    def end_message(self) -> str:
        """Why it ended early; "" where it did not, or could not say it."""
        result = self.result
        return result.message if result else ""

    @property
    def state(self) -> State:
        """Where the job stands, from its result, its process and its heartbeat."""
        result = self.result
        if result:
            if result.exit_status == 0:
                return "done"
            return "stopped" if result.stopped else "failed"
        if self.process() is None and not self._beats_elsewhere():
            return "interrupted"
        return "running" if self.heartbeat_age_s() < HEARTBEAT_LIMIT_S else "unresponsive"

    @property
    def stopping(self) -> bool:
        """Whether it still runs although it was asked to stop."""
        return self.state in ACTIVE and (self.folder / STOPPING_FILE).is_file()

    @property
    def ended_as_asked(self) -> bool:
        """Whether it was interrupted because somebody wanted that, rather than by whatever else ends processes."""
        return self.state == "interrupted" and (self.folder / STOPPING_FILE).is_file()

    def process(self) -> psutil.Process | None:
        """The job's living process on this machine, known by its id and its start time."""
        known = self._process_record()
        if known is None or known.host != machine_name():
            return None
        try:
            process = psutil.Process(known.pid)
            same = (
                start_of(known.pid) == known.start
                if known.start
                else abs(process.create_time() - known.started) < _CLOCK_TOLERANCE_S
            )
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None

    def heartbeat_age_s(self) -> float:
        """Seconds since the job last gave a sign of life; since its start before the first.

        A sign from the future, which a clock set back leaves, is as far away as one from the past.
        """
        known, heartbeat = self._process_record(), self.progress.heartbeat
        return abs(time.time() - (heartbeat or (known.launched if known else 0.0)))

    def memory_bytes(self) -> int | None:
        """Resident memory of the job's process, or None when it does not run here."""
        process = self.process()
        try:
            return int(process.memory_info().rss) if process else None
        except psutil.NoSuchProcess:
            return None

    def duration_s(self) -> float | None:
        """Seconds from the latest start to the end, to now, or to the last sign of life; None before the start."""
        known, result = self._process_record(), self.result
        if known is None:
            return None
        if result:
            ended = result.ended_at.timestamp()
        else:
            ended = time.time() if self.state in ACTIVE else self.progress.heartbeat
        return max(0.0, ended - known.launched)

    @property
    def command(self) -> str:
        """What a person would type to do the same; it holds no secrets."""
        return shell_command(self.record.arguments, study_of(self.study_folder))

    def log(self, last_bytes: int = _LAST_BYTES) -> str:
        """The end of what the job printed."""
        return _tail(self.folder / "log.txt", last_bytes).decode(errors="replace")

    def events_size(self) -> int:
        """Bytes of ``events.jsonl``; grows with every event."""
        try:
            return (self.folder / EVENTS_FILE).stat().st_size
        except OSError:
            return 0

    def events(self, of: type[E], last_bytes: int = _LAST_BYTES) -> list[E]:
        """The latest events of one kind, oldest first."""
        return [*events_of(of, _tail(self.folder / EVENTS_FILE, last_bytes))]

    def event_rows(self) -> list[dict[str, JsonValue]]:
        """The latest events of all kinds as they stand, oldest first."""
        return [*rows_of(_tail(self.folder / EVENTS_FILE, _LAST_BYTES))]

    def _process_record(self) -> ProcessRecord | None:
        return find_record(ProcessRecord, self.folder / PROCESS_FILE)

    def _beats_elsewhere(self) -> bool:
        known = self._process_record()
        return known is not None and known.host != machine_name() and self.heartbeat_age_s() < HEARTBEAT_LIMIT_S


def shell_command(arguments: Sequence[str], study: str = MAIN_STUDY) -> str:
    """What to type in the project's folder to run a command of ``core``, whatever environment is active there.

    It names the Python that runs now: a mere ``python`` may be another one, without what AgeScope needs.
    """
    folder, name = os.path.split(sys.executable)
    python = Path(folder).resolve() / name  # not the file itself: an environment's Python is a link out of it
    if python.is_relative_to(PROJECT_DIR):
        python = python.relative_to(PROJECT_DIR)
    of_study = [] if study == MAIN_STUDY else ["--study", study]
    return shlex.join([str(python), "-m", "core", *of_study, *arguments])


def list_jobs(jobs_dir: Path) -> list[Job]:
    """All jobs whose record can be read, newest first."""
    return [job for job in _all_jobs(jobs_dir) if find_record(JobRecord, job.folder / JOB_FILE)]


def damaged_jobs(jobs_dir: Path) -> list[str]:
    """Of each job whose record cannot be read, a sentence that names the file and says what to do."""
    found = []
    for job in _all_jobs(jobs_dir):
        try:
            _ = job.record
        except InputError as error:
            found.append(str(error))
    return found


def active_jobs(jobs_dir: Path) -> list[Job]:
    """The jobs that run now, newest first."""
    return [job for job in list_jobs(jobs_dir) if job.state in ACTIVE]


def _all_jobs(jobs_dir: Path) -> list[Job]:
    if not jobs_dir.is_dir():
        return []
    return [Job(path) for path in sorted(jobs_dir.iterdir(), reverse=True) if (path / JOB_FILE).is_file()]


def _tail(path: Path, last_bytes: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - last_bytes))
            return file.read()
    except OSError:
        return b""
