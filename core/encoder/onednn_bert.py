"""BERT on a processor, with oneDNN's matrix products on weights laid out for them once.

On processors of other makers than Intel these are far quicker than what PyTorch calls by itself: in 8-bit
integers everywhere, in bfloat16 and 32 bits with AVX-512.

What PyTorch has of oneDNN are operators of its own, which another release may change or take away. So
:func:`can_compute` tries them before they are used.

Without VNNI a processor adds up the 8-bit products of two neighbouring columns in 16 bits, and says nothing
where they do not fit: no two such weights are therefore larger together than fits, and that on every
machine, so that a model computes the same on all.

Numbers of few bits move all vectors a little the same way, which a mean over posts does not even
out. The mean of that move over made-up captions is therefore taken off again. [CLS] differs so
little from caption to caption in the lower layers that steps wide enough for all tokens would not
tell users apart: with 8 bits its rows, one in a dozen, have kernels of their own, whose steps are
about what differs, and are added up in 32 bits. What is left of the errors is why a model is
measured at each before it is used so, see :func:`core.models.loading.usable_numbers`.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import layer_norm, pad, scaled_dot_product_attention

from core.encoder.age_classifier import CLS_LAYERS, AgeClassifier
from core.encoder.precision import DType, is_quicker
from core.encoder.tokenization import Pack, UserTokens, packs
from core.settings import get_settings

ACTIVATIONS = {"gelu": ("gelu", "none"), "gelu_new": ("gelu", "tanh"), "relu": ("relu", "")}
logger = logging.getLogger(__name__)
_ops: Any = torch.ops
_NONE = ("none", "")
_TOKENS_HINT = 2048
_WIDE = 24  # one in so many columns
_MARGIN = 2.0  # how much wider than seen the values of [CLS] may be
_SHORT = {torch.float32: 32, torch.bfloat16: 256}  # tokens: up to here plain products beat the fused attention kernel
_MOST_PAIR = 127  # of two weights of one sign; each is rounded by up to a half, and 255 * 128 is within 16 bits
_MOST_ERROR: dict[DType, float] = {
    "float32": 1e-4,
    "bfloat16": 0.1,
    "int8": 0.3,
}  # of a small BERT that knows nothing
_LARGE = (1_024, 384, 1_536)  # tokens, in, out: of the product whose time is taken
_SAFE = 60.0  # scores: exp of these, and sums of such, are far from the ends of what 32 bits and bfloat16 hold


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


class _ObservedRange:
    """The values [T, in] that a product was given, as far as 8 bits must know of them."""

    def __init__(self, x: Tensor) -> None:
        self.low, self.high = x.float().amin(0), x.float().amax(0)  # [in]

    def less(self, values: Tensor) -> "_ObservedRange":
        """Each column less one of ``values`` [in]."""
        return _ObservedRange(torch.stack([self.low - values, self.high - values]))

    def __getitem__(self, columns: Tensor) -> "_ObservedRange":
        return _ObservedRange(torch.stack([self.low[columns], self.high[columns]]))


class _AffineQuantizer:
    """Values as one of 256 steps: v of column c is step round((v - middle[c]) / (size * evened[c])) + zero.

    What all values of a column have in common needs no steps, since its product is known: it goes into
    the bias. A few columns are far wider than the others, and steps that hold these are coarse for all:
    the weights [out, in] take over half of the difference, and the columns are evened.
    """

    zero = 128

    def __init__(self, seen: _ObservedRange, weight: Tensor, margin: float = 1.0) -> None:
        self.middle = (seen.low + seen.high) / 2
        wide = ((seen.high - seen.low) / 2 * margin).clamp_min(1e-5)
        self.evened = (wide / weight.abs().amax(0).clamp_min(1e-5)).sqrt()
        self.size = float((wide / self.evened).max()) / 127
        self._per_value = 1 / (self.evened * self.size)
        self._offset = self.zero + 0.5 - self.middle * self._per_value

    def __call__(self, x: Tensor) -> Tensor:
        steps = (x * self._per_value).add_(self._offset).clamp_(0, 255)
        return steps.int().to(torch.uint8)  # which rounds; from float to uint8 at once is far slower


class _PassThroughQuantizer:
    """Steps of one size, in which a product leaves its values for the next."""

    middle, evened = torch.zeros(1), torch.ones(1)

    def __init__(self, seen: _ObservedRange) -> None:
        low, high = min(0.0, float(seen.low.min())), max(0.0, float(seen.high.max()))
        self.size = max(high - low, 1e-6) / 255
        self.zero = round(-low / self.size)

    def __call__(self, x: Tensor) -> Tensor:
        return x


class _Int8:
    """x W' + b in 8 bits, each row of the weights in steps of its own."""

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor,
        steps: _AffineQuantizer | _PassThroughQuantizer,
        result: _PassThroughQuantizer | torch.dtype,
        activation: tuple[str, str] = _NONE,
    ) -> None:
        self._steps, self._activation = steps, activation
        self._bias = bias.float() + (weight * steps.middle).sum(1)
        weight = weight * steps.evened
        sizes = _largest_pair(weight).clamp_min(1e-9) / _MOST_PAIR
        packed = _ops.onednn.qlinear_prepack((weight / sizes[:, None]).round().char(), [_TOKENS_HINT, weight.shape[1]])
        self._weight = (packed, sizes, torch.zeros(len(sizes), dtype=torch.int32))
        self._result = (
            (result.size, result.zero, torch.uint8) if isinstance(result, _PassThroughQuantizer) else (1.0, 0, result)
        )

    def __call__(self, x: Tensor) -> Tensor:
        name, algorithm = self._activation
        given = (*self._given(x), self._bias, *self._result)
        y: Tensor = _ops.onednn.qlinear_pointwise(*given, name, [], algorithm)
        return y

    def plus(self, x: Tensor, other: Tensor) -> Tensor:
        """The product and ``other`` added up."""
        added: tuple[Any, ...] = (1.0, 0, "add", 1.0, "none", [], "")
        y: Tensor = _ops.onednn.qlinear_pointwise.binary(*self._given(x), other, self._bias, *self._result, *added)
        return y

    def _given(self, x: Tensor) -> tuple[Any, ...]:
        x = x if x.dtype == torch.uint8 else self._steps(x)
        return (x, self._steps.size, self._steps.zero, *self._weight)


def _largest_pair(weight: Tensor) -> Tensor:
    """The most that two neighbours of one sign come to together, in each row [out] of ``weight`` [out, in]."""
    pairs = pad(weight, (0, weight.shape[1] % 2)).view(len(weight), -1, 2)
    return torch.maximum(pairs.clamp_min(0).sum(2), -pairs.clamp_max(0).sum(2)).amax(1)


class _UpProjection:
    """Several products of the same values."""

    def __init__(self, steps: _AffineQuantizer, products: Sequence[_Int8]) -> None:
        self._steps, self._products = steps, products

    def __call__(self, x: Tensor) -> list[Tensor]:
        x = self._steps(x)
        return [product(x) for product in self._products]


class _DownProjection:
    """The sum of several products, each of values of its own."""

    def __init__(self, products: Sequence[_Int8]) -> None:
        self._products = products

    def plus(self, xs: Sequence[Tensor], other: Tensor) -> Tensor:
        """The products and ``other`` added up."""
        for product, x in zip(self._products, xs, strict=True):
            other = product.plus(x, other)
        return other


# ------------------------------------------------------------------------------ BERT


@dataclass(frozen=True)
class _Kernels:
    """The four products of a layer and its two normalisations."""

    keys: Any
    context: Any
    up: Any
    down: Any
    norms: tuple[Any, Any]


@dataclass(frozen=True)
class _Last:
    """The last layer, of which nothing but [CLS] is read: the other tokens give keys and values only."""

    of_cls: _Kernels
    keys: Any


class PackedBert:
    """BERT on a row of tokens without padding, on a processor.

    Its row begins with the [CLS] of all captions, which are thus a slice; the other tokens follow in
    the order of the pack. Each layer has one set of kernels for all rows, or two, of which the first
    is for [CLS].

    Args:
        bert: of ``transformers``; changes of its weights after this are not seen.
        numbers: to compute in.
        examples: captions from which the range of what 8 bits must hold is known.
    """

    def __init__(self, bert: Any, numbers: DType, examples: Pack) -> None:
        self._embeddings = bert.embeddings
        self._heads = bert.config.num_attention_heads
        self._numbers = numbers
        self._dtype = torch.float32 if numbers == "float32" else torch.bfloat16 if numbers == "bfloat16" else _between()
        activation = ACTIVATIONS[bert.config.hidden_act]
        self._shift: Tensor | float = 0.0
        self._layers: list[tuple[_Kernels, ...]]
        *layers, last = bert.encoder.layer
        with torch.inference_mode():
            exact = self if numbers == "float32" else PackedBert(bert, "float32", examples)
            if numbers == "int8":
                (*cls, last_cls), (*rest, (last_rest,)) = exact._watch(examples)
                self._layers = [_int8_pair(*parts, activation) for parts in zip(layers, cls, rest, strict=True)]
                self._last = _int8_last(last, last_cls, last_rest, activation)
            else:
                self._layers = [(_float_kernels(layer, self._dtype, activation),) for layer in layers]
                self._last = _float_last(last, self._dtype, activation)
            if exact is not self:
                self._shift = (exact.encode(examples) - self.encode(examples)).mean(0)

    def encode(self, pack: Pack) -> Tensor:
        """See :class:`Engine`."""
        with torch.inference_mode():
            captions = len(pack.starts)
            rows, states = self._first_rows(pack), []
            for kernels in self._layers:
                states.append(rows[0][:captions])
                rows = self._layer(kernels, rows, pack)
            states += [rows[0][:captions], self._finish(rows, pack)]
            return torch.cat(states[-CLS_LAYERS:], dim=-1).float() + self._shift  # [N, 4H]

    def _finish(self, rows: Sequence[Tensor], pack: Pack, watch: Callable[..., None] | None = None) -> Tensor:
        """The last layer's [CLS] [N, H]."""
        cls, rest = _apart(rows, len(pack.starts))
        context = attention(self._last.of_cls.keys(cls), self._last.keys(rest), pack.groups, self._heads)
        return _rest(self._last.of_cls, cls, context, watch)

    def _first_rows(self, pack: Pack) -> tuple[Tensor, ...]:
        """The embeddings, [CLS] first, a block for each set of kernels."""
        others = torch.ones_like(pack.ids, dtype=torch.bool)
        others[pack.starts] = False
        order = torch.cat([pack.starts, others.nonzero()[:, 0]])
        x = self._embeddings(pack.ids[order][None], position_ids=pack.positions[order][None])[0]
        if self._numbers != "int8":
            return (x.to(self._dtype),)
        cls, rest = _apart((x,), len(pack.starts))
        return cls, rest.to(self._dtype)

    def _layer(
        self,
        kernels: Sequence[_Kernels],
        rows: Sequence[Tensor],
        pack: Pack,
        watch: Callable[..., None] | None = None,
    ) -> tuple[Tensor, ...]:
        """One layer on all tokens, which come and go as blocks of rows [., H]."""
        keys = [own.keys(block) for own, block in zip(kernels, rows, strict=True)]
        context = attention(*_apart(keys, len(pack.starts)), pack.groups, self._heads)
        contexts = torch.split(context, [len(block) for block in rows])
        return tuple(_rest(*parts, watch) for parts in zip(kernels, rows, contexts, strict=True))

    def _watch(self, pack: Pack) -> tuple[list[list[_ObservedRange]], list[list[_ObservedRange]]]:
        """What the products of each layer take in: of [CLS], and of the others, which in the last have but one."""
        of_cls: list[list[_ObservedRange]] = []
        of_rest: list[list[_ObservedRange]] = []
        captions = len(pack.starts)

        def watch(*inputs: Tensor) -> None:
            of_cls.append([_ObservedRange(x[:captions]) for x in inputs])
            of_rest.append([_ObservedRange(x[captions:]) for x in inputs if len(x) > captions])

        rows = self._first_rows(pack)
        for kernels in self._layers:
            rows = self._layer(kernels, rows, pack, watch)
        self._finish(rows, pack, watch)
        return of_cls, [*of_rest[:-1], [_ObservedRange(_apart(rows, captions)[1])]]


# ------------------------------------------------------------------------------ what can be computed here


@cache
def can_compute(numbers: DType) -> bool:
    """Whether :class:`PackedBert` is right here in ``numbers``, and quicker in few bits than in 32: by trying once."""
    held = get_settings().cpu
    if held == "plain" or (held == "avx2" and numbers == "bfloat16"):
        return False
    try:
        is_right = _error_of_a_small_bert(numbers) < _MOST_ERROR[numbers]
        return is_right and (numbers == "float32" or is_quicker(_large_product(numbers), _large_product("float32")))
    except (AttributeError, NotImplementedError, RuntimeError, TypeError) as error:
        # an operator that this PyTorch does not have, or that takes something else; or no kernel for this processor
        logger.info("Not computed in %s here: %s", numbers, str(error).partition("\n")[0])
        return False


@cache
def _between() -> torch.dtype:
    """What passes between products in 8 bits."""
    return torch.bfloat16 if can_compute("bfloat16") else torch.float32


def _error_of_a_small_bert(numbers: DType) -> float:
    """How far vectors of captions are off, over how far they differ."""
    from transformers import BertConfig, BertModel  # seconds, and only asked once a process

    sizes: dict[str, Any] = {"num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 128}
    with torch.random.fork_rng(devices=[]), torch.inference_mode():
        torch.manual_seed(0)
        model = AgeClassifier(
            BertModel(BertConfig(vocab_size=100, hidden_size=64, initializer_range=0.2, **sizes))
        ).eval()
        lengths = torch.randint(3, 19, (64,), dtype=torch.int32)
        ids = torch.randint(0, 100, (int(lengths.sum()),), dtype=torch.int32)
        caption = UserTokens(ids.numpy(), lengths.numpy(), torch.ones_like(lengths).numpy())
        pack = next(packs([caption], len(ids)))
        exact, found = model.encode(pack), PackedBert(model.bert, numbers, pack).encode(pack)
    return float((found - exact).norm() / (exact - exact.mean(0)).norm())


def _large_product(numbers: DType) -> Callable[[], Tensor]:
    tokens, inside, outside = _LARGE
    x, weight, bias = torch.rand(tokens, inside), torch.rand(outside, inside), torch.zeros(outside)
    if numbers == "int8":
        product: Any = _Int8(weight, bias, _AffineQuantizer(_ObservedRange(x), weight), torch.float32)
    else:
        product = _Float(weight, bias, torch.bfloat16 if numbers == "bfloat16" else torch.float32)
        x = x.bfloat16() if numbers == "bfloat16" else x
    return lambda: product(x)


# ------------------------------------------------------------------------------ parts of a layer


def _apart(blocks: Sequence[Tensor], captions: int) -> tuple[Tensor, Tensor]:
    """The rows of [CLS], which come first, and the others."""
    cls, rest = blocks if len(blocks) == 2 else (blocks[0][:captions], blocks[0][captions:])
    return cls, rest


def _rest(kernels: _Kernels, x: Tensor, context: Tensor, watch: Callable[..., None] | None = None) -> Tensor:
    """A layer after its attention, on any rows."""
    middle = _normal(kernels.context.plus(context, x), kernels.norms[0])
    raised = kernels.up(middle)
    if watch:
        watch(x, context, middle, raised)
    return _normal(kernels.down.plus(raised, middle), kernels.norms[1])


def attention(cls: Tensor, rest: Tensor, groups: Sequence[tuple[int, int]], heads: int) -> Tensor:
    """What each token attends to within its caption [T, H], [CLS] first.

    Args:
        cls: queries (already scaled), keys and values of [CLS] side by side [N, 3H].
        rest: those of the other tokens [T - N, 3H]; or keys and values [T - N, 2H] where only [CLS] asks,
            and the result is [N, H].
        groups: (captions, tokens of each), in the order of ``cls`` and ``rest``.
        heads: how many.
    """
    width = cls.shape[1] // 3
    given = rest.shape[1] // width
    found = cls.new_empty(len(cls) + (len(rest) if given == 3 else 0), width)
    found_cls, found_rest = _apart((found,), len(cls))
    first, other = 0, 0
    for captions, length in groups:
        of_cls = slice(first, first + captions)
        of_rest = slice(other, other + captions * (length - 1))
        first, other = of_cls.stop, of_rest.stop
        qkv = cls.new_empty(3, captions, heads, length, width // heads)
        qkv[:, :, :, 0] = cls[of_cls].view(captions, 3, heads, -1).transpose(0, 1)
        qkv[3 - given :, :, :, 1:] = rest[of_rest].view(captions, length - 1, given, heads, -1).permute(2, 0, 3, 1, 4)
        query, key, value = qkv.flatten(1, 2)
        attended = _attend(query if given == 3 else query[:, :1], key, value).view(captions, heads, -1, width // heads)
        found_cls[of_cls].view(captions, heads, -1).copy_(attended[:, :, 0])
        if given == 3:
            found_rest[of_rest].view(captions, length - 1, heads, -1).copy_(attended[:, :, 1:].transpose(1, 2))
    return found


def _attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """[n, asked, d] from queries [n, asked, d], keys and values [n, L, d]."""
    length = key.shape[1]
    if length > _SHORT[query.dtype]:
        return scaled_dot_product_attention(query[None], key[None], value[None], scale=1.0)[0]
    weights = torch.bmm(query, key.transpose(1, 2))
    low, high = weights.aminmax()
    if max(-low, high) > _SAFE:
        return torch.bmm(torch.softmax(weights, -1), value)
    # softmax works row by row, and a row is shorter than what a processor computes at a time
    weights = weights.exp_()
    sums = weights.view(-1, length) @ weights.new_ones(length)
    return torch.bmm(weights, value).div_(sums.view(len(query), -1, 1))


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


def _float_kernels(layer: Any, dtype: torch.dtype, activation: tuple[str, str]) -> _Kernels:
    keys, context, up, down = _weights(layer)
    return _Kernels(
        _Float(*keys, dtype),
        _Float(*context, dtype),
        _Float(*up, dtype, activation),
        _Float(*down, dtype),
        _norms(layer),
    )


def _float_last(layer: Any, dtype: torch.dtype, activation: tuple[str, str]) -> _Last:
    (weight, bias), *_ = _weights(layer)
    others = slice(len(weight) // 3, None)
    return _Last(_float_kernels(layer, dtype, activation), _Float(weight[others], bias[others], dtype))


def _int8_cls(layer: Any, seen: Sequence[_ObservedRange], common: Tensor, activation: tuple[str, str]) -> _Kernels:
    keys, context, up, down = _without(common, _weights(layer))
    return _Kernels(
        _Int8(*keys, _AffineQuantizer(seen[0], keys[0], _MARGIN), _between()),
        _Int8(*context, _AffineQuantizer(seen[1].less(common), context[0], _MARGIN), torch.float32),
        _Int8(*up, _AffineQuantizer(seen[2], up[0], _MARGIN), torch.float32, activation),
        _Int8(*down, _AffineQuantizer(seen[3], down[0], _MARGIN), torch.float32),
        _norms(layer),
    )


def _int8_rest(layer: Any, seen: Sequence[_ObservedRange], common: Tensor, activation: tuple[str, str]) -> _Kernels:
    keys, context, up, down = _without(common, _weights(layer))
    return _Kernels(
        _Int8(*keys, _AffineQuantizer(seen[0], keys[0]), _between()),
        _Int8(*context, _AffineQuantizer(seen[1].less(common), context[0]), _between()),
        *_int8_inner(up, down, seen[2], seen[3], activation),
        _norms(layer),
    )


def _int8_pair(
    layer: Any, cls: Sequence[_ObservedRange], rest: Sequence[_ObservedRange], activation: tuple[str, str]
) -> tuple[_Kernels, _Kernels]:
    """For [CLS], and for the other tokens."""
    common = _common(layer, cls[0])
    return _int8_cls(layer, cls, common, activation), _int8_rest(layer, rest, common, activation)


def _int8_last(layer: Any, cls: Sequence[_ObservedRange], rest: _ObservedRange, activation: tuple[str, str]) -> _Last:
    common = _common(layer, cls[0])
    (weight, bias), *_ = _without(common, _weights(layer))
    others = slice(len(weight) // 3, None)
    weight, bias = weight[others], bias[others]
    return _Last(
        _int8_cls(layer, cls, common, activation), _Int8(weight, bias, _AffineQuantizer(rest, weight), _between())
    )


def _common(layer: Any, cls: _ObservedRange) -> Tensor:
    """What the values of all [CLS] have in common [H]."""
    value = layer.attention.self.value
    common: Tensor = value((cls.low + cls.high) / 2)
    return common


def _without(common: Tensor, weights: list[tuple[Tensor, Tensor]]) -> list[tuple[Tensor, Tensor]]:
    """A layer whose values lack ``common``: bfloat16 would not hold what differs besides it. It is added later."""
    (keys, of_keys), (context, of_context), *inner = weights
    less = torch.cat([torch.zeros(len(keys) - len(common)), common])
    return [(keys, of_keys - less), (context, of_context + context @ common), *inner]


def _int8_inner(
    up: tuple[Tensor, Tensor],
    down: tuple[Tensor, Tensor],
    given: _ObservedRange,
    between: _ObservedRange,
    activation: tuple[str, str],
) -> tuple[_UpProjection, _DownProjection]:
    """The two inner products, between which values go in 8 bits.

    A few of the columns between them are far wider than the others; they go apart, in steps of their own.
    """
    order = torch.argsort(between.high - between.low)
    wide = max(1, len(order) // _WIDE)
    steps, ups, downs = _AffineQuantizer(given, up[0]), [], []
    for columns, bias in ((order[:-wide], down[1]), (order[-wide:], torch.zeros_like(down[1]))):
        passed = _PassThroughQuantizer(between[columns])
        ups.append(_Int8(up[0][columns], up[1][columns], steps, passed, activation))
        downs.append(_Int8(down[0][:, columns], bias, passed, _between()))
    return _UpProjection(steps, ups), _DownProjection(downs)
