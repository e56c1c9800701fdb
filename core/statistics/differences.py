"""By how much the share of one group of accounts is above another's, with its interval.

Both groups are judged by one model, whose errors are known from the same labelled accounts. So the
difference of their corrected shares is not had from the two intervals: what is unknown of the model
moves both shares together. After Rogan and Gladen it is the difference of the counted shares over
sensitivity + specificity - 1, whose interval comes by Fieller's theorem (1954), with one
account added on each side of every share, as Agresti and Caffo (2000) do for the difference of two shares.

Audited shares rest on samples of their own, and their difference on the two intervals (Newcombe 1998).
"""

import numpy as np
from scipy.special import ndtri

from core.statistics.calibration import Floats
from core.statistics.estimate import Estimate
from core.statistics.metrics import LEVEL
from core.statistics.prevalence import LabelledProbabilities

_Z = float(ndtri((1 + LEVEL) / 2))


def counted_difference(first: Floats, second: Floats, threshold: float) -> Estimate:
    """The counted share of ``first`` less that of ``second``, which hold no account in common; None of nobody."""
    if not len(first) or not len(second):
        return Estimate(None, note="one of the groups has no account")
    value = float((first >= threshold).mean() - (second >= threshold).mean())
    centre, noise = _difference(first, second, threshold)
    margin = _Z * np.sqrt(noise)
    low, high = max(-1.0, float(centre - margin)), min(1.0, float(centre + margin))
    return Estimate(value, min(low, value), max(high, value))


def corrected_difference(first: Floats, second: Floats, known: LabelledProbabilities, threshold: float) -> Estimate:
    """The same, corrected for the model's errors, which are supposed to be those of both groups.

    Args:
        first: (accounts,) probabilities of a group.
        second: of another that holds no account of the first.
        known: of labelled accounts that the model was not trained on.
        threshold: from which probability on an account is counted.
    """
    if not len(first) or not len(second):
        return Estimate(None, note="one of the groups has no account")
    hits, rejections = known.of_at_least >= threshold, known.of_under < threshold
    sensitivity, specificity = (_with_two_more(right) for right in (hits, rejections))
    youden = sensitivity[0] + specificity[0] - 1
    noise = sensitivity[1] + specificity[1]
    centre, spread = _difference(first, second, threshold)
    # (centre - difference * youden)^2 <= z^2 * (spread + difference^2 * noise)
    a = youden**2 - _Z**2 * noise
    if a <= 0 or youden <= 0:
        return Estimate(None, note="the model hardly tells the labelled accounts of both classes apart")
    b, c = centre * youden, centre**2 - _Z**2 * spread
    root = np.sqrt(max(b**2 - a * c, 0.0))
    counted = float((first >= threshold).mean() - (second >= threshold).mean())
    value = float(np.clip(counted / (hits.mean() + rejections.mean() - 1), -1, 1))
    low, high = (float(np.clip(edge, -1, 1)) for edge in ((b - root) / a, (b + root) / a))
    return Estimate(value, min(low, value), max(high, value))


def audited_difference(first: Estimate, second: Estimate, is_told: bool = True) -> Estimate:
    """The share of ``first`` less that of ``second``, of two samples drawn apart from each other.

    The interval is made of the two intervals (Newcombe's hybrid, of any method: Zou and Donner 2008). Where
    ages are not told, these are bounds, which chance does not make smaller: then it reaches from the
    least difference that they allow to the greatest.

    Args:
        first: a share with its interval.
        second: likewise.
        is_told: whether every drawn account's age is known.
    """
    if first.value is None or first.low is None or first.high is None:
        return Estimate(None, note=first.note)
    if second.value is None or second.low is None or second.high is None:
        return Estimate(None, note=second.note)
    value = first.value - second.value
    if not is_told:
        return Estimate(value, first.low - second.high, first.high - second.low, "bounds, since ages are not told")
    below = float(np.hypot(first.value - first.low, second.high - second.value))
    above = float(np.hypot(first.high - first.value, second.value - second.low))
    return Estimate(value, max(-1.0, value - below), min(1.0, value + above))


def _difference(first: Floats, second: Floats, threshold: float) -> tuple[float, float]:
    """The difference of two counted shares, drawn to the middle, and its variance."""
    (upper, upper_noise), (lower, lower_noise) = (_with_two_more(each >= threshold) for each in (first, second))
    return upper - lower, upper_noise + lower_noise


def _with_two_more(hits: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> tuple[float, float]:
    """A share with one account more on each side, and its variance."""
    share = (float(hits.sum()) + 1) / (len(hits) + 2)
    return share, share * (1 - share) / (len(hits) + 2)
