"""How far accounts' words lie from those of labelled ones, whatever share of them is of either class.

An account is a vector of :data:`BUCKETS` numbers: the square roots of its words' shares, by hash, or another view
of its captions (:mod:`core.statistics.caption_views`). Two questions are asked of the predicted accounts, each of the
mixture of both classes that comes nearest, so that other shares of the classes leave the answers alone:

**Are they a part of the training accounts?** Where these are of several kinds, the few directions in which
accounts of one class differ most among themselves (principal axes) are the difference of the kinds; accounts of
one kind alone have another mean there, however well they are a part of the training (:func:`axes_shift`).

**Are they of another kind altogether?** What is left besides those axes is compared by the maximum mean
discrepancy with a linear kernel (Gretton and others 2012), without the part that chance alone makes, in units of
how much accounts of one class differ among themselves (:func:`word_distance`). The axes are left out of it since
few accounts of several kinds rarely have them in the training's proportions, which is no other kind of text.
"""

import base64
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh
from scipy.sparse import csr_array
from scipy.special import ndtri, stdtr
from scipy.stats import chi2

from core.utils.records import Record

BUCKETS = 2048

AXES = 3
"""So many directions tell the kinds of text apart that training accounts are of."""

_MOST_FOR_AXES = 4_000
_SMALLEST = 1e-12
_FEWEST_WORDS = 10
_SHARES = np.linspace(0, 1, 101)

_Floats = npt.NDArray[np.float64]


class CloudRecord(Record):
    """:class:`WordCloud` as a file has it; the mean is 16-bit numbers in base64."""

    accounts: float
    mean: str
    spread: float
    along: tuple[float, ...] = ()


class ClassesRecord(Record):
    """:class:`WordClasses` as a file has it; each axis is 16-bit numbers in base64."""

    under: CloudRecord
    at_least: CloudRecord
    axes: tuple[str, ...]


@dataclass(frozen=True)
class WordCloud:
    """What is kept of the words of a group of accounts.

    Attributes:
        accounts: how many; copies of one account make it fewer than were given.
        mean: (BUCKETS,) of their vectors.
        spread: their mean squared distance from that besides the axes, the variance summed over buckets.
        along: (axes,) their variance along each axis.
    """

    accounts: float
    mean: tuple[float, ...]
    spread: float
    along: tuple[float, ...] = ()

    @classmethod
    def of(cls, vectors: csr_array, axes: _Floats | None = None) -> Self:
        """Sum up (accounts, BUCKETS) vectors, at least one; ``axes`` as :func:`main_axes` gives them."""
        mean = vectors.mean(0)
        copies = np.array([*Counter(_told_apart(vectors)).values()])
        distinct = max(float(vectors.shape[0] ** 2 / (copies @ copies)), 1.0)
        unbiased = distinct / max(distinct - 1, 1)
        along = (vectors @ (_no_axes() if axes is None else axes).T).var(0) * unbiased
        spread = float(vectors.power(2).mean(0).sum() - mean @ mean) * unbiased - float(along.sum())
        return cls(distinct, tuple(_as_kept(mean).tolist()), max(spread, 0.0), tuple(along.tolist()))

    @property
    def noise(self) -> float:
        """What chance alone adds to the squared distance from the mean."""
        return self.spread / self.accounts

    def record(self) -> CloudRecord:
        """Itself, to be kept in a file; :meth:`of_record` reads it back."""
        mean = base64.b64encode(np.array(self.mean, dtype="<f2").tobytes()).decode()
        return CloudRecord(accounts=self.accounts, mean=mean, spread=self.spread, along=self.along)

    @classmethod
    def of_record(cls, record: CloudRecord) -> Self:
        """What :meth:`record` made; ValueError where that was changed."""
        mean = np.frombuffer(base64.b64decode(record.mean), dtype="<f2").astype(np.float64)
        if len(mean) != BUCKETS:
            raise ValueError(f"{len(mean)} buckets instead of {BUCKETS}")
        return cls(record.accounts, tuple(mean.tolist()), record.spread, record.along)


@dataclass(frozen=True)
class WordClasses:
    """The words of both classes of training accounts, and the axes along which accounts of one class differ most.

    Attributes:
        under, at_least: of the accounts on each side of the cutoff.
        axes: up to :data:`AXES` directions of unit length, each (BUCKETS,), the greatest variance first.
    """

    under: WordCloud
    at_least: WordCloud
    axes: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, under: csr_array, at_least: csr_array, has_axes: bool = True) -> Self:
        """Sum up the vectors of both classes, two accounts each at least; without axes the distance is of all."""
        axes = main_axes([under, at_least]) if has_axes else _no_axes()
        return cls(WordCloud.of(under, axes), WordCloud.of(at_least, axes), tuple(map(tuple, axes.tolist())))

    def record(self) -> ClassesRecord:
        """Itself, to be kept in a file; :meth:`of_record` reads it back."""
        axes = tuple(base64.b64encode(np.array(axis, dtype="<f2").tobytes()).decode() for axis in self.axes)
        return ClassesRecord(under=self.under.record(), at_least=self.at_least.record(), axes=axes)

    @classmethod
    def of_record(cls, record: ClassesRecord) -> Self:
        """What :meth:`record` made; ValueError where that was changed."""
        axes = [np.frombuffer(base64.b64decode(axis), dtype="<f2").astype(np.float64) for axis in record.axes]
        under, at_least = WordCloud.of_record(record.under), WordCloud.of_record(record.at_least)
        if any(len(axis) != BUCKETS for axis in axes) or not len(axes) == len(under.along) == len(at_least.along):
            raise ValueError("axes that do not fit")
        return cls(under, at_least, tuple(tuple(axis.tolist()) for axis in axes))

    def cloud(self, vectors: csr_array) -> WordCloud:
        """Sum up predicted accounts along the same axes."""
        return WordCloud.of(vectors, self._axes)

    @property
    def _axes(self) -> _Floats:
        return np.array(self.axes).reshape(-1, BUCKETS)

    def gaps(self, predicted: WordCloud) -> tuple[_Floats, _Floats]:
        """Along the axes: how far the predicted accounts' mean is from those under, and those at least from them."""
        below = np.array(self.under.mean)
        return self._axes @ (predicted.mean - below), self._axes @ (self.at_least.mean - below)


@dataclass(frozen=True)
class Shift:
    """How far accounts' mean is off along the axes, with the share of the classes that explains most of it.

    Attributes:
        p_value: how often chance alone makes so great a shift.
        largest: along one axis, in standard deviations of the accounts.
    """

    p_value: float
    largest: float


def main_axes(classes: Sequence[csr_array]) -> _Floats:
    """(axes, BUCKETS) directions of the greatest variance within classes; none where accounts do not differ."""
    deviations = []
    for vectors in classes:
        step = -(-vectors.shape[0] * len(classes) // _MOST_FOR_AXES)
        rows = vectors[::step].toarray()
        deviations.append(rows - rows.mean(0))
    within = np.concatenate(deviations)
    is_tall = len(within) > BUCKETS
    square = within.T @ within if is_tall else within @ within.T  # the smaller of two with the same eigenvalues
    size = len(square)
    values, found = eigh(square, subset_by_index=(max(0, size - AXES), size - 1))
    axes = (found if is_tall else within.T @ found / np.sqrt(np.maximum(values, _SMALLEST))).T[::-1]
    return _as_kept(axes[values[::-1] > _SMALLEST * len(within)])


def axes_shift(predicted: WordCloud, classes: WordClasses) -> Shift:
    """Whether predicted accounts may be a random draw of the training accounts of both classes, along the axes.

    Along each axis Welch's t (1947) with the predicted accounts' own variance; the sum of their squares,
    made normal, follows the chi-square distribution, less one for the share that is chosen to suit them.
    """
    if predicted.accounts < 2 or not classes.axes:
        return Shift(1.0, 0.0)
    gap, between = classes.gaps(predicted)
    variance = np.maximum(predicted.along, _SMALLEST)
    off = gap - _SHARES[:, None] * between
    noise = (
        1 / predicted.accounts + _SHARES**2 / classes.at_least.accounts + (1 - _SHARES) ** 2 / classes.under.accounts
    )
    t = np.abs(off) / np.sqrt(variance * noise[:, None])
    squares = (ndtri(np.maximum(stdtr(predicted.accounts - 1, -t), np.finfo(float).tiny)) ** 2).sum(1)
    best = int(squares.argmin())
    p_value = float(chi2.sf(squares[best], max(len(gap) - 1, 1)))
    return Shift(p_value, float((np.abs(off[best]) / np.sqrt(variance)).max()))


def word_distance(predicted: WordCloud, classes: WordClasses) -> float:
    """The distance of this module's head, besides the axes: about 0 (or less) within a kind of text."""
    under, at_least = classes.under, classes.at_least
    gap = np.subtract(predicted.mean, under.mean)
    between = np.subtract(at_least.mean, under.mean)
    gap_along, between_along = classes.gaps(predicted)
    squared = gap @ gap - gap_along @ gap_along - 2 * _SHARES * (gap @ between - gap_along @ between_along)
    squared += _SHARES**2 * (between @ between - between_along @ between_along)
    noise = predicted.noise + _SHARES**2 * at_least.noise + (1 - _SHARES) ** 2 * under.noise
    return float((squared - noise).min() / max((under.spread + at_least.spread) / 2, _SMALLEST))


def _no_axes() -> _Floats:
    return np.empty((0, BUCKETS))


def _as_kept(values: _Floats) -> _Floats:
    """Rounded as a file keeps them."""
    return values.astype(np.float16).astype(np.float64)


def _told_apart(vectors: csr_array) -> Iterator[bytes | int]:
    """What copies of an account have in common; accounts of a few words are alike by chance, and no copies."""
    for row, (start, end) in enumerate(pairwise(vectors.indptr.tolist())):
        words = slice(start, end)
        is_long = end - start >= _FEWEST_WORDS
        yield vectors.indices[words].tobytes() + vectors.data[words].tobytes() if is_long else row
