"""Which accounts stand behind a figure: a bar of the histogram, a cell of the confusion, a bin of the calibration.

What was clicked is a short text that fits an address, such as ``confusion under at_least``; from it and the
run the same accounts are found again. Charts hold counts alone: a hundred thousand accounts are never drawn.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

from core.reporting.charts import BINS, group_names
from core.reporting.run_results import RunAtThreshold
from core.statistics.calibration import calibration_bins
from core.utils.formatting import count

Figure = Literal["probability", "confusion", "calibration"]
Label = Literal["any", "labelled", "unlabelled", "at_least", "under"]

_GROUPS = ("under", "at_least", "no_label")


@dataclass(frozen=True)
class AccountList:
    """The accounts behind a part of a figure.

    Attributes:
        figure: of which.
        title: which accounts they are, in words.
        accounts: rows of the run: ``username``, ``probability``, ``posts``, ``age``; the most telling first.
    """

    figure: Figure
    title: str
    accounts: pd.DataFrame


@dataclass(frozen=True)
class AccountFilter:
    """Which accounts of a run to list; what is left as it is lets everybody pass.

    Attributes:
        username: text that the username contains, in any letter case.
        label: whether the age is known, and on which side of the cutoff it lies.
        probability: from and to.
        age: known age in years, from and to; None for any and for none.
        wrong: only those whose known age and prediction differ, the surest first.
    """

    username: str = ""
    label: Label = "any"
    probability: tuple[float, float] = (0.0, 1.0)
    age: tuple[float, float] | None = None
    wrong: bool = False


def bar_clicked(start: float, group: str, cutoff: float) -> str:
    """The text for a part of a bar of the histogram: where it begins, and its group as the chart names it."""
    return f"probability {round(start * BINS)} {_GROUPS[group_names(cutoff).index(group)]}"


def cell_clicked(label: int, predicted: int) -> str:
    """The text for a cell of the confusion; 0 is under the cutoff, 1 at least at it."""
    return f"confusion {_GROUPS[label]} {_GROUPS[predicted]}"


def bin_clicked(number: int) -> str:
    """The text for a bin of the calibration chart, counted from the lowest probability."""
    return f"calibration {number}"


def accounts_behind(view: RunAtThreshold, clicked: str, everybody: bool = False) -> AccountList | None:
    """The accounts behind what was clicked; None where the text says nothing that is known.

    Args:
        view: the run.
        clicked: as :func:`bar_clicked`, :func:`cell_clicked` or :func:`bin_clicked` give it.
        everybody: the histogram shows the accounts that made the model too.
    """
    figure, *values = clicked.split()[:3] or [""]
    finders: dict[str, Callable[[list[str]], AccountList | None]] = {
        "probability": lambda values: _of_bar(view, int(values[0]), values[1], everybody),
        "confusion": lambda values: _of_cell(view, values[0], values[1]),
        "calibration": lambda values: _of_bin(view, int(values[0])),
    }
    try:
        return finders[figure](values)
    except (KeyError, IndexError, ValueError):  # an address that somebody wrote
        return None


def accounts_passing(view: RunAtThreshold, chosen: AccountFilter) -> pd.DataFrame:
    """The accounts of the run that pass a filter, the most probable first; with ``wrong`` the surest errors first."""
    table = view.run.predictions
    probability, age = table["probability"], table["age"]
    passes = pd.Series(True, index=table.index)
    if text := chosen.username.strip().removeprefix("@").lower():
        passes &= table["username"].str.lower().str.contains(text, regex=False)
    if chosen.label in ("labelled", "unlabelled"):
        passes &= age.notna() if chosen.label == "labelled" else age.isna()
    if chosen.label in ("at_least", "under"):
        passes &= (age >= view.cutoff) if chosen.label == "at_least" else (age < view.cutoff)
    if chosen.age is not None:
        passes &= age.between(*chosen.age)
    if chosen.probability != (0.0, 1.0):
        passes &= probability.between(*chosen.probability)
    if chosen.wrong:
        passes &= age.notna() & probability.notna() & ((probability >= view.threshold) != (age >= view.cutoff))
        return _surest_first(table[passes], view.threshold)
    return _most_probable_first(table[passes])


def errors_in_words(view: RunAtThreshold, chosen: AccountFilter) -> str:
    """Of how many accounts a list of errors tells, where the model learnt from others, of which it tells too little."""
    known = accounts_passing(view, replace(chosen, wrong=False)).dropna(subset=["age", "probability"])
    learnt = int((known["username"].map(view.run.parts) == "train").sum())
    if not chosen.wrong or not learnt:
        return ""
    return (
        f"Of {count(len(known), 'account')} of known age that may be listed, the model learnt from {learnt:,}, and "
        f"hardly errs on those: how often it errs is told by the other {len(known) - learnt:,} alone."
    )


def _of_bar(view: RunAtThreshold, number: int, group: str, everybody: bool) -> AccountList:
    shown, who = view.distributed(everybody)
    place, known = _GROUPS.index(group), shown["age"].notna()
    of_group = ~known if group == "no_label" else known & ((shown["age"] >= view.cutoff) == (group == "at_least"))
    in_bar = (shown["probability"].clip(0, 1 - 1e-9) * BINS).fillna(-1).astype(int) == number
    title = (
        f"{who[:1].upper()}{who[1:]}, {group_names(view.cutoff)[place]}, with a probability from {number / BINS:.2f} "
        f"to {(number + 1) / BINS:.2f}"
    )
    return AccountList("probability", title, _most_probable_first(shown[of_group & in_bar]))


def _of_cell(view: RunAtThreshold, label: str, predicted: str) -> AccountList | None:
    sides, names = _GROUPS[:2], group_names(view.cutoff)
    places = sides.index(label), sides.index(predicted)
    table = _judged(view)
    if table is None:
        return None
    is_in = (table["at_least"] == bool(places[0])) & ((table["probability"] >= view.threshold) == bool(places[1]))
    known, told = (names[place] for place in places)
    side = "at or above" if places[1] else "below"
    title = f"Known to be {known}, predicted {told}: {side} the threshold of {view.threshold:.2f}"
    return AccountList("confusion", title, _surest_first(table[is_in], view.threshold))


def _of_bin(view: RunAtThreshold, number: int) -> AccountList | None:
    table = _judged(view)
    if table is None:
        return None
    inside = table[calibration_bins(table["probability"].to_numpy(dtype=float)) == number]
    if inside.empty:
        return None
    low, high = inside["probability"].min(), inside["probability"].max()
    title = f"Labelled accounts with a probability from {low:.2f} to {high:.2f}"
    return AccountList("calibration", title, _most_probable_first(inside))


def _judged(view: RunAtThreshold) -> pd.DataFrame | None:
    """The accounts that judge the run, where they are its own; those of a model's folder are not listed."""
    return view.judged.table if view.judged and view.judged.source == "run" else None


def _most_probable_first(table: pd.DataFrame) -> pd.DataFrame:
    return table.sort_values(["probability", "username"], ascending=[False, True], ignore_index=True)


def _surest_first(table: pd.DataFrame, threshold: float) -> pd.DataFrame:
    distance = (table["probability"] - threshold).abs()
    ordered = table.assign(distance=distance).sort_values(["distance", "username"], ascending=[False, True])
    return ordered.drop(columns="distance").reset_index(drop=True)
