"""Engines: the encoder's computation, in the numbers and with the kernels that suit the machine.

All give the captions' vectors h [N, 4H] of a :class:`~core.encoder.tokenization.Pack`. :class:`PackedBert` is
for processors. What it cannot compute, GPUs, and a PyTorch without the operators that it is made of,
take :class:`Eager`, the model's own code.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from core.encoder.age_classifier import AgeClassifier
from core.encoder.onednn_bert import ACTIVATIONS, PackedBert, can_compute
from core.encoder.precision import DType, Precision, has_avx512, is_fast, shortest_seconds
from core.encoder.tokenization import Pack, UserTokens, packs
from core.settings import get_settings
from core.utils.io import find_json_object, write_json

SPEEDS_FILE = "speeds.json"
ENGINE_VERSION = 4
"""Raised with every change here or in ``onednn_bert`` of vectors or speed: what earlier ones kept is not used."""

_EXAMPLES, _EXAMPLE_LENGTHS = 256, (3, 19)
_TIMES = 4


class Engine(Protocol):
    """Captions' vectors from packs."""

    def encode(self, pack: Pack) -> Tensor:
        """The vectors h [N, 4H] of the captions of ``pack``, in 32 bits."""


class Eager:
    """The model's own code; bfloat16 by autocast."""

    def __init__(self, model: AgeClassifier, numbers: DType) -> None:
        self._model = model
        self._precision: Precision = "exact" if numbers == "float32" else "fast"

    def encode(self, pack: Pack) -> Tensor:
        """See :class:`Engine`."""
        return self._model.encode(pack.to(self._model.device), self._precision).float()


def make_engine(model: AgeClassifier, numbers: DType, tokenizer: Any) -> Engine:
    """The quickest engine for ``numbers`` on the device of ``model``, whose weights must stay as they are."""
    if not is_packable(model) or (numbers == "float32" and not has_avx512()):
        return Eager(model, numbers)  # whose products in 32 bits are quicker without AVX-512
    return PackedBert(model.bert, numbers, examples(tokenizer))


def is_packable(model: AgeClassifier) -> bool:
    """Whether :class:`PackedBert` can compute it."""
    config = model.bert.config
    known = config.model_type == "bert" and config.hidden_act in ACTIVATIONS
    return known and model.device.type == "cpu" and can_compute("float32")


def supported_dtypes(model: AgeClassifier) -> list[DType]:
    """In what the device of ``model`` computes rightly and is not slower than in 32 bits, by having tried."""
    if is_packable(model):
        low: tuple[DType, ...] = ("bfloat16", "int8")
        return ["float32", *(numbers for numbers in low if can_compute(numbers))]
    return ["float32", "bfloat16"] if is_fast(model.device.type) else ["float32"]


def quickest(model: AgeClassifier, among: Sequence[DType], tokenizer: Any, folder: Path) -> DType:
    """The numbers in which this machine encodes quickest, by a short test that is remembered in ``folder``."""
    shape = f"{model.bert.config.to_json_string(use_diff=False)} {tokenizer.vocab_size}"
    test = f"{ENGINE_VERSION} {_machine(model.device)} {shape}"
    key = hashlib.sha256(test.encode()).hexdigest()
    file = folder / SPEEDS_FILE
    known = find_json_object(file)  # none yet, or damaged, and soon measured again
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
    name = torch.cpu.get_capabilities().get("cpu_name")
    return f"{device.type} {name} {able} {get_settings().cpu} {torch.get_num_threads()} {torch.__version__}"


def _seconds(engine: Engine, pack: Pack) -> float:
    return shortest_seconds(lambda: engine.encode(pack), _TIMES)


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
