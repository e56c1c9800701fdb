"""The table of answers that are not posts, row by row."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from core.instagram import errors
from core.instagram.backoff import Pace
from core.instagram.client import RequestClient
from core.instagram.rate_limit import Limit
from core.instagram.responses import Reader, retry_after
from core.instagram.routes import load_routes
from core.instagram.source import Cursor
from core.instagram.web_source import WebSource
from core.jobs.progress import no_progress
from core.storage.models import Post
from tests.stand_in import SESSION, StandIn

CURSORS: dict[str, Cursor] = {
    "more": Cursor(page_id="1", after="12"),
    "post": Cursor(waiting=(Post(id="1", shortcode="Cx"),)),
    "feed": Cursor(user_id="1"),
}


@pytest.fixture
def visitor(stand_in: StandIn) -> Iterator[WebSource]:
    yield from open_web(stand_in)


@pytest.fixture
def member(stand_in: StandIn) -> Iterator[WebSource]:
    yield from open_web(stand_in, SecretStr(SESSION))


def open_web(stand_in: StandIn, cookie: SecretStr | None = None) -> Iterator[WebSource]:
    with no_progress() as progress:
        line = RequestClient(Pace(limits=[Limit(1000, 1)]), progress, patient=False)
        source = WebSource(line, stand_in.url, load_routes(Path("nowhere")), cookie)
        yield source
        source.close()


@pytest.mark.parametrize(
    ("route", "how", "error"),
    [
        ("profile", "not_found", errors.AccountNotFound),
        ("page", "not_found", errors.AccountNotFound),
        ("profile", "no_user", errors.AccountNotFound),
        ("page", "page_without_pk", errors.AccountNotFound),
        ("profile", "not_authorized", errors.AccountPrivate),
        ("profile", "wait_401", errors.TooManyRequests),
        ("page", "wait_401", errors.TooManyRequests),
        ("more", "wait_401", errors.TooManyRequests),
        ("profile", "rollout", errors.RouteClosed),
        ("profile", "too_many", errors.TooManyRequests),
        ("page", "too_many", errors.TooManyRequests),
        ("profile", "wait_403", errors.TooManyRequests),
        ("profile", "checkpoint", errors.Checkpoint),
        ("page", "checkpoint", errors.Checkpoint),
        ("profile", "challenge", errors.Checkpoint),
        ("more", "feedback", errors.Checkpoint),
        ("page", "challenge_redirect", errors.Checkpoint),
        ("profile", "user_agent", errors.WrongHeaders),
        ("profile", "bad_request", errors.UnexpectedAnswer),
        ("more", "bad_request", errors.QueryRetired),
        ("post", "not_found", errors.QueryRetired),
        ("post", "retired", errors.QueryRetired),
        ("more", "execution_error", errors.QueryRetired),
        ("profile", "login_required", errors.LoginWall),
        ("page", "login_redirect", errors.LoginWall),
        ("profile", "home_redirect", errors.RequestRefused),
        ("profile", "login_page", errors.LoginWall),
        ("profile", "fail_200", errors.UnexpectedAnswer),
        ("profile", "ko_200", errors.UnexpectedAnswer),
        ("profile", "wait_200", errors.TooManyRequests),
        ("profile", "server_error", errors.TransientError),
        ("page", "reset", errors.TransientError),
        ("profile", "cut_off", errors.TransientError),
        ("profile", "cut_off_json", errors.TransientError),
    ],
)
def test_every_row_of_the_table(
    stand_in: StandIn, visitor: WebSource, route: str, how: str, error: type[errors.InstagramError]
) -> None:
    stand_in.fail(route, how)
    with pytest.raises(error) as caught:
        visitor.ask(route, "anna", CURSORS.get(route, Cursor()))
    assert type(caught.value) is error
    assert caught.value.meaning in str(caught.value)
    assert caught.value.advice in str(caught.value)
    assert "anna" not in str(caught.value)


@pytest.mark.parametrize(
    ("route", "how", "error"),
    [
        ("timeline", "login_required", errors.SessionEnded),
        ("timeline", "login_redirect", errors.SessionEnded),
        ("timeline", "login_page", errors.SessionEnded),
        ("feed", "login_redirect", errors.SessionEnded),
        ("feed", "home_redirect", errors.RequestRefused),
        ("feed", "rollout", errors.RouteClosed),
        ("timeline", "bad_request", errors.QueryRetired),
        ("timeline", "wait_401", errors.TooManyRequests),
        ("timeline", "checkpoint", errors.Checkpoint),
    ],
)
def test_rows_that_mean_something_else_when_logged_in(
    stand_in: StandIn, member: WebSource, route: str, how: str, error: type[errors.InstagramError]
) -> None:
    stand_in.fail(route, how)
    with pytest.raises(error) as caught:
        member.ask(route, "anna", CURSORS.get(route, Cursor()))
    assert type(caught.value) is error


def test_an_answer_that_takes_too_long_is_a_passing_fault(
    stand_in: StandIn, visitor: WebSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.instagram.client.TIMEOUT_S", (0.5, 0.1))
    stand_in.fail("profile", "silent")
    with pytest.raises(errors.AnswerTooSlow, match="no whole answer in time"):
        visitor.ask("profile", "anna", Cursor())


def test_private_accounts_are_seen_on_either_route(stand_in: StandIn, visitor: WebSource) -> None:
    for route in ("profile", "page"):
        with pytest.raises(errors.AccountPrivate):
            visitor.ask(route, "private.bob", Cursor())


def test_a_retired_query_names_its_entry(stand_in: StandIn, visitor: WebSource) -> None:
    stand_in.fail("post", "retired")
    with pytest.raises(errors.QueryRetired, match=r"\[routes\.post\]"):
        visitor.ask("post", "anna", CURSORS["post"])


def answer(status: int, body: bytes = b"", **headers: str) -> requests.Response:
    response = requests.Response()
    response.status_code, response._content = status, body
    response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return response


@pytest.mark.parametrize("location", ["/challenge/x", "https://www.instagram.com/checkpoint/", "/accounts/suspended/"])
def test_redirects_to_a_check_stop(location: str) -> None:
    with pytest.raises(errors.Checkpoint):
        Reader("page").html(answer(302, Location=location))


def test_retry_after_is_a_number_or_a_date() -> None:
    later = datetime.now(UTC) + timedelta(seconds=90)
    assert retry_after(answer(429, Retry_After="17")) == 17
    assert 80 < (retry_after(answer(429, Retry_After=format_datetime(later, usegmt=True))) or 0) <= 90
    assert retry_after(answer(429, Retry_After="Mon, 01 Jan 2001 00:00:00 GMT")) == 0
    assert retry_after(answer(429, Retry_After="soon")) is None
    assert retry_after(answer(429)) is None


@given(st.integers(200, 599), st.binary(max_size=60), st.sampled_from([b"", b"{", b"[", b'{"message": ', b"<html>"]))
def test_no_answer_whatever_breaks_the_reader(status: int, tail: bytes, head: bytes) -> None:
    for read in (Reader("profile").json, Reader("post", True, True).json, Reader("page").html):
        try:
            read(answer(status, head + tail))
        except errors.InstagramError:
            continue


@pytest.mark.parametrize(
    "body",
    [
        b'{"message": 5}',
        b'{"message": null, "status": "fail"}',
        b'{"errors": [1, null]}',
        b'{"errors": {"a": 1}}',
        b'{"error_type": ["x"], "status": "ko"}',
    ],
)
def test_odd_bodies_are_taken_calmly(body: bytes) -> None:
    for status in (200, 400, 403):
        try:
            Reader("profile").json(answer(status, body))
        except errors.InstagramError:
            continue
