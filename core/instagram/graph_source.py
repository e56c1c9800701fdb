"""The ``graph`` source: the official Graph API's business discovery, for professional accounts."""

from typing import Any

import orjson
import requests
from pydantic import SecretStr

from core.instagram.client import RequestClient
from core.instagram.errors import (
    InstagramError,
    NotProfessional,
    TokenRefused,
    TooManyRequests,
    TransientError,
    UnexpectedAnswer,
)
from core.instagram.owner import Owner
from core.instagram.responses import retry_after
from core.instagram.routes import RouteData
from core.instagram.source import Cursor, Page, as_count, shapes_expected, short_cursor
from core.storage.post_parsing import parse_post

_FIELDS = "id,caption,timestamp,permalink,media_type,like_count,comments_count"
_TOO_MANY = {4, 17, 32, 613, *range(80000, 80015)}
_TOKEN = {10, 102, 104, 190, *range(200, 300)}
_NOT_FOUND_SUBCODE = 2207013


class GraphSource:
    """Route 7.

    Args:
        line: the way out.
        base_url: the Graph API's base address.
        data: the routes' data.
        user_id: the Instagram user id that the token belongs to.
        token: an access token.
    """

    name = "graph"

    def __init__(
        self, line: RequestClient, base_url: str, data: RouteData, user_id: SecretStr, token: SecretStr
    ) -> None:
        self._line = line
        self._route = data.routes["graph"]
        self._url = base_url + self._route.path.format(graph_user_id=user_id.get_secret_value())
        self._token = token

    def page(self, username: str, cursor: Cursor | None, wanted: int) -> Page:
        """See :meth:`core.instagram.source.Source.page`."""
        after = cursor.after if cursor else None
        size = min(int(self._route.variables["limit"]), wanted)
        request = requests.Request("GET", self._url, params=self._query(username, size, after))
        found = self._line.ask("graph", username, read_discovery, request)
        try:
            with shapes_expected("graph"):
                Owner(username).check(found, "graph")
                return self._page(found, after)
        except UnexpectedAnswer as error:
            self._line.note(error, "graph", username)
            raise

    def _page(self, found: dict[str, Any], after: str | None) -> Page:
        media = found.get("media") or {}
        nodes = [node for node in media.get("data") or [] if isinstance(node, dict)]
        posts = [post for post in map(parse_post, nodes) if post]
        following = short_cursor(((media.get("paging") or {}).get("cursors") or {}).get("after"))
        goes_on = nodes and following and following != after
        return Page(
            posts, Cursor(after=following) if goes_on else None, found.get("id"), as_count(found.get("media_count"))
        )

    def requests_made(self) -> dict[str, int]:
        """How many requests were made so far, by route."""
        return dict(self._line.made)

    def close(self) -> None:
        """Release connections."""
        self._line.close()

    def _query(self, username: str, size: int, after: str | None) -> dict[str, str]:
        paging = f".limit({size})" + (f".after({after})" if after else "")
        fields = f"business_discovery.username({username}){{id,username,media_count,media{paging}{{{_FIELDS}}}}}"
        return {"fields": fields, "access_token": self._token.get_secret_value()}


def read_discovery(response: requests.Response) -> dict[str, Any]:
    """What the Graph API tells of the account.

    Raises:
        InstagramError: it tells of an error.
    """
    if 300 <= response.status_code < 400:
        raise UnexpectedAnswer(f"{response.status_code} to another page", "graph")
    try:
        content = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        raise TransientError(f"{response.status_code} without data", "graph", retry_after(response)) from None
    if not isinstance(content, dict):
        raise UnexpectedAnswer(f"{response.status_code}", "graph")
    if isinstance(content.get("error"), dict):
        raise _error(response, content["error"])
    found = content.get("business_discovery")
    if not isinstance(found, dict):
        raise UnexpectedAnswer(f"{response.status_code} without an account", "graph")
    return found


def _error(response: requests.Response, error: dict[str, Any]) -> InstagramError:
    code = error.get("code")
    answer = f"{response.status_code} with error {code}"
    if error.get("error_subcode") == _NOT_FOUND_SUBCODE or code == 110:
        return NotProfessional(answer, "graph")
    if code in _TOO_MANY or response.status_code == 429:
        return TooManyRequests(answer, "graph", retry_after(response))
    if code in _TOKEN:
        return TokenRefused(answer, "graph")
    if code in (1, 2) or response.status_code >= 500:
        return TransientError(answer, "graph", retry_after(response))
    return UnexpectedAnswer(answer, "graph")
