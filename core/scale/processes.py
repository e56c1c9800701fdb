"""Workers that are processes of this machine."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from core.errors import AgeScopeError
from core.scale.engine import EngineOptions, Watch, Work
from core.scale.pool import Ended, work_off

_WAIT_S = 0.5
_END_S = 10.0


class Processes:
    """The engine ``local``."""

    def __init__(self, options: EngineOptions) -> None:
        self._options = options

    def run(self, work: Work, tasks: Sequence[int], watch: Watch) -> dict[int, str]:
        """See :meth:`core.scale.engine.Engine.run`."""
        return work_off(_ProcessPool(work, min(self._options.workers, len(tasks))), tasks, watch)


@dataclass
class _Worker:
    process: BaseProcess
    connection: Connection
    task: int | None = None


class _ProcessPool:
    """Processes that are told numbers and answer with None or a reason."""

    def __init__(self, work: Work, size: int) -> None:
        self._work = work
        self._workers: list[_Worker | None] = [None] * size

    def give(self, task: int) -> bool:
        for place, worker in enumerate(self._workers):
            if worker is None:
                worker = self._workers[place] = self._start(place)
            if worker.task is None:
                worker.task = task
                with suppress(OSError):  # it has just died, which its end will tell
                    worker.connection.send(task)
                return True
        return False

    def wait(self) -> list[Ended]:
        busy = [worker for worker in self._workers if worker and worker.task is not None]
        wait([worker.connection for worker in busy], _WAIT_S)
        return [ended for worker in busy if (ended := self._ended(worker))]

    def close(self) -> None:
        workers = [worker for worker in self._workers if worker]
        for worker in workers:
            worker.process.terminate()
        for worker in workers:
            worker.process.join(_END_S)
            worker.process.kill()
            worker.process.join()
            worker.connection.close()

    def _ended(self, worker: _Worker) -> Ended | None:
        assert worker.task is not None
        try:
            if not worker.connection.poll():
                return None
            ended = Ended(worker.task, worker.connection.recv())
        except (EOFError, OSError):
            worker.process.join(_END_S)
            worker.connection.close()
            self._workers[self._workers.index(worker)] = None
            return Ended(worker.task, f"its worker died ({_how(worker.process.exitcode)}).")
        worker.task = None
        return ended

    def _start(self, place: int) -> _Worker:
        context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
        here, there = context.Pipe()
        process = context.Process(
            target=_serve, args=(self._work, there, place, len(self._workers)), name=f"worker-{place}", daemon=True
        )
        process.start()
        there.close()
        return _Worker(process, here)


def _serve(work: Work, connection: Connection, place: int, workers: int) -> None:
    """Do the tasks whose numbers come, until the driver is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the driver, which ends its workers
    share_machine(place, workers)
    while True:
        try:
            task = connection.recv()
        except EOFError:
            return
        connection.send(attempt(work, task))


def attempt(work: Work, task: int) -> str | None:
    """Do a task; the reason where it fails, None where it does not."""
    try:
        work(task)
    except AgeScopeError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001  whatever it is, the other tasks go on, and it is named
        # its text could hold captions
        return f"{type(error).__name__} in {_place(error)}."
    return None


def share_machine(place: int, workers: int) -> None:
    """Give this worker its share of the machine's cores, and a GPU of its own where there are several."""
    os.environ["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // workers))
    torch = sys.modules.get("torch")  # what the work needs came with it
    if torch is None:
        return
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // workers))
    if torch.cuda.is_available() and torch.cuda.device_count() > 1:
        torch.cuda.set_device(place % torch.cuda.device_count())


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}, line {trace.tb_lineno}" if trace else "an unknown place"


def _how(exit_code: int | None) -> str:
    if exit_code == -signal.SIGKILL:
        return "killed, perhaps because the memory was full"
    return f"signal {-exit_code}" if exit_code and exit_code < 0 else f"exit status {exit_code}"
