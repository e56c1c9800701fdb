"""The record of a model that nobody trained."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.models.comparison_record import ComparisonRecord, ComparisonRow
from core.models.folder import TRAINING_FILE
from core.models.settings import ModelSettings
from core.models.training_record import LabelsRecord, TrainingRecord
from core.statistics.estimate import Estimate
from core.statistics.names import METRICS
from core.utils.records import write_record

ESTIMATE = Estimate(0.9, 0.8, 0.95)


def training_record(
    split: Mapping[str, Sequence[str]] | None = None, settings: ModelSettings | None = None, **other: Any
) -> TrainingRecord:
    """How a model was made, said of nobody unless a split or more is given."""
    parts = {part: [*(split or {}).get(part, ())] for part in ("train", "validation", "test")}
    given: dict[str, Any] = {
        "created_at": datetime(2026, 11, 1, 10, tzinfo=UTC),
        "method": "finetuned",
        "arguments": {"recipe": "published"},
        "settings": settings or ModelSettings("tiny", "m.pth"),
        "labels": LabelsRecord(usable=10, at_least={"21": 5}),
        "split": parts,
        "best_epoch": 1,
        "validation": {"21": dict.fromkeys(METRICS, ESTIMATE)},
        "seconds": 60.0,
        "versions": {"agescope": "0"},
    }
    return TrainingRecord(**{**given, **other})


def comparison_record(figures: Mapping[str, Estimate]) -> ComparisonRecord:
    """A comparison of methods at the cutoff 21, of which every metric is the same."""
    rows = [
        ComparisonRow(cutoff=21.0, method=method, seconds=1.0, metrics=dict.fromkeys(METRICS, figure))
        for method, figure in figures.items()
    ]
    made = training_record()
    return ComparisonRecord(
        created_at=made.created_at,
        arguments=made.arguments,
        folds=None,
        accounts=10,
        labels=made.labels,
        rows=tuple(rows),
        pairs=(),
        versions=made.versions,
    )


def finish_model(folder: Path, split: Mapping[str, Sequence[str]] | None = None) -> None:
    """Make a folder with settings and weights a finished model."""
    write_record(folder / TRAINING_FILE, training_record(split))
