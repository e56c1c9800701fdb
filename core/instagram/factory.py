"""Opening a source by its name."""

from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from core.errors import InputError
from core.instagram.backoff import Pace
from core.instagram.client import RequestClient
from core.instagram.graph_source import GraphSource
from core.instagram.instaloader_source import InstaloaderSource
from core.instagram.proxies import ProxyPool, fetch_public_proxies, read_proxy_list
from core.instagram.rate_limit import Record
from core.instagram.routes import load_routes
from core.instagram.source import Source
from core.instagram.source_names import SourceName, unavailable_reason
from core.instagram.web_session import clean_cookie, hidden_name
from core.instagram.web_source import WebSource
from core.jobs.progress import Progress
from core.settings import Settings


def open_source(
    name: SourceName,
    pace: Pace,
    settings: Settings,
    progress: Progress,
    *,
    useproxies: bool = False,
    proxy_list: Path | None = None,
    record: Record | None = None,
    permitted: Callable[[], None] = lambda: None,
) -> Source:
    """A source, ready to be asked.

    Args:
        name: which.
        pace: how fast, and how patiently.
        settings: addresses and secrets.
        progress: shows waits and keeps refusals.
        useproxies: go through public proxies.
        proxy_list: a file of one's own proxies, in place of public ones.
        record: of the requests of several machines.
        permitted: called before each request; what it raises ends it.

    Raises:
        InputError: a setting, a file or a package that it needs is missing or cannot be used.
        AgeScopeError: the list of public proxies cannot be fetched.
    """
    data = load_routes(settings.data_dir)
    base_url = settings.graph_url if name == "graph" else settings.instagram_url
    if reason := unavailable_reason(name, settings, useproxies=useproxies and not proxy_list):
        raise InputError(reason)
    line = RequestClient(
        pace,
        progress,
        _open_proxies(useproxies, proxy_list, data.proxies.list_url, base_url, progress),
        sessions=sessions_of(settings, name),
        record=record,
        permitted=permitted,
    )
    if name == "graph":
        assert settings.graph_user_id and settings.graph_token  # see unavailable_reason
        return GraphSource(line, base_url, data, settings.graph_user_id, settings.graph_token)
    cookie = clean_cookie(settings.instagram_session)
    if name == "instaloader":
        return InstaloaderSource(line, base_url, cookie)
    return WebSource(line, base_url, data, cookie)


def sessions_of(settings: Settings, *sources: SourceName) -> Mapping[str, str]:
    """Host -> who asks it for these sources, as the limits know sessions; visitors are not there.

    Raises:
        InputError: the cookie cannot be one.
    """
    found = {}
    if set(sources) & {"web", "instaloader"} and (cookie := clean_cookie(settings.instagram_session)):
        found[urlsplit(settings.instagram_url).netloc] = hidden_name(cookie)
    if "graph" in sources and settings.graph_token:
        found[urlsplit(settings.graph_url).netloc] = hidden_name(settings.graph_token)
    return found


def _open_proxies(
    useproxies: bool, proxy_list: Path | None, list_url: str, target: str, progress: Progress
) -> ProxyPool | None:
    if proxy_list:
        return ProxyPool(read_proxy_list(proxy_list), target)
    return ProxyPool(fetch_public_proxies(list_url, progress.check), target) if useproxies else None
