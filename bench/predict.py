"""How fast captions become probabilities, beside the plain way and the libraries one would pick instead.

    python -m bench.predict [--users 48] [--rounds 3] [--encoder minilm|bert-base] [--data FOLDER] [--only NAME ...]

Each contestant runs in a process of its own, in turn, several rounds, on the same made-up users (see
``made_users``), from texts in memory to a probability each, after a warm-up. Where FOLDER holds
labels.csv and posts.csv.gz of real text, the head is learnt from some of its accounts and the AUC is
that on others. ``bert-base`` has random weights, for its shape only.

Columns: seconds are medians over the rounds. "GFLOP/s" counts the encoder's matrix products on the
real tokens of all captions, the same work for everybody: padding earns nothing, and leaving out a
duplicate caption or a part of the last layer that nobody reads earns what it saves. "of peak" is that
over the best matrix product measured here at the contestant's precision; "busy" counts only the
products that had to be computed. Processor time tells the same ratios where something else runs on the
machine, though threads that wait for each other burn some of it, too. Differences in probability are to the plain loop.
"""

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil
import torch
from sklearn.metrics import roc_auc_score

from bench.made_users import made_users
from core.encoder.age_classifier import AgeClassifier
from core.encoder.names import OFFLINE_ENCODER
from core.encoder.pretrained import load_config, load_encoder, load_tokenizer
from core.encoder.tokenization import tokenize
from core.encoder.weights import load_weights, read_weights
from core.jobs.progress import no_progress
from core.models.folder import TRAINING_FILE
from core.models.loading import load_predictor
from core.models.predictor import EncoderPredictor
from core.models.settings import ModelSettings
from core.training.frozen_head import HeadRecipe, KnownUsers, train_head
from core.utils.records import write_record
from tests.made_model import training_record

Captions = Sequence[Sequence[str]]
Floats = npt.NDArray[np.float64]
Contestant = Callable[[Path], Callable[[Captions], Floats | None]]

MAX_SEQ_LEN = 18
WEIGHTS = "weights.safetensors"
KNOWN, HELD_OUT, REAL_POSTS = 300, 300, 60
WARM_UP = 4


# -------------------------------------------------------------------------------- contestants


def plain(folder: Path) -> Callable[[Captions], Floats]:
    """The published way: one user at a time, padded to ``max_seq_len``, in 32 bits."""
    model, tokenizer = load_model(folder), load_tokenizer(str(folder))

    def probability(user: Sequence[str]) -> float:
        encoded = tokenizer([*user], padding="max_length", truncation=True, max_length=MAX_SEQ_LEN, return_tensors="pt")
        states = model.bert(**encoded, output_hidden_states=True).hidden_states
        vectors = torch.cat([states[layer][:, 0] for layer in (-4, -3, -2, -1)], dim=1)
        return torch.sigmoid(model.classifier(vectors.mean(0))).item()

    return lambda users: np.array([probability(user) for user in users])


def sentence_transformers(folder: Path) -> Callable[[Captions], None]:
    """``encode`` on all captions at once, in batches of 32, and the mean over each user's."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer

    words = Transformer(str(folder / "encoder"), max_seq_length=MAX_SEQ_LEN)
    encoder = SentenceTransformer(modules=[words, Pooling(load_model(folder).bert.config.hidden_size, "mean")])

    def encode(users: Captions) -> None:
        texts = [caption for user in users for caption in user]
        vectors = encoder.encode(texts, batch_size=32, show_progress_bar=False)
        ends = np.cumsum([len(user) for user in users])[:-1]
        [part.mean(0) for part in np.split(vectors, ends)]

    return encode


def pipeline(folder: Path) -> Callable[[Captions], None]:
    """The ``feature-extraction`` pipeline of transformers, in batches of 32."""
    import transformers

    extract: Any = transformers.pipeline(
        "feature-extraction",
        model=load_model(folder).bert,
        tokenizer=load_tokenizer(str(folder)),
        batch_size=32,
        framework="pt",
    )

    def encode(users: Captions) -> None:
        texts = [caption for user in users for caption in user]
        options = {"tokenize_kwargs": {"truncation": True, "max_length": MAX_SEQ_LEN}, "return_tensors": True}
        vectors = [states[0, 0] for states in extract(texts, **options)]
        [torch.stack([*part]).mean(0) for part in torch.stack(vectors).split([len(user) for user in users])]

    return encode


def ours(precision: Any, numbers: Any = None) -> Contestant:
    """AgeScope at a precision, without its cache; in given numbers instead of the quickest."""

    def prepare(folder: Path) -> Callable[[Captions], Floats]:
        predictor = load_predictor(folder, precision=precision)
        assert isinstance(predictor, EncoderPredictor)
        predictor.encoder.numbers = numbers or predictor.encoder.numbers
        return lambda users: predictor.probabilities(users)[:, 0]

    return prepare


@dataclass(frozen=True)
class Entry:
    """Who competes, and with which matrix product it is compared."""

    contestant: Contestant
    numbers: str


CONTESTANTS = {
    "plain loop": Entry(plain, "float32"),
    "sentence-transformers": Entry(sentence_transformers, "float32"),
    "transformers pipeline": Entry(pipeline, "float32"),
    "exact": Entry(ours("exact"), "float32"),
    "fast, bfloat16": Entry(ours("fast", "bfloat16"), "bfloat16"),
    "fast, int8": Entry(ours("fast", "int8"), "int8"),
}


def run_contestant(name: str, users_file: Path, folder: Path, output: Path) -> None:
    """In a process of its own: warm up, run once, leave probabilities and figures in ``output``."""
    torch.set_grad_enabled(False)
    users = json.loads(users_file.read_bytes())
    run = CONTESTANTS[name].contestant(folder)
    run([["a caption"]])
    first = time.time() - psutil.Process().create_time()
    run(users[:WARM_UP])
    started, worked = time.perf_counter(), time.process_time()
    probability = run(users)
    seconds, processor = time.perf_counter() - started, time.process_time() - worked
    found = None if probability is None else probability.tolist()
    took = {"seconds": seconds, "processor": processor, "memory": peak_memory(), "first": first}
    output.write_text(json.dumps({**took, "probability": found}))


def peak_memory() -> float:
    """The most MB that this process has had.

    On Linux from its status: what ``getrusage`` tells counts what the parent had when it started the process.
    """
    status = Path("/proc/self/status")
    if status.exists():
        [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) / 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


# -------------------------------------------------------------------------------- what they run on


def make_model(folder: Path, encoder: str, known: tuple[Captions, npt.NDArray[np.bool_]] | None) -> None:
    """The encoder with a head: learnt from ``known``, or a random one."""
    torch.manual_seed(2021)
    tokenizer, bert = load_tokenizer(OFFLINE_ENCODER), make_encoder(encoder)
    model = AgeClassifier(bert)
    settings = ModelSettings(OFFLINE_ENCODER, WEIGHTS, MAX_SEQ_LEN)
    predictor = EncoderPredictor(model, tokenizer, settings)
    torch.nn.init.normal_(model.classifier[2].weight, std=2.0)  # so that probabilities differ
    if known:
        learn_head(predictor, *known)
    folder.mkdir()
    predictor.settings = replace(
        settings, auc_losses={"bfloat16": 0.0, "int8": 0.0}
    )  # what it loses is what this bench measures
    predictor.save(folder)
    write_record(folder / TRAINING_FILE, training_record())
    bert.save_pretrained(folder / "encoder")
    tokenizer.save_pretrained(folder / "encoder")


def learn_head(predictor: EncoderPredictor, captions: Captions, at_least: npt.NDArray[np.bool_]) -> None:
    """The frozen mode on the first four fifths, choosing by the rest."""
    vectors, cut = predictor.encoder.vectors(captions), len(captions) * 4 // 5
    learn, choose = (KnownUsers(vectors[part], at_least[part]) for part in (slice(cut), slice(cut, None)))
    with no_progress() as progress:
        train_head(predictor.model, learn, choose, HeadRecipe(seed=2021), progress)


def real_users(data: Path) -> tuple[list[list[str]], npt.NDArray[np.bool_]]:
    """Captions and truth of accounts of ``data``, those to learn from first."""
    import pandas as pd

    labels = pd.read_csv(data / "labels.csv").sample(KNOWN + HELD_OUT, random_state=2021)
    posts = pd.read_csv(data / "posts.csv.gz").groupby("username")["caption"].agg(list)
    captions = [[str(caption) for caption in posts[name]][:REAL_POSTS] for name in labels["username"]]
    return captions, (labels["age"] >= 21).to_numpy()[:, None]


def make_encoder(name: str) -> Any:
    """The encoder by the name that the command line gives it."""
    if name == "minilm":
        return load_encoder(OFFLINE_ENCODER)
    from transformers import BertConfig, BertModel

    return BertModel(BertConfig()).eval()


def load_model(folder: Path) -> AgeClassifier:
    """The model of :func:`make_model`, as the plain way has it."""
    from transformers import AutoModel

    model = AgeClassifier(AutoModel.from_config(load_config(str(folder))))
    load_weights(model, read_weights(folder / WEIGHTS), WEIGHTS)
    return model.eval()


# -------------------------------------------------------------------------------- the yardsticks


def gflop(config: Any, users: Captions) -> tuple[float, float]:
    """Billions of operations on the real tokens of all captions; and of those that must be computed."""
    tokens = tokenize(load_tokenizer(OFFLINE_ENCODER), users, MAX_SEQ_LEN)
    every = np.concatenate([np.repeat(user.lengths, user.counts) for user in tokens]).astype(float)
    once = np.concatenate([user.lengths for user in tokens]).astype(float)
    hidden, inner, layers = config.hidden_size, config.intermediate_size, config.num_hidden_layers
    keys, rest = 4 * hidden**2, 4 * hidden**2 + 4 * hidden * inner  # a token: key and value; query, output, inner
    layer = (keys + rest) * every.sum() + 4 * hidden * (every**2).sum()
    needed = (keys + rest) * once.sum() + 4 * hidden * (once**2).sum()
    last = keys * once.sum() + rest * len(once) + 4 * hidden * once.sum()
    return layers * layer / 1e9, ((layers - 1) * needed + last) / 1e9


def peaks(config: Any) -> dict[str, float]:
    """GFLOP/s of the quickest of the encoder's matrix products, by number format; none where this machine has none."""
    hidden, inner, tokens = config.hidden_size, config.intermediate_size, 4096
    found: dict[str, list[float]] = {}
    for inside, outside in ((hidden, hidden), (hidden, inner), (inner, hidden)):
        work = 2 * tokens * inside * outside / 1e9
        for numbers, product in _products(tokens, inside, outside):
            try:
                found.setdefault(numbers, []).append(work / _median_seconds(product))
            except RuntimeError as error:
                print(f"no product in {numbers}: {str(error).partition(chr(10))[0]}", file=sys.stderr)
    return {numbers: max(rates, default=math.nan) for numbers, rates in found.items()}


def _products(tokens: int, inside: int, outside: int) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Number format, and a product in it; those of 32 bits are PyTorch's own and oneDNN's."""
    x, weight, bias = torch.randn(tokens, inside), torch.randn(outside, inside), torch.randn(outside)
    yield "float32", lambda: torch.nn.functional.linear(x, weight, bias)
    for dtype in (torch.float32, torch.bfloat16):
        yield str(dtype).removeprefix("torch."), _packed(x.to(dtype), weight.to(dtype), bias.to(dtype))
    yield "int8", _packed_int8(torch.randint(0, 255, (tokens, inside)).to(torch.uint8), outside)


def _packed(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> Callable[[], Any]:
    @cache
    def weights() -> Any:
        return torch.ops.mkldnn._reorder_linear_weight(weight, len(x))

    return lambda: torch.ops.mkldnn._linear_pointwise(x, weights(), bias, "none", [], "")


def _packed_int8(x: torch.Tensor, outside: int) -> Callable[[], Any]:
    weight = torch.randint(-64, 65, (outside, x.shape[1])).to(torch.int8)
    scales, zeros = torch.rand(outside) * 0.01, torch.zeros(outside, dtype=torch.int32)

    @cache
    def weights() -> Any:
        return torch.ops.onednn.qlinear_prepack(weight, [*x.shape])

    result = (1.0, 0, torch.float32, "none", [], "")
    return lambda: torch.ops.onednn.qlinear_pointwise(
        x, 0.05, 128, weights(), scales, zeros, torch.zeros(outside), *result
    )


def _median_seconds(call: Callable[[], Any], times: int = 15) -> float:
    call()
    found = []
    for _ in range(times):
        started = time.perf_counter()
        call()
        found.append(time.perf_counter() - started)
    return median(found)


# -------------------------------------------------------------------------------- the table


@dataclass
class Result:
    """What a contestant did, over the rounds; ``first`` are the seconds from its start to its first answer."""

    probability: Floats | None
    seconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    memory: float = 0.0
    auc: float | None = None


def compete(
    names: Sequence[str], users: Captions, folder: Path, rounds: int, module: str = "bench.predict"
) -> dict[str, Result]:
    """Everyone in turn, ``rounds`` times, started by ``module``; who fails is left out from then on."""
    users_file = folder.parent / "users.json"
    users_file.write_text(json.dumps(users))
    results: dict[str, Result] = {}
    able = [*names]
    for number in range(rounds):
        for name in [*able]:
            found = _start(module, name, users_file, folder)
            if found is None:
                able.remove(name)
                continue
            took = f"{found['seconds']:.2f} s, {found['processor']:.2f} s of processors"
            print(f"round {number + 1}: {name}: {took}", file=sys.stderr, flush=True)
            probability = None if found["probability"] is None else np.array(found["probability"])
            result = results.setdefault(name, Result(probability))
            result.seconds.append(found["seconds"])
            result.processor.append(found["processor"])
            result.first.append(found["first"])
            result.memory = max(result.memory, found["memory"])
    return results


def _start(module: str, name: str, users_file: Path, folder: Path) -> dict[str, Any] | None:
    output = folder.parent / "output.json"
    command = [sys.executable, "-m", module, "--contestant", name, str(users_file), str(folder), str(output)]
    ended = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if ended.returncode:
        print(f"{name}: left out: {ended.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return None
    found: dict[str, Any] = json.loads(output.read_bytes())
    return found


def print_table(results: dict[str, Result], users: int, work: tuple[float, float], peak: dict[str, float]) -> None:
    """One line a contestant."""
    head = "users a second | over plain | over sentence-transformers | the same by processor time | | GFLOP/s | of peak"
    print(f"| | {head} | busy | memory | difference, largest | mean | AUC |")
    print("|" + "---|" * 13)
    times = {name: median(result.seconds) for name, result in results.items()}
    worked = {name: median(result.processor) for name, result in results.items()}
    reference = results["plain loop"].probability if "plain loop" in results else None
    for name, result in results.items():
        seconds, best = times[name], peak.get(CONTESTANTS[name].numbers, math.nan)
        over = [f"{times[other] / seconds:.2f}" if other in times else "-" for other in [*CONTESTANTS][:2]]
        over += [f"{worked[other] / worked[name]:.2f}" if other in worked else "-" for other in [*CONTESTANTS][:2]]
        rate, needed = work[0] / seconds, work[1] / seconds
        cells = [name, f"{users / seconds:.2f}", *over, f"{rate:.0f}", f"{rate / best:.0%}", f"{needed / best:.0%}"]
        cells += [f"{result.memory:.0f} MB", *differences(result.probability, reference)]
        print("| " + " | ".join([*cells, "-" if result.auc is None else f"{result.auc:.4f}"]) + " |")


def differences(probability: Floats | None, reference: Floats | None) -> list[str]:
    """The largest and the mean difference, as cells of a table."""
    if probability is None or reference is None:
        return ["-", "-"]
    difference = np.abs(probability - reference)
    return [f"{difference.max():.1e}", f"{difference.mean():.1e}"]


def main() -> None:
    """Make users and a model, let everyone run, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--encoder", choices=("minilm", "bert-base"), default="minilm")
    parser.add_argument("--data", type=Path, help="a folder with real labels, for the AUC")
    parser.add_argument("--only", nargs="*", choices=CONTESTANTS, default=[*CONTESTANTS])
    parser.add_argument("--contestant", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.contestant:
        name, *paths = given.contestant
        run_contestant(name, *map(Path, paths))
        return
    with tempfile.TemporaryDirectory() as scratch:
        bench(given, Path(scratch) / "model")


def bench(given: argparse.Namespace, folder: Path) -> None:
    """All of it, in ``folder``."""
    captions, at_least = real_users(given.data) if given.data else ([], None)
    known = (captions[:KNOWN], at_least[:KNOWN]) if at_least is not None else None
    make_model(folder, given.encoder, known)
    users = made_users(load_tokenizer(OFFLINE_ENCODER), given.users)
    results = compete(given.only, users, folder, given.rounds)
    if at_least is not None:
        for name, result in compete(given.only, captions[KNOWN:], folder, 1).items():
            if result.probability is not None:
                results[name].auc = roc_auc_score(at_least[KNOWN:, 0], result.probability)
    config = load_config(str(folder))
    peak = peaks(config)
    threads = torch.get_num_threads()
    print(f"{given.encoder}, {given.users} users of 100 captions, {given.rounds} rounds, {threads} threads")
    print("peak GFLOP/s: " + ", ".join(f"{numbers} {rate:.0f}" for numbers, rate in peak.items()))
    print_table(results, given.users, gflop(config, users), peak)


if __name__ == "__main__":
    main()
