"""Which accounts judge a run, and both error rates."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.evaluation.holdout import error_rates, judged_accounts
from core.models.folder import ModelInfo
from core.models.settings import ModelSettings
from core.statistics.prevalence import LabelledProbabilities
from tests.made_model import training_record
from tests.narrowing import present


def model(folder: Path, **parts: list[str]) -> ModelInfo:
    return ModelInfo(folder, ModelSettings("encoder", "weights.pth"), training_record(parts))


def predictions(**ages: float | None) -> pd.DataFrame:
    names = list(ages)
    known = pd.array([ages[name] for name in names], dtype="Float64").to_numpy(float, na_value=np.nan)
    return pd.DataFrame({"username": names, "probability": 0.7, "prediction": 1, "posts": 3, "age": known})


def test_accounts_that_made_the_model_do_not_judge_it(tmp_path: Path) -> None:
    table = predictions(learnt=30, chose=15, tested=40, fresh=16, unlabelled=None)
    judged = judged_accounts(table, model(tmp_path, train=["learnt"], validation=["chose"], test=["tested"]), 21)
    assert judged is not None and judged.source == "run"
    assert list(judged.table["username"]) == ["tested", "fresh"]
    assert judged.known.at_least.tolist() == [True, False]
    assert "2 accounts that made the model are left out" in judged.basis


def test_accounts_without_a_probability_judge_nothing(tmp_path: Path) -> None:
    table = predictions(one=30, two=15)
    table.loc[0, "probability"] = np.nan
    assert judged_accounts(table, model(tmp_path), 21) is None


@pytest.mark.parametrize("file, source", [("test.csv", "test"), ("validation.csv", "validation")])
def test_without_labels_in_the_run_the_models_own_accounts_judge(tmp_path: Path, file: str, source: str) -> None:
    rows = [f"user_{at},{15 if at % 2 else 30},0.{40 + at}" for at in range(50)]
    (tmp_path / file).write_text("\n".join(["username,age,probability", *rows]) + "\n")
    judged = judged_accounts(predictions(learnt=30), model(tmp_path, train=["learnt"]), 21)
    assert judged is not None and judged.source == source
    assert len(judged.table) == 50 and judged.known.at_least.sum() == 25


def test_without_any_there_is_none(tmp_path: Path) -> None:
    assert judged_accounts(predictions(fresh=30), model(tmp_path), 21) is None
    assert judged_accounts(predictions(fresh=30), None, 21) is None


def test_error_rates_are_those_of_each_group() -> None:
    known = LabelledProbabilities(np.array([True, True, True, False]), np.array([0.9, 0.6, 0.2, 0.7]))
    under, at_least = error_rates(known, 0.5)
    assert (at_least.right, at_least.wrong, under.right, under.wrong) == (2, 1, 0, 1)
    low, high = map(present, at_least.interval)
    assert under.rate == 1.0 and low < present(at_least.rate) < high
    assert error_rates(known, 0.65)[1].wrong == 2
