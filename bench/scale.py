"""Measure how time and memory grow with a study: each command in a process of its own, on invented accounts.

    python -m bench.scale FOLDER --accounts 10000 100000 1000000
    python -m bench.scale FOLDER --predictions 10000000
    python -m bench.scale FOLDER --workers 600

The first makes a study of each size in FOLDER (ten posts an account; a million take 5 GB and ten minutes), runs the
commands of a study on it, with a random encoder of four small layers, so that what is measured is everything but the
encoder, and prints a table. The second makes a run of predictions alone, of accounts that nobody collected, and asks
what the pages ask of it. The third predicts for 600 accounts of 100 posts with the offline encoder, by one
process, by one and two workers, and on Ray where it is installed, and prints accounts a second and memory.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import torch

from bench import make_store
from bench.index import _timed, _uncached, _words
from core.encoder.names import OFFLINE_ENCODER
from core.index import Filter, Store
from core.settings import Settings
from core.storage.predictions_file import SCHEMA, read_table, write_table
from tests.tiny_models import tiny_encoder

POSTS = 10
LABELLED = 600
OF_FEW = 10_000
MOST_PREDICTED = 100_000
"""With more accounts than this only the index, the pages' questions and the figures are measured."""


@dataclass(frozen=True)
class Cost:
    """What a command took.

    Attributes:
        seconds: from its start to its end.
        megabytes: of the largest of its processes, at its peak.
        each_megabytes: resident at the peak of all, of each process that was larger than 100 MB.
    """

    seconds: float
    megabytes: float
    each_megabytes: tuple[float, ...] = ()

    def __str__(self) -> str:
        return f"{self.seconds:,.1f} s, {self.megabytes:,.0f} MB"


_LAUNCH = """
import resource, subprocess, sys
status = subprocess.run([sys.executable, "-m", *sys.argv[1:]], stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
"""
"""Starts a command from a small process: a large one's memory would count as its child's."""


def measured(study: Path, *words: str | Path) -> Cost:
    """Run a command of the program in a study, and wait for it."""
    environment = {**os.environ, "AGESCOPE_DATA_DIR": str(study), "RAY_USAGE_STATS_ENABLED": "0"}
    command = [sys.executable, "-c", _LAUNCH, *map(str, words)]
    with tempfile.TemporaryFile() as said:
        started = time.perf_counter()
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=said)
        watch = _Watch(process.pid)
        largest, _ = process.communicate()
        seconds = time.perf_counter() - started
        each = watch.stop()
        said.seek(0)
        if process.returncode:
            raise SystemExit(f"{' '.join(map(str, words))}\n{said.read().decode()}")
    return Cost(seconds, int(largest) / 1024, each)


class _Watch:
    """Looks twice a second how much memory a process and what it started take."""

    def __init__(self, process: int) -> None:
        self._process, self._ended = process, threading.Event()
        self._most: tuple[float, ...] = ()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> tuple[float, ...]:
        self._ended.set()
        self._thread.join()
        return self._most

    def _look(self) -> None:
        while not self._ended.wait(0.5):
            try:
                root = psutil.Process(self._process)
                sizes = [one.memory_info().rss / 2**20 for one in (root, *root.children(recursive=True))]
            except psutil.NoSuchProcess:
                continue
            if sum(sizes) > sum(self._most):
                self._most = tuple(sorted((size for size in sizes if size > 100), reverse=True))


def make_study(folder: Path, accounts: int) -> Settings:
    """Make the accounts, unless they are there, and a model of a tiny encoder."""
    settings = Settings(data_dir=folder)
    made = folder / "made"
    if not made.is_file():
        make_store.main(folder, accounts, POSTS, 0)
        names = [make_store.name_of(number) for number in range(LABELLED)]
        rows = [f"{name},{16 if number % 2 else 30}" for number, name in enumerate(names)]
        (folder / "to-train.csv").write_text("\n".join(["username,age", *rows, ""]))
        made.touch()
    if not (model := folder / "models" / "tiny").is_dir():
        encoder = tiny_encoder(folder / "encoder")
        options = ("--labels", folder / "to-train.csv", "--model-output-dir", model, "--epoch-num", "2")
        of = ("--input-dir", settings.accounts_dir, "--model-name-or-path", encoder)
        measured(folder, "core", "train", *of, *options, "--freeze-encoder")
    run_file = settings.predictions_dir / "first-0" / "predictions.run.json"
    run_file.write_text(json.dumps(json.loads(run_file.read_bytes()) | {"model": str(model)}))
    return settings


def of_study(folder: Path, accounts: int) -> dict[str, str]:
    """What is done -> what it takes, on a study of so many accounts."""
    settings = make_study(folder, accounts)
    found: dict[str, str] = {}

    def note(what: str, took: object) -> None:
        found[what] = str(took)
        print(f"{accounts:,}: {what}: {took}", file=sys.stderr, flush=True)

    cost = measured(folder, "core", "reindex")
    note("taking everything into the index", f"{cost}, {settings.index_file.stat().st_size / 1e6:,.0f} MB on the disk")
    for what, took in asked(folder).items():
        note(what, took)
    for what, took in predictions(folder, settings, accounts).items():
        note(what, took)
    made = settings.predictions_dir / "first-0" / "predictions.csv"
    as_parquet = folder / "as-parquet" / "predictions.parquet"
    write_table(as_parquet, read_table(made))
    (as_parquet.parent / "predictions.run.json").write_bytes(made.with_name("predictions.run.json").read_bytes())
    labels, model = folder / "to-train.csv", folder / "models" / "tiny"
    for form, path in (("CSV", made), ("Parquet", as_parquet)):
        size = f"{path.stat().st_size / 1e6:,.1f} MB on the disk"
        of = ("--predictions", path)
        note(f"`evaluate`, {form}", f"{measured(folder, 'core', 'evaluate', *of, '--labels', labels)}, {size}")
        note(f"`prevalence`, {form}", measured(folder, "core", "prevalence", *of, "--model", model))
        sample = ("--size", "200", "--output", folder / "sample.csv")
        note(f"`audit-sample`, {form}", measured(folder, "core", "audit-sample", *of, *sample))
    note("`pack-study`", measured(folder, "core", "pack-study", folder / "study.zip"))
    name = make_store.name_of(accounts // 2)
    note("`forget --dry-run` of one account", measured(folder, "core", "forget", "--dry-run", name))
    return found


def of_run(folder: Path, rows: int) -> dict[str, str]:
    """The same of a run of so many accounts, in a study of few: what reading predictions takes, as Parquet."""
    settings = make_study(folder, OF_FEW)
    run = settings.predictions_dir / "first-0"
    if not (made := run / "predictions.parquet").is_file():
        rng = np.random.default_rng(make_store.SEED)
        probability = rng.beta(0.8, 0.6, rows).round(4)
        names = [make_store.name_of(number) for number in range(rows)]
        columns = (names, probability, (probability >= 0.5).astype(int), rng.integers(1, 40, rows))
        typed = [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)]
        write_table(made, pa.Table.from_arrays(typed, schema=SCHEMA))
        (run / "predictions.csv").unlink()
    found: dict[str, str] = {"the file": f"{made.stat().st_size / 1e6:,.0f} MB on the disk"}
    cost = measured(folder, "core", "reindex")
    found["taking it into the index"] = f"{cost}, {settings.index_file.stat().st_size / 1e6:,.0f} MB on the disk"
    found |= {what: took for what, took in asked(folder).items() if not what.startswith("Posts")}
    of, model = ("--predictions", made), folder / "models" / "tiny"
    found["`evaluate`"] = str(measured(folder, "core", "evaluate", *of, "--labels", folder / "to-train.csv"))
    found["`prevalence`"] = str(measured(folder, "core", "prevalence", *of, "--model", model))
    found["`audit-sample`"] = str(
        measured(folder, "core", "audit-sample", *of, "--size", "200", "--output", folder / "sample.csv")
    )
    return found


def predictions(folder: Path, settings: Settings, accounts: int) -> dict[str, Cost]:
    """Predicting, and exporting, in every way."""
    if accounts > MOST_PREDICTED:
        return {}
    model, found = folder / "models" / "tiny", {}
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        out, exported = Path(temporary), Path(temporary) / "exported"
        of = ("core", "predict", "--no-cache", "--finetuned-model-path", model, "--prediction-output-file")
        from_files = ("--input-dir", settings.accounts_dir)
        found["`predict`, one process"] = measured(folder, *of, out / "one.csv", *from_files)
        found["`predict --workers 2`"] = measured(folder, *of, out / "two.parquet", *from_files, "--workers", "2")
        found["`export-shards`"] = measured(folder, "core", "export-shards", *from_files, "--output-dir", exported)
        options = ("--shards-from", exported, "--workers", "2")
        found["`predict --shards-from --workers 2`"] = measured(folder, *of, out / "three.parquet", *options)
    return found


def asked(folder: Path) -> dict[str, str]:
    """What the pages ask, in a process of its own."""
    environment = {**os.environ, "AGESCOPE_DATA_DIR": str(folder)}
    command = [sys.executable, "-m", "bench.scale", str(folder), "--ask"]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise SystemExit(answer.stderr)
    found: dict[str, str] = json.loads(answer.stdout)
    return found


def ask(folder: Path) -> dict[str, str]:
    """The questions of Overview, Posts and Results, the median of three."""
    from core.models.folder import read_model_info
    from core.reporting.run_results import Run, RunAtThreshold
    from core.utils.tables import safe_csv

    found: dict[str, str] = {}
    with Store(Settings(data_dir=folder)) as store:
        rare, frequent = _words(store)
        name = store.accounts(limit=1, offset=store.count_accounts() // 2)["username"][0]
        questions: dict[str, Callable[[], object]] = {
            "Overview: all counts": store.counts,
            "Posts: the newest": store.posts,
            "Posts: a page of accounts, by posts": lambda: store.accounts(sort="posts", offset=5_000),
            "Posts: an account's own": lambda: store.posts(Filter(account=name)),
            "Posts: a rare word": lambda: (store.posts(Filter(words=rare)), _uncached(store, Filter(words=rare))),
            "Posts: a frequent word": lambda: (
                store.posts(Filter(words=frequent)),
                _uncached(store, Filter(words=frequent)),
            ),
            "Results: reading a run": lambda: store.all_predictions("first-0"),
        }
        for what, question in questions.items():
            found[what] = _in_words(sorted(_timed(question) for _ in range(3))[1])
        model = read_model_info(folder / "models" / "tiny")
        run = Run("first-0", store.all_predictions("first-0"), model, 21.0)

        def figures(threshold: float) -> object:
            view = RunAtThreshold(run, threshold, 0.9, 3)
            return view.called, view.shares, view.counted_uncertain, view.distribution()

        found["Results: first figures"] = _in_words(_timed(lambda: figures(0.5)))
        found["Results: threshold moved"] = _in_words(_timed(lambda: figures(0.6)))
        rows = RunAtThreshold(run, 0.5, 0.9, 3)
        found["Results: download as CSV"] = _in_words(_timed(lambda: safe_csv(rows.downloads())))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found["all of these: peak memory"] = f"{memory:,.0f} MB"
    return found


def by_workers(folder: Path, accounts: int) -> None:
    """Accounts a second and memory of each way to share the work, with the encoder that comes along."""
    settings = Settings(data_dir=folder)
    if not settings.accounts_dir.is_dir():
        make_store.main(folder, accounts, 100, 0)
    model = folder / "models" / "offline"
    if not model.is_dir():
        names = [make_store.name_of(number) for number in range(60)]
        rows = [f"{name},{16 if number % 2 else 30}" for number, name in enumerate(names)]
        (folder / "to-train.csv").write_text("\n".join(["username,age", *rows, ""]))
        options = ("--labels", folder / "to-train.csv", "--model-output-dir", model, "--epoch-num", "2")
        of = ("--input-dir", settings.accounts_dir, "--model-name-or-path", OFFLINE_ENCODER, "--freeze-encoder")
        measured(folder, "core", "train", *of, *options)
    ways: dict[str, Sequence[str]] = {
        "one process": (),
        "`--workers 1 --shards 8`": ("--workers", "1", "--shards", "8"),
        "`--workers 2`": ("--workers", "2"),
    }
    if find_spec("ray"):
        ways["`--workers 1 --engine ray`"] = (
            "--workers",
            "1",
            "--shards",
            "8",
            "--engine",
            "ray",
            "--worker-cpus",
            "2",
        )
        ways["`--workers 2 --engine ray`"] = ("--workers", "2", "--engine", "ray")
    print("| | precision | whole command | accounts a second | memory of each process, largest first |")
    print("|---|---|---|---|---|")
    for precision in ("exact", "fast"):
        for what, options in ways.items():
            with tempfile.TemporaryDirectory(dir=folder) as temporary:
                of = ("--input-dir", settings.accounts_dir, "--finetuned-model-path", model, "--precision", precision)
                output = ("--prediction-output-file", Path(temporary) / "p.csv", "--no-cache")
                cost = measured(folder, "core", "predict", *of, *output, *options)
                seconds = json.loads((Path(temporary) / "p.run.json").read_bytes())["seconds"]
            each = ", ".join(f"{size:,.0f}" for size in cost.each_megabytes)
            rate = accounts / seconds
            print(f"| {what} | {precision} | {cost.seconds:.1f} s | {rate:.1f} | {each} MB |", flush=True)


def _in_words(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms" if seconds < 10 else f"{seconds:,.1f} s"


def _print(tables: dict[int, dict[str, str]]) -> None:
    print("| |", " | ".join(f"{accounts:,} accounts" for accounts in tables), "|")
    print("|---|" + "---|" * len(tables))
    for what in dict.fromkeys(what for table in tables.values() for what in table):
        print(f"| {what} |", " | ".join(table.get(what, "–") for table in tables.values()), "|")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--accounts", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--predictions", type=int, metavar="ROWS", help="rows of a run to read instead")
    parser.add_argument("--workers", type=int, metavar="ACCOUNTS", help="accounts to share among workers instead")
    parser.add_argument("--ask", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    place = options.folder.resolve()
    torch.set_num_threads(1)
    if options.ask:
        print(json.dumps(ask(place)))
    elif options.predictions:
        _print({options.predictions: of_run(place / f"run-{options.predictions}", options.predictions)})
    elif options.workers:
        by_workers(place / "workers", options.workers)
    else:
        _print({accounts: of_study(place / f"{accounts}", accounts) for accounts in options.accounts})
    if not options.ask:
        load, cores = psutil.getloadavg()[0], psutil.cpu_count()
        print(f"load of the machine (1 is one core busy): {load:.1f}, cores: {cores}")
