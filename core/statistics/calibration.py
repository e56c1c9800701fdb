"""Whether a probability means what it says: how far it is off, and what to do with it.

Everything here works on two arrays over accounts that the model was not trained on: ``at_least``
(whether the account's age is at least the cutoff) and ``probability`` (what the model said of it,
0 to 1).
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from itertools import chain
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import JsonValue
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression
from sklearn.model_selection import RepeatedStratifiedKFold

from core.errors import InputError

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Method = Literal["none", "platt", "isotonic"]

CALIBRATION_BINS = 10
_MIN_PER_BIN = 10
_FOLDS = 5
_REPEATS = 10
_SMALLEST = 1e-6
_NEWTON_STEPS = 40
_LONGEST_STEP = 2.0


def calibration_bins(probability: Floats, bins: int = CALIBRATION_BINS) -> npt.NDArray[np.intp]:
    """The bin (0, 1, ...) of each probability: bins of equal numbers of accounts.

    Equal probabilities are never parted, and where there are fewer than ten accounts a bin, there
    are fewer bins: the error of a handful of accounts says more about chance than about the model.
    """
    bins = max(1, min(bins, len(probability) // _MIN_PER_BIN))
    inner = np.arange(1, bins) / bins
    edges = np.unique(np.quantile(probability, inner, method="inverted_cdf")) if len(probability) else inner
    index: npt.NDArray[np.intp] = np.searchsorted(edges, probability, side="left")
    return np.unique(index, return_inverse=True)[1].astype(np.intp)


# -------------------------------------------------------------------------------------- calibration


@dataclass(frozen=True)
class Calibration:
    """A monotone map from the model's probabilities to ones that agree with what is observed.

    Attributes:
        method: "none" leaves them as they are; "platt" is ``sigmoid(intercept + slope * logit(p))``;
            "isotonic" interpolates between ``knots``.
        knots: (probability, calibrated probability), ascending.
        log_loss: of each method in cross-validation, for the record.
    """

    method: Method = "none"
    slope: float = 1.0
    intercept: float = 0.0
    knots: tuple[tuple[float, float], ...] = ()
    log_loss: dict[str, float] = field(default_factory=dict)

    def apply(self, probability: Floats) -> Floats:
        """The calibrated probabilities; NaN stays NaN."""
        if self.method == "platt":
            return np.asarray(expit(self.intercept + self.slope * log_odds(probability)))
        if self.method == "isotonic":
            raw, calibrated = np.array(self.knots).T
            return np.asarray(np.interp(probability, raw, calibrated))
        return np.asarray(probability, dtype=float)

    def to_json(self) -> dict[str, JsonValue]:
        """Plain values for a JSON file; :meth:`from_json` reads them back."""
        return {**asdict(self), "knots": [[*knot] for knot in self.knots]}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_json` wrote.

        Raises:
            InputError: it is not a calibration.
        """
        try:
            knots = tuple((float(x), float(y)) for x, y in value.get("knots", ()))
            found = cls(**{**value, "knots": knots})
            if not np.isfinite([found.slope, found.intercept, *chain.from_iterable(knots)]).all():
                raise ValueError
        except (TypeError, ValueError) as error:
            raise InputError("The model's calibration cannot be read. Train the model anew.") from error
        if found.method not in ("none", "platt", "isotonic") or (found.method == "isotonic" and not found.knots):
            raise InputError(f"The model's calibration is of an unknown kind, {found.method!r}. Update AgeScope.")
        return found


def fit_calibration(at_least: Bools, probability: Floats, seed: int = 2021) -> Calibration:
    """The calibration whose log loss is lowest in repeated, stratified cross-validation.

    With fewer than two accounts of a class nothing can be told, and the method is "none".
    """
    rarer = min(int(at_least.sum()), int((~at_least).sum()))
    if rarer < 2:
        return Calibration()
    folds = RepeatedStratifiedKFold(n_splits=min(_FOLDS, rarer), n_repeats=_REPEATS, random_state=seed)
    methods: dict[str, Callable[[Bools, Floats], Calibration]] = {
        "none": lambda *_: Calibration(),
        "platt": fit_platt,
        "isotonic": fit_isotonic,
    }
    losses: dict[str, list[Floats]] = {name: [] for name in methods}
    for fitted, held_out in folds.split(probability, at_least):
        for name, fit in methods.items():
            calibrated = fit(at_least[fitted], probability[fitted]).apply(probability[held_out])
            losses[name].append(_log_losses(at_least[held_out], calibrated))
    means = {name: float(np.concatenate(parts).mean()) for name, parts in losses.items()}
    best: Calibration = methods[min(means, key=lambda name: means[name])](at_least, probability)
    return Calibration(best.method, best.slope, best.intercept, best.knots, means)


def fit_platt(at_least: Bools, probability: Floats) -> Calibration:
    """Platt's scaling (1999) on the logit, with his smoothed targets, which keep it finite on separable accounts."""
    intercept, slope = platt_parameters(at_least, log_odds(probability), np.ones((1, len(at_least))))
    if slope[0] < 0:  # the model ranks the wrong way round; all that can be said is the share
        return Calibration("platt", 0.0, float(logit((at_least.sum() + 1) / (len(at_least) + 2))))
    return Calibration("platt", float(slope[0]), float(intercept[0]))


def platt_parameters(at_least: Bools, scores: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Intercepts and slopes of Platt's scaling, one of each for every row of ``weights``.

    Args:
        at_least: (accounts,) the truth; both classes occur.
        scores: (accounts,) on the logit scale.
        weights: (fits, accounts) how often each account counts.
    """
    centre, scale = float(scores.mean()), float(scores.std()) or 1.0
    x = (scores - centre) / scale
    positives, negatives = weights @ at_least, weights @ ~at_least
    target = np.where(at_least, ((positives + 1) / (positives + 2))[:, None], (1 / (negatives + 2))[:, None])
    a, b = np.zeros(len(weights)), np.zeros(len(weights))
    for _ in range(_NEWTON_STEPS):
        mean = expit(a[:, None] + b[:, None] * x)
        surprise, curvature = weights * (target - mean), weights * mean * (1 - mean)
        gradient = surprise.sum(axis=1), surprise @ x
        aa, ab, bb = curvature.sum(axis=1), curvature @ x, curvature @ x**2 + _SMALLEST
        determinant = aa * bb - ab**2 + _SMALLEST
        step_a = (bb * gradient[0] - ab * gradient[1]) / determinant
        step_b = (aa * gradient[1] - ab * gradient[0]) / determinant
        shorten = np.minimum(1, _LONGEST_STEP / np.maximum(np.hypot(step_a, step_b), _SMALLEST))
        a, b = a + shorten * step_a, b + shorten * step_b
        if max(np.abs(step_a).max(), np.abs(step_b).max()) < 1e-9:
            break
    return a - b * centre / scale, b / scale


def fit_isotonic(at_least: Bools, probability: Floats) -> Calibration:
    """Isotonic regression, kept off 0 and 1: a handful of accounts is no certainty."""
    margin = 1 / (len(at_least) + 2)
    fitted = IsotonicRegression(y_min=margin, y_max=1 - margin).fit(probability, at_least)
    knots = zip(fitted.X_thresholds_.tolist(), fitted.y_thresholds_.tolist(), strict=True)
    return Calibration("isotonic", knots=tuple(knots))


def log_odds(probability: Floats) -> Floats:
    """The logarithm of the odds of each probability, of 0 and 1 too."""
    return np.asarray(logit(np.clip(probability, _SMALLEST, 1 - _SMALLEST)))


def _log_losses(at_least: Bools, probability: Floats) -> Floats:
    clipped = np.clip(probability, _SMALLEST, 1 - _SMALLEST)
    return -np.log(np.where(at_least, clipped, 1 - clipped))


# ------------------------------------------------------------------------ thresholds and abstention
