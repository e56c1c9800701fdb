"""A share that rests on accounts drawn at random, with a model's probabilities as a help and never as a belief.

Some accounts of a population are drawn at random and a person finds out their ages. Their share alone
is right, whatever a model is worth. The model's probabilities, which are known of everybody, make it
more exact: the difference estimator (Särndal and others 1992, chapter 6; prediction-powered
inference: Angelopoulos and others 2023; design-based supervised learning: Egami and others 2023),

    share = mean of the ages found + weight * (mean probability of all - mean probability of the drawn),

with the weight that makes it most exact (PPI++: Angelopoulos, Duchi and Zrnic 2023). A model that tells
nothing gets the weight 0; one that is upside down a negative one, and is as much of a help.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri
from scipy.stats import hypergeom

from core.statistics.calibration import Bools, Floats
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


@dataclass(frozen=True)
class AuditPopulation:
    """The accounts that a share is about.

    Attributes:
        probability: (accounts,) what the model says; NaN where it says nothing.
        strata: (accounts,) from which stratum (0, 1, ...) an account is drawn; all 0 for a simple random sample.
    """

    probability: Floats
    strata: Places

    def __len__(self) -> int:
        return len(self.probability)

    @cached_property
    def filled(self) -> Floats:
        """The probabilities as :func:`filled` has them."""
        return filled(self.probability)

    @cached_property
    def sizes(self) -> Places:
        """(strata,) accounts."""
        return np.bincount(self.strata)

    @cached_property
    def means(self) -> Floats:
        """(strata,) of the probabilities."""
        return np.asarray(np.bincount(self.strata, self.filled) / self.sizes)


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


def audited_share(at_least: Floats, drawn: Places, population: AuditPopulation) -> AuditedShare:
    """The share of the population.

    Args:
        at_least: (drawn,) 1 where the account is at least at the cutoff, else 0.
        drawn: (drawn,) the places of these accounts in the population.
        population: from which they were drawn.
    """
    found, total = int(at_least.sum()), len(at_least)
    low, high = sample_alone(found, total, len(population))
    if _needs_exact(found, total, len(population)):
        return AuditedShare(found / total, low, high, EXACT, 0.0, float(total))
    sample = _Sample(at_least, drawn, population)
    weight, left = sample.best_weight()
    value = float(np.clip(sample.estimate(weight), 0, 1))
    if left < 1:
        low, high = _score_interval(value, total / left / (1 - total / len(population)))
    return AuditedShare(value, low, high, ASSISTED if left < 1 else ALONE, weight, total / left)


def bounded_share(told: Floats, drawn: Places, population: AuditPopulation) -> AuditedShare:
    """Like :func:`audited_share` where some ages are not told: NaN in ``told``.

    The value is that of the accounts told. The interval reaches from the lower end with none of the
    others at least at the cutoff to the upper end with all of them (Manski's bounds).
    """
    is_told = ~np.isnan(told)
    found = audited_share(told[is_told], drawn[is_told], population)
    if is_told.all():
        return found
    none, every = (audited_share(np.where(is_told, told, side), drawn, population) for side in (0.0, 1.0))
    low, high = min(found.value, none.low), max(found.value, every.high)
    return replace(found, low=low, high=high, method=f"{found.method}; bounds for the ages not told")


@dataclass(frozen=True)
class _Sample:
    """The drawn accounts within their population."""

    at_least: Floats
    drawn: Places
    population: AuditPopulation

    @cached_property
    def groups(self) -> Places:
        """(drawn,) their strata."""
        return self.population.strata[self.drawn]

    @cached_property
    def said(self) -> Floats:
        """(drawn,) their probabilities."""
        return self.population.filled[self.drawn]

    def best_weight(self) -> tuple[float, float]:
        """The weight of the probabilities, and the part that is left of the variance of the sample alone (0 to 1).

        Luck is not taken for help: each account is judged with regard to how much it drew the line to
        itself, and :data:`_DOUBT` errors of the usual size are added, that of a wrong answer where
        there are hardly any.
        """
        truth, said = _centred(self.at_least, self.groups), _centred(self.said, self.groups)
        spread = max(float(said @ said), _SMALLEST)
        weight = float(said @ truth) / spread
        pull = 1 / np.bincount(self.groups)[self.groups] + said**2 / spread
        errors = (truth - weight * said) ** 2 / np.maximum(1 - pull, _SMALLEST)
        alone = len(truth) * float(self.at_least.var(ddof=1))
        doubt = _DOUBT * (errors @ errors + 1) / (errors.sum() + 1)
        left = float((errors.sum() + doubt) / (alone + doubt))
        return (weight, left) if left < 1 else (0.0, 1.0)

    def estimate(self, weight: float) -> float:
        """The difference estimator with this weight, stratum by stratum; a stratum without an account is left out."""
        sizes, means = self.population.sizes, self.population.means
        drawn = np.bincount(self.groups, minlength=len(sizes))
        rest = np.bincount(self.groups, self.at_least - weight * self.said, len(sizes))
        is_drawn = drawn > 0
        parts = weight * means[is_drawn] + rest[is_drawn] / drawn[is_drawn]
        return float(np.average(parts, weights=sizes[is_drawn]))


def _centred(values: Floats, groups: Places) -> Floats:
    return np.asarray(values - (np.bincount(groups, values) / np.maximum(np.bincount(groups), 1))[groups])


def _score_interval(share: float, accounts: float) -> tuple[float, float]:
    """Wilson's interval of a share known as exactly as ``accounts`` independent accounts would tell it."""
    centre = (share + _Z**2 / (2 * accounts)) / (1 + _Z**2 / accounts)
    margin = _Z * np.sqrt(share * (1 - share) / accounts + _Z**2 / (4 * accounts**2)) / (1 + _Z**2 / accounts)
    return max(0.0, float(centre - margin)), min(1.0, float(centre + margin))


def sample_alone(found: int, drawn: int, population: int) -> tuple[float, float]:
    """The interval that a simple random sample gives without a model: Wilson's, or the exact one of few accounts."""
    if _needs_exact(found, drawn, population):
        return exact_interval(found, drawn, population)
    return _score_interval(found / drawn, drawn / (1 - drawn / population))


def _needs_exact(found: int, drawn: int, population: int) -> bool:
    return min(found, drawn - found) < FEWEST_FOR_APPROXIMATION or drawn == population


@lru_cache(maxsize=4_096)
def exact_interval(found: int, drawn: int, population: int) -> tuple[float, float]:
    """The hypergeometric interval (Clopper and Pearson's, of a finite population) of a share.

    Args:
        found: drawn accounts that are at least at the cutoff.
        drawn: accounts drawn at random, without putting back.
        population: accounts they were drawn from.
    """
    tail = (1 - LEVEL) / 2
    possible = range(found, population - (drawn - found) + 1)
    low = bisect_right(possible, tail, key=lambda total: float(hypergeom.sf(found - 1, population, total, drawn)))
    high = bisect_left(possible, -tail, key=lambda total: -float(hypergeom.cdf(found, population, total, drawn)))
    return possible[low] / population, possible[high - 1] / population


def accounts_needed(width: float, population: int, share: float = 0.5, left: float = 1.0) -> int:
    """How many accounts to draw for an interval of this width.

    Args:
        width: of the 95 % interval, for example 0.2 for 10 points to either side.
        population: accounts that the share is about.
        share: what it will be; a half, of which the interval is widest, where nobody knows.
        left: what the model leaves of the variance, from 1 (no help) down to 0; see :func:`variance_left`.
    """

    def reached(size: int) -> float:
        low, high = _score_interval(share, size / left / (1 - size / population))
        return low - high

    sizes = range(2, population)
    return (2 + bisect_left(sizes, -width, key=reached)) if population > 2 else population


def variance_left(at_least: Bools, probability: Floats) -> float:
    """What of the variance of a sample's share the probabilities leave, on accounts of known age: 1 less r squared."""
    if len(at_least) < 3 or at_least.all() or not at_least.any() or not probability.std():
        return 1.0
    return float(1 - np.corrcoef(at_least, probability)[0, 1] ** 2)
