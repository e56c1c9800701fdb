"""Accounts that wrote the same texts, found by sketches of their words."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

_SHINGLE_WORDS = 4
_SKETCH_SIZE = 256
_MIN_WORDS = 3
_MIN_SHARED = 5
_DUPLICATE_SHARE = 0.5
_NEIGHBOURS = 8
_ACCOUNTS_AT_ONCE = 500
_WORD = re.compile(r"\w+")

_Hashes = npt.NDArray[np.uint64]
_Indices = npt.NDArray[np.int64]


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
