"""The threshold from which on somebody is taken for at least at the cutoff, and the band of doubt."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit
from statsmodels.stats.proportion import proportion_confint

from core.errors import InputError
from core.statistics.calibration import Bools, Floats, log_odds
from core.statistics.names import Measure


@dataclass(frozen=True)
class Threshold:
    """A probability from which on "at least" is predicted, and what that gave where it was chosen."""

    threshold: float
    measure: Measure
    value: float


def best_threshold(at_least: Bools, probability: Floats, measure: Measure = "balanced_accuracy") -> Threshold:
    """The threshold with the highest ``measure``; of equally good ones the one nearest to 0.5.

    Thresholds lie half-way between neighbouring probabilities, so that rounding changes nothing.

    Raises:
        InputError: the accounts are all of one class, so that nothing can be chosen.
    """
    positives, negatives = int(at_least.sum()), int((~at_least).sum())
    if not positives or not negatives:
        raise InputError("A threshold can only be chosen on accounts both under and at least at the cutoff.")
    known = np.unique(probability)
    candidates = np.r_[0.0, (known[1:] + known[:-1]) / 2, np.nextafter(1.0, 2.0)]
    hits = positives - np.searchsorted(np.sort(probability[at_least]), candidates)
    rejections = np.searchsorted(np.sort(probability[~at_least]), candidates)
    errors = positives + negatives - hits - rejections
    value = {
        "balanced_accuracy": (hits / positives + rejections / negatives) / 2,
        "f1": 2 * hits / np.maximum(2 * hits + errors, 1),
        "accuracy": (hits + rejections) / (positives + negatives),
    }[measure]
    best = np.flatnonzero(value >= value.max() - 1e-12)
    chosen = best[np.argmin(np.abs(candidates[best] - 0.5))]
    return Threshold(float(candidates[chosen]), measure, float(value[chosen]))


@dataclass(frozen=True)
class Band:
    """Between ``low`` and ``high`` (exclusive) the model says "uncertain"; outside it is as accurate as wanted.

    Attributes:
        accuracy: outside the band, where it was chosen, with Wilson's 95 % interval
            ``accuracy_low`` to ``accuracy_high``.
        left_out: the share of accounts inside the band.
    """

    low: float
    high: float
    wanted: float
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    left_out: float


def abstention_band(at_least: Bools, probability: Floats, wanted: float, threshold: float = 0.5) -> Band | None:
    """The narrowest band around the threshold outside of which accuracy is at least ``wanted``.

    It reaches equally far to both sides on the logit scale; None where no band is enough.
    """
    centre = float(log_odds(np.array(threshold)))
    distance = np.abs(log_odds(probability) - centre)
    right = (probability >= threshold) == at_least
    ends = np.unique(distance)
    widths = np.r_[0.0, (ends[1:] + ends[:-1]) / 2]
    order = np.argsort(distance)
    first_kept = np.searchsorted(distance[order], widths)
    kept = np.asarray(len(right) - first_kept)
    correct = right.sum() - np.concatenate([[0], np.cumsum(right[order])])[first_kept]
    enough = np.flatnonzero(correct >= wanted * kept - 1e-9)
    if not len(enough):
        return None
    narrowest = enough.item(0)
    hits, number, width = int(correct[narrowest]), int(kept[narrowest]), widths[narrowest]
    accuracy_low, accuracy_high = proportion_confint(hits, number, method="wilson")
    low, high = (float(edge) for edge in expit([centre - width, centre + width])) if width else (threshold, threshold)
    left_out = 1 - number / len(right)
    return Band(low, high, wanted, hits / number, float(accuracy_low), float(accuracy_high), left_out)
