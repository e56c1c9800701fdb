"""Whether a probability means what it says: how far it is off, and what to do with it.

Everything here works on two arrays over accounts: ``at_least`` (whether the account's age is at
least the cutoff) and ``probability`` (what the model said of it, 0 to 1).
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

CALIBRATION_BINS = 10
_MIN_PER_BIN = 10


def calibration_bins(probability: Floats, bins: int = CALIBRATION_BINS) -> npt.NDArray[np.intp]:
    """The bin (0, 1, ...) of each probability: bins of equal numbers of accounts.

    Equal probabilities are never parted, and where there are fewer than ten accounts a bin, there
    are fewer bins: the error of a handful of accounts says more about chance than about the model.
    """
    bins = max(1, min(bins, len(probability) // _MIN_PER_BIN))
    inner = np.arange(1, bins) / bins
    edges = np.unique(np.quantile(probability, inner, method="inverted_cdf")) if len(probability) else inner
    index: npt.NDArray[np.intp] = np.searchsorted(edges, probability, side="left")
    return np.unique(index, return_inverse=True)[1].astype(np.intp)


def expected_calibration_error(at_least: Bools, probability: Floats, bins: int = CALIBRATION_BINS) -> float:
    """The mean distance between probability and observed share over :func:`calibration_bins`.

    Each bin counts by its accounts; NaN without any account.
    """
    index = calibration_bins(probability, bins)
    gaps = np.bincount(index, weights=at_least - probability)
    return float(np.abs(gaps).sum() / len(index)) if len(index) else float("nan")
