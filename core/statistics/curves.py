"""What each threshold would do: the curves behind the figures."""

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_curve
from sklearn.metrics import roc_curve as sklearn_roc_curve

from core.statistics.calibration import CALIBRATION_BINS, Bools, Floats, calibration_bins
from core.statistics.metrics import confusion, share_interval


def roc_curve(at_least: Bools, probability: Floats) -> pd.DataFrame:
    """``false_positive_rate``, ``true_positive_rate``, ``threshold``; empty where only one class is there."""
    columns = ["false_positive_rate", "true_positive_rate", "threshold"]
    if at_least.all() or not at_least.any():
        return pd.DataFrame(columns=columns, dtype=float)
    false_positive, true_positive, threshold = sklearn_roc_curve(at_least, probability)
    return pd.DataFrame(dict(zip(columns, (false_positive, true_positive, np.minimum(threshold, 1)), strict=True)))


def precision_recall_points(at_least: Bools, probability: Floats) -> pd.DataFrame:
    """``recall``, ``precision``, ``threshold`` of the class "at least"; empty where nobody is of it."""
    columns = ["recall", "precision", "threshold"]
    if not at_least.any():
        return pd.DataFrame(columns=columns, dtype=float)
    precision, recall, threshold = precision_recall_curve(at_least, probability, drop_intermediate=True)
    return pd.DataFrame(dict(zip(columns, (recall, precision, np.r_[threshold, 1.0]), strict=True)))


def calibration_curve(at_least: Bools, probability: Floats, bins: int = CALIBRATION_BINS) -> pd.DataFrame:
    """One row a bin: mean ``probability``, observed ``share`` with its interval ``low`` and ``high``, ``accounts``."""
    data = pd.DataFrame({"at_least": at_least, "probability": probability})
    binned = data.groupby(calibration_bins(probability, bins))
    table = binned.agg(probability=("probability", "mean"), share=("at_least", "mean"), accounts=("at_least", "size"))
    intervals = [share_interval(int(hits), int(all_)) for hits, all_ in binned["at_least"].agg(["sum", "size"]).values]
    table[["low", "high"]] = pd.DataFrame(intervals, index=table.index, columns=["low", "high"])
    return table.reset_index(drop=True)


def rates_by_threshold(at_least: Bools, probability: Floats, steps: int = 101) -> pd.DataFrame:
    """What each threshold from 0 to 1 would do: the confusion, accuracy and both recalls (NaN of nobody)."""
    thresholds = np.linspace(0, 1, steps)
    table = pd.DataFrame([confusion(at_least, probability >= threshold) for threshold in thresholds])
    table.insert(0, "threshold", thresholds)
    hits, rejections = table["at_least_predicted_at_least"], table["under_predicted_under"]
    table["accuracy"] = (hits + rejections) / len(at_least)
    table["recall_at_least"] = hits / (hits + table["at_least_predicted_under"])
    table["recall_under"] = rejections / (rejections + table["under_predicted_at_least"])
    return table
