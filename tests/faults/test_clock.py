"""A clock that is set forward or back by a day, or by the hour of summer time: limits and jobs go on as before.

Real commands see another time through libfaketime where it is installed, as after a clock was set: the time since the
computer's start goes on.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import orjson
import psutil
import pytest

from core.instagram.rate_limit import Limit, SharedLimiter
from core.jobs.job import Job
from core.settings import PROJECT_DIR
from core.storage.account_files import read_account
from core.utils.io import write_json
from core.utils.machine import machine_name, start_of
from tests.stand_in import StandIn

DAY = 86_400
JUMPS = [DAY, -DAY, 3600, -3600]
LIBRARY = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)
faked = pytest.mark.skipif(LIBRARY is None, reason="libfaketime is not installed; the clock is exchanged in process")


@pytest.mark.parametrize("jump", JUMPS)
def test_the_limits_count_the_same_after_a_jump_also_in_a_new_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: int
) -> None:
    file, limits = tmp_path / "limits.sqlite", [Limit(1, 600)]
    with_clock = SharedLimiter(limits, file, lambda seconds, reason: None)
    with_clock.try_acquire("instagram direct")
    with_clock.settle()
    now = time.time_ns
    monkeypatch.setattr("core.instagram.steady_clock.time.time_ns", lambda: now() + jump * 1_000_000_000)
    for limiter in (with_clock, SharedLimiter(limits, file, lambda seconds, reason: None)):
        assert 590 < limiter.free_in("instagram direct") < 601
        limiter.close()


def job_of_this_process(folder: Path, heartbeat: float, launched: float) -> Job:
    write_json(folder / "job.json", {"kind": "train", "title": "t", "arguments": ["train"], "attempts": 1,
                                     "outputs": [], "created_at": "2026-11-01T11:00:00+00:00"})  # fmt: skip
    own = psutil.Process()
    known = {"pid": own.pid, "started": own.create_time(), "launched": launched, "host": machine_name()}
    write_json(folder / "process.json", {**known, "start": start_of(own.pid)})
    write_json(folder / "progress.json", {"heartbeat": heartbeat})
    return Job(folder)


@pytest.mark.skipif(not start_of(os.getpid()), reason="the system tells starts by its clock only")
@pytest.mark.parametrize("jump", JUMPS)
def test_a_job_lives_whatever_its_start_is_called_after_a_jump(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: int
) -> None:
    before, create_time = time.time() - jump, psutil.Process.create_time
    job = job_of_this_process(tmp_path, heartbeat=time.time(), launched=before)
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: create_time(process) + jump)
    assert job.state == "running"


@pytest.mark.parametrize("jump", [DAY, -DAY])
def test_a_job_that_hangs_is_not_alive_because_of_a_heartbeat_from_the_future(tmp_path: Path, jump: int) -> None:
    assert job_of_this_process(tmp_path, time.time() + jump, time.time() + jump).state == "unresponsive"


def collect(folder: Path, stand_in: StandIn, clock: Mapping[str, str], limit: str) -> "subprocess.Popen[bytes]":
    (folder / "job").mkdir(exist_ok=True)
    (folder / "job" / "progress.json").unlink(missing_ok=True)
    (folder / "names.txt").write_text("anna\nbob\ncarla\n")
    places = {
        "AGESCOPE_DATA_DIR": folder / "data",
        "XDG_STATE_HOME": folder / "state",
        "AGESCOPE_JOB_DIR": folder / "job",
    }
    faking = {"LD_PRELOAD": str(LIBRARY), "DONT_FAKE_MONOTONIC": "1", **clock} if clock else {}
    command = ["scrape-users", "--user-file", folder / "names.txt", "--output-dir", folder / "accounts",
               "--ratelimit", limit, "--posts-per-user", "12"]  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-m", "core", *map(str, command)],
        env={**os.environ, **{name: str(path) for name, path in places.items()}, **faking,
             "AGESCOPE_INSTAGRAM_URL": stand_in.url},
        cwd=PROJECT_DIR, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def waits(folder: Path, process: "subprocess.Popen[bytes]") -> str:
    """What the command waits for, once it does; then it is stopped."""
    give_up = time.monotonic() + 60
    while True:
        assert time.monotonic() < give_up and process.poll() is None
        path = folder / "job" / "progress.json"
        told = orjson.loads(path.read_bytes()) if path.is_file() else {}
        if reason := told.get("waiting_reason"):
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 1
            return str(reason)
        threading.Event().wait(0.02)


@faked
@pytest.mark.slow
@pytest.mark.parametrize("clock", ["+1d", "-1d"])
def test_a_collection_keeps_its_limits_after_the_clock_was_set(tmp_path: Path, stand_in: StandIn, clock: str) -> None:
    assert "limit of 1 in 60 min" in waits(tmp_path, collect(tmp_path, stand_in, {}, "1,3600"))
    asked = len(stand_in.seen)
    assert "limit of 1 in 60 min" in waits(tmp_path, collect(tmp_path, stand_in, {"FAKETIME": clock}, "1,3600"))
    assert len(stand_in.seen) == asked == 1


@faked
@pytest.mark.slow
@pytest.mark.parametrize("moment", ["@2026-03-29 01:59:59", "@2026-10-25 02:59:59"])
def test_a_collection_goes_through_the_hour_of_summer_time(tmp_path: Path, stand_in: StandIn, moment: str) -> None:
    process = collect(tmp_path, stand_in, {"FAKETIME": moment, "TZ": "Europe/Berlin"}, "100,1")
    assert process.wait(60) == 0
    found = [read_account(path) for path in sorted((tmp_path / "accounts").glob("*.json"))]
    assert [len(account.posts) for account in found] == [12, 12, 12]
    hour = "2026-03-29T00:59" if "03-29" in moment else "2026-10-25T01:59"
    assert all(hour <= account.collected_at.isoformat() < hour[:11] + "02:10" for account in found)
