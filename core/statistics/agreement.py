"""How far coders agree beyond chance: Cohen's kappa and Krippendorff's alpha, with bootstrap intervals.

Cohen (1960) for two coders; Krippendorff (2011, nominal data) for any number, also where each has coded
some accounts only. Intervals come from drawing accounts anew (percentiles). Neither figure exists
where everybody always says the same one thing: there is nothing that chance could be told from.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from core.statistics.estimate import Estimate
from core.statistics.metrics import LEVEL, SEED

Codes = npt.NDArray[np.int64]

RESAMPLES = 1_000
MISSING = -1
FEW_ACCOUNTS = 20
"""With fewer accounts an interval from drawing them anew is narrower than it should be: said beside it."""

_MOST_UNDEFINED = 0.05
_ONE_CATEGORY = "Every label is the same, so agreement beyond chance cannot be told."


def cohens_kappa(first: Codes, second: Codes, resamples: int = RESAMPLES, seed: int = SEED) -> Estimate:
    """Agreement of two coders beyond chance; 1 is perfect, 0 what chance would give.

    Args:
        first: (accounts,) the categories of one coder, from 0 on.
        second: (accounts,) those of the other; both have coded every account.
        resamples: how many times accounts are drawn anew.
        seed: of those draws.
    """
    codes = np.stack([first, second])
    return _with_interval(_kappa, codes, resamples, seed)


def krippendorffs_alpha(codes: Codes, resamples: int = RESAMPLES, seed: int = SEED) -> Estimate:
    """Agreement of any number of coders beyond chance, for nominal categories.

    Args:
        codes: (coders, accounts) the categories, from 0 on; :data:`MISSING` where one has not coded.
        resamples: how many times accounts are drawn anew.
        seed: of those draws.
    """
    coded_twice = (codes != MISSING).sum(0) >= 2
    return _with_interval(_alpha, codes[:, coded_twice], resamples, seed)


def _with_interval(figure: Callable[[Codes], float], codes: Codes, resamples: int, seed: int) -> Estimate:
    accounts = codes.shape[1]
    if not accounts:
        return Estimate(None, note="No account has been labelled by two people.")
    value = figure(codes)
    if np.isnan(value):
        return Estimate(None, note=_ONE_CATEGORY)
    rng = np.random.default_rng(seed)
    draws = np.array([figure(codes[:, rng.integers(accounts, size=accounts)]) for _ in range(resamples)])
    if np.isnan(draws).mean() > _MOST_UNDEFINED:
        return Estimate(value, note="Nearly every label is the same: too one-sided for an interval.")
    if value == 1:
        return Estimate(value, note="No account parts the coders, so drawing accounts anew gives no interval.")
    low, high = np.nanquantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    note = f"From {accounts} accounts only: the interval is rather too narrow." if accounts < FEW_ACCOUNTS else None
    return Estimate(value, float(low), float(high), note)


def _kappa(codes: Codes) -> float:
    size = int(codes.max()) + 1
    table = np.bincount(codes[0] * size + codes[1], minlength=size * size).reshape(size, size) / codes.shape[1]
    by_chance = float(table.sum(0) @ table.sum(1))
    return float("nan") if by_chance > 1 - 1e-12 else (float(np.trace(table)) - by_chance) / (1 - by_chance)


def _alpha(codes: Codes) -> float:
    """1 less the disagreement observed over that expected, from the matrix of coincidences."""
    counts = np.stack(
        [(codes == category).sum(0) for category in range(int(codes.max()) + 1)]
    )  # [categories, accounts]
    coders = counts.sum(0)
    coincidences = (counts / (coders - 1)) @ counts.T - np.diag((counts / (coders - 1)).sum(1))
    totals = coincidences.sum(1)
    n = totals.sum()
    expected = (n**2 - (totals**2).sum()) / (n - 1)
    observed = n - np.trace(coincidences)
    return float("nan") if expected < 1e-12 else float(1 - observed / expected)
