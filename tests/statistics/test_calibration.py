"""Calibration, thresholds and abstention."""

import json

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, f1_score

from core.errors import InputError
from core.statistics.calibration import (
    Bools,
    Calibration,
    Floats,
    calibration_bins,
    fit_calibration,
    fit_isotonic,
    fit_platt,
    platt_parameters,
)
from core.statistics.thresholds import abstention_band, best_threshold


def calibrated(number: int, seed: int = 1) -> tuple[Bools, Floats]:
    rng = np.random.default_rng(seed)
    probability = expit(rng.normal(0.3, 1.5, number))
    return rng.random(number) < probability, probability


def test_bins_hold_equal_numbers_and_keep_ties_together() -> None:
    assert np.bincount(calibration_bins(np.linspace(0, 1, 200))).tolist() == [20] * 10
    assert np.bincount(calibration_bins(np.linspace(0, 1, 35))).size == 3
    tied = calibration_bins(np.repeat([0.1, 0.9], [150, 50]))
    assert len(set(tied[:150])) == 1
    assert len(set(tied)) == 2
    assert calibration_bins(np.empty(0)).size == 0


@pytest.mark.parametrize(
    ("distort", "method"),
    [
        (lambda p: p, "none"),
        (lambda p: expit(2.5 * logit(p) - 1), "platt"),
        (lambda p: 0.5 * p**3 + 0.5 * (p > 0.5), "isotonic"),
    ],
)
def test_the_method_that_fits_is_chosen_and_mends_the_probabilities(distort: object, method: str) -> None:
    at_least, honest = calibrated(3_000, seed=4)
    probability = distort(honest)  # type: ignore[operator]
    found = fit_calibration(at_least, probability)
    assert found.method == method
    assert set(found.log_loss) == {"none", "platt", "isotonic"}
    _, honest = calibrated(20_000, seed=5)
    assert abs(found.apply(distort(honest)) - honest).mean() < 0.03  # type: ignore[operator]


def test_platt_recovers_what_distorted_the_probabilities() -> None:
    at_least, probability = calibrated(20_000)
    found = fit_platt(at_least, expit(2 * logit(probability) + 1))
    assert (found.slope, found.intercept) == pytest.approx((0.5, -0.5), abs=0.05)


def test_platt_of_many_weightings_at_once_is_each_alone_and_that_of_scikit_learn() -> None:
    at_least, probability = calibrated(300)
    scores = logit(probability) * 3 + 1
    weights = np.random.default_rng(1).integers(0, 4, (5, 300)).astype(float)
    intercepts, slopes = platt_parameters(at_least, scores, weights)
    for row, weight in enumerate(weights):
        positives, negatives = weight[at_least].sum(), weight[~at_least].sum()
        target = np.where(at_least, (positives + 1) / (positives + 2), 1 / (negatives + 2))
        model = LogisticRegression(C=np.inf, tol=1e-10).fit(
            np.r_[scores, scores][:, None], np.repeat([1, 0], 300), np.r_[weight * target, weight * (1 - target)]
        )
        assert (intercepts[row], slopes[row]) == pytest.approx((model.intercept_[0], model.coef_[0, 0]), abs=1e-4)


def test_platt_stays_finite_on_separable_accounts_and_flat_on_a_model_that_is_wrong_way_round() -> None:
    at_least = np.repeat([False, True], 20)
    probability = np.r_[np.linspace(0.01, 0.2, 20), np.linspace(0.8, 0.99, 20)]
    found = fit_platt(at_least, probability)
    assert 0 < found.slope < 10
    assert fit_platt(~at_least, probability).apply(probability) == pytest.approx(np.full(40, 0.5))


def test_isotonic_never_claims_certainty_and_keeps_the_order() -> None:
    at_least = np.repeat([False, True], 10)
    probability = np.linspace(0.1, 0.9, 20)
    out = fit_isotonic(at_least, probability).apply(np.linspace(0, 1, 101))
    assert 0 < out.min() < out.max() < 1
    assert (np.diff(out) >= 0).all()


@pytest.mark.parametrize("fit", [fit_platt, fit_isotonic, lambda *_: Calibration()])
def test_a_calibration_goes_through_json(fit: object) -> None:
    at_least, probability = calibrated(200)
    found = fit(at_least, probability)  # type: ignore[operator]
    again = Calibration.from_json(json.loads(json.dumps(found.to_json())))
    assert again == found
    assert np.isnan(again.apply(np.array([0.5, np.nan]))).tolist() == [False, True]


@pytest.mark.parametrize("value", [{"method": "beta"}, {"method": "isotonic"}, {"steepness": 1}, {"knots": [1]}])
def test_a_calibration_that_is_none_says_so(value: dict[str, object]) -> None:
    with pytest.raises(InputError, match="calibration"):
        Calibration.from_json(value)


def test_with_one_class_there_is_nothing_to_calibrate() -> None:
    assert fit_calibration(np.ones(20, bool), np.linspace(0, 1, 20)).method == "none"


@pytest.mark.slow
@pytest.mark.parametrize("measure", ["balanced_accuracy", "f1", "accuracy"])
def test_no_other_threshold_is_better(measure: str) -> None:
    at_least, probability = calibrated(120)
    score = {
        "balanced_accuracy": balanced_accuracy_score,
        "f1": f1_score,
        "accuracy": lambda truth, predicted: (truth == predicted).mean(),
    }[measure]
    found = best_threshold(at_least, probability, measure)  # type: ignore[arg-type]
    assert found.value == pytest.approx(score(at_least, probability >= found.threshold))
    everywhere = [score(at_least, probability >= threshold) for threshold in np.linspace(0, 1, 500)]
    assert found.value >= max(everywhere) - 1e-12


def test_of_equally_good_thresholds_the_one_nearest_to_a_half_is_taken() -> None:
    at_least = np.array([False, False, True, True])
    assert best_threshold(at_least, np.array([0.1, 0.2, 0.6, 0.9])).threshold == pytest.approx(0.4)
    with pytest.raises(InputError, match="both under and at least"):
        best_threshold(np.ones(4, bool), np.linspace(0, 1, 4))


def test_outside_the_band_the_accuracy_is_as_wanted_and_a_narrower_band_would_not_do() -> None:
    at_least, probability = calibrated(2_000)
    band = abstention_band(at_least, probability, 0.9)
    assert band is not None
    outside = (probability <= band.low) | (probability >= band.high)
    right = (probability >= 0.5) == at_least
    assert right[outside].mean() == pytest.approx(band.accuracy)
    assert band.accuracy >= 0.9
    assert band.left_out == pytest.approx(1 - outside.mean())
    assert band.accuracy_low < band.accuracy < band.accuracy_high
    for side, nearer in (
        (probability >= band.high, probability >= 0.5 + (band.high - 0.5) * 0.97),
        (probability <= band.low, probability <= 0.5 - (0.5 - band.low) * 0.97),
    ):
        assert right[side].mean() >= 0.9 > right[nearer].mean()


def test_a_threshold_moved_towards_one_end_leaves_the_other_side_as_it_is() -> None:
    at_least, probability = calibrated(2_000)
    bands = [abstention_band(at_least, probability, 0.9, threshold) for threshold in (0.4, 0.5, 0.65)]
    assert all(band is not None for band in bands)
    assert len({band.high for band in bands if band}) == len({band.low for band in bands if band}) == 1


def test_a_side_that_is_never_right_is_uncertain_as_a_whole() -> None:
    at_least, probability = np.array([True] * 8 + [False] * 2 + [True] * 6), np.array([0.9] * 8 + [0.1] * 8)
    band = abstention_band(at_least, probability, 0.9)
    assert band is not None
    assert (band.low, band.high, band.left_out, band.accuracy) == (0.0, 0.5, 0.5, 1.0)
    assert band.holds(np.array([0.0, 0.3, 0.5, 1.0])).tolist() == [True, True, False, False]


def test_a_model_that_is_good_enough_needs_no_band_and_a_hopeless_one_gets_none() -> None:
    at_least = np.array([True, False] * 20)
    good = np.where(at_least, 0.9, 0.1)
    band = abstention_band(at_least, good, 0.95, threshold=0.4)
    assert band is not None
    assert (band.low, band.high, band.left_out) == (0.4, 0.4, 0)
    assert abstention_band(at_least, 1 - good, 0.95) is None
