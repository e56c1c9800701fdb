"""Training: labelled accounts in, a model folder out."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from core.encoder.devices import check_device
from core.encoder.vector_cache import open_cache
from core.errors import AgeScopeError, InputError, Stopped
from core.jobs.progress import Progress
from core.models.folder import CHECKPOINTS, is_model_folder, read_model_info
from core.settings import get_settings
from core.training.arguments import TrainArguments
from core.training.cross_fit import Wishes, cross_fit, folds_of
from core.training.epochs import History
from core.training.finetune import forget_checkpoints
from core.training.methods import TrainingTask, fit
from core.training.prepare import prepare
from core.training.save_model import CrossFitted, calibrate_and_set_thresholds, write_model
from core.utils.io import remove_leftovers

logger = logging.getLogger(__name__)


def train(arguments: TrainArguments, progress: Progress) -> Path:
    """Train a model and return its folder; the same call goes on with a training that was interrupted.

    Where the same call has finished before, even if it was killed before it could say so, nothing is done.

    Events: ``data`` (what became of the labels), ``split``, then ``step`` and ``epoch`` as they come.

    Raises:
        InputError: labels, accounts, encoder, device or the output folder cannot be used; the folder holds the
            model of another command.
        Stopped: asked to stop. The best epoch so far, if one is finished, is in the folder and can
            be used; the same call goes on from the last step.
    """
    folder = arguments.model_output_dir
    if is_model_folder(folder):
        if _is_done(arguments):
            _clear_up(folder)
            return folder
    else:
        check_output(folder)
    check_device(arguments.device)
    try:
        history = make_model(arguments, progress)
    except Stopped as stopped:
        if is_model_folder(folder):
            raise
        missing = "no epoch had ended" if arguments.method == "finetuned" else "the model was not finished"
        raise progress.stopped(f"Nothing to keep yet: {missing}.") from stopped
    if history.stopped:
        raise progress.stopped(
            f"Stopped in epoch {len(history.epochs) + 1} of {arguments.epoch_num}. The best so far, epoch "
            f"{history.best_epoch}, is in {folder} and can be used."
        )
    _clear_up(folder)
    return folder


def _is_done(arguments: TrainArguments) -> bool:
    """Whether the model in the folder is finished; one that was stopped can be gone on with.

    Raises:
        InputError: it is the model of another command.
    """
    folder = arguments.model_output_dir
    training = read_model_info(folder).training
    folds = training.cross_fitted.folds if training.cross_fitted else 0
    if different := arguments.differences(training.arguments, folds):
        raise InputError(
            f"{folder} holds another training: {'; '.join(different)}. Choose another folder, or remove this one; "
            "with the options of then, the command goes on with it, or says that it is done."
        )
    return not training.stopped


def _clear_up(folder: Path) -> None:
    """Remove what is of no use beside a finished model."""
    forget_checkpoints(folder / CHECKPOINTS)
    remove_leftovers(folder)


@contextmanager
def _claimed(folder: Path) -> Iterator[None]:
    """Mark a folder as that of a training under way, which a later one goes on with, and hold it for this one.

    Raises:
        AgeScopeError: another training writes into it, or it cannot be written.
    """
    checkpoints = folder / CHECKPOINTS
    lock = FileLock(checkpoints / "lock", timeout=0)
    try:
        checkpoints.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise AgeScopeError(f"Another training writes into {folder}. Let it end, or stop it, before this one.") from (
            error
        )
    except OSError as error:
        raise AgeScopeError(
            f"{folder} cannot be written: {error.strerror}. Choose another folder or correct its permissions."
        ) from error
    try:
        remove_leftovers(folder)
        yield
    finally:
        lock.release()


def make_model(arguments: TrainArguments, progress: Progress) -> History:
    """Write the model's folder: the whole model, or when asked to stop the best so far; the history says which.

    Raises:
        InputError: as :func:`train`.
        Stopped: asked to stop before there was anything to keep.
    """
    folder = arguments.model_output_dir
    with open_cache(get_settings().cache_dir if arguments.cache else None) as cache:
        study = prepare(arguments, cache, progress)
        with _claimed(folder):
            trained = fit(arguments.method, study, folder / CHECKPOINTS, progress)
            wishes = Wishes(arguments.calibrate, arguments.threshold, arguments.seed)
            fitted = None if trained.history.stopped else _cross_fitted(arguments, study, wishes, progress)
            progress.update(message="measuring the model")
            calibrate_and_set_thresholds(trained, study, wishes, fitted.unseen if fitted else None)
            write_model(trained, study, arguments.as_dict(), folder, fitted)
    return trained.history


def _cross_fitted(
    arguments: TrainArguments, study: TrainingTask, wishes: Wishes, progress: Progress
) -> CrossFitted | None:
    folds = folds_of(arguments.folds, arguments.method, study)
    if not folds:
        return None
    checkpoints = arguments.model_output_dir / CHECKPOINTS
    unseen = cross_fit(arguments.method, study, folds, checkpoints, progress, arguments.workers)
    return CrossFitted(unseen, wishes)


def check_output(folder: Path) -> None:
    """Refuse a folder in which something would be overwritten, unless it is a training to go on with.

    Raises:
        InputError: there is something in it.
    """
    if (folder / CHECKPOINTS).is_dir():
        return
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"{folder} is not empty. Choose a folder of its own for the model.")
