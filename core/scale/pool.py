"""Going through tasks with a pool of workers that may die: what processes and Ray's actors have in common."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from core.scale.engine import Tries, Watch


@dataclass(frozen=True)
class Ended:
    """A task that a worker has ended, or died of; ``error`` is None where it is done."""

    task: int
    error: str | None = None


class Pool(Protocol):
    """Workers, each busy with one task at most."""

    def give(self, task: int) -> bool:
        """Give a task to a worker that is free, a new one where one has died; False where none is."""

    def wait(self) -> list[Ended]:
        """The tasks that have ended; waits for one, but no longer than half a second."""

    def close(self) -> None:
        """End all workers at once."""


def work_off(pool: Pool, tasks: Sequence[int], watch: Watch) -> dict[int, str]:
    """Get tasks done by a pool, and close it; see :meth:`core.scale.engine.Engine.run`."""
    waiting, under_way, tries = deque(tasks), 0, Tries()
    try:
        while waiting or under_way:
            watch.check()
            while waiting and pool.give(waiting[0]):
                waiting.popleft()
                under_way += 1
            for ended in pool.wait():
                under_way -= 1
                if ended.error is None or watch.is_done(ended.task):  # it may have died just after
                    tries.any_done = True
                    watch.done(ended.task)
                elif tries.note_failure(ended.task, ended.error):
                    waiting.appendleft(ended.task)  # what fails for all is known before all have failed
    finally:
        pool.close()
    return tries.failed
