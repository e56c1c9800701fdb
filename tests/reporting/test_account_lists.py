"""Behind every figure stand accounts: as many as the figure says, found again from the text in the address."""

from dataclasses import replace
from itertools import product
from time import perf_counter

import numpy as np
import pandas as pd
import pytest

from core.reporting.account_lists import (
    AccountFilter,
    accounts_behind,
    accounts_passing,
    bar_clicked,
    bin_clicked,
    cell_clicked,
)
from core.reporting.run_results import Run, RunAtThreshold
from core.statistics.curves import calibration_curve


def run_of(accounts: int) -> RunAtThreshold:
    rng = np.random.default_rng(3)
    ages = rng.integers(13, 40, accounts).astype(float)
    table = pd.DataFrame(
        {
            "username": [f"user_{at}" for at in range(accounts)],
            "probability": np.clip(rng.normal(np.where(ages >= 21, 0.65, 0.35), 0.2), 0, 1).round(6),
            "prediction": 0,
            "posts": 10,
            "age": np.where(np.arange(accounts) % 3 == 0, ages, np.nan),
        }
    )
    table.loc[0, "probability"] = np.nan
    return RunAtThreshold(Run("run", table, None, 21), 0.5, 0.9)


@pytest.fixture(scope="module")
def view() -> RunAtThreshold:
    return run_of(600)


def test_every_bar_lists_as_many_accounts_as_it_is_high(view: RunAtThreshold) -> None:
    for bar in view.distribution().data.to_dict("records"):
        found = accounts_behind(view, bar_clicked(float(bar["start"]), str(bar["group"]), 21))
        assert found is not None and len(found.accounts) == bar["size"]
        assert found.accounts["probability"].is_monotonic_decreasing


def test_every_cell_lists_as_many_accounts_as_it_says_the_surest_first(view: RunAtThreshold) -> None:
    for label, predicted in product((0, 1), (0, 1)):
        found = accounts_behind(view, cell_clicked(label, predicted))
        assert found is not None and len(found.accounts) == view.errors.iloc[label, predicted + 1]
        assert (found.accounts["probability"] - 0.5).abs().is_monotonic_decreasing


def test_every_bin_lists_as_many_accounts_as_it_says(view: RunAtThreshold) -> None:
    assert view.judged is not None
    bins = calibration_curve(view.judged.known.at_least, view.judged.known.probability)
    for number, size in enumerate(bins["accounts"]):
        found = accounts_behind(view, bin_clicked(number))
        assert found is not None and len(found.accounts) == size


@pytest.mark.parametrize("text", ["", "else", "probability", "probability x under", "confusion a b", "calibration 99"])
def test_an_address_that_says_nothing_known_lists_nothing(view: RunAtThreshold, text: str) -> None:
    assert accounts_behind(view, text) is None


def test_those_between_two_ages_who_are_wrong_are_found_the_surest_first(view: RunAtThreshold) -> None:
    found = accounts_passing(view, AccountFilter(age=(20, 22), wrong=True))
    assert len(found) and found["age"].between(20, 22).all()
    assert ((found["probability"] >= 0.5) != (found["age"] >= 21)).all()
    assert (found["probability"] - 0.5).abs().is_monotonic_decreasing
    assert len(accounts_passing(view, AccountFilter())) == 600
    assert accounts_passing(view, AccountFilter("@USER_59", probability=(0.5, 1)))["username"].str.contains("59").all()
    label_counts = [len(accounts_passing(view, AccountFilter(label=label))) for label in ("labelled", "unlabelled")]
    assert label_counts == [200, 400]


def test_the_list_holds_what_a_colleague_needs(view: RunAtThreshold) -> None:
    found = accounts_behind(replace(view, threshold=0.6), cell_clicked(0, 1))
    assert found is not None
    rows = replace(view, threshold=0.6).rows(found.accounts)
    assert (rows["probability"] >= 0.6).all() and (rows["known_age"] < 21).all()
    assert {"part", "cutoff", "threshold", "run"} <= {*rows.columns}


def test_a_hundred_thousand_accounts_are_listed_at_once_and_the_chart_holds_none_of_them() -> None:
    view = run_of(100_000)
    chart = view.distribution()
    assert len(str(chart.drawn.to_dict())) < 40_000
    started = perf_counter()
    for text in ("probability 12 no_label", "confusion under at_least", "calibration 4"):
        assert accounts_behind(view, text) is not None
    assert len(accounts_passing(view, AccountFilter(username="user_9", wrong=True)))
    assert perf_counter() - started < 3
