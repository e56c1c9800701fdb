"""How far accounts' words lie from those of labelled ones, whatever share of them is of either class.

An account is the square roots of its words' shares, hashed into :data:`BUCKETS` numbers. The distance
is the maximum mean discrepancy with a linear kernel (Gretton and others 2012), without the part that
chance alone makes, between the predicted accounts and the mixture of both classes that comes nearest;
it is told in units of how much accounts of one class differ among themselves. So other shares of the
classes leave it at 0, and another kind of text does not.
"""

import base64
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
from scipy.sparse import csr_array

from core.utils.records import Record

BUCKETS = 2048
_FEWEST_WORDS = 10
_SHARES = np.linspace(0, 1, 101)


class CloudRecord(Record):
    """:class:`WordCloud` as a file has it; the mean is 16-bit numbers in base64."""

    accounts: float
    mean: str
    spread: float


@dataclass(frozen=True)
class WordCloud:
    """What is kept of the words of a group of accounts.

    Attributes:
        accounts: how many; copies of one account make it fewer than were given.
        mean: (BUCKETS,) of their vectors.
        spread: their mean squared distance from that, the variance summed over buckets.
    """

    accounts: float
    mean: tuple[float, ...]
    spread: float

    @classmethod
    def of(cls, vectors: csr_array) -> Self:
        """Sum up (accounts, BUCKETS) vectors; at least one."""
        mean = vectors.mean(0)
        copies = np.array([*Counter(_told_apart(vectors)).values()])
        distinct = max(float(vectors.shape[0] ** 2 / (copies @ copies)), 1.0)
        spread = float(vectors.power(2).mean(0).sum() - mean @ mean) * distinct / max(distinct - 1, 1)
        return cls(distinct, tuple(mean.astype(np.float16).astype(np.float64).tolist()), spread)  # as it is kept

    @property
    def noise(self) -> float:
        """What chance alone adds to the squared distance from the mean."""
        return self.spread / self.accounts

    def record(self) -> CloudRecord:
        """Itself, to be kept in a file; :meth:`of_record` reads it back."""
        mean = base64.b64encode(np.array(self.mean, dtype="<f2").tobytes()).decode()
        return CloudRecord(accounts=self.accounts, mean=mean, spread=self.spread)

    @classmethod
    def of_record(cls, record: CloudRecord) -> Self:
        """What :meth:`record` made; ValueError where that was changed."""
        mean = np.frombuffer(base64.b64decode(record.mean), dtype="<f2").astype(np.float64)
        if len(mean) != BUCKETS:
            raise ValueError(f"{len(mean)} buckets instead of {BUCKETS}")
        return cls(record.accounts, tuple(mean.tolist()), record.spread)


def word_vectors(accounts: Sequence[Counter[int]]) -> csr_array:
    """(accounts, BUCKETS) of each account's words, given as counts of their hashes; 0 of one without words."""
    counts = np.array([number for words in accounts for number in words.values()], np.float64)
    buckets = np.array([word % BUCKETS for words in accounts for word in words], np.int64)
    ends = np.cumsum([0, *map(len, accounts)])
    totals = np.repeat([max(words.total(), 1) for words in accounts], np.diff(ends))
    vectors = csr_array((counts / totals, buckets, ends), shape=(len(accounts), BUCKETS))
    vectors.sum_duplicates()
    return vectors.sqrt()


def word_distance(predicted: WordCloud, under: WordCloud, at_least: WordCloud) -> float:
    """The distance of this module's head: about 0 (or less) within a kind of text."""
    gap = np.subtract(predicted.mean, under.mean)
    between = np.subtract(at_least.mean, under.mean)
    squared = gap @ gap - 2 * _SHARES * (gap @ between) + _SHARES**2 * (between @ between)
    noise = predicted.noise + _SHARES**2 * at_least.noise + (1 - _SHARES) ** 2 * under.noise
    return float((squared - noise).min() / ((under.spread + at_least.spread) / 2))


def _told_apart(vectors: csr_array) -> Iterator[bytes | int]:
    """What copies of an account have in common; accounts of a few words are alike by chance, and no copies."""
    for row, (start, end) in enumerate(pairwise(vectors.indptr.tolist())):
        words = slice(start, end)
        is_long = end - start >= _FEWEST_WORDS
        yield vectors.indices[words].tobytes() + vectors.data[words].tobytes() if is_long else row
