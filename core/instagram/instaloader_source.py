"""The ``instaloader`` source: the Instaloader library's routes, at AgeScope's pace.

When Instagram changes and AgeScope's own routes fail, ``pip install -U instaloader`` brings the
field's best-kept ones. Instaloader makes its requests with ``requests.Session``; here it is given a
session that goes out over AgeScope's line, so that limits, back-off, proxies, and the reading of
answers that are not posts are the same as everywhere. Its own rate controller is switched off.
"""

import itertools
from collections.abc import Callable
from datetime import UTC
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import requests
from pydantic import SecretStr
from requests.cookies import extract_cookies_to_jar

from core.errors import AgeScopeError, InputError
from core.instagram.client import RequestClient
from core.instagram.errors import AccountNotFound, AccountPrivate, LoginWall, UnexpectedAnswer
from core.instagram.owner import Owner
from core.instagram.responses import Reader
from core.instagram.source import Cursor, Page
from core.storage.models import Post
from core.storage.post_parsing import parse_post

_INSTAGRAM = "https://www.instagram.com"
_MOST_A_PAGE = 12


class InstaloaderSource:
    """``Profile.from_username`` and ``get_posts``.

    Args:
        line: the way out.
        base_url: Instagram's base address, or a stand-in's.
        cookie: the value of the researcher's ``sessionid`` cookie, if there is one.

    Raises:
        InputError: Instaloader is not installed.
        AgeScopeError: it is a version that cannot be held to AgeScope's limits.
    """

    name = "instaloader"

    def __init__(self, line: RequestClient, base_url: str, cookie: SecretStr | None = None) -> None:
        self._line = line
        self._library = _library()
        self._about = ""
        self._current: tuple[str, Any, Any] | None = None
        paced = _paced_session_class(line, base_url, cookie is not None, lambda: self._about)
        self._context = _context(self._library, paced, cookie)

    def page(self, username: str, cursor: Cursor | None, wanted: int) -> Page:
        """See :meth:`core.instagram.source.Source.page`; the first page of a run costs what Instaloader asks."""
        self._about = username
        errors = self._library.exceptions
        try:
            return self._page(username, cursor)
        except errors.ProfileNotExistsException:
            raise AccountNotFound("Instaloader found no profile", self.name) from None
        except errors.PrivateProfileNotFollowedException:
            raise AccountPrivate("Instaloader found it private", self.name) from None
        except errors.LoginRequiredException:
            raise LoginWall("Instaloader says that a login is required", self.name) from None
        # its messages hold addresses, and with them names
        except (errors.InstaloaderException, errors.AbortDownloadException) as error:
            raise UnexpectedAnswer(f"Instaloader stopped with {type(error).__name__}", self.name) from None
        except (KeyError, TypeError, AttributeError, AssertionError) as error:
            raise UnexpectedAnswer(f"Instaloader did not understand it ({type(error).__name__})", self.name) from None

    def requests_made(self) -> dict[str, int]:
        """How many requests were made so far, by route."""
        return dict(self._line.made)

    def close(self) -> None:
        """Release connections."""
        self._context.close()
        self._line.close()

    def _page(self, username: str, cursor: Cursor | None) -> Page:
        profile, posts = self._opened(username, cursor.frozen if cursor else None)
        count = profile.mediacount
        made = self._line.made.total()
        found: list[Post] = []
        owner, foreign = Owner(username, str(profile.userid)), 0
        # an item may or may not cost a request; end the page with the first that did
        for item in itertools.islice(posts, _MOST_A_PAGE):
            if owner.owns({"owner": item._node.get("owner")}):
                found.append(_post(item))
            else:
                foreign += 1
            if self._line.made.total() > made:
                break
        else:
            if len(found) + foreign < _MOST_A_PAGE:
                self._current = None
                return Page(found, None, owner.user_id, count, foreign)
        return Page(found, Cursor(frozen=posts.freeze()._asdict()), owner.user_id, count, foreign)

    def _opened(self, username: str, frozen: dict[str, Any] | None) -> tuple[Any, Any]:
        """The profile and its iterator: the one at work, or a new one, thawed where it was left."""
        if self._current is None or self._current[0] != username or frozen is None:
            profile = self._library.Profile.from_username(self._context, username)
            Owner(username).check({"username": profile.username}, self.name)
            if profile.is_private:
                raise AccountPrivate("is_private", self.name)
            posts = profile.get_posts()
            if frozen:
                posts.thaw(self._library.FrozenNodeIterator(**frozen))
            self._current = (username, profile, posts)
        return self._current[1], self._current[2]


def _library() -> ModuleType:
    try:
        import instaloader  # optional
        import instaloader.instaloadercontext  # optional
    except ImportError as error:
        raise InputError("The source 'instaloader' needs the package: pip install instaloader.") from error
    return instaloader


def _paced_session_class(
    line: RequestClient, base_url: str, logged_in: bool, about: Callable[[], str]
) -> type[requests.Session]:
    """The class of session that Instaloader is given in place of requests' own."""

    class PacedSession(requests.Session):
        def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
            assert request.url is not None
            path = urlsplit(request.url).path
            by_query_id = path.endswith(("/graphql", "/graphql/query"))
            request.url = base_url + request.url.removeprefix(_INSTAGRAM) if _is_web(request.url) else request.url
            reader = Reader("instaloader", logged_in, by_query_id)

            def read(response: requests.Response) -> requests.Response:
                extract_cookies_to_jar(self.cookies, request, response.raw)  # type: ignore[no-untyped-call]
                reader.check(response)
                return response

            return line.ask("instaloader", about(), read, request)

    return PacedSession


def _is_web(url: str) -> bool:
    return url.startswith(_INSTAGRAM + "/")


class _RequestsWith:
    """The module ``requests`` with another class of session."""

    def __init__(self, session: type[requests.Session]) -> None:
        self.Session = session

    def __getattr__(self, name: str) -> Any:
        return getattr(requests, name)


def _context(library: ModuleType, session: type[requests.Session], cookie: SecretStr | None) -> Any:
    library.instaloadercontext.requests = _RequestsWith(session)

    class NoRates(library.RateController):  # type: ignore[name-defined, misc]
        def wait_before_query(self, query_type: str) -> None:
            """The line waits."""

        def handle_429(self, query_type: str) -> None:
            """The line waits."""

    context = library.InstaloaderContext(
        sleep=False, quiet=True, max_connection_attempts=1, rate_controller=NoRates, iphone_support=False
    )
    context.error = lambda *message, **options: None  # it would print addresses
    if cookie:
        value = cookie.get_secret_value()
        known = {"sessionid": value, "ds_user_id": value.split("%3A")[0].split(":")[0], "csrftoken": ""}
        context.load_session("agescope", known)
    with context.get_anonymous_session() as visitor:
        if not isinstance(visitor, session) or not isinstance(context._session, session):
            raise AgeScopeError(
                f"Instaloader {library.__version__} cannot be held to AgeScope's limits. Install version 4.16."
            )
    return context


def _post(item: Any) -> Post:
    """A post of Instaloader's as one of ours, from what it holds already: its count of comments costs a request."""
    node = {
        "id": str(item.mediaid),
        "shortcode": item.shortcode,
        "caption": item.caption,
        "date": item.date_utc.replace(tzinfo=UTC).timestamp(),
        "__typename": item.typename,
        "like_count": item.likes,
    }
    post = parse_post(node)
    assert post is not None
    return post
