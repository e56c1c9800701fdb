"""What an engine is.

An engine gets numbered tasks done by workers. What a task comes to lies in a file when it is done, so that
nothing but the numbers, and the reason of a failure, passes between the worker and whoever waits for it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from core.errors import AgeScopeError
from core.scale.names import EngineName

MOST_TRIES = 3
Work = Callable[[int], None]
"""Does the task of a number. It is pickled, once for each worker, and may keep what it loads for its next task."""


@dataclass(frozen=True)
class Watch:
    """What whoever waits for tasks wants to know.

    Attributes:
        is_done: whether the result of a task lies there.
        check: called several times a second; what it raises ends the workers and the wait.
        done: told of each task that is done.
        waiting: told what the engine waits for, in words, where it does.
    """

    is_done: Callable[[int], bool]
    check: Callable[[], None]
    done: Callable[[int], None]
    waiting: Callable[[str], None]


class Engine(Protocol):
    """Gets tasks done."""

    def run(self, work: Work, tasks: Sequence[int], watch: Watch) -> dict[int, str]:
        """Get the tasks done; a task that fails is tried again, up to three times.

        Returns:
            Of each task that failed to the last, the reason.

        Raises:
            AgeScopeError: no worker could be had, or none of them got anything done.
        """


@dataclass(frozen=True)
class EngineOptions:
    """Which engine, and how much of it.

    Attributes:
        engine: its name.
        workers: at the same time; each holds one model.
        address: of a Ray cluster; None starts one on this machine.
        partition: of Slurm; None is the cluster's default, and ``test`` on this machine means submitit's local runs.
        gpus: of each worker.
        cpus: cores of each worker.
    """

    engine: EngineName
    workers: int
    address: str | None = None
    partition: str | None = None
    gpus: float = 0.0
    cpus: float = 1.0


@dataclass
class Tries:
    """How often tasks were tried, and why they failed."""

    def __post_init__(self) -> None:
        self.failed: dict[int, str] = {}
        self.any_done = False
        self._count: dict[int, int] = {}

    def note_failure(self, task: int, reason: str) -> bool:
        """Write a failure down; whether the task is to be tried again.

        Raises:
            AgeScopeError: nothing was ever done, and several tasks have failed: it is not the tasks.
        """
        self._count[task] = self._count.get(task, 0) + 1
        if self._count[task] < MOST_TRIES:
            return True
        self.failed[task] = reason
        if not self.any_done and len(self.failed) >= MOST_TRIES:
            raise AgeScopeError(f"No worker gets anything done: {reason} Mend that, then run the same command again.")
        return False
