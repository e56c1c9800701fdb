"""Figures of groups: right in each, with intervals, and none of a group that is too small."""

import numpy as np
import pytest

from core.statistics.subgroups import caption_groups, subgroups


def test_each_group_has_its_own_figures_and_small_ones_are_left_out() -> None:
    rng = np.random.default_rng(1)
    at_least = rng.random(300) < 0.5
    probability = np.where(at_least, 0.8, 0.2)
    language = np.array(["en"] * 150 + ["es"] * 130 + ["fi"] * 20)
    probability[150:280] = 0.8  # in Spanish it calls everybody at least
    at_least[280:295], at_least[295:] = True, False  # five under the cutoff are too few
    found, too_small = subgroups(
        at_least, probability, probability >= 0.5, {"language": language.tolist(), "one": ["a"] * 300}
    )
    assert [(each.by, each.group, each.accounts) for each in found] == [
        ("language", "en", 150),
        ("language", "es", 130),
    ]
    english, spanish = found
    assert english.accuracy.value == 1 and english.auc.value == 1
    assert spanish.specificity.value == 0 and spanish.sensitivity.value == 1
    assert spanish.specificity.high == pytest.approx(3.84 / (3.84 + (~at_least[150:280]).sum()), abs=0.01)
    assert too_small == {"language": 20}


def test_a_column_of_a_name_each_is_no_grouping() -> None:
    at_least = np.arange(400) % 2 == 0
    found, too_small = subgroups(
        at_least, np.full(400, 0.5), at_least, {"city": [f"city {at // 25}" for at in range(400)]}
    )
    assert found == [] and too_small == {}


def test_accounts_are_grouped_by_their_number_of_captions() -> None:
    assert caption_groups([1, 4, 5, 49, 100, 2000]) == [
        "1 to 4",
        "1 to 4",
        "5 to 9",
        "20 to 49",
        "100 or more",
        "100 or more",
    ]
