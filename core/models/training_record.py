"""What ``training.json`` holds: how a model was made, from whom, and what it is worth."""

from datetime import datetime
from typing import Literal

from pydantic import Field, JsonValue

from core.models.settings import ModelSettings
from core.statistics.estimate import Estimate, Subgroup
from core.utils.records import Record

MetricsByCutoff = dict[str, dict[str, Estimate]]
"""Cutoff as text -> metric -> its figure."""


class LabelsRecord(Record):
    """What became of the lines of the labels file; see :class:`core.training.dataset.LabelReport`."""

    labelled: int = 0
    rejected: dict[str, int] = Field(default_factory=dict)
    not_collected: int = 0
    without_captions: int = 0
    unreadable: int = 0
    usable: int
    at_least: dict[str, int]
    problems: tuple[str, ...] = ()


class EpochRecord(Record):
    """One finished epoch.

    Attributes:
        epoch: its number, from 1.
        train_loss: the mean over the training accounts.
        validation_loss, validation_accuracy, validation_auc: means over the cutoffs.
        seconds: that it took.
    """

    epoch: int
    train_loss: float
    validation_loss: float
    validation_accuracy: float
    validation_auc: float
    seconds: float


class CalibrationBin(Record):
    """Accounts of about the same probability.

    Attributes:
        accounts: how many.
        probability: their mean.
        share: of them at least at the cutoff.
        low, high: its 95 % interval.
    """

    accounts: int
    probability: float
    share: float
    low: float
    high: float


class CrossFitRecord(Record):
    """What all labelled accounts say of a model, each told by one that had not seen it.

    Attributes:
        folds: how many further models were made.
        accounts: how many were told.
        metrics: what the method is worth on them.
    """

    folds: int
    accounts: int
    metrics: MetricsByCutoff


class TrainingRecord(Record):
    """How a model was made.

    Attributes:
        format: of this record.
        created_at: when.
        method: a :data:`core.models.method_names.Method`, or one of a later version.
        arguments: of the command.
        settings: of the model.
        labels: what became of the labels file.
        split: part -> usernames.
        epochs: none where the method has none.
        best_epoch: the number of the epoch that was kept; 0 where there is none.
        stopped: whether the training was stopped before its end.
        twins_apart: groups of accounts with largely the same texts that are in more than one part.
        validation, test: what it is worth on these accounts; None where nothing was tested.
        cross_fitted: what it is worth on all labelled accounts; None where it was not cross-fitted.
        calibration: cutoff -> what was said against what was so.
        subgroups: what it is worth in groups of the accounts that measured it, at the cutoff that is meant where none
            is named; only of groups large enough.
        seconds: that it took.
        versions: of AgeScope, Python and packages.
    """

    format: int = 1
    created_at: datetime
    method: str
    arguments: dict[str, JsonValue]
    settings: ModelSettings
    labels: LabelsRecord
    split: dict[str, list[str]]
    epochs: tuple[EpochRecord, ...] = ()
    best_epoch: int = 0
    stopped: bool = False
    twins_apart: int = 0
    validation: MetricsByCutoff
    test: MetricsByCutoff | None = None
    cross_fitted: CrossFitRecord | None = None
    calibration: dict[str, tuple[CalibrationBin, ...]] = Field(default_factory=dict)
    subgroups: tuple[Subgroup, ...] = ()
    seconds: float
    versions: dict[str, str]

    @property
    def measured_on(self) -> Literal["test", "validation"]:
        """The part of the split that says what the model is worth."""
        return "test" if self.test else "validation"

    @property
    def figures(self) -> MetricsByCutoff:
        """What it is worth on that part."""
        return self.test or self.validation

    @property
    def measured_accounts(self) -> int:
        """How many accounts that part has."""
        return len(self.split[self.measured_on])

    @property
    def known_accounts(self) -> set[str]:
        """Every account that made, chose or tested the model."""
        return {username for usernames in self.split.values() for username in usernames}
