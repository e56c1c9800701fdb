"""A model and predictions for the sample, made up in no time, so that pages have something to show."""

import math
import random
import time
from pathlib import Path
from typing import Any

import orjson

from core.models.folder import TRAINING_FILE
from core.models.settings import ModelSettings
from core.settings import SAMPLE_DIR
from core.statistics.drift import BY_TEXTS
from core.storage.predictions_file import as_csv, prediction
from core.storage.user_lists import read_labels
from core.utils.io import write_atomically, write_json
from core.utils.records import write_record
from tests.made_model import training_record

RUNS = 2


def add_model(folder: Path, settings: ModelSettings | None = None, **record: Any) -> None:
    """The record of a model that learnt from ten accounts of the sample, beside its weights where these are there."""
    settings = settings or ModelSettings("encoder", "weights.pth")
    seen = sorted(read_labels(SAMPLE_DIR / "labels.csv").ages)[:10]
    rng = random.Random(1)
    tested = [f"other_{at},{age},{_probability(rng, age):.3f}" for at, age in enumerate((15, 35) * 100)]
    write_atomically(folder / "test.csv", "\n".join(["username,age,probability", *tested]) + "\n")
    if not (folder / "config.json").is_file():
        write_json(folder / "config.json", {"agescope": settings.as_dict()})
    write_atomically(folder / "README.md", "# Who is at least 21?\n")
    write_record(
        folder / TRAINING_FILE, training_record({"train": seen[:8], "validation": seen[8:]}, settings, **record)
    )


def add_predictions(data_dir: Path, model: Path) -> None:
    """Two runs over the sample's accounts, right more often than not."""
    ages = read_labels(SAMPLE_DIR / "labels.csv").ages
    accounts = [orjson.loads(path.read_bytes()) for path in sorted((data_dir / "accounts").glob("*.json"))]
    rng = random.Random(1)
    for at in range(RUNS):
        folder = data_dir / "predictions" / f"run-{at}"
        rows = []
        for account in accounts:
            name, captions = account["username"], len(account["posts"])
            probability = _probability(rng, ages.get(name, 30)) if captions else math.nan
            rows.append(prediction(name, probability, 0.5, captions))
        write_atomically(folder / "predictions.csv", as_csv(rows))
        alike = [{"name": name, "psi": 0.0, "limit": 0.02, "sentence": "The words are alike."} for name in BY_TEXTS]
        about = {
            "drift": {"differences": alike},
            "model": str(model),
            "age_cutoff": 21,
            "threshold": 0.5,
            "created_at": f"2026-11-0{2 + at}T10:00:00Z",
        }
        write_json(folder / "predictions.run.json", about)


def add_ended_job(
    data_dir: Path, kind: str, events: list[dict[str, Any]], outcomes: dict[str, int], exit_status: int = 0
) -> Path:
    """A job that has ended, as its folder tells it; its command is not one that was run."""
    folder = data_dir / "jobs" / f"20261101-100000-{kind}-0000"
    arguments = ["scrape-users", "/some/ab12"]
    record = {"kind": kind, "title": f"A {kind} job", "arguments": arguments, "outputs": [], "attempts": 1}
    write_json(folder / "job.json", {**record, "created_at": "2026-11-01T10:00:00+00:00"})
    progress = {"done": 1, "total": 2, "unit": "accounts", "heartbeat": 0}
    write_json(folder / "progress.json", {**progress, "outcomes": outcomes})
    ended = {"exit_status": exit_status, "message": "It ended.", "ended_at": "2026-11-01T11:30:00+00:00"}
    write_json(folder / "result.json", ended)
    write_atomically(folder / "events.jsonl", b"".join(orjson.dumps(event) + b"\n" for event in events))
    write_atomically(folder / "log.txt", "first line\nlast line\n")
    return folder


def add_running_job(data_dir: Path, kind: str, progress: dict[str, Any]) -> Path:
    """A job that another machine runs, as its heartbeat says; it has reported ``progress``."""
    folder = data_dir / "jobs" / f"20261101-110000-{kind}-0000"
    outputs = [str(data_dir / "models" / "the-model")]
    record = {"kind": kind, "title": f"A {kind} job", "arguments": [kind], "outputs": outputs, "attempts": 1}
    write_json(folder / "job.json", {**record, "created_at": "2026-11-01T11:00:00+00:00"})
    write_json(folder / "process.json", {"pid": 0, "started": 0, "launched": time.time(), "host": "elsewhere"})
    nothing = {"done": 0, "total": None, "unit": "accounts", "message": "", "heartbeat": time.time()}
    write_json(folder / "progress.json", {**nothing, **progress})
    return folder


def _probability(rng: random.Random, age: float) -> float:
    return 1 / (1 + math.exp(-rng.gauss(1.4 if age >= 21 else -1.4, 1.3)))
