"""A record of requests in a folder that several machines share: without locks, and without comparing their clocks.

A request is a file, named by its number. Who wants to ask makes the file of the number after the last that it has
seen, which the file system lets only one do: so each request is decided on by somebody who knew of all before it.
Its time of change is that of its answer, its size says what became of it, and it holds nothing.

How old a request is, is told once: when it is first seen, by the clock of the file system, which has set its time and
sets that of a file made anew beside it. From then on it ages by the machine's own clock, which nobody sets.
"""

import os
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from re import sub

from pyrate_limiter import Rate
from pyrate_limiter.abstracts.algorithm import Decision

from core.instagram import rate_limit
from core.instagram.rate_limit import Bucket, Limit, LongestWait, as_rates, tightest
from core.instagram.steady_clock import since_start_ms

UNDER_WAY, ANSWERED, NOT_MADE = 0, 1, 2
"""Sizes of a request's file; a hole, which takes no room on the disk."""

_CLOCK_FILE = ".clock"
_GRAIN_MS, _COARSE_GRAIN_MS = 10, 2000
"""By how much times of change may be wrong; where they are whole seconds, by more."""
_GIVEN_UP_MS = 180_000
_KEPT_MS = 32 * 24 * 3600 * 1000
_DAY_MS = 24 * 3600 * 1000
_RACES = 20
_AFTER_RACES_MS = 50


class RequestFolder:
    """The record of a list that several machines collect: a folder for each address and each session.

    Args:
        folder: which all of them see.
        limits: all of them hold at once.
        own_address: the machine shares its address with no other, so that its own record counts for that.
    """

    def __init__(self, folder: Path, limits: Sequence[Limit], *, own_address: bool) -> None:
        self.folder = folder
        self._rates = tightest(as_rates(limits))
        self._own_address = own_address
        self._known: dict[str, FolderBucket] = {}

    def buckets(self, address: str, session: str | None) -> list[Bucket]:
        """What counts a request from an address and by a session.

        Raises:
            OSError: the folder cannot be used.
        """
        names = [session, None if self._own_address else address]
        return [self._bucket(name) for name in names if name]

    def _bucket(self, name: str) -> "FolderBucket":
        if name not in self._known:
            self._known[name] = FolderBucket(self.folder / sub(r"[^\w.-]", "_", name), self._rates)
        return self._known[name]


class FolderBucket:
    """The requests that are counted together; see :class:`core.instagram.rate_limit.Bucket`.

    Args:
        folder: theirs alone; made where it is not there.
        rates: as :func:`core.instagram.rate_limit.tightest` gives them.

    Raises:
        OSError: the folder cannot be used.
    """

    def __init__(self, folder: Path, rates: list[Rate]) -> None:
        self.lock = nullcontext()
        self._folder = folder
        self._rates = rates
        self._algorithm = LongestWait()
        self._moments: dict[int, int] = {}  # number -> ms on this machine's clock
        self._pending: set[int] = set()  # other machines' requests that were under way when last looked at
        self._own: dict[str, int] = {}
        self._next = 1
        self._listed_at: int | None = None

    def reserve(self, token: str) -> Decision:
        """Reserve a request under ``token`` if one is free."""
        for _ in range(_RACES):
            decision = self.look()
            if not decision.allowed:
                return decision
            if self._made(self._next):
                self._own[token] = self._next
                self._moments[self._next] = since_start_ms() + _in_flight_ms()
                self._next += 1
                return decision
        return Decision(failing_rate=self._rates[0], retry_after_ms=_AFTER_RACES_MS)  # others are quicker

    def look(self) -> Decision:
        """What `reserve` would decide; reserves nothing."""
        self._read()
        now = since_start_ms()
        moments = sorted(self._moments.values(), reverse=True)
        starts = [self._algorithm.window_start(rate, now) for rate in self._rates]
        counts = [sum(moment >= start for moment in moments) for start in starts]
        return self._algorithm.decide(
            self._rates, counts, 1, now, lambda offset: moments[offset] if offset < len(moments) else None
        )

    def settle(self, token: str) -> None:
        """The reserved request has been answered, or has failed: from now on it counts as past."""
        number = self._own.pop(token)
        os.truncate(self._path(number), ANSWERED)
        self._moments[number] = since_start_ms()

    def cancel(self, token: str) -> None:
        """The reserved request will not be made."""
        number = self._own.pop(token)
        os.truncate(self._path(number), NOT_MADE)
        del self._moments[number]

    def under_way(self) -> bool:
        """Whether some request, here or elsewhere, has not been answered yet."""
        now = since_start_ms()
        return any(moment > now for moment in self._moments.values())

    def _made(self, number: int) -> bool:
        try:
            os.close(os.open(self._path(number), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        except FileExistsError:
            return False
        return True

    def _read(self) -> None:
        """Take in what others have asked meanwhile."""
        now = since_start_ms()
        if self._listed_at is None or now - self._listed_at > _DAY_MS:
            self._list(now)
        found = {number: stat for number in self._pending if (stat := self._stat(number))}
        self._pending &= found.keys()
        while stat := self._stat(self._next):
            found[self._next] = stat
            self._next += 1
        if found:
            self._take_in(found)
        oldest = now - self._rates[-1].interval - _GIVEN_UP_MS
        self._moments = {number: moment for number, moment in self._moments.items() if moment >= oldest}

    def _list(self, now: int) -> None:
        """Begin with those that the limits can ask about, and remove what no limit can."""
        self._folder.mkdir(parents=True, exist_ok=True)
        numbers = sorted(int(path.name) for path in self._folder.iterdir() if path.name.isdigit())
        clock = self._clock()
        last_of_interest = self._rates[-1].interval + 2 * _GIVEN_UP_MS
        first = len(numbers)
        while first and _age_ms(self._stat(numbers[first - 1]), clock) <= last_of_interest:
            first -= 1
        for number in numbers[:first]:
            if _age_ms(self._stat(number), clock) <= _KEPT_MS:
                break
            if number != numbers[-1]:  # whose number others go on from
                self._path(number).unlink(missing_ok=True)
        known = set(self._own.values()) | self._moments.keys()
        self._pending |= set(numbers[first:]) - known
        self._next = max([self._next, *(number + 1 for number in numbers[-1:])])
        self._listed_at = now

    def _take_in(self, found: dict[int, os.stat_result]) -> None:
        clock, now = self._clock(), since_start_ms()
        for number, stat in found.items():
            self._pending.discard(number)
            earlier = self._moments.pop(number, None)
            if stat.st_size == ANSWERED:
                self._moments[number] = now - _age_ms(stat, clock)
            elif stat.st_size == UNDER_WAY:
                began = now - _age_ms(stat, clock) if earlier is None else earlier - _in_flight_ms()
                self._moments[number] = began + _in_flight_ms()
                if now - began < _GIVEN_UP_MS:  # else its process died
                    self._pending.add(number)

    def _clock(self) -> os.stat_result:
        """A file that is changed now: what the clock of the file system says."""
        path = self._folder / _CLOCK_FILE
        path.touch()
        return path.stat()

    def _stat(self, number: int) -> os.stat_result | None:
        # a network file system asks its server when a file is opened, not when its state alone is asked for
        try:
            handle = os.open(self._path(number), os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            return os.fstat(handle)
        finally:
            os.close(handle)

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:09d}"


def _in_flight_ms() -> int:
    return int(rate_limit.IN_FLIGHT_S * 1000)


def _age_ms(stat: os.stat_result | None, clock: os.stat_result) -> int:
    """How long ago a file was changed, by the clock that has set both times; rather too short than too long."""
    if stat is None:
        return 0
    grain = _COARSE_GRAIN_MS if clock.st_mtime_ns % 10**9 == 0 else _GRAIN_MS
    return max(0, (clock.st_mtime_ns - stat.st_mtime_ns) // 1_000_000 - grain)
