"""What a collection is asked to do."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import InputError
from core.instagram.factory import SOURCES, SourceName
from core.instagram.pace import Pace
from core.instagram.rate_limit import Limit, check_limit

DEFAULT_LIMITS = (Limit(1, 30), Limit(60, 3600))


@dataclass(frozen=True)
class CollectArguments:
    """What to collect, from where, and how fast.

    Attributes:
        user_file: the user list.
        output_dir: where the accounts' files go.
        posts_per_user: collect at most this many posts of an account.
        backoff_mult, backoff_exp: the k-th wait is ``mult * exp ** k`` seconds; both or neither.
        limits: at most N requests in any S seconds, as (N, S) pairs; all hold at once.
        useproxies: go through public proxies.
        proxy_list: a file of one's own proxies, one address a line; in place of public ones.
        source: "web", "graph" or "instaloader".
        jitter: each wait for the limits is longer by up to this many seconds, at random.
        refresh_days: collect anew what was collected longer ago than this.

    Raises:
        InputError: a value makes no sense; the text says which.
    """

    user_file: Path
    output_dir: Path
    posts_per_user: int = 100
    backoff_mult: float | None = None
    backoff_exp: float | None = None
    limits: Sequence[tuple[int, float]] = DEFAULT_LIMITS
    useproxies: bool = False
    proxy_list: Path | None = None
    source: SourceName = "web"
    jitter: float = 0.0
    refresh_days: float | None = None

    def __post_init__(self) -> None:
        self._check_backoff()
        if self.posts_per_user < 1:
            raise InputError(f"{self.posts_per_user} posts an account are none. Ask for at least 1.")
        if not self.limits:
            raise InputError("Without a limit Instagram would refuse at once. Give at least one, for example 60,3600.")
        object.__setattr__(self, "limits", tuple(check_limit(Limit(*limit)) for limit in self.limits))
        if self.source not in SOURCES:
            raise InputError(f"There is no source {self.source!r}. Choose one of: {', '.join(SOURCES)}.")
        if not 0 <= self.jitter <= 3600:
            raise InputError(f"A jitter of {self.jitter:g} s makes no sense. Give 0 to 3600 seconds.")
        if self.refresh_days is not None and self.refresh_days < 0:
            raise InputError("The number of days after which to collect anew cannot be negative.")

    def _check_backoff(self) -> None:
        if (self.backoff_mult is None) != (self.backoff_exp is None):
            raise InputError("Give both --backoff-mult and --backoff-exp, or neither.")
        if self.backoff_mult is not None and not (self.backoff_mult > 0 and math.isfinite(self.backoff_mult)):
            raise InputError(f"The back-off multiplier must be above 0, not {self.backoff_mult:g}.")
        if self.backoff_exp is not None and not (self.backoff_exp >= 1 and math.isfinite(self.backoff_exp)):
            raise InputError(f"The back-off's base must be at least 1, not {self.backoff_exp:g}.")

    @property
    def pace(self) -> Pace:
        """How fast, and how patiently."""
        given = self.backoff_mult is not None and self.backoff_exp is not None
        backoff = (self.backoff_mult, self.backoff_exp) if given else None
        return Pace(tuple(Limit(*limit) for limit in self.limits), backoff, self.jitter)  # type: ignore[arg-type]
