"""The model: an encoder, the [CLS] of its last four layers, the mean over a user's posts, a head.

For a user with posts i = 1..n, h_i = the [CLS] vectors of the encoder's last four layers, one after
another (4H numbers); u = the mean of h_i; p = sigmoid(W2 GELU(W1 u + b1) + b2), with W1: 4H -> H/2
and W2: H/2 -> 1. The names of the parameters (``bert.*``, ``classifier.0.*``, ``classifier.2.*``)
are those of the older program, whose state dicts load here and whose code loads ours.
"""

import os
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid, scaled_dot_product_attention
from torch.utils.checkpoint import checkpoint

from core.encoder.precision import DType, Precision
from core.encoder.tokenization import Pack

os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "256")
# oneDNN keeps a program for every shape of product that it has seen, and packs differ in shape: with its own
# 1,024 these take a gigabyte. This many hold those of two packs at work, in any numbers.


CLS_LAYERS = 4

_ACTIVATION_BYTES = 20 * 4
"""Per token, layer and hidden unit while training: about twenty 32-bit numbers are kept for the gradient."""


class AgeClassifier(nn.Module):
    """Any number of users in, one logit a cutoff and user out.

    Args:
        encoder: a BERT-like model of ``transformers``.
        cutoffs: how many age cutoffs the head answers; see :func:`probabilities`.
    """

    def __init__(self, encoder: Any, cutoffs: int = 1) -> None:
        super().__init__()
        hidden = encoder.config.hidden_size
        self.cutoffs = cutoffs
        self.bert = encoder
        self.classifier = nn.Sequential(
            nn.Linear(CLS_LAYERS * hidden, hidden // 2), nn.GELU(), nn.Linear(hidden // 2, cutoffs)
        )
        self.precision: Precision = "exact"
        if getattr(encoder, "pooler", None) is not None:
            encoder.pooler.requires_grad_(False)  # kept for the older program; not used

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def forward(self, packs: Iterable[Pack]) -> Tensor:
        """Logits [U, cutoffs] of the users that ``packs`` hold between them."""
        logits: Tensor = self.classifier(self.user_vectors(packs))
        return logits

    def user_vectors(self, packs: Iterable[Pack]) -> Tensor:
        """The users' vectors u [U, 4H], a pack at a time so that memory does not grow with their posts.

        Where several packs need a gradient, each is computed again on the way back instead of kept.
        """
        packs = [*packs]
        again = len(packs) > 1 and torch.is_grad_enabled() and not self._draws_on_mps
        total = torch.zeros((), device=self.device)
        for pack in packs:
            total = total + (checkpoint(self._part, pack, use_reentrant=False) if again else self._part(pack))
        return total

    def _part(self, pack: Pack) -> Tensor:
        pack = pack.to(self.device)
        return pack.shares @ self.encode(pack, self.precision).float()  # [U, N] @ [N, 4H] -> [U, 4H]

    @property
    def _draws_on_mps(self) -> bool:
        """Whether dropout is drawn by a Mac's GPU, whose draws torch does not repeat when it computes again."""
        return self.device.type == "mps" and self.bert.config.model_type != "bert"

    @property
    def numbers(self) -> DType:
        """In what the encoder computes at this precision."""
        return "bfloat16" if self.precision == "fast" else "float32"

    def encode(self, pack: Pack, precision: Precision = "exact") -> Tensor:
        """The captions' vectors h [N, 4H]."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=precision == "fast"):
            if self.bert.config.model_type == "bert":
                return _encode_bert(self.bert, pack)
            return _encode_any(self.bert, pack)

    def max_tokens(self, memory_bytes: float) -> int:
        """How many tokens at a time keep training within ``memory_bytes`` of activations."""
        config = self.bert.config
        return max(256, int(memory_bytes / (_ACTIVATION_BYTES * config.hidden_size * config.num_hidden_layers)))


def probabilities(logits: Tensor) -> Tensor:
    """P(age >= cutoff) [U, cutoffs] for cutoffs in rising order; never rises from one to the next.

    The first logit is that of the lowest cutoff; each further one is that of being at least at the
    next cutoff given at least at the one before.
    """
    return torch.sigmoid(logits).cumprod(-1)


def binary_cross_entropy(logits: Tensor, at_least: Tensor, weights: Tensor | None = None) -> Tensor:
    """The loss [U] of ``logits`` [U, cutoffs] against ``at_least`` (0 or 1), the mean over cutoffs.

    Args:
        logits: see :func:`probabilities`.
        at_least: [U, cutoffs].
        weights: [U, cutoffs], how much each answer counts.
    """
    log_at_least = torch.zeros_like(logits[:, 0])  # log P(age >= cutoff), log P(age < cutoff)
    log_under = torch.full_like(log_at_least, -torch.inf)
    losses = []
    for logit, truth in zip(logits.unbind(-1), at_least.unbind(-1), strict=True):
        log_under = torch.logaddexp(log_under, log_at_least + logsigmoid(-logit))
        log_at_least = log_at_least + logsigmoid(logit)
        losses.append(-(truth * log_at_least + (1 - truth) * log_under))
    loss = torch.stack(losses, dim=-1)
    return (loss if weights is None else loss * weights).mean(-1)


def _encode_bert(bert: Any, pack: Pack) -> Tensor:
    """BERT on a row of tokens without padding: only attention needs to know where a caption ends."""
    x = _embed(bert.embeddings, pack)  # [T, H]
    states = [x[pack.starts]]
    for layer in bert.encoder.layer[:-1]:
        x = _bert_layer(layer, x, x, pack.groups)
        states.append(x[pack.starts])
    # nothing but [CLS] is read from the last layer
    states.append(_bert_layer(bert.encoder.layer[-1], x, x[pack.starts], pack.groups))
    return torch.cat(states[-CLS_LAYERS:], dim=-1)  # [N, 4H]


def _embed(embeddings: Any, pack: Pack) -> Tensor:
    words = embeddings.word_embeddings(pack.ids) + embeddings.token_type_embeddings.weight[0]
    normal = embeddings.LayerNorm(words + embeddings.position_embeddings(pack.positions))
    return dropout(normal, embeddings.dropout.p if embeddings.training else 0.0)


def _bert_layer(layer: Any, x: Tensor, rows: Tensor, groups: list[tuple[int, int]]) -> Tensor:
    """One layer: tokens ``x`` [T, H], of which ``rows`` ([T, H], or [N, H] for [CLS] only) are computed."""
    attention = layer.attention.self
    heads, dropped = attention.num_attention_heads, attention.dropout.p if layer.training else 0.0
    asked = [captions * (length if len(rows) == len(x) else 1) for captions, length in groups]
    tokens = [captions * length for captions, length in groups]
    # split and not slices, whose gradients would each be as large as the whole
    queries = attention.query(rows).split(asked)
    pairs = zip(attention.key(x).split(tokens), attention.value(x).split(tokens), strict=True)
    context = []
    for (captions, _), query, (key, value) in zip(groups, queries, pairs, strict=True):
        q, k, v = (_by_head(part, captions, heads) for part in (query, key, value))
        attended = _attend(q, k, v, dropped)  # [captions, heads, asked, H/heads]
        context.append(attended.transpose(1, 2).reshape(len(query), -1))
    rows = _add(layer.attention.output, torch.cat(context), rows)
    return _add(layer.output, layer.intermediate(rows), rows)


def _attend(query: Tensor, key: Tensor, value: Tensor, dropped: float) -> Tensor:
    """Attention, each [captions, heads, tokens, H/heads]."""
    if not dropped or query.device.type == "cuda":
        return scaled_dot_product_attention(query, key, value, dropout_p=dropped)
    weights = torch.softmax(query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5, dim=-1)
    return dropout(weights, dropped) @ value


def _add(part: Any, x: Tensor, rows: Tensor) -> Tensor:
    """``rows`` and what ``part`` of a layer makes of ``x``, normalised."""
    normal: Tensor = part.LayerNorm(dropout(part.dense(x), part.dropout.p if part.training else 0.0) + rows)
    return normal


def dropout(x: Tensor, dropped: float) -> Tensor:
    """``x`` with a share of its numbers 0, the others larger by as much.

    On a processor PyTorch draws these one by one, which took an eighth of the time of training;
    16 bits of a drawn number each are as good. For a Mac's GPU they are drawn on the processor as well:
    torch repeats only these when it computes a portion again for its gradient.
    """
    if not dropped or x.device.type == "cuda":
        return nn.functional.dropout(x, dropped)
    drawn = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None).view(torch.int16)
    kept = drawn[: x.numel()].view(x.shape) >= round(dropped * 2**16) - 2**15
    return x * kept.to(x.device, x.dtype).mul_(1 / (1 - dropped))


def _by_head(x: Tensor, captions: int, heads: int) -> Tensor:
    return x.view(captions, -1, heads, x.shape[-1] // heads).transpose(1, 2)  # [captions, heads, L, H/heads]


def _encode_any(encoder: Any, pack: Pack) -> Tensor:
    """Any BERT-like encoder: captions of equal length at a time, which need neither padding nor mask."""
    vectors, token = [], 0
    for captions, length in pack.groups:
        ids = pack.ids[token : token + captions * length].view(captions, length)
        states = encoder(input_ids=ids, output_hidden_states=True).hidden_states[-CLS_LAYERS:]
        vectors.append(torch.cat([state[:, 0] for state in states], dim=-1))
        token += captions * length
    return torch.cat(vectors)
