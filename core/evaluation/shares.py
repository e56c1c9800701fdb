"""Everything that ``prevalence`` says of a share: counted, corrected for the model's errors, audited."""

from typing import Any

import numpy as np
import pandas as pd

from core.errors import InputError
from core.evaluation.arguments import PrevalenceArguments
from core.evaluation.audit import audited
from core.evaluation.evaluate import read_predictions, read_run
from core.evaluation.prevalence import prevalence_of, read_drift
from core.models.folder import read_model_info
from core.statistics.metrics import share_interval

DEFAULT_CUTOFF = 21.0
DEFAULT_THRESHOLD = 0.5


def shares(arguments: PrevalenceArguments) -> dict[str, Any]:
    """The share at least at the cutoff by every method that the given files allow, ready for JSON.

    Raises:
        InputError: a file cannot be used, or there is neither a model nor an audit sample.
    """
    if arguments.model is None and arguments.audit is None:
        raise InputError("Give --model to correct for its errors, or --audit, a filled-in audit sample, or both.")
    table = read_predictions(arguments.predictions)
    found: dict[str, Any] = {}
    if arguments.model is not None:
        drift = read_drift(arguments.predictions)
        info = read_model_info(arguments.model)
        found = prevalence_of(table, info, arguments.age_cutoff, arguments.threshold, drift)
    else:
        found = _counted(table, arguments)
    if arguments.audit is not None:
        found["audited"] = audited(table, arguments.audit, found["age_cutoff"])
    return found


def _counted(table: pd.DataFrame, arguments: PrevalenceArguments) -> dict[str, Any]:
    """What can be said without a model: the count at the threshold, which is no estimate of the share."""
    run = read_run(arguments.predictions)
    threshold = arguments.threshold if arguments.threshold is not None else run.threshold or DEFAULT_THRESHOLD
    cutoff = arguments.age_cutoff or run.age_cutoff or DEFAULT_CUTOFF
    probability = table["probability"].dropna().to_numpy(dtype=float)
    count, total = int(np.sum(probability >= threshold)), len(probability)
    low, high = share_interval(count, total)
    note = "counts the model's errors too; it is no estimate of the share"
    return {
        "age_cutoff": cutoff,
        "accounts": {"predicted": total, "without_captions": len(table) - total},
        "threshold": threshold,
        "raw": {"value": count / total if total else None, "low": low, "high": high, "note": note},
        "warnings": _warnings(run.age_cutoff, cutoff),
    }


def _warnings(predicted: float | None, cutoff: float) -> list[str]:
    if predicted in (None, cutoff):
        return []
    return [f"The predictions are about {predicted:g} years, the audited share about {cutoff:g}: the count is not."]
