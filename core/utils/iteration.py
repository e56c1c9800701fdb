"""Going through many things: some at a time, and the next ones ahead of need."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, TypeVar

T = TypeVar("T")


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """``items`` in lists of at most ``size``."""
    remaining = iter(items)
    while some := list(islice(remaining, size)):
        yield some


def prefetch(items: Iterable[T], count: int = 1) -> Iterator[T]:
    """``items``, of which a thread of their own makes the next ``count`` while the last is worked on.

    It pays where making them waits for a disk, or working on them for a GPU.
    """
    remaining: Iterator[Any] = iter(items)
    nothing = object()
    with ThreadPoolExecutor(1, "ahead") as thread:
        coming = deque(thread.submit(next, remaining, nothing) for _ in range(count))
        while True:
            coming.append(thread.submit(next, remaining, nothing))
            item: Any = coming.popleft().result()
            if item is nothing:
                return
            yield item
