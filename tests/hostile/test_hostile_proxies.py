"""A proxy may be anybody: one that says nothing, or does not stop talking, holds no run."""

import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.collection.arguments import CollectArguments
from core.collection.collector import collect
from core.errors import AgeScopeError, Stopped
from core.instagram import errors, proxies
from core.instagram.proxies import Proxy, fetch_public_proxies, reaches
from core.jobs.progress import Progress, no_progress
from tests.stand_in import StandIn


class _Talker(socketserver.BaseRequestHandler):
    server: "HostileProxy"

    def handle(self) -> None:
        self.server.called.set()
        while not self.server.over.wait(self.server.pause_s):
            self.request.sendall(self.server.says)


class HostileProxy(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, says: bytes, pause_s: float) -> None:
        super().__init__(("127.0.0.1", 0), _Talker)
        self.says, self.pause_s = says, pause_s
        self.called, self.over = threading.Event(), threading.Event()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever hangs up is right to do so."""


@pytest.fixture
def hostile() -> Iterator[Callable[[bytes, float], HostileProxy]]:
    made: list[HostileProxy] = []

    def make(says: bytes, pause_s: float) -> HostileProxy:
        made.append(HostileProxy(says, pause_s))
        return made[-1]

    yield make
    for server in made:
        server.over.set()
        server.shutdown()
        server.server_close()


Make = Callable[[bytes, float], HostileProxy]


def arguments(tmp_path: Path, *servers: HostileProxy, kind: str = "http") -> CollectArguments:
    (tmp_path / "list.txt").write_text("anna\n")
    lines = ["{}://{}:{}".format(kind, *server.server_address) for server in servers]
    (tmp_path / "proxies.txt").write_text("\n".join(lines))
    return CollectArguments(tmp_path / "list.txt", tmp_path / "accounts", proxy_list=tmp_path / "proxies.txt")


@pytest.mark.parametrize("kind", ["http", "socks4", "socks5"])
def test_a_proxy_that_drips_is_given_up(
    stand_in: StandIn, tmp_path: Path, hostile: Make, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxies, "_CHECK_DEADLINE_S", 0.5)
    with no_progress() as progress, pytest.raises(errors.NoProxyLeft):
        collect(arguments(tmp_path, hostile(b"\x05", 0.2), kind=kind), progress)


def test_a_proxy_that_never_ends_its_first_line_fills_no_memory(stand_in: StandIn, hostile: Make) -> None:
    server = hostile(b"x" * 65_536, 0.0)
    assert not reaches(Proxy("http", *server.server_address), stand_in.url)


@pytest.mark.parametrize("kind", ["http", "socks5"])
def test_a_stop_is_heard_while_proxies_are_checked(stand_in: StandIn, tmp_path: Path, hostile: Make, kind: str) -> None:
    server = hostile(b"\x05", 1.0)
    asked: list[float] = []
    with Progress("", terminal=False) as progress:

        def stop() -> None:
            server.called.wait(5)
            asked.append(time.monotonic())
            progress.request_stop()

        threading.Thread(target=stop).start()
        with pytest.raises(Stopped):
            collect(arguments(tmp_path, server, kind=kind), progress)
    assert time.monotonic() - asked[0] < 2


@pytest.mark.parametrize("how", ["drip", "drip_head", "stall", "endless", "bomb", "to_a_file", "to_itself"])
def test_a_list_of_proxies_that_never_ends_is_left(
    stand_in: StandIn, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxies, "_LIST_DEADLINE_S", 0.5)
    stand_in.fail("proxy list", how)
    begun = time.monotonic()
    with pytest.raises(AgeScopeError, match="cannot be fetched"):
        fetch_public_proxies(f"{stand_in.url}/proxies.txt", lambda: None)
    assert time.monotonic() - begun < 3
