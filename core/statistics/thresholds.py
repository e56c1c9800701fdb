"""The threshold from which on somebody is taken for at least at the cutoff, and the band of doubt."""

from dataclasses import dataclass

import numpy as np
from statsmodels.stats.proportion import proportion_confint

from core.errors import InputError
from core.statistics.calibration import Bools, Floats
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
    """Between ``low`` and ``high`` (exclusive) the model says "uncertain"; on each side it is as accurate as wanted.

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

    def holds(self, probability: Floats) -> Bools:
        """Which accounts are uncertain; a band that reaches to an end of the scale takes that end in."""
        return ((probability > self.low) | (self.low == 0)) & ((probability < self.high) | (self.high == 1))


def abstention_band(at_least: Bools, probability: Floats, wanted: float, threshold: float = 0.5) -> Band | None:
    """The narrowest band around the threshold on each side of which answers are right as often as ``wanted``.

    Each side stands for itself: of the accounts called at least at the cutoff that share is, and of those called
    under it. So a threshold that is moved towards one end leaves the other side's answers as they are. A side on which
    no end is enough is uncertain as a whole; None where both are.
    """
    above = probability >= threshold
    high = _end(probability[above] - threshold, at_least[above], wanted)
    low = _end(threshold - probability[~above], ~at_least[~above], wanted)
    if high is None and low is None:
        return None
    ends = 0.0 if low is None else threshold - low, 1.0 if high is None else threshold + high
    is_kept = (above & (high is not None) & (probability >= ends[1])) | (
        ~above & (low is not None) & (probability <= ends[0])
    )
    hits, number = int((above == at_least)[is_kept].sum()), int(is_kept.sum())
    accuracy_low, accuracy_high = proportion_confint(hits, number, method="wilson")
    left_out = 1 - number / len(probability)
    return Band(*ends, wanted, hits / number, float(accuracy_low), float(accuracy_high), left_out)


def _end(distance: Floats, right: Bools, wanted: float) -> float | None:
    """How far from the threshold answers of one side are right often enough; half-way between two accounts."""
    if not len(distance):
        return None
    order = np.argsort(distance)
    distance, right = distance[order], right[order]
    kept = len(right) - np.arange(len(right))
    correct = np.cumsum(right[::-1])[::-1]
    is_first = np.r_[True, distance[1:] > distance[:-1]]  # accounts of one probability stay together
    enough = np.flatnonzero(is_first & (correct >= wanted * kept - 1e-9))
    if not len(enough):
        return None
    first = enough.item(0)
    return float((distance[first] + distance[first - 1]) / 2) if first else 0.0
