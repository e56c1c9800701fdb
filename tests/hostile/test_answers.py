"""What somebody at the other end of a line may do: send without end, without haste, of others, in circles."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import orjson
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.collection.arguments import CollectArguments
from core.collection.collector import CollectSummary, collect
from core.errors import AgeScopeError, Stopped
from core.instagram import client, errors
from core.instagram.backoff import Pace
from core.instagram.rate_limit import Limit
from core.instagram.responses import LONGEST_WAIT_S
from core.instagram.routes import load_routes
from core.instagram.source import Cursor
from core.instagram.web_source import WebSource
from core.jobs.progress import Progress, no_progress
from core.storage.account_files import read_account
from core.storage.models import Account
from tests.hostile.mutations import exchanged, places
from tests.stand_in import GRAPH_TOKEN, GRAPH_USER_ID, SESSION, StandIn, answers
from tests.stand_in.fixtures import set_secrets

SOURCES = ("web", "graph", "instaloader")
UNHEARD_OF = [
    "elsewhere",
    "nowhere",
    "head_without_end",
    "many_heads",
    "not_gzip",
    "deep",
    "binary",
    "nothing",
    "number",
    "list",
    "null",
    "text",
    "heads_of_6_mb",
    "bad_chunks",
    "negative_chunk",
    "vast_chunk",
    "cookies",
    "to_a_file",
    "null_user",
    "wait_for_ever",
    "odd_cookie",
]
HELD_UP = ("drip", "drip_head", "stall")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second for an answer and one try, so that the tests take seconds and no hours."""
    monkeypatch.setattr(client, "DEADLINE_S", 0.5)
    monkeypatch.setattr(client, "TRIES_AFTER_FAULT", 1)


@pytest.fixture
def token(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    set_secrets(monkeypatch, graph_token=GRAPH_TOKEN, graph_user_id=GRAPH_USER_ID)


@pytest.fixture
def member(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    set_secrets(monkeypatch, instagram_session=SESSION)


def arguments(tmp_path: Path, *usernames: str, **more: Any) -> CollectArguments:
    (tmp_path / "list.txt").write_text("\n".join(usernames))
    fast = {"limits": ((1000, 1),), "backoff_mult": 0.001, "backoff_exp": 1.0}
    return CollectArguments(tmp_path / "list.txt", tmp_path / "accounts", **{**fast, **more})


def run(tmp_path: Path, *usernames: str, **more: Any) -> CollectSummary:
    with no_progress() as progress:
        return collect(arguments(tmp_path, *usernames, **more), progress)


def account(tmp_path: Path, username: str) -> Account:
    return read_account(tmp_path / "accounts" / f"{username}.json")


@contextmanager
def memory_gained() -> Iterator[Callable[[], float]]:
    """How many MB more than at the start the test's process held at most."""
    process, most, over = psutil.Process(), [0.0], threading.Event()
    before = process.memory_info().rss

    def look() -> None:
        while not over.wait(0.01):
            most[0] = max(most[0], (process.memory_info().rss - before) / 1e6)

    watch = threading.Thread(target=look)
    watch.start()
    try:
        yield lambda: most[0]
    finally:
        over.set()
        watch.join()


@pytest.mark.usefixtures("token")
@pytest.mark.parametrize(("how", "source"), list(product(("endless", "bomb", "many_parts"), SOURCES)))
def test_an_answer_without_an_end_is_left_and_named(
    stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, source: str
) -> None:
    monkeypatch.setattr(client, "DEADLINE_S", 30.0)
    stand_in.fail("*", how)
    with memory_gained() as megabytes:
        assert run(tmp_path, "anna", source=source).outcomes == {"failed": 1}
    assert account(tmp_path, "anna").reason == errors.AnswerTooLarge.meaning
    assert megabytes() < 200


@pytest.mark.usefixtures("token")
@pytest.mark.parametrize(("how", "source"), list(product(HELD_UP, SOURCES)))
def test_an_answer_that_takes_for_ever_is_left_and_named(
    stand_in: StandIn, tmp_path: Path, how: str, source: str
) -> None:
    stand_in.fail("*", how)
    begun = time.monotonic()
    assert run(tmp_path, "anna", source=source).outcomes == {"failed": 1}
    assert time.monotonic() - begun < 2
    assert account(tmp_path, "anna").reason == errors.AnswerTooSlow.meaning


@pytest.mark.usefixtures("token")
@pytest.mark.parametrize(("how", "source"), list(product(HELD_UP, SOURCES)))
def test_a_stop_is_heard_while_an_answer_is_on_its_way(
    stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, source: str
) -> None:
    monkeypatch.setattr(client, "DEADLINE_S", 60.0)
    stand_in.fail("*", how)
    asked: list[float] = []
    with Progress("", terminal=False) as progress:

        def stop() -> None:
            while not stand_in.seen:
                threading.Event().wait(0.005)
            asked.append(time.monotonic())
            progress.request_stop()

        threading.Thread(target=stop).start()
        with pytest.raises(Stopped, match="go on"):
            collect(arguments(tmp_path, "anna", source=source), progress)
    assert time.monotonic() - asked[0] < 2


def test_what_is_not_waited_for_any_longer_is_hung_up(stand_in: StandIn, tmp_path: Path) -> None:
    before = threading.active_count()
    for how in HELD_UP:
        stand_in.fail("*", how, times=1)
        run(tmp_path, f"user.{how}")
    give_up = time.monotonic() + 5
    while any(thread.name.startswith("exchange") for thread in threading.enumerate()):
        assert time.monotonic() < give_up, f"{threading.active_count() - before} threads still read"
        threading.Event().wait(0.01)


@pytest.mark.usefixtures("token")
@pytest.mark.parametrize(("how", "source"), list(product(UNHEARD_OF, SOURCES)))
def test_every_misbehaviour_ends_in_an_outcome_or_in_a_sentence(
    stand_in: StandIn, tmp_path: Path, how: str, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Progress, "wait", lambda self, seconds, reason: self.check())
    stand_in.fail("*", how)
    try:
        run(tmp_path, "anna", "bob", source=source)
    except AgeScopeError as error:
        assert str(error)
    assert len(stand_in.seen) <= 40


@pytest.mark.parametrize("how", ["elsewhere", "nowhere", "home_redirect"])
@pytest.mark.usefixtures("token")
def test_a_redirect_is_never_followed(stand_in: StandIn, tmp_path: Path, how: str) -> None:
    stand_in.fail("*", how)
    assert run(tmp_path, "anna", source="graph").outcomes == {"failed": 1}
    assert stand_in.counts == {"graph": 1}


def test_a_wait_for_ever_is_believed_for_a_day(stand_in: StandIn, tmp_path: Path) -> None:
    waited: list[float] = []
    stand_in.fail("profile", "wait_for_ever", times=1)
    with Progress("", terminal=False) as progress:
        progress.wait = lambda seconds, reason: waited.append(seconds)  # type: ignore[method-assign]
        collect(arguments(tmp_path, "anna"), progress)
    assert max(waited) <= LONGEST_WAIT_S


@pytest.mark.usefixtures("member")
def test_a_list_that_leads_in_a_circle_is_asked_once_round(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.add("anna", posts=30)
    stand_in.circular = True
    assert run(tmp_path, "anna").outcomes == {"partial": 1}
    assert len(account(tmp_path, "anna").posts) == 30
    assert not account(tmp_path, "anna").complete
    assert "circle" in (account(tmp_path, "anna").reason or "")
    assert len(stand_in.seen) <= 5


def test_a_circle_of_pages_for_visitors_ends_too(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.add("anna", posts=30)
    stand_in.fail("profile", "rollout")
    stand_in.circular = True
    assert run(tmp_path, "anna").outcomes == {"partial": 1}
    assert len(account(tmp_path, "anna").posts) == 30
    assert len(stand_in.seen) <= 30 + 7  # each caption once, and the pages once round


@pytest.mark.usefixtures("token")
@pytest.mark.parametrize("source", SOURCES)
def test_another_accounts_posts_are_not_kept_as_this_ones(stand_in: StandIn, tmp_path: Path, source: str) -> None:
    stand_in.mixed_up = "somebody"
    assert run(tmp_path, "anna", source=source).outcomes == {"failed": 1}
    assert account(tmp_path, "anna").posts == []
    assert account(tmp_path, "anna").reason == errors.AnotherAccountsAnswer.meaning
    assert len(stand_in.seen) <= 4


@pytest.mark.usefixtures("member")
def test_a_member_too_gets_no_other_accounts_posts(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.mixed_up = "somebody"
    assert run(tmp_path, "anna").outcomes == {"failed": 1}
    assert account(tmp_path, "anna").posts == []
    assert len(stand_in.seen) <= 4


def node(code: str, **user: Any) -> dict[str, Any]:
    return {"pk": code, "code": code, "caption": {"text": code}, "user": user}


@pytest.mark.usefixtures("member")
def test_posts_of_others_among_ones_own_are_left_out_and_counted(
    stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna, bob = {"pk": "1", "username": "anna"}, {"pk": "2", "username": "bob"}
    nodes = [
        node("mine", **anna),
        node("his", **bob),
        {**node("ours", **bob), "coauthor_producers": [anna]},
        {"pk": "untold", "code": "untold", "caption": {"text": "untold"}},
    ]
    connection = {"edges": [{"node": one} for one in nodes], "page_info": {}}
    name = load_routes(tmp_path).routes["timeline"].connection
    monkeypatch.setattr(WebSource, "_feed", WebSource._timeline)
    monkeypatch.setattr("core.instagram.web_session.Session.query", lambda *_, **__: {"data": {name: connection}})
    run(tmp_path, "anna")
    found = account(tmp_path, "anna")
    assert [post.shortcode for post in found.posts] == ["mine", "ours", "untold"]
    assert found.user_id == "1"
    assert found.reason == "1 post of other accounts were left out."


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False),
    st.text(max_size=20),
    st.just("x" * 5000),
    st.just([]),
    st.just({}),
    st.just([[]]),
    st.just({"username": ["anna"], "pk": {}, "edges": 1, "text": 1}),
)


@pytest.mark.usefixtures("member", "token")
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data(), route=st.sampled_from(["profile", "timeline", "feed", "graph"]))
def test_an_answer_with_anything_in_any_place_is_posts_or_an_outcome(
    stand_in: StandIn, tmp_path: Path, data: st.DataObject, route: str
) -> None:
    number = data.draw(st.integers(0, 10**9))
    name = f"user{number}"
    stand_in.add(name, posts=14)
    answer = stand_in.answer

    def spoiled(asked: str, about: str, make: Callable[[], Any]) -> Any:
        made = answer(asked, about, make)
        if asked != route or made.status != 200:
            return made
        content = orjson.loads(made.body)
        where = data.draw(st.sampled_from(list(places(content))))
        return answers.json(exchanged(content, where, data.draw(JUNK)))

    with pytest.MonkeyPatch.context() as patched, no_progress() as progress:
        patched.setattr(stand_in, "answer", spoiled)
        patched.setattr(progress, "wait", lambda seconds, reason: None)
        source = "graph" if route == "graph" else "web"
        try:
            summary = collect(arguments(tmp_path, name, source=source), progress)
        except AgeScopeError as error:
            assert str(error)
        else:
            assert sum(summary.outcomes.values()) + summary.skipped == 1


@pytest.mark.parametrize("limits", [((1, 3600.0),)])
def test_a_stop_is_heard_in_a_wait_for_the_limits(
    stand_in: StandIn, tmp_path: Path, limits: tuple[tuple[int, float], ...]
) -> None:
    with Progress("", terminal=False) as progress:
        update, asked = progress.update, []

        def noted(*arguments: Any, **more: Any) -> None:
            update(*arguments, **more)
            if more.get("waiting_reason"):
                asked.append(time.monotonic())
                threading.Timer(0.05, progress.request_stop).start()

        progress.update = noted  # type: ignore[method-assign]
        with pytest.raises(Stopped):
            collect(arguments(tmp_path, "anna", "bob", limits=limits), progress)
    assert time.monotonic() - asked[0] < 2


def test_the_limits_hold_for_answers_that_were_given_up(stand_in: StandIn, tmp_path: Path) -> None:
    """Hanging up does not make a request undone."""
    stand_in.fail("*", "stall", times=2)
    with Progress("", terminal=False) as progress:

        def stopped_while_waiting(seconds: float, reason: str) -> None:
            if "limit" in reason:
                progress.request_stop()
            progress.check()

        progress.wait = stopped_while_waiting  # type: ignore[method-assign]
        with pytest.raises(Stopped):
            collect(arguments(tmp_path, "anna", "bob", "carla", limits=((2, 3600.0),)), progress)
    assert len(stand_in.seen) == 2


def test_a_pace_without_patience_asks_once(stand_in: StandIn) -> None:
    stand_in.fail("*", "drip")
    with no_progress() as progress:
        line = client.RequestClient(Pace([Limit(1000, 1)]), progress, patient=False)
        source = WebSource(line, stand_in.url, load_routes(Path("nowhere")))
        with pytest.raises(errors.AnswerTooSlow, match="proxy"):
            source.ask("profile", "anna", Cursor())
        source.close()
    assert len(stand_in.seen) == 1
