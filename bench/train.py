"""How fast a model learns, beside the plain loop: full training, and the frozen mode's second run.

    python -m bench.train [--users 20] [--rounds 3] [--encoder minilm|bert-base] [--frozen-users 1000] [--only NAME ...]

Each contestant passes once over the same made-up users of 100 captions (see ``made_users``), ten users
a step, in a process of its own, in turn, several rounds. The plain loop takes one user at a time,
padded to ``max_seq_len``, in 32 bits, and adds up gradients. "frozen, second run" reads the vectors
that the first run left in the cache and learns the head; its ratio is to a full pass over as many
users at the exact contestant's speed a user.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from bench.made_users import made_users
from bench.predict import MAX_SEQ_LEN, make_encoder, peak_memory
from core.encoder.age_classifier import AgeClassifier
from core.encoder.names import OFFLINE_ENCODER
from core.encoder.precision import Precision
from core.encoder.pretrained import load_tokenizer
from core.encoder.tokenization import tokenize
from core.encoder.user_encoder import UserEncoder
from core.encoder.vector_cache import VectorCache
from core.jobs.progress import no_progress
from core.training.finetune import Examples, Recipe, finetune
from core.training.frozen_head import HeadRecipe, KnownUsers, train_head

RECIPE = Recipe(learn_rate=2e-5, epoch_num=1, accumulation_steps=10, seed=2021)
CHOOSING = 2  # users; as few as there can be, since validation is not what is measured
Captions = list[list[str]]


def plain(users: Captions, encoder: str, folder: Path) -> float:
    """Seconds of a pass in the published way."""
    model, tokenizer = AgeClassifier(make_encoder(encoder)).train(), load_tokenizer(OFFLINE_ENCODER)
    optimizer = torch.optim.AdamW(model.parameters(), RECIPE.learn_rate)

    def loss(user: Sequence[str], truth: float) -> torch.Tensor:
        options = {"padding": "max_length", "truncation": True, "max_length": MAX_SEQ_LEN, "return_tensors": "pt"}
        states = model.bert(**tokenizer([*user], **options), output_hidden_states=True).hidden_states
        vectors = torch.cat([states[layer][:, 0] for layer in (-4, -3, -2, -1)], dim=1)
        logit = model.classifier(vectors.mean(0))
        return torch.nn.functional.binary_cross_entropy_with_logits(logit, torch.tensor([truth]))

    loss(users[0], 1.0).backward()
    started = time.perf_counter()
    for number, user in enumerate(users):
        (loss(user, float(number % 2)) / RECIPE.accumulation_steps).backward()
        if (number + 1) % RECIPE.accumulation_steps == 0 or number + 1 == len(users):
            optimizer.step()
            optimizer.zero_grad()
    return time.perf_counter() - started


def ours(precision: Precision) -> Callable[[Captions, str, Path], float]:
    """Seconds of a pass by :func:`core.training.finetune.finetune`, tokenizing included."""

    def run(users: Captions, encoder: str, folder: Path) -> float:
        model, tokenizer = AgeClassifier(make_encoder(encoder)), load_tokenizer(OFFLINE_ENCODER)
        model.precision = precision
        with no_progress() as progress:
            warm = _examples(tokenizer, users[:CHOOSING])
            finetune(model, warm, warm, RECIPE, folder / "warm", progress)
            started = time.perf_counter()
            learn = _examples(tokenizer, users)
            read = time.perf_counter() - started
            history = finetune(model, learn, warm, replace(RECIPE, seed=1), folder / "checkpoints", progress)
        return read + float(history.epochs[0].seconds)

    return run


def frozen(users: Captions, encoder: str, folder: Path) -> float:
    """Seconds that a second run of the frozen mode takes on the same users."""
    model, tokenizer = AgeClassifier(make_encoder(encoder)), load_tokenizer(OFFLINE_ENCODER)
    truth = np.arange(len(users))[:, None] % 2 == 0
    seconds = 0.0
    for _ in range(2):
        started = time.perf_counter()
        vectors = UserEncoder(model, tokenizer, MAX_SEQ_LEN, VectorCache(folder / "cache")).vectors(users)
        with no_progress() as progress:
            train_head(model, KnownUsers(vectors, truth), KnownUsers(vectors, truth), HeadRecipe(2021), progress)
        seconds = time.perf_counter() - started
    return seconds


CONTESTANTS = {
    "plain loop": plain,
    "exact": ours("exact"),
    "fast, bfloat16": ours("fast"),
    "frozen, second run": frozen,
}
FROZEN = "frozen, second run"


def _examples(tokenizer: Any, users: Captions) -> Examples:
    at_least = np.arange(len(users))[:, None] % 2 == 0
    return Examples(tokenize(tokenizer, users, MAX_SEQ_LEN), at_least)


def run_contestant(name: str, users: int, encoder: str) -> None:
    """In a process of its own: prints what it took."""
    made = made_users(load_tokenizer(OFFLINE_ENCODER), users)
    with tempfile.TemporaryDirectory() as folder:
        seconds = CONTESTANTS[name](made, encoder, Path(folder))
    print(json.dumps({"seconds": seconds / users, "memory": peak_memory()}))


def main() -> None:
    """Let everyone run, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--encoder", choices=("minilm", "bert-base"), default="minilm")
    parser.add_argument("--frozen-users", type=int, default=1000)
    parser.add_argument("--only", nargs="*", choices=CONTESTANTS, default=[*CONTESTANTS])
    parser.add_argument("--contestant", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.contestant:
        run_contestant(given.contestant, given.users, given.encoder)
        return
    seconds, memory = compete(given)
    of = f"{given.users} users of 100 captions, {given.rounds} rounds, frozen: {given.frozen_users} users"
    print(f"{given.encoder}, {of}, {torch.get_num_threads()} threads")
    print_table(seconds, memory)


def compete(given: argparse.Namespace) -> tuple[dict[str, float], dict[str, float]]:
    """Everyone in turn: median seconds a user, and the most memory in MB."""
    seconds: dict[str, list[float]] = {}
    memory: dict[str, float] = {}
    for number in range(given.rounds):
        for name in given.only:
            if name == FROZEN and number:
                continue  # once is enough: it is mostly the first run, which is not measured
            users = given.frozen_users if name == FROZEN else given.users
            command = [sys.executable, "-m", "bench.train", "--contestant", name, "--users", str(users)]
            run = subprocess.run([*command, "--encoder", given.encoder], check=True, stdout=subprocess.PIPE)
            found = json.loads(run.stdout)
            print(f"round {number + 1}: {name}: {found['seconds']:.4f} s a user", file=sys.stderr, flush=True)
            seconds.setdefault(name, []).append(found["seconds"])
            memory[name] = max(memory.get(name, 0.0), found["memory"])
    return {name: median(times) for name, times in seconds.items()}, memory


def print_table(seconds: dict[str, float], memory: dict[str, float]) -> None:
    """One line a contestant."""
    print("| | seconds a user | over plain | over exact | memory |\n" + "|---" * 5 + "|")
    for name, each in seconds.items():
        over = [f"{seconds[other] / each:.2f}" if other in seconds else "-" for other in ("plain loop", "exact")]
        print(f"| {name} | {each:.4f} | {over[0]} | {over[1]} | {memory[name]:.0f} MB |")


if __name__ == "__main__":
    main()
