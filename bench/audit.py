"""Do the intervals of an audit sample hold, and what is a model worth to them? Draws samples many times, and counts.

    python -m bench.audit                      # the table of bench/README.md
    python -m bench.audit --sure               # models that are hardly ever wrong
    python -m bench.audit --all                # a row for every design, model, population, size and share
    python -m bench.audit --neyman             # what drawing more from doubtful strata would win and lose
    python -m bench.audit --differences        # the difference of two audited shares

Every draw takes accounts from a population of known ages, exactly as ``audit-sample`` does (but for
the random numbers, which it takes from names), and asks for the 95 % interval as ``prevalence --audit``
does. The population is made anew eight times a row. "Width" is that of the intervals over that of the
sample alone: Wilson's with finite-population correction, or the exact interval where the audit takes it.
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from core.statistics.audit import (
    EXACT,
    AuditPopulation,
    Places,
    allocation,
    audited_share,
    sample_alone,
    strata_by_probability,
)
from core.statistics.calibration import Bools, Floats
from core.statistics.differences import audited_difference
from core.statistics.estimate import Estimate

SIZES = (30, 50, 100, 200)
SHARES = (0.05, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95)
POPULATIONS = (300, 3_000, 100_000)
DESIGNS = ("simple", "stratified")
HELD = (0.93, 0.97)
MADE_ANEW = 8
PAIRS = ((0.1, 0.1), (0.3, 0.1), (0.5, 0.5), (0.8, 0.5), (0.95, 0.9))
DIFFERENCE_OF = 1_000

Model = Callable[[Bools, np.random.Generator], Floats]


def normal_scores(distance: float, steepness: float = 3) -> Model:
    """Probabilities of a model whose scores of both classes lie ``distance`` standard deviations apart."""

    def probabilities(at_least: Bools, rng: np.random.Generator) -> Floats:
        return np.asarray(expit(steepness * rng.normal(np.where(at_least, distance / 2, -distance / 2))))

    return probabilities


def rarely_wrong(errors_of_under: float, errors_of_at_least: float) -> Model:
    """A model that is sure of itself and wrong about few: what makes an interval too narrow most easily."""

    def probabilities(at_least: Bools, rng: np.random.Generator) -> Floats:
        is_wrong = rng.random(len(at_least)) < np.where(at_least, errors_of_at_least, errors_of_under)
        return np.where(at_least ^ is_wrong, 0.99, 0.01)

    return probabilities


MODELS: dict[str, Model] = {
    "good (AUC 0.94)": normal_scores(2.2),
    "middling (AUC 0.80)": normal_scores(1.2),
    "useless (AUC 0.50)": normal_scores(0),
    "inverted (AUC 0.06)": normal_scores(-2.2),
}
SURE_MODELS: dict[str, Model] = {
    "nearly perfect (AUC 0.995)": normal_scores(3.6),
    "sure, wrong about 3 %": rarely_wrong(0.03, 0.03),
    "sure, wrong about 6 % of those under": rarely_wrong(0.06, 0),
}


class Cell(NamedTuple):
    """What is drawn from what."""

    design: str
    model: str
    population: int
    size: int
    share: float


@dataclass(frozen=True)
class Found:
    """How a cell's intervals did: shares of the draws, and mean widths."""

    cell: Cell
    held: float
    exact: float
    width: float
    alone: float

    @property
    def is_by_exact(self) -> bool:
        """Whether so many intervals are the exact one that these say how often the truth is held."""
        return self.exact >= 0.3


def one_population(at_least: Bools, probability: Floats, cell: Cell, draws: int, rng: np.random.Generator) -> Floats:
    """Held, exact, width, width of the sample alone: (draws, 4)."""
    total, truth = len(at_least), float(at_least.mean())
    order = rng.permutation(total)
    strata = np.zeros(total, np.intp) if cell.design == "simple" else strata_by_probability(probability, order)
    members = [np.flatnonzero(strata == stratum) for stratum in range(int(strata.max()) + 1)]
    accounts = AuditPopulation(probability, strata)
    sizes = allocation(np.array([len(each) for each in members]), cell.size)
    found = []
    for _ in range(draws):
        drawn: Places = np.concatenate(
            [each[rng.choice(len(each), size, replace=False)] for each, size in zip(members, sizes, strict=True)]
        )
        share = audited_share(at_least[drawn].astype(float), drawn, accounts)
        alone = sample_alone(int(at_least[drawn].sum()), cell.size, total)
        is_held = share.low - 1e-9 <= truth <= share.high + 1e-9
        found.append((is_held, share.method == EXACT, share.high - share.low, alone[1] - alone[0]))
    return np.array(found, dtype=float)


def coverage(cell: Cell, draws: int, seed: int = 1) -> Found:
    """Draw ``draws`` samples in all."""
    rng = np.random.default_rng(seed)
    results = []
    for _ in range(MADE_ANEW):
        at_least = np.zeros(cell.population, dtype=bool)
        at_least[: round(cell.share * cell.population)] = True
        probability = (MODELS | SURE_MODELS)[cell.model](at_least, rng)
        results.append(one_population(at_least, probability, cell, draws // MADE_ANEW, rng))
    return Found(cell, *np.concatenate(results).mean(axis=0).tolist())


def neyman(model: Model, share: float, accounts: int = 100_000) -> tuple[float, float, float]:
    """Widths over that of equal numbers from every stratum, with the difference estimator in each of them.

    Numbers by what the strata's errors really are, which nobody knows before; by what the model believes
    of them, the root of ``p * (1 - p)``; and half equal, half by that.
    """
    rng = np.random.default_rng(1)
    at_least = np.arange(accounts) < share * accounts
    said = model(at_least, rng)
    strata = strata_by_probability(said, rng.permutation(accounts))
    groups = [strata == stratum for stratum in range(int(strata.max()) + 1)]
    truth, help_ = (np.concatenate([each[group] - each[group].mean() for group in groups]) for each in (at_least, said))
    left = np.split(truth - (truth @ help_) / (help_ @ help_) * help_, np.cumsum([sum(group) for group in groups])[:-1])
    errors = np.array([each.std() for each in left])
    believed = np.array([np.sqrt((said[group] * (1 - said[group])).mean()) for group in groups])
    equal, by_errors, by_belief = (each / each.sum() for each in (np.ones(len(groups)), errors, believed))
    least = float((errors**2).sum() * len(groups))
    return tuple(  # type: ignore[return-value]
        float(np.sqrt((errors**2 / np.maximum(parts, 1e-9)).sum() / least))
        for parts in (by_errors, by_belief, (equal + by_belief) / 2)
    )


def difference_held(model: Model, shares: tuple[float, float], size: int, draws: int) -> tuple[float, float]:
    """How often the interval of two audited shares' difference holds the truth, and its mean width."""
    rng = np.random.default_rng([round(100 * share) for share in shares] + [size])
    found = []
    for _ in range(draws):
        sides = []
        for share in shares:
            at_least = np.arange(DIFFERENCE_OF) < share * DIFFERENCE_OF
            population = AuditPopulation(model(at_least, rng), np.zeros(DIFFERENCE_OF, np.intp))
            drawn = rng.choice(DIFFERENCE_OF, size, replace=False)
            audited = audited_share(at_least[drawn].astype(float), drawn, population)
            sides.append(Estimate(audited.value, audited.low, audited.high))
        gap = audited_difference(sides[0], sides[1])
        assert gap.low is not None and gap.high is not None
        found.append((gap.low <= shares[0] - shares[1] <= gap.high, gap.high - gap.low))
    held, width = np.mean(found, axis=0).tolist()
    return held, width


def cells(models: dict[str, Model]) -> Iterator[Cell]:
    """Every row of the large table."""
    for design in DESIGNS:
        for model in models:
            for population in POPULATIONS:
                for size in SIZES:
                    yield from (Cell(design, model, population, size, share) for share in SHARES)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=2_000)
    parser.add_argument("--all", action="store_true", help="a row for every cell")
    parser.add_argument("--found", type=Path, help="keeps what was measured, to go on from there after a stop")
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop after so many")
    parser.add_argument("--sure", action="store_true", help="models that are hardly ever wrong, in place of the others")
    parser.add_argument("--neyman", action="store_true", help="other numbers from the strata, in place of the tables")
    parser.add_argument("--differences", action="store_true", help="of two audited shares, in place of the tables")
    arguments = parser.parse_args()
    if arguments.neyman:
        _print_neyman()
    elif arguments.differences:
        _print_differences(arguments.draws)
    else:
        _print_coverage(arguments)


def _print_coverage(arguments: argparse.Namespace) -> None:
    started = time.monotonic()
    models = SURE_MODELS if arguments.sure else MODELS
    known = _read(arguments.found)
    found = []
    for cell in cells(models):
        if cell not in known and time.monotonic() - started > 60 * arguments.minutes:
            sys.exit("Stopped; the same call with --found goes on.")
        found.append(known.get(cell) or coverage(cell, arguments.draws))
        if arguments.found and cell not in known:
            with arguments.found.open("a") as file:
                file.write(json.dumps([cell, *astuple(found[-1])[1:]]) + "\n")
        if arguments.all:
            print(_row(found[-1]), flush=True)
    _print_summary(found, models)
    _print_outside(found)
    print(f"\n{arguments.draws} draws a cell, {time.monotonic() - started:.0f} s", file=sys.stderr)


def _print_neyman() -> None:
    print("| model | share | by the errors themselves | by the model's belief | half equal, half by belief |")
    print("|---|---|---|---|---|")
    for name, model in (MODELS | SURE_MODELS).items():
        for share in (0.1, 0.5):
            print(f"| {name} | {share:.0%} | {' | '.join(f'{width:.2f}' for width in neyman(model, share))} |")


def _print_differences(draws: int) -> None:
    print("| model | N of each | " + " | ".join(f"{one:.0%} less {other:.0%}" for one, other in PAIRS) + " |")
    print("|---|---|" + "---|" * len(PAIRS))
    for name in ("good (AUC 0.94)", "useless (AUC 0.50)"):
        for size in SIZES:
            found = [difference_held(MODELS[name], pair, size, draws) for pair in PAIRS]
            print(
                f"| {name} | {size} | {' | '.join(f'{held:.1%} ({width:.2f})' for held, width in found)} |", flush=True
            )


def _read(path: Path | None) -> dict[Cell, Found]:
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path and path.exists() else []
    return {Cell(*cell): Found(Cell(*cell), *figures) for cell, *figures in rows}


def _row(found: Found) -> str:
    cell = found.cell
    return (
        f"| {cell.design} | {cell.model} | {cell.population:,} | {cell.size} | {cell.share:.0%} | {found.held:.1%} "
        f"| {found.exact:.0%} | {found.width:.3f} | {found.width / found.alone:.2f} |"
    )


def _print_summary(found: list[Found], models: dict[str, Model]) -> None:
    print("| design | model | N | held by intervals that are not exact | by exact ones | width at 50 % | at 10 % |")
    print("|---|---|---|---|---|---|---|")
    for design in DESIGNS:
        for model in models:
            for size in SIZES:
                rows = [f for f in found if f.cell[:2] == (design, model) and f.cell.size == size]
                inside = _range([f.held for f in rows if not f.is_by_exact])
                exact = _range([f.held for f in rows if f.is_by_exact])
                print(
                    f"| {design} | {model} | {size} | {inside} | {exact} | {_width(rows, 0.5)} | {_width(rows, 0.1)} |"
                )


def _range(held: list[float]) -> str:
    return f"{min(held):.1%} to {max(held):.1%}" if held else "–"


def _width(rows: list[Found], share: float) -> str:
    of = [row for row in rows if row.cell.share == share]
    return f"{np.mean([row.width / row.alone for row in of]):.2f}"


def _print_outside(found: list[Found]) -> None:
    """Name every cell outside of what is promised."""
    below = [f for f in found if f.held < HELD[0]]
    above = [f for f in found if f.held > HELD[1]]
    widest = max(f.width / f.alone for f in found)
    print(f"\n{len(found)} cells: {len(found) - len(below) - len(above)} hold the truth 93 to 97 % of the time.")
    print(f"{len(below)} hold it less often; {sum(f.is_by_exact for f in above)} more often, by the exact interval;")
    print(
        f"{sum(not f.is_by_exact for f in above)} more often without it. Widest over the sample alone: {widest:.3f}.\n"
    )
    for each in (*below, *(f for f in above if not f.is_by_exact)):
        print(_row(each))


if __name__ == "__main__":
    main()
