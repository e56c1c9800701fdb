"""What the files of a job's folder hold."""

from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, Field

from core.utils.records import Record

Kind = Literal["collect", "import", "train", "predict", "check"]

COMMANDS: dict[Kind, str] = {
    "collect": "scrape-users",
    "import": "import",
    "train": "train",
    "predict": "predict",
    "check": "check-instagram",
}
"""What a job of each kind may run, and nothing else: its file may have been written by somebody else."""

JOB_FILE = "job.json"
PROCESS_FILE = "process.json"
PROGRESS_FILE = "progress.json"
RESULT_FILE = "result.json"


class JobRecord(Record):
    """``job.json``: what runs.

    Attributes:
        kind: what it does.
        title: what it does, for a person.
        arguments: the command and its options, without secrets.
        outputs: what it makes.
        created_at: when it was started first.
        attempts: how often it was started.
    """

    kind: Kind
    title: str
    arguments: tuple[str, ...]
    outputs: tuple[Path, ...] = ()
    created_at: datetime
    attempts: int = 0


class ProcessRecord(Record):
    """``process.json``: which process runs it, or did.

    Attributes:
        pid: its number on its machine.
        started: its start, in seconds since 1970, by which it is told from a later one of that number.
        launched: when AgeScope started it, in seconds since 1970.
        host: its machine; see :func:`core.utils.machine.machine_name`.
        start: its start by a clock that nobody sets; see :func:`core.utils.machine.start_of`.
    """

    pid: int
    started: float
    launched: float
    host: str
    start: str = ""


class ProgressRecord(Record):
    """``progress.json``: the latest that the work reported; every field has what it is before the first report.

    Attributes:
        unit: what ``done`` and ``total`` count; "" leaves the counting to the message.
        message: what it does now.
        waiting_until, waiting_reason: where it waits, until when and what for.
        seconds_left: until its end, as far as that can be told.
        heartbeat: its latest sign of life, in seconds since 1970.
        peak_memory: bytes, the most seen at a heartbeat.
        requests, requests_by_route, outcomes, posts: of a collection; None, and empty, for other work.
        by_others: how many of ``done`` were done by other machines since this one began; None for none.
        epoch, loss: of a training.
    """

    model_config = ConfigDict(frozen=False)  # the work that reports changes it

    unit: str = ""
    done: int | float = 0
    total: int | float | None = None
    message: str = ""
    waiting_until: datetime | None = None
    waiting_reason: str | None = None
    seconds_left: float | None = None
    heartbeat: float = 0.0
    peak_memory: int = 0
    requests: int | None = None
    requests_by_route: dict[str, int] = Field(default_factory=dict)
    outcomes: dict[str, int] = Field(default_factory=dict)
    posts: int | None = None
    by_others: int | None = None
    epoch: int | None = None
    loss: float | None = None


class ResultRecord(Record):
    """``result.json``: how the work ended.

    Attributes:
        exit_status: of the process.
        message: why it ended early; "" where it did not.
        stopped: whether it ended because it was asked to.
        ended_at: when.
    """

    exit_status: int
    message: str = ""
    stopped: bool = False
    ended_at: datetime
