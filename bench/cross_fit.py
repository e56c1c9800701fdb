"""Do intervals hold when all labelled accounts tell the errors, by cross-fitted models that share accounts?

    python -m bench.cross_fit --data ../shared/data/blogs [--labelled 1000] [--repeats 100] [--seed 1] [--rivals]

A repeat takes labelled accounts of those in FOLDER (labels.csv, posts.csv.gz); the others are the pool.
A model is made as ``train`` divides accounts: 70 % to learn from, 15 % to choose by, 15 % to test with; the
first two are told by the models of five folds (core.training.cross_fit), the last by the model itself. The
models are kernel ridge regressions on TF-IDF of words, which takes milliseconds. Predicted accounts are
drawn from the pool, none twice, to shares of 10 to 90 %, at most 1,000, and the intervals of that share
are asked for: from the test part alone, as it was before cross-fitting; from all labelled accounts, as if
one model had told them; and with the noise that the product adds.

``--rivals`` adds QuaPy's quantifiers on the same probabilities, where QuaPy is installed; their intervals
are percentiles over 20 bootstrap draws of labelled (within each class) and predicted accounts, since KDEy
takes 0.14 s a draw.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from bench.accuracy import read
from core.statistics.calibration import fit_platt
from core.statistics.prevalence import (
    FOLDS_NOISE,
    MIXTURE_LIMIT,
    LabelledProbabilities,
    Share,
    expectation_maximisation,
    mixture_p_value,
    rogan_gladen,
)

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]
Estimator = Callable[[Floats, LabelledProbabilities], Share]
Quantifier = Callable[[Floats, Bools, Floats], float]
"""(labelled probabilities, truth, predicted probabilities) -> share."""

SHARES = (0.1, 0.3, 0.5, 0.7, 0.9)
MOST = 1_000
FOLDS = 5
LEARN, CHOOSE = 0.7, 0.15
BOOTSTRAP = 20
_RIDGE, _STEEPNESS = 0.3, 4.0


@dataclass(frozen=True)
class Texts:
    """All accounts: how alike they are [n, n], and whether each is at least at the cutoff [n]."""

    kernel: Floats
    at_least: Bools

    @classmethod
    def of(cls, folder: Path) -> "Texts":
        """TF-IDF of words and pairs of words."""
        captions, at_least = read(folder)
        rows = TfidfVectorizer(sublinear_tf=True, min_df=5, ngram_range=(1, 2)).fit_transform(map("\n".join, captions))
        return cls((rows @ rows.T).toarray() + 1, at_least)

    def say(self, learn: Indices, told: Indices) -> Floats:
        """What a model that learnt from some accounts says of others."""
        factor = cho_factor(self.kernel[np.ix_(learn, learn)] + _RIDGE * np.eye(len(learn)))
        weights = cho_solve(factor, np.where(self.at_least[learn], 1.0, -1.0))
        return np.asarray(expit(_STEEPNESS * self.kernel[np.ix_(told, learn)] @ weights))

    def divide(self, accounts: Indices, shares: list[float], rng: np.random.Generator) -> list[Indices]:
        """Parts of the accounts, stratified."""
        ends = np.cumsum(shares)[:-1] / sum(shares)
        sides = [rng.permutation(accounts[self.at_least[accounts] == side]) for side in (True, False)]
        parts = [np.split(side, np.round(ends * len(side)).astype(int)) for side in sides]
        return [np.concatenate(part) for part in zip(*parts, strict=True)]


@dataclass(frozen=True)
class Repeat:
    """One model, what tells its errors, and what it says of the pool."""

    test: LabelledProbabilities
    everybody: LabelledProbabilities
    pool: Floats
    at_least: Bools

    @classmethod
    def draw(cls, texts: Texts, labelled: int, rng: np.random.Generator) -> "Repeat":
        """Divide the accounts anew."""
        number = len(texts.at_least)
        known, pool = texts.divide(np.arange(number), [labelled, number - labelled], rng)
        learn, choose, test = texts.divide(known, [LEARN, CHOOSE, 1 - LEARN - CHOOSE], rng)
        told = np.full(number, np.nan)
        told[test] = texts.say(learn, test)
        for fold in texts.divide(np.r_[learn, choose], [1.0] * FOLDS, rng):
            others = np.setdiff1d(known, fold)
            share = len(learn) / max(len(others), len(learn) + len(choose))
            told[fold] = texts.say(texts.divide(others, [share, 1 - share], rng)[0], fold)
        by_test, by_all = (LabelledProbabilities(texts.at_least[part], told[part]) for part in (test, known))
        return cls(by_test, by_all, texts.say(learn, pool), texts.at_least[pool])

    def predicted(self, share: float, rng: np.random.Generator) -> Floats:
        """Accounts of the pool at a share, none twice."""
        yes, no = self.pool[self.at_least], self.pool[~self.at_least]
        size = min(MOST, int(0.9 * len(yes) / share), int(0.9 * len(no) / (1 - share)))
        positive = min(int(rng.binomial(size, share)), len(yes))
        negative = min(size - positive, len(no))
        return np.r_[rng.choice(yes, positive, replace=False), rng.choice(no, negative, replace=False)]


@dataclass
class Tally:
    """What came of one estimator: at each share, whether it held it, how wide it was, how far off."""

    held: dict[float, list[bool]] = field(default_factory=dict)
    width: list[float] = field(default_factory=list)
    error: list[float] = field(default_factory=list)

    def add(self, found: Share, share: float) -> None:
        """Count an answer."""
        low, high = found.low or 0.0, 1.0 if found.high is None else found.high
        self.held.setdefault(share, []).append(low <= share <= high)
        self.width.append(high - low)
        self.error.append(abs((found.value if found.value is not None else 0.5) - share))

    def __str__(self) -> str:
        held = " | ".join(f"{np.mean(self.held[share]):.1%}" for share in SHARES)
        every = np.mean([hit for hits in self.held.values() for hit in hits])
        return f"{every:.1%} | {held} | {np.mean(self.width):.3f} | {np.mean(self.error):.3f}"


def quapy_quantifiers() -> dict[str, Quantifier]:
    """QuaPy's, on probabilities that are there already."""
    aggregative = import_module("quapy.method.aggregative")
    unused = LogisticRegression().fit([[0.0], [1.0]], [0, 1])  # a classifier is asked for, and never called
    made = {
        "QuaPy PACC": lambda: aggregative.PACC(unused, fit_classifier=False, val_split=None),
        "QuaPy EMQ": lambda: aggregative.EMQ(unused, fit_classifier=False, exact_train_prev=False),
        "QuaPy KDEy (ML)": lambda: aggregative.KDEyML(unused, fit_classifier=False, val_split=None),
    }

    def quantifier(make: Callable[[], object]) -> Quantifier:
        def share(known: Floats, truth: Bools, predicted: Floats) -> float:
            calibration = fit_platt(truth, known)
            known, predicted = (np.column_stack([1 - p, p]) for p in map(calibration.apply, (known, predicted)))
            model = make()
            model.aggregation_fit(known, truth.astype(int))  # type: ignore[attr-defined]
            return float(model.aggregate(predicted)[1])  # type: ignore[attr-defined]

        return share

    return {name: quantifier(make) for name, make in made.items()}


def bootstrapped(share: Quantifier, rng: np.random.Generator) -> Estimator:
    """A quantifier with the percentiles of its bootstrap."""

    def estimate(predicted: Floats, known: LabelledProbabilities) -> Share:
        found = [
            share(*_resampled(known, rng), predicted[rng.integers(0, len(predicted), len(predicted))])
            for _ in range(BOOTSTRAP)
        ]
        low, high = np.quantile(found, [0.025, 0.975])
        return Share(share(known.probability, known.at_least, predicted), float(low), float(high))

    return estimate


def _resampled(known: LabelledProbabilities, rng: np.random.Generator) -> tuple[Floats, Bools]:
    sides = [np.flatnonzero(known.at_least == side) for side in (True, False)]
    chosen = np.concatenate([rng.choice(side, len(side)) for side in sides])
    return known.probability[chosen], known.at_least[chosen]


def estimators(repeat: Repeat, rivals: dict[str, Estimator]) -> Iterator[tuple[str, Estimator, LabelledProbabilities]]:
    """Name, estimator, and the accounts that tell it the errors."""
    noisy = replace(repeat.everybody, noise=FOLDS_NOISE)
    for name, estimator in (
        ("Rogan-Gladen", lambda predicted, known: rogan_gladen(predicted, known, 0.5)),
        ("EM", expectation_maximisation),
    ):
        yield f"{name}, test part alone", estimator, repeat.test
        yield f"{name}, all, as if one model told them", estimator, repeat.everybody
        yield f"{name}, all, with noise {FOLDS_NOISE:g}", estimator, noisy
    for name, estimator in rivals.items():
        yield f"{name}, all", estimator, repeat.everybody


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/blogs"))
    parser.add_argument("--labelled", type=int, default=1_000)
    parser.add_argument("--repeats", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rivals", action="store_true")
    given = parser.parse_args()
    texts, tallies, small, asked = Texts.of(given.data), dict[str, Tally](), 0, 0
    for number in range(given.repeats):
        rng = np.random.default_rng([given.seed, number])
        repeat = Repeat.draw(texts, given.labelled, rng)
        rivals = quapy_quantifiers() if given.rivals else {}
        bootstraps = {name: bootstrapped(share, rng) for name, share in rivals.items()}
        for share in SHARES:
            predicted = repeat.predicted(share, rng)
            p_value = mixture_p_value(predicted, replace(repeat.everybody, noise=FOLDS_NOISE))
            small, asked = small + (p_value is not None and p_value < MIXTURE_LIMIT), asked + 1
            for name, estimator, known in estimators(repeat, bootstraps):
                tallies.setdefault(name, Tally()).add(estimator(predicted, known), share)
    print(f"{given.labelled} labelled, {given.repeats} repeats, {len(SHARES)} draws each\n")
    print(f"| | held | {' | '.join(f'at {share:.0%}' for share in SHARES)} | mean width | mean error |")
    print(f"|---|{'---|' * (len(SHARES) + 3)}")
    for name, tally in tallies.items():
        print(f"| {name} | {tally} |")
    print(f"\nWithheld by the mixture's p value: {small} of {asked}.")


if __name__ == "__main__":
    main()
