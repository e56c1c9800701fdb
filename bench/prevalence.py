"""Do the intervals of core.statistics.prevalence hold? Draws labelled and predicted accounts many times, and counts.

    python -m bench.prevalence                              # made-up models, as in bench/README.md
    python -m bench.prevalence --scores MODEL/validation.csv --cutoff 21    # the probabilities of a real model

Every draw takes labelled accounts of each class and predicted accounts of a population with a known
share, and asks for the 95 % intervals of that share. The tables give how often they held it, how
wide they were, and on which side they missed. A second table shows what happens when the labelled
accounts have also chosen the model's epoch and threshold. ``bench/cross_fit.py`` does the same with real texts
and cross-fitted models, beside other people's quantifiers.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from core.evaluation.prevalence import read_labelled
from core.statistics.prevalence import (
    LabelledProbabilities,
    Share,
    expectation_maximisation,
    mixture_p_value,
    raw_share,
    rogan_gladen,
)
from core.statistics.thresholds import best_threshold

Floats = npt.NDArray[np.float64]
Draw = Callable[[bool, int, np.random.Generator], Floats]
"""(class, accounts, generator) -> probabilities."""

SHARES = (0.1, 0.3, 0.5, 0.7, 0.9)
SIZES = (
    (150, 150, 20),
    (100, 100, 50),
    (50, 50, 300),
    (100, 100, 1000),
    (30, 70, 1000),
    (200, 200, 1000),
    (200, 200, 5000),
)
"""Labelled at least, labelled under, predicted."""

HELD = (0.93, 0.97)
EPOCHS = 10


def normal_scores(at_least: tuple[float, float], under: tuple[float, float], slope: float, shift: float) -> Draw:
    """Probabilities whose logits are ``slope * normal(mean, sd) + shift`` in each class."""

    def draw(of_at_least: bool, number: int, rng: np.random.Generator) -> Floats:
        return np.asarray(expit(slope * rng.normal(*(at_least if of_at_least else under), number) + shift))

    return draw


MODELS = {
    "strong, overconfident (AUC 0.94)": normal_scores((1.1, 1), (-1.1, 1), 2.5, 0),
    "weak, off centre (AUC 0.78)": normal_scores((0.55, 1), (-0.55, 1), 0.7, 0.4),
    "unequal spread (AUC 0.92)": normal_scores((1.35, 0.8), (-0.75, 1.3), 1, 0),
}


def resampled(known: LabelledProbabilities) -> Draw:
    """Probabilities drawn from those of a real model."""
    return lambda of_at_least, number, rng: rng.choice(known.of_at_least if of_at_least else known.of_under, number)


def one_draw(
    draw: Draw, share: float, size: tuple[int, int, int], rng: np.random.Generator
) -> tuple[Floats, LabelledProbabilities]:
    """Probabilities of predicted accounts, and labelled accounts to correct them by."""
    at_least, under, predicted = size
    known = LabelledProbabilities(
        np.repeat([True, False], [at_least, under]), np.r_[draw(True, at_least, rng), draw(False, under, rng)]
    )
    positive = int(rng.binomial(predicted, share))
    return np.r_[draw(True, positive, rng), draw(False, predicted - positive, rng)], known


def coverage(
    draw: Draw, share: float, size: tuple[int, int, int], draws: int, seed: int = 2021
) -> dict[str, tuple[float, float, float, float]]:
    """Method -> (held, missed below, missed above, mean width)."""
    rng = np.random.default_rng([seed, round(100 * share), *size])  # every line draws its own accounts
    found: dict[str, list[Share]] = {"raw": [], "Rogan-Gladen": [], "EM": []}
    for _ in range(draws):
        probability, known = one_draw(draw, share, size, rng)
        found["raw"].append(raw_share(probability, 0.5))
        found["Rogan-Gladen"].append(rogan_gladen(probability, known, 0.5))
        found["EM"].append(expectation_maximisation(probability, known))
    return {name: _summary(shares, share) for name, shares in found.items()}


def _summary(shares: list[Share], truth: float) -> tuple[float, float, float, float]:
    low, high = np.array([(share.low, share.high) for share in shares]).T
    below, above = float((high < truth).mean()), float((low > truth).mean())
    return 1 - below - above, below, above, float((high - low).mean())


def coverage_after_choosing(share: float, size: tuple[int, int, int], draws: int, honest: bool) -> dict[str, float]:
    """How often the intervals hold when the best of ten epochs and the threshold were chosen first.

    Epochs are equally good and differ by chance, as late epochs do. ``honest`` measures the errors on
    accounts that chose nothing.
    """
    rng = np.random.default_rng([7, round(100 * share), honest])
    held = {"Rogan-Gladen": 0, "EM": 0}
    for _ in range(draws):
        scores, truth = _epochs(size[:2], rng)
        fresh, fresh_truth = _epochs(size[:2], rng)
        positive = int(rng.binomial(size[2], share))
        predicted, _ = _epochs((positive, size[2] - positive), rng)
        ranks = [scores[epoch][truth][:, None] > scores[epoch][~truth] for epoch in range(EPOCHS)]
        epoch = int(np.argmax([rank.mean() for rank in ranks]))
        threshold = best_threshold(truth, scores[epoch]).threshold
        known = (
            LabelledProbabilities(fresh_truth, fresh[epoch]) if honest else LabelledProbabilities(truth, scores[epoch])
        )
        for name, found in (
            ("Rogan-Gladen", rogan_gladen(predicted[epoch], known, threshold)),
            ("EM", expectation_maximisation(predicted[epoch], known)),
        ):
            assert found.low is not None and found.high is not None
            held[name] += found.low <= share <= found.high
    return {name: count / draws for name, count in held.items()}


def _epochs(size: tuple[int, ...], rng: np.random.Generator) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """(epochs, accounts) probabilities that share most of their noise, and the truth."""
    truth = np.repeat([True, False], size)
    common = rng.normal(np.where(truth, 0.9, -0.9))
    return np.asarray(expit(2 * (common + 0.4 * rng.normal(size=(EPOCHS, len(truth)))))), truth


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--scores", type=Path, help="a CSV of username,age,probability")
    parser.add_argument("--cutoff", type=float, default=21)
    arguments = parser.parse_args()
    started = time.monotonic()
    if arguments.scores:
        models = {
            f"resampled from {arguments.scores.name}": resampled(read_labelled(arguments.scores, arguments.cutoff))
        }
    else:
        models = MODELS
    _print_coverage(models, arguments.draws)
    if not arguments.scores:
        _print_choosing(arguments.draws)
        _print_alarms(arguments.draws)
    print(f"\n{arguments.draws} draws a line, {time.monotonic() - started:.0f} s", file=sys.stderr)


def _print_coverage(models: dict[str, Draw], draws: int) -> None:
    print("| model | labelled | predicted | share | raw held | Rogan-Gladen held | width | EM held | width |")
    print("|---|---|---|---|---|---|---|---|---|")
    outside = total = 0
    for name, draw in models.items():
        for size in SIZES:
            for share in SHARES:
                found = coverage(draw, share, size, draws)
                raw, rogan, em = found["raw"], found["Rogan-Gladen"], found["EM"]
                print(
                    f"| {name} | {size[0]} + {size[1]} | {size[2]:,} | {share:.0%} | {raw[0]:.1%} "
                    f"| {rogan[0]:.1%} | {rogan[3]:.3f} | {em[0]:.1%} | {em[3]:.3f} |",
                    flush=True,
                )
                total += 2
                outside += sum(not HELD[0] <= method[0] <= HELD[1] for method in (rogan, em))
    print(f"\n{total - outside} of {total} corrected intervals hold the truth 93 to 97 % of the time.")


def _print_choosing(draws: int) -> None:
    print("\n| errors measured on | share | Rogan-Gladen held | EM held |\n|---|---|---|---|")
    for honest in (False, True):
        for share in SHARES:
            held = coverage_after_choosing(share, (100, 100, 1000), draws, honest)
            where = "a test part" if honest else "the accounts that chose epoch and threshold"
            print(f"| {where} | {share:.0%} | {held['Rogan-Gladen']:.1%} | {held['EM']:.1%} |", flush=True)


def _print_alarms(draws: int) -> None:
    print("\n| predicted accounts | labelled | p below 0.01 |\n|---|---|---|")
    strong, weaker = MODELS["strong, overconfident (AUC 0.94)"], normal_scores((0.8, 1), (-0.8, 1), 2.5, 0)
    for name, other in (("like the labelled ones", strong), ("harder to tell (AUC 0.87)", weaker)):
        for size in ((50, 50, 300), (200, 200, 1000)):
            rng = np.random.default_rng(3)
            alarms = 0
            for _ in range(draws):
                probability, _ = one_draw(other, 0.6, size, rng)
                _, known = one_draw(strong, 0.6, size, rng)
                alarms += (mixture_p_value(probability, known) or 1) < 0.01
            print(f"| {name} | {size[0]} + {size[1]} | {alarms / draws:.1%} |", flush=True)


if __name__ == "__main__":
    main()
