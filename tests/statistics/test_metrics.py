"""Metrics: equal to the textbook's, undefined ones said so, intervals that hold."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from core.errors import InputError
from core.statistics.calibration import Bools, Floats
from core.statistics.metrics import (
    accuracy_interval,
    auc,
    compare_predictions,
    confusion,
    metric_differences,
    metrics,
    share_interval,
)
from core.statistics.names import METRICS


def accounts(number: int, seed: int = 1, separation: float = 1.5, share: float = 0.6) -> tuple[Bools, Floats]:
    """Truth and calibrated probabilities of made-up accounts."""
    rng = np.random.default_rng(seed)
    at_least = rng.random(number) < share
    score = rng.normal(size=number) + separation * (at_least - 0.5)
    return at_least, 1 / (1 + np.exp(-(separation * score + np.log(share / (1 - share)))))


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), number=st.integers(8, 200), decimals=st.integers(1, 6))
def test_every_metric_is_that_of_scikit_learn(seed: int, number: int, decimals: int) -> None:
    at_least, probability = accounts(number, seed)
    at_least[:2] = [True, False]
    probability = probability.round(decimals)  # one decimal makes many ties
    predicted = probability >= 0.4
    found = metrics(at_least, probability, predicted, resamples=0)
    expected = {
        "accuracy": sklearn_metrics.accuracy_score(at_least, predicted),
        "balanced_accuracy": sklearn_metrics.balanced_accuracy_score(at_least, predicted),
        "recall_at_least": sklearn_metrics.recall_score(at_least, predicted),
        "recall_under": sklearn_metrics.recall_score(at_least, predicted, pos_label=False),
        "auc": sklearn_metrics.roc_auc_score(at_least, probability),
        "average_precision": sklearn_metrics.average_precision_score(at_least, probability),
        "brier": sklearn_metrics.brier_score_loss(at_least, probability),
        "log_loss": sklearn_metrics.log_loss(at_least, probability),
        "f1_at_least": sklearn_metrics.f1_score(at_least, predicted),
        "f1_under": sklearn_metrics.f1_score(at_least, predicted, pos_label=False),
        "majority_share": max(at_least.mean(), 1 - at_least.mean()),
    }
    if predicted.any() and not predicted.all():
        expected["precision_at_least"] = sklearn_metrics.precision_score(at_least, predicted)
        expected["precision_under"] = sklearn_metrics.precision_score(at_least, predicted, pos_label=False)
    assert {name: found[name].value for name in expected} == pytest.approx(expected, abs=1e-12)
    assert auc(at_least, probability) == pytest.approx(expected["auc"], abs=1e-12)


def test_the_area_under_the_curve_of_one_class_is_no_number() -> None:
    assert math.isnan(auc(np.ones(3, dtype=bool), np.array([0.1, 0.2, 0.3])))


@pytest.mark.slow
def test_weights_of_the_bootstrap_mean_accounts_drawn_several_times() -> None:
    at_least, probability = accounts(500)
    found = metrics(at_least, probability, probability >= 0.5, resamples=1_000, seed=3)
    rng = np.random.default_rng(4)
    draws = []
    for _ in range(400):
        drawn = rng.integers(0, 500, 500)
        draws.append(sklearn_metrics.roc_auc_score(at_least[drawn], probability[drawn]))
    assert [found["auc"].low, found["auc"].high] == pytest.approx(list(np.quantile(draws, [0.025, 0.975])), abs=0.01)


def test_every_metric_has_an_interval_around_it_and_the_seed_decides() -> None:
    at_least, probability = accounts(300)
    first = metrics(at_least, probability, probability >= 0.5, resamples=300)
    again = metrics(at_least, probability, probability >= 0.5, resamples=300)
    other = metrics(at_least, probability, probability >= 0.5, resamples=300, seed=1)
    assert list(first) == list(METRICS)
    assert first == again != other
    for name in set(METRICS) - {"calibration_error"}:  # whose own value is biased upwards
        estimate = first[name]
        assert estimate.low < estimate.value < estimate.high, name  # type: ignore[operator]


@pytest.mark.slow
def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    # accuracy of the optimal rule at equal shares and separation 1.5: Phi(0.75); AUC: Phi(1.5 / sqrt(2))
    truth = {"accuracy": 0.7734, "auc": 0.8556}
    covered = dict.fromkeys(truth, 0)
    for seed in range(200):
        at_least, probability = accounts(200, seed, share=0.5)
        found = metrics(at_least, probability, probability >= 0.5, resamples=200, seed=seed)
        for name, value in truth.items():
            covered[name] += found[name].low <= value <= found[name].high  # type: ignore[operator]
    assert all(0.89 <= count / 200 <= 0.99 for count in covered.values()), covered


def test_the_calibration_error_of_an_honest_model_is_put_down_to_chance_and_that_of_a_boastful_one_is_not() -> None:
    at_least, probability = accounts(300)
    honest = metrics(at_least, probability, probability >= 0.5, resamples=300)["calibration_error"]
    assert str(honest.note).endswith("which this is not above")
    boastful = probability**3 / (probability**3 + (1 - probability) ** 3)
    found = metrics(at_least, boastful, boastful >= 0.5, resamples=300)["calibration_error"]
    assert str(found.note).endswith("which this is above")
    assert honest.low is honest.high is found.low is found.high is None  # an interval would hold too rarely


@pytest.mark.parametrize("one_class", [True, False])
def test_with_one_class_only_what_needs_both_is_none_with_a_reason(one_class: bool) -> None:
    at_least = np.full(12, one_class)
    found = metrics(at_least, np.linspace(0.1, 0.9, 12), np.full(12, True), resamples=50)
    word = "at least" if one_class else "under"
    for name in ("auc", "balanced_accuracy"):
        assert found[name].value is None
        assert f"every labelled account is {word}" in str(found[name].note)
    assert found["accuracy"].value == (1 if one_class else 0)
    assert "no account is predicted to be under" in str(found["precision_under"].note)


def test_a_perfect_record_of_few_accounts_is_no_certainty() -> None:
    at_least = np.array([True, False] * 10)
    found = metrics(at_least, np.where(at_least, 0.9, 0.2), at_least, resamples=100)
    assert found["accuracy"].value == found["accuracy"].high == 1
    assert found["accuracy"].low == pytest.approx(0.839, abs=0.001)  # Wilson, 20 of 20
    assert found["auc"].value == 1
    assert found["auc"].low is None
    assert "every resample gives the same" in str(found["auc"].note)


def test_no_account_at_all_is_an_input_error() -> None:
    with pytest.raises(InputError, match="no account"):
        metrics(np.empty(0, bool), np.empty(0), np.empty(0, bool))


def test_ten_thousand_accounts_keep_memory_small() -> None:
    at_least, probability = accounts(10_000)
    assert metrics(at_least, probability, probability >= 0.5, resamples=50)["auc"].low is not None


def test_confusion_counts_all_four() -> None:
    at_least = np.array([True, True, True, False, False])
    predicted = np.array([True, True, False, True, False])
    assert list(confusion(at_least, predicted).values()) == [2, 1, 1, 1]


def test_the_interval_of_a_share_is_wilsons() -> None:
    assert share_interval(8, 10) == pytest.approx((0.490, 0.943), abs=0.001)
    assert share_interval(0, 0) == (None, None)


def test_mcnemar_counts_only_disagreements() -> None:
    at_least = np.ones(100, bool)
    first, second = at_least.copy(), at_least.copy()
    first[:2] = False
    second[2:12] = False
    result = compare_predictions(at_least, first, second)
    assert (result.only_first_right, result.only_second_right) == (10, 2)
    assert result.method == "exact binomial"
    assert result.p_value == pytest.approx(0.0386, abs=1e-4)  # 2 * P(X <= 2), X ~ Bin(12, 1/2)


def test_mcnemar_of_many_disagreements_is_chi_square_and_of_none_is_one() -> None:
    at_least = np.ones(400, bool)
    first, second = at_least.copy(), at_least.copy()
    assert compare_predictions(at_least, first, second).p_value == 1
    first[:60] = False
    second[60:100] = False
    result = compare_predictions(at_least, first, second)
    assert result.method.startswith("chi-square")
    assert result.p_value == pytest.approx(0.0574, abs=1e-3)  # (60 - 40 - 1)^2 / 100 = 3.61


def test_differences_between_models_are_taken_on_the_same_accounts() -> None:
    at_least, probability = accounts(400)
    noise = np.random.default_rng(5).normal(size=400)
    worse = 1 / (1 + np.exp(-(np.log(probability / (1 - probability)) + 0.5 * noise)))
    first, second = (worse, worse >= 0.5), (probability, probability >= 0.5)
    found = metric_differences(at_least, first, second, resamples=500)
    alone = [metrics(at_least, *model, resamples=500)["auc"] for model in (first, second)]
    assert found["auc"].value == pytest.approx(alone[1].value - alone[0].value)  # type: ignore[operator]
    assert found["auc"].high - found["auc"].low < 0.6 * (alone[0].high - alone[0].low)  # type: ignore[operator]
    back = metric_differences(at_least, second, first, resamples=500)
    assert back["auc"].low == pytest.approx(-found["auc"].high, abs=1e-3)  # type: ignore[operator]


def test_a_model_does_not_differ_from_itself() -> None:
    at_least, probability = accounts(50)
    model = (probability, probability >= 0.5)
    assert metric_differences(at_least, model, model, resamples=50)["accuracy"].value == 0


@pytest.mark.parametrize(("right", "total"), [(6, 7), (0, 5), (9, 9), (40, 61), (431, 500)])
def test_the_interval_of_an_accuracy_needs_no_draws(right: int, total: int) -> None:
    at_least, predicted = np.arange(total) % 2 == 0, np.arange(total) % 2 == 0
    predicted[right:] = ~predicted[right:]
    drawn = metrics(at_least, predicted.astype(float), predicted, resamples=20_000)["accuracy"]
    assert accuracy_interval(right, total) == pytest.approx((drawn.low, drawn.high), abs=0.5 / total)
