"""One record of requests for several machines: together they keep each limit, whatever their clocks say."""

import os
import random
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Thread

import pytest

from core.errors import AgeScopeError
from core.instagram import rate_limit
from core.instagram.rate_limit import Limit, SharedLimiter, as_rates
from core.instagram.shared_record import NOT_MADE, FolderBucket, RequestFolder
from tests.instagram.test_rate_limit import Clock, assert_kept

LIMITS = [Limit(1, 30), Limit(10, 600)]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the machines, while that of the file system goes on by itself."""
    made = Clock(monkeypatch)
    monkeypatch.setattr("core.instagram.shared_record.since_start_ms", lambda: round(made.now * 1e3))
    return made


class Machine:
    """One of several, with a record of its own beside the shared one."""

    def __init__(
        self,
        folder: Path,
        name: str,
        clock: Clock,
        limits: Sequence[Limit] = LIMITS,
        sessions: Mapping[str, str] | None = None,
        own_address: bool = False,
    ) -> None:
        record = RequestFolder(folder / "requests", limits, own_address=own_address)
        self.limiter = SharedLimiter(
            limits, folder / name / "limits.sqlite", clock.wait, sessions=sessions or {}, record=record
        )

    def ask(self) -> None:
        self.limiter.try_acquire("instagram direct")
        self.limiter.settle()


def requests(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.name.isdigit())


def as_if_earlier(folder: Path, seconds: float) -> None:
    """Let the requests be older by the file system's clock."""
    for path in requests(folder):
        at = path.stat().st_mtime - seconds
        os.utime(path, (at, at))


def test_machines_that_share_an_address_keep_its_limits_together(tmp_path: Path, clock: Clock) -> None:
    machines = [Machine(tmp_path, name, clock) for name in ("one", "two", "three")]
    chance, seen = random.Random(3), []
    for _ in range(60):
        chance.choice(machines).ask()
        seen.append(clock.now)
    assert_kept(seen, [Limit(limit.requests, limit.seconds - 1) for limit in LIMITS])  # the file system's clock goes on


def test_a_machine_with_an_address_of_its_own_waits_for_nobody(tmp_path: Path, clock: Clock) -> None:
    for name in ("one", "two", "three"):
        Machine(tmp_path, name, clock, own_address=True).ask()
    assert clock.reasons == []


def test_one_session_of_machines_with_addresses_of_their_own_is_counted_once(tmp_path: Path, clock: Clock) -> None:
    mine, yours = {"instagram": "mine"}, {"instagram": "yours"}
    Machine(tmp_path, "one", clock, sessions=mine, own_address=True).ask()
    Machine(tmp_path, "two", clock, sessions=yours, own_address=True).ask()
    assert clock.reasons == []
    Machine(tmp_path, "three", clock, sessions=mine, own_address=True).ask()
    assert clock.reasons == ["the limit of 1 in 30 s"]


def test_a_machine_that_comes_later_knows_how_old_a_request_is(tmp_path: Path, clock: Clock) -> None:
    Machine(tmp_path, "one", clock).ask()
    as_if_earlier(tmp_path, 20)
    clock.now += 7_000_000  # the machines' own clocks have nothing to do with each other
    assert 9.9 < Machine(tmp_path, "two", clock).limiter.free_in("instagram direct") < 10.5


def test_a_file_systems_clock_that_is_set_frees_nothing_that_was_seen(tmp_path: Path, clock: Clock) -> None:
    first, second = (Machine(tmp_path, name, clock) for name in ("one", "two"))
    first.ask()
    assert second.limiter.free_in("instagram direct") > 29
    as_if_earlier(tmp_path, 24 * 3600)
    assert second.limiter.free_in("instagram direct") > 29
    as_if_earlier(tmp_path, -48 * 3600)  # what lies in the future is taken to be of now
    assert 29 < Machine(tmp_path, "three", clock).limiter.free_in("instagram direct") < 30.1


def test_a_request_that_another_machine_was_killed_in_counts_as_under_way(tmp_path: Path, clock: Clock) -> None:
    Machine(tmp_path, "one", clock).limiter.try_acquire("instagram direct")  # and no settle
    other = Machine(tmp_path, "two", clock)
    start = clock.now
    other.ask()
    assert 29 + rate_limit.IN_FLIGHT_S <= clock.now - start < 32 + rate_limit.IN_FLIGHT_S


def test_the_answer_to_another_machines_request_ends_the_wait(tmp_path: Path, clock: Clock) -> None:
    asking, waiting = (Machine(tmp_path, name, clock, [Limit(1, 1)]) for name in ("one", "two"))
    asking.limiter.try_acquire("instagram direct")
    assert waiting.limiter.free_in("instagram direct") > 15
    asking.limiter.settle()
    assert waiting.limiter.free_in("instagram direct") <= 1.1


def test_what_waits_for_one_limit_leaves_no_request_under_another(tmp_path: Path, clock: Clock) -> None:
    bucket = FolderBucket(tmp_path / "requests", as_rates([Limit(1, 30)]))
    assert bucket.reserve("mine").allowed
    bucket.cancel("mine")
    assert requests(tmp_path)[0].stat().st_size == NOT_MADE
    for looks in (bucket, FolderBucket(tmp_path / "requests", as_rates([Limit(1, 30)]))):
        assert looks.look().allowed


def test_what_no_limit_can_ask_about_goes_but_the_last_number(tmp_path: Path, clock: Clock) -> None:
    bucket = FolderBucket(tmp_path, as_rates([Limit(9, 1)]))
    for token in "abc":
        bucket.reserve(token)
        bucket.settle(token)
    as_if_earlier(tmp_path, 33 * 24 * 3600)
    again = FolderBucket(tmp_path, as_rates([Limit(9, 1)]))
    again.reserve("d")
    assert [path.name for path in requests(tmp_path)] == ["000000003", "000000004"]
    bucket.reserve("e")  # who was there before goes on from there
    assert [path.name for path in requests(tmp_path)] == ["000000003", "000000004", "000000005"]


def test_of_many_that_ask_at_the_same_moment_no_more_are_let_through_than_may(tmp_path: Path) -> None:
    granted = list[str]()

    def ask(name: str) -> None:
        bucket = FolderBucket(tmp_path / "requests", as_rates([Limit(60, 600)]))
        give_up = time.monotonic() + 30
        while (decision := bucket.reserve(name)).allowed or (decision.retry_after_ms or 0) < 1000:
            granted.extend([name] if decision.allowed else [])
            bucket._own.clear()
            assert time.monotonic() < give_up

    threads = [Thread(target=ask, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(granted) == len(requests(tmp_path)) == 60


def test_a_shared_record_that_cannot_be_used_says_where_it_is(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "requests").write_text("")
    with pytest.raises(AgeScopeError, match=r"or the shared one, .*requests"):
        Machine(tmp_path, "one", clock).ask()
