"""A lock between processes for which a run waits as for anything else: visibly, and until it is asked to stop.

Whoever holds such a lock needs it for milliseconds. Where it takes longer, its holder has been suspended (Ctrl-Z,
SIGSTOP, a debugger) with the lock in its hand, and stays so until somebody continues or ends it.
"""

from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout

Wait = Callable[[float, str], None]
"""Waits a number of seconds, showing a reason; raises to end the run early."""

_USUAL_S = 0.3
_LOOK_S = 0.25
_POLL_S = 0.005  # several processes often wait for the same moment; the default of 50 ms would add up


class PatientLock:
    """A file lock, taken in a ``with``, by one thread as often as it likes.

    Args:
        file: of the lock.
        wait: how to wait where the lock is not free at once.
    """

    def __init__(self, file: str, wait: Wait) -> None:
        self._lock = FileLock(file, poll_interval=_POLL_S)
        self._wait = wait

    def __enter__(self) -> None:
        seconds = _USUAL_S
        while not self._taken(seconds):
            self._wait(_LOOK_S, f"another AgeScope process, which holds {Path(self._lock.lock_file).name}: {_ADVICE}")
            seconds = 0.0

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def _taken(self, seconds: float) -> bool:
        try:
            self._lock.acquire(timeout=seconds)
        except Timeout:
            return False
        return True


_ADVICE = "if it is suspended, continue it (fg in its shell, or kill -CONT) or end it"
