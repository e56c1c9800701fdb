"""Background jobs: the command line, run apart, and found again whatever happens to the dashboard.

A job is a folder: ``job.json`` (what runs), ``process.json`` (which process), ``log.txt`` (what it
prints), ``progress.json`` and ``events.jsonl`` (what it reports, see :mod:`core.jobs.progress`) and, once
it has ended by itself, ``result.json``; where somebody asked it to stop, ``stopping.json``. Its state
is read from these, never remembered.
"""

import os
import secrets
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import orjson
import psutil
from filelock import FileLock

from core.errors import AgeScopeError
from core.jobs.progress import JOB_DIR_VARIABLE, PROGRESS_FILE, RESULT_FILE
from core.settings import PROJECT_DIR
from core.utils.io import write_json

State = Literal["running", "unresponsive", "done", "stopped", "failed", "interrupted"]
Kind = Literal["collect", "import", "train", "predict", "check"]

ACTIVE: frozenset[State] = frozenset({"running", "unresponsive"})
RESUMABLE: frozenset[State] = frozenset({"stopped", "failed", "interrupted"})
STOPPING_FILE = "stopping.json"
HEARTBEAT_LIMIT_S = 60.0
"""A living process whose heartbeat is older than this is shown as unresponsive."""

_LAST_BYTES = 256 * 1024
# Start times are told relative to a clock that may be corrected while a job runs for weeks; no
# process id comes round again within a minute.
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
    def record(self) -> dict[str, Any]:
        """The content of ``job.json``: kind, title, arguments, outputs, created_at, attempts."""
        return _read(self.folder / "job.json")

    @property
    def progress(self) -> dict[str, Any]:
        """The latest that the job reported; empty before its first report."""
        return _read(self.folder / PROGRESS_FILE)

    @property
    def result(self) -> dict[str, Any]:
        """How the job ended (exit_status, message, ended_at); empty while it has not."""
        return _read(self.folder / RESULT_FILE)

    @property
    def state(self) -> State:
        """Where the job stands, from its result, its process and its heartbeat."""
        result = self.result
        if result:
            if result["exit_status"] == 0:
                return "done"
            return "stopped" if result.get("stopped") else "failed"
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
        known = _read(self.folder / "process.json")
        if known.get("host") != socket.gethostname():
            return None
        try:
            process = psutil.Process(known["pid"])
            same = abs(process.create_time() - known["started"]) < _CLOCK_TOLERANCE_S
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None

    def heartbeat_age_s(self) -> float:
        """Seconds since the job last gave a sign of life; since its start before the first."""
        known = _read(self.folder / "process.json")
        return time.time() - float(max(self.progress.get("heartbeat", 0.0), known.get("launched", 0.0)))

    def memory_bytes(self) -> int | None:
        """Resident memory of the job's process, or None when it does not run here."""
        process = self.process()
        try:
            return int(process.memory_info().rss) if process else None
        except psutil.NoSuchProcess:
            return None

    def duration_s(self) -> float | None:
        """Seconds from the latest start to the end, to now, or to the last sign of life; None before the start."""
        launched = _read(self.folder / "process.json").get("launched")
        if launched is None:
            return None
        result = self.result
        if result:
            ended = datetime.fromisoformat(result["ended_at"]).timestamp()
        else:
            ended = time.time() if self.state in ACTIVE else float(self.progress.get("heartbeat", launched))
        return max(0.0, ended - float(launched))

    @property
    def command(self) -> str:
        """What a person would type to do the same; it holds no secrets."""
        return shell_command(self.record["arguments"])

    def log(self, last_bytes: int = _LAST_BYTES) -> str:
        """The end of what the job printed."""
        return _tail(self.folder / "log.txt", last_bytes).decode(errors="replace")

    def events_size(self) -> int:
        """Bytes of ``events.jsonl``; grows with every event."""
        try:
            return (self.folder / "events.jsonl").stat().st_size
        except OSError:
            return 0

    def events(self, kind: str | None = None, last_bytes: int = _LAST_BYTES) -> list[dict[str, Any]]:
        """The latest records of ``events.jsonl``, oldest first, of one kind or all."""
        lines = _tail(self.folder / "events.jsonl", last_bytes).splitlines()
        records = [orjson.loads(line) for line in lines if line.startswith(b"{") and line.endswith(b"}")]
        return [record for record in records if kind is None or record.get("kind") == kind]

    def _beats_elsewhere(self) -> bool:
        known = _read(self.folder / "process.json")
        elsewhere = bool(known) and known["host"] != socket.gethostname()
        return elsewhere and self.heartbeat_age_s() < HEARTBEAT_LIMIT_S


def shell_command(arguments: Sequence[str]) -> str:
    """What to type in the project's folder to run a command of ``core``, whatever environment is active there.

    It names the Python that runs now: a mere ``python`` may be another one, without what AgeScope needs.
    """
    folder, name = os.path.split(sys.executable)
    python = Path(folder).resolve() / name  # not the file itself: an environment's Python is a link out of it
    if python.is_relative_to(PROJECT_DIR):
        python = python.relative_to(PROJECT_DIR)
    return shlex.join([str(python), "-m", "core", *arguments])


def start(
    jobs_dir: Path,
    kind: Kind,
    title: str,
    arguments: Sequence[str],
    outputs: Sequence[Path] = (),
    environment: Mapping[str, str] | None = None,
) -> Job:
    """Start ``python -m core ARGUMENTS`` as a process of its own that outlives this one.

    Args:
        jobs_dir: the folder of all jobs.
        kind: what it does; only one collection runs at a time.
        title: what it does, for a person.
        arguments: the command and its options, without secrets.
        outputs: what it makes, so that a page can link to it.
        environment: further variables, secrets among them; they are handed over, not written down.

    Raises:
        AgeScopeError: a collection runs already, or the folder cannot be written.
    """
    jobs_dir.mkdir(parents=True, exist_ok=True)
    with FileLock(jobs_dir / ".lock"):
        _refuse_a_second_collection(jobs_dir, kind)
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        job = Job(jobs_dir / f"{stamp}-{kind}-{secrets.token_hex(2)}")
        record = {
            "kind": kind,
            "title": title,
            "arguments": list(arguments),
            "outputs": [str(path) for path in outputs],
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "attempts": 0,
        }
        write_json(job.folder / "job.json", record)
        _launch(job, environment)
    return job


def resume(job: Job, environment: Mapping[str, str] | None = None) -> Job:
    """Start an ended job again, in the same folder; the work goes on where it was.

    Raises:
        AgeScopeError: the job still runs, or another collection does.
    """
    with FileLock(job.folder.parent / ".lock"):
        if job.state in ACTIVE:
            raise AgeScopeError("This job is still running.")
        _refuse_a_second_collection(job.folder.parent, job.record["kind"])
        (job.folder / RESULT_FILE).unlink(missing_ok=True)
        _launch(job, environment)
    return job


def cancel(job: Job, force: bool = False) -> None:
    """Ask a running job to stop at its next safe point; with ``force``, end it at once.

    The request is written down first, so that whoever looks sees it until the job has ended.
    """
    process = job.process()
    if process is None:
        return
    write_json(job.folder / STOPPING_FILE, {"asked_at": time.time(), "at_once": force})
    try:
        process.kill() if force else process.terminate()
    except psutil.NoSuchProcess:
        return


def remove(job: Job) -> None:
    """Delete an ended job's folder; what the job made stays.

    Raises:
        AgeScopeError: the job is still running.
    """
    if job.state in ACTIVE:
        raise AgeScopeError("This job is still running. Stop it first.")
    shutil.rmtree(job.folder)


def list_jobs(jobs_dir: Path) -> list[Job]:
    """All jobs, newest first."""
    if not jobs_dir.is_dir():
        return []
    folders = [path for path in jobs_dir.iterdir() if (path / "job.json").is_file()]
    return [Job(path) for path in sorted(folders, reverse=True)]


def active_jobs(jobs_dir: Path) -> list[Job]:
    """The jobs that run now, newest first."""
    return [job for job in list_jobs(jobs_dir) if job.state in ACTIVE]


def _refuse_a_second_collection(jobs_dir: Path, kind: str) -> None:
    if kind == "collect" and any(job.record["kind"] == "collect" for job in active_jobs(jobs_dir)):
        raise AgeScopeError(
            "A collection is running already. Two at once would only share the same limits: "
            "wait for it, or stop it on the Jobs page."
        )


def _launch(job: Job, environment: Mapping[str, str] | None) -> None:
    record = job.record
    write_json(job.folder / "job.json", {**record, "attempts": record["attempts"] + 1})
    for of_the_last_attempt in (STOPPING_FILE, PROGRESS_FILE):
        (job.folder / of_the_last_attempt).unlink(missing_ok=True)
    launched = time.time()
    with (job.folder / "log.txt").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "core", *record["arguments"]],
            cwd=PROJECT_DIR,
            env={**os.environ, **(environment or {}), JOB_DIR_VARIABLE: str(job.folder)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    started = psutil.Process(process.pid).create_time()
    identity = {"pid": process.pid, "started": started, "launched": launched, "host": socket.gethostname()}
    write_json(job.folder / "process.json", identity)
    _children[:] = [child for child in _children if child.poll() is None] + [process]


_children: list[subprocess.Popen[bytes]] = []
"""Kept so that Python reaps ended children; whether a job lives is read from its folder."""


def _read(path: Path) -> dict[str, Any]:
    try:
        content = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    return content if isinstance(content, dict) else {}


def _tail(path: Path, last_bytes: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - last_bytes))
            return file.read()
    except OSError:
        return b""
