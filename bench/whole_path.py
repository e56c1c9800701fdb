"""The whole path on real, labelled text, by the commands a person would type; prints what `evaluate` says.

    python -m bench.whole_path --data FOLDER [--accounts 400] [--posts 20] [--epochs 3] [--recipe published]

FOLDER holds labels.csv (username, age) and posts.csv.gz (username, caption, taken_at). A fixed draw
of accounts is learnt from; every account left out is predicted and evaluated.
"""

import argparse
import csv
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def core(*arguments: str | Path) -> str:
    """Run ``python -m core`` and return what it prints; its messages go to the terminal."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "core", *map(str, arguments)]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    print(f"{arguments[0]}: {time.perf_counter() - started:.0f} s", file=sys.stderr)
    return printed


def draw(labels: Path, folder: Path, accounts: int, seed: int = 2021) -> tuple[Path, Path]:
    """Split a labels file into one to learn from and one to evaluate with."""
    header, *rows = csv.reader(labels.read_text().splitlines())
    random.Random(seed).shuffle(rows)
    paths = folder / "known.csv", folder / "left_out.csv"
    for path, part in zip(paths, (rows[:accounts], rows[accounts:]), strict=True):
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([header, *part])
    return paths


def main() -> None:
    """Import, train, predict, evaluate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/blogs"))
    parser.add_argument("--accounts", type=int, default=400)
    parser.add_argument("--posts", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--recipe", choices=("published", "best"), default="published")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        known, left_out = draw(given.data / "labels.csv", folder, given.accounts)
        core("import", given.data / "posts.csv.gz", "--output-dir", folder / "accounts")
        source = ("--input-dir", folder / "accounts")
        model, predictions = folder / "model", folder / "predictions.csv"
        train = ("--labels", known, "--model-output-dir", model, "--model-name-or-path", "all-MiniLM-L6-v2")
        core(
            "train",
            *source,
            *train,
            "--max-posts",
            str(given.posts),
            "--epoch-num",
            str(given.epochs),
            "--recipe",
            given.recipe,
        )
        core("predict", *source, "--finetuned-model-path", model, "--prediction-output-file", predictions)
        result = json.loads(core("evaluate", "--predictions", predictions, "--labels", left_out))
    for name in ("accuracy", "balanced_accuracy", "auc", "calibration_error", "majority_share"):
        figure = result["metrics"][name]
        print(f"{name}: {figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})")
    print(f"accounts left out: {result['accounts']['both']}")


if __name__ == "__main__":
    main()
