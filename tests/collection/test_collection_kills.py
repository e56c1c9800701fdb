"""``kill -9`` at random moments: every post once at the end, and at most one request lost each time.

``AGESCOPE_TEST_KILLS=100 pytest tests/collection/test_collection_kills.py`` kills each run a hundred times.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.settings import PROJECT_DIR
from core.storage.account_files import read_account
from tests.stand_in import SESSION, StandIn

KILLS = int(os.environ.get("AGESCOPE_TEST_KILLS", "8"))

# Loads everything once and starts each run as a fork, which is much quicker than a new Python.
_NURSERY = """
import os, sys
from pathlib import Path
from core.collection.arguments import CollectArguments
from core.collection.collector import collect
from core.instagram import rate_limit as limits, factory as sources, client as session, web_source as web
from core.instagram import graph_source as graph, instaloader_source as via_instaloader, proxies
from core.jobs.progress import Progress
limits.IN_FLIGHT_S = 0.02
os.fsync = lambda handle: None
arguments = CollectArguments(Path(sys.argv[1]), Path(sys.argv[2]), limits=((1000, 1),), posts_per_user=50,
                             backoff_mult=0.001, backoff_exp=1.0)
for _ in sys.stdin:
    child = os.fork()
    if not child:
        with Progress("", terminal=False) as progress:
            collect(arguments, progress)
        os._exit(0)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


class Nursery:
    def __init__(self, users: Path, output: Path) -> None:
        command = [sys.executable, "-c", _NURSERY, str(users), str(output)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=PROJECT_DIR,
        )

    def start(self) -> int:
        """Start a run; return its process id."""
        assert self._process.stdin
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return self._number()

    def status(self) -> int:
        """Wait for the run to end."""
        return self._number()

    def close(self) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(timeout=10)

    def _number(self) -> int:
        assert self._process.stdout
        return int(self._process.stdout.readline())


@contextmanager
def nursery(users: Path, output: Path) -> Iterator[Nursery]:
    started = Nursery(users, output)
    try:
        yield started
    finally:
        started.close()


def run_undisturbed(stand_in: StandIn, users: Path, output: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Collect everything once; return the number of requests it takes."""
    monkeypatch.setenv("XDG_STATE_HOME", str(output.parent / "another state"))
    with nursery(users, output) as runs:
        runs.start()
        assert runs.status() == 0
    monkeypatch.setenv("XDG_STATE_HOME", str(output.parent / "state"))
    return len(stand_in.seen)


def wait_for_requests(stand_in: StandIn, number: int) -> None:
    """Return as soon as that many requests have arrived."""
    give_up = time.monotonic() + 60
    while len(stand_in.seen) < number:
        assert time.monotonic() < give_up, "the run makes no requests"
        threading.Event().wait(0.0005)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cookie", "accounts"), [("", KILLS // 2), (SESSION, 3 * KILLS)], ids=["logged out", "logged in"]
)
def test_kills_lose_nothing(
    stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cookie: str, accounts: int
) -> None:
    monkeypatch.setenv("AGESCOPE_INSTAGRAM_SESSION", cookie) if cookie else None
    names = [f"user{number}" for number in range(accounts)]
    (tmp_path / "list.txt").write_text("\n".join(names))
    needed = run_undisturbed(stand_in, tmp_path / "list.txt", tmp_path / "undisturbed", monkeypatch)
    stand_in.seen.clear()
    stand_in.delay_s = 0.001
    chance = random.Random(2026)
    with nursery(tmp_path / "list.txt", tmp_path / "accounts") as runs:
        for _ in range(KILLS):
            process = runs.start()
            # Counted in requests, not in seconds: however quick the machine, work is left to be killed.
            wait_for_requests(stand_in, len(stand_in.seen) + chance.randint(0, needed // (3 * KILLS)))
            threading.Event().wait(chance.uniform(0.0, 0.005))
            os.kill(process, signal.SIGKILL)
            assert runs.status() == signal.SIGKILL
        runs.start()
        assert runs.status() == 0
    for name in names:
        account = read_account(tmp_path / "accounts" / f"{name}.json")
        expected = stand_in.account(name)
        assert expected is not None
        assert account.outcome == "collected"
        assert Counter(post.shortcode for post in account.posts) == Counter(post.code for post in expected.posts[:50])
    assert len(stand_in.seen) <= needed + KILLS
