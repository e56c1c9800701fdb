"""What a collection is asked to do."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from core.errors import InputError
from core.instagram.backoff import Pace
from core.instagram.rate_limit import Limit, check_limit, parse_limit
from core.instagram.source_names import SOURCES, SourceName
from core.utils.options import CommandArguments, Option, as_text

DEFAULT_LIMITS = (Limit(1, 30), Limit(60, 3600))


def user_column(text: str) -> str:
    """The column that ``username=NAME`` names.

    Raises:
        InputError: it is of another form.
    """
    said, _, name = text.partition("=")
    if said.strip().lower() not in ("username", "user") or not name.strip():
        raise InputError(f"{text[:60]!r} does not say which column holds the usernames. Write it as username=NAME.")
    return name.strip()


@dataclass(frozen=True)
class CollectArguments(CommandArguments):
    """What to collect, from where, and how fast: the options of ``scrape-users``.

    Raises:
        InputError: a value makes no sense; the text says which.
    """

    COMMAND: ClassVar[str] = "scrape-users"

    user_file: Annotated[Path, Option("The user list: one username a line, or a CSV.", exists=True)]
    output_dir: Annotated[Path, Option("Where the accounts' files go.", path="folder")]
    posts_per_user: Annotated[int, Option("Collect at most this many posts of an account.", min=1, max=100_000)] = 100
    backoff_mult: Annotated[float | None, Option("The k-th wait is MULT * EXP ** k seconds.")] = None
    backoff_exp: Annotated[float | None, Option("See --backoff-mult; give both or neither.")] = None
    limits: Annotated[
        Sequence[tuple[int, float]],
        Option(
            "At most N requests in SECONDS; repeatable. Default: 1,30 and 60,3600.",
            name="ratelimit",
            metavar="N,SECONDS",
            read=parse_limit,
            write=lambda limit: ",".join(map(as_text, limit)),
        ),
    ] = DEFAULT_LIMITS
    useproxies: Annotated[bool, Option("Go through public proxies; these rarely help.", has_negative=True)] = False
    proxy_list: Annotated[
        Path | None,
        Option("Your own proxies, one a line: http, https, socks4 or socks5.", path="file", exists=True),
    ] = None
    source: Annotated[SourceName, Option("What to ask.")] = "web"
    jitter: Annotated[float, Option("Up to so many seconds at random before a request.", min=0)] = 0
    refresh_days: Annotated[
        float | None, Option("Collect anew what is older than this.", name="refresh", metavar="DAYS", min=0)
    ] = None
    column: Annotated[
        str | None,
        Option(
            "The column of the user list that holds the usernames, where another is taken.",
            metavar="username=NAME",
            read=user_column,
            write="username={}".format,
        ),
    ] = None
    shared: Annotated[bool, Option("Share list, folder and limits with other machines that do the same.")] = False
    own_address: Annotated[
        bool, Option("With --shared: no other of them goes out from this machine's internet address.")
    ] = False

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

        if self.own_address and not self.shared:
            raise InputError("--own-address says something of a list that is shared. Give --shared too, or neither.")

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
