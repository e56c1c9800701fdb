"""Reading Instagram's answers: posts, or one of the errors of :mod:`core.instagram.errors`."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn
from urllib.parse import urlsplit

import orjson
from requests import Response

from core.instagram.errors import (
    AccountNotFound,
    AccountPrivate,
    Checkpoint,
    InstagramError,
    LoginWall,
    QueryRetired,
    RequestRefused,
    RouteClosed,
    SessionEnded,
    TooManyRequests,
    TransientError,
    UnexpectedAnswer,
    WrongHeaders,
)

LONGEST_WAIT_S = 24 * 3600.0
"""An answer that asks for more is believed for a day, and asked again."""

_CHECKS = ("checkpoint_required", "challenge_required", "feedback_required")


class Reader:
    """Reads the answers of one route.

    Args:
        route: its name.
        logged_in: whether a session cookie was sent; a login page means something else then.
        by_query_id: whether the route asks by ``doc_id``, so that 400 and 404 mean a retired query.
    """

    def __init__(self, route: str, logged_in: bool = False, by_query_id: bool = False) -> None:
        self.route = route
        self.logged_in = logged_in
        self.by_query_id = by_query_id

    def json(self, response: Response) -> dict[str, Any]:
        """The object that the answer holds.

        Raises:
            InstagramError: it holds none, or tells of an error.
        """
        content = _json_object(response.content)
        self._raise_for_status(response, content)
        if content is None:
            self._raise_for_body(response)
        self._raise_for_message(response, content)
        return content

    def html(self, response: Response) -> str:
        """The page that the answer holds.

        Raises:
            InstagramError: it is no page, or tells of an error.
        """
        content = _json_object(response.content)
        self._raise_for_status(response, content)
        if content is not None:
            self._raise_for_message(response, content)
            raise UnexpectedAnswer("200 with JSON in place of a page", self.route)
        return response.content.decode("utf-8", "replace")

    def check(self, response: Response) -> None:
        """Read the answer for somebody else: raise what it tells of an error, and nothing more.

        Raises:
            InstagramError: it tells of one.
        """
        content = _json_object(response.content)
        self._raise_for_status(response, content)
        if content is not None:
            self._raise_for_message(response, content)

    def _raise_for_status(self, response: Response, content: dict[str, Any] | None) -> None:
        status = response.status_code
        if 300 <= status < 400:
            self._raise_for_redirect(response)
        if status >= 400:
            self._raise_for_words(response, content or {})
        if status == 429:
            raise self._too_many(response)
        if status >= 500:
            raise TransientError(f"{status}", self.route, retry_after(response))
        if status in (401, 403):
            raise self._too_many(response)
        if status in (400, 404) and self.by_query_id:
            raise QueryRetired(f"{status}", self.route)
        if status == 404:
            raise AccountNotFound("404", self.route)
        if status != 200:
            raise UnexpectedAnswer(_summary(response, content), self.route)

    def _raise_for_redirect(self, response: Response) -> NoReturn:
        path = _path_of(response.headers.get("Location", ""))
        if re.match(r"/(challenge|checkpoint|accounts/suspended)", path):
            raise Checkpoint(f"{response.status_code} to a check", self.route)
        if path.startswith("/accounts/login"):
            raise self._login_wall(f"{response.status_code} to the login page")
        if path in ("", "/"):
            raise RequestRefused(f"{response.status_code} to the start page", self.route)
        raise UnexpectedAnswer(f"{response.status_code} to another page", self.route)

    def _raise_for_body(self, response: Response) -> NoReturn:
        if response.content.lstrip()[:1] == b"<":
            raise self._login_wall("a page where data was asked for")
        raise TransientError("a cut-off answer", self.route, retry_after(response))

    def _raise_for_message(self, response: Response, content: dict[str, Any]) -> None:
        """Errors that come with status 200."""
        self._raise_for_words(response, content)
        if content.get("message") == "execution error" or _execution_error(content):
            raise QueryRetired("execution error", self.route)
        if isinstance(content.get("error"), int):
            raise UnexpectedAnswer(f"200 with error {content['error']}", self.route)
        if content.get("status") in ("fail", "ko"):
            if content.get("require_login") or "wait" in str(content.get("message")).lower():
                raise self._too_many(response)
            raise UnexpectedAnswer(_summary(response, content), self.route)

    def _raise_for_words(self, response: Response, content: dict[str, Any]) -> None:
        """Errors that a body names, whatever the status."""
        words = f"{content.get('message', '')} {content.get('error_type', '')}"
        found = next((word for word in _CHECKS if word in words), None)
        if found or content.get("checkpoint_url") or content.get("spam") is True:
            raise Checkpoint(found or "checkpoint", self.route)
        if content.get("igweb_rollout"):
            raise RouteClosed(f"{response.status_code} with igweb_rollout", self.route)
        if "useragent mismatch" in words:
            raise WrongHeaders("useragent mismatch", self.route)
        if "login_required" in words:
            raise self._login_wall("login_required")
        if "not authorized to view user" in words.lower():
            raise AccountPrivate("not authorized to view user", self.route)

    def _login_wall(self, answer: str) -> InstagramError:
        return SessionEnded(answer, self.route) if self.logged_in else LoginWall(answer, self.route)

    def _too_many(self, response: Response) -> TooManyRequests:
        return TooManyRequests(str(response.status_code), self.route, retry_after(response))


def retry_after(response: Response) -> float | None:
    """Seconds that the ``Retry-After`` header asks to wait, a day at most: a number, or a date."""
    value = response.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", value):
        return min(LONGEST_WAIT_S, float(value))
    try:
        asked = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
    except (TypeError, ValueError, OverflowError):
        return None
    return min(LONGEST_WAIT_S, max(0.0, asked))


def _path_of(address: str) -> str:
    try:
        return urlsplit(address).path
    except ValueError:  # brackets that are no address
        return "?"


def _json_object(body: bytes) -> dict[str, Any] | None:
    # Facebook's servers put this before some answers so that they cannot run as scripts
    body = body.removeprefix(b"for (;;);")
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return content if isinstance(content, dict) else None


def _execution_error(content: dict[str, Any]) -> bool:
    errors = content.get("errors")
    messages = [error.get("message") for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    return "execution error" in messages


def _summary(response: Response, content: dict[str, Any] | None) -> str:
    status = (content or {}).get("status")
    return f"{response.status_code}" + (f" with status {status!r}" if status in ("fail", "ko") else "")
