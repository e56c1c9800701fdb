"""Folds and compared models made by several processes are those that one process makes."""

from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from core.errors import AgeScopeError, InputError, Stopped
from core.jobs.progress import JOB_DIR_VARIABLE, Progress, no_progress
from core.models.method_names import Method
from core.training.arguments import TrainArguments
from core.training.compare_methods import compare
from core.training.cross_fit import UnseenProbabilities, cross_fit
from core.training.prepare import prepare
from core.training.workers import make_by_workers
from tests.scale.test_engines import Note
from tests.tiny_models import study

METHODS: tuple[Method, ...] = ("tfidf", "frozen", "finetuned")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return study(tmp_path_factory.mktemp("study"))


def arguments(data: tuple[Path, Path], encoder: str, output: Path, **options: Any) -> TrainArguments:
    return TrainArguments(data[0], data[1], output, model_name_or_path=encoder, epoch_num=1, learn_rate=2e-3, **options)


def told(asked: TrainArguments, method: Method, progress: Progress, workers: int) -> UnseenProbabilities:
    task = prepare(asked, None, progress)
    return cross_fit(method, task, 3, asked.model_output_dir, progress, workers)


class StopsAfterTheFirst(Progress):
    """Asked to stop as soon as a worker has made a model."""

    def update(self, done: float | None = None, total: float | None = None, **more: Any) -> None:
        super().update(done, total, **more)
        if done == 1 and more.get("unit") == "models":
            self.request_stop()


@pytest.mark.slow
def test_folds_by_two_workers_that_were_stopped_and_went_on_say_what_they_say_by_one(
    data: tuple[Path, Path], encoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, job = arguments(data, encoder, tmp_path / "two"), tmp_path / "job"
    job.mkdir()
    monkeypatch.setenv(JOB_DIR_VARIABLE, str(job))
    with StopsAfterTheFirst("accounts", job) as stopped, pytest.raises(Stopped, match="takes it up"):
        told(asked, "finetuned", stopped, 2)
    made = {path: path.stat().st_mtime_ns for path in asked.model_output_dir.glob("fold-*/told.json")}
    assert 1 <= len(made) < 3
    with Progress("accounts", job) as progress:
        two = told(asked, "finetuned", progress, 2)
        assert (progress.state.done, progress.state.total, progress.state.unit) == (3, 3, "models")
    assert {path: path.stat().st_mtime_ns for path in made} == made
    events = [orjson.loads(line)["kind"] for line in (job / "events.jsonl").read_bytes().splitlines()]
    assert "step" not in events and events.count("fold") == 3  # no worker writes into the job's folder
    with no_progress() as progress:
        one = told(arguments(data, encoder, tmp_path / "one"), "finetuned", progress, 1)
    assert two.usernames == one.usernames and (two.fold == one.fold).all()
    np.testing.assert_allclose(two.probability, one.probability, atol=1e-5)


@pytest.mark.slow
def test_a_comparison_by_two_workers_has_the_table_of_one(
    data: tuple[Path, Path], encoder: str, tmp_path: Path
) -> None:
    tables = []
    for workers in (2, 1):
        asked = arguments(data, encoder, tmp_path / f"{workers}", compare=True, workers=workers)
        with no_progress() as progress:
            folder = compare(asked, progress, METHODS, 2)
        rows = orjson.loads((folder / "comparison.json").read_bytes())["rows"]
        tables.append({row["method"]: {name: of["value"] for name, of in row["metrics"].items()} for row in rows})
        assert not [*folder.rglob(".training")]
        assert {path.parent.name for path in folder.glob("*/training.json")} == {*METHODS}
    assert [*tables[0]] == [*METHODS]
    for method in METHODS:
        assert tables[0][method] == pytest.approx(tables[1][method], abs=1e-5)


def test_how_a_model_is_made_is_said_without_by_how_many(tmp_path: Path) -> None:
    two, one = (TrainArguments(tmp_path, tmp_path, tmp_path, folds=3, workers=workers) for workers in (2, 1))
    assert two.as_dict() == one.as_dict() and not two.differences(one.as_dict(), 3)
    assert two.to_argv()[two.to_argv().index("--workers") :][:2] == ["--workers", "2"]


def test_a_model_that_cannot_be_made_is_named_and_the_others_are_kept(tmp_path: Path) -> None:
    with (
        no_progress() as progress,
        pytest.raises(AgeScopeError, match=r"1 model of 3 could not.*task 1 cannot be done"),
    ):
        make_by_workers(
            Note(tmp_path, fails=(1,)), range(3), lambda task: (tmp_path / f"done-{task}").is_file(), 2, progress
        )
    assert sorted(path.name for path in tmp_path.glob("done-*")) == ["done-0", "done-2"]


@pytest.mark.parametrize("options", [{}, {"folds": 0, "recipe": "best"}, {"freeze_encoder": True}])
def test_workers_for_a_single_model_are_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="--workers shares the models of --folds and of --compare"):
        TrainArguments(tmp_path, tmp_path, tmp_path, workers=2, **options)
