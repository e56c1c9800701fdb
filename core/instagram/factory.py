"""The sources by name, and what each costs."""

import math
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from core.errors import InputError
from core.instagram.source import Source
from core.jobs.progress import Progress
from core.settings import Settings

if TYPE_CHECKING:
    from core.instagram.pace import Pace
    from core.instagram.proxies import ProxyPool

SourceName = Literal["web", "graph", "instaloader"]
SOURCES: tuple[SourceName, ...] = get_args(SourceName)


def open_source(
    name: SourceName,
    pace: "Pace",
    settings: Settings,
    progress: Progress,
    *,
    useproxies: bool = False,
    proxy_list: Path | None = None,
) -> Source:
    """A source, ready to be asked.

    Args:
        name: which.
        pace: how fast, and how patiently.
        settings: addresses and secrets.
        progress: shows waits and keeps refusals.
        useproxies: go through public proxies.
        proxy_list: a file of one's own proxies, in place of public ones.

    Raises:
        InputError: a setting, a file or a package that it needs is missing or cannot be used.
        AgeScopeError: the list of public proxies cannot be fetched.
    """
    # requests and what comes with it load when there is something to ask
    from core.instagram.client import RequestClient
    from core.instagram.graph_source import GraphSource
    from core.instagram.instaloader_source import InstaloaderSource
    from core.instagram.routes import load_routes
    from core.instagram.web_session import clean_cookie
    from core.instagram.web_source import WebSource

    data = load_routes(settings.data_dir)
    base_url = settings.graph_url if name == "graph" else settings.instagram_url
    if reason := unavailable_reason(name, settings, useproxies=useproxies and not proxy_list):
        raise InputError(reason)
    line = RequestClient(
        pace, progress, _open_proxies(useproxies, proxy_list, data.proxies.list_url, base_url, progress)
    )
    if name == "graph":
        assert settings.graph_user_id and settings.graph_token  # see unavailable_reason
        return GraphSource(line, base_url, data, settings.graph_user_id, settings.graph_token)
    cookie = clean_cookie(settings.instagram_session)
    if name == "instaloader":
        return InstaloaderSource(line, base_url, cookie)
    return WebSource(line, base_url, data, cookie)


def unavailable_reason(name: SourceName, settings: Settings, *, useproxies: bool = False) -> str | None:
    """Why a source cannot be asked from here, with what to do about it; None where it can.

    Args:
        name: which.
        settings: the secrets.
        useproxies: go through public proxies.
    """
    if name == "graph":
        secrets = {"AGESCOPE_GRAPH_USER_ID": settings.graph_user_id, "AGESCOPE_GRAPH_TOKEN": settings.graph_token}
        missing = " and ".join(variable for variable, value in secrets.items() if not value)
        return f"The source 'graph' needs {missing}, set before AgeScope is started." if missing else None
    if useproxies and settings.instagram_session:
        return (
            "A session that shows up at many addresses is flagged at once. Collect without public proxies "
            "(--useproxies), or without AGESCOPE_INSTAGRAM_SESSION."
        )
    if name == "instaloader" and find_spec("instaloader") is None:
        return "The source 'instaloader' needs the package: pip install instaloader."
    return None


def _open_proxies(
    useproxies: bool, proxy_list: Path | None, list_url: str, target: str, progress: Progress
) -> "ProxyPool | None":
    from core.instagram.proxies import ProxyPool, fetch_public_proxies, read_proxy_list

    if proxy_list:
        return ProxyPool(read_proxy_list(proxy_list), target)
    return ProxyPool(fetch_public_proxies(list_url, progress.check), target) if useproxies else None


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
