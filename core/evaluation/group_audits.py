"""Audited shares of groups side by side: a sample was drawn from each group, and tells which one it is of."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import pandas as pd

from core.errors import InputError
from core.evaluation.audit import audited
from core.evaluation.share_records import AuditRecord
from core.statistics.differences import audited_difference
from core.statistics.estimate import Estimate
from core.storage.audit_file import fingerprint, read_filled_sample
from core.utils.formatting import count

Tables = Mapping[str, pd.DataFrame]
"""Group -> ``username`` and ``probability`` of its accounts."""

_NOT_AUDITED = "both groups need an audit sample of their own: audit-sample with --user-file draws it"


def sort_audits(audits: Sequence[Path], everybody: pd.DataFrame, groups: Tables) -> tuple[Path | None, dict[str, Path]]:
    """Of whom each audit sample is: the one of ``everybody``, if there is one, and those of groups.

    Raises:
        InputError: a sample is of none of them, or two are of the same accounts.
    """
    if not groups and len(audits) < 2:
        return (audits[0] if audits else None), {}
    owners: dict[str, str | None] = {_print_of(rows): name for name, rows in groups.items()}
    owners[_print_of(everybody)] = None
    found: dict[str | None, Path] = {}
    for path in audits:
        drawn_from = read_filled_sample(path).draw.population
        if drawn_from not in owners:
            raise InputError(
                f"{path.name} was drawn from other accounts than those of the predictions, of the lists or of a group. "
                "Give the predictions and lists that it was drawn from."
            )
        if owners[drawn_from] in found:
            raise InputError(
                f"{path.name} and {found[owners[drawn_from]].name} are of the same accounts. Give the larger one alone."
            )
        found[owners[drawn_from]] = path
    return found.get(None), {name: path for name, path in found.items() if name is not None}


def audit_groups(audits: Mapping[str, Path], groups: Tables, cutoff: float) -> dict[str, AuditRecord]:
    """The audited share of each group that has a sample, as :func:`core.evaluation.audit.audited` gives it.

    Raises:
        InputError: a sample tells no age, or holds what cannot be understood.
    """
    return {name: audited(groups[name].reset_index(drop=True), path, cutoff) for name, path in audits.items()}


def audited_differences(
    shares: Mapping[str, AuditRecord], groups: Mapping[str, set[str]]
) -> dict[tuple[str, str], Estimate]:
    """The difference of every two groups of which one has an audited share at least."""
    return {
        (one, other): _difference(shares.get(one), shares.get(other), len(groups[one] & groups[other]))
        for one, other in combinations(groups, 2)
        if one in shares or other in shares
    }


def _difference(first: AuditRecord | None, second: AuditRecord | None, shared: int) -> Estimate:
    if first is None or second is None:
        return Estimate(None, note=_NOT_AUDITED)
    if shared:
        note = f"{count(shared, 'account')} in both; only groups without a common account can be compared"
        return Estimate(None, note=note)
    is_told = all(each["accounts"]["told"] == each["sample"] for each in (first, second))
    one, other = (Estimate(each["value"], each["low"], each["high"]) for each in (first, second))
    return audited_difference(one, other, is_told)


def _print_of(rows: pd.DataFrame) -> str:
    return fingerprint(rows["username"], rows["probability"])
