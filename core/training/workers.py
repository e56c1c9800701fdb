"""Models that do not depend on one another, made at the same time by processes of this machine.

Each ends in a file of its own, so that whoever asks for it afterwards finds it made, and an interrupted call goes on.
"""

import os
from collections.abc import Callable, Sequence

from core.errors import AgeScopeError
from core.jobs.progress import JOB_DIR_VARIABLE, Progress
from core.scale.engine import EngineOptions, Watch, Work
from core.scale.opening import open_engine
from core.utils.formatting import count


def make_by_workers(
    work: Work,
    models: Sequence[int],
    is_made: Callable[[int], bool],
    workers: int,
    progress: Progress,
    made: Callable[[int], None] = lambda model: None,
) -> None:
    """Make models by several processes, each with its share of the cores, and its GPU where there are several.

    Args:
        work: makes the model of a number; it is pickled, once for each process.
        models: their numbers.
        is_made: whether a model is there.
        workers: how many processes.
        progress: told how many are made.
        made: told of each that is.

    Raises:
        AgeScopeError: one could not be made; the others are kept.
        Stopped: asked to stop. The processes are ended; each model goes on from its last checkpoint.
    """
    missing = [model for model in models if not is_made(model)]
    done = len(models) - len(missing)

    def note(model: int) -> None:
        nonlocal done
        done += 1
        progress.update(done, unit="models")
        made(model)

    if not missing:
        return
    progress.update(done, len(models), unit="models", message=f"making models by {count(workers, 'worker')}")
    watch = Watch(is_made, progress.check, note, lambda reason: None)
    failed = open_engine(EngineOptions("local", workers)).run(work, missing, watch)
    if failed:
        raise AgeScopeError(
            f"{count(len(failed), 'model')} of {len(models)} could not be made: {next(iter(failed.values()))} The same "
            "command goes on with what is missing."
        )


def worker_progress() -> Progress:
    """What a worker tells its progress, which nobody sees: the job's folder is for the process that waits for it."""
    os.environ.pop(JOB_DIR_VARIABLE, None)
    return Progress("", terminal=False)
