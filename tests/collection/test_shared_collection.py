"""Several machines that collect one list: nobody is asked twice, nobody left out, and everything counted."""

import errno
import os
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from core.collection import collector, folder_use, leases
from core.collection.arguments import CollectArguments
from core.collection.collector import collect
from core.collection.folder_use import SHARED_NAME, only_one_run, take_part
from core.collection.outcome_log import Ledger
from core.collection.turns import UNFINISHED, SharedTurns
from core.errors import AgeScopeError, InputError
from core.instagram.factory import open_source
from core.instagram.source import Source
from core.instagram.steady_clock import since_start_ms
from core.jobs.progress import Progress, no_progress
from core.jobs.records import ProgressRecord
from core.storage.account_files import read_account, write_account
from core.storage.models import Account, Outcome
from tests.collection.test_collector import arguments, run
from tests.faults.nursery import KILLED, nursery
from tests.instagram.test_rate_limit import busiest
from tests.stand_in import StandIn
from tests.stand_in.answers import FAILURES, Answer

LIMIT = (12, 0.5)


def wait_for_requests(stand_in: StandIn, number: int) -> None:
    give_up = time.monotonic() + 60
    while len(stand_in.seen) < number:
        assert time.monotonic() < give_up, "no requests are made"
        threading.Event().wait(0.002)


def found_elsewhere(folder: Path, username: str, outcome: Outcome = "collected", *, is_told: bool = True) -> None:
    """What another machine leaves of an account that it has asked about."""
    with no_progress() as progress:
        ledger = Ledger(folder, progress)
    account = Account(username=username, outcome=outcome)
    path = write_account(folder, account)
    if is_told:
        ledger.record(account, path)


def turns_of(folder: Path, names: Sequence[str], meanwhile: Callable[[], None]) -> tuple[list[str], SharedTurns]:
    """Whose turns come, where ``meanwhile`` happens in the first."""
    with no_progress() as progress:
        ledger = Ledger(folder, progress)
        turns, seen = SharedTurns(folder, ledger, progress), list[str]()
        for username in turns.of(names, lambda: None):
            if not seen:
                meanwhile()
            seen.append(username)
            account = Account(username=username)
            ledger.record(account, write_account(folder, account))
            turns.news()
    return seen, turns


@pytest.mark.slow
def test_two_machines_collect_a_list_of_which_one_is_killed(stand_in: StandIn, tmp_path: Path) -> None:
    names = [f"user{number}" for number in range(60)]
    for name in names:
        stand_in.add(name, posts=3)
    another_is_asked_about, answer = threading.Event(), stand_in.answer

    def answer_when_both_ask(route: str, about: str, make: Callable[[], Answer]) -> Answer:
        if about == names[0]:
            another_is_asked_about.wait(60)  # else a machine that starts late finds a list that the other has done
        else:
            another_is_asked_about.set()
        return answer(route, about, make)

    stand_in.answer = answer_when_both_ask  # type: ignore[method-assign]
    (tmp_path / "list.txt").write_text("\n".join(names))
    for machine in ("one", "two"):
        (tmp_path / machine).mkdir()
    asked = CollectArguments(tmp_path / "list.txt", tmp_path / "accounts", limits=(LIMIT,), shared=True)
    with nursery(tmp_path / "one") as one, nursery(tmp_path / "two") as two:
        first = one.start(asked.to_argv())
        two.start(asked.to_argv())
        wait_for_requests(stand_in, 30)
        os.kill(first, signal.SIGKILL)
        assert one.ended() == -KILLED
        assert two.ended() == 0
        assert one.run(asked.to_argv()) == 0  # nothing is left
    assert {read_account(tmp_path / "accounts" / f"{name}.json").outcome for name in names} == {"collected"}
    times = Counter(seen.about for seen in stand_in.seen)
    assert times.keys() == set(names)
    assert times.total() <= len(names) + 1  # the one in hand at the kill
    told = re.search(r"(\d+) of 60 accounts in this run .*; (\d+) by other machines", two.log.read_text())
    assert told
    own, others = map(int, told.groups())
    assert own + others == 60
    assert min(own, others) >= 5
    assert busiest([seen.at for seen in stand_in.seen], LIMIT[1]) <= LIMIT[0]


def test_what_another_machine_finds_meanwhile_is_not_asked_for_and_counted(stand_in: StandIn, tmp_path: Path) -> None:
    for name in ("anna", "carla"):
        stand_in.add(name, posts=3)
    answer = stand_in.answer

    def answer_late(route: str, about: str, make: Callable[[], Answer]) -> Answer:
        if about == "anna":
            found_elsewhere(tmp_path / "accounts", "bob", "private")
        return answer(route, about, make)

    stand_in.answer = answer_late  # type: ignore[method-assign]
    (tmp_path / "job").mkdir()
    with Progress("accounts", job_dir=tmp_path / "job", terminal=False) as progress:
        summary = collect(arguments(tmp_path, "anna", "bob", "carla", shared=True), progress)
    assert str(summary).startswith("2 of 3 accounts in this run (2 collected); 1 by other machines; ")
    assert [seen.about for seen in stand_in.seen] == ["anna", "carla"]
    told = ProgressRecord.model_validate_json((tmp_path / "job" / "progress.json").read_bytes())
    assert (told.done, told.total, told.by_others) == (3, 3, 1)
    assert told.outcomes == {"collected": 2, "private": 1}


def test_what_another_finds_before_the_first_turn_is_not_asked_for_and_counted(
    stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in.add("anna", posts=3)

    def open_late(*given: Any, **named: Any) -> Source:
        found_elsewhere(tmp_path / "accounts", "bob", "private")
        return open_source(*given, **named)

    monkeypatch.setattr(collector, "open_source", open_late)
    assert run(tmp_path, "anna", "bob", shared=True).by_others == 1
    assert [seen.about for seen in stand_in.seen] == ["anna"]


@pytest.mark.parametrize("failure", [None, "server_error"])
def test_a_machine_that_wakes_after_its_account_was_taken_over_neither_asks_nor_writes(
    stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: str | None
) -> None:
    folder, now = tmp_path / "accounts", since_start_ms
    stand_in.add("anna", posts=3)
    answer = stand_in.answer

    def answer_after_long(route: str, about: str, make: Callable[[], Answer]) -> Answer:
        monkeypatch.setattr(leases, "since_start_ms", lambda: now() + round(2000 * leases.LEASE_S))
        (folder / ".anna.json.lease-2").touch()
        found_elsewhere(folder, "anna", "private")
        return FAILURES[failure]() if failure else answer(route, about, make)

    stand_in.answer = answer_after_long  # type: ignore[method-assign]
    assert run(tmp_path, "anna", shared=True).by_others == 1
    assert len(stand_in.seen) == 1
    assert read_account(folder / "anna.json").outcome == "private"


def test_an_account_whose_line_in_the_ledger_was_lost_is_known_by_its_file(tmp_path: Path) -> None:
    seen, turns = turns_of(
        tmp_path, ["anna", "bob", "carla"], lambda: found_elsewhere(tmp_path, "bob", "failed", is_told=False)
    )
    assert (seen, turns.by_others) == (["anna", "carla"], 1)


def test_an_account_that_another_left_in_the_middle_is_taken_up(tmp_path: Path) -> None:
    def leave_unfinished() -> None:
        write_account(tmp_path, Account(username="bob", outcome="partial", complete=False, reason=UNFINISHED))

    seen, turns = turns_of(tmp_path, ["anna", "bob"], leave_unfinished)
    assert (seen, turns.by_others) == (["anna", "bob"], 0)


def test_an_account_in_hand_elsewhere_is_not_taken_for_one_that_was_asked_about(tmp_path: Path) -> None:
    """A machine that begins meanwhile writes down what it finds of it, and the one that has it may be killed."""

    def begin_meanwhile() -> None:
        write_account(tmp_path, Account(username="bob", outcome="partial", complete=False, reason=UNFINISHED))
        with no_progress() as progress:
            Ledger(tmp_path, progress)

    seen, turns = turns_of(tmp_path, ["anna", "bob"], begin_meanwhile)
    assert (seen, turns.by_others, turns.news()) == (["anna", "bob"], 0, [])


def test_a_ledger_that_another_tidies_tells_nothing_twice(tmp_path: Path) -> None:
    def tidy() -> None:
        found_elsewhere(tmp_path, "bob")
        for _ in range(2):
            with no_progress() as progress:
                ledger = Ledger(tmp_path, progress)
            ledger._tidy()

    seen, turns = turns_of(tmp_path, ["anna", "bob", "carla"], tidy)
    assert (seen, turns.by_others) == (["anna", "carla"], 1)


def test_a_line_that_is_not_there_in_full_is_read_when_it_is(tmp_path: Path) -> None:
    found_elsewhere(tmp_path, "anna")
    with no_progress() as progress:
        ledger = Ledger(tmp_path, progress)
    found_elsewhere(tmp_path, "bob")
    file = tmp_path / ".outcomes.jsonl"
    whole = file.read_bytes()
    with file.open("r+b") as half:
        half.truncate(len(whole) - 20)
    assert ledger.news() == []
    with file.open("ab") as rest:
        rest.write(whole[-20:])
    assert [name for name, _, _ in ledger.news()] == ["bob.json"]
    assert ledger.news() == []


def test_who_wants_a_shared_folder_alone_is_told_how(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.add("anna", posts=3)
    run(tmp_path, "anna", shared=True)
    with pytest.raises(AgeScopeError, match=r"Say --shared .* remove the file \.shared"):
        run(tmp_path, "anna")
    (tmp_path / "accounts" / SHARED_NAME).unlink()
    assert run(tmp_path, "anna").skipped == 1


def test_a_folder_that_a_run_has_alone_is_not_shared(
    stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_use, "_BESIDE_S", 0.01)
    with only_one_run(tmp_path / "accounts"), pytest.raises(AgeScopeError, match="Another collection"):
        run(tmp_path, "anna", shared=True)
    assert not (tmp_path / "accounts" / SHARED_NAME).exists()


def test_where_files_cannot_be_locked_a_list_is_shared_all_the_same(
    stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(lock: FileLock, **_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(FileLock, "acquire", no_locks)
    take_part(tmp_path / "accounts")
    assert (tmp_path / "accounts" / SHARED_NAME).exists()


def test_an_address_of_ones_own_is_said_of_a_shared_list_only(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Give --shared too"):
        arguments(tmp_path, "anna", own_address=True)
