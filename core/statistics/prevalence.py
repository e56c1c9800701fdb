"""Which share of accounts is at least at the cutoff, corrected for the model's errors.

Counting predictions counts the model's errors too. Three answers, each with a 95 % interval for
the population of which the predicted accounts are a sample:

raw
    the share of accounts predicted to be at least at the cutoff, with Wilson's interval, as if the
    model never erred.
Rogan and Gladen (1978)
    the same, corrected for sensitivity and specificity as measured on labelled accounts, with the
    interval of Lang and Reiczigel (2014), which carries the uncertainty of both.
expectation maximisation
    the share that makes the probabilities most likely (Saerens, Latinne and Decaestecker 2002).
    It uses the whole probability rather than one side of a threshold, so that its interval is
    narrower. See :func:`expectation_maximisation`.

Both corrections suppose that an account of a given class gets the probabilities that labelled
accounts of that class got. :func:`mixture_p_value` tests what can be tested of it.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit, ndtri
from scipy.stats import chi2

from core.statistics.calibration import Bools, Floats, platt_parameters
from core.statistics.metrics import LEVEL, share_interval

FEWEST_PER_CLASS = 20
"""With fewer labelled accounts in a class, the corrections come with a warning."""

FOLDS_NOISE = 1.6
"""``noise`` of accounts told by the models of cross-fitting; see ``bench/cross_fit.py``."""

MIXTURE_LIMIT = 1e-4
"""A smaller :func:`mixture_p_value` forbids a corrected share; see ``bench/kinds.py``."""


_Z = float(ndtri((1 + LEVEL) / 2))
_SMALLEST = 1e-6
_PRIOR_ACCOUNTS = 0.5
_CLIPPED_SHARE = 0.05
_TEST_BINS = 5


@dataclass(frozen=True)
class Share:
    """A share of accounts with its 95 % interval.

    Attributes:
        value: between 0 and 1; None where nothing can be said.
        low: of the interval; None where the share is withheld.
        high: likewise.
        unclipped: the estimate itself where it was impossible (below 0 or above 1).
        note: what to know about it, as a sentence.
        interval_impossible: whether all of the interval was below 0 or above 1: chance alone does not do that.
    """

    value: float | None
    low: float | None
    high: float | None
    unclipped: float | None = None
    note: str | None = None
    interval_impossible: bool = False

    @property
    def impossible(self) -> bool:
        """Whether the estimate had to be clipped to 0 or 1."""
        return self.unclipped is not None


@dataclass(frozen=True)
class LabelledProbabilities:
    """What the model said of labelled accounts that it was not trained on.

    Attributes:
        at_least: (accounts,) whether the age is at least the cutoff.
        probability: (accounts,) of that.
        noise: how often the variance of a mean over them counts: once where one model told them all; more
            where several did, which differ from each other and from the one that tells the predicted accounts.
        threshold: (accounts,) that was chosen without the account; None where nothing was.
    """

    at_least: Bools
    probability: Floats
    noise: float = 1.0
    threshold: Floats | None = None

    def decided_at(self, threshold: float) -> "LabelledProbabilities":
        """Probabilities moved so that the threshold chosen without each account stands at ``threshold``."""
        if self.threshold is None:
            return self
        moved = expit(_logit(self.probability) - _logit(self.threshold) + logit(threshold))
        return replace(self, probability=np.asarray(moved))

    @property
    def of_at_least(self) -> Floats:
        """The probabilities of those at least at the cutoff."""
        return self.probability[self.at_least]

    @property
    def of_under(self) -> Floats:
        """The probabilities of those under the cutoff."""
        return self.probability[~self.at_least]


def raw_share(probability: Floats, threshold: float) -> Share:
    """The share at or above the threshold, with Wilson's interval."""
    count = int((probability >= threshold).sum())
    low, high = share_interval(count, len(probability))
    assert low is not None and high is not None
    return Share(
        count / len(probability), low, high, note="counts the model's errors too; it is no estimate of the share"
    )


def rogan_gladen(probability: Floats, known: LabelledProbabilities, threshold: float) -> Share:
    """The raw share corrected for sensitivity and specificity, with the interval of Lang and Reiczigel.

    In simulations it covers the truth at least as often as it says; more often (up to 99 %) where
    one class has so few labelled accounts that hardly one of them is in error.
    """
    positive = probability >= threshold
    hits, rejections = known.of_at_least >= threshold, known.of_under < threshold
    estimate = _ratio(positive.mean(), hits.mean(), 1 - rejections.mean())
    total, of_at_least, of_under = len(positive) + _Z**2, len(hits) + 2, len(rejections) + 2
    share = (positive.sum() + _Z**2 / 2) / total
    sensitivity, specificity = (hits.sum() + 1) / of_at_least, (rejections.sum() + 1) / of_under
    youden = sensitivity + specificity - 1
    noise = (
        known.noise * sensitivity * (1 - sensitivity) / of_at_least,
        known.noise * specificity * (1 - specificity) / of_under,
    )
    if youden <= _Z * np.sqrt(sum(noise)):
        return _unknown()
    centre = (share + specificity - 1) / youden
    shift = 2 * _Z**2 * (centre * noise[0] - (1 - centre) * noise[1])
    variance = share * (1 - share) / total + centre**2 * noise[0] + (1 - centre) ** 2 * noise[1]
    margin = _Z * np.sqrt(variance) / youden
    return _clipped(estimate, centre + shift - margin, centre + shift + margin)


def expectation_maximisation(probability: Floats, known: LabelledProbabilities) -> Share:
    """The share that makes the probabilities most likely, held to what labelled accounts got.

    The probabilities are calibrated on the labelled accounts (Platt) and turned into likelihood
    ratios of the classes, so that neither the share among the labelled accounts nor an overconfident
    model matters. The fixed point of expectation maximisation over the prior is the maximum of a
    concave likelihood, and is found directly.

    Posterior probabilities at that share, averaged, would return it. They would do so even if the
    ratios were wrong; so they are treated as what they are, a measurement with errors: the average
    that labelled accounts of each class get takes the place of sensitivity and specificity in Rogan
    and Gladen's formula. That removes the error of a poor calibration, and gives an interval (by
    Fieller's theorem, each class extended by one account, half of it typical of either class) which
    carries the uncertainty of both samples. How much the predicted accounts' average varies is taken at
    each share that is tried, as Wilson does, and not from the accounts themselves: a few of one class
    alone are all alike, which says nothing of the next few.
    """
    scores, known_scores = _logit(probability), _logit(known.probability)
    intercept, slope = platt_parameters(known.at_least, known_scores, np.ones((1, len(known_scores))))
    if slope[0] <= 0:
        return _unknown()
    prior = logit(known.at_least.mean())
    share = _most_likely_share(np.exp(np.clip(intercept[0] - prior + slope[0] * scores, -30, 30)))
    to_share = intercept[0] - prior + logit(np.clip(share, _CLIPPED_SHARE, 1 - _CLIPPED_SHARE))
    posterior, known_posterior = expit(to_share + slope[0] * scores), expit(to_share + slope[0] * known_scores)
    return _adjusted_mean(posterior, known_posterior[known.at_least], known_posterior[~known.at_least], known.noise)


def mixture_p_value(probability: Floats, known: LabelledProbabilities) -> float | None:
    """How likely so great a difference is if the predicted accounts are a mixture of the labelled classes.

    Compares how many accounts fall into bins of probability with the best mixture of both classes
    (minimum chi-square, with the noise of all three samples). None where there are too few accounts.
    """
    edges = np.unique(np.quantile(known.probability, np.arange(1, _TEST_BINS) / _TEST_BINS))
    if len(edges) < _TEST_BINS - 1 or min(len(known.of_at_least), len(known.of_under)) < FEWEST_PER_CLASS:
        return None
    observed, at_least, under = (
        _bin_shares(values, edges) for values in (probability, known.of_at_least, known.of_under)
    )
    sizes = len(probability), len(known.of_at_least) / known.noise, len(known.of_under) / known.noise
    distances = [_distance(share, observed, at_least, under, sizes) for share in np.linspace(0, 1, 101)]
    return float(chi2.sf(min(distances), len(edges) - 1))


# ------------------------------------------------------------------------------------ the formulas


def _ratio(mean: float, of_at_least: float, of_under: float) -> float:
    """Rogan and Gladen's estimator, for a hard prediction or a soft one."""
    return (mean - of_under) / (of_at_least - of_under) if of_at_least != of_under else float("nan")


def _most_likely_share(ratios: Floats) -> float:
    """The share at which the likelihood of a mixture with these likelihood ratios is highest."""

    def slope(share: float) -> float:
        return float(np.mean((ratios - 1) / (1 + share * (ratios - 1))))

    if slope(0) <= 0:
        return 0.0
    return 1.0 if slope(1) >= 0 else float(brentq(slope, 0, 1, xtol=1e-9))


def _adjusted_mean(values: Floats, of_at_least: Floats, of_under: Floats, times: float) -> Share:
    """The share at which (values) averages as the classes do, with Fieller's interval; ``times`` as ``noise`` above."""
    means, size = (of_at_least.mean(), of_under.mean()), len(values)
    upper, upper_spread, of_upper = _extended_mean(of_at_least, means)
    lower, lower_spread, of_lower = _extended_mean(of_under, means)
    upper_noise, lower_noise = times * upper_spread / of_upper, times * lower_spread / of_lower
    gap, difference = values.mean() - lower, upper - lower
    if difference <= 0 or difference**2 <= _Z**2 * (upper_noise + lower_noise):
        return _unknown()
    # (gap - share * difference)^2 <= z^2 * (noise + share^2 * upper_noise + (1 - share)^2 * lower_noise), where
    # noise * size = share * upper_spread + (1 - share) * lower_spread + share * (1 - share) * difference^2
    a = difference**2 * (1 + _Z**2 / size) - _Z**2 * (upper_noise + lower_noise)
    b = gap * difference + _Z**2 * ((upper_spread - lower_spread + difference**2) / (2 * size) - lower_noise)
    c = gap**2 - _Z**2 * (lower_spread / size + lower_noise)
    value = _ratio(values.mean(), *means)
    if b**2 < a * c:  # no share at all: the mean is too far outside of the classes'
        return _clipped(value, value, value)
    root = np.sqrt(b**2 - a * c)
    return _clipped(value, (b - root) / a, (b + root) / a)


def _extended_mean(values: Floats, class_means: tuple[float, float]) -> tuple[float, float, float]:
    """Mean, variance and number with half an account of each mean added, as Jeffreys' prior does for a share."""
    every = np.r_[values, class_means]
    weights = np.r_[np.ones(len(values)), [_PRIOR_ACCOUNTS] * 2]
    mean = np.average(every, weights=weights)
    return float(mean), float(np.average((every - mean) ** 2, weights=weights)), float(weights.sum())


def _bin_shares(values: Floats, edges: Floats) -> Floats:
    """The share of values in each bin, never quite 0, so that a variance of it can be had."""
    counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
    return np.asarray((counts + 0.5) / (counts.sum() + 0.5 * len(counts)), dtype=np.float64)


def _distance(
    share: float, observed: Floats, at_least: Floats, under: Floats, sizes: tuple[float, float, float]
) -> float:
    gap = (observed - share * at_least - (1 - share) * under)[:-1]
    weights = 1 / sizes[0], share**2 / sizes[1], (1 - share) ** 2 / sizes[2]
    noise = sum(w * (np.diag(p) - np.outer(p, p)) for w, p in zip(weights, (observed, at_least, under), strict=True))
    return float(gap @ np.linalg.solve(np.asarray(noise)[:-1, :-1], gap))


def _clipped(value: float, low: float, high: float) -> Share:
    clip = float(np.clip(value, 0, 1))
    note = "the estimate was impossible and is clipped" if clip != value else None
    outside = bool(high < 0 or low > 1)
    low, high = (float(np.clip(edge, 0, 1)) for edge in (low, high))
    return Share(clip, min(low, clip), max(high, clip), float(value) if note else None, note, outside)


def _unknown() -> Share:
    return Share(None, 0.0, 1.0, note="the model hardly tells the labelled accounts of both classes apart")


def _logit(probability: Floats) -> Floats:
    return np.asarray(logit(np.clip(probability, _SMALLEST, 1 - _SMALLEST)))


# ------------------------------------------------------------------------- error rates and warnings
