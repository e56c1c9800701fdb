"""Limits: all together, in every window, for every process and across restarts, and used to the full."""

import random
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import pytest
from filelock import FileLock, Timeout
from hypothesis import given, settings
from hypothesis import strategies as st
from pyrate_limiter.abstracts.algorithm import Decision

from core.errors import AgeScopeError, InputError, Stopped
from core.instagram import rate_limit as module
from core.instagram.rate_limit import Limit, SharedLimiter, parse_limit, requests_per_second, why_hasty
from core.settings import PROJECT_DIR
from tests.stand_in import StandIn

DEFAULTS = (Limit(1, 30), Limit(60, 3600))


def busiest(moments: Sequence[float], seconds: float) -> int:
    """The most requests in any window of that length."""
    return max(sum(start <= moment < start + seconds for moment in moments) for start in moments)


def assert_kept(moments: Sequence[float], limits: Sequence[Limit]) -> None:
    for limit in limits:
        assert busiest(moments, limit.seconds) <= limit.requests, f"{limit} was exceeded"


def shortest(number: int, limits: Sequence[Limit]) -> float:
    """Seconds from the first to the last of ``number`` requests that come as early as the limits permit."""
    moments: list[float] = []
    for k in range(number):
        free = [moments[k - limit.requests] + limit.seconds for limit in limits if k >= limit.requests]
        moments.append(max([0.0, *free, *moments[-1:]]))
    return moments[-1]


class Clock:
    """A clock that a wait moves on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_790_000_000.0
        self.reasons: list[str] = []
        monkeypatch.setattr("core.instagram.steady_clock.since_start_ms", lambda: round(self.now * 1e3))

    def wait(self, seconds: float, reason: str) -> None:
        self.now += seconds
        self.reasons.append(reason)


def simulate(limiter: SharedLimiter, clock: Clock, number: int, latency: random.Random) -> list[float]:
    """The moments at which the server sees the requests."""
    seen = []
    for _ in range(number):
        limiter.try_acquire("instagram direct")
        took = latency.uniform(0.05, 3.0)
        seen.append(clock.now + took * latency.random())
        clock.now += took
        limiter.settle()
    return seen


@pytest.mark.slow
@pytest.mark.parametrize("jitter", [0.0, 20.0])
def test_the_recommended_limits_are_kept_and_used_for_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jitter: float
) -> None:
    clock = Clock(monkeypatch)
    limiter = SharedLimiter(DEFAULTS, tmp_path / "limits.sqlite", clock.wait, jitter)
    number = 24 * 60
    seen = simulate(limiter, clock, number, random.Random(7))
    limiter.close()
    assert_kept(seen, DEFAULTS)
    assert shortest(number, DEFAULTS) / (seen[-1] - seen[0]) >= 0.97


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 60)), min_size=1, max_size=4), st.integers(0, 1000))
def test_any_combination_of_limits_is_kept(pairs: list[tuple[int, int]], seed: int) -> None:
    limits = [Limit(*pair) for pair in pairs]
    with pytest.MonkeyPatch.context() as monkeypatch, TemporaryDirectory() as folder:
        clock = Clock(monkeypatch)
        limiter = SharedLimiter(limits, Path(folder) / "limits.sqlite", clock.wait)
        seen = simulate(limiter, clock, 40, random.Random(seed))
        limiter.close()
    assert_kept(seen, limits)


def test_jitter_spreads_the_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    limiter = SharedLimiter([Limit(1, 30)], tmp_path / "limits.sqlite", clock.wait, jitter=20.0)
    seen = simulate(limiter, clock, 60, random.Random(1))
    gaps = sorted(later - earlier for earlier, later in pairwise(seen))
    assert gaps[0] > 30
    assert gaps[-1] - gaps[0] > 10
    assert 0.9 < 60 / (seen[-1] - seen[0]) / requests_per_second([Limit(1, 30)], jitter=20.0) < 1.1


def test_a_restart_remembers_what_was_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    seen = []
    for _ in range(30):
        limiter = SharedLimiter(DEFAULTS, tmp_path / "limits.sqlite", clock.wait)
        seen += simulate(limiter, clock, 4, random.Random(1))
        limiter.close()
    assert_kept(seen, DEFAULTS)


def test_another_process_with_looser_limits_counts_and_takes_nothing_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    strict = SharedLimiter([Limit(10, 3600)], tmp_path / "limits.sqlite", clock.wait)
    loose = SharedLimiter([Limit(100, 10)], tmp_path / "limits.sqlite", clock.wait)
    simulate(loose, clock, 6, random.Random(1))
    simulate(strict, clock, 4, random.Random(1))
    simulate(SharedLimiter([Limit(100, 10)], tmp_path / "limits.sqlite", clock.wait), clock, 1, random.Random(1))
    before = clock.now
    simulate(strict, clock, 1, random.Random(1))
    assert clock.now - before > 3000


def test_addresses_count_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    limiter = SharedLimiter([Limit(1, 60)], tmp_path / "limits.sqlite", clock.wait)
    for name in ("instagram direct", "instagram 10.0.0.1:80", "graph direct"):
        assert limiter.free_in(name) == 0
        limiter.try_acquire(name)
        limiter.settle()
        assert 59 < limiter.free_in(name) <= 60.1
    assert clock.reasons == []


def test_a_session_counts_over_all_its_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    file = tmp_path / "limits.sqlite"
    limiter = SharedLimiter([Limit(2, 60)], file, clock.wait, sessions={"instagram": "me"})
    for name in ("instagram 10.0.0.1:80", "instagram 10.0.0.2:80"):
        limiter.try_acquire(name)
        limiter.settle()
    assert 59 < limiter.free_in("instagram 10.0.0.3:80") <= 60.1
    assert limiter.free_in("graph direct") == 0
    visitor = SharedLimiter([Limit(2, 60)], file, clock.wait)
    visitor.try_acquire("instagram 10.0.0.1:80")
    assert clock.reasons == []
    assert visitor.free_in("instagram 10.0.0.1:80") > 59  # the session's request went out there as well
    start = clock.now
    limiter.try_acquire("instagram 10.0.0.3:80")
    assert 59 < clock.now - start < 61


def test_what_waits_for_one_limit_reserves_nothing_under_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    file = tmp_path / "limits.sqlite"
    limiter = SharedLimiter([Limit(1, 60)], file, clock.wait, sessions={"instagram": "me"})
    limiter.try_acquire("instagram direct")
    limiter.settle()

    def stop(seconds: float, reason: str) -> None:
        raise Stopped(reason)

    stopped = SharedLimiter([Limit(1, 60)], file, stop, sessions={"instagram": "me"})
    with pytest.raises(Stopped):
        stopped.try_acquire("instagram 10.0.0.1:80")
    assert SharedLimiter([Limit(1, 60)], file, stop).free_in("instagram 10.0.0.1:80") == 0


def test_a_request_whose_process_died_counts_as_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    dead = SharedLimiter([Limit(1, 10)], tmp_path / "limits.sqlite", clock.wait)
    dead.try_acquire("instagram")  # and no settle
    start = clock.now
    SharedLimiter([Limit(1, 10)], tmp_path / "limits.sqlite", clock.wait).try_acquire("instagram")
    assert 10 + module.IN_FLIGHT_S <= clock.now - start < 12 + module.IN_FLIGHT_S


@pytest.mark.parametrize("jitter", [0.0, 2.0])
def test_an_answer_ends_the_wait_for_the_request_of_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jitter: float
) -> None:
    clock = Clock(monkeypatch)
    other = SharedLimiter([Limit(1, 1)], tmp_path / "limits.sqlite", clock.wait)
    other.try_acquire("instagram")

    def wait(seconds: float, reason: str) -> None:
        clock.wait(seconds, reason)
        other.settle()

    start = clock.now
    SharedLimiter([Limit(1, 1)], tmp_path / "limits.sqlite", wait, jitter).try_acquire("instagram")
    assert clock.now - start < 1.5 + jitter


def test_an_answer_that_comes_while_the_limits_are_asked_is_not_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wait must not be that for a request under way when that has been answered by the time it is looked at."""
    clock = Clock(monkeypatch)
    file = tmp_path / "limits.sqlite"
    other = SharedLimiter([Limit(1, 1)], file, clock.wait)
    other.try_acquire("instagram")
    reserve = module._SharedBucket.reserve

    def answer_if_possible() -> None:
        with suppress(Timeout):
            FileLock(f"{file}.lock", blocking=False).acquire().lock.release()
            other.settle()

    def reserve_and_answer(bucket: module._SharedBucket, token: str) -> Decision:
        decision = reserve(bucket, token)
        elsewhere = Thread(target=answer_if_possible)
        elsewhere.start()
        elsewhere.join()
        return decision

    def wait(seconds: float, reason: str) -> None:
        clock.wait(seconds, reason)
        other.settle()

    limiter = SharedLimiter([Limit(1, 1)], file, wait)
    monkeypatch.setattr(module._SharedBucket, "reserve", reserve_and_answer)
    start = clock.now
    limiter.try_acquire("instagram")
    assert clock.now - start < 1.5


def test_a_clock_that_was_set_back_does_not_block_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    simulate(SharedLimiter([Limit(1, 10)], tmp_path / "limits.sqlite", clock.wait), clock, 1, random.Random(1))
    clock.now -= 30 * 24 * 3600
    start = clock.now
    SharedLimiter([Limit(1, 10)], tmp_path / "limits.sqlite", clock.wait).try_acquire("instagram direct")
    assert clock.now - start < 60


def test_a_wait_names_the_limit_that_holds_longest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    limiter = SharedLimiter([Limit(1, 30), Limit(2, 3600)], tmp_path / "limits.sqlite", clock.wait)
    simulate(limiter, clock, 3, random.Random(1))
    assert clock.reasons == ["the limit of 1 in 30 s", "the limit of 2 in 60 min"]


def test_a_record_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    limiter = SharedLimiter(DEFAULTS, tmp_path / "file" / "limits.sqlite", lambda seconds, reason: None)
    with pytest.raises(AgeScopeError, match="XDG_STATE_HOME"):
        limiter.try_acquire("instagram")
    (tmp_path / "limits.sqlite").write_text("this is no database, and long enough to be taken for a damaged one")
    with pytest.raises(AgeScopeError, match="cannot be used"):
        SharedLimiter(DEFAULTS, tmp_path / "limits.sqlite", lambda seconds, reason: None).try_acquire("instagram")


def test_a_disk_that_fills_up_while_a_run_is_under_way_says_so(tmp_path: Path) -> None:
    limiter = SharedLimiter([Limit(10, 1)], tmp_path / "limits.sqlite", lambda seconds, reason: None)
    limiter.try_acquire("instagram")
    with sqlite3.connect(tmp_path / "limits.sqlite") as other:
        other.execute("DROP TABLE bucket_instagram")
    with pytest.raises(AgeScopeError, match="Make room"):
        limiter.settle()
    with pytest.raises(AgeScopeError, match="Make room"):
        limiter.try_acquire("instagram")


@pytest.mark.parametrize("text", ["", "60", "60,", "a,b", "-1,30", "0,30", "1,0", "1,99999999", "1;30"])
def test_limits_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="limit"):
        parse_limit(text)


def test_limits_are_read() -> None:
    assert [parse_limit("1,30"), parse_limit(" 60 , 3600.5 ")] == [Limit(1, 30), Limit(60, 3600.5)]
    assert requests_per_second(DEFAULTS) == 60 / 3600


_PROCESS = """
import sys, time, urllib.request
from pathlib import Path
from core.instagram.rate_limit import Limit, SharedLimiter
url, file, number = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
limiter = SharedLimiter([Limit(1, 0.02), Limit(10, 1.0)], file, lambda seconds, reason: time.sleep(seconds))
for _ in range(number):
    limiter.try_acquire("instagram direct")
    urllib.request.urlopen(url + "/anna/").read()
    limiter.settle()
"""


@pytest.mark.slow
def test_processes_keep_the_limits_together_and_use_them(stand_in: StandIn, tmp_path: Path) -> None:
    command = [sys.executable, "-c", _PROCESS, stand_in.url, str(tmp_path / "limits.sqlite"), "20"]
    processes = [subprocess.Popen(command, cwd=PROJECT_DIR) for _ in range(2)]
    assert [process.wait(timeout=60) for process in processes] == [0, 0]
    moments = [seen.at for seen in stand_in.seen]
    assert len(moments) == 40
    assert_kept(moments, [Limit(1, 0.02), Limit(10, 1.0)])
    assert moments[-1] - moments[0] < module.IN_FLIGHT_S / 2  # 3 s at best; no answer was waited for in vain


def test_limits_that_no_person_would_keep_are_warned_of_and_the_usual_ones_are_not() -> None:
    assert "one request a second" in why_hasty([Limit(40, 1)])
    assert not why_hasty([Limit(40, 1), Limit(60, 3600)]) and not why_hasty([Limit(1, 30)]) and not why_hasty([])
