"""Engines: the encoder's computation, in the numbers and with the kernels that suit the machine.

All give the captions' vectors h [N, 4H] of a :class:`~core.batching.Pack`. :class:`PackedBert` is
for processors: oneDNN's matrix products on weights laid out for them once, which on processors of
other makers than Intel are far quicker than what PyTorch calls by itself, in 32 bits, bfloat16 or
8-bit integers. What it cannot compute, and GPUs, take :class:`Eager`, the model's own code.

Numbers of few bits move all vectors a little the same way, which a mean over posts does not even
out. The mean of that move over made-up captions is therefore taken off again. [CLS] itself differs
so little from caption to caption in the lower layers that steps of 8 bits are wider than what tells
users apart, so its row, one of a dozen, stays in bfloat16. What is left of the errors is why
a model is measured at each before it is used so, see :func:`core.predictor.usable_numbers`.
"""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import orjson
import torch
from torch import Tensor
from torch.nn.functional import layer_norm, scaled_dot_product_attention

from core.batching import Pack, UserTokens, packs
from core.files import write_json
from core.model import CLS_LAYERS, AgeClassifier, Numbers, Precision, is_fast

SPEEDS_FILE = "speeds.json"
EDITION = 2
"""Raised with every change here that changes vectors or speed: what was kept of earlier ones is not used."""

_ops: Any = torch.ops
_ACTIVATIONS = {"gelu": ("gelu", "none"), "gelu_new": ("gelu", "tanh"), "relu": ("relu", "")}
_NONE = ("none", "")
_SHORT = 32  # tokens: up to here three plain products beat the fused attention kernel
_EXAMPLES, _EXAMPLE_LENGTHS = 256, (3, 19)
_TOKENS_HINT = 2048
_TIMES = 4
_WIDE = 24  # one in so many columns


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
    known = config.model_type == "bert" and config.hidden_act in _ACTIVATIONS
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


# ------------------------------------------------------------------------------ packed products


class _Float:
    """x W' + b with the weights [out, in] laid out for oneDNN."""

    def __init__(self, weight: Tensor, bias: Tensor, dtype: torch.dtype, activation: tuple[str, str] = _NONE) -> None:
        self._weight = _ops.mkldnn._reorder_linear_weight(weight.to(dtype).contiguous(), _TOKENS_HINT)
        self._bias, self._dtype, self._activation = bias.to(dtype), dtype, activation

    def __call__(self, x: Tensor) -> Tensor:
        name, algorithm = self._activation
        y: Tensor = _ops.mkldnn._linear_pointwise(x, self._weight, self._bias, name, [], algorithm)
        return y

    def plus(self, x: Tensor, other: Tensor) -> Tensor:
        """The product and ``other`` added up."""
        y: Tensor = _ops.mkldnn._linear_pointwise.binary(x, other, self._weight, self._bias, "add")
        return y


class _Seen:
    """The values [T, in] that a product was given, as far as 8 bits must know of them."""

    def __init__(self, x: Tensor) -> None:
        self.low, self.high = x.float().amin(0).clamp_max(0), x.float().amax(0).clamp_min(0)  # [in]

    def __getitem__(self, columns: Tensor) -> "_Seen":
        return _Seen(torch.stack([self.low[columns], self.high[columns]]))


class _Steps:
    """Values as one of 256 steps each: a value v of column c is step round(v / (size * evened[c])) + zero.

    A few columns are far wider than the others, and steps that hold these are coarse for all. Where
    ``weight`` [out, in] is given, it takes over half of the difference: the columns are evened.
    """

    def __init__(self, seen: _Seen, weight: Tensor | None = None) -> None:
        self.evened = torch.ones_like(seen.low)
        if weight is not None:
            wide = torch.maximum(-seen.low, seen.high).clamp_min(1e-5)
            self.evened = (wide / weight.abs().amax(0).clamp_min(1e-5)).sqrt()
        low, high = float((seen.low / self.evened).min()), float((seen.high / self.evened).max())
        self.size = max(high - low, 1e-6) / 255
        self.zero = round(-low / self.size)
        self._per_value = 1 / (self.evened * self.size)

    def __call__(self, x: Tensor) -> Tensor:
        return (x * self._per_value).add_(self.zero + 0.5).clamp_(0, 255).to(torch.uint8)  # which rounds


class _Int8:
    """x W' + b in 8 bits, each row of the weights in steps of its own; ``x`` may be in steps already."""

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor,
        steps: _Steps,
        result: _Steps | None = None,
        activation: tuple[str, str] = _NONE,
    ) -> None:
        weight = weight * steps.evened
        sizes = weight.abs().amax(1).clamp_min(1e-9) / 127
        packed = _ops.onednn.qlinear_prepack((weight / sizes[:, None]).round().char(), [_TOKENS_HINT, weight.shape[1]])
        self._steps, self._activation = steps, activation
        self._weight = (packed, sizes, torch.zeros(len(sizes), dtype=torch.int32), bias.float())
        self._result = (result.size, result.zero, torch.uint8) if result else (1.0, 0, torch.bfloat16)

    def __call__(self, x: Tensor) -> Tensor:
        steps, (name, algorithm) = self._steps, self._activation
        x = x if x.dtype == torch.uint8 else steps(x)
        product: Tensor = _ops.onednn.qlinear_pointwise(
            x, steps.size, steps.zero, *self._weight, *self._result, name, [], algorithm
        )
        return product

    def plus(self, x: Tensor, other: Tensor) -> Tensor:
        """The product and ``other`` added up."""
        return self(x).add_(other)


class _Raise:
    """Several products of the same values."""

    def __init__(self, steps: _Steps, products: Sequence[_Int8]) -> None:
        self._steps, self._products = steps, products

    def __call__(self, x: Tensor) -> list[Tensor]:
        x = self._steps(x)
        return [product(x) for product in self._products]


class _Lower:
    """The sum of several products, each of values of its own."""

    def __init__(self, products: Sequence[_Int8]) -> None:
        self._products = products

    def plus(self, xs: Sequence[Tensor], other: Tensor) -> Tensor:
        """The products and ``other`` added up."""
        for product, x in zip(self._products, xs, strict=True):
            other = product.plus(x, other)
        return other


# ------------------------------------------------------------------------------ BERT


@dataclass
class _Layer:
    """The four products of a layer, its two normalisations, and what computes [CLS] where that is another."""

    keys: Any
    context: Any
    up: Any
    down: Any
    norms: tuple[Any, Any]
    of_cls: "_Layer | None" = None


class PackedBert:
    """BERT on a row of tokens without padding, on a processor.

    Args:
        bert: of ``transformers``; changes of its weights after this are not seen.
        numbers: to compute in.
        examples: captions from which the range of what 8 bits must hold is known.
    """

    def __init__(self, bert: Any, numbers: Numbers, examples: Pack) -> None:
        self._embeddings = bert.embeddings
        self._heads = bert.config.num_attention_heads
        self._dtype = torch.float32 if numbers == "float32" else torch.bfloat16
        activation = _ACTIVATIONS[bert.config.hidden_act]
        self._shift: Tensor | float = 0.0
        with torch.inference_mode():
            if numbers == "float32":
                self._layers = [_float_layer(layer, torch.float32, activation) for layer in bert.encoder.layer]
                return
            exact = PackedBert(bert, "float32", examples)
            if numbers == "bfloat16":
                self._layers = [_float_layer(layer, torch.bfloat16, activation) for layer in bert.encoder.layer]
            else:
                seen = exact._watch(examples)
                pairs = zip(bert.encoder.layer, seen, strict=True)
                self._layers = [_int8_layer(layer, scales, activation) for layer, scales in pairs]
            self._shift = (exact.encode(examples) - self.encode(examples)).mean(0)

    def encode(self, pack: Pack) -> Tensor:
        """See :class:`Engine`."""
        with torch.inference_mode():
            x = self._embeddings(pack.ids[None], position_ids=pack.positions[None])[0].to(self._dtype)  # [T, H]
            states = [x[pack.starts]]
            for layer in self._layers[:-1]:
                x = self._layer(layer, x, pack)
                states.append(x[pack.starts])
            states.append(self._cls(self._layers[-1], x, self._context(self._layers[-1], x, pack), pack))
            return torch.cat(states[-CLS_LAYERS:], dim=-1).float() + self._shift  # [N, 4H]

    def _layer(self, layer: _Layer, x: Tensor, pack: Pack, watch: Callable[..., None] | None = None) -> Tensor:
        """One layer on the tokens ``x`` [T, H] of ``pack``."""
        context = self._context(layer, x, pack)
        found = _rest(layer, x, context, watch)
        if layer.of_cls:
            found[pack.starts] = self._cls(layer, x, context, pack)
        return found

    def _context(self, layer: _Layer, x: Tensor, pack: Pack) -> Tensor:
        """What each token attends to [T, H]."""
        qkv = layer.keys(x)
        if layer.of_cls:
            qkv[pack.starts] = layer.of_cls.keys(x[pack.starts])
        return attention(qkv, pack.groups, self._heads)

    def _cls(self, layer: _Layer, x: Tensor, context: Tensor, pack: Pack) -> Tensor:
        """The layer's result for [CLS] alone [N, H]."""
        return _rest(layer.of_cls or layer, x[pack.starts], context[pack.starts])

    def _watch(self, pack: Pack) -> list[list[_Seen]]:
        """For each layer the ranges of what its four products take in."""
        seen: list[list[_Seen]] = []
        x = self._embeddings(pack.ids[None], position_ids=pack.positions[None])[0]
        for layer in self._layers:
            x = self._layer(layer, x, pack, lambda *inputs: seen.append([_Seen(i) for i in inputs]))
        return seen


def _rest(layer: _Layer, x: Tensor, context: Tensor, watch: Callable[..., None] | None = None) -> Tensor:
    """A layer after its attention, on any rows."""
    middle = _normal(layer.context.plus(context, x), layer.norms[0])
    raised = layer.up(middle)
    if watch:
        watch(x, context, middle, raised)
    return _normal(layer.down.plus(raised, middle), layer.norms[1])


def attention(qkv: Tensor, groups: Sequence[tuple[int, int]], heads: int) -> Tensor:
    """[T, H] from queries (already scaled), keys and values side by side [T, 3H], within each caption."""
    width = qkv.shape[1] // 3
    found, first = [], 0
    for captions, length in groups:
        part = qkv[first : first + captions * length].view(captions, length, 3, heads, width // heads)
        parts = part.permute(2, 0, 3, 1, 4).reshape(3, captions * heads, length, width // heads)
        attended = _attend(*parts).view(captions, heads, length, -1)
        found.append(attended.transpose(1, 2).reshape(captions * length, width))
        first += captions * length
    return torch.cat(found) if len(found) > 1 else found[0]


def _attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Each [n, L, d]."""
    if query.shape[1] > _SHORT:
        return scaled_dot_product_attention(query[None], key[None], value[None], scale=1.0)[0]
    return torch.bmm(torch.softmax(torch.bmm(query, key.transpose(1, 2)), -1), value)


def _normal(x: Tensor, norm: Any) -> Tensor:
    return layer_norm(x, norm.normalized_shape, norm.weight, norm.bias, norm.eps)


def _weights(layer: Any) -> list[tuple[Tensor, Tensor]]:
    """Weights and biases of the four products: query, key and value in one, the query scaled."""
    own = layer.attention.self
    scale = (own.query.out_features // own.num_attention_heads) ** -0.5
    keys = [own.query.weight * scale, own.key.weight, own.value.weight]
    biases = [own.query.bias * scale, own.key.bias, own.value.bias]
    rest = (layer.attention.output.dense, layer.intermediate.dense, layer.output.dense)
    return [(torch.cat(keys), torch.cat(biases)), *((dense.weight, dense.bias) for dense in rest)]


def _norms(layer: Any) -> tuple[Any, Any]:
    return layer.attention.output.LayerNorm, layer.output.LayerNorm


def _float_layer(layer: Any, dtype: torch.dtype, activation: tuple[str, str]) -> _Layer:
    keys, context, up, down = _weights(layer)
    return _Layer(
        _Float(*keys, dtype),
        _Float(*context, dtype),
        _Float(*up, dtype, activation),
        _Float(*down, dtype),
        _norms(layer),
    )


def _int8_layer(layer: Any, seen: Sequence[_Seen], activation: tuple[str, str]) -> _Layer:
    keys, context, up, down = _weights(layer)
    inner = _int8_inner(up, down, seen[2], seen[3], activation)
    first, second = _Steps(seen[0], keys[0]), _Steps(seen[1], context[0])
    of_cls = _float_layer(layer, torch.bfloat16, activation)
    return _Layer(_Int8(*keys, first), _Int8(*context, second), *inner, _norms(layer), of_cls)


def _int8_inner(
    up: tuple[Tensor, Tensor], down: tuple[Tensor, Tensor], given: _Seen, between: _Seen, activation: tuple[str, str]
) -> tuple[_Raise, _Lower]:
    """The two inner products, between which values go in 8 bits.

    A few of the columns between them are far wider than the others; they go apart, in steps of their own.
    """
    order = torch.argsort(between.high - between.low)
    wide = max(1, len(order) // _WIDE)
    steps, ups, downs = _Steps(given, up[0]), [], []
    for columns, bias in ((order[:-wide], down[1]), (order[-wide:], torch.zeros_like(down[1]))):
        passed = _Steps(between[columns])
        ups.append(_Int8(up[0][columns], up[1][columns], steps, passed, activation))
        downs.append(_Int8(down[0][:, columns], bias, passed))
    return _Raise(steps, ups), _Lower(downs)
