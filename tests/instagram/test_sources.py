"""The sources besides ``web``, and the check of every route."""

import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from core.collection.arguments import CollectArguments
from core.collection.collector import CollectSummary, collect
from core.errors import InputError, Stopped
from core.instagram import errors
from core.instagram.check import RouteCheck, check_instagram
from core.instagram.rate_limit import Limit
from core.instagram.source_names import SourceName, unavailable_reason
from core.jobs.progress import Progress, no_progress
from core.settings import STUDY_FILE, Settings, get_settings
from core.storage.account_files import read_account
from core.storage.models import Account
from core.utils.io import write_json
from tests.stand_in import GRAPH_TOKEN, GRAPH_USER_ID, SESSION, StandIn
from tests.stand_in.fixtures import set_secrets

FAST = {"limits": ((1000, 1),), "backoff_mult": 0.001, "backoff_exp": 1.0}


def run(tmp_path: Path, source: SourceName, *usernames: str, **more: Any) -> CollectSummary:
    (tmp_path / "list.txt").write_text("\n".join(usernames))
    arguments = CollectArguments(
        tmp_path / "list.txt",
        tmp_path / "accounts",
        source=source,
        **{**FAST, **more},
    )
    with no_progress() as progress:
        return collect(arguments, progress)


def account(tmp_path: Path, username: str) -> Account:
    return read_account(tmp_path / "accounts" / f"{username}.json")


@pytest.fixture
def token(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    set_secrets(monkeypatch, graph_token=GRAPH_TOKEN, graph_user_id=GRAPH_USER_ID)


@pytest.mark.usefixtures("token")
def test_the_graph_api_gives_fifty_posts_a_request(stand_in: StandIn, tmp_path: Path) -> None:
    made = stand_in.add("anna", posts=130)
    summary = run(tmp_path, "graph", "anna", "gone.bob", "empty.carla", posts_per_user=120)
    assert summary.requests == {"graph": 5}
    assert summary.outcomes == {"collected": 1, "not_found": 1, "empty": 1}
    found = [(post.shortcode, post.caption, post.kind) for post in account(tmp_path, "anna").posts]
    kinds = {1: "image", 2: "video", 8: "carousel"}
    assert found == [(post.code, post.caption, kinds[post.media_type]) for post in made.posts[:120]]
    assert "professional" in (account(tmp_path, "gone.bob").reason or "")


@pytest.mark.usefixtures("token")
def test_a_partial_account_of_the_graph_api_goes_on(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.add("anna", posts=130)
    run(tmp_path, "graph", "anna", posts_per_user=50)
    run(tmp_path, "graph", "anna", posts_per_user=130)
    assert stand_in.counts == {"graph": 3}
    assert len({post.id for post in account(tmp_path, "anna").posts}) == 130


def test_a_token_that_is_refused_stops_the_run_and_stays_secret(
    stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_secrets(monkeypatch, graph_token="a-secret-token", graph_user_id=GRAPH_USER_ID)
    with pytest.raises(errors.TokenRefused) as caught:
        run(tmp_path, "graph", "anna")
    assert "a-secret-token" not in str(caught.value)


@pytest.mark.usefixtures("token")
def test_the_graph_api_asks_to_wait(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.fail("graph", "graph_slow", times=2)
    assert run(tmp_path, "graph", "anna").outcomes == {"collected": 1}


def test_the_graph_source_needs_its_settings(stand_in: StandIn, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="AGESCOPE_GRAPH_TOKEN"):
        run(tmp_path, "graph", "anna")


def test_instaloader_goes_out_over_our_line(stand_in: StandIn, tmp_path: Path) -> None:
    made = stand_in.add("anna", posts=15)
    summary = run(tmp_path, "instaloader", "anna", "private.bob", "gone.carla")
    assert summary.outcomes == {"collected": 1, "private": 1, "not_found": 1}
    found = {post.shortcode: post.caption for post in account(tmp_path, "anna").posts}
    assert found == {post.code: post.caption for post in made.posts}
    assert summary.requests == {"instaloader": len(stand_in.seen)}


def test_instaloader_with_a_session_takes_pages_of_twelve(
    stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_secrets(monkeypatch, instagram_session=SESSION)
    made = stand_in.add("anna", posts=30)
    run(tmp_path, "instaloader", "anna")
    found = [(post.id, post.caption) for post in account(tmp_path, "anna").posts]
    assert found == [(str(post.pk), post.caption) for post in made.posts]
    assert stand_in.counts["timeline"] == 3


def test_instaloader_goes_on_where_it_was(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.add("anna", posts=30)
    run(tmp_path, "instaloader", "anna", posts_per_user=14)
    before = stand_in.counts["post"]
    run(tmp_path, "instaloader", "anna", posts_per_user=30)
    assert len({post.id for post in account(tmp_path, "anna").posts}) == 30
    assert stand_in.counts["post"] - before <= 30 - 14 + 2  # thawing asks for the last and the first again


def test_instaloader_is_held_to_the_same_reading_of_answers(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.fail("page", "checkpoint")
    with pytest.raises(errors.Checkpoint):
        run(tmp_path, "instaloader", "anna", "bob")
    assert len(stand_in.seen) == 1


def test_instaloader_says_nothing_on_its_own(
    stand_in: StandIn, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    stand_in.fail("page", "server_error", about="anna")
    run(tmp_path, "instaloader", "anna")
    assert capfd.readouterr() == ("", "")


def test_instaloader_need_not_be_installed(stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "instaloader", None)
    with pytest.raises(InputError, match="pip install instaloader"):
        run(tmp_path, "instaloader", "anna")


def test_what_a_source_lacks_is_known_before_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "instaloader", None)
    bare, half = Settings(), Settings(graph_user_id=SecretStr(GRAPH_USER_ID), instagram_session=SecretStr(SESSION))
    assert "AGESCOPE_GRAPH_USER_ID and AGESCOPE_GRAPH_TOKEN" in (unavailable_reason("graph", bare) or "")
    assert "needs AGESCOPE_GRAPH_TOKEN, set before" in (unavailable_reason("graph", half) or "")
    assert "pip install" in (unavailable_reason("instaloader", bare) or "")
    assert "flagged" in (unavailable_reason("web", half, useproxies=True) or "")
    assert unavailable_reason("web", half) is unavailable_reason("web", bare, useproxies=True) is None


def test_instaloader_leaves_other_users_of_requests_alone(stand_in: StandIn, tmp_path: Path) -> None:
    import requests

    stand_in.add("anna", posts=1)
    run(tmp_path, "instaloader", "anna")
    assert requests.Session.__module__ == "requests.sessions"
    assert requests.get(f"{stand_in.url}/anna/", timeout=5).ok


def test_another_study_waits_for_what_this_one_asked_since_instagram_counts_by_address(
    stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path, "web", "anna")
    asked = len(stand_in.seen)
    write_json(get_settings().studies_folder / "second" / STUDY_FILE, {})
    set_secrets(monkeypatch, study="second")
    assert get_settings().data_dir.name == "second"
    reasons = []

    def stop_instead(progress: Progress, seconds: float, reason: str) -> None:
        reasons.append(reason)
        raise Stopped(reason)

    monkeypatch.setattr(Progress, "wait", stop_instead)
    with pytest.raises(Stopped):
        run(tmp_path, "web", "bob", limits=((1, 3600),))
    assert len(stand_in.seen) == asked and reasons == ["the limit of 1 in 60 min"]


def check(**more: Any) -> dict[str, RouteCheck]:
    with no_progress() as progress:
        found = check_instagram(progress, limits=[Limit(1000, 1)], **more)
    return {route.route: route for route in found}


def test_the_check_asks_each_route_once(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    set_secrets(monkeypatch, instagram_session=SESSION, graph_token=GRAPH_TOKEN, graph_user_id=GRAPH_USER_ID)
    stand_in.add("instagram", posts=50)
    found = check()
    assert [route.number for route in found.values()] == [1, 2, 3, 4, 5, 6, 7]
    assert all(route.works for route in found.values())
    assert stand_in.counts == {
        "profile": 1, "page": 1, "more": 1, "post": 1, "timeline": 1, "feed": 1, "graph": 1, "start": 2,
    }  # fmt: skip
    assert "12 posts" in str(found["timeline"])


def test_the_check_says_what_to_do(stand_in: StandIn) -> None:
    stand_in.add("instagram", posts=50)
    stand_in.fail("profile", "rollout")
    stand_in.fail("more", "retired")
    stand_in.fail("page", "too_many", times=0)
    found = check()
    assert not found["profile"].works
    assert "session cookie" in found["profile"].advice
    assert "[routes.more]" in found["more"].advice
    assert found["post"].works
    assert found["timeline"].works is None
    assert "AGESCOPE_INSTAGRAM_SESSION" in found["timeline"].answer
    assert "Route 1 (profile) does not work: 401 with igweb_rollout." in str(found["profile"])


def test_the_check_asks_nothing_after_a_checkpoint(stand_in: StandIn) -> None:
    stand_in.fail("*", "checkpoint")
    found = check()
    assert len(stand_in.seen) == 1
    assert "no further request" in found["page"].answer


def test_the_check_does_not_wait_for_refusals(stand_in: StandIn) -> None:
    stand_in.fail("*", "too_many")
    with Progress("", terminal=False) as progress:
        progress.wait = lambda seconds, reason: pytest.fail(reason)  # type: ignore[method-assign]
        found = check_instagram(progress, limits=[Limit(1000, 1)])
    assert not any(route.works for route in found)
