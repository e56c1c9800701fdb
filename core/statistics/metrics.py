"""The metrics of a binary prediction, each with its bootstrap interval over accounts.

Everything works on arrays over accounts: ``at_least`` (the truth), ``probability`` and
``predicted``. Intervals come from drawing accounts anew, not posts. "At least" (the cutoff) is the
positive class: its recall is the sensitivity, the recall of "under" the specificity. A metric that
cannot be had, such as an AUC where all accounts are of one class, is None with a note that says why.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri
from scipy.stats import binom, rankdata
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

from core.errors import InputError
from core.statistics.calibration import CALIBRATION_BINS, Bools, Floats, calibration_bins
from core.statistics.estimate import Estimate
from core.statistics.names import METRICS

RESAMPLES = 2_000
SEED = 2021
LEVEL = 0.95


_EXACT_BELOW = 25
_CELLS_PER_CHUNK = 2_000_000
_SMALLEST = float(np.finfo(np.float64).eps)


def metrics(
    at_least: Bools,
    probability: Floats,
    predicted: Bools,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> dict[str, Estimate]:
    """Every metric of :data:`core.statistics.names.METRICS` with its bias-corrected bootstrap interval.

    The correction is Efron's (1981). A share of 0 or 1, of which every resample is the same,
    gets Wilson's interval instead of one of no width; that of the accuracy needs no draws
    (:func:`accuracy_interval`).

    The calibration error comes without an interval: a resample, having fewer different accounts, overstates
    it, and the corrected interval of 500 accounts held the population's value 79 % of the time. It is never 0,
    even of a perfect model, so its note says what such a model would show on these accounts by chance alone.

    Args:
        at_least: (accounts,) the truth.
        probability: (accounts,) of being at least at the cutoff.
        predicted: (accounts,) whether "at least" is predicted.
        resamples: how many times the accounts are drawn anew.
        seed: of those draws.

    Raises:
        InputError: there is no account.
    """
    sample = _Sample.of(at_least, probability, predicted)
    values = sample.metrics(np.ones((1, len(at_least))))
    draws = [sample.metrics(weights) for weights in _resampled_weights(len(at_least), resamples, seed)]
    shares = _share_counts(at_least, predicted)
    found = {
        name: _estimate(
            float(values[name][0]),
            np.concatenate([draw[name] for draw in draws]) if draws else np.empty(0),
            shares.get(name),
            _why_undefined(name, at_least, predicted),
        )
        for name in METRICS
    }
    right = int((at_least == predicted).sum())
    found["accuracy"] = Estimate(right / len(at_least), *accuracy_interval(right, len(at_least)))
    if resamples:
        chance = np.concatenate(list(sample.calibration_errors_by_chance(resamples, seed)))
        found["calibration_error"] = _beside_chance(found["calibration_error"], chance)
    return found


def confusion(at_least: Bools, predicted: Bools) -> dict[str, int]:
    """The four counts of right and wrong predictions."""
    return {
        "at_least_predicted_at_least": int((at_least & predicted).sum()),
        "at_least_predicted_under": int((at_least & ~predicted).sum()),
        "under_predicted_at_least": int((~at_least & predicted).sum()),
        "under_predicted_under": int((~at_least & ~predicted).sum()),
    }


def auc(at_least: Bools, probability: Floats) -> float:
    """Area under the ROC curve, as the Mann-Whitney statistic: ties count half.

    A training asks after every epoch, and scikit-learn's checks of its input took longer than a small epoch.

    Args:
        at_least: (accounts,) whether they are at least the cutoff; NaN comes back where all are alike.
        probability: (accounts,) of being so.
    """
    above = int(at_least.sum())
    pairs = above * (len(at_least) - above)
    return float((rankdata(probability)[at_least].sum() - above * (above + 1) / 2) / pairs) if pairs else math.nan


def share_interval(count: int, total: int) -> tuple[float, float] | tuple[None, None]:
    """Wilson's 95 % interval of a share; (None, None) of nothing."""
    if total == 0:
        return None, None
    low, high = proportion_confint(count, total, alpha=1 - LEVEL, method="wilson")
    return min(float(low), count / total), max(float(high), count / total)  # not a rounding error inside of it


def accuracy_interval(right: int, total: int) -> tuple[float, float] | tuple[None, None]:
    """The interval of :func:`metrics` for an accuracy, at once: (None, None) of nothing.

    How many of accounts drawn anew are right is binomial, so the bias-corrected bootstrap needs no draws.
    An accuracy of 0 or 1, of which every resample is the same, gets Wilson's interval.
    """
    if right in (0, total):
        return share_interval(right, total)
    resampled = binom(total, right / total)
    shift = 2 * ndtri(resampled.cdf(right) - resampled.pmf(right) / 2)
    z = ndtri((1 + LEVEL) / 2)
    low, high = resampled.ppf(ndtr([shift - z, shift + z])) / total
    return float(low), float(high)


@dataclass(frozen=True)
class _Sample:
    """Accounts in ascending order of probability, prepared for many weighted evaluations at once."""

    order: npt.NDArray[np.intp]
    truth: Floats
    probability: Floats
    predicted: Floats
    tie_starts: npt.NDArray[np.intp]
    losses: Floats  # (accounts, 2): squared error, log loss
    bins: Floats  # (accounts, bins): 1 in the column of the account's bin

    @classmethod
    def of(cls, at_least: Bools, probability: Floats, predicted: Bools) -> "_Sample":
        if not len(at_least):
            raise InputError("There is no account with both a label and a prediction to evaluate.")
        order = np.argsort(probability, kind="stable")
        p, truth = probability[order], at_least[order].astype(float)
        clipped = np.clip(p, _SMALLEST, 1 - _SMALLEST)
        log_loss = -np.where(truth > 0, np.log(clipped), np.log1p(-clipped))
        return cls(
            order,
            truth,
            p,
            predicted[order].astype(float),
            np.flatnonzero(np.r_[True, p[1:] > p[:-1]]),
            np.column_stack([(p - truth) ** 2, log_loss]),
            np.eye(CALIBRATION_BINS)[calibration_bins(p)],
        )

    def metrics(self, weights: Floats) -> dict[str, Floats]:
        """Every metric for each row of ``weights`` (resamples, accounts); NaN where undefined."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self._at_threshold(weights) | self._ranking(weights) | self._probabilistic(weights)

    def _at_threshold(self, weights: Floats) -> dict[str, Floats]:
        both = np.column_stack([self.truth * self.predicted, self.truth, self.predicted])
        hits, positives, called = (weights @ both).T
        total = weights.sum(axis=1)
        rejections = total - positives - called + hits
        errors = total - hits - rejections
        sensitivity, specificity = hits / positives, rejections / (total - positives)
        return {
            "accuracy": (hits + rejections) / total,
            "balanced_accuracy": (sensitivity + specificity) / 2,
            "precision_at_least": hits / called,
            "recall_at_least": sensitivity,
            "f1_at_least": 2 * hits / (2 * hits + errors),
            "precision_under": rejections / (total - called),
            "recall_under": specificity,
            "f1_under": 2 * rejections / (2 * rejections + errors),
            "majority_share": (positives if self.truth.mean() >= 0.5 else total - positives) / total,
        }

    def _ranking(self, weights: Floats) -> dict[str, Floats]:
        """AUC and average precision, with accounts of equal probability taken together."""
        positives = np.add.reduceat(weights * self.truth, self.tie_starts, axis=1)
        negatives = np.add.reduceat(weights, self.tie_starts, axis=1) - positives
        all_positives = positives.sum(axis=1)
        below = np.cumsum(negatives, axis=1)
        pairs = (positives * (below - negatives / 2)).sum(axis=1)
        caught = all_positives[:, None] - np.cumsum(positives, axis=1) + positives
        called = caught + below[:, -1:] - below + negatives
        precision = np.divide(caught, called, out=np.zeros_like(caught), where=called > 0)
        return {
            "auc": pairs / (all_positives * below[:, -1]),
            "average_precision": (positives * precision).sum(axis=1) / all_positives,
        }

    def _probabilistic(self, weights: Floats) -> dict[str, Floats]:
        total = weights.sum(axis=1)
        brier, log_loss = (weights @ self.losses).T / total
        gaps = weights @ (self.bins * (self.truth - self.probability)[:, None])
        return {"brier": brier, "log_loss": log_loss, "calibration_error": np.abs(gaps).sum(axis=1) / total}

    def calibration_errors_by_chance(self, draws: int, seed: int) -> Iterator[Floats]:
        """Calibration errors if every probability were true, for ``draws`` drawings of the truth from them."""
        rng = np.random.default_rng(seed)
        for rows in _chunks(draws, len(self.truth)):
            gaps = ((rng.random((rows, len(self.truth))) < self.probability) - self.probability) @ self.bins
            yield np.abs(gaps).sum(axis=1) / len(self.truth)


def _resampled_weights(accounts: int, resamples: int, seed: int) -> Iterator[Floats]:
    """How often each account is drawn, (rows, accounts), chunk by chunk."""
    rng = np.random.default_rng(seed)
    for rows in _chunks(resamples, accounts):
        drawn = rng.integers(0, accounts, size=(rows, accounts)) + np.arange(rows)[:, None] * accounts
        yield np.bincount(drawn.ravel(), minlength=rows * accounts).reshape(rows, accounts).astype(float)


def _chunks(rows: int, accounts: int) -> Iterator[int]:
    """Divide ``rows`` into numbers of rows that, times ``accounts``, keep memory small."""
    most = max(1, _CELLS_PER_CHUNK // accounts)
    for start in range(0, rows, most):
        yield min(most, rows - start)


def _estimate(value: float, draws: Floats, share: tuple[int, int] | None, why_undefined: str | None) -> Estimate:
    if np.isnan(value):
        return Estimate(None, note=why_undefined)
    draws = draws[~np.isnan(draws)]
    if not len(draws):
        return Estimate(value, note="no interval: no resample was drawn")
    low, high = _bias_corrected_interval(value, draws)
    if high - low > _SMALLEST:
        return Estimate(value, low, high)
    if share is not None:
        low_or_none, high_or_none = share_interval(*share)
        return Estimate(value, low_or_none, high_or_none, "Wilson's interval: every resample is the same")
    return Estimate(value, note="no interval: every resample gives the same value")


def _beside_chance(estimate: Estimate, chance: Floats) -> Estimate:
    assert estimate.value is not None
    most = float(np.quantile(chance, LEVEL))
    told = "which this is not above" if estimate.value <= most else "which this is above"
    note = (
        f"no interval; by chance alone a perfectly calibrated model would show {chance.mean():.3f} on these accounts, "
        f"and in 95 of 100 cases at most {most:.3f}, {told}"
    )
    return Estimate(estimate.value, note=note)


def _bias_corrected_interval(value: float, draws: Floats) -> tuple[float, float]:
    tolerance = 1e-12
    below = np.mean(draws < value - tolerance) + np.mean(np.abs(draws - value) <= tolerance) / 2
    least = 0.5 / len(draws)
    shift = 2 * ndtri(np.clip(below, least, 1 - least))
    z = ndtri((1 + LEVEL) / 2)
    low, high = np.quantile(draws, ndtr([shift - z, shift + z]))
    return float(low), float(high)


def _share_counts(at_least: Bools, predicted: Bools) -> dict[str, tuple[int, int]]:
    """(count, total) of the metrics that are a share of a fixed number of accounts."""
    counts = {
        "accuracy": (at_least == predicted, np.ones_like(at_least)),
        "precision_at_least": (at_least & predicted, predicted),
        "recall_at_least": (at_least & predicted, at_least),
        "precision_under": (~at_least & ~predicted, ~predicted),
        "recall_under": (~at_least & ~predicted, ~at_least),
    }
    return {name: (int(hits.sum()), int(total.sum())) for name, (hits, total) in counts.items()}


def _why_undefined(name: str, at_least: Bools, predicted: Bools) -> str | None:
    if name.startswith("precision_"):
        group = name.removeprefix("precision_").replace("_", " ")
        return f"undefined: no account is predicted to be {group} the cutoff"
    if at_least.all() or not at_least.any():
        return f"undefined: every labelled account is {'at least' if at_least.all() else 'under'} the cutoff"
    return None


@dataclass(frozen=True)
class PairedTest:
    """McNemar's test of two models on the same accounts.

    Attributes:
        accounts: how many.
        only_first_right, only_second_right: of these, on how many one of the models is right and the other wrong.
        p_value: of the hypothesis that both are right equally often.
        method: by which it was computed.
    """

    accounts: int
    only_first_right: int
    only_second_right: int
    p_value: float
    method: str


def compare_predictions(at_least: Bools, first: Bools, second: Bools) -> PairedTest:
    """McNemar's test of whether two models, predicting the same accounts, are right equally often.

    Only the accounts on which exactly one is right tell: the exact binomial test below 25 of them,
    the chi-square test with continuity correction from there on.
    """
    first_right, second_right = first == at_least, second == at_least
    table = [[int((a & b).sum()) for b in (second_right, ~second_right)] for a in (first_right, ~first_right)]
    only_first, only_second = table[0][1], table[1][0]
    exact = only_first + only_second < _EXACT_BELOW
    p_value = float(mcnemar(table, exact=exact, correction=True).pvalue) if only_first + only_second else 1.0
    method = "exact binomial" if exact else "chi-square with continuity correction"
    return PairedTest(len(at_least), only_first, only_second, p_value, method)


def metric_differences(
    at_least: Bools,
    first: tuple[Floats, Bools],
    second: tuple[Floats, Bools],
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> dict[str, Estimate]:
    """By how much each metric of the second model is above the first's, with its interval.

    Both are evaluated on the same resamples of the same accounts, so that what makes an account
    hard for both cancels out. An interval that leaves out 0 is a difference that chance does not explain.

    Args:
        at_least: (accounts,) the truth.
        first: probability and prediction of one model, (accounts,) each.
        second: likewise of the other.
        resamples: how many times the accounts are drawn anew.
        seed: of those draws.
    """
    samples = [_Sample.of(at_least, *model) for model in (first, second)]

    def difference(weights: Floats) -> dict[str, Floats]:
        before, after = (sample.metrics(weights[:, sample.order]) for sample in samples)
        return {name: after[name] - before[name] for name in METRICS if name != "majority_share"}

    values = difference(np.ones((1, len(at_least))))
    draws = [difference(weights) for weights in _resampled_weights(len(at_least), resamples, seed)]
    return {
        name: _estimate(
            float(value[0]),
            np.concatenate([draw[name] for draw in draws]) if draws else np.empty(0),
            None,
            "undefined for at least one of the models",
        )
        for name, value in values.items()
    }
