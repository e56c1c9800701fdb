"""Proxies: read, checked before use, put aside when they fail, with limits for each address."""

import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import trustme

from core.collection.arguments import CollectArguments
from core.collection.collector import CollectSummary, collect
from core.errors import AgeScopeError, InputError, Stopped
from core.instagram import errors, proxies
from core.instagram.proxies import Proxy, fetch_public_proxies, parse_proxy, reaches, read_proxy_list
from core.jobs.progress import Progress, no_progress
from core.settings import get_settings
from tests.stand_in import SESSION, StandIn
from tests.stand_in.fixtures import set_secrets


def pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        return
    finally:
        target.close()


class _ProxyHandler(socketserver.BaseRequestHandler):
    """An HTTP, SOCKS4 or SOCKS5 proxy, told apart by the first byte."""

    server: "FakeProxy"

    def handle(self) -> None:
        self.server.used += 1
        if self.server.broken:
            return
        first = b"" if self.server.tls else self.request.recv(1, socket.MSG_PEEK)
        upstream = {b"\x05": self._socks5, b"\x04": self._socks4}.get(first, self._http)()
        if upstream:
            threading.Thread(target=pump, args=(upstream, self.request), daemon=True).start()
            pump(self.request, upstream)

    def _http(self) -> socket.socket | None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.request.recv(65536)
        line, rest = head.split(b"\r\n", 1)
        method, address, version = line.decode().split()
        if self.server.password and self.server.password.encode() not in head:
            self.request.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return None
        parts = urlsplit(address if "://" in address else f"//{address}")
        upstream = socket.create_connection((parts.hostname, parts.port))
        if method == "CONNECT":
            self.request.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            path = parts.path + (f"?{parts.query}" if parts.query else "")
            upstream.sendall(f"{method} {path} {version}\r\n".encode() + rest)
        return upstream

    def _socks5(self) -> socket.socket:
        self.request.recv(1)
        self.request.recv(ord(self.request.recv(1)))
        self.request.sendall(b"\x05\x00")
        kind = self.request.recv(4)[3]
        host = socket.inet_ntoa(self.request.recv(4)) if kind == 1 else self.request.recv(ord(self.request.recv(1)))
        (port,) = struct.unpack(">H", self.request.recv(2))
        upstream = socket.create_connection((host, port))
        self.request.sendall(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
        return upstream

    def _socks4(self) -> socket.socket:
        _, _, port, address = struct.unpack(">BBH4s", self.request.recv(8))
        names = b""
        while names.count(b"\x00") < (2 if address[:3] == b"\x00\x00\x00" else 1):
            names += self.request.recv(1)
        host = names.split(b"\x00")[1].decode() if address[:3] == b"\x00\x00\x00" else socket.inet_ntoa(address)
        upstream = socket.create_connection((host, port))
        self.request.sendall(b"\x00\x5a" + b"\x00" * 6)
        return upstream


class FakeProxy(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, host: str = "127.0.0.1") -> None:
        super().__init__((host, 0), _ProxyHandler)
        self.used = 0
        self.broken = False
        self.password = ""
        self.tls: ssl.SSLContext | None = None
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def place(self) -> tuple[str, int]:
        host, port = self.server_address[:2]
        return str(host), port

    @property
    def address(self) -> str:
        return "{}:{}".format(*self.place)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """In a thread of its own, so that a slow handshake holds up nobody."""
        try:
            secured = self.tls.wrap_socket(request, server_side=True) if self.tls else request
        except ssl.SSLError:  # the other side does not trust us
            return
        super().finish_request(secured, client_address)


@pytest.fixture
def proxy() -> Iterator[FakeProxy]:
    server = FakeProxy()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def second() -> Iterator[FakeProxy]:
    server = FakeProxy()
    yield server
    server.shutdown()
    server.server_close()


def run(tmp_path: Path, addresses: str, *usernames: str, **more: Any) -> CollectSummary:
    (tmp_path / "list.txt").write_text("\n".join(usernames))
    (tmp_path / "proxies.txt").write_text(addresses)
    values = {"limits": ((1000, 1),), "backoff_mult": 0.001, "backoff_exp": 1.0, **more}
    if "useproxies" not in more:
        values["proxy_list"] = tmp_path / "proxies.txt"
    with no_progress() as progress:
        return collect(CollectArguments(tmp_path / "list.txt", tmp_path / "accounts", **values), progress)


@pytest.mark.parametrize(
    ("text", "proxy"),
    [
        ("10.0.0.1:80", Proxy("http", "10.0.0.1", 80)),
        ("https://proxy.example:443", Proxy("https", "proxy.example", 443)),
        ("socks4://10.0.0.1:1080", Proxy("socks4", "10.0.0.1", 1080)),
        ("socks5h://me:a%20b@10.0.0.1:1080", Proxy("socks5", "10.0.0.1", 1080, "me:a%20b")),
        ("ftp://10.0.0.1:21", None),
        ("10.0.0.1", None),
        ("10.0.0.1:99999", None),
        ("http://a b:80", None),
        ("", None),
        ("<html>", None),
        ("http://[", None),
    ],
)
def test_proxies_are_read(text: str, proxy: Proxy | None) -> None:
    assert parse_proxy(text) == proxy


def test_a_proxy_shows_no_password() -> None:
    proxy = Proxy("socks5", "10.0.0.1", 1080, "me:secret")
    assert "secret" not in f"{proxy!r} {proxy} {proxy.name}"
    assert proxy.url == "socks5h://me:secret@10.0.0.1:1080"


def test_a_list_says_which_line_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("# mine\n\n10.0.0.1:80\nme:secret@nowhere\n")
    with pytest.raises(InputError, match="line 4") as caught:
        read_proxy_list(tmp_path / "list.txt")
    assert "secret" not in str(caught.value)
    (tmp_path / "list.txt").write_text("# mine\n")
    with pytest.raises(InputError, match="holds no proxy"):
        read_proxy_list(tmp_path / "list.txt")


@pytest.mark.parametrize("kind", ["http", "socks4", "socks5"])
def test_every_kind_is_gone_through(stand_in: StandIn, tmp_path: Path, proxy: FakeProxy, kind: str) -> None:
    summary = run(tmp_path, f"{kind}://{proxy.address}", "anna", posts_per_user=5)
    assert summary.outcomes == {"collected": 1}
    assert proxy.used >= 2


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")  # the stand-in itself speaks plain http
def test_a_proxy_is_reached_over_tls(
    stand_in: StandIn, tmp_path: Path, proxy: FakeProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    proxy.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(proxy.tls)
    assert not reaches(Proxy("https", *proxy.place), stand_in.url)
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "authority.pem"))
    summary = run(tmp_path, f"https://{proxy.address}", "anna", posts_per_user=5)
    assert summary.outcomes == {"collected": 1}
    assert proxy.used >= 2


def test_a_password_is_sent(stand_in: StandIn, tmp_path: Path, proxy: FakeProxy) -> None:
    proxy.password = "bWU6c2VjcmV0"  # me:secret
    assert reaches(Proxy("http", *proxy.place, "me:secret"), stand_in.url)
    assert not reaches(Proxy("http", *proxy.place), stand_in.url)


def test_what_does_not_work_is_left_out_and_what_fails_is_put_aside(
    stand_in: StandIn, tmp_path: Path, proxy: FakeProxy, second: FakeProxy
) -> None:
    addresses = f"127.0.0.1:9\n{proxy.address}\n{second.address}"
    names = [f"user{number}" for number in range(4)]
    stand_in.fail("profile", "too_many", times=1)
    summary = run(tmp_path, addresses, *names, posts_per_user=5)
    assert summary.outcomes == {"collected": 4}
    assert summary.requests == {"profile": 5}
    assert proxy.used == 2  # the check, and the request that was refused


def test_limits_count_for_each_outgoing_address(
    stand_in: StandIn, tmp_path: Path, proxy: FakeProxy, second: FakeProxy
) -> None:
    addresses = f"{proxy.address}\n{second.address}"
    names = [f"user{number}" for number in range(4)]
    run(tmp_path, addresses, *names, posts_per_user=5, limits=((2, 3600.0),))
    assert len(stand_in.seen) == 4


def test_limits_of_a_session_count_over_all_its_addresses(
    stand_in: StandIn, tmp_path: Path, proxy: FakeProxy, second: FakeProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_secrets(monkeypatch, instagram_session=SESSION)
    waited: list[str] = []

    def wait(progress: Progress, seconds: float, reason: str) -> None:
        waited.append(reason)
        progress.request_stop()
        progress.check()

    monkeypatch.setattr(Progress, "wait", wait)
    with pytest.raises(Stopped):
        run(tmp_path, f"{proxy.address}\n{second.address}", "anna", "bob", posts_per_user=5, limits=((2, 3600.0),))
    assert (len(stand_in.seen), waited) == (2, ["the limit of 2 in 60 min"])


def test_where_no_proxy_is_left_the_run_says_so(stand_in: StandIn, tmp_path: Path, proxy: FakeProxy) -> None:
    proxy.broken = True
    with pytest.raises(errors.NoProxyLeft, match="without --useproxies"):
        run(tmp_path, proxy.address, "anna")
    assert not stand_in.seen


def test_a_public_list_is_fetched_from_the_address_in_the_data_file(
    stand_in: StandIn, tmp_path: Path, proxy: FakeProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in.proxy_list = f"{proxy.address}\nnonsense\n"
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "routes.toml").write_text(f'[proxies]\nlist_url = "{stand_in.url}/proxies.txt"\n')
    monkeypatch.setattr(proxies, "_is_public", lambda host: True)
    run(tmp_path, "", "anna", useproxies=True, posts_per_user=5)
    assert proxy.used >= 2


def test_a_public_list_cannot_point_into_this_network(stand_in: StandIn) -> None:
    stand_in.proxy_list = "127.0.0.1:80\n192.168.1.1:3128\n10.0.0.1:80\nlocalhost:80\n169.254.169.254:80\n"
    with pytest.raises(AgeScopeError, match="holds none"):
        fetch_public_proxies(f"{stand_in.url}/proxies.txt", lambda: None)


def test_a_list_that_cannot_be_fetched_says_so(stand_in: StandIn) -> None:
    with pytest.raises(AgeScopeError, match="cannot be fetched"):
        fetch_public_proxies(f"{stand_in.url}/no/such/list", lambda: None)


def test_a_session_does_not_go_through_strangers(
    stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGESCOPE_INSTAGRAM_SESSION", SESSION)
    get_settings.cache_clear()
    with pytest.raises(InputError, match="flagged"):
        run(tmp_path, "", "anna", useproxies=True)
