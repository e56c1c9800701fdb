"""Agreement of coders, against published figures and against what its words promise."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from core.statistics.agreement import MISSING, cohens_kappa, krippendorffs_alpha


def test_alpha_is_that_of_krippendorffs_own_example() -> None:
    """Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability", section C: nominal alpha 0.743."""
    rows = ["1 2 3 3 2 1 4 1 2 . . .", "1 2 3 3 2 2 4 1 2 5 . 3", ". 3 3 3 2 3 4 2 2 5 1 .", "1 2 3 3 2 4 4 1 2 5 1 ."]
    codes = np.array([[MISSING if cell == "." else int(cell) for cell in row.split()] for row in rows])
    assert krippendorffs_alpha(codes).value == pytest.approx(0.743, abs=5e-4)


def test_kappa_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    first = rng.integers(3, size=200)
    second = np.where(rng.random(200) < 0.7, first, rng.integers(3, size=200))
    found = cohens_kappa(first, second)
    assert found.value == pytest.approx(cohen_kappa_score(first, second))
    assert found.low is not None and found.high is not None and found.low < found.value < found.high  # type: ignore[operator]


@pytest.mark.slow
def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Two coders who copy each other with chance 0.6 and else draw evenly of two: kappa is 0.6."""
    rng, held = np.random.default_rng(7), 0
    for _ in range(150):
        first = rng.integers(2, size=120)
        second = np.where(rng.random(120) < 0.6, first, rng.integers(2, size=120))
        found = cohens_kappa(first, second, resamples=200)
        held += found.low <= 0.6 <= found.high  # type: ignore[operator]
    assert 0.89 <= held / 150 <= 0.99


def test_agreement_is_not_told_where_everybody_says_the_same() -> None:
    same = np.zeros(30, dtype=np.int64)
    for found in (cohens_kappa(same, same), krippendorffs_alpha(np.stack([same, same]))):
        assert found.value is None and "cannot be told" in str(found.note)


def test_perfect_agreement_has_no_interval_of_no_width() -> None:
    codes = np.arange(30) % 2
    found = cohens_kappa(codes, codes)
    assert (found.value, found.low, found.high) == (1.0, None, None) and found.note


def test_accounts_that_only_one_has_labelled_say_nothing() -> None:
    assert krippendorffs_alpha(np.array([[0, 1], [MISSING, MISSING]])).value is None
