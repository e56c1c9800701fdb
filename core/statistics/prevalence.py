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

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit, logit, ndtri
from scipy.stats import chi2

from core.errors import InputError
from core.evaluation.evaluate import read_predictions
from core.models.folder import TEST_FILE, VALIDATION_FILE, ModelInfo, cutoff_index, read_model_info
from core.statistics.calibration import Bools, Floats, platt_parameters
from core.statistics.metrics import LEVEL, share_interval
from core.training.splits import SHARES
from core.utils.io import read_text

BOTH_FILES = f"{TEST_FILE} and {VALIDATION_FILE}"
FEWEST_PER_CLASS = 20
"""With fewer labelled accounts in a class, the corrections come with a warning."""

ENOUGH_LABELS = 10 * round(2 * FEWEST_PER_CLASS / SHARES["test"] / 10)
"""So many labelled accounts give a test part that measures the errors by itself."""

_Z = float(ndtri((1 + LEVEL) / 2))
_SMALLEST = 1e-6
_PRIOR_ACCOUNTS = 0.5
_CLIPPED_SHARE = 0.05
_TEST_BINS = 5
_ALARM = 0.01


@dataclass(frozen=True)
class Share:
    """A share of accounts with its 95 % interval.

    Attributes:
        value: between 0 and 1; None where nothing can be said.
        unclipped: the estimate itself where it was impossible (below 0 or above 1).
        note: what to know about it, as a sentence.
    """

    value: float | None
    low: float
    high: float
    unclipped: float | None = None
    note: str | None = None

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
    """

    at_least: Bools
    probability: Floats

    @property
    def of_at_least(self) -> Floats:
        """The probabilities of those at least at the cutoff."""
        return self.probability[self.at_least]

    @property
    def of_under(self) -> Floats:
        """The probabilities of those under the cutoff."""
        return self.probability[~self.at_least]


def prevalence(
    predictions: Path, model: Path, age_cutoff: float | None = None, threshold: float | None = None
) -> dict[str, Any]:
    """The share of the predicted accounts that is at least at the cutoff, as an object ready for JSON.

    Accounts that the model was trained on, or whose labels measure its errors, are left out:
    the model knows the first by heart, and the second are not a fresh sample.

    Args:
        predictions: the CSV that ``predict`` wrote.
        model: the model's folder. Its errors are measured on ``test.csv`` where that is there with
            at least 20 accounts of each class, else on ``validation.csv`` as well.
        age_cutoff: one of the model's; None for 21 where it has it, else its lowest.
        threshold: from which probability on to count; None for the model's.

    Raises:
        InputError: a file cannot be used, or no account or only one class is left.
    """
    return prevalence_of(read_predictions(predictions), read_model_info(model), age_cutoff, threshold)


def prevalence_of(
    table: pd.DataFrame, info: ModelInfo, age_cutoff: float | None = None, threshold: float | None = None
) -> dict[str, Any]:
    """Like :func:`prevalence`, of predictions already read: ``username`` and ``probability``."""
    at = cutoff_index(info.settings, age_cutoff)
    threshold = info.settings.thresholds[at] if threshold is None else threshold
    return prevalence_sample(table, info, info.settings.age_cutoffs[at]).at(threshold)


def prevalence_sample(table: pd.DataFrame, info: ModelInfo, cutoff: float) -> "PrevalenceSample":
    """The predicted accounts that the model does not know, beside labelled ones that tell its errors.

    Args:
        table: ``username`` and ``probability``.
        info: what made the probabilities.
        cutoff: one of the model's, in years.

    Raises:
        InputError: the model's labelled accounts cannot be read, or no account is left.
    """
    known, source = labelled_probabilities(info.folder, info.settings.age_cutoffs, cutoff)
    used = {name for part in info.training.get("split", {}).values() for name in part}
    is_used, is_predicted = table["username"].isin(used), table["probability"].notna()
    probability = table["probability"][is_predicted & ~is_used].to_numpy(dtype=float)
    if not len(probability):
        raise InputError(
            "No predicted account is left: each has no caption, or took part in training. "
            "Predict accounts without a label, then ask again."
        )
    accounts = {
        "predicted": int(is_predicted.sum()),
        "without_captions": int((~is_predicted).sum()),
        "left_out_known_to_the_model": int((is_predicted & is_used).sum()),
        "counted": len(probability),
    }
    return PrevalenceSample(
        probability, known, {"age_cutoff": cutoff, "accounts": accounts, "error_rates_from": source}
    )


def estimate_prevalence(probability: Floats, known: LabelledProbabilities, threshold: float = 0.5) -> dict[str, Any]:
    """All three estimates for (accounts,) probabilities, with the error rates behind them and warnings.

    Raises:
        InputError: there is no account, or the labelled ones are all of one class.
    """
    return PrevalenceSample(probability, known).at(threshold)


@dataclass(frozen=True)
class PrevalenceSample:
    """What is known of the share before a threshold is chosen.

    Attributes:
        probability: (accounts,) of those whose share is asked for.
        known: of labelled accounts that the model was not trained on.
        about: what is told beside the estimates.
    """

    probability: Floats
    known: LabelledProbabilities
    about: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def maximised(self) -> Share:
        """By :func:`expectation_maximisation`, which needs no threshold."""
        return expectation_maximisation(self.probability, self.known)

    @cached_property
    def p_value(self) -> float | None:
        """Of :func:`mixture_p_value`."""
        return mixture_p_value(self.probability, self.known)

    def at(self, threshold: float) -> dict[str, Any]:
        """All three estimates at a threshold, with the error rates behind them and warnings.

        Raises:
            InputError: there is no account, or the labelled ones are all of one class.
        """
        if not len(self.probability):
            raise InputError("There is no predicted account to count.")
        if self.known.at_least.all() or not self.known.at_least.any():
            raise InputError(
                "The labelled accounts are all of one class, so the model's errors are unknown. Label more."
            )
        shares = {
            "raw": raw_share(self.probability, threshold),
            "rogan_gladen": rogan_gladen(self.probability, self.known, threshold),
            "expectation_maximisation": self.maximised,
        }
        return {
            **self.about,
            "threshold": threshold,
            **{name: {**asdict(share), "impossible": share.impossible} for name, share in shares.items()},
            "error_rates": _error_rates(self.known, threshold),
            "mixture_p_value": self.p_value,
            "warnings": _warnings(self.known, shares, self.p_value, self.about.get("error_rates_from")),
        }


def raw_share(probability: Floats, threshold: float) -> Share:
    """The share at or above the threshold, with Wilson's interval."""
    count = int((probability >= threshold).sum())
    low, high = share_interval(count, len(probability))
    assert low is not None and high is not None
    return Share(count / len(probability), low, high, note="counts the model's errors too")


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
    noise = sensitivity * (1 - sensitivity) / of_at_least, specificity * (1 - specificity) / of_under
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
    carries the uncertainty of both samples.
    """
    scores, known_scores = _logit(probability), _logit(known.probability)
    intercept, slope = platt_parameters(known.at_least, known_scores, np.ones((1, len(known_scores))))
    if slope[0] <= 0:
        return _unknown()
    prior = logit(known.at_least.mean())
    share = _most_likely_share(np.exp(np.clip(intercept[0] - prior + slope[0] * scores, -30, 30)))
    to_share = intercept[0] - prior + logit(np.clip(share, _CLIPPED_SHARE, 1 - _CLIPPED_SHARE))
    posterior, known_posterior = expit(to_share + slope[0] * scores), expit(to_share + slope[0] * known_scores)
    return _adjusted_mean(posterior, known_posterior[known.at_least], known_posterior[~known.at_least])


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
    distances = [
        _distance(share, observed, at_least, under, (len(probability), len(known.of_at_least), len(known.of_under)))
        for share in np.linspace(0, 1, 101)
    ]
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


def _adjusted_mean(values: Floats, of_at_least: Floats, of_under: Floats) -> Share:
    """The share at which (values) averages as the classes do, with Fieller's interval."""
    means = of_at_least.mean(), of_under.mean()
    upper, upper_noise = _extended_mean(of_at_least, means)
    lower, lower_noise = _extended_mean(of_under, means)
    mean, noise = values.mean(), values.var() / len(values)
    difference = upper - lower
    # (mean - lower - share * difference)^2 <= z^2 * (noise + share^2 * upper_noise + (1 - share)^2 * lower_noise)
    a = difference**2 - _Z**2 * (upper_noise + lower_noise)
    b = (mean - lower) * difference - _Z**2 * lower_noise
    c = (mean - lower) ** 2 - _Z**2 * (noise + lower_noise)
    if a <= 0 or difference <= 0:
        return _unknown()
    root = np.sqrt(max(b**2 - a * c, 0.0))
    return _clipped(_ratio(mean, *means), (b - root) / a, (b + root) / a)


def _extended_mean(values: Floats, class_means: tuple[float, float]) -> tuple[float, float]:
    """Mean and its variance with half an account of each class's mean added, as Jeffreys' prior does for a share."""
    every = np.r_[values, class_means]
    weights = np.r_[np.ones(len(values)), [_PRIOR_ACCOUNTS] * 2]
    mean = np.average(every, weights=weights)
    return float(mean), float(np.average((every - mean) ** 2, weights=weights) / weights.sum())


def _bin_shares(values: Floats, edges: Floats) -> Floats:
    """The share of values in each bin, never quite 0, so that a variance of it can be had."""
    counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
    return np.asarray((counts + 0.5) / (counts.sum() + 0.5 * len(counts)), dtype=np.float64)


def _distance(share: float, observed: Floats, at_least: Floats, under: Floats, sizes: tuple[int, int, int]) -> float:
    gap = (observed - share * at_least - (1 - share) * under)[:-1]
    weights = 1 / sizes[0], share**2 / sizes[1], (1 - share) ** 2 / sizes[2]
    noise = sum(w * (np.diag(p) - np.outer(p, p)) for w, p in zip(weights, (observed, at_least, under), strict=True))
    return float(gap @ np.linalg.solve(np.asarray(noise)[:-1, :-1], gap))


def _clipped(value: float, low: float, high: float) -> Share:
    clip = float(np.clip(value, 0, 1))
    note = "the estimate was impossible and is clipped" if clip != value else None
    low, high = (float(np.clip(edge, 0, 1)) for edge in (low, high))
    return Share(clip, min(low, clip), max(high, clip), float(value) if note else None, note)


def _unknown() -> Share:
    return Share(None, 0.0, 1.0, note="the model hardly tells the labelled accounts of both classes apart")


def _logit(probability: Floats) -> Floats:
    return np.asarray(logit(np.clip(probability, _SMALLEST, 1 - _SMALLEST)))


# ------------------------------------------------------------------------- error rates and warnings


def labelled_probabilities(model: Path, cutoffs: Sequence[float], cutoff: float) -> tuple[LabelledProbabilities, str]:
    """The test accounts where they are enough, else the validation accounts as well; and where they are from.

    Raises:
        InputError: a file is missing or damaged, or has no probabilities for the cutoff.
    """
    if not (model / TEST_FILE).is_file():
        return read_labelled(model / VALIDATION_FILE, cutoff, cutoffs), VALIDATION_FILE
    tested = read_labelled(model / TEST_FILE, cutoff, cutoffs)
    if min(len(tested.of_at_least), len(tested.of_under)) >= FEWEST_PER_CLASS:
        return tested, TEST_FILE
    chosen_by = read_labelled(model / VALIDATION_FILE, cutoff, cutoffs)
    known = LabelledProbabilities(
        np.concatenate([tested.at_least, chosen_by.at_least]),
        np.concatenate([tested.probability, chosen_by.probability]),
    )
    return known, BOTH_FILES


def read_labelled(path: Path, cutoff: float, cutoffs: Sequence[float] = ()) -> LabelledProbabilities:
    """Read ``validation.csv`` or ``test.csv`` of a model folder: ``username,age,probability``.

    Args:
        path: the file.
        cutoff: the age in years to be told.
        cutoffs: all of the model's. ``probability`` is about the first; a further one has a column
            of its own, such as ``probability_21``.

    Raises:
        InputError: the file is missing or damaged, or has no probabilities for the cutoff.
    """
    reader = csv.DictReader(io.StringIO(read_text(path)))
    column = "probability" if cutoff in cutoffs[:1] or not cutoffs else f"probability_{cutoff:g}"
    if cutoffs and column not in (reader.fieldnames or ()):
        raise InputError(
            f"{path} has no column {column}, so the errors at that cutoff are unknown. Train a model for it."
        )
    try:
        rows = [(float(row["age"]), float(row[column])) for row in reader]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is damaged: it needs username, age and probability. Train the model anew.") from error
    if not rows:
        raise InputError(f"{path} names no account, so the model's errors are unknown. Train the model anew.")
    ages, probability = np.array(rows, dtype=np.float64).reshape(-1, 2).T
    return LabelledProbabilities(ages >= cutoff, probability)


def _error_rates(known: LabelledProbabilities, threshold: float) -> dict[str, Any]:
    right = {"sensitivity": known.of_at_least >= threshold, "specificity": known.of_under < threshold}
    rates: dict[str, Any] = {"labelled_at_least": len(known.of_at_least), "labelled_under": len(known.of_under)}
    for name, hits in right.items():
        low, high = share_interval(int(hits.sum()), len(hits))
        rates[name] = {"value": float(hits.mean()), "low": low, "high": high}
    return rates


def _warnings(
    known: LabelledProbabilities, shares: dict[str, Share], p_value: float | None, source: str | None
) -> list[str]:
    fewest = min(len(known.of_at_least), len(known.of_under))
    found = []
    if source == VALIDATION_FILE:
        found.append(
            "The model's errors are known only from the accounts that also chose it, which flatters it a little. "
            "Train with a part that is kept for testing to be sure."
        )
    if source == BOTH_FILES:
        found.append(
            f"The part kept for testing has fewer than {FEWEST_PER_CLASS} accounts on a side, so the accounts that "
            f"chose the model count as well, which flatters it a little. About {ENOUGH_LABELS} accounts of known "
            "age, half of them on each side, give a test part that is large enough."
        )
    if fewest < FEWEST_PER_CLASS:
        found.append(
            f"The model's errors are known from only {fewest} labelled accounts on one side; {FEWEST_PER_CLASS} on "
            "each are the least to rely on. Label more accounts and train again."
        )
    if any(share.impossible for share in shares.values()):
        found.append("A corrected share was impossible (below 0 or above 100 %): the share is near that end.")
    if p_value is not None and p_value < _ALARM:
        found.append(
            "The predicted accounts' probabilities are no mixture of those of the labelled accounts "
            f"(p = {p_value:.2g}): the two differ in more than the share, and the corrections may be wrong. "
            "Label a random sample of the predicted accounts."
        )
    return found
