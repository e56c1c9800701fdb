"""Captions -> token batches without waste.

Nearly all the time goes into the encoder, so it sees every different caption once, no padding, and
no more tokens at a time than memory allows. A :class:`Pack` is one such portion: captions of many
users as a single row of tokens, sorted by length so that captions of equal length lie together.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Ints = npt.NDArray[np.int32]
T = TypeVar("T")


class UserTokens(NamedTuple):
    """The different captions of one user, as token ids.

    Attributes:
        ids: [T] the token ids of one caption after another.
        lengths: [n] tokens of each caption, special ones included.
        counts: [n] how often the user wrote each.
    """

    ids: Ints
    lengths: Ints
    counts: Ints


@dataclass(frozen=True)
class Pack:
    """Captions of ``U`` users as one row of tokens: N captions, T tokens, no padding.

    Attributes:
        ids: [T] token ids.
        positions: [T] the place of each token in its caption.
        starts: [N] where each caption begins, that is, its [CLS].
        groups: (captions, tokens of each): runs of captions of equal length, in the order of ``ids``.
        shares: [U, N] the share of each caption in the mean of each user.
    """

    ids: Tensor
    positions: Tensor
    starts: Tensor
    groups: list[tuple[int, int]]
    shares: Tensor

    def to(self, device: torch.device) -> "Pack":
        """The same pack on ``device``."""
        if device.type == "cpu":
            return self
        tensors: tuple[Tensor, ...] = (self.ids, self.positions, self.starts, self.shares)
        if device.type == "cuda":
            tensors = tuple(tensor.pin_memory() for tensor in tensors)
        ids, positions, starts, shares = (tensor.to(device, non_blocking=device.type == "cuda") for tensor in tensors)
        return Pack(ids, positions, starts, self.groups, shares)


def tokenize(tokenizer: Any, users: Sequence[Sequence[str]], max_seq_len: int) -> list[UserTokens]:
    """The captions of each user as tokens, cut at ``max_seq_len`` with the special tokens included.

    Captions that are the same once cut are kept once, with their count.
    """
    texts = [caption for captions in users for caption in captions]
    if not texts:
        return [_count([]) for _ in users]
    different = [*dict.fromkeys(texts)]
    encoded = tokenizer(
        different, truncation=True, max_length=max_seq_len, return_attention_mask=False, return_token_type_ids=False
    )
    ids = dict(zip(different, encoded["input_ids"], strict=True))
    return [_count([ids[caption] for caption in user]) for user in users]


def packs(users: Sequence[UserTokens], max_tokens: int) -> Iterator[Pack]:
    """Cut the captions of ``users`` into packs of at most ``max_tokens`` tokens (one caption at least).

    A caption that several users wrote is there once. The shares of all packs together sum to 1 for
    each user with a caption.
    """
    captions, shares = _different_captions(users)
    lengths = np.fromiter(map(len, captions), np.int64, len(captions))
    order = np.argsort(lengths, kind="stable")
    pack_of = _portions(lengths[order], max_tokens)
    for number in range(pack_of[-1] + 1 if len(pack_of) else 0):
        chosen = order[pack_of == number]
        yield _pack([captions[index] for index in chosen], shares[:, chosen])


def by_token_budget(users: Sequence[UserTokens], max_tokens: int) -> Iterator[list[UserTokens]]:
    """Cut ``users``, in their order, into lists of at most ``max_tokens`` tokens (one user at least)."""
    portion: list[UserTokens] = []
    tokens = 0
    for user in users:
        if portion and tokens + len(user.ids) > max_tokens:
            yield portion
            portion, tokens = [], 0
        portion.append(user)
        tokens += len(user.ids)
    if portion:
        yield portion


def _count(captions: list[list[int]]) -> UserTokens:
    counts = Counter(map(tuple, captions))
    ids = [token for caption in counts for token in caption]
    return UserTokens(
        np.array(ids, np.int32), np.array([len(c) for c in counts], np.int32), np.array([*counts.values()], np.int32)
    )


def _different_captions(users: Sequence[UserTokens]) -> tuple[list[Ints], npt.NDArray[np.float32]]:
    """Every caption once, and the share [U, N] of each in each user's mean."""
    place: dict[bytes, int] = {}
    captions: list[Ints] = []
    rows, columns, values = [], [], []
    for row, user in enumerate(users):
        for caption, count in zip(np.split(user.ids, np.cumsum(user.lengths)[:-1]), user.counts, strict=False):
            column = place.setdefault(caption.tobytes(), len(captions))
            if column == len(captions):
                captions.append(caption)
            rows.append(row)
            columns.append(column)
            values.append(count / user.counts.sum())
    shares = np.zeros((len(users), len(captions)), np.float32)
    shares[rows, columns] = values
    return captions, shares


def _portions(lengths: npt.NDArray[np.int64], max_tokens: int) -> npt.NDArray[np.int64]:
    """For each caption the number of its pack, in the given order.

    Packs are as few as ``max_tokens`` allows and about equally large: each keeps a core busy, and all
    are to be done at the same time.
    """
    total = int(lengths.sum())
    fewest = max(1, -(-total // max_tokens))
    max_tokens = min(max_tokens, -(-total // fewest) + int(lengths.max(initial=1)) - 1)
    numbers = np.zeros(len(lengths), np.int64)
    number = tokens = 0
    for index, length in enumerate(lengths):
        if tokens and tokens + length > max_tokens:
            number, tokens = number + 1, 0
        numbers[index] = number
        tokens += int(length)
    return numbers


def _pack(captions: list[Ints], shares: npt.NDArray[np.float32]) -> Pack:
    lengths = np.fromiter(map(len, captions), np.int64, len(captions))
    starts = np.cumsum(lengths) - lengths
    ids = np.concatenate(captions).astype(np.int64)
    positions = np.arange(len(ids)) - np.repeat(starts, lengths)
    values, counts = np.unique(lengths, return_counts=True)
    groups = list(zip(counts.tolist(), values.tolist(), strict=True))
    return Pack(
        torch.from_numpy(ids), torch.from_numpy(positions), torch.from_numpy(starts), groups, torch.from_numpy(shares)
    )
