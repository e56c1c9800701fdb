"""Two prediction runs side by side, on accounts that made neither model, and which was better here."""

from dataclasses import dataclass

import pandas as pd

from core.models.folder import ModelInfo
from core.models.method_names import METHODS_IN_WORDS
from core.statistics.estimate import Estimate
from core.statistics.metrics import PairedTest, compare_predictions, metric_differences, metrics, share_interval
from core.utils.formatting import number

_SHOWN = {"auc": "AUC", "accuracy": "accuracy", "average_precision": "average precision", "brier": "Brier score"}


@dataclass(frozen=True)
class RunComparison:
    """What two runs are worth on the same accounts.

    Attributes:
        table: a row a figure: ``figure``, a column a run, and ``difference`` (the second less the first).
        verdict: which was better here by AUC, as a sentence.
        test: McNemar's.
    """

    table: pd.DataFrame
    verdict: str
    test: PairedTest


def with_method(run: str, model: ModelInfo | None) -> str:
    """What a run is called, and what its model's method is."""
    return f"{run} ({METHODS_IN_WORDS.get(model.training.method, model.training.method)})" if model else run


def compare(
    known: pd.DataFrame, cutoff: float, thresholds: tuple[float, float], names: tuple[str, str]
) -> RunComparison | None:
    """Compare two runs on labelled accounts; None where these are all of one side of the cutoff.

    Args:
        known: ``first`` and ``second`` (probabilities at the cutoff) and ``age`` (years) of each account.
        cutoff: in years.
        thresholds: of both runs.
        names: what both are called.
    """
    truth = (known["age"] >= cutoff).to_numpy(dtype=bool)
    if not len(known) or truth.all() or not truth.any():
        return None
    first, second = (known[name].to_numpy(dtype=float) for name in ("first", "second"))
    said = first >= thresholds[0], second >= thresholds[1]
    one, other = metrics(truth, first, said[0]), metrics(truth, second, said[1])
    gaps = metric_differences(truth, (first, said[0]), (second, said[1]))
    rows = [
        (words, one[key].in_words(3), other[key].in_words(3), gaps[key].in_words(3)) for key, words in _SHOWN.items()
    ]
    ece = "calibration_error"
    rows.append(("calibration error", one[ece].in_words(3), other[ece].in_words(3), number(gaps[ece].value, 3)))
    shares = [Estimate(float(it.mean()), *share_interval(int(it.sum()), len(it))) for it in said]
    rows.append((f"share predicted at least {cutoff:g}", shares[0].in_words(3), shares[1].in_words(3), ""))
    table = pd.DataFrame(rows, columns=["figure", names[0], names[1], "difference"])
    return RunComparison(table, _verdict(gaps["auc"], names), compare_predictions(truth, *said))


def _verdict(gap: Estimate, names: tuple[str, str]) -> str:
    if gap.value is None or gap.low is None or gap.high is None:
        return "By AUC the two cannot be told apart here."
    if gap.low <= 0 <= gap.high:
        return f"By AUC neither was better here: the difference is {gap.in_words(3)}, which chance can explain."
    better = names[1] if gap.value > 0 else names[0]
    size = Estimate(abs(gap.value), min(abs(gap.low), abs(gap.high)), max(abs(gap.low), abs(gap.high)))
    return f"By AUC {better} was better here, by {size.in_words(3)}."
