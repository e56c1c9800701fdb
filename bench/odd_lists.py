"""What do the commands say of lists whose texts somebody never imagined? A share must be withheld, or hold the truth.

    python -m bench.odd_lists --data FOLDER [--labelled 400] [--asked 100] [--posts 15]

FOLDER holds ``blogs`` and ``tweets`` as for ``bench.kinds``. A model learns from labelled bloggers by the best
recipe (``python -m core train``). Each list has other bloggers, with their texts as they are or in an odd form,
or mixed with accounts of another kind; ``predict --user-file`` and ``prevalence`` are asked about it.
"""

import argparse
import csv
import json
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.kinds import CUTS, ODD, Kind, read
from bench.whole_path import core
from core.statistics.drift import Drift
from core.storage.account_files import write_account
from core.storage.models import Account, Post
from core.storage.predictions_file import run_file
from core.storage.run_record import RunRecord
from core.utils.records import find_record

CUTOFF = 21
Captions = Sequence[str]
Listed = list[tuple[Captions, bool]]
"""The captions of accounts, and whether each is at least 21."""


def odd_lists(own: Listed, other: Listed, asked: int) -> Iterator[tuple[str, Listed]]:
    """Each list by its name; ``own`` and ``other`` are accounts of the model's kind of text and of another."""
    rng = random.Random(2021)
    listed = own[:asked]
    yield "as they are", listed
    yield "as they are, 20 accounts", own[:20]
    yield "those of at least 21 alone", [(captions, old) for captions, old in own if old][:asked]
    yield "those under 21 alone", [(captions, old) for captions, old in own if not old][:asked]

    def everywhere(how: Callable[[Captions], list[str]]) -> Listed:
        return [(how(captions), old) for captions, old in listed]

    def shuffled(captions: Captions) -> list[str]:
        return [" ".join(rng.sample(words, len(words))) for words in map(str.split, captions)]

    for name, how in {**ODD, **CUTS}.items():
        yield name, everywhere(how)
    yield (
        "in capitals, half of the accounts",
        [(ODD["IN CAPITALS"](captions) if at % 2 else captions, old) for at, (captions, old) in enumerate(listed)],
    )
    yield "words in any order", everywhere(shuffled)
    yield "first caption alone", everywhere(lambda its: [its[0]])
    yield "first caption fifteen times", everywhere(lambda its: [its[0]] * 15)
    yield (
        "captions of anybody",
        [([rng.choice(captions) for captions, _ in rng.sample(listed, 15)], old) for _, old in listed],
    )
    yield "one account under many names", [own[0]] * asked
    yield "five accounts under many names", [own[at % 5] for at in range(asked)]
    yield "digits and faces alone", everywhere(lambda its: [f"{len(it)} \N{GRINNING FACE}" for it in its])
    yield "half of them tweets", [*own[: asked // 2], *other[: asked // 2]]
    yield "a fifth of them tweets", [*own[: asked * 4 // 5], *other[: asked // 5]]
    yield "tweets", other[:asked]


def accounts_of(kind: Kind, posts: int) -> Listed:
    """Accounts with at most so many captions."""
    return [(captions[:posts], bool(age >= CUTOFF)) for captions, age in zip(kind.captions, kind.ages, strict=True)]


def write_list(path: Path, folder: Path, listed: Listed) -> None:
    """A user list, and the file of each of its accounts."""
    names = [f"{path.stem}_{at}" for at in range(len(listed))]
    for name, (captions, _) in zip(names, listed, strict=True):
        posts = [Post(id=f"{name}_{at}", caption=caption) for at, caption in enumerate(captions)]
        write_account(folder, Account(username=name, source="import", posts=posts))
    path.write_text("\n".join(["username", *names]))


def because(predictions: Path) -> str:
    """What about the texts forbids a corrected share."""
    record = find_record(RunRecord, run_file(predictions))
    drift = Drift.recorded(record.drift) if record else None
    forbidding = [difference.name for difference in drift.differences if difference.forbids] if drift else ["no record"]
    return ", ".join(forbidding).replace("_", " ")


def cell(share: dict[str, Any], truth: float) -> str:
    """An interval, and whether it holds the truth."""
    if share["low"] is None:
        return "withheld"
    holds = share["low"] <= truth <= share["high"]
    return f"{share['low']:.2f} to {share['high']:.2f}{'' if holds else ' **misses**'}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--labelled", type=int, default=400)
    parser.add_argument("--asked", type=int, default=100)
    parser.add_argument("--posts", type=int, default=15, help="at most so many captions of an account")
    given = parser.parse_args()
    kinds = read(given.data)
    blogs, tweets = (accounts_of(kinds[kind], given.posts) for kind in ("blogs", "English tweets"))
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        folder, model = work / "accounts", work / "model"
        write_list(work / "known.csv", folder, blogs[: given.labelled])
        with (work / "labels.csv").open("w", newline="") as file:
            rows = [(f"known_{at}", 30 if old else 15) for at, (_, old) in enumerate(blogs[: given.labelled])]
            csv.writer(file).writerows([("username", "age"), *rows])
        learnt = ("--labels", work / "labels.csv", "--recipe", "best", "--model-name-or-path", "all-MiniLM-L6-v2")
        core("train", "--input-dir", folder, *learnt, "--model-output-dir", model)
        every = [*odd_lists(blogs[given.labelled :], tweets, given.asked)]
        for at, (_, listed) in enumerate(every):
            write_list(work / f"list{at}.csv", folder, listed)
        print("| the list | truth | expectation maximisation | Rogan-Gladen | because of |")
        print("|---|---|---|---|---|")
        for at, (name, listed) in enumerate(every):
            users, predictions = work / f"list{at}.csv", work / f"predictions{at}.csv"
            core("predict", "--input-dir", folder, "--user-file", users, "--finetuned-model-path", model,
                 "--prediction-output-file", predictions)  # fmt: skip
            answer = json.loads(core("prevalence", "--predictions", predictions, "--model", model))
            truth = float(np.mean([old for _, old in listed]))
            cells = [cell(answer.get(way), truth) for way in ("expectation_maximisation", "rogan_gladen")]
            print(f"| {name} | {truth:.2f} | {' | '.join(cells)} | {because(predictions)} |", flush=True)


if __name__ == "__main__":
    main()
