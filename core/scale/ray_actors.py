"""Workers that are actors of Ray, on one machine or many; needs ``requirements-cluster.txt``.

Ray Core and not Ray Data: a task here ends in a file of its own, so that what is done survives the driver;
Ray Data's checkpoints did not (a driver killed after 1,600 of 2,000 rows left none).
"""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError

from core.errors import AgeScopeError
from core.scale.engine import EngineOptions, Watch, Work
from core.scale.pool import Ended, work_off
from core.scale.processes import attempt
from core.settings import PROJECT_DIR, get_settings

_WAIT_S = 0.5
_PATIENCE_S = 60.0


class RayActors:
    """The engine ``ray``."""

    def __init__(self, options: EngineOptions) -> None:
        self._options = options

    def run(self, work: Work, tasks: Sequence[int], watch: Watch) -> dict[int, str]:
        """See :meth:`core.scale.engine.Engine.run`."""
        _connect(self._options)
        try:
            return work_off(
                _ActorPool(work, self._options, min(self._options.workers, len(tasks)), watch), tasks, watch
            )
        finally:
            ray.shutdown()


def _connect(options: EngineOptions) -> None:
    """Join a cluster, or start one on this machine that listens on loopback only.

    Raises:
        AgeScopeError: there is no cluster at the address.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    variables = {"PYTHONPATH": str(PROJECT_DIR), "AGESCOPE_DATA_DIR": str(get_settings().data_dir)}
    given: dict[str, Any] = {"runtime_env": {"env_vars": variables}, "logging_level": logging.WARNING}
    if options.address is None:
        given |= {"address": "local", "include_dashboard": False, "_node_ip_address": "127.0.0.1"}
        given["num_cpus"] = max(os.cpu_count() or 1, round(options.workers * options.cpus + 0.5))
    else:
        given["address"] = options.address
    try:
        with _own_end():
            ray.init(**given)
    except (ConnectionError, RuntimeError, ValueError, RayError) as error:
        where = options.address or "this machine"
        raise AgeScopeError(
            f"No Ray cluster answers at {where} ({type(error).__name__}). Start one with ray start, see docs/scale.md, "
            "or leave --engine out. Where it wants a token, RAY_AUTH_MODE=token has to be set here as well."
        ) from error


@contextmanager
def _own_end() -> Iterator[None]:
    """Keep what SIGTERM does: Ray would have it end the program at once, and the work has its own way to stop."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():  # no other may, and Ray has left it there
            signal.signal(signal.SIGTERM, handler)


class _Actor:
    """What runs on the other side: one worker that keeps its model from task to task."""

    def __init__(self, work: Work, threads: int) -> None:
        os.environ["OMP_NUM_THREADS"] = str(threads)
        if torch := sys.modules.get("torch"):  # the work brought it along
            torch.set_num_threads(threads)
        self._work = work

    def is_up(self) -> bool:
        return True

    def do(self, task: int) -> str | None:
        return attempt(self._work, task)


@dataclass(frozen=True)
class _Worker:
    """An actor, and what is there as soon as some node has had room for it."""

    actor: Any
    up: Any

    @property
    def is_up(self) -> bool:
        return bool(ray.wait([self.up], timeout=0)[0])


class _ActorPool:
    def __init__(self, work: Work, options: EngineOptions, size: int, watch: Watch) -> None:
        self._work, self._options, self._size, self._watch = work, options, size, watch
        self._idle: list[_Worker] = []
        self._busy: dict[Any, tuple[_Worker, int]] = {}  # what is awaited -> the worker and its task
        self._heard_at = time.monotonic()

    def give(self, task: int) -> bool:
        if len(self._busy) >= self._size:
            return False
        self._tell(self._idle.pop() if self._idle else self._start(), task)
        return True

    def wait(self) -> list[Ended]:
        self._take_over()
        ready, _ = ray.wait([*self._busy], num_returns=1, timeout=_WAIT_S)
        self._tell_of_silence(bool(ready))
        return [self._ended(each) for each in ready]

    def close(self) -> None:
        for worker in [*self._idle, *(worker for worker, _ in self._busy.values())]:
            ray.kill(worker.actor)

    def _tell(self, worker: _Worker, task: int) -> None:
        self._busy[worker.actor.do.remote(task)] = (worker, task)

    def _take_over(self) -> None:
        """Let workers with nothing to do have the tasks of those that wait for room: a dead node's may never come."""
        for awaited, (worker, task) in [*self._busy.items()]:
            if self._idle and not worker.is_up:
                ray.kill(worker.actor)
                del self._busy[awaited]
                self._tell(self._idle.pop(), task)

    def _ended(self, awaited: Any) -> Ended:
        worker, task = self._busy.pop(awaited)
        try:
            error = ray.get(awaited)
        except RayActorError:
            return Ended(task, "its worker, or the worker's node, died.")
        except RayError as error_of_ray:
            return Ended(task, f"Ray could not do it ({type(error_of_ray).__name__}).")
        self._idle.append(worker)
        return Ended(task, error)

    def _start(self) -> _Worker:
        options = self._options
        threads = max(1, int(options.cpus))
        kind: Any = ray.remote(_Actor)
        actor = kind.options(
            num_cpus=options.cpus, num_gpus=options.gpus, max_restarts=0, scheduling_strategy="SPREAD"
        ).remote(self._work, threads)
        return _Worker(actor, actor.is_up.remote())

    def _tell_of_silence(self, heard: bool) -> None:
        if heard:
            self._heard_at = time.monotonic()
        elif time.monotonic() - self._heard_at > _PATIENCE_S:
            self._watch.waiting(f"Ray's cluster to have {self._options.cpus:g} cores free for each worker")
            self._heard_at = time.monotonic()
