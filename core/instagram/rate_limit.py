"""Our own limits: several sliding ones at once, for every process of this machine together, kept across restarts.

They count for the address that a request goes out from, and for the session that asks, whatever its addresses.

pyrate-limiter keeps the moments of past requests in an SQLite file. What is added here: limits in any
combination; waits that show their reason and end at once when the run is stopped; and a strict
reading of "at most N in S seconds" as the server sees it, by a clock that nobody sets. The server sees a
request at some moment between its sending and its answer, so a request counts from its answer, and while
it is under way it counts as not yet begun.

How long to wait after Instagram refuses is not decided here but in :mod:`core.instagram.backoff`.
"""

import random
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from secrets import token_hex
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, cast

from pyrate_limiter import BucketFactory, Limiter, Rate, RateItem, SQLiteBucket
from pyrate_limiter.abstracts.algorithm import Decision, SlidingWindowLog

from core.errors import AgeScopeError, InputError
from core.instagram.patient_lock import PatientLock, Wait
from core.instagram.steady_clock import SteadyClock
from core.utils.formatting import duration

IN_FLIGHT_S = 15.0
"""How long a request whose process died is taken to be still under way."""

_RECHECK_S = 0.25
_KEPT_MS = 32 * 24 * 3600 * 1000
_LONGEST_WINDOW_S = 31 * 24 * 3600.0


class Limit(NamedTuple):
    """At most ``requests`` in any ``seconds``."""

    requests: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.requests:,} in {duration(self.seconds)}"


def parse_limit(text: str) -> Limit:
    """Read ``N,SECONDS``.

    Raises:
        InputError: ``text`` is not of that form, or makes no sense.
    """
    found = re.fullmatch(r"\s*(\d+)\s*,\s*(\d+(?:\.\d+)?)\s*", text)
    if not found:
        raise InputError(f"The limit {text!r} cannot be read. Write N,SECONDS, for example 60,3600.")
    return check_limit(Limit(int(found[1]), float(found[2])))


HASTY_A_SECOND = 1.0
"""More requests than this in a second are what no person does."""


def why_hasty(limits: Sequence[Limit]) -> str:
    """A warning where limits, which all hold at once, let more through than a person would ask for; else nothing."""
    if not limits or min(limit.requests / limit.seconds for limit in limits) <= HASTY_A_SECOND:
        return ""
    slowest = min(limits, key=lambda limit: limit.requests / limit.seconds)
    return (
        f"{slowest} is more than one request a second, and no other limit holds it back: Instagram takes that for a "
        "machine and blocks the address or the account, often for days. Allow fewer, as 1 in 30 s and 60 in 1 hour."
    )


def check_limit(limit: Limit) -> Limit:
    """Return ``limit`` if it makes sense.

    Raises:
        InputError: it does not.
    """
    if limit.requests < 1:
        raise InputError(f"A limit of {limit.requests} requests would never let one pass. Allow at least 1.")
    if not 0.001 <= limit.seconds <= _LONGEST_WINDOW_S:
        raise InputError(f"A limit over {limit.seconds:g} seconds cannot be kept. Use 0.001 s to 31 days.")
    return limit


def requests_per_second(limits: Sequence[Limit], jitter: float = 0.0) -> float:
    """The steady rate that all limits together allow, where each wait is longer by up to ``jitter`` seconds."""
    return min(limit.requests / (limit.seconds + jitter / 2) for limit in limits)


def bucket_name(host: str, outgoing: str) -> str:
    """What limits count together: requests to a host from one outgoing address."""
    return f"{host} {outgoing}"


def as_rates(limits: Iterable[Limit]) -> list[Rate]:
    """Limits as pyrate-limiter has them, in milliseconds."""
    return [Rate(limit.requests, max(1, round(limit.seconds * 1000))) for limit in limits]


def tightest(rates: Iterable[Rate]) -> list[Rate]:
    """Of the rates over one interval the lowest, shortest interval first.

    Unlike pyrate-limiter, take any combination: all limits are checked, so none can contradict another.
    """
    lowest: dict[int, Rate] = {}
    for rate in rates:
        known = lowest.get(rate.interval)
        lowest[rate.interval] = rate if known is None or rate.limit < known.limit else known
    return [lowest[interval] for interval in sorted(lowest)]


class Bucket(Protocol):
    """The moments of past requests that are counted together."""

    @property
    def lock(self) -> AbstractContextManager[Any]:
        """Held, nobody else changes what is asked about; does nothing where no lock is needed."""

    def reserve(self, token: str) -> Decision:
        """Reserve a request under ``token`` if one is free."""

    def look(self) -> Decision:
        """What `reserve` would decide; reserves nothing."""

    def settle(self, token: str) -> None:
        """The reserved request has been answered, or has failed: from now on it counts as past."""

    def cancel(self, token: str) -> None:
        """The reserved request will not be made."""

    def under_way(self) -> bool:
        """Whether some request, here or elsewhere, has not been answered yet."""


class Record(Protocol):
    """A further record of requests, which other machines share."""

    folder: Path

    def buckets(self, address: str, session: str | None) -> Sequence[Bucket]:
        """What counts a request from an address and by a session, each as :func:`bucket_name` has it."""


class LongestWait(SlidingWindowLog):
    """A sliding window that reports the wait for all limits together, not for the first that fails."""

    def decide(
        self,
        rates: list[Rate],
        counts: Sequence[int],
        weight: int,
        now: int,
        peek_timestamp: Callable[[int], int | None],
    ) -> Decision:
        """See :class:`pyrate_limiter.abstracts.algorithm.LogAlgorithm`."""
        waits = [
            (self.retry_after(rate, now, peek_timestamp(rate.limit - weight)), rate)
            for rate, count in zip(rates, counts, strict=True)
            if rate.limit - count < weight
        ]
        if not waits:
            return Decision()
        wait, rate = max(waits, key=lambda pair: pair[0])
        return Decision(failing_rate=rate, retry_after_ms=wait)


class _SharedBucket(SQLiteBucket):
    """The moments of past requests from one outgoing address to one host."""

    clock: SteadyClock

    def now(self) -> int:
        return self.clock.now_ms()

    @property
    def rates(self) -> list[Rate]:
        return self._rates

    @rates.setter
    def rates(self, value: list[Rate]) -> None:
        self._rates = tightest(value)

    def reserve(self, token: str) -> Decision:
        """Reserve a request under ``token`` if one is free."""
        with self.lock:
            now = self.now()
            decision = cast(Decision, self.put_decision(RateItem(token, now)))
            if decision.allowed:
                self._move(token, token, now + int(IN_FLIGHT_S * 1000))
            return decision

    def look(self) -> Decision:
        """What `reserve` would decide; reserves nothing."""
        with self.lock:
            now = self.now()
            query, values = self._build_full_count_query(now)
            counts = [count for _, count in self.conn.execute(query, values).fetchall()]
            return self._algorithm.decide(self.rates, counts, 1, now, self._peek_timestamp)

    def settle(self, token: str) -> None:
        """The reserved request has been answered, or has failed: from now on it counts as past."""
        with self.lock:
            self._move(token, "", self.now())

    def cancel(self, token: str) -> None:
        """The reserved request will not be made."""
        with self.lock:
            self._execute("DELETE FROM {table} WHERE name = ?", token)

    def under_way(self) -> bool:
        """Whether some request, here or in another process, has not been answered yet."""
        newest = self.peek(0)
        return newest is not None and newest.timestamp > self.now()

    def forget_old(self) -> None:
        """Remove what no limit can ask about; bring back what a clock since corrected put into the future."""
        now = self.now()
        latest = now + int(IN_FLIGHT_S * 1000)
        with self.lock:
            self._execute("DELETE FROM {table} WHERE item_timestamp < ?", now - _KEPT_MS)
            self._execute("UPDATE {table} SET item_timestamp = ? WHERE item_timestamp > ?", latest, latest)

    def _move(self, token: str, new_token: str, moment: int) -> None:
        self._execute("UPDATE {table} SET item_timestamp = ?, name = ? WHERE name = ?", moment, new_token, token)

    def _execute(self, query: str, *values: object) -> None:
        self.conn.execute(query.format(table=self.table), values)
        self.conn.commit()


class _SharedBuckets(BucketFactory):
    """One bucket for each outgoing address and host, all in one file."""

    def __init__(self, limits: Iterable[Limit], file: Path, wait: Wait) -> None:
        self._rates = as_rates(limits)
        self._file = file
        self._wait = wait
        self._buckets: dict[str, _SharedBucket] = {}

    def wrap_item(self, name: str, weight: int = 1) -> RateItem:
        return RateItem(name, self.bucket(name).now(), weight)

    def get(self, item: RateItem) -> _SharedBucket:
        return self.bucket(item.name)

    def bucket(self, name: str) -> _SharedBucket:
        if name not in self._buckets:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._buckets[name] = self._opened("bucket_" + re.sub(r"\W", "_", name))
            self._buckets[name].forget_old()
        return self._buckets[name]

    def _opened(self, table: str) -> _SharedBucket:
        # pyrate-limiter's own lock would be waited for without an end, and without hearing a stop
        lock = PatientLock(f"{self._file}.lock", self._wait)
        with lock:
            bucket = _SharedBucket.init_from_file(self._rates, table, str(self._file), algorithm=LongestWait())
            for pragma in ("journal_mode = WAL", "synchronous = NORMAL"):
                bucket.conn.execute(f"PRAGMA {pragma}")
        own = cast(_SharedBucket, bucket)
        own.lock, own.use_limiter_lock = lock, True  # type: ignore[assignment]
        own.clock = SteadyClock(self._file.with_suffix(".clock.json"), self._wait)
        return own

    def owned_buckets(self) -> list[Any]:
        return list(self._buckets.values())


class SharedLimiter(Limiter):
    """The limiter that requests-ratelimiter asks before each request.

    A request has to be free for the address that it goes out from, and for the session that asks, over all addresses.

    Args:
        limits: all of them hold at once.
        file: the SQLite file that every process of this machine shares.
        wait: waits a number of seconds, showing a reason; raises to end the run early.
        jitter: each wait for the limits is longer by up to this many seconds, at random.
        sessions: host -> the session that asks it, by a name that does not give it away; none for visitors.
        record: what other machines share, to be asked as well.
        permitted: called before each request that is let through; what it raises ends it.

    Attributes:
        granted: how many requests were let through.
    """

    def __init__(
        self,
        limits: Sequence[Limit],
        file: Path,
        wait: Wait,
        jitter: float = 0.0,
        sessions: Mapping[str, str] = MappingProxyType({}),
        record: Record | None = None,
        permitted: Callable[[], None] = lambda: None,
    ) -> None:
        self.granted = 0
        self._file = file
        self._factory = _SharedBuckets(limits, file, wait)
        self._wait = wait
        self._jitter = jitter
        self._sessions = sessions
        self._record = record
        self._permitted = permitted
        self._reserved: tuple[str, str] | None = None
        super().__init__(self._factory)

    def try_acquire(self, name: str = "", weight: int = 1, blocking: bool = True, timeout: int | float = -1) -> bool:
        """Wait until a request may be made to ``name``, and reserve it; always True.

        Raises:
            AgeScopeError: a record cannot be used.
        """
        token = token_hex(8)
        if self._jitter:
            while wait := self._looked(name):
                self._wait(*wait)
            self._wait(random.uniform(0, self._jitter), "a short random pause")  # noqa: S311
        while wait := self._taken(name, token):
            self._wait(*wait)
        self._reserved = (name, token)
        self._permitted()
        self.granted += 1
        return True

    def free_in(self, name: str) -> float:
        """Seconds until a request to ``name`` may be free; reserves nothing."""
        with self._usable_record():
            return max((bucket.look().retry_after_ms or 0) / 1000 for bucket in self._buckets(name))

    def settle(self) -> None:
        """Tell that the request reserved last has been answered or has failed."""
        if self._reserved:
            name, token = self._reserved
            self._reserved = None
            with self._usable_record():
                for bucket in self._buckets(name):
                    bucket.settle(token)

    def _buckets(self, name: str) -> list[Bucket]:
        """All that count a request to ``name``."""
        host = name.partition(" ")[0]
        session = bucket_name(host, f"session {self._sessions[host]}") if host in self._sessions else None
        own = [self._factory.bucket(each) for each in (name, session) if each]
        return [*own, *(self._record.buckets(name, session) if self._record else ())]

    def _looked(self, name: str) -> tuple[float, str] | None:
        """How long to wait for what; None when a request is free."""
        with self._usable_record():
            return next(filter(None, (_asked(bucket, bucket.look) for bucket in self._buckets(name))), None)

    def _taken(self, name: str, token: str) -> tuple[float, str] | None:
        """Reserve a request everywhere; or nowhere, and tell how long to wait for what."""
        with self._usable_record():
            buckets, reserved = self._buckets(name), list[Bucket]()
            for bucket in buckets[1:]:  # so that seldom something is reserved in vain; the first is quick to ask
                if wait := _asked(bucket, bucket.look):
                    return wait
            for bucket in buckets:
                if wait := _asked(bucket, partial(bucket.reserve, token)):
                    for earlier in reserved:
                        earlier.cancel(token)
                    return wait
                reserved.append(bucket)
            return None

    @contextmanager
    def _usable_record(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            shared = f" or the shared one, {self._record.folder}" if self._record else ""
            raise AgeScopeError(
                f"The record of past requests, {self._file}{shared}, cannot be used ({error}). Make room, correct its "
                "permissions, or set XDG_STATE_HOME to a folder that can be written."
            ) from error


def _asked(bucket: Bucket, ask: Callable[[], Decision]) -> tuple[float, str] | None:
    """How long to wait for what before ``ask`` is tried again; None when it was granted."""
    with bucket.lock:  # an answer that came between the two questions would be waited for in vain
        decision = ask()
        under_way = bucket.under_way()
    if decision.failing_rate is None:
        return None
    limit = Limit(decision.failing_rate.limit, decision.failing_rate.interval / 1000)
    seconds = max(1, decision.retry_after_ms or 0) / 1000
    return (min(seconds, _RECHECK_S) if under_way else seconds), f"the limit of {limit}"
