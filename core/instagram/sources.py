"""The sources by name, and what each costs."""

import math
from typing import TYPE_CHECKING, Literal, get_args

from core.errors import InputError
from core.instagram.source import Source
from core.progress import Progress
from core.settings import Settings

if TYPE_CHECKING:
    from core.collect import CollectArguments
    from core.instagram.proxies import ProxyPool
    from core.instagram.routes import RouteData

SourceName = Literal["web", "graph", "instaloader"]
SOURCES: tuple[SourceName, ...] = get_args(SourceName)


def open_source(arguments: "CollectArguments", settings: Settings, progress: Progress) -> Source:
    """The source that ``arguments`` names, ready to be asked.

    Raises:
        InputError: a setting, a file or a package that it needs is missing or cannot be used.
        AgeScopeError: the list of public proxies cannot be fetched.
    """
    # requests and what comes with it load when there is something to ask
    from core.instagram.graph import GraphSource
    from core.instagram.routes import load_routes
    from core.instagram.session import Line, clean_cookie
    from core.instagram.via_instaloader import InstaloaderSource
    from core.instagram.web import WebSource

    data = load_routes(settings.data_dir)
    base_url = settings.graph_url if arguments.source == "graph" else settings.instagram_url
    if arguments.source == "graph" and not (settings.graph_user_id and settings.graph_token):
        raise InputError("The source 'graph' needs AGESCOPE_GRAPH_USER_ID and AGESCOPE_GRAPH_TOKEN.")
    cookie = clean_cookie(settings.instagram_session)
    line = Line(arguments.pace, progress, open_proxies(arguments, settings, data, base_url))
    if arguments.source == "instaloader":
        return InstaloaderSource(line, base_url, cookie)
    if settings.graph_user_id and settings.graph_token and arguments.source == "graph":
        return GraphSource(line, base_url, data, settings.graph_user_id, settings.graph_token)
    return WebSource(line, base_url, data, cookie)


def open_proxies(
    arguments: "CollectArguments", settings: Settings, data: "RouteData", target: str
) -> "ProxyPool | None":
    """The proxies that ``arguments`` asks for; None for none.

    Raises:
        InputError: one's own list cannot be used, or a session would go through strangers' machines.
        AgeScopeError: the list of public proxies cannot be fetched.
    """
    from core.instagram.proxies import ProxyPool, fetch_public_proxies, read_proxy_list

    if arguments.proxy_list:
        return ProxyPool(read_proxy_list(arguments.proxy_list), target)
    if not arguments.useproxies:
        return None
    if settings.instagram_session and arguments.source != "graph":
        raise InputError(
            "A session that shows up at many addresses is flagged at once. Collect without --useproxies, "
            "or without AGESCOPE_INSTAGRAM_SESSION."
        )
    return ProxyPool(fetch_public_proxies(data.proxies.list_url), target)


def requests_per_account(source: SourceName, posts: int, settings: Settings) -> tuple[int, int]:
    """Fewest and most requests for ``posts`` posts of one account, where no route fails."""
    further = max(0, posts - 12)
    if source == "graph":
        return 1, math.ceil(posts / 50)
    if settings.instagram_session:
        own = math.ceil(posts / 12)
        return (3, 2 + own) if source == "instaloader" else (1, own)
    if source == "instaloader":
        return 2, 2 + math.ceil(further / 12) + posts
    # the profile, its page, further pages of 12, and a request for each caption that those lack
    return 1, 2 + math.ceil(further / 12) + further if further else 1
