"""What a training tells besides how far it is."""

from typing import Literal

from core.jobs.events import Event
from core.models.method_names import Method
from core.models.training_record import EpochRecord, LabelsRecord


class DataEvent(LabelsRecord, Event):
    """What became of the labels file."""

    kind: Literal["data"] = "data"


class SplitEvent(Event):
    """How many accounts each part of the split has."""

    kind: Literal["split"] = "split"
    train: int
    validation: int
    test: int


class StepEvent(Event):
    """The loss while an epoch is under way.

    Attributes:
        step: accounts learnt from, over all epochs.
        epoch: its number, from 1.
        loss: the mean over the latest accounts.
        learn_rate: of this step.
    """

    kind: Literal["step"] = "step"
    step: int
    epoch: int
    loss: float
    learn_rate: float


class EpochEvent(EpochRecord, Event):
    """A finished epoch."""

    kind: Literal["epoch"] = "epoch"


class FoldEvent(Event):
    """A further model of a cross-fit begins: the ``fold``th, from 1."""

    kind: Literal["fold"] = "fold"
    fold: int
    folds: int


class MethodEvent(Event):
    """A method's own model begins, in a comparison."""

    kind: Literal["method"] = "method"
    method: Method
