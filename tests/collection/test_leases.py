"""Leases: one machine has an account in hand, and others get it when that one gives no sign of life any more."""

import threading
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pytest

from core.collection import leases as module
from core.collection.leases import LEASE_S, Lease, Leases, TakenOver
from core.errors import AgeScopeError
from core.storage.lease_files import leases_of


class Clock:
    """The clock of the machines, which the test moves on; a suspended machine does not renew meanwhile."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(module, "since_start_ms", lambda: round(self.now * 1000))

    def pass_by(self, seconds: float, *alive: Lease | None) -> None:
        """Let time go by, in which these are renewed."""
        until = self.now + seconds
        while self.now < until:
            self.now = min(until, self.now + LEASE_S / 8)
            for lease in alive:
                assert lease
                lease.renew()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def machines(tmp_path: Path) -> tuple[Leases, Leases, Leases]:
    return Leases(tmp_path), Leases(tmp_path), Leases(tmp_path)


def test_one_machine_has_an_account_at_a_time(machines: tuple[Leases, ...], clock: Clock) -> None:
    one, two, _ = machines
    with one.taken("anna") as mine:
        assert mine
        with two.taken("anna") as yours, two.taken("bob") as other:
            assert yours is None
            assert other
    with two.taken("anna") as yours:
        assert yours


def test_what_is_given_back_leaves_nothing(tmp_path: Path, machines: tuple[Leases, ...], clock: Clock) -> None:
    with machines[0].taken("anna"):
        assert [path.name for path in leases_of(tmp_path, "anna")] == [".anna.json.lease-1"]
        assert leases_of(tmp_path, "ann") == []
    assert list(tmp_path.iterdir()) == []


def test_a_lease_is_over_when_it_was_seen_unchanged_for_its_length(machines: tuple[Leases, ...], clock: Clock) -> None:
    gone, other, _ = machines
    with gone.taken("anna"):
        clock.pass_by(10 * LEASE_S)
        for seconds in (0.0, LEASE_S - 1):  # however old it is, it is watched for its length first
            clock.pass_by(seconds)
            with other.taken("anna") as taken:
                assert taken is None
        clock.pass_by(1.0)
        with other.taken("anna") as taken:
            assert taken


def test_a_lease_whose_holder_lives_is_never_over(machines: tuple[Leases, ...], clock: Clock) -> None:
    holder, other, _ = machines
    with holder.taken("anna") as mine:
        for _ in range(20):
            with other.taken("anna") as taken:
                assert taken is None
            clock.pass_by(LEASE_S / 2, mine)
        assert mine
        mine.check()


def test_who_was_suspended_finds_that_another_has_the_account(machines: tuple[Leases, ...], clock: Clock) -> None:
    suspended, other, third = machines
    with suspended.taken("anna") as mine:
        assert mine
        with other.taken("anna"):
            pass
        clock.pass_by(LEASE_S)
        with other.taken("anna") as theirs:
            assert theirs
            mine.renew()  # comes too late
            for _ in range(2):
                with pytest.raises(TakenOver):
                    mine.check()
            theirs.check()
    with third.taken("anna") as free:
        assert free is None  # what the suspended one had ends by itself
    clock.pass_by(LEASE_S)
    with third.taken("anna") as free:
        assert free


def test_however_many_were_suspended_one_has_the_account(
    tmp_path: Path, machines: tuple[Leases, ...], clock: Clock
) -> None:
    """Were their leases removed, somebody would begin anew below the one that is held."""
    other = Leases(tmp_path)
    with ExitStack() as suspended:
        for machine, following in pairwise(machines):
            suspended.enter_context(machine.taken("anna"))
            with following.taken("anna"):
                pass
            clock.pass_by(LEASE_S)
        with machines[2].taken("anna") as mine:
            suspended.close()  # they wake, and end
            with other.taken("anna") as taken:
                assert taken is None
            assert mine
            mine.check()


def test_who_was_suspended_keeps_what_nobody_has_taken(
    tmp_path: Path, machines: tuple[Leases, ...], clock: Clock
) -> None:
    suspended, other, _ = machines
    with suspended.taken("anna") as mine:
        assert mine
        clock.pass_by(5 * LEASE_S)
        mine.check()
        clock.pass_by(LEASE_S, mine)
        mine.check()
        with other.taken("anna") as taken:
            assert taken is None
    assert list(tmp_path.iterdir()) == []


def test_the_lease_of_who_is_gone_stays_so_that_its_number_never_comes_again(
    tmp_path: Path, machines: tuple[Leases, ...], clock: Clock
) -> None:
    gone, other, third = machines
    gone._taken(tmp_path / ".anna.json")
    with other.taken("anna"):
        pass
    clock.pass_by(LEASE_S)
    with other.taken("anna") as taken, third.taken("anna") as not_taken:
        assert taken
        assert not_taken is None
    assert [path.name for path in tmp_path.iterdir()] == [".anna.json.lease-1"]


def test_a_lease_that_was_given_back_meanwhile_is_not_followed_by_the_next(
    tmp_path: Path, machines: tuple[Leases, ...], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else one would hold the second while another takes the first anew; who was suspended may remove his so late."""
    holder, other, third = machines
    with ExitStack() as held:
        held.enter_context(holder.taken("anna"))
        with other.taken("anna"):
            pass
        clock.pass_by(LEASE_S)
        make = Lease.make

        def make_later(lease: Lease) -> bool:
            monkeypatch.setattr(Lease, "make", make)
            (tmp_path / ".anna.json.lease-1").unlink()
            return make(lease)

        monkeypatch.setattr(Lease, "make", make_later)
        with other.taken("anna") as taken:
            assert taken is None
    with third.taken("anna") as taken:
        assert taken
    assert list(tmp_path.iterdir()) == []


def test_of_many_that_want_an_account_one_gets_it(tmp_path: Path) -> None:
    held, most = 0, 0
    lock = threading.Lock()

    def want(machine: Leases) -> None:
        nonlocal held, most
        for _ in range(50):
            with machine.taken("anna") as lease:
                if lease:
                    with lock:
                        held += 1
                        most = max(most, held)
                    lease.check()
                    with lock:
                        held -= 1

    threads = [threading.Thread(target=want, args=(Leases(tmp_path),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_while_it_is_held_it_is_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEASE_S", 0.08)
    with Leases(tmp_path) as machine, machine.taken("anna"):
        path, changed = tmp_path / ".anna.json.lease-1", threading.Event()
        first = path.read_bytes()
        for _ in range(500):
            if path.read_bytes() != first:
                break
            changed.wait(0.01)
        assert path.read_bytes()[:-11] == first[:-11] != path.read_bytes()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_has_vanished_is_named(tmp_path: Path, clock: Clock) -> None:
    folder = tmp_path / "accounts"
    folder.mkdir()
    with Leases(folder).taken("anna") as mine:
        assert mine
        (folder / ".anna.json.lease-1").unlink()
        folder.rmdir()
        mine.renew()
        mine.check()  # for as long as nobody else can have it
        clock.pass_by(LEASE_S)
        with pytest.raises(AgeScopeError, match=r"accounts cannot be written"):
            mine.check()
