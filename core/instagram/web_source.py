"""The ``web`` source: the routes that Instagram's own pages use, logged out or with a session cookie.

A call of :meth:`WebSource.page` makes one request, and a start page once for a session. What an
answer already holds is not asked again: the cursor carries the account's id, the short codes that
are known, and the posts whose captions are still to be asked for.
"""

import logging
from collections.abc import Callable, Iterator
from typing import Any

from pydantic import SecretStr

from core.instagram.client import RequestClient
from core.instagram.errors import (
    AccountNotFound,
    AccountPrivate,
    InstagramError,
    LoginWall,
    NoRouteError,
    TooManyRequests,
    UnexpectedAnswer,
)
from core.instagram.owner import Owner, text_id
from core.instagram.route_health import CLOSED_S, RouteHealth
from core.instagram.routes import RouteData
from core.instagram.source import Cursor, Page, as_count, changed, shapes_expected, short_cursor
from core.instagram.web_session import Session
from core.storage.models import Post
from core.storage.post_parsing import parse_post
from core.utils.page_scripts import json_scripts

_log = logging.getLogger(__name__)


_ANOTHER_ROUTE_MAY_DO = (*CLOSED_S, UnexpectedAnswer, TooManyRequests)
_START_OF = {"more": "page", "post": "page"}


class WebSource:
    """Routes 1 to 6: goes down the routes in order of cost and remembers which are closed.

    Args:
        line: the way out.
        base_url: Instagram's base address.
        data: the routes' data.
        cookie: the value of the researcher's ``sessionid`` cookie, if there is one.
    """

    name = "web"

    def __init__(self, line: RequestClient, base_url: str, data: RouteData, cookie: SecretStr | None = None) -> None:
        self._line = line
        self._data = data
        self._visitor = Session(line, base_url, data)
        self._member = Session(line, base_url, data, cookie) if cookie else None
        self._doors = RouteHealth(data, self._member or self._visitor)
        self._ways: dict[str, Callable[[str, Cursor], Page]] = {
            "profile": self._profile,
            "page": self._page,
            "more": self._more,
            "post": self._post,
            "timeline": self._timeline,
            "feed": self._feed,
        }

    def page(self, username: str, cursor: Cursor | None, wanted: int) -> Page:
        """See :meth:`core.instagram.source.Source.page`."""
        cursor = cursor or Cursor()
        failed: set[str] = set()
        last: InstagramError | None = None
        while step := self._step(cursor, failed):
            try:
                return self.ask(step, username, cursor)
            except _ANOTHER_ROUTE_MAY_DO as error:
                if isinstance(error, TooManyRequests) and step == cursor.step:
                    raise  # half-way, another route would have to begin anew
                failed.add(step)
                last = error
        raise self._nothing_left(cursor, last)

    def ask(self, step: str, username: str, cursor: Cursor) -> Page:
        """Ask one route, and remember whether it is open.

        Raises:
            InstagramError: it gave no posts.
        """
        try:
            with shapes_expected(step):
                page = self._ways[step](username, cursor)
        except _ANOTHER_ROUTE_MAY_DO as error:
            self._line.note(error, step, username)
            self._doors.failed(step, error)
            raise
        self._doors.worked(step)
        return page

    def requests_made(self) -> dict[str, int]:
        """How many requests were made so far, by route."""
        return dict(self._line.made)

    def close(self) -> None:
        """Release connections."""
        self._line.close()

    def _step(self, cursor: Cursor, failed: set[str]) -> str | None:
        """The route to ask next: where the cursor points, else the cheapest start that is left."""
        step = cursor.step
        if step and step not in failed:
            if self._doors.is_open(step):
                return step
            failed.add(step)
        gone = failed | {_START_OF[step] for step in failed if step in _START_OF} | set(cursor.done)
        return next((step for step in self._doors.in_order(self._starts(cursor)) if step not in gone), None)

    def _starts(self, cursor: Cursor) -> list[str]:
        if self._member is None:
            return ["profile", "page"]
        return [*(["feed"] if cursor.user_id else []), "timeline", "profile", "page"]

    def _nothing_left(self, cursor: Cursor, last: InstagramError | None) -> InstagramError:
        if isinstance(last, TooManyRequests):
            return last
        begun = cursor.step or cursor.done
        if not begun and not self._doors.in_order(self._starts(cursor)):
            return NoRouteError(last.answer if last else "")
        return last or LoginWall("no further route is open")

    # Route 1

    def _profile(self, username: str, cursor: Cursor) -> Page:
        session = self._member or self._visitor
        user = _get(session.get_json("profile", username, {"username": username}), "data", "user")
        if not user:
            raise AccountNotFound("an answer without a user", "profile")
        if user.get("is_private"):
            raise AccountPrivate("is_private", "profile")
        media = user.get("edge_owner_to_timeline_media") or {}
        owner = Owner(username, text_id(user.get("id")))
        owner.check(user, "profile")
        count = as_count(media.get("count"))
        posts, foreign = owner.posts(_nodes(media), "profile")
        complete = count == 0 or (bool(posts) and (len(posts) >= (count or 0) or not _end_cursor(media)))
        known = tuple(post.shortcode or post.id for post in posts)
        rest = Cursor(done=(*cursor.done, "profile"), user_id=owner.user_id, known=known)
        return Page(posts, None if complete else rest, owner.user_id, count, foreign)

    # Routes 2, 3 and 4

    def _page(self, username: str, cursor: Cursor) -> Page:
        user = _user_of_page(self._visitor.get_page("page", username))
        if not user.get("pk"):
            raise AccountNotFound("a page without a profile", "page")
        Owner(username).check(user, "page")
        if user.get("is_private"):
            raise AccountPrivate("is_private", "page")
        count = as_count(user.get("all_media_count", user.get("media_count")))
        connection = user.get(self._data.routes["page"].connection) or {}
        if count != 0 and not _nodes(connection):
            raise UnexpectedAnswer("a page without posts", "page")
        known = Cursor(page_id=text_id(user.get("id")), user_id=str(user["pk"]), known=cursor.known)
        return self._listed("page", username, connection, known, count)

    def _more(self, username: str, cursor: Cursor) -> Page:
        variables = {"id": _told(cursor.page_id), "after": _told(cursor.after), "before": None, "last": None}
        answer = self._visitor.query("more", username, variables)
        connection = _get(answer, "data", "node", self._data.routes["more"].connection)
        if connection is None:
            raise UnexpectedAnswer("an answer without posts", "more")
        return self._listed("more", username, connection, cursor)

    def _listed(
        self, step: str, username: str, connection: dict[str, Any], cursor: Cursor, count: int | None = None
    ) -> Page:
        """Posts of routes 2 and 3: some come with a caption, the others wait for route 4."""
        ready: list[Post] = []
        waiting: list[Post] = []
        owner = Owner(username, cursor.user_id)
        nodes = _nodes(connection)
        foreign = owner.posts(nodes, step)[1]
        for node in filter(owner.owns, nodes):
            post = parse_post(node)
            if post is None or (post.shortcode or post.id) in cursor.known:
                continue
            (ready if _tells_caption(node) or not post.shortcode else waiting).append(post)
        after = _end_cursor(connection)
        rest = changed(cursor, after=after if after != cursor.after else None, waiting=tuple(waiting))
        return Page(ready, _onward(rest), cursor.user_id, count, foreign)

    def _post(self, username: str, cursor: Cursor) -> Page:
        first, *others = cursor.waiting
        answer = self._visitor.query("post", username, {"shortcode": first.shortcode})
        info = _get(answer, "data", "xdt_api__v1__media__shortcode__web_info")
        items = (info or {}).get("items") or []
        # no item: it was removed since it was listed
        posts, foreign = Owner(username, cursor.user_id).posts(items[:1], "post")
        asked_for = [post for post in posts if post.shortcode in (first.shortcode, None)]
        foreign += len(posts) - len(asked_for)
        return Page(asked_for, _onward(changed(cursor, waiting=tuple(others))), cursor.user_id, foreign=foreign)

    # Routes 5 and 6

    def _timeline(self, username: str, cursor: Cursor) -> Page:
        assert self._member is not None
        after = cursor.after if cursor.step == "timeline" else None
        paging = {"after": after, "before": None, "last": None} if after else {}
        answer = self._member.query("timeline", username, {"username": username, **paging})
        connection = _get(answer, "data", self._data.routes["timeline"].connection) or {}
        nodes = _nodes(connection)
        if not nodes and not after:
            return self._who_has_no_posts("timeline", cursor)
        return self._members_page("timeline", username, nodes, _end_cursor(connection), cursor)

    def _feed(self, username: str, cursor: Cursor) -> Page:
        assert self._member is not None
        after = cursor.after if cursor.step == "feed" else None
        paging = {"max_id": after} if after else {}
        answer = self._member.get_json("feed", username, paging, user_id=_told(cursor.user_id))
        nodes = [item for item in answer.get("items") or [] if isinstance(item, dict)]
        if not nodes and not after:
            return self._who_has_no_posts("feed", cursor)
        next_after = short_cursor(answer.get("next_max_id")) if answer.get("more_available") else None
        return self._members_page("feed", username, nodes, next_after, cursor)

    def _members_page(
        self, step: str, username: str, nodes: list[dict[str, Any]], after: str | None, cursor: Cursor
    ) -> Page:
        user_id = cursor.user_id or next((found for node in nodes if (found := _user_id(node, username))), None)
        posts, foreign = Owner(username, user_id).posts(nodes, step)
        rest = Cursor(step=step, after=after, user_id=user_id)
        goes_on = after and after != cursor.after
        return Page(posts, rest if goes_on else None, user_id, foreign=foreign)

    def _who_has_no_posts(self, step: str, cursor: Cursor) -> Page:
        """No posts: the account may be empty, private or gone; the profile tells."""
        done = (*cursor.done, step)
        if "profile" in done:
            raise UnexpectedAnswer("an answer without posts", step)
        return Page([], changed(cursor, step="profile", done=done))


def _onward(cursor: Cursor) -> Cursor | None:
    """Where routes 2 to 4 go on: captions that are waited for first, then further posts."""
    step = "post" if cursor.waiting else "more" if cursor.after else None
    return changed(cursor, step=step) if step else None


def _told(value: str | None) -> str:
    """What a route cannot be asked without.

    Raises:
        ValueError: the cursor does not tell it.
    """
    if value is None:
        raise ValueError
    return value


def _user_of_page(html: str) -> dict[str, Any]:
    """What a profile page tells of its account: the query results in its scripts, put together."""
    user: dict[str, Any] = {}
    for content in json_scripts(html):
        for found in _find(content, "xig_user_by_username"):
            user.update(found)
    return user


def _find(content: object, key: str) -> Iterator[dict[str, Any]]:
    """Every object under ``key``, however deep; without recursion, because the depth is not ours."""
    stack = [content]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            if isinstance(value.get(key), dict):
                yield value[key]
            stack.extend(value.values())
        elif isinstance(value, list):
            stack.extend(value)


def _get(content: Any, *keys: str) -> Any:
    for key in keys:
        content = content.get(key) if isinstance(content, dict) else None
    return content


def _nodes(connection: dict[str, Any]) -> list[dict[str, Any]]:
    edges = connection.get("edges") or []
    return [edge["node"] for edge in edges if isinstance(edge, dict) and isinstance(edge.get("node"), dict)]


def _end_cursor(connection: dict[str, Any]) -> str | None:
    info = connection.get("page_info") or {}
    return short_cursor(info.get("end_cursor")) if info.get("has_next_page") else None


def _tells_caption(node: dict[str, Any]) -> bool:
    return "edge_media_to_caption" in node or node.get("caption") is not None


def _user_id(node: dict[str, Any], username: str) -> str | None:
    """The account's id, from a post that it wrote itself."""
    user = node.get("user")
    if not isinstance(user, dict) or user.get("username", username) != username:
        return None
    return text_id(user.get("pk") or user.get("id"))
