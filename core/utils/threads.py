"""Waiting for work that cannot be interrupted itself: a name looked up, a connection made, an answer read."""

import threading
from collections.abc import Callable, Sequence
from queue import Empty, Queue
from time import monotonic
from typing import TypeVar

T = TypeVar("T")

_LOOK_S = 0.1
"""How often a wait asks whether the run should stop."""


def call_with_deadline(work: Callable[[], T], check: Callable[[], None], seconds: float) -> T:
    """Do ``work`` in a thread, and wait for it no longer than allowed.

    Args:
        work: what to do. It is left to itself where it is not waited for any longer, and does not keep the
            program from ending.
        check: called several times a second; what it raises ends the wait.
        seconds: the deadline.

    Returns:
        What ``work`` returns; what it raises is raised here.

    Raises:
        TimeoutError: it was not done in time.
    """
    (result,) = call_all_with_deadline([work], check, seconds)
    if isinstance(result, TimeoutError):
        raise TimeoutError
    if isinstance(result, BaseException):
        raise result
    return result


def call_all_with_deadline(
    works: Sequence[Callable[[], T]], check: Callable[[], None], seconds: float
) -> list[T | BaseException]:
    """Do several things at once, each in a thread, and wait for them no longer than allowed.

    Args:
        works: what to do; see :func:`call_with_deadline`.
        check: called several times a second; what it raises ends the wait.
        seconds: the deadline for all of them.

    Returns:
        What each returned or raised, in their order; a TimeoutError for those that were not done in time.
    """
    # No SimpleQueue: where a signal comes as its get() times out, that waits for ever (CPython 3.11).
    done: Queue[tuple[int, T | BaseException]] = Queue()

    def run(number: int, work: Callable[[], T]) -> None:
        try:
            done.put((number, work()))
        except BaseException as error:  # noqa: BLE001 - whoever waits raises it
            done.put((number, error))

    for number, work in enumerate(works):
        threading.Thread(target=run, args=(number, work), name="exchange", daemon=True).start()
    results: list[T | BaseException] = [TimeoutError() for _ in works]
    end = monotonic() + seconds
    missing = len(works)
    while missing and (left := end - monotonic()) > 0:
        check()
        try:
            number, result = done.get(timeout=min(left, _LOOK_S))
        except Empty:
            continue
        results[number] = result
        missing -= 1
    return results
