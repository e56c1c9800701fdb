"""How well each model tells who is at least 21, on real, labelled text; prints one table.

    python -m bench.accuracy --data FOLDER [--seed 2021] [--draws 1] [--cache FOLDER] [--finetune EPOCHS]

FOLDER holds labels.csv (username, age) and posts.csv.gz (username, caption, taken_at). Each draw
takes 1,000 accounts to train with and 500 others to test with, stratified by the side of the cutoff,
and at most 60 posts of each, spread evenly over what there is of it. Further draws have the next seeds.
With a cache, what was encoded in an earlier run is not encoded again (the seconds then leave it out).
``--finetune`` adds the published method, trained for so many epochs: minutes an epoch and draw.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from sklearn.model_selection import train_test_split

from core.encoder.age_classifier import AgeClassifier
from core.encoder.names import OFFLINE_ENCODER
from core.encoder.pretrained import load_encoder, load_tokenizer
from core.encoder.tokenization import tokenize
from core.encoder.user_encoder import UserEncoder
from core.encoder.vector_cache import VectorCache, Vectors
from core.jobs.progress import Progress
from core.models.baselines import MajorityPredictor, TfidfPredictor
from core.models.combined import MAX_SEQ_LEN, CombinedPredictor
from core.models.predictor import EncoderPredictor, Predictor
from core.models.settings import ModelSettings
from core.statistics.calibration import calibration_bins
from core.statistics.estimate import Estimate
from core.statistics.metrics import metrics
from core.training.finetune import Examples, Recipe, finetune
from core.training.frozen_head import HeadRecipe, KnownUsers, train_head

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Captions = Sequence[Sequence[str]]

CUTOFF = 21
TRAIN, TEST, POSTS = 1_000, 500, 60
SETTINGS = ModelSettings(OFFLINE_ENCODER, "weights.safetensors")
SHOWN = ("auc", "accuracy", "calibration_error")


@dataclass(frozen=True)
class Result:
    """What a model said of the test accounts, and how long it took to train and to say it."""

    at_least: Bools
    probability: Floats
    seconds: float


def main() -> None:
    """Print the table of the first draw, and one over all draws where there are several."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/blogs"))
    parser.add_argument("--seed", type=int, default=2021, help="of the first draw")
    parser.add_argument("--draws", type=int, default=1)
    parser.add_argument("--cache", type=Path, help="a folder that keeps users' vectors for the next run")
    parser.add_argument("--finetune", type=int, metavar="EPOCHS", help="add the published method")
    given = parser.parse_args()
    captions, at_least = read(given.data)
    with tempfile.TemporaryDirectory() as scratch:
        contestants = Contestants(VectorCache(given.cache or Path(scratch)), given.finetune)
        seeds = range(given.seed, given.seed + given.draws)
        results = [one_draw(captions, at_least, seed, contestants) for seed in seeds]
    print(table(results[0], f"seed {given.seed}"))
    if given.draws > 1:
        print(table_over_draws(results))


def read(folder: Path) -> tuple[list[list[str]], Bools]:
    """The captions of every labelled account, and whether it is at least at the cutoff."""
    ages = pd.read_csv(folder / "labels.csv").sort_values("username").set_index("username")["age"]
    posts = pd.read_csv(folder / "posts.csv.gz", keep_default_na=False)
    captions = posts.groupby("username")["caption"].apply(list)
    return [spread(captions[username]) for username in ages.index], (ages >= CUTOFF).to_numpy()


def spread(captions: list[str]) -> list[str]:
    """At most 60 captions, evenly from first to last."""
    chosen = np.linspace(0, len(captions) - 1, min(POSTS, len(captions))).round().astype(int)
    return [captions[index] for index in chosen]


class Contestants:
    """The models that are compared; each learns from some accounts and returns a predictor."""

    def __init__(self, cache: VectorCache, epochs: int | None) -> None:
        self.cache, self.epochs = cache, epochs
        self.tokenizer = load_tokenizer(OFFLINE_ENCODER)
        self.bert = load_encoder(OFFLINE_ENCODER)
        self.progress = Progress("accounts", terminal=False)
        self.models: dict[str, Callable[[Captions, Bools, int], Predictor]] = {
            "majority": self.majority,
            "TF-IDF, logistic regression": self.tfidf,
            "encoder frozen, 18 tokens": self.frozen,
            "best recipe without the encoder": self.text,
            "best recipe": self.best,
        }
        if epochs:
            self.models[f"published, {epochs} epochs"] = self.published

    def majority(self, captions: Captions, at_least: Bools, seed: int) -> Predictor:
        """Everybody is what most are."""
        return MajorityPredictor.fit(at_least[:, None], SETTINGS)

    def tfidf(self, captions: Captions, at_least: Bools, seed: int) -> Predictor:
        """The field's standard baseline."""
        return TfidfPredictor.fit(captions, at_least[:, None], SETTINGS)

    def frozen(self, captions: Captions, at_least: Bools, seed: int) -> Predictor:
        """The encoder as it comes and a learnt head; a fifth of the accounts chooses the epoch."""
        torch.manual_seed(seed)
        predictor = EncoderPredictor(AgeClassifier(self.bert), self.tokenizer, SETTINGS, self.cache)
        vectors = predictor.encoder.vectors(captions)
        parts = train_test_split(np.arange(len(captions)), test_size=0.2, stratify=at_least, random_state=seed)
        learn, choose = (KnownUsers(vectors[part], at_least[part, None]) for part in parts)
        train_head(predictor.model, learn, choose, HeadRecipe(seed), self.progress)
        return predictor

    def published(self, captions: Captions, at_least: Bools, seed: int) -> Predictor:
        """Encoder and head learn together; a fifth of the accounts chooses the epoch."""
        torch.manual_seed(seed)
        predictor = EncoderPredictor(AgeClassifier(load_encoder(OFFLINE_ENCODER)), self.tokenizer, SETTINGS)
        users = tokenize(self.tokenizer, captions, SETTINGS.max_seq_len)
        parts = train_test_split(np.arange(len(users)), test_size=0.2, stratify=at_least, random_state=seed)
        learn, choose = (Examples([users[index] for index in part], at_least[part, None]) for part in parts)
        recipe = Recipe(learn_rate=2e-5, epoch_num=self.epochs or 1, accumulation_steps=10, seed=seed)
        with tempfile.TemporaryDirectory() as checkpoints:
            finetune(predictor.model, learn, choose, recipe, Path(checkpoints), self.progress)
        return predictor

    def text(self, captions: Captions, at_least: Bools, seed: int) -> Predictor:
        """The best recipe with the same vector for everybody: what the encoder is worth beside the text."""
        return CombinedPredictor.fit(captions, at_least[:, None], NoEncoder(), SETTINGS, self.progress, seed)

    def best(self, captions: Captions, at_least: Bools, seed: int) -> Predictor:
        """Words, letters and the encoder in one."""
        settings = replace(SETTINGS, max_seq_len=MAX_SEQ_LEN)
        encoder = UserEncoder(AgeClassifier(self.bert), self.tokenizer, MAX_SEQ_LEN, self.cache)
        return CombinedPredictor.fit(captions, at_least[:, None], encoder, settings, self.progress, seed)


class NoEncoder(UserEncoder):
    """Says the same of every user."""

    def __init__(self) -> None:
        """It has nothing to know."""

    def vectors(self, users: Iterable[Sequence[str]], progress: Progress | None = None) -> Vectors:
        """Zeros."""
        return np.zeros((len([*users]), 1), np.float32)


def one_draw(captions: Captions, at_least: Bools, seed: int, contestants: Contestants) -> dict[str, Result]:
    """Each model's result on the test accounts of one draw."""
    train, others = train_test_split(np.arange(len(at_least)), train_size=TRAIN, stratify=at_least, random_state=seed)
    test, _ = train_test_split(others, train_size=TEST, stratify=at_least[others], random_state=seed)
    results = {}
    for name, fit in contestants.models.items():
        started = time.perf_counter()
        predictor = fit([captions[index] for index in train], at_least[train], seed)
        probability = predictor.probabilities([captions[index] for index in test])[:, 0]
        results[name] = Result(at_least[test], probability, time.perf_counter() - started)
    return results


def table(results: dict[str, Result], draw: str) -> str:
    """A line a model, with 95 % bootstrap intervals over the test accounts."""
    lines = [
        f"| {draw} | AUC | accuracy | calibration error | by chance alone | seconds |",
        "|---|---|---|---|---|---|",
    ]
    for name, result in results.items():
        found = metrics(result.at_least, result.probability, result.probability >= 0.5)
        figures = " | ".join(in_words(found[metric]) for metric in SHOWN)
        chance = f"{error_by_chance(result.probability):.3f}"
        lines.append(f"| {name} | {figures} | {chance} | {result.seconds:.0f} |")
    return "\n".join(lines)


def table_over_draws(draws: list[dict[str, Result]]) -> str:
    """A line a model: mean and range over the draws; the calibration error is that of all draws together."""
    lines = [f"\n| {len(draws)} draws | AUC | accuracy | calibration error |", "|---|---|---|---|"]
    for name in draws[0]:
        results = [draw[name] for draw in draws]
        found = [metrics(r.at_least, r.probability, r.probability >= 0.5, resamples=1) for r in results]
        figures = " | ".join(mean_and_range([f[metric].value or 0 for f in found]) for metric in SHOWN[:2])
        at_least = np.concatenate([result.at_least for result in results])
        error = expected_calibration_error(at_least, np.concatenate([result.probability for result in results]))
        lines.append(f"| {name} | {figures} | {error:.3f} |")
    return "\n".join(lines)


def expected_calibration_error(at_least: npt.NDArray[np.bool_], probability: Floats) -> float:
    """The mean distance between probability and observed share over :func:`calibration_bins`, by accounts."""
    index = calibration_bins(probability)
    gaps = np.bincount(index, weights=at_least - probability)
    return float(np.abs(gaps).sum() / len(index))


def error_by_chance(probability: Floats, drawings: int = 500) -> float:
    """The calibration error of a perfect model with these probabilities: the truth is drawn from them."""
    rng = np.random.default_rng(0)
    truths = (rng.random(len(probability)) < probability for _ in range(drawings))
    errors = [expected_calibration_error(truth, probability) for truth in truths]
    return float(np.mean(errors))


def in_words(estimate: Estimate) -> str:
    """``0.940 (0.919 to 0.958)``."""
    if estimate.low is None:
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"


def mean_and_range(values: list[float]) -> str:
    """``0.946 (0.936 to 0.954)``."""
    return f"{np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"


if __name__ == "__main__":
    main()
