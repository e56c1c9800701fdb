"""What ``comparison.json`` holds: several methods on the same accounts."""

from datetime import datetime

from pydantic import JsonValue

from core.models.training_record import LabelsRecord
from core.statistics.estimate import Estimate
from core.utils.records import Record


class ComparisonRow(Record):
    """A method at a cutoff.

    Attributes:
        cutoff: in years.
        method: a :data:`core.models.method_names.Method`, or one of a later version.
        seconds: that the making of one model took.
        metrics: by name.
    """

    cutoff: float
    method: str
    seconds: float
    metrics: dict[str, Estimate]

    @property
    def auc(self) -> float:
        """By which methods are ordered; 0 where there is none."""
        return self.metrics["auc"].value or 0.0


class ComparisonPair(Record):
    """Two methods by McNemar's test; see :func:`core.statistics.metrics.compare_predictions`."""

    cutoff: float
    first: str
    second: str
    accounts: int
    only_first_right: int
    only_second_right: int
    p_value: float
    method: str


class ComparisonRecord(Record):
    """A comparison.

    Attributes:
        created_at: when.
        arguments: of the command.
        folds: of the cross-validation; None where accounts were set aside for the test.
        accounts: that were tested.
        labels: what became of the labels file.
        rows: a method at a cutoff each.
        pairs: the best method at each cutoff against each other one.
        versions: of AgeScope, Python and packages.
    """

    created_at: datetime
    arguments: dict[str, JsonValue]
    folds: int | None
    accounts: int
    labels: LabelsRecord
    rows: tuple[ComparisonRow, ...]
    pairs: tuple[ComparisonPair, ...]
    versions: dict[str, str]
