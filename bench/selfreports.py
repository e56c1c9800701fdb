"""Are the ages that core.labelling.self_reports reads in captions right? Counted on people whose ages are known.

    python -m bench.selfreports ../shared/data/blogs 2004-08-31      # labels.csv and posts.csv.gz
    python -m bench.selfreports ../shared/data/tweets 2014-12-31 --suffix=-en

The day is the one on which the labels were true. A find is right where the range of ages that it gives
for that day holds the label, and within a year where it misses it by no more than that (a profile may
have been a birthday old). "By chance" is what the finds' ages would reach against the labels of other
accounts with finds, the mean of many shuffles: the reader sees what is owed to everybody being 17.
"""

import argparse
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from core.labelling.self_reports import SelfReport, find_self_reports

SHUFFLES = 200

Band = tuple[float, float]


def read(folder: Path, suffix: str) -> tuple[pd.DataFrame, dict[str, Band]]:
    """Posts (username, caption, taken_at), and each account's age, at least and at most."""
    labels = pd.read_csv(folder / f"labels{suffix}.csv")
    if "band" in labels:
        parts = labels["band"].str.replace("XX", "110").str.split("-", expand=True).astype(float)
        known = zip(parts[0], parts[1], strict=True)
    else:
        known = zip(labels["age"], labels["age"], strict=True)
    return pd.read_csv(folder / f"posts{suffix}.csv.gz"), dict(zip(labels["username"], known, strict=True))


def finds(posts: pd.DataFrame) -> list[tuple[str, SelfReport]]:
    """(username, find) of all posts; the same text twice by the same account counts once."""
    found: dict[tuple[str, str], list[SelfReport]] = {}
    columns = ["username", "caption", "taken_at"]
    for username, caption, taken_at in posts[columns].drop_duplicates(columns[:2]).itertuples(index=False):
        if isinstance(caption, str):
            taken = date.fromisoformat(taken_at[:10]) if isinstance(taken_at, str) else None
            found[username, caption] = find_self_reports(caption, taken)
    return [(username, report) for (username, _), reports in found.items() for report in reports]


def distance(ages: Band, known: Band) -> float:
    """Years between two ranges of ages; 0 where they meet."""
    return max(0.0, known[0] - ages[1], ages[0] - known[1])


def by_chance(dated: list[tuple[str, Band]], known: dict[str, Band], seed: int = 2021) -> float:
    """The share within a year when the accounts' labels are shuffled among them."""
    rng, names = np.random.default_rng(seed), sorted({username for username, _ in dated})
    shares = []
    for _ in range(SHUFFLES):
        other = dict(zip(names, rng.permutation(len(names)), strict=True))
        shares.append(np.mean([distance(ages, known[names[other[username]]]) <= 1 for username, ages in dated]))
    return float(np.mean(shares))


def row(name: str, some: list[tuple[str, SelfReport]], known: dict[str, Band], day: date) -> str:
    """A line of the table."""
    dated = [(username, ages) for username, report in some if (ages := report.age_on(day))]
    accounts = len({username for username, _ in dated})
    if not dated:
        return f"| {name} | {len(some)} | 0 | 0 | – | – | – |"
    off = np.array([distance(ages, known[username]) for username, ages in dated])
    shares = f"{(off == 0).mean():.3f} | {(off <= 1).mean():.3f} | {by_chance(dated, known):.3f}"
    return f"| {name} | {len(some)} | {len(dated)} | {accounts} | {shares} |"


def table(found: list[tuple[str, SelfReport]], known: dict[str, Band], day: date) -> Iterable[str]:
    """Finds by whose they are, by pattern and by language, and the newest own find of each account."""
    yield "| finds | number | with an age | accounts | right | within a year | by chance |"
    yield "|---|---|---|---|---|---|---|"
    keys: list[Callable[[SelfReport], tuple[str, ...]]] = [
        lambda report: (report.whose,),
        lambda report: (report.whose, report.language, report.pattern),
    ]
    for key in keys:
        for group in sorted({key(report) for _, report in found}):
            some = [(username, report) for username, report in found if key(report) == group]
            yield row(", ".join(group), some, known, day)
    yield row("own, one an account: the first", first_of_each(found), known, day)


def first_of_each(found: list[tuple[str, SelfReport]]) -> list[tuple[str, SelfReport]]:
    """One own find with an age of every account that has any, so that who repeats himself counts once."""
    first: dict[str, SelfReport] = {}
    for username, report in found:
        if report.whose == "own" and report.born:
            first.setdefault(username, report)
    return [*first.items()]


def main() -> None:
    """Read, find, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("day", type=date.fromisoformat, help="on which the labels were true")
    parser.add_argument("--suffix", default="", help="of the files' names, as -en of labels-en.csv")
    given = parser.parse_args()
    posts, known = read(given.folder, given.suffix)
    print("\n".join(table(finds(posts), known, given.day)))


if __name__ == "__main__":
    main()
