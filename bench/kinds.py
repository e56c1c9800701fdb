"""When is a corrected share withheld? Models of one kind of text asked about their own kind, and about others.

    python -m bench.kinds --data FOLDER [--repeats 2] [--draws 20]

FOLDER holds ``blogs`` (labels.csv, posts.csv.gz) and ``tweets`` (labels-en.csv, posts-en.csv.gz, and
-es). A repeat divides the accounts of a kind, or of several mixed, into those that a TF-IDF model learns
from, those that tell its errors, and those that it is asked about. Of the last, accounts are drawn with
replacement to shares of 5 to 95 % and to 20 to 2,000 accounts: pure label shift, under which hardly a share
may be withheld. The accounts of the other kinds, and those of the same kind with their captions cut, are what
no correction survives: a share that is given must lie in its interval. Of a kind with one side of the cutoff
alone (tweets at 21), accounts are drawn as they are.
"""

import argparse
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import csr_array

from bench.accuracy import spread
from core.evaluation.prevalence import CORRECTED, PrevalenceSample
from core.evaluation.share_records import About
from core.models.baselines import TfidfPredictor
from core.models.settings import ModelSettings
from core.statistics.drift import Difference, Drift, Profile, describe, training_profile, unlikenesses, view_vectors
from core.statistics.prevalence import LabelledProbabilities

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]
Captions = Sequence[Sequence[str]]

SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)
SIZES = (20, 50, 150, 500, 2000)
FILES = {
    "blogs": ("blogs/labels.csv", "blogs/posts.csv.gz"),
    "English tweets": ("tweets/labels-en.csv", "tweets/posts-en.csv.gz"),
    "Spanish tweets": ("tweets/labels-es.csv", "tweets/posts-es.csv.gz"),
}
MODELS: tuple[tuple[tuple[str, ...], float], ...] = (
    (("blogs",), 18),
    (("blogs",), 21),
    (("blogs",), 25),
    (("English tweets",), 25),
    (("Spanish tweets",), 25),
    (("English tweets", "Spanish tweets"), 25),
    (("blogs", "English tweets"), 25),
)
"""Of which kinds a model is made, mixed, and for which cutoff."""
LEARN, TELL = 0.4, 0.3

CUTS: dict[str, Callable[[Sequence[str]], list[str]]] = {
    "their first 30 captions": lambda captions: [*captions[:30]],
    "their first 20": lambda captions: [*captions[:20]],
    "their first 10": lambda captions: [*captions[:10]],
    "their first 5": lambda captions: [*captions[:5]],
    "8 words of each caption": lambda captions: [" ".join(caption.split()[:8]) for caption in captions],
    "4 words of each caption": lambda captions: [" ".join(caption.split()[:4]) for caption in captions],
}

ODD: dict[str, Callable[[Sequence[str]], list[str]]] = {
    "IN CAPITALS": lambda captions: [caption.upper() for caption in captions],
    "in small letters": lambda captions: [caption.lower() for caption in captions],
    "Every Word Begun Large": lambda captions: [caption.title() for caption in captions],
    "a number sign before each word": lambda captions: [" ".join(f"#{word}" for word in it.split()) for it in captions],
    "a face after each word": lambda captions: [
        " ".join(f"{word} \N{GRINNING FACE}" for word in it.split()) for it in captions
    ],
    "each caption twice over": lambda captions: [f"{caption} {caption}" for caption in captions],
    "two captions as one": lambda captions: [" ".join(captions[at : at + 2]) for at in range(0, len(captions), 2)],
    "words backwards": lambda captions: [" ".join(caption.split()[::-1]) for caption in captions],
    "without signs": lambda captions: [re.sub(r"[^\w\s]", "", caption) for caption in captions],
    "an address after each": lambda captions: [f"{caption} https://example.org/a1" for caption in captions],
}
"""What else may become of texts on their way into a list."""


@dataclass
class Kind:
    """Labelled accounts of one kind of text.

    Attributes:
        captions: of each.
        ages: (accounts,) in years.
    """

    captions: Captions
    ages: Floats

    def cut(self, how: Callable[[Sequence[str]], list[str]], chosen: Indices) -> "Kind":
        """Some of the accounts with shorter texts."""
        return Kind([how(self.captions[at]) for at in chosen], self.ages[chosen])

    @classmethod
    def mixed(cls, kinds: Sequence["Kind"]) -> "Kind":
        """The accounts of several kinds, the larger ones cut to twice the smallest."""
        most = 2 * min(len(kind.captions) for kind in kinds)
        cut = [(kind.captions[:most], kind.ages[:most]) for kind in kinds]
        return cls([its for captions, _ in cut for its in captions], np.concatenate([ages for _, ages in cut]))


def read(folder: Path) -> dict[str, Kind]:
    """Every kind of text; at most 60 captions an account."""
    found = {}
    for name, (labels, posts) in FILES.items():
        ages = pd.read_csv(folder / labels, dtype={"username": str}).sort_values("username").set_index("username")
        texts = pd.read_csv(folder / posts, keep_default_na=False, dtype={"username": str})
        captions = texts.groupby("username")["caption"].apply(list)
        order = np.random.default_rng(0).permutation(len(ages))
        every = [spread(captions[name]) for name in ages.index]
        found[name] = Kind([every[at] for at in order], ages["age"].to_numpy(np.float64)[order])
    return found


@dataclass(frozen=True)
class Words:
    """What a comparison needs of accounts."""

    views: dict[str, csr_array]
    languages: list[str]

    @classmethod
    def of(cls, captions: Captions) -> "Words":
        """Read the captions of each."""
        described = [describe(texts) for texts in captions]
        return cls(view_vectors(described), [it.language for it in described])


@dataclass
class Asked:
    """Accounts that a model is asked about, with all that a draw of them needs."""

    probability: Floats
    words: Words
    at_least: Bools

    def compared(self, chosen: Indices, profile: Profile, cutoff: float) -> list[Difference]:
        """Of a draw, what may forbid a corrected share."""
        languages = Counter(self.words.languages[at] for at in chosen)
        views = {name: vectors[chosen] for name, vectors in self.words.views.items()}
        return unlikenesses(profile, views, languages, cutoff)


@dataclass
class Model:
    """A model of one kind: what it says, what tells its errors, and what its training accounts were like."""

    predictor: TfidfPredictor
    known: LabelledProbabilities
    profile: Profile
    cutoff: float
    pool: Indices

    @classmethod
    def of(cls, kind: Kind, cutoff: float, rng: np.random.Generator) -> "Model":
        """Learn from some of a kind's accounts and measure on others; the rest is the pool."""
        at_least = kind.ages >= cutoff
        order = rng.permutation(len(kind.captions))
        learn, tell, pool = np.split(order, [int(LEARN * len(order)), int((LEARN + TELL) * len(order))])
        texts = [kind.captions[at] for at in learn]
        settings = ModelSettings("none", "none.pth", age_cutoffs=(cutoff,))
        predictor = TfidfPredictor.fit(texts, at_least[learn, None], settings)
        told = predictor.probabilities([kind.captions[at] for at in tell])[:, 0]
        profile = training_profile(texts, {cutoff: at_least[learn].tolist()})
        return cls(predictor, LabelledProbabilities(at_least[tell], told), profile, cutoff, pool)

    def ask(self, kind: Kind, chosen: Indices, words: Words | None = None) -> Asked:
        """What is known of ``chosen`` accounts; ``words`` where they are known already."""
        captions = [kind.captions[at] for at in chosen]
        probability = self.predictor.probabilities(captions)[:, 0]
        return Asked(probability, words or Words.of(captions), kind.ages[chosen] >= self.cutoff)


@dataclass
class Tally:
    """What came of the draws of one line of the table."""

    withheld: list[bool] = field(default_factory=list)
    distance: list[float] = field(default_factory=list)
    held: dict[str, list[bool]] = field(default_factory=lambda: {name: [] for name in CORRECTED})

    def add(self, answer: dict[str, Any], distance: float, truth: float) -> None:
        """Count an answer; the truth is a share."""
        self.withheld.append(bool(answer["withheld"]))
        self.distance.append(distance)
        for name, held in self.held.items():
            if not answer["withheld"]:
                held.append(answer[name]["low"] <= truth <= answer[name]["high"])

    def __str__(self) -> str:
        held = (f"{np.mean(held):.1%} of {len(held)}" if held else "–" for held in self.held.values())
        distance = f"{np.median(self.distance):.3f} (to {np.max(self.distance):.3f})"
        return f"{len(self.withheld)} | {distance} | {np.mean(self.withheld):.1%} | {' | '.join(held)}"


def draws(asked: Asked, number: int, sizes: Sequence[int], rng: np.random.Generator) -> Iterator[tuple[Indices, float]]:
    """Accounts drawn to known shares, and the shares."""
    yes, no = np.flatnonzero(asked.at_least), np.flatnonzero(~asked.at_least)
    for size in sizes:
        if not len(yes) or not len(no):
            for _ in range(number):
                yield rng.choice(len(asked.at_least), size), float(asked.at_least.mean())
            continue
        for share in SHARES:
            for _ in range(number):
                positive = int(rng.binomial(size, share))
                yield np.r_[rng.choice(yes, positive), rng.choice(no, size - positive)], share


def tally(
    model: Model,
    asked: Asked,
    number: int,
    sizes: Sequence[int],
    rng: np.random.Generator,
    into: Tally,
    is_checked: bool = True,
) -> None:
    """Ask about every draw; unchecked, as if nobody had compared the texts."""
    for chosen, share in draws(asked, number, sizes, rng):
        drift = asked.compared(chosen, model.profile, model.cutoff)
        compared = Drift.of(drift if is_checked else [])
        about: About = {"age_cutoff": model.cutoff, "accounts": {}, "error_rates_from": "test.csv"}
        answer = PrevalenceSample(asked.probability[chosen], model.known, about, compared).at(0.5)
        into.add(answer, next((it.psi for it in drift if it.name == "words_used"), float("nan")), share)


def ask_about_all(
    model: Model,
    made_of: tuple[str, ...],
    kinds: dict[str, Kind],
    given: argparse.Namespace,
    rng: np.random.Generator,
    found: dict[tuple[str, str], Tally],
    words: dict[str, Words],
) -> None:
    """Ask a model about its own kind, the others, and shorter texts of its own."""
    name = f"{' and '.join(made_of)}, {model.cutoff:g}"
    own = Kind.mixed([kinds[of] for of in made_of]) if len(made_of) > 1 else kinds[made_of[0]]
    same = model.ask(own, model.pool)
    tally(model, same, given.draws, SIZES, rng, found.setdefault((name, "the same kind"), Tally()))
    for other, its in kinds.items():
        if made_of != (other,):
            if other not in words:
                words[other] = Words.of(its.captions)
            asked = model.ask(its, np.arange(len(its.captions)), words[other])
            how = f"{other} alone" if other in made_of else other
            tally(model, asked, given.draws // 4, SIZES[:4], rng, found.setdefault((name, how), Tally()))
    for how, cut in {**CUTS, **ODD}.items() if name == "blogs, 21" else ():
        asked = model.ask(own.cut(cut, model.pool), np.arange(len(model.pool)))
        cell = found.setdefault((name, how), Tally())
        tally(model, asked, given.draws // 4, SIZES[2:4], rng, cell, not given.unchecked)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--first", type=int, default=0, help="the number of the first repeat")
    parser.add_argument("--draws", type=int, default=20, help="of each size and share")
    parser.add_argument("--seed", type=int, default=2021)
    parser.add_argument("--only", type=int, help="one of the models, by its place")
    parser.add_argument("--unchecked", action="store_true", help="answer about shorter texts without comparing them")
    given = parser.parse_args()
    kinds, found, words = read(given.data), dict[tuple[str, str], Tally](), dict[str, Words]()
    for repeat in range(given.first, given.first + given.repeats):
        for place, (made_of, cutoff) in enumerate(MODELS):
            if given.only in (None, place):
                rng = np.random.default_rng([given.seed, repeat, place])
                own = Kind.mixed([kinds[of] for of in made_of]) if len(made_of) > 1 else kinds[made_of[0]]
                ask_about_all(Model.of(own, cutoff, rng), made_of, kinds, given, rng, found, words)
    print("| model of | asked about | draws | distance of words | withheld | Rogan-Gladen held | EM held |")
    print("|---|---|---|---|---|---|---|")
    for (name, other), its_tally in found.items():
        print(f"| {name} | {other} | {its_tally} |")


if __name__ == "__main__":
    main()
