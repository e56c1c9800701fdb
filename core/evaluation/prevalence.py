"""The share of predicted accounts at least at the cutoff, from the files of a run and its model.

The formulas are those of :mod:`core.statistics.prevalence`.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from core.errors import InputError
from core.evaluation.evaluate import read_predictions
from core.evaluation.likeness import likeness_of
from core.evaluation.share_records import About, CorrectedName, ErrorRates, PrevalenceRecord, ShareRecord
from core.models.folder import TEST_FILE, UNSEEN_FILE, VALIDATION_FILE, ModelInfo, cutoff_index, read_model_info
from core.models.method_names import ALIKE
from core.statistics.calibration import Bools, Floats
from core.statistics.drift import PROFILE_FILE, Drift
from core.statistics.metrics import share_interval
from core.statistics.prevalence import (
    FEWEST_PER_CLASS,
    FOLDS_NOISE,
    MIXTURE_LIMIT,
    LabelledProbabilities,
    Share,
    expectation_maximisation,
    mixture_p_value,
    raw_share,
    rogan_gladen,
)
from core.storage.listed import Interval
from core.training.splits import SHARES
from core.utils.io import read_text

CORRECTED: tuple[CorrectedName, ...] = ("rogan_gladen", "expectation_maximisation")
"""The estimates that suppose that the labelled accounts tell the errors on the others."""

BOTH_FILES = f"{TEST_FILE} and {VALIDATION_FILE}"

ENOUGH_LABELS = 10 * round(2 * FEWEST_PER_CLASS / SHARES["test"] / 10)
"""So many labelled accounts give a test part that measures the errors by itself."""

WHAT_TO_DO = (
    "Draw an audit sample of these accounts (audit-sample), label it and ask again with --audit, or train on labelled "
    "accounts of this kind: that gives a share that can be reported."
)
"""Where a share is withheld."""

_ALARM = 0.01
_UNCHECKED = "Whether these accounts write like those that the model was trained on could not be checked: {why}."
_NO_TEXTS = (
    "neither what predict wrote beside the predictions tells it, nor are the accounts' files at hand. Predict again, "
    "or give the folder of their files (--input-dir)"
)
_NO_PROFILE = "the model keeps no profile of its training accounts. Train it anew"
_NOT_IN_EVERY_VIEW = (
    "their texts were not compared in every view, since the model was made by an older version, or since there are "
    "too few accounts. Train the model anew, or predict more accounts"
)


def prevalence(
    predictions: Path, model: Path, age_cutoff: float | None = None, threshold: float | None = None
) -> PrevalenceRecord:
    """The share of the predicted accounts that is at least at the cutoff, as an object ready for JSON.

    Accounts that the model was trained on, or whose labels measure its errors, are left out:
    the model knows the first by heart, and the second are not a fresh sample.

    Args:
        predictions: the CSV that ``predict`` wrote.
        model: the model's folder. Its errors are measured on ``unseen.csv`` where that is there; else on
            ``test.csv``, and where that has fewer than 20 accounts of a class on ``validation.csv`` as well.
        age_cutoff: one of the model's; None for 21 where it has it, else its lowest.
        threshold: from which probability on to count; None for the model's.

    Raises:
        InputError: a file cannot be used, or no account or only one class is left.
    """
    table, info = read_predictions(predictions), read_model_info(model)
    cutoff = info.settings.age_cutoffs[cutoff_index(info.settings, age_cutoff)]
    everybody = predicted_accounts(table)
    drift = likeness_of(predictions, info, cutoff, everybody).of(everybody)
    return prevalence_of(table, info, cutoff, threshold, drift)


def predicted_accounts(table: pd.DataFrame) -> frozenset[str]:
    """The accounts of ``table`` that have a probability."""
    return frozenset(table["username"][table["probability"].notna()])


def prevalence_of(
    table: pd.DataFrame,
    info: ModelInfo,
    age_cutoff: float | None = None,
    threshold: float | None = None,
    drift: Drift | None = None,
) -> PrevalenceRecord:
    """Like :func:`prevalence`, of predictions already read: ``username`` and ``probability``."""
    at = cutoff_index(info.settings, age_cutoff)
    threshold = info.settings.thresholds[at] if threshold is None else threshold
    return prevalence_sample(table, info, info.settings.age_cutoffs[at], drift).at(threshold)


def prevalence_sample(
    table: pd.DataFrame, info: ModelInfo, cutoff: float, drift: Drift | None = None
) -> "PrevalenceSample":
    """The predicted accounts that the model does not know, beside labelled ones that tell its errors.

    Args:
        table: ``username`` and ``probability``.
        info: what made the probabilities.
        cutoff: one of the model's, in years.
        drift: how the accounts differ from the training ones; None where nobody compared them.

    Raises:
        InputError: the model's labelled accounts cannot be read, or no account is left.
    """
    known, source = labelled_probabilities(info, cutoff)
    own_threshold = info.settings.thresholds[info.settings.age_cutoffs.index(cutoff)]
    used = info.training.known_accounts
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
    about: About = {"age_cutoff": cutoff, "accounts": accounts, "error_rates_from": source}
    return PrevalenceSample(probability, known, about, drift, own_threshold, _why_unchecked(info, drift))


def _why_unchecked(info: ModelInfo, drift: Drift | None) -> str | None:
    """Why it is not known whether the accounts write like those of the training; None where it is."""
    if drift is None:
        return _NO_TEXTS if (info.folder / PROFILE_FILE).is_file() else _NO_PROFILE
    return None if drift.is_by_texts else _NOT_IN_EVERY_VIEW


@dataclass(frozen=True)
class PrevalenceSample:
    """What is known of the share before a threshold is chosen.

    Attributes:
        probability: (accounts,) of those whose share is asked for.
        known: of labelled accounts that the model was not trained on.
        about: what is told beside the estimates.
        drift: how the accounts differ from the training ones; None where nobody compared them.
        own_threshold: the model's, which the labelled accounts may have chosen.
        unchecked: why the comparison could not be made; None where it was, or is taken for granted.
    """

    probability: Floats
    known: LabelledProbabilities
    about: About
    drift: Drift | None = None
    own_threshold: float | None = None
    unchecked: str | None = None

    @property
    def recommended(self) -> CorrectedName:
        """The estimate to report: with honest coverage, the narrowest in ``bench/prevalence.py``."""
        return "expectation_maximisation" if self.known.threshold is not None else "rogan_gladen"

    def corrected(self, probability: Floats, threshold: float) -> Share:
        """The recommended estimate of the share among any accounts like the predicted ones."""
        if self.recommended == "rogan_gladen":
            return rogan_gladen(probability, self.known_at(threshold), threshold)
        return expectation_maximisation(probability, self.known)

    def known_at(self, threshold: float) -> LabelledProbabilities:
        """The labelled accounts, each judged at the model's threshold as it was chosen without that account."""
        return self.known.decided_at(threshold) if threshold == self.own_threshold else self.known

    @cached_property
    def maximised(self) -> Share:
        """By :func:`core.statistics.prevalence.expectation_maximisation`, which needs no threshold."""
        return expectation_maximisation(self.probability, self.known)

    @cached_property
    def p_value(self) -> float | None:
        """Of :func:`core.statistics.prevalence.mixture_p_value`."""
        return mixture_p_value(self.probability, self.known)

    def at(self, threshold: float) -> PrevalenceRecord:
        """All three estimates at a threshold, with the error rates behind them and warnings.

        Corrected shares whose assumption does not hold are withheld: without value, low and high, and
        with a note that says why and what to do. ``withheld`` lists the reasons. ``recommended`` names the
        estimate to report.

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
            "rogan_gladen": rogan_gladen(self.probability, self.known_at(threshold), threshold),
            "expectation_maximisation": self.maximised,
        }
        reasons = self._reasons_to_withhold([*shares.values()])
        warnings = _warnings(self.known, shares, self.p_value, self.about["error_rates_from"])
        if reasons:
            note = f"{' '.join(reasons)} {WHAT_TO_DO}"
            shares |= {name: Share(None, None, None, shares[name].unclipped, note) for name in CORRECTED}
            warnings = [f"The corrected share is withheld. {note}", *warnings]
        return {
            "age_cutoff": self.about["age_cutoff"],
            "accounts": self.about["accounts"],
            "error_rates_from": self.about["error_rates_from"],
            "threshold": threshold,
            "raw": _share_record(shares["raw"]),
            "rogan_gladen": _share_record(shares["rogan_gladen"]),
            "expectation_maximisation": _share_record(shares["expectation_maximisation"]),
            "recommended": self.recommended,
            "withheld": reasons,
            "error_rates": _error_rates(self.known_at(threshold), threshold),
            "mixture_p_value": self.p_value,
            "warnings": warnings,
        }

    def _reasons_to_withhold(self, shares: Sequence[Share]) -> list[str]:
        """Each a sentence; none where nothing speaks against the corrections."""
        reasons = self.drift.forbidding if self.drift else []
        if self.unchecked:
            reasons.append(_UNCHECKED.format(why=self.unchecked))
        if self.p_value is not None and self.p_value < MIXTURE_LIMIT:
            reasons.append(
                "The probabilities of these accounts are no mixture of those of labelled accounts of both classes "
                f"(p = {self.p_value:.2g})."
            )
        if any(share.interval_impossible for share in shares):
            reasons.append("The correction gives a share below 0 or above 100 %, with its whole interval.")
        return reasons


def labelled_probabilities(info: ModelInfo, cutoff: float) -> tuple[LabelledProbabilities, str]:
    """The labelled accounts that tell the errors, and where they are from.

    All of them where the model was cross-fitted, by a method whose models are alike; else the test accounts,
    and the validation accounts as well where those are too few.

    Raises:
        InputError: a file is missing or damaged, or has no probabilities for the cutoff.
    """
    model, cutoffs = info.folder, info.settings.age_cutoffs
    if (model / UNSEEN_FILE).is_file() and info.training.method in ALIKE:
        return read_labelled(model / UNSEEN_FILE, cutoff, cutoffs), UNSEEN_FILE
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
    """Read ``validation.csv``, ``test.csv`` or ``unseen.csv`` of a model folder: ``username,age,probability``.

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
    threshold = column.replace("probability", "threshold")
    is_crossed = threshold in (reader.fieldnames or ())
    try:
        rows = [(float(row["age"]), float(row[column]), float(row[threshold] if is_crossed else 0)) for row in reader]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is damaged: it needs username, age and probability. Train the model anew.") from error
    if not rows:
        raise InputError(f"{path} names no account, so the model's errors are unknown. Train the model anew.")
    ages, probability, thresholds = np.array(rows, dtype=np.float64).reshape(-1, 3).T
    if not is_crossed:
        return LabelledProbabilities(ages >= cutoff, probability)
    return LabelledProbabilities(ages >= cutoff, probability, FOLDS_NOISE, thresholds)


def _share_record(share: Share) -> ShareRecord:
    return {
        "value": share.value,
        "low": share.low,
        "high": share.high,
        "unclipped": share.unclipped,
        "note": share.note,
        "interval_impossible": share.interval_impossible,
        "impossible": share.impossible,
    }


def _error_rates(known: LabelledProbabilities, threshold: float) -> ErrorRates:
    return {
        "labelled_at_least": len(known.of_at_least),
        "labelled_under": len(known.of_under),
        "sensitivity": _rate(known.of_at_least >= threshold),
        "specificity": _rate(known.of_under < threshold),
    }


def _rate(is_right: Bools) -> Interval:
    low, high = share_interval(int(is_right.sum()), len(is_right))
    return {"value": float(is_right.mean()), "low": low, "high": high}


def _warnings(
    known: LabelledProbabilities,
    shares: dict[str, Share],
    p_value: float | None,
    source: str,
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
    if any(share.impossible for share in shares.values()) and not any(
        share.interval_impossible for share in shares.values()
    ):
        found.append(
            "A corrected share was impossible (below 0 or above 100 %) and is cut there: the share is near that end, "
            "or the model errs otherwise on these accounts than on the labelled ones. Its interval says how far."
        )
    if p_value is not None and MIXTURE_LIMIT <= p_value < _ALARM:
        found.append(
            "The predicted accounts' probabilities are no mixture of those of the labelled accounts "
            f"(p = {p_value:.2g}): the two differ in more than the share, and the corrections may be wrong. "
            "Label a random sample of the predicted accounts."
        )
    return found
