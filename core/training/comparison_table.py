"""The table of several methods compared, and its card."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from core.models.folder import COMPARISON_FILE, versions
from core.models.method_names import NAMES, Method
from core.models.predictor import Floats
from core.statistics.calibration import Bools
from core.statistics.metrics import compare_predictions, metrics
from core.training.arguments import TrainArguments
from core.training.methods import TrainingTask
from core.utils.io import write_atomically, write_json

TABLE_FILE = "comparison.csv"
CARD_FILE = "README.md"

_SHOWN = ("auc", "accuracy", "balanced_accuracy", "average_precision", "brier", "calibration_error")


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

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {**asdict(self), "probability": self.probability.tolist(), "predicted": self.predicted.tolist()}

    @classmethod
    def read(cls, path: Path) -> "TestPredictions":
        """Read what :meth:`as_dict` wrote."""
        content = orjson.loads(path.read_bytes())
        return cls(
            content["usernames"],
            np.array(content["probability"]),
            np.array(content["predicted"]),
            content["seconds"],
        )


def write_comparison(
    folder: Path,
    study: TrainingTask,
    arguments: TrainArguments,
    tested: dict[Method, TestPredictions],
    folds: int | None,
) -> None:
    """Write the table, its card and its record into ``folder``."""
    rows = [*_rows(study, tested)]
    record = {
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "arguments": arguments.as_dict(),
        "folds": folds,
        "accounts": len(next(iter(tested.values())).usernames),
        "labels": study.accounts.report.as_dict(),
        "rows": rows,
        "pairs": [*_pairs(study, tested, rows)],
        "versions": versions(),
    }
    write_atomically(folder / TABLE_FILE, _csv(rows))
    write_atomically(folder / CARD_FILE, _card(record))
    write_json(folder / COMPARISON_FILE, record)


def _rows(study: TrainingTask, tested: dict[Method, TestPredictions]) -> Iterator[dict[str, Any]]:
    """One row a cutoff and method, with every metric."""
    for column, cutoff in enumerate(study.settings.age_cutoffs):
        for method, found in tested.items():
            truth = study.accounts.at_least([cutoff], found.usernames)[:, 0]
            values = metrics(truth, found.probability[:, column], found.predicted[:, column])
            yield {
                "cutoff": cutoff,
                "method": method,
                "seconds": round(found.seconds, 1),
                "metrics": {name: asdict(value) for name, value in values.items()},
            }


def _pairs(
    study: TrainingTask, tested: dict[Method, TestPredictions], rows: list[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """The method with the highest AUC at each cutoff against each other one."""
    for column, cutoff in enumerate(study.settings.age_cutoffs):
        here = [row for row in rows if row["cutoff"] == cutoff]
        best: Method = max(here, key=lambda row: row["metrics"]["auc"]["value"] or 0.0)["method"]
        truth = study.accounts.at_least([cutoff], tested[best].usernames)[:, 0]
        for other in tested:
            if other != best:
                test = compare_predictions(truth, tested[best].predicted[:, column], tested[other].predicted[:, column])
                yield {"cutoff": cutoff, "first": best, "second": other, **test}


def _csv(rows: Sequence[dict[str, Any]]) -> str:
    names = list(rows[0]["metrics"])
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["cutoff", "method", "seconds", *(f"{n}{end}" for n in names for end in ("", "_low", "_high"))])
    for row in rows:
        figures = [row["metrics"][name][key] for name in names for key in ("value", "low", "high")]
        writer.writerow([f"{row['cutoff']:g}", row["method"], row["seconds"], *figures])
    return buffer.getvalue()


def _card(record: dict[str, Any]) -> str:
    how = f"{record['folds']}-fold cross-validation" if record["folds"] else "accounts set aside for the test"
    lines = [
        "# Methods compared\n",
        f"{record['accounts']} accounts, {how}. Figures with 95 % intervals over accounts; seconds of one fit.\n",
        "| cutoff | method | " + " | ".join(name.replace("_", " ") for name in _SHOWN) + " | seconds |",
        "|---|---|" + "---|" * (len(_SHOWN) + 1),
    ]
    for row in record["rows"]:
        figures = " | ".join(_figure(row["metrics"][name]) for name in _SHOWN)
        lines.append(f"| {row['cutoff']:g} | {NAMES[row['method']]} | {figures} | {row['seconds']:.0f} |")
    return "\n".join(lines) + "\n"


def _figure(estimate: dict[str, Any]) -> str:
    if estimate["value"] is None:
        return "–"
    if estimate["low"] is None:
        return f"{estimate['value']:.3f}"
    return f"{estimate['value']:.3f} ({estimate['low']:.3f} to {estimate['high']:.3f})"
