"""A share that rests on accounts drawn at random, with a model's probabilities as a help and never as a belief.

Some accounts of a population are drawn at random and a person finds out their ages. Their share alone
is right, whatever a model is worth. The model's probabilities, which are known of everybody, make it
more exact: the difference estimator (Särndal and others 1992, chapter 6; prediction-powered
inference: Angelopoulos and others 2023; design-based supervised learning: Egami and others 2023),

    share = mean of the ages found + weight * (mean probability of all - mean probability of the drawn),

with the weight that makes it most exact (PPI++: Angelopoulos, Duchi and Zrnic 2023). A model that tells
nothing gets the weight 0; one that is upside down a negative one, and is as much of a help.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri
from scipy.stats import hypergeom

from core.statistics.calibration import Floats
from core.statistics.metrics import LEVEL

Places = npt.NDArray[np.intp]

STRATA = 5
"""Into so many parts of equal size a stratified sample divides the accounts, by probability."""

FEWEST_FOR_APPROXIMATION = 5
"""With fewer drawn accounts on a side, the interval is the exact one."""

EXACT = "exact (hypergeometric): too few accounts on a side for more"
ALONE = "of the sample alone (Wilson): the probabilities do not help"
ASSISTED = "difference estimator with a tuned weight (PPI++), Wilson's interval with the effective sample size"

_DOUBT = 2.0
_SMALLEST = 1e-9
_Z = float(ndtri((1 + LEVEL) / 2))


@dataclass(frozen=True)
class AuditedShare:
    """The share of a population, from a random sample of it.

    Attributes:
        value: the estimate.
        low, high: its 95 % interval.
        method: how the interval was made, in words.
        weight: of the probabilities; 0 where they do not help.
        worth: of how many accounts without a model the sample is worth.
    """

    value: float
    low: float
    high: float
    method: str
    weight: float
    worth: float


def strata_by_probability(probability: Floats, order: Places) -> Places:
    """The stratum (0, 1, ...) of each account: equal numbers of accounts, in ascending order of probability.

    Args:
        probability: (accounts,); NaN where there is none, which counts as the mean.
        order: (accounts,) a random order, which parts accounts of equal probability.
    """
    ranked = order[np.argsort(filled(probability)[order], kind="stable")]
    strata = np.empty(len(ranked), dtype=np.intp)
    strata[ranked] = np.arange(len(ranked)) * STRATA // len(ranked)
    return strata


def allocation(sizes: Places, wanted: int) -> Places:
    """How many accounts to draw from strata of these sizes: in proportion, as nearly as whole numbers allow."""
    exact = sizes * min(1.0, wanted / sizes.sum())
    drawn: Places = np.floor(exact).astype(np.intp)
    missing = min(wanted, int(sizes.sum())) - int(drawn.sum())
    drawn[np.argsort(drawn - exact, kind="stable")[:missing]] += 1
    return drawn


def filled(probability: Floats) -> Floats:
    """The probabilities, with their mean where there is none, so that those accounts lend no help and do no harm."""
    known = probability[~np.isnan(probability)]
    return np.asarray(np.where(np.isnan(probability), known.mean() if len(known) else 0.0, probability))


def audited_share(at_least: Floats, drawn: Places, probability: Floats, strata: Places) -> AuditedShare:
    """The share of the population.

    Args:
        at_least: (drawn,) 1 where the account is at least at the cutoff, else 0.
        drawn: (drawn,) the places of these accounts in the population.
        probability: (population,) what the model says; NaN where it says nothing.
        strata: (population,) from which stratum an account was drawn; all 0 for a simple random sample.
    """
    sample = _Sample(at_least, drawn, filled(probability), strata)
    found, total = int(at_least.sum()), len(at_least)
    if min(found, total - found) < FEWEST_FOR_APPROXIMATION or total == len(probability):
        low, high = exact_interval(found, total, len(probability))
        return AuditedShare(found / total, low, high, EXACT, 0.0, float(total))
    weight, noise = sample.best_weight()
    value = float(np.clip(sample.estimate(weight), 0, 1))
    worth = total / noise
    low, high = _score_interval(value, worth / (1 - total / len(probability)))
    return AuditedShare(value, low, high, ASSISTED if noise < 1 else ALONE, weight, worth)


def bounded_share(told: Floats, drawn: Places, probability: Floats, strata: Places) -> AuditedShare:
    """Like :func:`audited_share` where some ages are not told: NaN in ``told``.

    The value is that of the accounts told. The interval reaches from the lower end with none of the
    others at least at the cutoff to the upper end with all of them (Manski's bounds).
    """
    is_told = ~np.isnan(told)
    found = audited_share(told[is_told], drawn[is_told], probability, strata)
    if is_told.all():
        return found
    none, every = (audited_share(np.where(is_told, told, side), drawn, probability, strata) for side in (0.0, 1.0))
    low, high = min(found.low, none.low), max(found.high, every.high)
    return replace(found, low=low, high=high, method=f"{found.method}; bounds for the ages not told")


@dataclass(frozen=True)
class _Sample:
    """The drawn accounts within their population."""

    at_least: Floats
    drawn: Places
    probability: Floats
    strata: Places

    def best_weight(self) -> tuple[float, float]:
        """The weight of the probabilities, and the variance that is left of that of the sample alone (0 to 1).

        Each account is judged by the line through the others, so that a lucky fit to few accounts is
        not taken for help; and :data:`_DOUBT` accounts are added that the model got wrong.
        """
        groups = self.strata[self.drawn]
        truth, said = _centred(self.at_least, groups), _centred(self.probability[self.drawn], groups)
        spread = float(said @ said)
        weight = float(said @ truth) / spread if spread > _SMALLEST else 0.0
        pull = 1 / np.bincount(groups)[groups] + (said**2 / spread if spread > _SMALLEST else 0.0)
        left = float((((truth - weight * said) / np.maximum(1 - pull, _SMALLEST)) ** 2).sum())
        total = len(truth) * float(self.at_least.var()) * (len(truth) / (len(truth) - 1)) ** 2
        noise = (left + _DOUBT) / (total + _DOUBT)
        return (weight, noise) if noise < 1 else (0.0, 1.0)

    def estimate(self, weight: float) -> float:
        """The difference estimator with this weight, stratum by stratum."""
        groups, rest = self.strata[self.drawn], self.at_least - weight * self.probability[self.drawn]
        sizes = np.bincount(self.strata)
        means = np.bincount(groups, rest, len(sizes)) / np.maximum(np.bincount(groups, minlength=len(sizes)), 1)
        return float(weight * self.probability.mean() + (sizes / sizes.sum()) @ means)


def _centred(values: Floats, groups: Places) -> Floats:
    return np.asarray(values - (np.bincount(groups, values) / np.maximum(np.bincount(groups), 1))[groups])


def _score_interval(share: float, accounts: float) -> tuple[float, float]:
    """Wilson's interval of a share known as exactly as ``accounts`` independent accounts would tell it."""
    centre = (share + _Z**2 / (2 * accounts)) / (1 + _Z**2 / accounts)
    margin = _Z * np.sqrt(share * (1 - share) / accounts + _Z**2 / (4 * accounts**2)) / (1 + _Z**2 / accounts)
    return max(0.0, float(centre - margin)), min(1.0, float(centre + margin))


def exact_interval(found: int, drawn: int, population: int) -> tuple[float, float]:
    """The hypergeometric interval (Clopper and Pearson's, of a finite population) of a share.

    Args:
        found: drawn accounts that are at least at the cutoff.
        drawn: accounts drawn at random, without putting back.
        population: accounts they were drawn from.
    """
    tail = (1 - LEVEL) / 2
    totals = np.arange(found, population - (drawn - found) + 1)
    low = totals[np.argmax(hypergeom.sf(found - 1, population, totals, drawn) > tail)]
    high = totals[::-1][np.argmax(hypergeom.cdf(found, population, totals[::-1], drawn) > tail)]
    return float(low) / population, float(high) / population
