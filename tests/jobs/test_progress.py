"""Progress: what long work tells, and how it is stopped."""

import os
import queue
import signal
import threading
from pathlib import Path

import orjson
import pytest

from core.errors import AgeScopeError, Stopped
from core.jobs.events import Event
from core.jobs.progress import Progress, recorded_result


def test_state_and_events_reach_the_jobs_folder(tmp_path: Path) -> None:
    with Progress("accounts", job_dir=tmp_path) as progress:
        progress.update(3, 10, message="anna", requests=7)
        progress.event(Event(kind="thing"))
    state = orjson.loads((tmp_path / "progress.json").read_bytes())
    assert (state["done"], state["total"], state["unit"], state["requests"]) == (3, 10, "accounts", 7)
    assert state["heartbeat"] > 0
    assert orjson.loads((tmp_path / "events.jsonl").read_bytes())["kind"] == "thing"


def test_what_is_counted_changes_with_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter(range(100))
    monkeypatch.setattr("core.jobs.progress.time.monotonic", lambda: next(moments) * 10.0)
    with Progress("accounts", terminal=False) as progress:
        for done in range(36):
            progress.update(done, 36)
        assert progress._line() == "35 of 36 accounts"
        progress.update(0, 2, unit="", message="fitting, cutoff 1 of 2")
        assert progress._line() == "fitting, cutoff 1 of 2"
        assert progress.state.seconds_left is None  # how quick accounts were says nothing of cutoffs
        progress.update(1, 2, message="fitting, cutoff 2 of 2")
        assert progress.state.seconds_left == 10.0


def test_a_signal_stops_the_work_at_its_next_safe_point() -> None:
    with pytest.raises(Stopped), Progress("accounts", terminal=False) as progress:
        progress.check()
        os.kill(os.getpid(), signal.SIGTERM)
        progress.check()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_wait_ends_when_the_work_is_stopped() -> None:
    with pytest.raises(Stopped), Progress("accounts", terminal=False) as progress:
        threading.Timer(0.05, progress.request_stop).start()
        progress.wait(3600, "the limit")


def test_the_time_left_follows_from_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter(range(100))
    monkeypatch.setattr("core.jobs.progress.time.monotonic", lambda: next(moments) * 10.0)
    with Progress("accounts", terminal=False) as progress:
        progress.update(0, 100)
        progress.update(5)
        assert progress.state.seconds_left == 190.0


@pytest.mark.parametrize(
    ("error", "status", "message", "stopped"),
    [
        (None, 0, "", False),
        (Stopped("Stopped as asked."), 1, "Stopped as asked.", True),
        (AgeScopeError("Make room."), 1, "Make room.", False),
    ],
)
def test_how_a_job_ended_is_recorded(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: AgeScopeError | None,
    status: int,
    message: str,
    stopped: bool,
) -> None:
    monkeypatch.setenv("AGESCOPE_JOB_DIR", str(tmp_path))

    def command() -> None:
        with recorded_result():
            try:
                if error:
                    raise error
            except AgeScopeError as caught:
                raise SystemExit(caught.exit_status) from caught

    if error:
        with pytest.raises(SystemExit):
            command()
    else:
        command()
    result = orjson.loads((tmp_path / "result.json").read_bytes())
    assert (result["exit_status"], result["message"], result["stopped"]) == (status, message, stopped)


def test_a_crash_is_recorded_as_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGESCOPE_JOB_DIR", str(tmp_path))
    with pytest.raises(ZeroDivisionError), recorded_result():
        _ = 1 / 0
    result = orjson.loads((tmp_path / "result.json").read_bytes())
    assert result["exit_status"] == 1
    assert "log" in result["message"]


def test_without_a_terminal_the_log_tells_where_the_work_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.jobs.progress.HEARTBEAT_S", 0.001)
    monkeypatch.setattr("core.jobs.progress.LOG_S", 0)
    lines: queue.Queue[str] = queue.Queue()
    monkeypatch.setattr("core.jobs.progress.logger.info", lines.put)
    with Progress("accounts", terminal=False) as progress:
        progress.update(1000, 2000, message="epoch 1 of 2")
        while lines.get(timeout=30) != "1,000 of 2,000 accounts, epoch 1 of 2":
            pass
