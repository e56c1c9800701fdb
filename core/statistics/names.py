"""The figures by name, which loads nothing."""

from typing import Literal

METRICS = (
    "accuracy",
    "balanced_accuracy",
    "precision_at_least",
    "recall_at_least",
    "f1_at_least",
    "precision_under",
    "recall_under",
    "f1_under",
    "auc",
    "average_precision",
    "brier",
    "log_loss",
    "calibration_error",
    "majority_share",
)
"""Every metric of :func:`core.statistics.metrics.metrics`, in the order of a table."""


Measure = Literal["balanced_accuracy", "f1", "accuracy"]
