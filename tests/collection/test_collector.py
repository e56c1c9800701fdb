"""Collecting against the stand-in: outcomes, going on, and fewest requests."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from core.collection.arguments import CollectArguments
from core.collection.collector import FAILURES_BEFORE_WAITING, MOST_ABSENT, MOST_WALLS, CollectSummary, collect
from core.collection.estimate import estimate
from core.collection.events import AccountEvent
from core.collection.folder_use import only_one_run
from core.errors import AgeScopeError, InputError, Stopped
from core.instagram.client import TRIES_AFTER_FAULT
from core.instagram.errors import Checkpoint, ImplausibleAnswersError, NoRouteError
from core.instagram.events import RefusalEvent
from core.jobs.events import Event
from core.jobs.progress import Progress, no_progress
from core.settings import get_settings
from core.storage.account_files import read_account, write_account
from core.storage.models import Account
from tests.stand_in import SESSION, StandIn

FAST: dict[str, Any] = {"limits": ((1000, 1),), "backoff_mult": 0.001, "backoff_exp": 1.0}


def run(tmp_path: Path, *usernames: str, **more: Any) -> CollectSummary:
    with no_progress() as progress:
        return collect(arguments(tmp_path, *usernames, **more), progress)


def arguments(tmp_path: Path, *usernames: str, **more: Any) -> CollectArguments:
    (tmp_path / "list.txt").write_text("\n".join(usernames))
    return CollectArguments(user_file=tmp_path / "list.txt", output_dir=tmp_path / "accounts", **{**FAST, **more})


def account(tmp_path: Path, username: str) -> Account:
    return read_account(tmp_path / "accounts" / f"{username}.json")


def test_an_account_of_few_posts_costs_one_request(stand_in: StandIn, tmp_path: Path) -> None:
    made = stand_in.add("anna", posts=9)
    summary = run(tmp_path, "anna")
    assert summary.requests == {"profile": 1}
    assert [post.caption for post in account(tmp_path, "anna").posts] == [post.caption for post in made.posts]
    assert account(tmp_path, "anna").outcome == "collected"


def test_every_outcome_is_written_down(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.add("anna", posts=3)
    stand_in.fail("profile", "bad_request", about="broken")
    stand_in.fail("page", "login_redirect", about="broken")
    summary = run(tmp_path, "anna", "private.bob", "gone.carla", "empty.dan", "broken")
    outcomes = {path.stem: read_account(path).outcome for path in (tmp_path / "accounts").glob("*.json")}
    assert outcomes == {
        "anna": "collected",
        "private.bob": "private",
        "gone.carla": "not_found",
        "empty.dan": "empty",
        "broken": "failed",
    }
    assert summary.outcomes == {"collected": 1, "private": 1, "not_found": 1, "empty": 1, "failed": 1}
    assert "login page" in (account(tmp_path, "broken").reason or "")


def test_logged_out_the_rest_comes_from_page_and_posts_without_asking_twice(stand_in: StandIn, tmp_path: Path) -> None:
    made = stand_in.add("anna", posts=30)
    run(tmp_path, "anna")
    assert stand_in.counts == {"profile": 1, "page": 1, "start": 1, "more": 2, "post": 18}
    found = {post.shortcode: post.caption for post in account(tmp_path, "anna").posts}
    assert found == {post.code: post.caption for post in made.posts}


def test_logged_in_a_hundred_captions_cost_nine_requests_and_a_start_page(
    stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGESCOPE_INSTAGRAM_SESSION", SESSION)
    stand_in.add("anna", posts=500)
    stand_in.add("bob", posts=500)
    run(tmp_path, "anna", "bob")
    assert stand_in.counts == {"start": 1, "timeline": 18}
    assert len(account(tmp_path, "anna").posts) == 100


def test_a_second_run_asks_nothing_of_what_is_final(stand_in: StandIn, tmp_path: Path) -> None:
    names = ("anna", "private.bob", "gone.carla", "empty.dan")
    run(tmp_path, *names)
    before = len(stand_in.seen)
    summary = run(tmp_path, *names)
    assert (len(stand_in.seen), summary.skipped) == (before, 4)


def test_more_posts_are_asked_for_from_where_it_ended(stand_in: StandIn, tmp_path: Path) -> None:
    made = stand_in.add("anna", posts=12)
    run(tmp_path, "anna", posts_per_user=5)
    assert len(account(tmp_path, "anna").posts) == 5
    run(tmp_path, "anna", posts_per_user=100)
    assert [post.shortcode for post in account(tmp_path, "anna").posts] == [post.code for post in made.posts]
    assert stand_in.counts == {"profile": 1}


def test_a_partial_account_goes_on_and_a_failed_one_is_tried_again(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.add("anna", posts=20)
    stand_in.fail("page", "login_redirect")
    stand_in.fail("profile", "server_error", about="bob")
    run(tmp_path, "anna", "bob")
    assert (account(tmp_path, "anna").outcome, len(account(tmp_path, "anna").posts)) == ("partial", 12)
    assert "12 posts" in (account(tmp_path, "anna").reason or "")
    assert account(tmp_path, "bob").outcome == "failed"
    stand_in.recover()
    run(tmp_path, "anna", "bob")
    assert account(tmp_path, "anna").outcome == account(tmp_path, "bob").outcome == "collected"
    assert len({post.shortcode for post in account(tmp_path, "anna").posts}) == 20
    assert sum(seen.about == "anna" and seen.route == "profile" for seen in stand_in.seen) == 1


def test_two_runs_into_one_folder_say_so(stand_in: StandIn, tmp_path: Path) -> None:
    with only_one_run(tmp_path / "accounts"), pytest.raises(AgeScopeError, match="Another collection"):
        run(tmp_path, "anna")


def test_a_stopped_run_goes_on(stand_in: StandIn, tmp_path: Path) -> None:
    names = [f"user_{number}" for number in range(5)]
    with Progress("accounts", terminal=False) as progress, pytest.raises(Stopped):
        progress.request_stop()
        collect(arguments(tmp_path, *names), progress)
    assert run(tmp_path, *names).outcomes.total() == 5


def test_events_and_progress_tell_what_a_person_would_ask(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.add("anna", posts=3)
    stand_in.fail("profile", "too_many", times=1)
    job = tmp_path / "job"
    job.mkdir()
    with Progress("accounts", job_dir=job, terminal=False) as progress:
        collect(arguments(tmp_path, "anna", "private.bob"), progress)
    events = [orjson.loads(line) for line in (job / "events.jsonl").read_bytes().splitlines()]
    assert [(event["kind"], event["username"]) for event in events] == [
        ("refusal", "anna"),
        ("account", "anna"),
        ("account", "private.bob"),
    ]
    assert (events[0]["error"], events[0]["route"], events[0]["answer"]) == ("TooManyRequests", "profile", "429")
    assert "slow down" in events[0]["meaning"]
    state = orjson.loads((job / "progress.json").read_bytes())
    assert (state["done"], state["total"], state["requests"]) == (2, 2, 3)
    assert state["outcomes"] == {"collected": 1, "private": 1}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"backoff_mult": 2.0, "backoff_exp": None}, "or neither"),
        ({"backoff_mult": 0.0, "backoff_exp": 2.0}, "above 0"),
        ({"backoff_mult": 1.0, "backoff_exp": 0.5}, "at least 1"),
        ({"posts_per_user": 0}, "at least 1"),
        ({"limits": ()}, "at least one"),
        ({"limits": ((0, 10),)}, "at least 1"),
        ({"limits": ((1, 0),)}, "cannot be kept"),
        ({"source": "myspace"}, "no source"),
        ({"jitter": -1}, "no sense"),
        ({"refresh_days": -1}, "negative"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(tmp_path: Path, values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        arguments(tmp_path, "anna", **values)


def test_a_list_without_a_usable_name_says_why(stand_in: StandIn, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no usable username"):
        run(tmp_path, "../../etc/passwd")


def test_an_estimate_counts_what_is_left(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.add("anna", posts=3)
    run(tmp_path, "anna")
    names = ["anna", *(f"user_{number}" for number in range(1240))]
    cost = estimate(arguments(tmp_path, *names, limits=((1, 30), (60, 3600)), posts_per_user=12))
    assert (cost.accounts, cost.todo, cost.known) == (1241, 1240, {"collected": 1})
    assert (cost.requests_per_hour, cost.requests[0]) == (60, 1240)
    assert "1,240 accounts at 60 requests an hour: about 21 hours" in str(cost)


def test_an_estimate_says_what_is_likely_where_earlier_accounts_tell(stand_in: StandIn, tmp_path: Path) -> None:
    asked = arguments(tmp_path, *(f"user_{number}" for number in range(60)), limits=((60, 3600),))
    assert str(estimate(asked)) == "60 accounts at 60 requests an hour: at least 60 min, at most 4 days"
    assert "hour: likely about 20 hours; at least 60 min, at most" in str(estimate(asked, per_account=20))
    assert estimate(asked, per_account=200).likely is None


class Waits(Progress):
    """Notes waits in place of waiting."""

    def __init__(self) -> None:
        super().__init__("", terminal=False)
        self.waited: list[tuple[float, str]] = []

    def wait(self, seconds: float, reason: str) -> None:
        self.waited.append((seconds, reason))
        self.check()


def test_where_the_line_is_down_the_run_waits_and_marks_no_further_account_as_failed(
    stand_in: StandIn, tmp_path: Path
) -> None:
    names = [f"user{number}" for number in range(8)]
    stand_in.fail("*", "reset", times=TRIES_AFTER_FAULT * 8)
    waits = Waits()
    summary = collect(arguments(tmp_path, *names, posts_per_user=5), waits)
    assert summary.outcomes == {"failed": FAILURES_BEFORE_WAITING, "collected": 8 - FAILURES_BEFORE_WAITING}
    assert sum("cannot be reached" in reason for _, reason in waits.waited) == 5


def test_a_line_that_stays_down_ends_the_run(
    stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.collection.collector.MOST_FAULTS", 6)
    stand_in.fail("*", "server_error")
    with pytest.raises(NoRouteError):
        collect(arguments(tmp_path, "anna", "bob", "carla", "dan", "eve"), Waits())
    assert not (tmp_path / "accounts" / "dan.json").exists()


def test_login_walls_for_everyone_end_the_run_and_what_was_there_is_tried_again(
    stand_in: StandIn, tmp_path: Path
) -> None:
    names = [f"user{number}" for number in range(30)]
    stand_in.fail("*", "login_redirect")
    with pytest.raises(NoRouteError, match="check-instagram"):
        run(tmp_path, *names)
    assert len(stand_in.seen) <= 6
    stand_in.recover()
    assert run(tmp_path, *names, posts_per_user=5).outcomes.total() == 30


def test_a_checkpoint_keeps_what_is_there_and_stops(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.add("anna", posts=30)
    stand_in.fail("more", "checkpoint", times=1)
    with pytest.raises(Checkpoint, match="wait at least a day"):
        run(tmp_path, "anna", "bob")
    assert len(account(tmp_path, "anna").posts) == 12
    assert not (tmp_path / "accounts" / "bob.json").exists()
    run(tmp_path, "anna", "bob")
    assert len(account(tmp_path, "anna").posts) == 30
    assert stand_in.counts["page"] <= 2


def test_posts_that_are_counted_but_not_sent_are_no_empty_account(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.add("anna", posts=5)
    stand_in.silent_lists = True
    run(tmp_path, "anna")
    assert account(tmp_path, "anna").outcome == "failed"


def test_every_answer_that_is_not_posts_is_kept_once(
    stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in.add("anna", posts=5)
    stand_in.silent_lists = True
    stand_in.fail("profile", "rollout", times=1)
    kept: list[Event] = []
    with Progress("", terminal=False) as progress:
        monkeypatch.setattr(progress, "event", kept.append)
        collect(arguments(tmp_path, "anna", "gone.bob", "private.carla"), progress)
    refusals = [event.error for event in kept if isinstance(event, RefusalEvent)]
    assert refusals == ["RouteClosed", "UnexpectedAnswer"]
    outcomes = [event.outcome for event in kept if isinstance(event, AccountEvent)]
    assert outcomes == ["failed", "not_found", "private"]


def test_an_estimate_knows_the_sources(stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def requests(**more: Any) -> tuple[int, int]:
        return estimate(arguments(tmp_path, "anna", **more)).requests

    assert requests(posts_per_user=12) == (1, 1)
    assert requests(source="graph") == (1, 2)
    monkeypatch.setenv("AGESCOPE_INSTAGRAM_SESSION", SESSION)
    get_settings.cache_clear()
    assert requests() == (1, 9)


def test_a_route_that_denies_everyone_is_not_believed(stand_in: StandIn, tmp_path: Path) -> None:
    names = [f"user{number}" for number in range(30)]
    stand_in.fail("profile", "no_user")
    with pytest.raises(ImplausibleAnswersError):
        run(tmp_path, *names)
    assert len(stand_in.seen) == MOST_ABSENT + 1
    assert account(tmp_path, "user0").outcome == "failed"
    stand_in.recover()
    assert run(tmp_path, *names, posts_per_user=5).outcomes == {"collected": 30}


def test_walls_that_come_now_and_then_do_not_end_the_run(stand_in: StandIn, tmp_path: Path) -> None:
    names = [f"user{number}" for number in range(2 * MOST_WALLS)]
    for name in names[::2]:
        stand_in.fail("profile", "bad_request", about=name)
        stand_in.fail("page", "bad_request", about=name)
    outcomes = run(tmp_path, *names, posts_per_user=5).outcomes
    assert outcomes == {"failed": MOST_WALLS, "collected": MOST_WALLS}


def test_accounts_that_nobody_can_see_in_a_row_end_the_run(stand_in: StandIn, tmp_path: Path) -> None:
    names = [f"user{number}" for number in range(2 * MOST_WALLS)]
    stand_in.fail("*", "bad_request")
    with pytest.raises(NoRouteError, match=f"{MOST_WALLS} accounts in a row"):
        run(tmp_path, *names, posts_per_user=5)


def test_what_is_no_longer_believed_keeps_its_posts(stand_in: StandIn, tmp_path: Path) -> None:
    names = [f"user{number}" for number in range(MOST_ABSENT)]
    run(tmp_path, *names, posts_per_user=5)
    stand_in.fail("profile", "no_user")
    with pytest.raises(ImplausibleAnswersError):
        run(tmp_path, *names, posts_per_user=5, refresh_days=0)
    assert account(tmp_path, "user0").outcome == "failed"
    assert account(tmp_path, "user0").posts


def test_a_list_of_accounts_that_are_gone_is_believed_after_a_look(stand_in: StandIn, tmp_path: Path) -> None:
    names = [f"gone{number}" for number in range(35)]
    assert run(tmp_path, *names).outcomes == {"not_found": 35}
    assert [seen.about for seen in stand_in.seen].count("instagram") == 2


def test_a_cursor_of_another_make_is_not_followed(stand_in: StandIn, tmp_path: Path) -> None:
    (tmp_path / "accounts").mkdir()
    for number, cursor in enumerate(
        (
            {"after": "x"},
            {"next": {"step": "more"}, "fresh": 0, "anew": False, "surplus": []},
            {"next": ["more"], "fresh": "all", "anew": None, "surplus": 5},
        )
    ):
        stand_in.add(f"user{number}", posts=3)
        write_account(tmp_path / "accounts", Account(username=f"user{number}", outcome="partial", cursor=cursor))
    assert run(tmp_path, "user0", "user1", "user2").outcomes == {"collected": 3}


def test_an_account_whose_pages_never_end_does(
    stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGESCOPE_INSTAGRAM_SESSION", SESSION)
    get_settings.cache_clear()
    stand_in.add("anna", posts=20)
    stand_in.endless = True
    run(tmp_path, "anna")
    assert len(account(tmp_path, "anna").posts) == 20
    assert stand_in.counts["timeline"] < 40


def test_time_left_follows_the_requests_an_account_takes(stand_in: StandIn, tmp_path: Path) -> None:
    names = [f"user{number}" for number in range(3)]
    told: list[float | None] = []
    with Progress("", terminal=False) as progress:
        update = progress.update

        def noted(*args: Any, **more: Any) -> None:
            told.append(more.get("seconds_left", -1))
            update(*args, **more)

        progress.update = noted  # type: ignore[method-assign]
        collect(arguments(tmp_path, *names, posts_per_user=5, limits=((3, 3600.0),)), progress)
    assert [round(seconds) for seconds in told if seconds and seconds > 0] == [2400, 2400, 1200, 1200]


def test_posts_of_the_account_in_hand_are_told_as_they_come(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.add("anna", posts=14)
    told: list[tuple[float, int]] = []
    with Progress("", terminal=False) as progress:
        update = progress.update

        def noted(*args: Any, **more: Any) -> None:
            told.append((more.get("done", 0), more.get("posts", 0)))
            update(*args, **more)

        progress.update = noted  # type: ignore[method-assign]
        collect(arguments(tmp_path, "anna"), progress)
    assert any(done == 0 and 0 < posts < 14 for done, posts in told)
    assert (1, 14) in told
