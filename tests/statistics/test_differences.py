"""The difference of two groups' shares: known better than two intervals let one think, and never where it is not."""

import numpy as np
import pytest

from bench.prevalence import MODELS, one_draw
from core.statistics.audit import AuditPopulation, audited_share
from core.statistics.differences import audited_difference, corrected_difference, counted_difference
from core.statistics.estimate import Estimate
from core.statistics.prevalence import LabelledProbabilities, rogan_gladen

STRONG = MODELS["strong, overconfident (AUC 0.94)"]


def test_the_difference_is_that_of_the_corrected_shares_with_a_narrower_interval_than_theirs_together() -> None:
    rng = np.random.default_rng(1)
    first, known = one_draw(STRONG, 0.6, (100, 100, 1_000), rng)
    second, _ = one_draw(STRONG, 0.4, (1, 1, 1_000), rng)
    found = corrected_difference(first, second, known, 0.5)
    shares = [rogan_gladen(group, known, 0.5) for group in (first, second)]
    assert found.value == pytest.approx(shares[0].value - shares[1].value)  # type: ignore[operator]
    assert found.low < 0.2 < found.high  # type: ignore[operator]
    assert found.high - found.low < sum(share.high - share.low for share in shares)  # type: ignore[operator, misc]
    turned = corrected_difference(second, first, known, 0.5)
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))  # type: ignore[operator]


@pytest.mark.parametrize(("shares", "size"), [((0.5, 0.5), 60), ((0.7, 0.4), 300), ((0.1, 0.3), 300)])
def test_intervals_hold_the_truth_about_as_often_as_they_say(shares: tuple[float, float], size: int) -> None:
    rng = np.random.default_rng(2)
    held = 0
    for _ in range(400):
        first, known = one_draw(STRONG, shares[0], (60, 60, size), rng)
        second, _ = one_draw(STRONG, shares[1], (1, 1, size), rng)
        found = corrected_difference(first, second, known, 0.5)
        assert found.low is not None and found.high is not None
        held += found.low <= shares[0] - shares[1] <= found.high
    assert 0.92 <= held / 400 <= 0.985


def test_without_accounts_or_a_model_that_tells_there_is_no_difference_to_report() -> None:
    some, nobody = np.array([0.2, 0.9]), np.empty(0)
    assert counted_difference(some, nobody, 0.5).value is None
    useless = LabelledProbabilities(np.array([True, False] * 10), np.full(20, 0.9))
    assert corrected_difference(some, nobody, useless, 0.5).value is None
    assert "hardly tells" in str(corrected_difference(some, some, useless, 0.5).note)


def audited(share: float, size: int, rng: np.random.Generator) -> Estimate:
    """The share of 2,000 accounts from a sample of some of them."""
    at_least = np.arange(2_000) < share * 2_000
    population = AuditPopulation(
        np.clip(0.3 + 0.4 * at_least + 0.2 * rng.normal(size=2_000), 0, 1), np.zeros(2_000, int)
    )
    drawn = rng.choice(2_000, size, replace=False)
    found = audited_share(at_least[drawn].astype(float), drawn, population)
    return Estimate(found.value, found.low, found.high)


@pytest.mark.parametrize(("shares", "size"), [((0.5, 0.5), 40), ((0.8, 0.4), 100)])
def test_intervals_of_two_audited_shares_difference_hold_the_truth(shares: tuple[float, float], size: int) -> None:
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(400):
        found = audited_difference(audited(shares[0], size, rng), audited(shares[1], size, rng))
        assert found.low is not None and found.high is not None
        held += found.low <= shares[0] - shares[1] <= found.high
    assert 0.92 <= held / 400 <= 0.985


def test_an_audited_share_that_is_missing_leaves_no_difference_and_says_why() -> None:
    known = Estimate(0.5, 0.4, 0.6)
    assert audited_difference(known, Estimate(None, note="no sample")).note == "no sample"
    assert audited_difference(Estimate(None, note="no sample"), known).value is None
