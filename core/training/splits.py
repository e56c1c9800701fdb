"""Which accounts train, choose and test a model: by account, stratified, and written down.

The accounts of a group of near duplicates (the same texts under two names) stay on one side;
otherwise a model that has learnt an account by heart would be praised for knowing its twin.
"""

import csv
import io
import re
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from core.errors import InputError
from core.storage.predictions_file import plain_name, safe_name
from core.storage.user_lists import canonical_username
from core.utils.io import read_text, write_atomically

Parts = dict[str, list[str]]
"""The usernames of each part, sorted."""

PARTS = ("train", "validation", "test")
SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}

_SHINGLE_WORDS = 4
_SKETCH_SIZE = 256
_MIN_WORDS = 3
_MIN_SHARED = 5
_DUPLICATE_SHARE = 0.5
_NEIGHBOURS = 8
_ACCOUNTS_AT_ONCE = 500
_WORD = re.compile(r"\w+")

_T = TypeVar("_T")
_Hashes = npt.NDArray[np.uint64]
_Indices = npt.NDArray[np.int64]


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
        groups: accounts that must stay together, such as :func:`near_duplicates`, each in one group
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


def straddling(parts: Parts, groups: Iterable[Sequence[str]]) -> list[list[str]]:
    """The groups of near duplicates that lie in more than one part of a split that was given."""
    part_of = {username: part for part, usernames in parts.items() for username in usernames}
    within = ([username for username in group if username in part_of] for group in groups)
    return [group for group in within if len({part_of[username] for username in group}) > 1]


def write_split(path: Path, parts: Parts) -> None:
    """Write a split as a CSV of ``username,part``, atomically."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["username", "part"])
    writer.writerows([safe_name(username), part] for part, usernames in parts.items() for username in usernames)
    write_atomically(path, buffer.getvalue())


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


def near_duplicates(captions: Iterable[tuple[str, Sequence[str]]]) -> list[list[str]]:
    """Groups of accounts that hold largely the same texts, each sorted; accounts without a twin are left out.

    Two accounts belong together when at least half of the smaller one's texts stand in the other
    too, told by the hashes of runs of four words, of which at most 256 are kept an account (the
    smallest, so that accounts keep the same ones). Five such runs must agree, and captions of less
    than three words do not count: many people write "happy birthday". Time and memory grow
    linearly with the text and the accounts.

    Args:
        captions: (username, captions) of each account; read once, a few hundred accounts at a time.
    """
    usernames: list[str] = []
    sketches: list[tuple[_Hashes, _Indices]] = []
    remaining = iter(captions)
    while some := list(islice(remaining, _ACCOUNTS_AT_ONCE)):
        hashes, owners = _sketch([texts for _, texts in some])
        sketches.append((hashes, owners + len(usernames)))
        usernames += [username for username, _ in some]
    if not usernames:
        return []
    hashes, owners = (np.concatenate(arrays) for arrays in zip(*sketches, strict=True))
    pairs = _pairs_of_twins(hashes, owners, len(usernames))
    size = len(usernames)
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(size, size))
    _, component = connected_components(graph, directed=False)
    return sorted(_groups_of_several(usernames, component))


# --------------------------------------------------------------------------------- near duplicates


def _sketch(accounts: Sequence[Sequence[str]]) -> tuple[_Hashes, _Indices]:
    """The smallest distinct hashes of each account's runs of words, and whose they are."""
    words: list[str] = []
    lengths, owner = [], []
    for account, captions in enumerate(accounts):
        for caption in dict.fromkeys(captions):
            found = _WORD.findall(caption.lower())
            if len(found) >= _MIN_WORDS:
                words += found
                lengths.append(len(found))
                owner.append(account)
    hashes, caption_of = _runs_of_words(words, np.array(lengths, dtype=np.int64))
    table = pd.DataFrame({"owner": np.array(owner, dtype=np.int64)[caption_of], "hash": hashes})
    table = table.drop_duplicates().sort_values(["owner", "hash"])
    table = table[table.groupby("owner").cumcount() < _SKETCH_SIZE]
    return table["hash"].to_numpy(np.uint64), table["owner"].to_numpy(np.int64)


def _runs_of_words(words: list[str], lengths: _Indices) -> tuple[_Hashes, _Indices]:
    """A hash of every run of words within a caption (a shorter caption is one run), and its caption."""
    if not words:
        return np.empty(0, np.uint64), np.empty(0, np.int64)
    codes = pd.util.hash_array(np.array(words, dtype=object))
    caption = np.repeat(np.arange(len(lengths)), lengths)
    starts = np.cumsum(lengths) - lengths
    position = np.arange(len(words)) - starts[caption]
    left = lengths[caption] - position
    run = codes.copy()
    for ahead in range(1, _SHINGLE_WORDS):
        following = np.zeros_like(codes)
        following[:-ahead] = codes[ahead:]
        run = _mix(run) + np.where(left > ahead, following, np.uint64(0))
    begins = (left >= _SHINGLE_WORDS) | (position == 0)
    return _mix(run[begins]), caption[begins]


def _mix(values: _Hashes) -> _Hashes:
    """Spread every bit over all others (the finaliser of SplitMix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _pairs_of_twins(hashes: _Hashes, owners: _Indices, accounts: int) -> _Indices:
    """(pairs, 2) accounts that share enough of their sketches."""
    order = np.lexsort((owners, hashes))
    by_hash, by_owner = hashes[order], owners[order]
    found = []
    # A hash that many share would make a square of pairs; each account's next few are enough to link them all.
    for step in range(1, _NEIGHBOURS + 1):
        same = by_hash[:-step] == by_hash[step:]
        found.append(by_owner[:-step][same] * accounts + by_owner[step:][same])
    codes, shared = np.unique(np.concatenate(found), return_counts=True)
    codes, shared = codes[shared >= _MIN_SHARED], shared[shared >= _MIN_SHARED]
    pairs = np.column_stack([codes // accounts, codes % accounts])
    smaller = _smaller_sketch(pairs, hashes, owners, accounts)
    return pairs[shared >= _DUPLICATE_SHARE * smaller]


def _smaller_sketch(pairs: _Indices, hashes: _Hashes, owners: _Indices, accounts: int) -> _Indices:
    """How many hashes the smaller account of each pair has in the range that both sketches cover."""
    bounds = np.searchsorted(owners, np.arange(accounts + 1))
    smaller = np.empty(len(pairs), dtype=np.int64)
    for row, pair in enumerate(pairs):
        first, second = (hashes[bounds[account] : bounds[account + 1]] for account in pair)
        full = [sketch[-1] for sketch in (first, second) if len(sketch) == _SKETCH_SIZE]
        end = min(full, default=np.iinfo(np.uint64).max)
        smaller[row] = min(np.searchsorted(sketch, end, side="right") for sketch in (first, second))
    return smaller


def _groups_of_several(usernames: list[str], component: npt.NDArray[np.int32]) -> Iterator[list[str]]:
    table = pd.DataFrame({"username": usernames, "component": component})
    several = table[table.duplicated("component", keep=False)]
    for _, group in several.groupby("component"):
        yield sorted(group["username"])


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
