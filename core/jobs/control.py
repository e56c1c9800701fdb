"""Background jobs: the command line, run apart, whatever happens to the dashboard.

A job is a folder: ``job.json`` (what runs), ``process.json`` (which process), ``log.txt`` (what it
prints), ``progress.json`` and ``events.jsonl`` (what it reports, see :mod:`core.jobs.progress`) and,
once it has ended by itself, ``result.json``; where somebody asked it to stop, ``stopping.json``. Its
state is read from these, never remembered; see :mod:`core.jobs.job`.
"""

import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import psutil
from filelock import FileLock

from core.errors import AgeScopeError, InputError
from core.jobs.job import ACTIVE, STOPPING_FILE, Job, active_jobs
from core.jobs.progress import JOB_DIR_VARIABLE
from core.jobs.records import (
    COMMANDS,
    JOB_FILE,
    PROCESS_FILE,
    PROGRESS_FILE,
    RESULT_FILE,
    JobRecord,
    Kind,
    ProcessRecord,
)
from core.settings import MAIN_STUDY, PROJECT_DIR
from core.utils.io import write_json
from core.utils.machine import machine_name, start_of
from core.utils.records import utc_now, write_record


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
        record = JobRecord(
            kind=kind, title=title, arguments=tuple(arguments), outputs=tuple(outputs), created_at=utc_now()
        )
        _launch(job, record, environment)
    return job


def resume(job: Job, environment: Mapping[str, str] | None = None) -> Job:
    """Start an ended job again, in the same folder; the work goes on where it was.

    Raises:
        AgeScopeError: the job still runs, or another collection does, or what it was asked to do is not known any
            more, or is nothing that a job of its kind does.
    """
    with FileLock(job.folder.parent / ".lock"):
        if job.state in ACTIVE:
            raise AgeScopeError("This job is still running.")
        record = job.record
        _refuse_a_second_collection(job.folder.parent, record.kind)
        (job.folder / RESULT_FILE).unlink(missing_ok=True)
        _launch(job, record, environment)
    return job


def cancel(job: Job, force: bool = False) -> None:
    """Ask a running job to stop at its next safe point; with ``force``, end it at once.

    The request is written down first, so that whoever looks sees it until the job has ended.

    Raises:
        AgeScopeError: its folder names a process that works on something else.
    """
    process = job.process()
    if process is None:
        return
    if not _works_on(process, job):
        raise AgeScopeError(
            f"{job.folder / PROCESS_FILE} names process {process.pid}, which does not work on this job, so it was left "
            "alone. Somebody has changed that file: remove it."
        )
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


def _refuse_a_second_collection(jobs_dir: Path, kind: str) -> None:
    if kind == "collect" and any(job.record.kind == "collect" for job in active_jobs(jobs_dir)):
        raise AgeScopeError(
            "A collection is running already. Two at once would only share the same limits: "
            "wait for it, or stop it on the Jobs page."
        )


def _works_on(process: psutil.Process, job: Job) -> bool:
    """Whether a process was started for a job, as its environment says; assumed where that cannot be read."""
    try:
        folder = process.environ().get(JOB_DIR_VARIABLE)
    except psutil.Error:
        return True
    return folder is not None and Path(folder).name == job.id


def _refuse_another_command(job: Job, record: JobRecord) -> None:
    """Whoever may write into the study's folder may write a job's file, and must not be able to run what they like."""
    command, *options = record.arguments or ("",)
    other_study = any(word == "--study" or word.startswith("--study=") for word in options)
    if command != COMMANDS[record.kind] or other_study:
        raise InputError(
            f"{job.folder / JOB_FILE} asks for something that a job of its kind does not do, so nothing was started. "
            "Somebody has changed that file: remove the job, and start the work anew."
        )


def _launch(job: Job, record: JobRecord, environment: Mapping[str, str] | None) -> None:
    _refuse_another_command(job, record)
    write_record(job.folder / JOB_FILE, record.model_copy(update={"attempts": record.attempts + 1}))
    for of_the_last_attempt in (STOPPING_FILE, PROGRESS_FILE):
        (job.folder / of_the_last_attempt).unlink(missing_ok=True)
    launched = time.time()
    with (job.folder / "log.txt").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "core", *record.arguments],
            cwd=PROJECT_DIR,
            env={
                **os.environ,
                "AGESCOPE_DATA_DIR": str(job.study_folder),
                "AGESCOPE_STUDY": MAIN_STUDY,  # of that folder, which is itself the study
                **(environment or {}),
                JOB_DIR_VARIABLE: str(job.folder),
            },
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    started = psutil.Process(process.pid).create_time()
    known = ProcessRecord(
        pid=process.pid, started=started, launched=launched, host=machine_name(), start=start_of(process.pid)
    )
    write_record(job.folder / PROCESS_FILE, known)
    _children[:] = [child for child in _children if child.poll() is None] + [process]


_children: list[subprocess.Popen[bytes]] = []
"""Kept so that Python reaps ended children; whether a job lives is read from its folder."""
