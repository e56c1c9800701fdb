"""Kill every kind of long work at random moments, go on, and compare with work that nobody disturbed.

    python -m bench.kills --kills 20                          # every kind; the counts as JSON
    python -m bench.kills --kills 20 --only predict,forget --write   # and renew their rows in docs/reliability.md

A trial starts a real command in a fresh folder, kills it (SIGKILL) at a moment drawn evenly from the time that it
takes undisturbed, gives the same command again, kills that too, and a third, and lets the fourth go to its end. It is
lost where that one does not end with 0, where the result is another, or where a half-written file stays. Trials are
made until as many kills as were asked for have met the command at work.
"""

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import duckdb
import orjson

from core.index import Store
from core.labelling.records import Record, add_record, answers_of, read_records
from core.settings import PROJECT_DIR, get_settings
from core.storage.account_files import read_account
from tests.faults.nursery import KILLED, TRAINING, Nursery, nursery
from tests.tiny_study import study

SEED = 2026
KILLS_A_TRIAL = 3
TIMES = 3
TABLE = PROJECT_DIR / "docs" / "reliability.md"
BEGIN, END = "<!-- kills: written by python -m bench.kills --write -->", "<!-- end of kills -->"
HEADINGS = ("work", "seconds", "kills", "too late", "not finished", "another result", "half a file left")
ANSWERED = 400
TOLERANCE = 0.001
"""In a training's figures: a fold that is made anew encodes its texts in other batches, which moves the last digits."""
_FIGURE = re.compile(r"\b\d\.\d{5,}\b")
INDEXED = {
    "posts": "username, id, caption",
    "accounts": "username, posts",
    "labels": "username, age",
    "lists": "username",
    "predictions": "username, probability",
}
"""Table -> columns that are compared."""


@dataclass(frozen=True)
class Work:
    """A kind of work.

    Attributes:
        name: what the table calls it.
        arguments: of the command that does it in a folder.
        result: what has to be the same in the end.
        prepare: makes the folder ready.
        call: a function that does it instead of a command.
        tolerance: in the figures of its result.
    """

    name: str
    arguments: Callable[[Path], Sequence[str | Path]]
    result: Callable[[Path], object]
    prepare: Callable[[Path], None] = lambda folder: None
    call: str = ""
    tolerance: float = 0.0


@dataclass
class Count:
    """What became of the trials of one kind of work.

    Attributes:
        seconds: that it takes undisturbed, without the start of Python.
        kills: that met it at work.
        late: kills that came when it had ended by itself.
        refused: trials whose last command did not end with 0.
        other: trials with another result.
        left: trials that left a half-written file.
    """

    seconds: float
    kills: int = 0
    late: int = 0
    refused: int = 0
    other: int = 0
    left: int = 0

    def plus(self, other: "Count") -> "Count":
        """Both together; the longer time."""
        mine, its = asdict(self), asdict(other)
        return Count(**{name: mine[name] + its[name] for name in mine} | {"seconds": max(self.seconds, other.seconds)})

    @property
    def lost(self) -> int:
        """Trials in which something was lost."""
        return self.refused + self.other + self.left


def take_in() -> None:
    """What a dashboard does that follows the files: take what is new into the index."""
    with Store(get_settings()) as store:
        store.refresh()


def answer_all(folder: str) -> None:
    """What a coder does on the Label page: answer about one account after another, each once."""
    done = answers_of(read_records(Path(folder)), "ada")
    for name in (f"user{number}" for number in range(ANSWERED)):
        if name not in done:
            add_record(Path(folder), Record(username=name, coder="ada", answer="21"))


def trainings(common: Path, encoder: str) -> Iterator[Work]:
    """Training in every way, with a small encoder that knows nothing."""
    ways = {
        "train": ["--epoch-num", "2"],
        "train --freeze-encoder": ["--freeze-encoder", "--folds", "2", "--epoch-num", "5"],
        "train --recipe best": ["--recipe", "best", "--folds", "2"],
        "train --compare": ["--compare", "--epoch-num", "1"],
    }
    for name, options in ways.items():
        command = partial(training, common, encoder, options=options)
        yield Work(name, command, figures, tolerance=TOLERANCE)


def training(common: Path, encoder: str, folder: Path, options: Sequence[str]) -> list[str | Path]:
    """The command of a training in a folder."""
    return ["train", "--input-dir", common / "accounts", "--labels", common / "labels.csv", "--model-output-dir",
            folder / "model", "--model-name-or-path", encoder, "--no-cache", *options]  # fmt: skip


def figures(folder: Path) -> object:
    """What every model file is called, and what the models said of the accounts they had not seen."""
    files = [path for path in sorted((folder / "model").rglob("*")) if path.is_file()]
    said = [path.read_text() for path in files if path.suffix == ".csv" and path.name != "comparison.csv"]
    return [str(path.relative_to(folder)) for path in files if path.suffix != ".lock"], said


def are_alike(one: object, other: object, tolerance: float) -> bool:
    """Whether two results are the same, but for ``tolerance`` in numbers of five digits and more."""
    texts = [orjson.dumps(result, default=str).decode() for result in (one, other)]
    numbers = [[float(found) for found in _FIGURE.findall(text)] for text in texts]
    same_words = _FIGURE.sub("", texts[0]) == _FIGURE.sub("", texts[1])
    return same_words and all(abs(a - b) <= tolerance for a, b in zip(*numbers, strict=True))


def works(common: Path, encoder: str, model: Path) -> list[Work]:
    """Every kind of work."""
    accounts = common / "accounts"
    return [
        Work("import", lambda folder: ["import", common / "posts.csv", "--output-dir", folder / "accounts"],
             lambda folder: posts_of(folder / "accounts")),
        Work("reindex", lambda folder: ["reindex"], indexed, lambda folder: copy_study(common, folder)),
        Work("take in (dashboard)", lambda folder: [], indexed, lambda folder: copy_study(common, folder),
             "bench.kills:take_in"),
        Work("label (Label page)", lambda folder: [folder], answered, call="bench.kills:answer_all"),
        Work("predict", lambda folder: ["predict", "--input-dir", accounts, "--finetuned-model-path", model,
             "--prediction-output-file", folder / "out" / "predictions.csv", "--no-cache"],
             lambda folder: (folder / "out" / "predictions.csv").read_text()),
        Work("forget", lambda folder: ["forget", "user_001", "user_002"], remaining,
             lambda folder: copy_study(common, folder)),
        *trainings(common, encoder),
    ]  # fmt: skip


def copy_study(common: Path, folder: Path) -> None:
    """A data folder with accounts, labels and predictions in it."""
    data = folder / "data"
    shutil.copytree(common / "accounts", data / "accounts")
    for place, name, text in [
        ("labels", "labels.csv", (common / "labels.csv").read_text()),
        ("lists", "people.csv", "username\n" + "".join(f"user_{number:03}\n" for number in range(40))),
        ("predictions/run", "predictions.csv", "username,probability,prediction,posts\nuser_001,0.9,1,4\n"),
    ]:
        (data / place).mkdir(parents=True)
        (data / place / name).write_text(text)


def posts_of(folder: Path) -> object:
    """Every account's posts, in their order."""
    accounts = [read_account(path) for path in sorted(folder.glob("*.json"))]
    return [(account.username, account.outcome, [post.id for post in account.posts]) for account in accounts]


def indexed(folder: Path) -> object:
    """What the index holds."""
    with duckdb.connect(str(folder / "data" / "index.duckdb"), read_only=True) as connection:
        return [connection.execute(f"SELECT {columns} FROM {table} ORDER BY ALL").fetchall()  # noqa: S608
                for table, columns in INDEXED.items()]  # fmt: skip


def answered(folder: Path) -> object:
    """Every answer that was kept, in the order of answering."""
    return [(record.username, record.answer) for record in read_records(folder)]


def remaining(folder: Path) -> object:
    """Which files still name an account that was to be forgotten, and what the others hold."""
    files = [path for path in sorted((folder / "data").rglob("*")) if path.is_file() and path.name != "actions.jsonl"]
    naming = [path.name for path in files if re.search(rb"user_00[12]\b", path.read_bytes() + path.name.encode())]
    return naming, [(str(path.relative_to(folder)), digest(path.read_text())) for path in files]


def digest(value: object) -> str:
    """Of a result."""
    return hashlib.sha256(orjson.dumps(value, default=str)).hexdigest()


@contextmanager
def everything(wanted: Callable[[str], bool]) -> Iterator[tuple[Path, Nursery, list[Work]]]:
    """What the trials need, in a folder that goes when they are over."""
    with tempfile.TemporaryDirectory() as name:
        common, model = Path(name) / "common", Path(name) / "for-predict"
        common.mkdir()
        study(common, accounts=40, posts=2)
        encoder = str(common / "encoder")
        rows = [f"user{number % 40},{number},caption {number}\n" for number in range(4000)]
        (common / "posts.csv").write_text("username,id,caption\n" + "".join(rows))
        chosen = [work for work in works(common, encoder, model / "model") if wanted(work.name)]
        with_models = any(work.name.startswith(("predict", "train")) for work in chosen)
        if with_models:
            from tests.tiny_models import tiny_encoder  # loads torch, which the others do without

            tiny_encoder(Path(encoder))
        with nursery(common, *(TRAINING if with_models else ())) as runs:
            if any(work.name == "predict" for work in chosen):
                assert runs.run(training(common, encoder, model, ["--epoch-num", "1"])) == 0, runs.log.read_text()
            yield Path(name), runs, chosen


def trials(runs: Nursery, work: Work, root: Path, kills: int, seed: int = SEED) -> Count:
    """Kill one kind of work until so many kills have met it at work."""
    # the shortest of three: a busy machine would only add moments at which nothing is there to be killed
    times = [undisturbed(runs, work, root / f"undisturbed-{number}") for number in range(TIMES)]
    seconds, expected = min(seconds for seconds, _ in times), times[0][1]
    count, chance, number = Count(round(seconds, 2)), random.Random(seed), 0
    while count.kills < kills:
        number += 1
        folder = root / str(number)
        moments = [chance.uniform(0, seconds) for _ in range(KILLS_A_TRIAL)]
        if trial(runs.at(folder), work, folder, moments, count):
            count.other += not are_alike(work.result(folder), expected, work.tolerance)
            count.left += any(folder.rglob("*.part"))
        shutil.rmtree(folder)
    return count


def undisturbed(runs: Nursery, work: Work, folder: Path) -> tuple[float, object]:
    """How long it takes, and the result."""
    folder.mkdir(parents=True)
    work.prepare(folder)
    began = time.monotonic()
    own = runs.at(folder).calling(work.call)
    assert own.run(work.arguments(folder)) == 0, own.log.read_text()
    return time.monotonic() - began, work.result(folder)


def trial(runs: Nursery, work: Work, folder: Path, moments: Sequence[float], count: Count) -> bool:
    """A kill at each of the moments after a start, and then the command to its end; whether it came there."""
    folder.mkdir(parents=True)
    work.prepare(folder)
    own = runs.calling(work.call)
    for moment in moments:
        process = own.start(work.arguments(folder))
        threading.Event().wait(moment)
        with suppress(ProcessLookupError):  # it has ended
            os.kill(process, KILLED)
        met = own.ended() == -KILLED
        count.kills += met
        count.late += not met
    status = own.run(work.arguments(folder))
    if status:
        print(f"{work.name} ended with {status}: {own.log.read_text()[-2000:]}", file=sys.stderr)
    count.refused += status != 0
    return status == 0


def block(counts: dict[str, Count]) -> str:
    """The table between its marks."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "|---" * len(HEADINGS) + "|"]
    for name, count in counts.items():
        lines.append("| " + " | ".join([name, *map(str, asdict(count).values())]) + " |")
    return "\n".join([BEGIN, *lines, END])


def written(text: str) -> dict[str, Count]:
    """The counts in a text that holds a table.

    Raises:
        ValueError: it is not one that :func:`block` has made.
    """
    table = text[text.index(BEGIN) : text.index(END)].splitlines()[3:]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    return {name: Count(float(seconds), *map(int, others)) for name, seconds, *others in rows}


def renew(counts: dict[str, Count], is_more: bool = False, page: Path = TABLE) -> None:
    """Put counts into the page's table, or add them to it; rows of kinds that were not tried stay."""
    text = page.read_text()
    before, after, known = text[: text.index(BEGIN)], text[text.index(END) + len(END) :], written(text)
    if is_more:
        counts = {name: count.plus(known[name]) if name in known else count for name, count in counts.items()}
    page.write_text(before + block({**known, **counts}) + after)


def main() -> int:
    """Print what was tried and what was lost; 1 where something was."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20, help="of each kind of work")
    parser.add_argument("--only", default="", help="names of kinds of work, with commas between them")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--write", action="store_true", help="renew the table in docs/reliability.md")
    parser.add_argument("--add", action="store_true", help="with --write: add to the counts that stand there")
    options = parser.parse_args()
    names = {*filter(None, options.only.split(","))}
    counts = {}
    with everything(lambda name: not names or name in names) as (folder, runs, chosen):
        for work in chosen:
            counts[work.name] = trials(runs, work, folder / digest(work.name)[:8], options.kills, options.seed)
    print(json.dumps({name: asdict(count) for name, count in counts.items()}, indent=2))
    if options.write:
        renew(counts, options.add)
    return int(any(count.lost for count in counts.values()))


if __name__ == "__main__":
    raise SystemExit(main())
