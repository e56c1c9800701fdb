"""Engines: every task is done, whatever happens to its worker, and what cannot be done is named."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from core.errors import AgeScopeError, InputError, Stopped
from core.jobs.progress import Progress
from core.scale.engine import EngineOptions, Watch
from core.scale.names import EngineName
from core.scale.opening import open_engine

without = {
    name: pytest.mark.skipif(find_spec(package) is None, reason=f"{package} of requirements-cluster.txt is not there")
    for name, package in (("ray", "ray"), ("slurm", "submitit"))
}
ENGINES = ["local", *(pytest.param(name, marks=[mark, pytest.mark.slow]) for name, mark in without.items())]


@dataclass
class Note:
    """Writes a task's number down; some tasks fail, or kill their worker at the first try."""

    folder: Path
    fails: tuple[int, ...] = ()
    kills_once: tuple[int, ...] = ()

    def __call__(self, task: int) -> None:
        tried = self.folder / f"tried-{task}"
        again = tried.exists()
        with tried.open("a") as file:
            file.write("x")
        if task in self.kills_once and not again:
            os.kill(os.getpid(), signal.SIGKILL)
        if task in self.fails:
            raise InputError(f"task {task} cannot be done.")
        (self.folder / f"done-{task}").touch()


@contextmanager
def watched(folder: Path, check: Callable[[], None] = lambda: None) -> Iterator[tuple[Watch, list[int]]]:
    done: list[int] = []
    yield (
        Watch(lambda task: (folder / f"done-{task}").exists(), check, done.append, lambda reason: None),
        done,
    )


@pytest.mark.parametrize("name", ENGINES)
def test_a_killed_worker_is_replaced_and_a_task_that_fails_three_times_is_named(
    name: EngineName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))
    engine = open_engine(EngineOptions(name, workers=2, partition="local", cpus=0.5))
    with watched(tmp_path) as (watch, done):
        failed = engine.run(Note(tmp_path, fails=(3,), kills_once=(1,)), range(6), watch)
    assert failed == {3: "task 3 cannot be done."}
    assert sorted(done) == [0, 1, 2, 4, 5]
    assert len((tmp_path / "tried-3").read_text()) == 3
    assert len((tmp_path / "tried-1").read_text()) == 2
    assert len((tmp_path / "tried-0").read_text()) == 1


@pytest.mark.parametrize("name", ENGINES[:2])  # those whose workers this process holds
def test_a_signal_to_end_stops_the_work_in_its_own_way(
    name: EngineName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))
    engine = open_engine(EngineOptions(name, workers=1, partition="local", cpus=0.5))
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Stopped), Progress("tasks", terminal=False) as progress:

        def end_and_check() -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            progress.check()

        with watched(tmp_path, end_and_check) as (watch, _):
            engine.run(Note(tmp_path), range(3), watch)
    assert signal.getsignal(signal.SIGTERM) == before


def test_where_no_worker_gets_anything_done_it_is_said_at_once(tmp_path: Path) -> None:
    engine = open_engine(EngineOptions("local", workers=1))
    with watched(tmp_path) as (watch, _), pytest.raises(AgeScopeError, match=r"No worker.*task \d+ cannot be done"):
        engine.run(Note(tmp_path, fails=tuple(range(50))), range(50), watch)
    assert len([*tmp_path.glob("tried-*")]) < 50


def test_a_stop_ends_the_workers(tmp_path: Path) -> None:
    import psutil

    before = {child.pid for child in psutil.Process().children()}

    def stop() -> None:
        if [*tmp_path.glob("done-*")]:
            raise Stopped("Stopped as asked.")

    with watched(tmp_path, stop) as (watch, _), pytest.raises(Stopped):
        open_engine(EngineOptions("local", workers=1)).run(Note(tmp_path), range(10_000), watch)
    left = [
        child
        for child in psutil.Process().children()
        if child.pid not in before and "spawn_main" in str(child.cmdline())
    ]
    assert not left


@pytest.mark.parametrize(("name", "package"), [("ray", "ray"), ("slurm", "submitit")])
def test_an_engine_that_is_not_installed_says_what_to_install(
    name: EngineName, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.scale.opening.find_spec", lambda _: None)
    with pytest.raises(InputError, match=f"{package}.*pip install -r requirements-cluster.txt"):
        open_engine(EngineOptions(name, workers=1))
