"""The share from a random sample: exact where it must be, helped by a model where that helps, right whatever it is."""

import numpy as np
import pytest
from scipy.stats import hypergeom

from bench.audit import MODELS, SURE_MODELS, Cell, coverage
from core.statistics.audit import (
    EXACT,
    AuditPopulation,
    accounts_needed,
    allocation,
    audited_share,
    bounded_share,
    exact_interval,
    sample_alone,
    strata_by_probability,
    variance_left,
)
from core.statistics.calibration import Floats

GOOD, _, USELESS, INVERTED = MODELS


def drawn(
    share: float, size: int, model: str = GOOD, total: int = 2_000, seed: int = 1
) -> tuple[Floats, "np.ndarray[tuple[int], np.dtype[np.intp]]", AuditPopulation]:
    """Who of the drawn is at least at the cutoff, where they stand, and the population."""
    rng = np.random.default_rng(seed)
    at_least = np.arange(total) < share * total
    places = rng.choice(total, size, replace=False)
    population = AuditPopulation(MODELS[model](at_least, rng), np.zeros(total, dtype=np.intp))
    return at_least[places].astype(float), places, population


@pytest.mark.parametrize("of", [(0, 30, 300), (3, 30, 300), (30, 30, 300), (4, 200, 3_000), (1, 2, 5), (5, 5, 5)])
def test_the_exact_interval_holds_every_total_that_is_not_improbable_and_no_other(of: tuple[int, int, int]) -> None:
    found, size, total = of
    totals = np.arange(total + 1)
    fits = (hypergeom.sf(found - 1, total, totals, size) > 0.025) & (hypergeom.cdf(found, total, totals, size) > 0.025)
    inside = np.flatnonzero(fits) / total
    assert exact_interval(*of) == pytest.approx((inside[0], inside[-1]))


def test_few_accounts_on_a_side_get_the_exact_interval() -> None:
    truth, places, population = drawn(0.5, 40)
    few = np.where(np.cumsum(truth) <= 4, truth, 0.0)
    found = audited_share(few, places, population)
    assert (found.method, found.weight) == (EXACT, 0)
    assert (found.low, found.high) == exact_interval(4, 40, 2_000)


def test_whoever_labels_everybody_knows_the_share() -> None:
    truth, places, population = drawn(0.3, 2_000)
    found = audited_share(truth, places, population)
    assert (found.value, found.low, found.high) == (0.3, 0.3, 0.3)


@pytest.mark.parametrize(("model", "sign"), [(GOOD, 1), (INVERTED, -1)])
def test_a_model_that_tells_makes_the_interval_narrower_upside_down_too(model: str, sign: int) -> None:
    truth, places, population = drawn(0.4, 200, model)
    found = audited_share(truth, places, population)
    alone = sample_alone(int(truth.sum()), 200, 2_000)
    assert found.high - found.low < 0.75 * (alone[1] - alone[0])
    assert found.weight * sign > 0.3
    assert found.worth > 350


@pytest.mark.parametrize("seed", range(20))
def test_no_model_makes_it_wider_than_the_sample_alone(seed: int) -> None:
    truth, places, population = drawn(0.4, 60, USELESS, seed=seed)
    found = audited_share(truth, places, population)
    alone = sample_alone(int(truth.sum()), 60, 2_000)
    assert found.high - found.low <= 1.01 * (alone[1] - alone[0])


def test_accounts_without_a_probability_do_no_harm() -> None:
    truth, places, population = drawn(0.4, 100)
    silent = np.where(np.arange(2_000) % 3 == 0, np.nan, population.probability)
    found = audited_share(truth, places, AuditPopulation(silent, population.strata))
    assert found.low < 0.4 < found.high
    nobody = audited_share(truth, places, AuditPopulation(np.full(2_000, np.nan), population.strata))
    assert nobody.value == pytest.approx(truth.mean())
    assert (nobody.low, nobody.high) == sample_alone(int(truth.sum()), 100, 2_000)


def test_ages_not_told_bound_the_answer_from_both_sides() -> None:
    truth, places, population = drawn(0.4, 100)
    told = np.where(np.arange(100) < 10, np.nan, truth)
    bounded = bounded_share(told, places, population)
    for side in (0.0, 1.0):
        whole = audited_share(np.where(np.isnan(told), side, told), places, population)
        assert bounded.low <= whole.low
        assert whole.high <= bounded.high
    assert bounded.low < bounded.value < bounded.high
    assert bounded_share(truth, places, population) == audited_share(truth, places, population)


def test_strata_are_of_one_size_and_in_the_order_of_probability() -> None:
    rng = np.random.default_rng(1)
    probability = np.where(rng.random(503) < 0.2, np.nan, rng.random(503))
    strata = strata_by_probability(probability, rng.permutation(503))
    assert set(np.bincount(strata)) == {100, 101}
    known = ~np.isnan(probability)
    assert all(probability[known & (strata == at)].max() <= probability[known & (strata > at)].min() for at in range(4))


@pytest.mark.parametrize(("sizes", "wanted"), [((100, 100, 101), 50), ((60,) * 5, 32), ((3, 3), 9)])
def test_strata_give_their_share_of_the_sample(sizes: tuple[int, ...], wanted: int) -> None:
    given = allocation(np.array(sizes), wanted)
    assert given.sum() == min(wanted, sum(sizes))
    assert np.abs(given - np.array(sizes) * min(1, wanted / sum(sizes))).max() < 1


@pytest.mark.parametrize("width", [0.05, 0.1, 0.2])
def test_so_many_accounts_as_it_says_give_the_width_one_fewer_does_not(width: float) -> None:
    needed = accounts_needed(width, 1_000)
    widths = [np.diff(sample_alone(size // 2, size, 1_000))[0] for size in (needed + needed % 2, needed - 2)]
    assert widths[0] <= width < widths[1]
    assert accounts_needed(width, 1_000, left=0.4) < needed < accounts_needed(width, 100_000)


def test_what_a_model_leaves_of_the_variance_is_known_from_labelled_accounts() -> None:
    truth, places, population = drawn(0.5, 500)
    assert variance_left(truth > 0, population.probability[places]) == pytest.approx(0.4, abs=0.1)
    assert variance_left(truth > 2, population.probability[places]) == 1
    assert variance_left(truth > 0, np.full(500, 0.3)) == 1


@pytest.mark.parametrize(
    "cell",
    [
        Cell("simple", GOOD, 3_000, 50, 0.3),
        Cell("simple", USELESS, 3_000, 100, 0.1),
        Cell("stratified", INVERTED, 300, 50, 0.5),
        Cell("stratified", [*SURE_MODELS][1], 3_000, 100, 0.1),
    ],
)
def test_intervals_hold_the_truth_about_as_often_as_they_say(cell: Cell) -> None:
    found = coverage(cell, 800)
    assert 0.92 <= found.held <= 0.985
    assert found.width <= 1.05 * found.alone
