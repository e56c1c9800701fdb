"""Background jobs: started apart, found again, stopped cleanly, recognised when they died."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.errors import AgeScopeError, InputError
from core.jobs import control
from core.jobs.job import ACTIVE, Job, damaged_jobs, list_jobs, shell_command
from core.jobs.records import COMMANDS, Kind, ProgressRecord
from core.settings import PROJECT_DIR, get_settings
from core.training.events import FoldEvent
from core.utils.io import write_json
from core.utils.machine import machine_name, start_of


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Poll a condition that another process brings about; fail when it does not come true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


@pytest.fixture
def endless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Job]]:
    """Start jobs whose command is replaced by an endless piece of work that heeds its Progress."""
    script = tmp_path / "endless.py"
    script.write_text(
        "from core.jobs.progress import Progress, recorded_result\n"
        "import sys\n"
        "from core.errors import AgeScopeError\n"
        "from core.training.events import FoldEvent\n"
        "with recorded_result():\n"
        "    try:\n"
        "        with Progress('things') as progress:\n"
        "            progress.update(1, 10, message='on it')\n"
        "            progress.event(FoldEvent(fold=1, folds=3))\n"
        "            progress.wait(3600, 'the limit of 1 request in 3600 s')\n"
        "    except AgeScopeError as error:\n"
        "        sys.exit(error.exit_status)\n"
    )
    real = subprocess.Popen

    def replaced(arguments: list[str], **options: Any) -> Any:
        options["env"]["PYTHONPATH"] = str(PROJECT_DIR)
        return real([sys.executable, str(script)], **options)

    monkeypatch.setattr(subprocess, "Popen", replaced)
    started: list[Job] = []

    def start(kind: Kind = "collect") -> Job:
        started.append(control.start(tmp_path / "jobs", kind, "Work", [COMMANDS[kind]]))
        return started[-1]

    yield start
    for job in started:
        control.cancel(job, force=True)
    wait_until(lambda: all(job.process() is None for job in started))


def test_a_job_runs_the_command_line_and_keeps_what_it_printed(tmp_path: Path) -> None:
    job = control.start(tmp_path, "train", "Show the help", ["train", "--help"])
    wait_until(lambda: job.state not in ACTIVE)
    assert job.state == "done"
    assert "--learn-rate" in job.log()
    assert job.command == shell_command(["train", "--help"])


def test_a_job_works_on_the_study_in_whose_folder_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data_dir: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AGESCOPE_DATA_DIR", "study")
    get_settings.cache_clear()
    given: dict[str, str] = {}
    real = subprocess.Popen

    def replaced(arguments: list[str], **options: Any) -> Any:
        given.update(options["env"])
        return real(arguments, **options)

    monkeypatch.setattr(subprocess, "Popen", replaced)
    job = control.start(tmp_path / "study" / "jobs", "train", "Show the help", ["train", "--help"])
    wait_until(lambda: job.state not in ACTIVE)
    assert given["AGESCOPE_DATA_DIR"] == str(tmp_path / "study")


def test_a_command_to_copy_names_the_python_that_has_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(PROJECT_DIR / ".venv" / "bin" / "python"))
    assert shell_command(["train", "--labels", "my labels.csv"]) == (
        ".venv/bin/python -m core train --labels 'my labels.csv'"
    )
    monkeypatch.setattr(sys, "executable", "/elsewhere/bin/python3")
    assert shell_command(["reindex"]) == "/elsewhere/bin/python3 -m core reindex"


def test_a_usage_error_is_a_failed_job(tmp_path: Path) -> None:
    job = control.start(tmp_path, "train", "Nonsense", ["train", "--nonsense"])
    wait_until(lambda: job.state not in ACTIVE)
    assert job.state == "failed" and job.result is not None and job.result.exit_status == 2


@pytest.mark.slow
def test_progress_waits_and_events_are_seen_from_outside(endless: Callable[[], Job]) -> None:
    job = endless()
    wait_until(lambda: job.progress.waiting_reason is not None)
    assert job.state == "running"
    assert job.progress.message == "on it"
    assert "limit of 1 request" in (job.progress.waiting_reason or "")
    assert [event.fold for event in job.events(FoldEvent)] == [1]
    assert job.memory_bytes()


@pytest.mark.slow
def test_a_cancelled_job_ends_at_once_and_cleanly(endless: Callable[[], Job]) -> None:
    job = endless()
    wait_until(lambda: job.progress.waiting_reason is not None)
    control.cancel(job)
    wait_until(lambda: job.state not in ACTIVE)
    assert job.state == "stopped"
    assert '"Go on" takes it up' in job.end_message
    assert "command" not in job.end_message  # nobody typed one
    assert job.progress.peak_memory > 10_000_000  # what it took is known after its end as well


def test_that_a_job_was_asked_to_stop_is_seen_until_it_has_ended(endless: Callable[[], Job]) -> None:
    job = endless()
    wait_until(lambda: job.progress.heartbeat > 0)
    process = job.process()
    assert process is not None and not job.stopping
    process.suspend()  # busy with something that it cannot leave at once
    control.cancel(job)
    assert Job(job.folder).stopping
    process.resume()
    wait_until(lambda: job.state == "stopped")
    assert not job.stopping
    assert not control.resume(job).stopping


def test_who_ended_a_job_is_known(endless: Callable[..., Job]) -> None:
    by_button, by_chance = endless("import"), endless("import")
    wait_until(lambda: by_button.progress.heartbeat > 0 and by_chance.progress.heartbeat > 0)
    control.cancel(by_button, force=True)
    process = by_chance.process()
    assert process is not None
    process.kill()
    wait_until(lambda: by_button.state == by_chance.state == "interrupted")
    assert by_button.ended_as_asked and not by_chance.ended_as_asked


def test_a_killed_job_is_interrupted_and_can_be_resumed(
    endless: Callable[[], Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = endless()
    wait_until(lambda: job.progress.done == 1)
    process = job.process()
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    wait_until(lambda: job.state == "interrupted")
    assert job.progress.done == 1
    at_launch: list[ProgressRecord] = []
    launch = subprocess.Popen

    def watched(*given: Any, **options: Any) -> Any:
        at_launch.append(job.progress)
        return launch(*given, **options)

    monkeypatch.setattr(subprocess, "Popen", watched)
    again = control.resume(job)
    assert at_launch == [ProgressRecord()]  # what the last attempt had reached is not where this one stands
    assert again.state == "running"
    assert again.record.attempts == 2


def test_two_collections_do_not_run_at_once(endless: Callable[..., Job]) -> None:
    endless()
    with pytest.raises(AgeScopeError, match="running already"):
        endless()
    assert endless("import").state == "running"


def test_a_running_job_cannot_be_removed_but_an_ended_one_can(endless: Callable[[], Job]) -> None:
    job = endless()
    with pytest.raises(AgeScopeError, match="Stop it first"):
        control.remove(job)
    control.cancel(job, force=True)
    wait_until(lambda: job.state == "interrupted")
    control.remove(job)
    assert list_jobs(job.folder.parent) == []


def test_another_process_with_the_same_number_is_not_the_job(tmp_path: Path) -> None:
    job = Job(tmp_path / "20260101-000000-train-aaaa")
    write_json(job.folder / "job.json", {"kind": "train", "arguments": []})
    me = psutil.Process()
    identity = {
        "pid": me.pid,
        "started": me.create_time() - 3600,
        "launched": time.time(),
        "host": machine_name(),
    }
    write_json(job.folder / "process.json", identity)
    assert job.state == "interrupted"


def test_a_living_process_without_a_heartbeat_is_unresponsive(tmp_path: Path) -> None:
    job = Job(tmp_path / "20260101-000000-train-aaaa")
    write_json(job.folder / "job.json", {"kind": "train", "arguments": []})
    me = psutil.Process()
    identity = {
        "pid": me.pid,
        "started": me.create_time(),
        "launched": time.time() - 3600,
        "host": machine_name(),
    }
    write_json(job.folder / "process.json", identity)
    assert job.state == "unresponsive"


def test_a_job_on_another_machine_lives_by_its_heartbeat(tmp_path: Path) -> None:
    job = Job(tmp_path / "20260101-000000-train-aaaa")
    write_json(job.folder / "job.json", {"kind": "train", "arguments": []})
    write_json(job.folder / "process.json", {"pid": 1, "started": 0, "launched": 0, "host": "a cluster node"})
    write_json(job.folder / "progress.json", {"heartbeat": time.time()})
    assert job.state == "running"
    write_json(job.folder / "progress.json", {"heartbeat": time.time() - 3600})
    assert Job(job.folder).state == "interrupted"


def test_a_job_knows_how_long_it_took(tmp_path: Path) -> None:
    job = Job(tmp_path / "job")
    assert job.duration_s() is None
    write_json(job.folder / "process.json", {"pid": 0, "started": 0, "launched": 1_000_000_000.0, "host": "elsewhere"})
    write_json(job.folder / "progress.json", {"heartbeat": 1_000_000_060.0})
    assert job.duration_s() == 60  # it died without a word: until its last sign of life
    write_json(job.folder / "result.json", {"exit_status": 0, "ended_at": "2001-09-09T01:48:40+00:00"})
    assert job.duration_s() == 120


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"kind": "train"}', '{"kind": "bake", "title": 1}'])
def test_a_job_whose_record_is_damaged_is_named_and_stands_in_no_others_way(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "20260101-000000-train-aaaa"
    folder.mkdir()
    (folder / "job.json").write_text(damage)
    assert list_jobs(tmp_path) == []
    [sentence] = damaged_jobs(tmp_path)
    assert str(folder / "job.json") in sentence and "remove its folder" in sentence
    with pytest.raises(AgeScopeError, match="is damaged"):
        control.resume(Job(folder))


@pytest.mark.parametrize("damage", ["", "[]", '{"pid": "x"}', '{"done": "many"}', '{"exit_status": null}'])
def test_a_job_is_shown_whatever_became_of_its_reports(tmp_path: Path, damage: str) -> None:
    job = Job(tmp_path / "20260101-000000-train-aaaa")
    record = {"kind": "train", "title": "T", "arguments": [], "created_at": "2026-01-01T00:00:00Z"}
    write_json(job.folder / "job.json", record)
    for name in ("process.json", "progress.json", "result.json"):
        (job.folder / name).write_text(damage)
    [found] = list_jobs(tmp_path)
    assert (found.state, found.result, found.progress.done) == ("interrupted", None, 0)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["forget", "anna"],
        ["-c", "print(1)"],
        ["app"],
        ["--study", "other", "train"],
        ["train", "--study", "other"],
        ["train", "--study=other"],
        ["scrape-users"],
    ],
)
def test_a_jobs_file_that_somebody_changed_runs_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    job = Job(tmp_path / "20260101-000000-train-aaaa")
    record = {"kind": "train", "title": "T", "arguments": arguments, "created_at": "2026-01-01T00:00:00Z"}
    write_json(job.folder / "job.json", record)
    monkeypatch.setattr(subprocess, "Popen", lambda *given, **options: pytest.fail("something was started"))
    with pytest.raises(InputError, match="Somebody has changed that file"):
        control.resume(job)
    with pytest.raises(InputError, match="nothing was started"):
        control.start(tmp_path, "train", "T", arguments)


def test_a_jobs_file_that_names_another_process_ends_nobody(tmp_path: Path) -> None:
    job = Job(tmp_path / "20260101-000000-train-aaaa")
    me = psutil.Process()
    identity = {"pid": me.pid, "started": me.create_time(), "launched": time.time(), "host": machine_name()}
    write_json(job.folder / "process.json", {**identity, "start": start_of(me.pid)})
    assert job.process() is not None
    with pytest.raises(AgeScopeError, match="left alone"):
        control.cancel(job, force=True)
