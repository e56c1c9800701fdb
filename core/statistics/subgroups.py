"""How good predictions are in each group of accounts, and which groups are too small to say."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from core.statistics.calibration import Bools, Floats
from core.statistics.estimate import Estimate, Subgroup
from core.statistics.metrics import SEED, metrics, share_interval

FEWEST_OF_A_SIDE = 10
"""A group with fewer labelled accounts under the cutoff, or at least at it, is left out."""
NOT_GIVEN = "not given"

_RESAMPLES = 500
_MOST_GROUPS = 12
_CAPTIONS = (1, 5, 10, 20, 50, 100)


def subgroups(
    at_least: Bools, probability: Floats, predicted: Bools, columns: Mapping[str, Sequence[str]]
) -> tuple[list[Subgroup], dict[str, int]]:
    """The figures of every group that is large enough.

    Args:
        at_least: (accounts,) the truth.
        probability: (accounts,) of that.
        predicted: (accounts,) whether "at least" is predicted.
        columns: what to group by -> the group of each account. One with a single group tells nothing, and one
            with more than 12 large enough groups is no grouping; both are left out.

    Returns:
        The groups, the largest first within each column; and of each column how many accounts are in groups
        that are too small.
    """
    found, too_small = list[Subgroup](), dict[str, int]()
    for by, values in columns.items():
        of = pd.Series([str(value).strip() or NOT_GIVEN for value in values], dtype=object)
        sizes = of.value_counts()
        rows = [(str(group), (of == group).to_numpy(dtype=bool)) for group in sizes.index]
        large = [(group, own) for group, own in rows if _is_large(at_least[own])]
        if len(sizes) < 2 or len(large) > _MOST_GROUPS:
            continue
        found += [_figures(by, group, at_least[own], probability[own], predicted[own]) for group, own in large]
        too_small[by] = len(of) - sum(int(own.sum()) for _, own in large)
    return found, too_small


def caption_groups(captions: Sequence[int]) -> list[str]:
    """The group of each account by its number of captions."""
    ends = [f"{low} to {high - 1}" for low, high in pairwise(_CAPTIONS)]
    names = [*ends, f"{_CAPTIONS[-1]} or more"]
    return [names[max(0, int(at))] for at in np.searchsorted(_CAPTIONS, captions, side="right") - 1]


def _is_large(truth: Bools) -> bool:
    return min(int(truth.sum()), int((~truth).sum())) >= FEWEST_OF_A_SIDE


def _figures(by: str, group: str, truth: Bools, probability: Floats, predicted: Bools) -> Subgroup:
    figures = metrics(truth, probability, predicted, _RESAMPLES, SEED)
    hits, rejections = int((truth & predicted).sum()), int((~truth & ~predicted).sum())
    return Subgroup(
        by,
        group,
        len(truth),
        int(truth.sum()),
        figures["accuracy"],
        _share(hits, int(truth.sum())),
        _share(rejections, int((~truth).sum())),
        figures["auc"],
    )


def _share(hits: int, total: int) -> Estimate:
    low, high = share_interval(hits, total)
    return Estimate(hits / total, low, high)
