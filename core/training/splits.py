"""Which accounts train, choose and test a model: by account, stratified, and written down.

The accounts of a group of near duplicates (the same texts under two names) stay on one side;
otherwise a model that has learnt an account by heart would be praised for knowing its twin.
"""

import csv
import io
from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np

from core.errors import InputError
from core.storage.usernames import canonical_username
from core.utils.io import read_text
from core.utils.spreadsheets import plain_name

Parts = dict[str, list[str]]
"""The usernames of each part, sorted."""

PARTS = ("train", "validation", "test")
SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}


_T = TypeVar("_T")


def split_accounts(
    strata: Mapping[str, Hashable],
    seed: int,
    shares: Mapping[str, float] | None = None,
    groups: Iterable[Sequence[str]] = (),
) -> Parts:
    """Divide accounts into parts that each hold the strata in the same proportions.

    The result depends on the accounts, their strata, the groups and the seed, not on their order.

    Args:
        strata: username -> what to balance, for example whether the age is at least the cutoff.
        seed: of the draw.
        shares: part -> its share of the accounts; :data:`SHARES` if None.
        groups: accounts that must stay together, such as :func:`core.training.near_duplicates.near_duplicates`, each
        in one group
            only; names that are not in ``strata`` are ignored.
    """
    shares = SHARES if shares is None else shares
    rng = np.random.default_rng(seed)
    by_stratum = _by_stratum(strata, strata)
    room = {key: {part: shares[part] * len(names) for part in shares} for key, names in by_stratum.items()}
    parts: Parts = {part: [] for part in shares}
    together = sorted(kept for group in groups if len(kept := sorted(set(group) & strata.keys())) > 1)
    for group in sorted(_shuffled(rng, together), key=len, reverse=True):
        best = max(shares, key=lambda part: sum(room[strata[username]][part] for username in group))
        parts[best] += group
        for username in group:
            room[strata[username]][best] -= 1
    alone = strata.keys() - {username for group in together for username in group}
    for key, usernames in _by_stratum(alone, strata).items():
        drawn = iter(_shuffled(rng, usernames))
        for part, count in _proportional(len(usernames), room[key]).items():
            parts[part] += islice(drawn, count)
    return {part: sorted(usernames) for part, usernames in parts.items()}


def k_folds(strata: Mapping[str, Hashable], folds: int, seed: int, groups: Iterable[Sequence[str]] = ()) -> list[Parts]:
    """Divide accounts into ``folds`` parts and return, for each, ``test`` (it) and ``train`` (the others)."""
    parts = split_accounts(strata, seed, {str(fold): 1 / folds for fold in range(folds)}, groups)
    everyone = set(strata)
    return [{"train": sorted(everyone - set(test)), "test": test} for test in parts.values()]


def groups_across_parts(parts: Parts, groups: Iterable[Sequence[str]]) -> list[list[str]]:
    """The groups of near duplicates that lie in more than one part of a split that was given."""
    part_of = {username: part for part, usernames in parts.items() for username in usernames}
    within = ([username for username in group if username in part_of] for group in groups)
    return [group for group in within if len({part_of[username] for username in group}) > 1]


def read_split(path: Path) -> Parts:
    """Read a CSV of ``username,part`` with the parts train, validation and, if wanted, test.

    Raises:
        InputError: a column or a part is missing, a part is unknown, or an account is in two parts.
    """
    reader = csv.DictReader(io.StringIO(read_text(path)))
    if not {"username", "part"} <= set(reader.fieldnames or ()):
        raise InputError(f"{path.name} is no split: its first line must name the columns username and part.")
    part_of: dict[str, str] = {}
    for row in reader:
        username, part = canonical_username(plain_name(row["username"] or "")), (row["part"] or "").strip().lower()
        if part not in PARTS:
            raise InputError(f"{path.name}, line {reader.line_num}: the part must be one of {', '.join(PARTS)}.")
        if part_of.setdefault(username, part) != part:
            raise InputError(f"{path.name}, line {reader.line_num}: this account is in two parts; keep it in one.")
    parts = {part: sorted(name for name, its in part_of.items() if its == part) for part in PARTS}
    for part in ("train", "validation"):
        if not parts[part]:
            raise InputError(f"{path.name} puts no account into {part}; a model needs both train and validation.")
    return parts


# --------------------------------------------------------------------------------- near duplicates


# ------------------------------------------------------------------------------------------ drawing


def _by_stratum(usernames: Iterable[str], strata: Mapping[str, Hashable]) -> dict[Hashable, list[str]]:
    found: dict[Hashable, list[str]] = {}
    for username in sorted(usernames):
        found.setdefault(strata[username], []).append(username)
    return found


def _shuffled(rng: np.random.Generator, items: Sequence[_T]) -> list[_T]:
    return [items[index] for index in rng.permutation(len(items))]


def _proportional(number: int, room: Mapping[str, float]) -> dict[str, int]:
    """Divide ``number`` by the room in each part: whole numbers, the largest remainders rounded up."""
    weights = np.maximum(list(room.values()), 0)
    exact = number * weights / weights.sum() if weights.sum() else np.full(len(room), number / len(room))
    counts = np.floor(exact + 1e-9).astype(int)
    missing = number - int(counts.sum())
    counts[np.argsort(counts - exact, kind="stable")[:missing]] += 1
    return dict(zip(room, counts.tolist(), strict=True))
