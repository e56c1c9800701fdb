"""Methods side by side: one table, the same accounts, models that predict, nothing done twice."""

import csv
from pathlib import Path
from typing import Any

import orjson
import pytest

from core.errors import InputError, Stopped
from core.jobs.events import Event
from core.jobs.progress import Progress, no_progress
from core.models.folder import list_models, read_model_info
from core.models.loading import load_predictor
from core.models.method_names import Method
from core.training import compare_methods as compare_module
from core.training.arguments import TrainArguments
from core.training.compare_methods import compare
from core.training.dataset import read_labelled_accounts
from core.training.events import MethodEvent
from core.training.methods import Trained, fit_to_the_end
from tests.tiny_models import captions, study

QUICK: tuple[Method, ...] = ("majority", "tfidf", "frozen")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return study(tmp_path_factory.mktemp("study"))


def arguments(data: tuple[Path, Path], encoder: str, output: Path, **options: Any) -> TrainArguments:
    return TrainArguments(data[0], data[1], output, model_name_or_path=encoder, epoch_num=1, learn_rate=2e-3, **options)


def comparison(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads((folder / "comparison.json").read_bytes())
    return found


@pytest.mark.slow
def test_every_method_is_tested_on_the_same_accounts_and_can_predict(
    data: tuple[Path, Path], encoder: str, tmp_path: Path
) -> None:
    with no_progress() as progress:
        folder = compare(arguments(data, encoder, tmp_path / "c"), progress)
    record = comparison(folder)
    methods = [row["method"] for row in record["rows"]]
    assert {"majority", "tfidf", "frozen", "finetuned"} <= set(methods)
    assert {info.folder.name for info in list_models(folder)} == set(methods)
    splits = [info.training.split for info in list_models(folder)]
    assert all(split == splits[0] for split in splits)
    for method in methods:
        assert load_predictor(folder / method).probabilities([captions(40, 4, 1)]).shape == (1, 1)
    by_method = {row["method"]: row["metrics"] for row in record["rows"]}
    assert by_method["majority"]["auc"]["value"] == 0.5
    assert by_method["tfidf"]["auc"]["value"] > 0.9
    best = max(by_method, key=lambda method: by_method[method]["auc"]["value"])
    assert [pair["first"] for pair in record["pairs"]] == [best] * (len(methods) - 1)
    assert all(0 <= pair["p_value"] <= 1 for pair in record["pairs"])
    with (folder / "comparison.csv").open(newline="") as file:
        assert [row["method"] for row in csv.DictReader(file)] == methods
    assert "| 21 | TF-IDF |" in (folder / "README.md").read_text()


@pytest.mark.slow
def test_folds_test_every_account_once_and_the_models_learn_from_all(
    data: tuple[Path, Path], encoder: str, tmp_path: Path
) -> None:
    with no_progress() as progress:
        folder = compare(arguments(data, encoder, tmp_path / "c", age_cutoff=(18, 21)), progress, QUICK, folds=3)
        accounts = read_labelled_accounts(*data, [21], progress)
    record = comparison(folder)
    assert (record["folds"], record["accounts"], len(record["rows"])) == (3, 60, 6)
    tested = [orjson.loads((folder / "folds" / f"{number}-tfidf.json").read_bytes()) for number in (1, 2, 3)]
    assert sorted(name for fold in tested for name in fold["usernames"]) == accounts.usernames
    split = read_model_info(folder / "tfidf").training.split
    assert sorted(split["train"] + split["validation"]) == accounts.usernames
    assert split["test"] == []


class StopAtMethod(Progress):
    """Asks to stop when the models of so many methods are begun."""

    def __init__(self, number: int) -> None:
        super().__init__("accounts", terminal=False)
        self.left = number

    def event(self, event: Event) -> None:
        self.left -= isinstance(event, MethodEvent)
        if self.left == 0:
            self.request_stop()


@pytest.mark.slow
def test_an_interrupted_comparison_goes_on_and_does_nothing_twice(
    data: tuple[Path, Path], encoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = arguments(data, encoder, tmp_path / "c")
    with StopAtMethod(3) as progress, pytest.raises(Stopped):
        compare(given, progress, QUICK)
    made: list[str] = []

    def noted(method: Method, *rest: Any) -> Trained:
        made.append(method)
        return fit_to_the_end(method, *rest)

    monkeypatch.setattr(compare_module, "fit_to_the_end", noted)
    with no_progress() as undisturbed:
        compare(given, undisturbed, QUICK)
    assert made == ["frozen"]
    with no_progress() as undisturbed:
        compare(given, undisturbed, QUICK, folds=None)
    assert made == ["frozen"]


def test_settings_are_not_mixed(data: tuple[Path, Path], encoder: str, tmp_path: Path) -> None:
    with no_progress() as progress:
        compare(arguments(data, encoder, tmp_path / "c"), progress, ("majority",))
        with pytest.raises(InputError, match="other settings"):
            compare(arguments(data, encoder, tmp_path / "c", seed=1), progress, ("majority",))
        (tmp_path / "mine.txt").write_text("mine")
        with pytest.raises(InputError, match="not empty"):
            compare(arguments(data, encoder, tmp_path), progress, ("majority",))


def test_one_fold_is_none(data: tuple[Path, Path], encoder: str, tmp_path: Path) -> None:
    with no_progress() as progress, pytest.raises(InputError, match="at least 2"):
        compare(arguments(data, encoder, tmp_path / "c"), progress, ("majority",), folds=1)
