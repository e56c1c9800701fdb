"""An account's captions in four views, each of which shows another way in which texts can be unlike.

A model reads letters as well as words: text in capitals, with a number sign before each word, with words in
another order, or each caption twice over is text that it never met, though the words in it are the same.
Each view is a row of :data:`~core.statistics.word_distance.BUCKETS` numbers, and all are compared in one way, by
:func:`~core.statistics.word_distance.word_distance`. Nothing of the text can be read from them.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from core.statistics.word_distance import BUCKETS

Row = tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]]
"""Buckets that are not 0, in their order, and the values in them."""


@dataclass(frozen=True)
class View:
    """How one view of texts is judged; ``bench/kinds.py`` shows where the limits come from.

    Attributes:
        limit: what the distance must exceed, of many accounts.
        chance: what is added to it, divided by the fewest accounts that are compared.
        subject: begins the sentence that says so.
        has_axes: whether the directions in which accounts differ most are looked at by themselves, since they tell
            kinds of text apart of which an account is one.
    """

    limit: float
    chance: float
    subject: str
    has_axes: bool = False

    def limit_for(self, accounts: float) -> float:
        """What the distance must exceed, of so many accounts in the smallest of the groups compared."""
        return self.limit + self.chance / accounts


VIEWS = {
    "words_used": View(0.007, 0.15, "The words that these accounts use", has_axes=True),
    "word_pairs": View(0.007, 0.2, "The pairs of words that these accounts put side by side"),
    "letters": View(0.015, 0.5, "The letters and signs that these accounts put side by side"),
    "caption_lengths": View(1.0, 4.0, "The usual lengths of these accounts' captions"),
}

_PAIR = np.uint64(2_654_435_761)
_TRIGRAM = (np.uint64(73_856_093), np.uint64(19_349_663), np.uint64(83_492_791))
_BETWEEN = "\0"
"""Stands between captions, so that nothing is counted across two."""

_UNSPACED = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
"""Thai, Lao, Burmese, Khmer, Japanese and Chinese put no space between words: each character counts as one."""

_WORD = re.compile(rf"[{_UNSPACED}]|[^\W\d_{_UNSPACED}]+|{_BETWEEN}")


def words_of(captions: Sequence[str]) -> list[list[int]]:
    """The words of each caption in their order, each as a hash of 32 bits; upper and lower case are one."""
    text = _BETWEEN.join(caption.replace(_BETWEEN, " ") for caption in captions).lower()
    found: list[list[int]] = [[]]
    for word in _WORD.findall(text):
        if word == _BETWEEN:
            found.append([])
        else:
            found[-1].append(_hash(word))
    return found


def views_of(captions: Sequence[str], words: Sequence[Sequence[int]]) -> dict[str, Row]:
    """One row for each of :data:`VIEWS`.

    Args:
        captions: of the account, at least one.
        words: what :func:`words_of` makes of them.
    """
    return {
        "words_used": _shares(np.array([word for its in words for word in its], np.uint64)),
        "word_pairs": _shares(_pairs(words)),
        "letters": _shares(_trigrams(captions)),
        "caption_lengths": _row({0: float(np.mean([np.log2(1 + len(its)) for its in words]))}),
    }


def vectors_of(rows: Iterable[Row]) -> csr_array:
    """(accounts, BUCKETS) of each account's row."""
    every = [*rows]
    ends = np.cumsum([0, *(len(buckets) for buckets, _ in every)])
    buckets = np.concatenate([np.empty(0, np.int32), *(buckets for buckets, _ in every)])
    values = np.concatenate([np.empty(0), *(values for _, values in every)])
    return csr_array((values, buckets, ends), shape=(len(every), BUCKETS))


@lru_cache(maxsize=200_000)
def _hash(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode(errors="replace"), digest_size=4).digest())


def _shares(hashes: npt.NDArray[np.uint64]) -> Row:
    """The square roots of the shares of what falls into each bucket."""
    found = np.bincount((hashes % np.uint64(BUCKETS)).astype(np.intp), minlength=BUCKETS)
    buckets = np.flatnonzero(found)
    return buckets.astype(np.int32), np.sqrt(found[buckets] / max(len(hashes), 1))


def _row(values: dict[int, float]) -> Row:
    return np.array([*values], np.int32), np.array([*values.values()])


def _pairs(words: Sequence[Sequence[int]]) -> npt.NDArray[np.uint64]:
    """A hash of every two neighbours in a caption."""
    every = np.array([word for its in words for word in its], np.uint64)
    is_last = np.zeros(len(every), bool)
    ends = np.cumsum([len(its) for its in words if its], dtype=np.intp)
    is_last[ends - 1] = True
    return ((every[:-1] * _PAIR + every[1:]) >> np.uint64(13))[~is_last[:-1]]


def _trigrams(captions: Sequence[str]) -> npt.NDArray[np.uint64]:
    """A hash of every three signs in a row in a caption, as they are written: upper case is another sign."""
    text = _BETWEEN.join(caption.replace(_BETWEEN, " ") for caption in captions)
    signs = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64)
    parts = [signs[:-2], signs[1:-1], signs[2:]]
    mixed = sum((part * factor for part, factor in zip(parts, _TRIGRAM, strict=True)), np.zeros(1, np.uint64))
    return (mixed >> np.uint64(7))[np.all([part > 0 for part in parts], axis=0)]
