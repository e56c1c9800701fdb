"""Proxies: other addresses to go out from, each checked before use and put aside when it fails.

Public proxies rarely help: they are slow, short-lived, and Instagram refuses most of them.
"""

import ipaddress
import re
import socket
import ssl
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import requests
import socks  # type: ignore[import-untyped]

from core.errors import AgeScopeError, InputError
from core.instagram.errors import NoProxyLeft
from core.jobs.progress import Progress
from core.utils.io import read_text

_CHECKED_AT_ONCE = 16
_CHECK_TIMEOUT_S = 8.0
_LIST_TIMEOUT_S = (10.0, 30.0)
_MOST_BYTES = 5_000_000
_KINDS = {"http": socks.HTTP, "socks4": socks.SOCKS4, "socks5": socks.SOCKS5}
# names are looked up by the proxy, so that nothing of what is asked leaves from here
_AS_REQUESTS_SAYS = {"http": "http", "https": "https", "socks4": "socks4a", "socks5": "socks5h"}


@dataclass(frozen=True)
class Proxy:
    """One proxy; its ``repr`` and ``name`` hold no password.

    Attributes:
        kind: http, https (the way to the proxy itself is encrypted), socks4 or socks5.
        user: user name and password, as they stand in an address; empty for none.
    """

    kind: str
    host: str
    port: int
    user: str = ""

    @property
    def name(self) -> str:
        """The outgoing address, for limits and messages."""
        return f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The address as requests takes it."""
        at = f"{self.user}@" if self.user else ""
        return f"{_AS_REQUESTS_SAYS[self.kind]}://{at}{self.host}:{self.port}"

    def __repr__(self) -> str:
        return f"Proxy({self.kind}://{self.name})"


def parse_proxy(text: str) -> Proxy | None:
    """Read ``[kind://][user:password@]host:port``; None if it is nothing of that form."""
    parts = urlsplit(text if "://" in text else f"http://{text}")
    kind = {"socks5h": "socks5", "socks4a": "socks4"}.get(parts.scheme, parts.scheme)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if kind not in _AS_REQUESTS_SAYS or not host or not port or not re.fullmatch(r"[\w.:-]+", host):
        return None
    user = parts.netloc.rpartition("@")[0]
    return Proxy(kind, host, port, user)


def read_proxy_list(path: Path) -> list[Proxy]:
    """Read one's own list: one proxy a line; blank lines and ``#`` lines are skipped.

    Raises:
        InputError: the file cannot be read, or a line is no proxy.
    """
    proxies = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        proxy = parse_proxy(text)
        if proxy is None:
            raise InputError(
                f"{path}, line {number} is no proxy. Write kind://host:port or kind://user:password@host:port "
                "with http, https, socks4 or socks5."
            )
        proxies.append(proxy)
    if not proxies:
        raise InputError(f"{path} holds no proxy.")
    return proxies


def fetch_public_proxies(url: str) -> list[Proxy]:
    """Fetch a public list; whatever in it is no proxy on a public address is left out.

    Raises:
        AgeScopeError: it cannot be fetched, or holds none.
    """
    host = urlsplit(url).hostname
    try:
        with requests.get(url, timeout=_LIST_TIMEOUT_S, stream=True) as response:
            response.raise_for_status()
            text = next(response.iter_content(_MOST_BYTES), b"").decode("utf-8", "replace")
    except requests.exceptions.RequestException as error:
        raise AgeScopeError(
            f"The list of public proxies at {host} cannot be fetched ({type(error).__name__}). "
            "Collect without --useproxies, or put another list_url under [proxies] into routes.toml."
        ) from None
    # on public lists "https" says what a proxy can pass on, not how it is reached
    lines = [line.replace("https://", "http://") for line in text.split()]
    found = [proxy for line in lines if (proxy := parse_proxy(line)) and _is_public(proxy.host)]
    if not found:
        raise AgeScopeError(f"The list of public proxies at {host} holds none. Collect without --useproxies.")
    return found


def _is_public(host: str) -> bool:
    """Whether ``host`` is a public address: a list from the internet must not point into this network."""
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return False


class ProxyPool:
    """The proxies that work, found among candidates as they are needed.

    Args:
        candidates: in the order in which to try them.
        target: the address that has to be reached through them.
    """

    def __init__(self, candidates: list[Proxy], target: str) -> None:
        self._unchecked = iter(dict.fromkeys(candidates))
        self._target = target
        self._ready: dict[str, Proxy] = {}

    def working(self, progress: Progress) -> list[Proxy]:
        """The proxies that are ready; looks for more where there is none.

        Raises:
            NoProxyLeft: none is left.
            Stopped: asked to stop while looking.
        """
        while not self._ready:
            progress.check()
            progress.update(message="checking proxies")
            batch = [proxy for proxy, _ in zip(self._unchecked, range(_CHECKED_AT_ONCE), strict=False)]
            if not batch:
                raise NoProxyLeft
            self._ready = {proxy.name: proxy for proxy in self._that_work(batch)}
        return list(self._ready.values())

    def put_aside(self, name: str) -> None:
        """Use the proxy of this name no longer."""
        self._ready.pop(name, None)

    def _that_work(self, batch: list[Proxy]) -> Iterator[Proxy]:
        with ThreadPoolExecutor(_CHECKED_AT_ONCE) as threads:
            works = threads.map(lambda proxy: reaches(proxy, self._target), batch)
            yield from (proxy for proxy, does in zip(batch, works, strict=True) if does)


def reaches(proxy: Proxy, target: str) -> bool:
    """Whether ``proxy`` opens a connection to the host of ``target``; makes no request there."""
    parts = urlsplit(target)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        if proxy.kind == "https":
            return _answers_connect(proxy, f"{host}:{port}")
        with _tunnel(proxy, host, port) as tunnel:
            if parts.scheme == "https":
                ssl.create_default_context().wrap_socket(tunnel, server_hostname=host).close()
            return True
    except (OSError, socks.ProxyError):
        return False


def _tunnel(proxy: Proxy, host: str, port: int) -> socket.socket:
    user, _, password = proxy.user.partition(":")
    tunnel: socket.socket = socks.create_connection(
        (host, port),
        timeout=_CHECK_TIMEOUT_S,
        proxy_type=_KINDS[proxy.kind],
        proxy_addr=proxy.host,
        proxy_port=proxy.port,
        proxy_rdns=True,
        proxy_username=unquote(user) or None,
        proxy_password=unquote(password) or None,
    )
    return tunnel


def _answers_connect(proxy: Proxy, target: str) -> bool:
    """Whether a proxy that is itself reached over TLS agrees to connect; PySocks knows no such kind."""
    secret = b64encode(unquote(proxy.user).encode()).decode()
    login = f"Proxy-Authorization: Basic {secret}\r\n" if proxy.user else ""
    raw = socket.create_connection((proxy.host, proxy.port), timeout=_CHECK_TIMEOUT_S)
    with raw, ssl.create_default_context().wrap_socket(raw, server_hostname=proxy.host) as connection:
        connection.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{login}\r\n".encode())
        return re.match(rb"HTTP/1\.[01] 200 ", connection.recv(256)) is not None
