"""How fast, and how patiently: limits, back-off and jitter."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from core.instagram.rate_limit import Limit


@dataclass(frozen=True)
class Pace:
    """How fast, and how patiently.

    Attributes:
        limits: all of them hold at once.
        backoff: (mult, exp): the k-th wait is ``mult * exp ** k`` seconds; None for the defaults.
        jitter: each wait for the limits is longer by up to this many seconds, at random.
    """

    limits: Sequence[Limit] = (Limit(1, 30), Limit(60, 3600))
    backoff: tuple[float, float] | None = None
    jitter: float = 0.0

    def wait_after_fault(self, k: int) -> float:
        """Seconds to wait after the k-th passing fault in a row (k = 0, 1, ...), with jitter."""
        return _backoff(*(self.backoff or (2.0, 2.0)), k, cap=600.0)

    def wait_after_refusal(self, k: int) -> float:
        """Seconds to wait after the k-th "too many requests" in a row (k = 0, 1, ...), with jitter."""
        return _backoff(*(self.backoff or (300.0, 2.0)), k, cap=6 * 3600.0)


def _backoff(mult: float, exp: float, k: int, cap: float) -> float:
    try:
        wait = min(cap, mult * exp**k)
    except OverflowError:
        wait = cap
    return wait * random.uniform(1.0, 1.1)  # noqa: S311
