"""Asking each route once: which of them work from here, what the others answer, what to do about it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.instagram.backoff import Pace
from core.instagram.client import RequestClient
from core.instagram.errors import FatalError, InstagramError
from core.instagram.factory import sessions_of
from core.instagram.graph_source import GraphSource
from core.instagram.rate_limit import Limit
from core.instagram.routes import RouteData, load_routes
from core.instagram.source import PUBLIC_ACCOUNT, Cursor, Page, changed
from core.instagram.web_session import clean_cookie
from core.instagram.web_source import WebSource
from core.jobs.progress import Progress
from core.settings import Settings, get_settings
from core.utils.formatting import count

_NEEDS_SESSION = "needs a session cookie (AGESCOPE_INSTAGRAM_SESSION)"


@dataclass(frozen=True)
class RouteCheck:
    """What one route said.

    Attributes:
        number: of the route, as in the documentation.
        route: its name in ``routes.toml``.
        works: whether posts came; None where it was not asked.
        answer: what came, or why it was not asked.
        meaning: what that means; empty where it works.
        advice: what to do about it; empty where nothing needs to be done.
    """

    number: int
    route: str
    works: bool | None
    answer: str
    meaning: str = ""
    advice: str = ""

    def __str__(self) -> str:
        state = {True: "works", False: "does not work", None: "not asked"}[self.works]
        head = f"Route {self.number} ({self.route}) {state}: {self.answer}."
        return " ".join(part for part in (head, self.meaning, self.advice) if part)


def check_instagram(
    progress: Progress,
    settings: Settings | None = None,
    username: str = PUBLIC_ACCOUNT,
    limits: Sequence[Limit] = Pace.limits,
) -> list[RouteCheck]:
    """Ask each route once for a public account, within the limits.

    What it learns is remembered: a collection starts with what works.

    Raises:
        InputError: a setting or the user's ``routes.toml`` cannot be used.
        Stopped: asked to stop while waiting for the limits.
    """
    settings = settings or get_settings()
    data = load_routes(settings.data_dir)
    line = RequestClient(Pace(limits=limits), progress, patient=False, sessions=sessions_of(settings, "web", "graph"))
    try:
        return _Checker(settings, data, line, username).run()
    finally:
        line.close()


class _Checker:
    def __init__(self, settings: Settings, data: RouteData, line: RequestClient, username: str) -> None:
        self._settings = settings
        self._data = data
        self._line = line
        self._username = username
        self._web = WebSource(line, settings.instagram_url, data, clean_cookie(settings.instagram_session))
        self._checks: list[RouteCheck] = []
        self._stopped = False

    def run(self) -> list[RouteCheck]:
        self._line.progress.update(done=0, total=7, message="asking each route once")
        first = self._ask("profile", Cursor())
        page = self._ask("page", Cursor())
        cursor = (page.cursor if page else None) or Cursor()
        self._ask("more", cursor, without="" if cursor.after else "route 2 told of no further posts")
        waiting = cursor.waiting or tuple(first.posts if first else ())
        self._ask("post", changed(cursor, waiting=waiting), without="" if waiting else "no other route told of a post")
        needs_session = "" if self._settings.instagram_session else _NEEDS_SESSION
        timeline = self._ask("timeline", Cursor(), without=needs_session)
        user_id = next((found.user_id for found in (first, page, timeline) if found and found.user_id), None)
        needs_id = "" if user_id else "no other route told the account's id"
        self._ask("feed", Cursor(user_id=user_id), without=needs_session or needs_id)
        self._ask_graph()
        return self._checks

    def _ask(self, route: str, cursor: Cursor, without: str = "") -> Page | None:
        return self._note(route, lambda: self._web.ask(route, self._username, cursor), without)

    def _ask_graph(self) -> None:
        user_id, token = self._settings.graph_user_id, self._settings.graph_token
        if not (user_id and token):
            self._note("graph", None, "needs AGESCOPE_GRAPH_USER_ID and AGESCOPE_GRAPH_TOKEN")
            return
        source = GraphSource(self._line, self._settings.graph_url, self._data, user_id, token)
        self._stopped = False  # another service
        self._note("graph", lambda: source.page(self._username, None, 12))

    def _note(self, route: str, ask: Callable[[], Page] | None, without: str = "") -> Page | None:
        number = self._data.routes[route].number
        self._line.progress.update(done=number - 1)
        if self._stopped and not without:
            without = "an earlier answer allows no further request"
        if without or ask is None:
            self._checks.append(RouteCheck(number, route, None, without))
            return None
        try:
            page = ask()
        except InstagramError as error:
            self._stopped = isinstance(error, FatalError)
            self._checks.append(RouteCheck(number, route, False, error.answer, error.meaning, error.advice))
            return None
        self._checks.append(RouteCheck(number, route, True, _what_came(page)))
        return page


def _what_came(page: Page) -> str:
    captions = sum(post.caption is not None for post in page.posts)
    if page.posts:
        return f"{count(len(page.posts), 'post')}, {count(captions, 'caption')}"
    waiting = len(page.cursor.waiting) if page.cursor else 0
    return f"{count(waiting, 'post')} without captions"
