"""Engines: the encoder's computation, in the numbers and with the kernels that suit the machine.

All give the captions' vectors h [N, 4H] of a :class:`~core.batching.Pack`. :class:`PackedBert` is
for processors. What it cannot compute, and GPUs, take :class:`Eager`, the model's own code.
"""

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import orjson
import torch
from torch import Tensor

from core.batching import Pack, UserTokens, packs
from core.files import write_json
from core.model import AgeClassifier, Numbers, Precision, is_fast
from core.packed_bert import ACTIVATIONS, PackedBert

SPEEDS_FILE = "speeds.json"
EDITION = 3
"""Raised with every change here or in ``packed_bert`` of vectors or speed: what earlier ones kept is not used."""

_EXAMPLES, _EXAMPLE_LENGTHS = 256, (3, 19)
_TIMES = 4


class Engine(Protocol):
    """Captions' vectors from packs."""

    def encode(self, pack: Pack) -> Tensor:
        """The vectors h [N, 4H] of the captions of ``pack``, in 32 bits."""


class Eager:
    """The model's own code; bfloat16 by autocast."""

    def __init__(self, model: AgeClassifier, numbers: Numbers) -> None:
        self._model = model
        self._precision: Precision = "exact" if numbers == "float32" else "fast"

    def encode(self, pack: Pack) -> Tensor:
        """See :class:`Engine`."""
        own, self._model.precision = self._model.precision, self._precision
        try:
            return self._model.encode(pack.to(self._model.device)).float()
        finally:
            self._model.precision = own


def make_engine(model: AgeClassifier, numbers: Numbers, tokenizer: Any) -> Engine:
    """The quickest engine for ``numbers`` on the device of ``model``, whose weights must stay as they are."""
    if not is_packable(model):
        return Eager(model, numbers)
    return PackedBert(model.bert, numbers, examples(tokenizer))


def is_packable(model: AgeClassifier) -> bool:
    """Whether :class:`PackedBert` can compute it."""
    config = model.bert.config
    known = config.model_type == "bert" and config.hidden_act in ACTIVATIONS
    return known and model.device.type == "cpu" and bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]


def possible_numbers(model: AgeClassifier) -> list[Numbers]:
    """In what the device of ``model`` computes without detours."""
    if model.device.type == "cuda":
        return ["float32", "bfloat16"] if is_fast(model.device) else ["float32"]
    able = torch.cpu.get_capabilities()
    found: list[Numbers] = ["float32"]
    if is_fast(model.device):
        found.append("bfloat16")
    if is_packable(model) and (able.get("avx512_vnni") or able.get("amx_int8")):
        found.append("int8")
    return found


def quickest(model: AgeClassifier, among: Sequence[Numbers], tokenizer: Any, folder: Path) -> Numbers:
    """The numbers in which this machine encodes quickest, by a short test that is remembered in ``folder``."""
    test = (
        f"{EDITION} {_machine(model.device)} {model.bert.config.to_json_string(use_diff=False)} {tokenizer.vocab_size}"
    )
    key = hashlib.sha256(test.encode()).hexdigest()
    file = folder / SPEEDS_FILE
    known = _read_speeds(file)
    seconds: dict[str, float] = known.get(key, {})
    missing = [numbers for numbers in among if numbers not in seconds]
    if missing:
        pack = examples(tokenizer).to(model.device)
        seconds |= {numbers: _seconds(make_engine(model, numbers, tokenizer), pack) for numbers in missing}
        write_json(file, {**known, key: seconds})
    return min(among, key=lambda numbers: seconds[numbers])


def _machine(device: torch.device) -> str:
    """What decides which numbers are quickest, besides the encoder."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)} {torch.__version__}"
    able = sorted(name for name, value in torch.cpu.get_capabilities().items() if value is True)
    return f"{torch.cpu.get_capabilities().get('cpu_name')} {able} {torch.get_num_threads()} {torch.__version__}"


def _read_speeds(file: Path) -> dict[str, dict[str, float]]:
    try:
        content: dict[str, dict[str, float]] = orjson.loads(file.read_bytes())
    except (OSError, orjson.JSONDecodeError):  # none yet, or damaged, and soon measured again
        return {}
    return content


def _seconds(engine: Engine, pack: Pack) -> float:
    """The shortest of a few times: what else the machine does can only lengthen one."""
    found = []
    for _ in range(_TIMES):
        started = time.perf_counter()
        engine.encode(pack)[0, 0].item()  # waits for a GPU
        found.append(time.perf_counter() - started)
    return min(found)


def examples(tokenizer: Any) -> Pack:
    """Made-up captions of an encoder's whole words, frequent ones more often; always the same."""
    words = np.array([token for word, token in _by_rank(tokenizer) if word.isascii() and word.isalpha()], np.int32)
    weights = 1 / (np.arange(len(words)) + 10)
    rng = np.random.default_rng(2021)
    lengths = rng.integers(*_EXAMPLE_LENGTHS, _EXAMPLES, np.int32)
    ids = rng.choice(words, lengths.sum(), p=weights / weights.sum())
    ends = np.cumsum(lengths)
    ids[ends - 1], ids[ends - lengths] = tokenizer.sep_token_id, tokenizer.cls_token_id
    return next(packs([UserTokens(ids, lengths, np.ones(_EXAMPLES, np.int32))], len(ids)))


def _by_rank(tokenizer: Any) -> list[tuple[str, int]]:
    """The vocabulary in its own order, in which frequent words come first; without a mark of a word's beginning."""
    tokens = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    return [(word.lstrip("\u0120\u2581"), token) for word, token in tokens]
