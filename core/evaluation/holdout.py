"""The labelled accounts on which a run's errors are measured: never ones that the model learnt from."""

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from core.errors import InputError
from core.evaluation.prevalence import BOTH_FILES, labelled_probabilities
from core.models.folder import TEST_FILE, UNSEEN_FILE, VALIDATION_FILE, ModelInfo
from core.statistics.metrics import confusion, share_interval
from core.statistics.prevalence import LabelledProbabilities
from core.utils.formatting import count

Source = Literal["run", "unseen", "test", "validation", "both"]

_BASIS = {
    "unseen": "On {accounts}, each of them told by a model that had not seen it.",
    "test": "On {accounts} that the model was tested with, once, at the end of training.",
    "validation": "On {accounts} that also chose the model, which flatters it: label further accounts to be sure.",
    "both": "On {accounts} that were kept for testing or also chose the model, which flatters it a little: "
    "label further accounts to be sure.",
}
_SOURCES: dict[str, Source] = {
    UNSEEN_FILE: "unseen",
    TEST_FILE: "test",
    VALIDATION_FILE: "validation",
    BOTH_FILES: "both",
}


@dataclass(frozen=True)
class HoldoutSet:
    """Accounts with a label and a probability.

    Attributes:
        table: ``probability`` and ``at_least`` (whether the age is at least the cutoff); of a run
            also ``username``, ``prediction``, ``posts`` and ``age`` (years).
        source: whose they are: labelled accounts of the run, or those of the model's folder.
        basis: says so in a sentence.
    """

    table: pd.DataFrame
    source: Source
    basis: str

    @property
    def known(self) -> LabelledProbabilities:
        """The same as arrays."""
        return LabelledProbabilities(
            self.table["at_least"].to_numpy(dtype=bool), self.table["probability"].to_numpy(dtype=float)
        )

    def right_at(self, threshold: float) -> tuple[int, int]:
        """On how many accounts a threshold is right, and how many there are."""
        known = self.known
        return int(((known.probability >= threshold) == known.at_least).sum()), len(known.at_least)


def judged_accounts(predictions: pd.DataFrame, model: ModelInfo | None, cutoff: float) -> HoldoutSet | None:
    """The accounts to judge a run by, or None where there are none.

    These are the run's own labelled accounts that took no part in training, if there are some on
    both sides of the cutoff; else the accounts that the model was tested or validated with.

    Args:
        predictions: ``username``, ``probability``, ``posts``, ``age`` (missing where unknown).
        model: what made them; None where it is gone.
        cutoff: the age in years.
    """
    labelled = predictions.dropna(subset=["age", "probability"])
    own = labelled[~labelled["username"].isin(model.made_from if model else ())]
    own = own.assign(at_least=own["age"] >= cutoff)
    if own["at_least"].nunique() == 2:
        left_out = len(labelled) - len(own)
        rest = f"; {count(left_out, 'account')} that made the model are left out" if left_out else ""
        return HoldoutSet(own, "run", f"On {count(len(own), 'labelled account')} of these predictions{rest}.")
    return _of_the_model(model, cutoff) if model else None


@dataclass(frozen=True)
class GroupErrors:
    """What a threshold does to the labelled accounts of one group, "under" or "at_least"."""

    group: Literal["under", "at_least"]
    right: int
    wrong: int

    @property
    def rate(self) -> float:
        """The share in error; NaN of nobody."""
        return self.wrong / (self.right + self.wrong) if self.right + self.wrong else float("nan")

    @property
    def interval(self) -> tuple[float, float] | tuple[None, None]:
        """Of the rate, 95 %."""
        return share_interval(self.wrong, self.right + self.wrong)


def error_rates(known: LabelledProbabilities, threshold: float) -> tuple[GroupErrors, GroupErrors]:
    """What a threshold does to those under the cutoff, and to those at least at it."""
    found = confusion(known.at_least, known.probability >= threshold)
    return (
        GroupErrors("under", found["under_predicted_under"], found["under_predicted_at_least"]),
        GroupErrors("at_least", found["at_least_predicted_at_least"], found["at_least_predicted_under"]),
    )


def _of_the_model(model: ModelInfo, cutoff: float) -> HoldoutSet | None:
    try:
        known, file = labelled_probabilities(model, cutoff)
    except InputError:
        return None
    if known.at_least.all() or not known.at_least.any():
        return None
    source = _SOURCES[file]
    table = pd.DataFrame({"probability": known.probability, "at_least": known.at_least})
    return HoldoutSet(table, source, _BASIS[source].format(accounts=count(len(table), "labelled account")))
