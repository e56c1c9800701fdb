"""Make a large study of invented accounts, to measure the index and the dashboard with.

    python -m bench.make_store FOLDER --accounts 100000 --posts 100
    python -m bench.make_store FOLDER --accounts 20000 --first 100000     # newly collected ones

FOLDER becomes a data folder: account files, a list, labels and two prediction runs. A hundred
thousand accounts of a hundred posts take about 2.6 GB and a few minutes.
"""

import argparse
import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import orjson

from core.settings import Settings

SEED = 21
VOCABULARY = 20_000
POOL = 500_000
SYLLABLES = [consonant + vowel for consonant in "bdklmnrstw" for vowel in "aeiou"]
EMOJI = ("😍", "🌊", "🔥", "✨", "☀️", "❤️")
SHARE_LABELLED = 0.05


def captions(rng: np.random.Generator) -> list[str]:
    """A pool of captions as JSON strings: 1 to 40 words, 9 on average, frequent words being far more frequent."""
    words = np.array(list(_words(random.Random(SEED))))
    lengths = np.clip(rng.lognormal(1.9, 0.7, POOL), 1, 40).astype(int)
    chosen = words[(rng.zipf(1.3, lengths.sum()) - 1) % VOCABULARY]
    ends = np.cumsum(lengths)
    texts = (" ".join(part) for part in np.split(chosen, ends[:-1]))
    return [orjson.dumps(f"{text} {EMOJI[at % 6]}" if at % 4 == 0 else text).decode() for at, text in enumerate(texts)]


def account_json(username: str, number: int, posts: int, pool: list[str], rng: np.random.Generator) -> str:
    """The file of one account."""
    picked = rng.integers(0, len(pool), posts).tolist()
    hours = np.cumsum(rng.exponential(200, posts)).astype(int).tolist()
    newest = np.datetime64("2026-11-01T00:00:00")
    moments = (newest - np.array(hours, "timedelta64[h]")).astype(str).tolist()
    likes = rng.integers(0, 500, posts).tolist()
    rows = ",".join(
        f'{{"id":"{number:07}{at:04}","shortcode":"C{number:x}_{at:x}","taken_at":"{moments[at]}Z",'
        f'"caption":{pool[picked[at]]},"kind":"image","likes":{likes[at]},"comments":{likes[at] // 20}}}'
        for at in range(posts)
    )
    day = 1 + number % 28
    return (
        f'{{"username":"{username}","user_id":"{number}","source":"web","collected_at":"2026-10-{day:02}T12:00:00Z",'
        f'"complete":true,"outcome":"collected","post_count":{posts * 3},"posts":[{rows}]}}'
    )


def main(folder: Path, accounts: int, posts: int, first: int) -> None:
    """Write the study."""
    settings = Settings(data_dir=folder)
    rng = np.random.default_rng(SEED + first)
    usernames = [name_of(number) for number in range(first, first + accounts)]
    settings.accounts_dir.mkdir(parents=True, exist_ok=True)
    pool = captions(np.random.default_rng(SEED))
    for number, username in enumerate(usernames, start=first):
        # no hurry to be safe on the disk: what is lost is made again
        text = account_json(username, number, posts, pool, rng)
        (settings.accounts_dir / f"{username}.json").write_text(text, encoding="utf-8")
    _write_tables(settings, usernames, posts, first, rng)


def remove(settings: Settings, first: int, accounts: int) -> None:
    """Remove what :func:`main` made."""
    for number in range(first, first + accounts):
        (settings.accounts_dir / f"{name_of(number)}.json").unlink(missing_ok=True)
    for folder in (settings.lists_dir, settings.labels_dir):
        (folder / f"made-{first}.csv").unlink(missing_ok=True)
    for folder in settings.predictions_dir.glob(f"*-{first}"):
        shutil.rmtree(folder)


def name_of(number: int) -> str:
    """The username of the n-th account; their order is not that of the numbers."""
    return f"{SYLLABLES[number * 7 % 50]}{SYLLABLES[number * 11 % 50]}.{number * 7919 % 1_000_003:06}_{number}"


def _write_tables(settings: Settings, usernames: list[str], posts: int, first: int, rng: np.random.Generator) -> None:
    for folder in (settings.lists_dir, settings.labels_dir):
        folder.mkdir(parents=True, exist_ok=True)
    (settings.lists_dir / f"made-{first}.csv").write_text("\n".join(["username", *usernames, ""]))
    labelled = usernames[: int(len(usernames) * SHARE_LABELLED)]
    ages = rng.integers(13, 50, len(labelled))
    rows = [f"{username},{age}" for username, age in zip(labelled, ages, strict=True)]
    (settings.labels_dir / f"made-{first}.csv").write_text("\n".join(["username,age", *rows, ""]))
    for run in ("first", "second"):
        _write_run(settings.predictions_dir / f"{run}-{first}", usernames, posts, run, rng)


def _write_run(folder: Path, usernames: list[str], posts: int, model: str, rng: np.random.Generator) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    values = rng.beta(0.8, 0.6, len(usernames))
    rows = [f"{name},{value:.4f},{int(value >= 0.5)},{posts}" for name, value in zip(usernames, values, strict=True)]
    (folder / "predictions.csv").write_text("\n".join(["username,probability,prediction,posts", *rows, ""]))
    details = {"model": model, "age_cutoff": 21, "threshold": 0.5, "created_at": "2026-11-01T12:00:00Z"}
    (folder / "predictions.run.json").write_bytes(orjson.dumps(details))


def _words(rng: random.Random) -> Iterator[str]:
    made: set[str] = set()
    while len(made) < VOCABULARY:
        word = "".join(rng.choices(SYLLABLES, k=rng.randint(1, 4)))
        if word not in made:
            made.add(word)
            yield word


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--posts", type=int, default=100, help="posts of an account")
    parser.add_argument("--first", type=int, default=0, help="number of the first account")
    options = parser.parse_args()
    started = time.perf_counter()
    main(options.folder.resolve(), options.accounts, options.posts, options.first)
    print(f"{options.accounts:,} accounts of {options.posts} posts in {time.perf_counter() - started:.0f} s")
