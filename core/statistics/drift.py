"""Whether the predicted accounts look like the ones the model was trained on.

A model moves badly between kinds of text. The training accounts are summed up in a profile that
is kept with the model: how many captions they have, how long these are, in which languages, and
which words many of them use, as hashes. It holds no text and no name. The predicted accounts are
held against it, measure by measure, with the population stability index (PSI): the sum over bins
of ``(predicted - training) * ln(predicted / training)``, in shares of accounts.

The rule: a measure differs when its PSI is above 0.25, the usual mark of a large shift, *and* above
what chance alone exceeds once in a hundred times, which matters for small samples.

Some differences are so large that no correction of a share survives them (``forbids``): texts that lie farther
than a limit from every mixture of both classes in one of the :data:`~core.statistics.caption_views.VIEWS`, accounts
that are one part of the training accounts rather than a draw of all (:mod:`core.statistics.word_distance`), and
languages that no training account writes in. ``bench/kinds.py`` shows where the limits come from.
"""

import base64
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field, JsonValue, ValidationError
from scipy.sparse import csr_array
from scipy.stats import chi2

from core.errors import InputError
from core.statistics.caption_views import VIEWS, Row, vectors_of, views_of, words_of
from core.statistics.word_distance import ClassesRecord, WordClasses, WordCloud, axes_shift, word_distance
from core.utils.language import language_of
from core.utils.records import Record, read_record_if_any, write_record

PROFILE_FILE = "profile.json"
LARGE_SHIFT = 0.25
CHANCE = 0.01

MEASURES = {
    "captions": ("number of captions", "on average {:.3g} captions an account, {:.3g} in training"),
    "words": ("length of captions", "on average {:.3g} words a caption, {:.3g} in training"),
    "known_words": ("vocabulary", "on average {:.0%} of an account's words are known, {:.0%} in training"),
}
"""What is measured of an account besides its language: a name, and how a sentence gives the two figures."""

BY_TEXTS = (*VIEWS, "part_of_training")
"""The differences without which nobody knows whether a share can be corrected."""

SHIFT_LIMIT = 0.005
"""Of the p value of a shift along the axes of the training accounts; less forbids a corrected share."""

FOREIGN_LIMIT = 0.1
"""Of the share of accounts in languages that training hardly knows, beyond the share it had there."""

_FOREIGN_CHANCE = 3.0
_BINS = 10
_MIN_PER_BIN = 10
_MIN_USERS_OF_A_WORD = 5
_LARGEST_VOCABULARY = 20_000
_RARE = 0.02
_OTHER = "other"
_Floats = npt.NDArray[np.float64]
_Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Measure:
    """How a number spreads over the training accounts: counts between inner ``edges``, and the mean."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    mean: float


class ProfileRecord(Record):
    """:class:`Profile` as its file has it; the vocabulary is in base64."""

    accounts: int
    measures: dict[str, Measure]
    languages: dict[str, int]
    vocabulary: str
    views: dict[str, dict[str, ClassesRecord]] = Field(default_factory=dict)


@dataclass(frozen=True)
class Profile:
    """What is kept of the training accounts.

    Attributes:
        accounts: how many had a caption.
        measures: one of each of :data:`MEASURES`.
        languages: ISO 639 code -> accounts that write mostly in it; rare ones are "other".
        vocabulary: 32-bit hashes of words that at least five accounts use.
        views: cutoff -> each of :data:`~core.statistics.caption_views.VIEWS` -> how those under it and those at least
            at it look; a model of an older version keeps none.
    """

    accounts: int
    measures: dict[str, Measure]
    languages: dict[str, int]
    vocabulary: frozenset[int]
    views: dict[str, dict[str, WordClasses]] = field(default_factory=dict)

    def record(self) -> ProfileRecord:
        """Itself, to be kept in a file; :meth:`of_record` reads it back."""
        hashes = np.array(sorted(self.vocabulary), dtype="<u4")
        return ProfileRecord(
            accounts=self.accounts,
            measures=self.measures,
            languages=self.languages,
            vocabulary=base64.b64encode(hashes.tobytes()).decode(),
            views={
                cutoff: {name: classes.record() for name, classes in views.items()}
                for cutoff, views in self.views.items()
            },
        )

    @classmethod
    def of_record(cls, record: ProfileRecord) -> Self:
        """What :meth:`record` made; ValueError where that was changed."""
        hashes = np.frombuffer(base64.b64decode(record.vocabulary), dtype="<u4")
        views = {
            cutoff: {name: WordClasses.of_record(classes) for name, classes in views.items()}
            for cutoff, views in record.views.items()
        }
        return cls(record.accounts, record.measures, record.languages, frozenset(hashes.tolist()), views)


@dataclass(frozen=True)
class Difference:
    """One measure of the predicted accounts beside the training ones; defaults are for files of older versions.

    Attributes:
        name: a key of :data:`MEASURES`, one of :data:`BY_TEXTS`, or "language".
        training: the mean, or the share of accounts by language.
        predicted: likewise.
        psi: the population stability index; of a view, the distance; of a part of the training, 1 less the p value.
        limit: what it must exceed to count.
        differs: whether it does.
        sentence: says so with the figures.
        forbids: whether the share can no longer be corrected.
    """

    name: str
    training: float | dict[str, float] = 0.0
    predicted: float | dict[str, float] = 0.0
    psi: float = 0.0
    limit: float = 0.0
    differs: bool = False
    sentence: str = ""
    forbids: bool = False


class Drift(Record):
    """How accounts differ from the training ones, as the file beside predictions has it.

    Attributes:
        differences: measure by measure.
        warnings: the sentences of those that count.
    """

    differences: tuple[Difference, ...] = ()
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(cls, differences: Sequence[Difference]) -> Self:
        """All differences, and which of them count."""
        warnings = tuple(difference.sentence for difference in differences if difference.differs)
        return cls(differences=tuple(differences), warnings=warnings)

    @classmethod
    def recorded(cls, found: Mapping[str, JsonValue] | None) -> Self | None:
        """What a file says, of this version or an older one; None where it says nothing, or nothing of the kind."""
        try:
            return None if found is None else cls.model_validate(found)
        except ValidationError:
            return None

    @property
    def forbidding(self) -> list[str]:
        """The sentences that forbid a corrected share."""
        return [difference.sentence for difference in self.differences if difference.forbids]

    @property
    def is_by_texts(self) -> bool:
        """Whether the texts were held against those of both classes in every view; an older version could not."""
        return {*BY_TEXTS} <= {difference.name for difference in self.differences}


@dataclass(frozen=True)
class Described:
    """An account as the measures see it.

    Attributes:
        captions: how many it has.
        words: hash -> how often it uses the word.
        language: ISO 639 code of what it writes mostly in.
        views: one row for each of :data:`~core.statistics.caption_views.VIEWS`.
    """

    captions: int
    words: Counter[int]
    language: str
    views: Mapping[str, Row]


def training_profile(
    accounts: Iterable[Sequence[str]], at_least: Mapping[float, Sequence[bool]] | None = None
) -> Profile:
    """Sum up the training accounts, given as the captions of each; accounts without any do not count.

    How many of an account's words are known is measured as if the account itself had not been
    there, so that it can be compared with accounts that were not.

    Args:
        accounts: the captions of each.
        at_least: cutoff -> whether each account is at least that old; None keeps no views by class.

    Raises:
        InputError: no account has a caption.
    """
    every = [*accounts]
    has_captions = np.array([bool(captions) for captions in every], dtype=bool)
    described = [describe(captions) for captions in every if captions]
    if not described:
        raise InputError("No training account has a caption.")
    users = Counter(word for account in described for word in account.words)
    widespread = [word for word, number in users.most_common(_LARGEST_VOCABULARY) if number >= _MIN_USERS_OF_A_WORD]
    by_others = frozenset(word for word in widespread if users[word] > _MIN_USERS_OF_A_WORD)
    measures = {name: _measure(values) for name, values in _columns(described, by_others).items()}
    languages = Counter(account.language for account in described)
    kept = {language: number for language, number in languages.items() if number >= _RARE * len(described)}
    kept[_OTHER] = kept.get(_OTHER, 0) + len(described) - sum(kept.values())
    truths = {cutoff: np.asarray(truth, dtype=bool)[has_captions] for cutoff, truth in (at_least or {}).items()}
    return Profile(len(described), measures, kept, frozenset(widespread), _views_by_class(described, truths))


def compare(profile: Profile, accounts: Iterable[Sequence[str]], cutoff: float | None = None) -> list[Difference]:
    """Hold accounts, given as the captions of each, against the training ones, measure by measure.

    A random sample of 2,000 accounts tells as much as all of them.

    Args:
        profile: of the training accounts.
        accounts: the captions of each.
        cutoff: which classes the texts are held against; None leaves that out.

    Raises:
        InputError: no account has a caption.
    """
    return compare_described(profile, [describe(captions) for captions in accounts if captions], cutoff)


def compare_described(
    profile: Profile, described: Sequence[Described], cutoff: float | None = None
) -> list[Difference]:
    """Like :func:`compare`, of accounts already described.

    Raises:
        InputError: there is none.
    """
    if not described:
        raise InputError("No predicted account has a caption.")
    columns = _columns(described, profile.vocabulary)
    differences = [_numbers(name, profile.measures[name], values) for name, values in columns.items()]
    languages = Counter(account.language for account in described)
    return [*differences, *unlikenesses(profile, view_vectors(described), languages, cutoff)]


def view_vectors(described: Sequence[Described]) -> dict[str, csr_array]:
    """Each of :data:`~core.statistics.caption_views.VIEWS` -> (accounts, BUCKETS) vectors."""
    return {name: vectors_of(account.views[name] for account in described) for name in VIEWS}


def unlikenesses(
    profile: Profile, vectors: Mapping[str, csr_array], languages: Counter[str], cutoff: float | None = None
) -> list[Difference]:
    """Of the differences those that may forbid a corrected share.

    Args:
        profile: of the training accounts.
        vectors: of the accounts, as :func:`view_vectors` gives them.
        languages: how many accounts write mostly in which.
        cutoff: as of :func:`compare`.
    """
    by_language = _languages(profile, languages)
    views = profile.views.get(f"{cutoff:g}", {}) if cutoff is not None else {}
    if not {*VIEWS} <= {*views} or vectors["words_used"].shape[0] < 2:
        return [by_language]
    clouds = {name: views[name].cloud(vectors[name]) for name in VIEWS}
    by_view = [_by_view(name, clouds[name], views[name]) for name in VIEWS]
    return [*by_view, _part_of_training(clouds["words_used"], views["words_used"]), by_language]


def write_profile(folder: Path, profile: Profile) -> None:
    """Keep a profile in the model's folder."""
    write_record(folder / PROFILE_FILE, profile.record())


def read_profile(folder: Path) -> Profile | None:
    """The profile in a model's folder, or None where there is none.

    Raises:
        InputError: the file is damaged.
    """
    path = folder / PROFILE_FILE
    record = read_record_if_any(ProfileRecord, path, "Train the model anew.")
    try:
        return None if record is None else Profile.of_record(record)
    except ValueError as error:
        raise InputError(f"{path} is damaged. Train the model anew.") from error


# --------------------------------------------------------------------------------- of one account


def describe(captions: Sequence[str]) -> Described:
    """What is measured of an account, from its captions."""
    words = words_of(captions)
    used = Counter(word for its in words for word in its)
    return Described(len(captions), used, language_of(captions), views_of(captions, words))


# ------------------------------------------------------------------------------- of many accounts


def _columns(described: Sequence[Described], vocabulary: frozenset[int]) -> dict[str, _Floats]:
    """(accounts,) values of each measure; the share of known words is NaN of an account without words."""
    table = pd.DataFrame(
        {
            "captions": [account.captions for account in described],
            "all": [account.words.total() for account in described],
            "known": [sum(n for word, n in account.words.items() if word in vocabulary) for account in described],
        }
    )
    return {
        "captions": table["captions"].to_numpy(np.float64),
        "words": (table["all"] / table["captions"]).to_numpy(np.float64),
        "known_words": (table["known"] / table["all"].where(table["all"] > 0)).to_numpy(np.float64),
    }


def _views_by_class(
    described: Sequence[Described], at_least: Mapping[float, npt.NDArray[np.bool_]]
) -> dict[str, dict[str, WordClasses]]:
    """Cutoff -> views of those under it and at least at it, of cutoffs with two accounts on each side."""
    vectors = view_vectors(described)
    return {
        f"{cutoff:g}": {
            name: WordClasses.of(its[~truth], its[truth], VIEWS[name].has_axes) for name, its in vectors.items()
        }
        for cutoff, truth in at_least.items()
        if min(truth.sum(), (~truth).sum()) > 1
    }


def _by_view(name: str, predicted: WordCloud, classes: WordClasses) -> Difference:
    """How far accounts are from the nearest mixture of both classes in one view."""
    distance, view = word_distance(predicted, classes), VIEWS[name]
    limit = view.limit_for(min(cloud.accounts for cloud in (predicted, classes.under, classes.at_least)))
    differs = distance > limit
    judgement = "are not those" if differs else "are like those"
    sentence = (
        f"{view.subject} {judgement} of the training accounts, whatever share of them is of which age "
        f"(distance {distance:.2f}, limit {limit:.2f})."
    )
    return Difference(name, 0.0, distance, distance, limit, differs, sentence, forbids=differs)


def _part_of_training(predicted: WordCloud, classes: WordClasses) -> Difference:
    shift = axes_shift(predicted, classes)
    differs = shift.p_value < SHIFT_LIMIT
    judgement = "are no random draw of all kinds of training accounts, perhaps one part of them" if differs else ""
    sentence = (
        f"These accounts {judgement or 'may be a random draw of all kinds of training accounts'}: where those differ "
        f"most among themselves, the mean is off by {shift.largest:.2f} standard deviations (p = {shift.p_value:.2g})."
    )
    return Difference(
        "part_of_training", 0.0, shift.largest, 1 - shift.p_value, 1 - SHIFT_LIMIT, differs, sentence, differs
    )


def _measure(values: _Floats) -> Measure:
    values = values[~np.isnan(values)]
    bins = max(2, min(_BINS, len(values) // _MIN_PER_BIN))
    edges = np.unique(np.quantile(values, np.arange(1, bins) / bins)) if len(values) else np.empty(0)
    mean = float(values.mean()) if len(values) else 0.0
    return Measure(tuple(edges.tolist()), tuple(_counts(values, edges).tolist()), mean)


def _counts(values: _Floats, edges: _Floats) -> _Counts:
    return np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)


def _numbers(name: str, measure: Measure, values: _Floats) -> Difference:
    values = values[~np.isnan(values)]
    counts = np.array(measure.counts), _counts(values, np.array(measure.edges))
    mean = float(values.mean()) if len(values) else 0.0
    title, figures = MEASURES[name]
    return _difference(name, title, figures.format(mean, measure.mean), (measure.mean, mean), counts)


def _languages(profile: Profile, found: Counter[str]) -> Difference:
    languages = sorted(profile.languages)
    grouped = Counter({_OTHER: sum(number for language, number in found.items() if language not in languages)})
    grouped.update(found)
    counts = [np.array([source[language] for language in languages]) for source in (profile.languages, grouped)]
    old, new = (dict(zip(languages, (column / column.sum()).tolist(), strict=True)) for column in counts)
    most = max(languages, key=lambda language: abs(new[language] - old[language]))
    figures = f"{new[most]:.0%} of the accounts write mostly in {most!r}, {old[most]:.0%} in training"
    difference = _difference("language", "mix of languages", figures, (old, new), (counts[0], counts[1]))
    chance = _FOREIGN_CHANCE * np.sqrt(max(old[_OTHER], _RARE) * (1 / counts[0].sum() + 1 / counts[1].sum()))
    if new[_OTHER] - old[_OTHER] <= FOREIGN_LIMIT + chance:
        return difference
    sentence = (
        f"{difference.sentence} {new[_OTHER]:.0%} write mostly in languages that the model hardly met in training "
        f"({old[_OTHER]:.0%} there)."
    )
    return replace(difference, differs=True, forbids=True, sentence=sentence)


def _difference(
    name: str, title: str, figures: str, values: tuple[Any, Any], counts: tuple[_Counts, _Counts]
) -> Difference:
    """Judge a measure by its ``counts``; these and ``values`` are of (training, predicted) accounts."""
    psi, limit = stability_index(*counts), shift_limit(*counts)
    judgement = "differs from" if psi > limit else "is like"
    index = f"PSI {psi:.2f}, limit {limit:.2f}"
    sentence = f"The {title} {judgement} that of the training accounts: {figures} ({index})."
    return Difference(name, values[0], values[1], psi, limit, psi > limit, sentence)


def stability_index(before: _Counts, after: _Counts) -> float:
    """The population stability index of two rows of counts; half an account is added to each bin."""
    old, new = ((counts + 0.5) / (counts.sum() + 0.5 * len(counts)) for counts in (before, after))
    return float(np.sum((new - old) * np.log(new / old)))


def shift_limit(before: _Counts, after: _Counts) -> float:
    """What the index must exceed: 0.25, or what chance exceeds once in a hundred times (Yurdakul 2018)."""
    noise = 1 / max(before.sum(), 1) + 1 / max(after.sum(), 1)
    return max(LARGE_SHIFT, float(chi2.ppf(1 - CHANCE, max(len(before) - 1, 1)) * noise))
