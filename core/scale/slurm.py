"""Workers that are jobs of a Slurm queue, by way of submitit; needs ``requirements-cluster.txt``.

A job waits in the queue for minutes, so each takes every n-th task, and one that died is submitted anew for
what is left of its tasks.
"""

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import submitit

from core.scale.engine import EngineOptions, Tries, Watch, Work
from core.scale.processes import attempt
from core.settings import get_settings

LOCAL_PARTITION = "local"
_WAIT_S = 1.0
_MINUTES = 24 * 60

logging.getLogger("submitit").setLevel(logging.WARNING)


class SlurmJobs:
    """The engine ``slurm``."""

    def __init__(self, options: EngineOptions) -> None:
        self._options = options

    def run(self, work: Work, tasks: Sequence[int], watch: Watch) -> dict[int, str]:
        """See :meth:`core.scale.engine.Engine.run`."""
        left, tries = [*tasks], Tries()
        told: set[int] = set()
        while left:
            reasons = self._one_round(work, left, watch, told)
            tries.any_done = bool(told)
            given_up = {task for task, reason in reasons.items() if not tries.note_failure(task, reason)}
            left = [task for task in left if task not in told | given_up]
        return tries.failed

    def _one_round(self, work: Work, tasks: Sequence[int], watch: Watch, told: set[int]) -> dict[int, str]:
        """Submit the tasks, and wait for the jobs' end; the reasons of those that failed."""
        count = min(self._options.workers, len(tasks))
        groups = [tasks[place::count] for place in range(count)]
        executor = self._executor()
        with executor.batch():
            jobs = [executor.submit(_do_all, work, group) for group in groups]
        try:
            while not all(job.done() for job in jobs):
                watch.check()
                _tell(tasks, watch, told)
                time.sleep(_WAIT_S)
        except BaseException:
            for job in jobs:
                job.cancel(check=False)
            raise
        _tell(tasks, watch, told)
        pairs = zip(jobs, groups, strict=True)
        return {task: reason for job, group in pairs for task, reason in _reasons(job, group, told).items()}

    def _executor(self) -> Any:
        options = self._options
        folder = Path(get_settings().data_dir) / "cache" / "slurm"
        is_local = options.partition == LOCAL_PARTITION
        executor = submitit.AutoExecutor(folder, cluster="local" if is_local else "slurm")
        executor.update_parameters(timeout_min=_MINUTES, cpus_per_task=max(1, round(options.cpus)))
        if options.gpus:
            executor.update_parameters(gpus_per_node=max(1, round(options.gpus)))
        if not is_local and options.partition:
            executor.update_parameters(slurm_partition=options.partition)
        return executor


def _do_all(work: Work, tasks: Sequence[int]) -> dict[int, str]:
    """In the job: do the tasks, and tell why some failed."""
    found = {task: attempt(work, task) for task in tasks}
    return {task: reason for task, reason in found.items() if reason}


def _tell(tasks: Sequence[int], watch: Watch, told: set[int]) -> None:
    for task in tasks:
        if task not in told and watch.is_done(task):
            told.add(task)
            watch.done(task)


def _reasons(job: Any, tasks: Sequence[int], told: set[int]) -> dict[int, str]:
    """Why tasks failed; where the job died, it was at the first that is not done, and the others were not tried."""
    if job.exception() is None:
        found: dict[int, str] = job.result()
        return found
    return dict.fromkeys([task for task in tasks if task not in told][:1], "its job died.")
