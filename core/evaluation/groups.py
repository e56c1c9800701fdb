"""Shares of groups of a list, or of several lists, side by side, with the intervals of their differences."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from types import MappingProxyType
from typing import NotRequired, TypedDict

import pandas as pd

from core.errors import InputError
from core.evaluation.group_audits import audit_groups, audited_differences
from core.evaluation.likeness import Likeness
from core.evaluation.prevalence import PrevalenceSample, predicted_accounts, prevalence_sample
from core.evaluation.share_records import (
    EstimateRecord,
    GroupDifferenceRecord,
    GroupShareRecord,
    GroupsRecord,
    estimate_record,
)
from core.statistics.calibration import Floats
from core.statistics.differences import corrected_difference, counted_difference
from core.statistics.estimate import Estimate
from core.statistics.metrics import share_interval
from core.statistics.prevalence import LabelledProbabilities
from core.storage.csv_records import ListRows
from core.storage.field_names import plain_name as plain_column
from core.storage.listed import Interval
from core.storage.usernames import canonical_username, username_error
from core.utils.formatting import count


class Asked(TypedDict):
    """At which threshold and cutoff groups are compared, and why there are no corrected shares, if there are none."""

    threshold: float
    age_cutoff: float
    withheld: NotRequired[list[str]]


BY_LIST = "list"
"""The name under which each list is a group."""

MOST_GROUPS = 12


def groups_of(lists: Sequence[Path], by: str) -> dict[str, set[str]]:
    """The accounts of each group: of each list, or of each value of a column of the lists.

    Raises:
        InputError: the lists have no such column, or it has one value or too many.
    """
    groups: dict[str, set[str]] = {}
    for path in lists:
        for row in ListRows(path, path.name):
            username = "" if row.fault else canonical_username(row.cells["username"])
            if row.fault or username_error(username):
                continue
            value = path.name if by == BY_LIST else row.cells.get(plain_column(by).lower())
            if value is None:
                raise InputError(f"{path.name} has no column {by!r}. Name one of its columns, or {BY_LIST!r}.")
            groups.setdefault(value or "not given", set()).add(username)
    if not 2 <= len(groups) <= MOST_GROUPS:
        raise InputError(
            f"--by {by} makes {count(len(groups), 'group')}; 2 to {MOST_GROUPS} can be compared. Choose another column."
        )
    return groups


def columns_with_groups(lists: Sequence[Path]) -> list[str]:
    """By what the accounts of lists can be compared: columns with 2 to 12 values, and the lists, where there are two.

    Raises:
        InputError: a list cannot be used.
    """
    values: dict[str, set[str]] = {}
    for path in lists:
        for row in ListRows(path, path.name):
            for column, value in {} if row.fault else row.cells.items():
                values.setdefault(column, set()).add(value)
    columns = [name for name, its in values.items() if 2 <= len(its) <= MOST_GROUPS and name != "username"]
    return [*([BY_LIST] if len(lists) > 1 else ()), *sorted(columns)]


def compare_groups(
    by: str,
    groups: Mapping[str, set[str]],
    table: pd.DataFrame,
    found: Asked,
    likeness: Likeness | None,
    audits: Mapping[str, Path] = MappingProxyType({}),
) -> GroupsRecord:
    """Each group's shares, and the difference of every two, ready for JSON.

    Args:
        by: what makes the groups.
        groups: the accounts of each.
        table: ``username`` and ``probability`` of everybody.
        found: what is said of them together; where it withholds the corrected share, those of the groups and their
            differences are withheld as well.
        likeness: how the accounts of a group compare with the training ones; None where only counts are wanted.
        audits: the filled-in audit sample of each group that has one.

    Raises:
        InputError: an audit sample cannot be used.
    """
    threshold, cutoff = found["threshold"], found["age_cutoff"]
    members = members_of_groups(groups, table)
    samples = {name: _sample(rows, likeness, cutoff) for name, rows in members.items()}
    withheld = {name: _withheld(sample, threshold) or found.get("withheld", []) for name, sample in samples.items()}
    audited = audit_groups(audits, members, cutoff)
    audited_gaps = audited_differences(audited, groups)
    shares, differences = [], []
    for name, accounts in groups.items():
        share = _share(name, len(accounts), samples[name], threshold, withheld[name])
        if name in audited:
            share["audited"] = audited[name]
        shares.append(share)
    for pair in combinations(groups, 2):
        first, second = pair
        why = _not_compared(groups[first] & groups[second])
        difference = _difference(pair, samples, threshold, why, withheld[first] or withheld[second])
        if pair in audited_gaps:
            difference["audited"] = estimate_record(audited_gaps[pair])
        differences.append(difference)
    return {"by": by, "shares": shares, "differences": differences}


def members_of_groups(groups: Mapping[str, set[str]], table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows of ``table`` of each group's accounts."""
    return {name: table[table["username"].isin(names)] for name, names in groups.items()}


def _sample(rows: pd.DataFrame, likeness: Likeness | None, cutoff: float) -> PrevalenceSample | Floats:
    """What a group's shares rest on; its probabilities alone where no correction can be had."""
    probability = rows["probability"].dropna().to_numpy(dtype=float)
    if likeness is None or likeness.model is None:
        return probability
    try:
        return prevalence_sample(rows, likeness.model, cutoff, likeness.of(predicted_accounts(rows)))
    except InputError:  # nobody of the group is new to the model
        return probability[:0]


def _withheld(sample: PrevalenceSample | Floats, threshold: float) -> list[str]:
    """Why a group has no corrected share; none where it has one, or where none can be had."""
    if not isinstance(sample, PrevalenceSample):
        return []
    return sample.at(threshold)["withheld"]


def _probability(sample: PrevalenceSample | Floats) -> Floats:
    return sample.probability if isinstance(sample, PrevalenceSample) else sample


def _known(sample: PrevalenceSample | Floats) -> LabelledProbabilities | None:
    return sample.known if isinstance(sample, PrevalenceSample) else None


def _share(
    name: str, listed: int, sample: PrevalenceSample | Floats, threshold: float, withheld: Sequence[str]
) -> GroupShareRecord:
    probability = _probability(sample)
    counted, total = int((probability >= threshold).sum()), len(probability)
    low, high = share_interval(counted, total)
    raw: Interval = {"value": counted / total if total else None, "low": low, "high": high}
    share: GroupShareRecord = {"group": name, "listed": listed, "counted": total, "raw": raw}
    if isinstance(sample, PrevalenceSample):
        of_it = sample.at(threshold)["rogan_gladen"]
        corrected = Estimate(of_it["value"], of_it["low"], of_it["high"], of_it["note"])
        share["rogan_gladen"] = _unless_withheld(corrected, withheld)
    return share


def _difference(
    pair: tuple[str, str],
    samples: Mapping[str, PrevalenceSample | Floats],
    threshold: float,
    not_compared: str | None,
    withheld: Sequence[str],
) -> GroupDifferenceRecord:
    first, second = (samples[name] for name in pair)
    one, other, known = _probability(first), _probability(second), _known(first) or _known(second)
    if not_compared:
        nothing = estimate_record(Estimate(None, note=not_compared))
        return {"first": pair[0], "second": pair[1], "raw": nothing, "rogan_gladen": nothing}
    raw = estimate_record(counted_difference(one, other, threshold))
    difference: GroupDifferenceRecord = {"first": pair[0], "second": pair[1], "raw": raw}
    if known is not None:
        difference["rogan_gladen"] = _unless_withheld(corrected_difference(one, other, known, threshold), withheld)
    return difference


def _not_compared(shared: set[str]) -> str | None:
    """Why two groups cannot be compared, if they cannot."""
    if not shared:
        return None
    return f"{count(len(shared), 'account')} in both; only groups without a common account can be compared"


def _unless_withheld(estimate: Estimate, withheld: Sequence[str]) -> EstimateRecord:
    return estimate_record(Estimate(None, note=" ".join(withheld)) if withheld else estimate)
