"""The figures by language, number of captions and columns of the labels, in words."""

from collections.abc import Mapping, Sequence

import pandas as pd

from core.reporting.run_results import RunAtThreshold
from core.statistics.estimate import Subgroup
from core.statistics.subgroups import FEWEST_OF_A_SIDE, NOT_GIVEN, caption_groups, subgroups
from core.utils.formatting import count, number

_ASIDE = ("username", "age", "at_least", "probability", "prediction", "posts")


def subgroup_table(view: RunAtThreshold, known: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """A row a group of the labelled accounts of a run, and which accounts no group has, as a sentence.

    Args:
        view: the run; without labelled accounts of its own the table is empty.
        known: ``username``, ``language`` and the further columns of the labels.
    """
    if view.judged is None or view.judged.source != "run":
        return pd.DataFrame(), ""
    table = view.judged.table.merge(known, on="username", how="left", suffixes=("", "_label"))
    columns: dict[str, Sequence[str]] = {
        "language": table["language"].fillna(NOT_GIVEN).tolist(),
        "captions used": caption_groups(table["posts"].fillna(0).astype(int).tolist()),
    }
    further = [str(name) for name in known if name not in (*_ASIDE, "language")]
    columns |= {name: table[name].fillna("").astype(str).tolist() for name in further}
    probability = table["probability"].to_numpy(dtype=float)
    found, too_small = subgroups(
        table["at_least"].to_numpy(dtype=bool), probability, probability >= view.threshold, columns
    )
    return as_table(found, view.cutoff), left_out_in_words(too_small)


def as_table(found: Sequence[Subgroup], cutoff: float) -> pd.DataFrame:
    """The groups in words: by, group, accounts, accuracy, sensitivity, specificity, AUC."""
    return pd.DataFrame(
        [
            {
                "by": each.by,
                "group": each.group,
                "accounts": f"{number(each.accounts)} ({number(each.at_least)} at least {cutoff:g})",
                "accuracy": each.accuracy.in_words(2),
                "sensitivity": each.sensitivity.in_words(2),
                "specificity": each.specificity.in_words(2),
                "AUC": each.auc.in_words(2),
            }
            for each in found
        ]
    )


def left_out_in_words(too_small: Mapping[str, int]) -> str:
    """Which accounts are in groups that are too small, as a sentence; nothing where there are none."""
    parts = [f"{count(accounts, 'account')} by {by}" for by, accounts in too_small.items() if accounts]
    if not parts:
        return ""
    return (
        f"In groups with fewer than {FEWEST_OF_A_SIDE} labelled accounts on a side of the cutoff, of which no figures "
        f"are given: {', '.join(parts)}."
    )
