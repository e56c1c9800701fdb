"""A training that is killed, wherever it stands: the same command finishes it, or says with 0 that it is done."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.nursery import KILLED, TRAINING, Nursery, nursery
from tests.tiny_study import study

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    folder = tmp_path_factory.mktemp("nursery")
    study(folder, accounts=40, posts=2)
    with nursery(folder, *TRAINING) as started:
        yield started


def command(runs: Nursery, encoder: str, model: Path, *more: str) -> list[str | Path]:
    data = runs.log.parent
    return ["train", "--input-dir", data / "accounts", "--labels", data / "labels.csv", "--model-output-dir", model,
            "--model-name-or-path", encoder, "--recipe", "best", "--folds", "0", *more]  # fmt: skip


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.name.endswith(".part") or path.name == ".training"]


# the files of a model appear in this order: weights, vocabulary, configuration, tokenizer, ..., training.json
@pytest.mark.parametrize("moment", [("before", 1), ("after", 1), ("after", "config.json"), ("before", "training.json")])
def test_a_training_killed_while_it_writes_is_finished_by_the_same_command(
    runs: Nursery, encoder: str, tmp_path: Path, moment: tuple[str, int | str]
) -> None:
    arguments = command(runs, encoder, tmp_path / "model")
    assert runs.run(arguments, kill_at=moment) == -KILLED
    assert not (tmp_path / "model" / "training.json").exists()
    assert runs.run(arguments) == 0, runs.log.read_text()
    assert (tmp_path / "model" / "training.json").exists()
    assert leftovers(tmp_path) == []


def test_a_training_killed_after_its_last_file_is_done(runs: Nursery, encoder: str, tmp_path: Path) -> None:
    model = tmp_path / "model"
    arguments = command(runs, encoder, model)
    assert runs.run(arguments, kill_at=("after", "training.json")) == -KILLED
    finished = (model / "training.json").read_bytes()
    assert runs.run(arguments) == 0
    assert runs.run(arguments) == 0
    assert (model / "training.json").read_bytes() == finished
    assert leftovers(tmp_path) == []


def test_a_finished_models_folder_is_done_for_its_own_command_and_refused_to_any_other(
    runs: Nursery, encoder: str, tmp_path: Path
) -> None:
    own = command(runs, encoder, tmp_path / "model")
    assert runs.run(own) == 0
    finished = (tmp_path / "model" / "training.json").read_bytes()
    assert runs.run([*own, "--print-step", "7"]) == 0  # of no effect
    assert "was done before" in runs.log.read_text()
    for option, value, said in [("--seed", "7", "--seed was 2021 and is 7 now"), ("--folds", "2", "--folds was 0")]:
        assert runs.run([*own, option, value]) == 2
        assert said in runs.log.read_text()
    assert "holds another training" in runs.log.read_text()
    assert (tmp_path / "model" / "training.json").read_bytes() == finished
