"""The web source: down the routes in order of cost, remembering what works, asking nothing twice."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from core.errors import InputError, Stopped
from core.instagram import errors
from core.instagram.backoff import Pace
from core.instagram.client import MOST_REFUSALS, RequestClient
from core.instagram.rate_limit import Limit
from core.instagram.route_health import RouteHealth
from core.instagram.routes import load_routes
from core.instagram.source import Cursor, Page
from core.instagram.state import StateFile, state_dir
from core.instagram.web_session import Session, clean_cookie
from core.instagram.web_source import WebSource
from core.jobs.progress import Progress, no_progress
from core.storage.models import Account, Post
from tests.stand_in import SESSION, StandIn

KEYS = re.findall(
    r"\w+",
    """data user node edges count id pk code caption text items page_info has_next_page end_cursor taken_at shortcode
    edge_owner_to_timeline_media edge_media_to_caption polaris_ordered_timeline_connection xig_user_by_username
    xdt_api__v1__media__shortcode__web_info xdt_api__v1__feed__user_timeline_graphql_connection next_max_id
    more_available is_private media_type like_count all_media_count""",
)
FAST = Pace(limits=[Limit(1000, 1)], backoff=(0.001, 1.0))


@contextmanager
def web(
    stand_in: StandIn, cookie: str | None = None, pace: Pace = FAST, data_dir: Path | None = None
) -> Iterator[WebSource]:
    with no_progress() as progress:
        secret = SecretStr(cookie) if cookie else None
        source = WebSource(
            RequestClient(pace, progress), stand_in.url, load_routes(data_dir or Path("nowhere")), secret
        )
        try:
            yield source
        finally:
            source.close()


def everything(source: WebSource, username: str) -> list[Post]:
    posts: list[Post] = []
    cursor = None
    while True:
        page = source.page(username, cursor, 1000)
        posts += page.posts
        cursor = page.cursor
        if cursor is None:
            return posts


def test_a_closed_route_is_left_out_for_the_accounts_that_follow(stand_in: StandIn) -> None:
    stand_in.fail("profile", "rollout")
    for name in ("anna", "bob", "carla"):
        stand_in.add(name, posts=2)
    with web(stand_in) as source:
        for name in ("anna", "bob", "carla"):
            assert len(everything(source, name)) == 2
    assert stand_in.counts == {"profile": 1, "page": 3, "start": 1, "post": 6}


def test_what_is_closed_and_the_tokens_are_remembered_by_the_next_run(stand_in: StandIn) -> None:
    stand_in.fail("profile", "rollout")
    stand_in.add("anna", posts=2)
    for _ in range(3):
        with web(stand_in) as source:
            everything(source, "anna")
    assert stand_in.counts == {"profile": 1, "page": 3, "start": 1, "post": 6}


def test_what_was_closed_is_tried_again_where_nothing_else_is_open(stand_in: StandIn) -> None:
    stand_in.fail("profile", "rollout")
    stand_in.fail("page", "home_redirect")
    with web(stand_in) as source, pytest.raises(errors.NoRouteError, match="session cookie"):
        source.page("anna", None, 10)
    stand_in.recover()
    stand_in.add("anna", posts=2)
    with web(stand_in) as source:
        assert len(source.page("anna", None, 10).posts) == 2


def test_memory_is_for_this_user_only(stand_in: StandIn) -> None:
    stand_in.add("anna", posts=14)
    with web(stand_in) as source:
        everything(source, "anna")
    kept = state_dir() / "memory.json"
    assert stand_in.lsd in kept.read_text()
    assert kept.stat().st_mode & 0o077 == 0
    assert state_dir().stat().st_mode & 0o077 == 0


def test_one_login_wall_is_about_the_account_three_close_the_route(stand_in: StandIn) -> None:
    stand_in.fail("profile", "login_page")
    for number in range(6):
        stand_in.add(f"user{number}", posts=1)
    with web(stand_in) as source:
        for number in range(6):
            everything(source, f"user{number}")
    assert stand_in.counts["profile"] == 3


def test_stale_tokens_are_read_anew_once(stand_in: StandIn) -> None:
    stand_in.add("anna", posts=13)
    with web(stand_in) as source:
        everything(source, "anna")
    stand_in.lsd = "another"
    with web(stand_in) as source:
        assert len(everything(source, "anna")) == 13
    assert stand_in.counts["start"] == 2


def test_a_retired_query_is_repaired_by_a_file_in_the_data_folder(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.doc_ids["timeline"] = "777"
    stand_in.fail("profile", "home_redirect")
    stand_in.fail("page", "home_redirect")
    with web(stand_in, SESSION) as source, pytest.raises(errors.NoRouteError):
        source.page("anna", None, 10)
    (tmp_path / "routes.toml").write_text('[routes.timeline]\ndoc_id = "777"\n')
    with web(stand_in, SESSION, data_dir=tmp_path) as source:
        assert len(everything(source, "anna")) == len(stand_in.add("anna").posts)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[routes.timeline", "cannot be read"),
        ("[routes.timeline]\ndocid = '1'", "docid"),
        ("[routes.timeline]\ndoc_id = 1", "doc_id"),
        ("[headers]\nuser_agent = []", "user_agent"),
    ],
)
def test_an_override_that_cannot_be_used_says_where(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "routes.toml").write_text(content)
    with pytest.raises(InputError, match=message):
        load_routes(tmp_path)


def test_logged_in_an_empty_timeline_is_looked_at_again(stand_in: StandIn) -> None:
    with web(stand_in, SESSION) as source:
        with pytest.raises(errors.AccountPrivate):
            everything(source, "private.bob")
        with pytest.raises(errors.AccountNotFound):
            everything(source, "gone.carla")
        assert everything(source, "empty.dan") == []
    assert stand_in.counts == {"start": 1, "timeline": 3, "profile": 3}


def test_logged_in_a_known_id_leads_to_the_cheapest_route(stand_in: StandIn) -> None:
    account = stand_in.add("anna", posts=100)
    with web(stand_in, SESSION) as source:
        cursor: Cursor | None = Cursor(user_id=str(account.pk))
        codes = []
        while cursor:
            page: Page = source.page("anna", cursor, 100)
            codes += [post.shortcode for post in page.posts]
            cursor = page.cursor
    assert codes == [post.code for post in account.posts]
    assert stand_in.counts == {"feed": 4}


def test_where_the_timeline_is_retired_the_profile_leads_to_the_feed(stand_in: StandIn) -> None:
    stand_in.add("anna", posts=40)
    stand_in.fail("timeline", "retired")
    with web(stand_in, SESSION) as source:
        assert len({post.shortcode for post in everything(source, "anna")}) == 40
    assert stand_in.counts == {"start": 1, "timeline": 1, "profile": 1, "feed": 2}


def test_the_session_cookie_goes_only_where_it_is_needed(stand_in: StandIn) -> None:
    stand_in.fail("profile", "home_redirect")
    stand_in.fail("timeline", "retired")
    with web(stand_in, SESSION) as source:
        everything(source, "anna")
    assert {seen.route for seen in stand_in.seen if "page" in seen.route or "post" in seen.route} == {"page", "post"}
    assert not any(seen.logged_in for seen in stand_in.seen if seen.route in ("page", "more", "post"))


def test_a_post_that_is_gone_is_left_out(stand_in: StandIn) -> None:
    account = stand_in.add("anna", posts=3)
    stand_in.fail("profile", "rollout")
    with web(stand_in) as source:
        first = source.page("anna", None, 10)
        stand_in._by_code.pop(account.posts[0].code)
        codes = []
        while first.cursor:
            first = source.page("anna", first.cursor, 10)
            codes += [post.shortcode for post in first.posts]
    assert codes == [post.code for post in account.posts[1:]]


@pytest.mark.parametrize("how", ["checkpoint", "feedback", "challenge_redirect", "user_agent"])
def test_after_a_checkpoint_nothing_further_is_asked(stand_in: StandIn, how: str) -> None:
    stand_in.fail("*", how)
    with web(stand_in) as source, pytest.raises(errors.FatalError):
        source.page("anna", None, 10)
    assert len(stand_in.seen) == 1


def test_after_the_session_ended_nothing_further_is_asked(stand_in: StandIn) -> None:
    with web(stand_in, "expired") as source, pytest.raises(errors.SessionEnded):
        source.page("anna", None, 10)
    assert stand_in.counts["timeline"] <= 1


class Waits(Progress):
    """Notes waits in place of waiting."""

    def __init__(self) -> None:
        super().__init__("", terminal=False)
        self.waited: list[tuple[float, str]] = []

    def wait(self, seconds: float, reason: str) -> None:
        self.waited.append((seconds, reason))


def waiting(stand_in: StandIn, pace: Pace) -> tuple[WebSource, Waits]:
    waits = Waits()
    return WebSource(RequestClient(pace, waits), stand_in.url, load_routes(Path("nowhere"))), waits


def test_waits_after_faults_grow_by_the_given_back_off(stand_in: StandIn) -> None:
    stand_in.fail("profile", "server_error", times=3)
    source, waits = waiting(stand_in, Pace([Limit(1000, 1)], backoff=(3.0, 2.0)))
    source.page("anna", None, 10)
    source.close()
    for k, (seconds, reason) in enumerate(waits.waited):
        assert 3 * 2**k <= seconds <= 3 * 2**k * 1.1
        assert "again" in reason
    assert len(waits.waited) == 3


def test_retry_after_wins_where_it_is_longer(stand_in: StandIn) -> None:
    stand_in.fail("profile", "too_many", times=1, Retry_After="40")
    stand_in.fail("profile", "server_error", times=1, Retry_After="1")
    source, waits = waiting(stand_in, Pace([Limit(1000, 1)], backoff=(10.0, 1.0)))
    source.page("anna", None, 10)
    source.close()
    (slow, _), (fault, _) = waits.waited
    assert 39 < slow <= 40
    assert 10 <= fault <= 11


def test_refusals_in_a_row_make_longer_pauses_and_end_the_run(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in.fail("*", "wait_401")
    source, waits = waiting(stand_in, Pace([Limit(1000, 1)]))
    with pytest.raises(errors.StillRefused, match="goes on where it stopped"):
        while True:
            with pytest.raises(errors.TooManyRequests):
                source.page("anna", None, 10)
    source.close()
    assert len(stand_in.seen) == MOST_REFUSALS
    pauses = [seconds for seconds, _ in waits.waited]
    assert pauses[0] >= 299
    assert max(pauses) <= 6 * 3600 * 1.1
    assert all(later >= 0.9 * earlier for earlier, later in pairwise(pauses))


def test_a_slowed_route_comes_after_the_others(stand_in: StandIn) -> None:
    stand_in.fail("profile", "too_many")
    stand_in.add("anna", posts=1)
    stand_in.add("bob", posts=1)
    with web(stand_in) as source:
        assert len(everything(source, "anna")) == 1
        asked = stand_in.counts["profile"]
        assert len(everything(source, "bob")) == 1
    assert stand_in.counts["profile"] == asked


def test_half_way_a_slowed_route_is_waited_for(stand_in: StandIn) -> None:
    stand_in.add("anna", posts=30)
    stand_in.fail("profile", "too_many", times=2)
    with web(stand_in) as source:
        first = source.page("anna", None, 50)
        stand_in.fail("post", "too_many", times=2)
        with pytest.raises(errors.TooManyRequests):
            source.page("anna", first.cursor, 50)
        assert source.page("anna", first.cursor, 50).posts
    assert stand_in.counts == {"profile": 2, "page": 1, "start": 1, "post": 3}


def test_a_wait_ends_when_the_run_is_stopped(stand_in: StandIn) -> None:
    stand_in.fail("profile", "too_many")
    with Progress("", terminal=False) as progress:
        line = RequestClient(Pace([Limit(1000, 1)]), progress)
        source = WebSource(line, stand_in.url, load_routes(Path("nowhere")))
        progress.event = lambda event: progress.request_stop()  # type: ignore[method-assign]
        with pytest.raises(Stopped):
            source.page("anna", None, 10)
        assert source.requests_made() == {"profile": 1}
        source.close()


def test_a_wait_for_the_limits_that_is_ended_counts_as_no_request(stand_in: StandIn) -> None:
    with Progress("", terminal=False) as progress:

        def stopped_while_waiting(seconds: float, reason: str) -> None:
            progress.request_stop()
            progress.check()

        progress.wait = stopped_while_waiting  # type: ignore[method-assign]
        source = WebSource(RequestClient(Pace([Limit(1, 3600)]), progress), stand_in.url, load_routes(Path("nowhere")))
        source.page("anna", None, 10)
        with pytest.raises(Stopped):
            source.page("bob", None, 10)
        assert source.requests_made() == {"profile": 1}
        source.close()


def test_memory_survives_a_damaged_file(tmp_path: Path) -> None:
    memory = StateFile("here", tmp_path / "memory.json")
    memory.keep("tokens", {"lsd": "x"})
    assert StateFile("here", tmp_path / "memory.json").get("tokens") == {"lsd": "x"}
    assert StateFile("there", tmp_path / "memory.json").get("tokens") is None
    assert memory.get("tokens", max_age_s=0) is None
    for damaged in ("[", '{"here": {"tokens": {"value": "x"}}}', '{"here": 5}'):
        (tmp_path / "memory.json").write_text(damaged)
        assert memory.get("tokens") is None


@pytest.mark.parametrize(
    "pasted", ["9999%3Aabc%3A12", " 9999%3Aabc%3A12\n", '"9999%3Aabc%3A12"', "sessionid=9999%3Aabc%3A12; "]
)
def test_a_session_cookie_may_be_pasted_in_any_way(pasted: str) -> None:
    cookie = clean_cookie(SecretStr(pasted))
    assert cookie is not None
    assert cookie.get_secret_value() == "9999%3Aabc%3A12"


def test_what_cannot_be_a_session_cookie_is_refused_and_not_shown() -> None:
    assert clean_cookie(None) is None
    assert clean_cookie(SecretStr("  ")) is None
    with pytest.raises(InputError) as caught:
        clean_cookie(SecretStr("csrftoken=secret; sessionid=9999"))
    assert "secret" not in str(caught.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)


@dataclass
class Offline:
    """A source, and what it is answered."""

    source: WebSource
    content: Any = None


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=JSON, route=st.sampled_from(["profile", "page", "more", "post", "timeline", "feed"]))
def test_answers_of_any_shape_are_posts_or_a_known_error(offline: Offline, content: Any, route: str) -> None:
    offline.content = content
    cursor = Cursor(page_id="1", after="2", waiting=(Post(id="x", shortcode="x"),), user_id="3")
    try:
        page = offline.source.ask(route, "anna", cursor)
    except errors.InstagramError:
        return
    Account(username="anna", post_count=page.post_count, user_id=page.user_id, posts=page.posts)
    assert page.cursor is None or Cursor.model_validate_json(page.cursor.model_dump_json()) == page.cursor


@pytest.fixture
def offline(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> Iterator[Offline]:
    """A source whose every answer is its ``content``."""
    with web(stand_in, SESSION) as source:
        answers = Offline(source)
        data: dict[str, Any] = {"data": {}}
        html = '<script type="application/json">{}</script>'
        monkeypatch.setattr(Session, "get_json", lambda *_, **__: answers.content if wraps(answers.content) else data)
        monkeypatch.setattr(Session, "query", lambda *_, **__: answers.content if wraps(answers.content) else data)
        monkeypatch.setattr(Session, "get_page", lambda *_: html.format(orjson.dumps(answers.content).decode()))
        monkeypatch.setattr(RouteHealth, "is_open", lambda *_: True)
        monkeypatch.setattr(RouteHealth, "failed", lambda *_: None)
        yield answers


def wraps(content: Any) -> bool:
    return isinstance(content, dict)
