"""Cross-fitting: every labelled account is told by a model that had not seen it, and nothing chooses for itself."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import InputError, Stopped
from core.evaluation.prevalence import labelled_probabilities
from core.jobs.events import Event
from core.jobs.progress import Progress, no_progress
from core.models.folder import UNSEEN_FILE, read_model_info
from core.models.method_names import Method
from core.models.settings import ModelSettings
from core.statistics.prevalence import FOLDS_NOISE
from core.training import cross_fit as cross_fit_module
from core.training.arguments import TrainArguments
from core.training.cross_fit import UnseenProbabilities, Wishes, cross_fit, crossed, fold_parts, folds_of
from core.training.events import FoldEvent
from core.training.methods import Trained, TrainingTask, fit_to_the_end
from core.training.prepare import prepare
from core.training.train import train
from tests.tiny_models import study

pytestmark = pytest.mark.slow  # real commands, or several trainings a test


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return study(tmp_path_factory.mktemp("study"))


def arguments(data: tuple[Path, Path], encoder: str, output: Path, **options: Any) -> TrainArguments:
    return TrainArguments(data[0], data[1], output, model_name_or_path=encoder, freeze_encoder=True, **options)


@pytest.fixture
def task(data: tuple[Path, Path], encoder: str, tmp_path: Path) -> TrainingTask:
    with no_progress() as progress:
        return prepare(arguments(data, encoder, tmp_path / "m"), None, progress)


def test_each_account_is_told_once_by_a_model_that_knew_neither_it_nor_a_near_duplicate(task: TrainingTask) -> None:
    learnt = sorted(task.parts["train"] + task.parts["validation"])
    twins = [task.parts["train"][0], task.parts["test"][0]]
    folds = fold_parts(replace(task, twins=[twins]), 3)
    assert sorted(name for fold in folds for name in fold["test"]) == learnt
    for fold in folds:
        assert not set(fold["test"]) & {*fold["train"], *fold["validation"]}
        assert abs(len(fold["train"]) - len(task.parts["train"])) < len(task.parts["train"]) / 4
        if twins[0] in fold["test"]:
            assert twins[1] not in fold["train"] + fold["validation"]


def test_the_folder_keeps_what_was_said_of_every_labelled_account(
    data: tuple[Path, Path], encoder: str, tmp_path: Path
) -> None:
    with no_progress() as progress:
        folder = train(arguments(data, encoder, tmp_path / "m", folds=3, age_cutoff=(18.0, 21.0)), progress)
    info = read_model_info(folder)
    with (folder / UNSEEN_FILE).open(newline="") as file:
        rows = [*csv.DictReader(file)]
    assert {row["username"] for row in rows} == info.training.known_accounts
    assert {row["fold"] for row in rows} == {"1", "2", "3", "test"}
    with (folder / "test.csv").open(newline="") as file:
        tested = {row["username"]: row["probability_21"] for row in csv.DictReader(file)}
    assert tested == {row["username"]: row["probability_21"] for row in rows if row["fold"] == "test"}
    assert info.training.cross_fitted is not None
    assert (info.training.cross_fitted.folds, info.training.cross_fitted.accounts) == (3, len(rows))
    with_epochs = replace(info, training=info.training.model_copy(update={"method": "frozen"}))
    assert labelled_probabilities(with_epochs, 21)[1] != UNSEEN_FILE
    alike = replace(info, training=info.training.model_copy(update={"method": "combined"}))
    known, source = labelled_probabilities(alike, 21)
    assert source == UNSEEN_FILE and len(known.probability) == len(rows) and known.noise == FOLDS_NOISE
    assert f"On all {len(rows)} labelled accounts" in (folder / "README.md").read_text()
    assert not (folder / ".training").exists()


def test_no_fold_is_made_where_none_is_asked_for_or_models_would_stop_at_unlike_epochs(task: TrainingTask) -> None:
    assert folds_of(None, "combined", task) == cross_fit_module.DEFAULT_FOLDS
    assert folds_of(None, "frozen", task) == folds_of(None, "finetuned", task) == 0
    assert (folds_of(0, "frozen", task), folds_of(3, "finetuned", task)) == (0, 3)
    few = replace(task, parts={**task.parts, "train": task.parts["train"][:10]})
    assert folds_of(None, "combined", few) == 0


def test_one_fold_is_refused(data: tuple[Path, Path], encoder: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least 2, or 0"):
        arguments(data, encoder, tmp_path, folds=1)


def test_an_accounts_threshold_and_calibration_are_chosen_without_its_fold() -> None:
    rng = np.random.default_rng(1)
    truth = rng.random(300) < 0.5
    probability = np.where(truth, rng.beta(4, 2, 300), rng.beta(2, 4, 300))[:, None]
    unseen = UnseenProbabilities([], truth[:, None], np.arange(300) % 3, probability)
    settings, wishes = ModelSettings("e", "w.pth"), Wishes(True, "balanced_accuracy", 1)
    told, threshold = crossed(unseen, settings, wishes)
    own = unseen.fold == 0
    altered = replace(unseen, at_least=np.where(own[:, None], ~unseen.at_least, unseen.at_least))
    again, threshold_again = crossed(altered, settings, wishes)
    assert np.array_equal(told[own], again[own]) and np.array_equal(threshold[own], threshold_again[own])
    assert not np.array_equal(told[~own], again[~own])


class StopAtFold(Progress):
    """Asks to stop when that fold begins."""

    def __init__(self, number: int) -> None:
        super().__init__("accounts", terminal=False)
        self.number = number

    def event(self, event: Event) -> None:
        if isinstance(event, FoldEvent) and event.fold == self.number:
            self.request_stop()


def test_folds_that_were_finished_are_not_made_again(
    task: TrainingTask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with StopAtFold(3) as progress, pytest.raises(Stopped):
        cross_fit("frozen", task, 3, tmp_path, progress)
    made: list[str] = []

    def noted(method: Method, *rest: Any) -> Trained:
        made.append(method)
        return fit_to_the_end(method, *rest)

    monkeypatch.setattr(cross_fit_module, "fit_to_the_end", noted)
    with no_progress() as undisturbed:
        found = cross_fit("frozen", task, 3, tmp_path, undisturbed)
        assert made == ["frozen"]
        assert len(found.usernames) == len(found.probability) == len(task.parts["train"] + task.parts["validation"])
        cross_fit("frozen", replace(task, recipe=replace(task.recipe, learn_rate=0.5)), 3, tmp_path, undisturbed)
    assert made == ["frozen"] * 4
