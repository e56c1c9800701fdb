"""Who may write into a folder of accounts: one run alone, or several machines that share it."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from core.errors import AgeScopeError
from core.utils.io import remove_leftovers

SHARED_NAME = ".shared"
_LOCK_NAME = ".collecting.lock"
_BESIDE_S = 10.0
"""How long a run that shares the folder is patient with others that begin at the same moment."""
_WITHOUT_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS}


@contextmanager
def only_one_run(folder: Path) -> Iterator[None]:
    """Hold a folder for one run.

    Raises:
        AgeScopeError: another run holds it, or several machines share it, or it cannot be written.
    """
    shared = (
        f"Several machines share {folder}. Say --shared as well; or, when none of them collects any more, "
        f"remove the file {SHARED_NAME} in it to have it for yourself."
    )
    with _alone(folder, _held(folder), shared):
        remove_leftovers(folder)
        yield


@contextmanager
def nobody_collects(folder: Path) -> Iterator[None]:
    """Hold a folder while accounts are removed from it: a collection would write them down again.

    Raises:
        AgeScopeError: a run holds it, or several machines share it, or it cannot be written.
    """
    held = f"A collection is writing into {folder} and may write an account down again. Stop it, or wait for its end."
    shared = (
        f"Several machines share {folder}, and any of them may write an account down again. Stop all of them, then "
        f"remove the file {SHARED_NAME} in it, and do this again."
    )
    with _alone(folder, AgeScopeError(held), shared):
        yield


@contextmanager
def _alone(folder: Path, held: AgeScopeError, shared: str) -> Iterator[None]:
    lock = FileLock(folder / _LOCK_NAME, timeout=0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise held from error
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        if (folder / SHARED_NAME).exists():
            raise AgeScopeError(shared)
        yield
    finally:
        lock.release()


def take_part(folder: Path) -> None:
    """Take part in a folder that several machines share: from now on nobody may have it alone.

    Raises:
        AgeScopeError: a run has it alone, or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _mark_while_nobody_holds(folder)
    except Timeout as error:
        raise _held(folder) from error
    except OSError as error:
        raise _unwritable(folder, error) from error


def _mark_while_nobody_holds(folder: Path) -> None:
    """Under the lock, lest a run that takes the folder alone looks for the mark just before it is there."""
    mark = folder / SHARED_NAME
    try:
        with FileLock(folder / _LOCK_NAME, timeout=_BESIDE_S):
            mark.touch()
    except NotImplementedError:
        mark.touch()  # a file system without locks, on which no run can have it alone
    except OSError as error:
        if error.errno not in _WITHOUT_LOCKS:
            raise
        mark.touch()


def _held(folder: Path) -> AgeScopeError:
    return AgeScopeError(
        f"Another collection is writing into {folder}. Let it end, or stop it, before you start this one."
    )


def _unwritable(folder: Path, error: OSError) -> AgeScopeError:
    return AgeScopeError(
        f"{folder} cannot be written: {error.strerror}. Choose another folder or correct its permissions."
    )
