"""Proxies: other addresses to go out from, each checked before use and put aside when it fails.

Public proxies rarely help: they are slow, short-lived, and Instagram refuses most of them.
"""

import ipaddress
import re
import socket
import ssl
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

import requests
import socks  # type: ignore[import-untyped]

from core.errors import AgeScopeError, InputError
from core.instagram.errors import NoProxyLeft
from core.instagram.transport import BoundedAdapter
from core.jobs.progress import Progress
from core.utils.io import read_text
from core.utils.threads import call_all_with_deadline

_CHECKED_AT_ONCE = 16
_CHECK_TIMEOUT_S = 8.0
_CHECK_DEADLINE_S = 20.0
_LIST_TIMEOUT_S = (10.0, 30.0)
_LIST_DEADLINE_S = 60.0
_MOST_REDIRECTS = 3
_MOST_BYTES = 5_000_000
_MOST_OF_A_HEAD = 65_536
_KINDS = {"socks4": socks.SOCKS4, "socks5": socks.SOCKS5}
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
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    kind = {"socks5h": "socks5", "socks4a": "socks4"}.get(parts.scheme, parts.scheme)
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


def fetch_public_proxies(url: str, check: Callable[[], None]) -> list[Proxy]:
    """Fetch a public list; whatever in it is no proxy on a public address is left out.

    Args:
        url: where it is.
        check: called while it comes; what it raises ends that.

    Raises:
        AgeScopeError: it cannot be fetched, or holds none.
    """
    host = urlsplit(url).hostname
    try:
        text = _fetch(url, check)
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


def _fetch(url: str, check: Callable[[], None]) -> str:
    with requests.Session() as session:
        session.max_redirects = _MOST_REDIRECTS
        for scheme in ("http://", "https://"):
            session.mount(scheme, BoundedAdapter(check, _LIST_DEADLINE_S, _MOST_BYTES))
        response = session.get(url, timeout=_LIST_TIMEOUT_S)
        response.raise_for_status()
        return response.content.decode("utf-8", "replace")


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
            self._ready = {proxy.name: proxy for proxy in self._that_work(batch, progress.check)}
        return list(self._ready.values())

    def put_aside(self, name: str) -> None:
        """Use the proxy of this name no longer."""
        self._ready.pop(name, None)

    def _that_work(self, batch: list[Proxy], check: Callable[[], None]) -> list[Proxy]:
        trials = [partial(reaches, proxy, self._target) for proxy in batch]
        results = call_all_with_deadline(trials, check, _CHECK_DEADLINE_S)
        return [proxy for proxy, result in zip(batch, results, strict=True) if result is True]


def reaches(proxy: Proxy, target: str) -> bool:
    """Whether ``proxy`` opens a connection to the host of ``target``; makes no request there."""
    parts = urlsplit(target)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    by_connect = proxy.kind in ("http", "https")
    try:
        with _connect_through(proxy, f"{host}:{port}") if by_connect else _socks_tunnel(proxy, host, port) as tunnel:
            if parts.scheme == "https" and proxy.kind != "https":  # the ssl module has no TLS within TLS
                ssl.create_default_context().wrap_socket(tunnel, server_hostname=host).close()
            return True
    except (OSError, socks.ProxyError):
        return False


def _socks_tunnel(proxy: Proxy, host: str, port: int) -> socket.socket:
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


def _connect_through(proxy: Proxy, target: str) -> socket.socket:
    """A connection through an HTTP proxy; PySocks would read a first line without an end into memory.

    Raises:
        OSError: the proxy cannot be reached, or does not agree to connect.
    """
    secret = b64encode(unquote(proxy.user).encode()).decode()
    login = f"Proxy-Authorization: Basic {secret}\r\n" if proxy.user else ""
    connection = socket.create_connection((proxy.host, proxy.port), timeout=_CHECK_TIMEOUT_S)
    try:
        if proxy.kind == "https":
            connection = ssl.create_default_context().wrap_socket(connection, server_hostname=proxy.host)
        connection.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{login}\r\n".encode())
        if not _agrees(connection):
            raise ConnectionRefusedError
    except OSError:
        connection.close()
        raise
    return connection


def _agrees(connection: socket.socket) -> bool:
    """Whether the head of the proxy's answer, of which only so much is read, says 200."""
    head = b""
    while b"\r\n\r\n" not in head and len(head) < _MOST_OF_A_HEAD and (piece := connection.recv(4096)):
        head += piece
    return re.match(rb"HTTP/1\.[01] 200 ", head) is not None
