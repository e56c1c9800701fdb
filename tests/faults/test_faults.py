"""Stops that must be heard, disks that are full, files that are damaged, two who want the same: real commands."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.index import Store
from core.settings import Settings
from core.storage.account_files import read_account, write_account
from core.storage.models import Account, Post
from core.utils.io import find_json_object
from core.utils.machine import machine_name
from tests.faults.nursery import Nursery, nursery
from tests.stand_in import StandIn

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def born(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    with nursery(tmp_path_factory.mktemp("nursery")) as started:
        yield started


@pytest.fixture
def runs(born: Nursery, stand_in: StandIn, tmp_path: Path) -> Nursery:
    own = born.at(tmp_path)
    addresses = {"AGESCOPE_INSTAGRAM_URL": stand_in.url, "AGESCOPE_GRAPH_URL": stand_in.url}
    return Nursery(own.process, {**own.environment, **addresses}, own.log)


def collecting(folder: Path, *more: str | Path, limit: str = "1000,1") -> list[str | Path]:
    (folder / "names.txt").write_text("anna\nbob\ncarla\n")
    return ["scrape-users", "--user-file", folder / "names.txt", "--output-dir", folder / "accounts",
            "--ratelimit", limit, *more]  # fmt: skip


def stopped_within(runs: Nursery, arguments: list[str | Path], stand_in: StandIn, requests: int, number: int) -> float:
    """Send a signal once so many requests have arrived; how long the command took to end, with status 1."""
    process = runs.start(arguments)
    give_up = time.monotonic() + 20
    while len(stand_in.seen) < requests:
        assert time.monotonic() < give_up, runs.log.read_text()
        threading.Event().wait(0.005)
    threading.Event().wait(0.1)  # let it come to its wait
    asked = time.monotonic()
    os.kill(process, number)
    assert runs.ended() == 1
    return time.monotonic() - asked


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("how", ["drip", "drip_head", "stall", "silent", "too_many", "server_error"])
def test_a_signal_is_heard_wherever_an_answer_or_a_wait_stands(
    runs: Nursery, stand_in: StandIn, tmp_path: Path, how: str, number: int
) -> None:
    stand_in.fail("*", how)
    assert stopped_within(runs, collecting(tmp_path), stand_in, 1, number) < 2
    assert "go on from here" in runs.log.read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_heard_in_a_wait_for_the_limits(
    runs: Nursery, stand_in: StandIn, tmp_path: Path, number: int
) -> None:
    assert stopped_within(runs, collecting(tmp_path, limit="1,3600"), stand_in, 1, number) < 2


def test_a_full_disk_is_said_and_nothing_is_damaged(runs: Nursery, stand_in: StandIn, tmp_path: Path) -> None:
    """A limit for the size of files stands in for a full disk: the system refuses the bytes in the same place."""
    stand_in.add("anna", posts=12)
    assert runs.run(collecting(tmp_path), file_size=900) == 1
    assert "Make room" in runs.log.read_text()
    assert not list((tmp_path / "accounts").glob(".*.part"))
    assert runs.run(collecting(tmp_path)) == 0
    assert len(read_account(tmp_path / "accounts" / "anna.json").posts) == 12


def test_a_disk_that_fills_up(runs: Nursery, stand_in: StandIn, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = shutil.which("mount") and os.geteuid() == 0
    if (
        not mounted
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small], check=False).returncode
    ):
        pytest.skip("mounting a small disk is not allowed here; the limit for the size of files is tried instead")
    try:
        stand_in.add("anna", posts=12)
        (small / "filling").write_bytes(bytes(60_000))
        arguments = collecting(tmp_path)
        arguments[arguments.index(tmp_path / "accounts")] = small
        assert runs.run(arguments) == 1
        assert "Make room" in runs.log.read_text()
        (small / "filling").unlink()
        assert runs.run([*arguments, "--posts-per-user", "12"]) == 0
        assert len(read_account(small / "anna.json").posts) == 12
    finally:
        subprocess.run(["umount", small], check=False)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "nothing in it": lambda whole: b"",
    "no database": lambda whole: b"not a database",
    "zeros": lambda whole: bytes(len(whole)),
    "cut short": lambda whole: whole[: len(whole) // 2],
    "another version of DuckDB": lambda whole: whole[:12] + (9999).to_bytes(8, "little") + whole[20:],
    "garbage in its middle": lambda whole: whole[:8192] + os.urandom(len(whole) - 8192),
}

SEEN_AT_ONCE = {"no database", "zeros", "another version of DuckDB"}
"""Of the others nothing may be seen before the tables are made anew."""


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_index_is_built_anew_and_said_so(runs: Nursery, tmp_path: Path, damage: str) -> None:
    write_account(tmp_path / "data" / "accounts", Account(username="anna", posts=[Post(id="1", caption="hello")]))
    assert runs.run(["reindex"]) == 0
    (index,) = (tmp_path / "data").rglob("*.duckdb")
    index.write_bytes(DAMAGES[damage](index.read_bytes()))
    runs.log.unlink()
    assert runs.run(["reindex"]) == 0, runs.log.read_text()
    if damage in SEEN_AT_ONCE:
        assert "index could not be used" in runs.log.read_text()
    with Store(Settings(data_dir=tmp_path / "data")) as store:
        assert store.counts().posts == 1


def test_two_collections_do_not_share_a_folder(runs: Nursery, stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.fail("*", "stall")
    process = runs.start(collecting(tmp_path))
    while not stand_in.seen:
        threading.Event().wait(0.005)
    with nursery(tmp_path, **runs.environment) as second:
        assert second.run(collecting(tmp_path)) == 1
    assert "Another collection is writing" in runs.log.read_text()
    os.kill(process, signal.SIGTERM)
    assert runs.ended() == 1


def test_a_second_dashboard_on_one_folder_is_told_who_has_the_index(runs: Nursery, tmp_path: Path) -> None:
    with Store(Settings(data_dir=tmp_path / "data")) as store:
        store.refresh()
        assert runs.run(["reindex"]) == 1
        assert f"is open in process {os.getpid()}" in runs.log.read_text()
        assert store.counts().collected == 0  # and the first goes on


_HOLDER = """
import os, signal, sys
from filelock import FileLock
with FileLock(sys.argv[1]):
    print("held", flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)
"""


@pytest.fixture
def suspended(tmp_path: Path) -> Iterator["Callable[[Path], subprocess.Popen[str]]"]:
    """Starts a process that takes a lock, and is suspended with it."""
    started: list[subprocess.Popen[str]] = []

    def start(lock: Path) -> "subprocess.Popen[str]":
        lock.parent.mkdir(parents=True, exist_ok=True)
        started.append(subprocess.Popen([sys.executable, "-c", _HOLDER, str(lock)], stdout=subprocess.PIPE, text=True))
        assert started[-1].stdout and started[-1].stdout.readline() == "held\n"
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout
        process.stdout.close()


@pytest.mark.parametrize("name", ["limits.sqlite.lock", "limits.clock.json.lock"])
def test_a_stop_is_heard_while_a_suspended_process_holds_the_limits(
    runs: Nursery, tmp_path: Path, suspended: "Callable[[Path], subprocess.Popen[str]]", name: str
) -> None:
    suspended(tmp_path / "state" / "agescope" / machine_name() / name)
    job = tmp_path / "job"
    job.mkdir()
    own = Nursery(runs.process, {**runs.environment, "AGESCOPE_JOB_DIR": str(job)}, runs.log)
    process = own.start(collecting(tmp_path))
    give_up = time.monotonic() + 20
    while f"which holds {name}" not in str(find_json_object(job / "progress.json").get("waiting_reason")):
        assert time.monotonic() < give_up, runs.log.read_text()
        threading.Event().wait(0.02)
    asked = time.monotonic()
    os.kill(process, signal.SIGTERM)
    assert own.ended() == 1
    assert time.monotonic() - asked < 2


def test_a_process_that_is_continued_lets_the_others_go_on(
    runs: Nursery, stand_in: StandIn, tmp_path: Path, suspended: "Callable[[Path], subprocess.Popen[str]]"
) -> None:
    holder = suspended(tmp_path / "state" / "agescope" / machine_name() / "limits.sqlite.lock")
    process = runs.start([*collecting(tmp_path), "--posts-per-user", "12"])
    threading.Event().wait(0.4)  # longer than a lock is waited for without a word
    assert not stand_in.seen and process
    holder.send_signal(signal.SIGCONT)
    assert runs.ended() == 0
