"""The table of several methods compared, and its card."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from core.models.comparison_record import ComparisonPair, ComparisonRecord, ComparisonRow
from core.models.folder import COMPARISON_FILE, versions
from core.models.method_names import Method, method_name
from core.models.predictor import Floats
from core.statistics.calibration import Bools
from core.statistics.metrics import compare_predictions, metrics
from core.training.arguments import TrainArguments
from core.training.methods import TrainingTask
from core.utils.io import write_atomically
from core.utils.records import Record, read_record, utc_now, write_record
from core.utils.spreadsheets import csv_text

TABLE_FILE = "comparison.csv"
CARD_FILE = "README.md"

_SHOWN = ("auc", "accuracy", "balanced_accuracy", "average_precision", "brier", "calibration_error")


class TestRecord(Record):
    """:class:`TestPredictions` of one fold and method, as its file holds them."""

    usernames: list[str]
    probability: list[list[float]]
    predicted: list[list[bool]]
    seconds: float


@dataclass(frozen=True)
class TestPredictions:
    """What a method said of the accounts that test.

    Attributes:
        usernames: of the accounts.
        probability: [accounts, cutoffs].
        predicted: [accounts, cutoffs], by the threshold of the model that said it.
        seconds: that the making took.
    """

    usernames: list[str]
    probability: Floats
    predicted: Bools
    seconds: float

    def write(self, path: Path) -> None:
        """Keep them in a file."""
        probability, predicted = self.probability.tolist(), self.predicted.tolist()
        record = TestRecord(
            usernames=self.usernames, probability=probability, predicted=predicted, seconds=self.seconds
        )
        write_record(path, record)

    @classmethod
    def read(cls, path: Path) -> "TestPredictions":
        """Read what :meth:`write` wrote.

        Raises:
            InputError: the file is damaged.
        """
        kept = read_record(TestRecord, path, "Delete it, then start again.")
        return cls(kept.usernames, np.array(kept.probability), np.array(kept.predicted), kept.seconds)


def write_comparison(
    folder: Path,
    study: TrainingTask,
    arguments: TrainArguments,
    tested: dict[Method, TestPredictions],
    folds: int | None,
) -> None:
    """Write the table, its card and its record into ``folder``."""
    rows = [*_rows(study, tested)]
    record = ComparisonRecord(
        created_at=utc_now(),
        arguments=arguments.as_dict(),
        folds=folds,
        accounts=len(next(iter(tested.values())).usernames),
        labels=study.accounts.report.record(),
        rows=tuple(rows),
        pairs=tuple(_pairs(study, tested, rows)),
        versions=versions(),
    )
    write_atomically(folder / TABLE_FILE, _csv(rows))
    write_atomically(folder / CARD_FILE, _card(record))
    write_record(folder / COMPARISON_FILE, record)


def _rows(study: TrainingTask, tested: dict[Method, TestPredictions]) -> Iterator[ComparisonRow]:
    """One row a cutoff and method, with every metric."""
    for column, cutoff in enumerate(study.settings.age_cutoffs):
        for method, found in tested.items():
            truth = study.accounts.at_least([cutoff], found.usernames)[:, 0]
            values = metrics(truth, found.probability[:, column], found.predicted[:, column])
            yield ComparisonRow(cutoff=cutoff, method=method, seconds=round(found.seconds, 1), metrics=values)


def _pairs(
    study: TrainingTask, tested: dict[Method, TestPredictions], rows: Sequence[ComparisonRow]
) -> Iterator[ComparisonPair]:
    """The method with the highest AUC at each cutoff against each other one."""
    for column, cutoff in enumerate(study.settings.age_cutoffs):
        auc = {row.method: row.auc for row in rows if row.cutoff == cutoff}
        best = max(tested, key=lambda method: auc[method])
        truth = study.accounts.at_least([cutoff], tested[best].usernames)[:, 0]
        for other in tested:
            if other != best:
                test = compare_predictions(truth, tested[best].predicted[:, column], tested[other].predicted[:, column])
                yield ComparisonPair(cutoff=cutoff, first=best, second=other, **asdict(test))


def _csv(rows: Sequence[ComparisonRow]) -> str:
    names = list(rows[0].metrics)
    header = ["cutoff", "method", "seconds", *(f"{n}{end}" for n in names for end in ("", "_low", "_high"))]
    figures = [[getattr(row.metrics[name], key) for name in names for key in ("value", "low", "high")] for row in rows]
    about = [(f"{row.cutoff:g}", row.method, row.seconds) for row in rows]
    return csv_text(header, ((*its, *values) for its, values in zip(about, figures, strict=True)))


def _card(record: ComparisonRecord) -> str:
    how = f"{record.folds}-fold cross-validation" if record.folds else "accounts set aside for the test"
    lines = [
        "# Methods compared\n",
        f"{record.accounts} accounts, {how}. Figures with 95 % intervals over accounts; seconds of one fit.\n",
        "| cutoff | method | " + " | ".join(name.replace("_", " ") for name in _SHOWN) + " | seconds |",
        "|---|---|" + "---|" * (len(_SHOWN) + 1),
    ]
    for row in record.rows:
        figures = " | ".join(row.metrics[name].in_words() for name in _SHOWN)
        lines.append(f"| {row.cutoff:g} | {method_name(row.method)} | {figures} | {row.seconds:.0f} |")
    return "\n".join(lines) + "\n"
