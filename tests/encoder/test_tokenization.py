"""Captions to packs: nothing twice, nothing padded, nothing lost."""

import threading
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.encoder.names import OFFLINE_ENCODER
from core.encoder.pretrained import load_tokenizer
from core.encoder.tokenization import UserTokens, by_token_budget, packs, tokenize
from core.utils.iteration import prefetch


def user(*captions: list[int], counts: list[int] | None = None) -> UserTokens:
    return UserTokens(
        np.array([token for caption in captions for token in caption], np.int32),
        np.array([len(caption) for caption in captions], np.int32),
        np.array(counts or [1] * len(captions), np.int32),
    )


def test_captions_are_cut_and_equal_ones_counted() -> None:
    tokenizer = load_tokenizer(OFFLINE_ENCODER)
    (tokens,) = tokenize(tokenizer, [["so long " * 20, "so long " * 30, "tbt", "tbt"]], max_seq_len=8)
    assert tokens.lengths.tolist() == [8, tokens.lengths[1]]
    assert tokens.counts.tolist() == [2, 2]
    assert tokens.ids[0] == tokenizer.cls_token_id
    assert tokens.ids[7] == tokenizer.sep_token_id


def test_users_without_captions_have_no_tokens() -> None:
    nobody, somebody = tokenize(load_tokenizer(OFFLINE_ENCODER), [[], ["hello"]], max_seq_len=18)
    assert (len(nobody.ids), len(nobody.counts)) == (0, 0)
    assert len(somebody.ids) == 3


def test_a_caption_of_two_users_is_encoded_once() -> None:
    (pack,) = packs([user([1, 5, 2], [1, 6, 7, 2]), user([1, 5, 2], counts=[4])], max_tokens=100)
    assert pack.ids.tolist() == [1, 5, 2, 1, 6, 7, 2]
    assert pack.positions.tolist() == [0, 1, 2, 0, 1, 2, 3]
    assert pack.starts.tolist() == [0, 3]
    assert pack.groups == [(1, 3), (1, 4)]
    assert pack.shares.tolist() == [[0.5, 0.5], [1.0, 0.0]]


captions = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=6), max_size=8, unique_by=tuple)


@given(st.lists(captions, min_size=1, max_size=5), st.integers(1, 30))
def test_packs_hold_every_caption_once_within_the_budget(users: list[list[list[int]]], max_tokens: int) -> None:
    found: list[tuple[int, ...]] = []
    shares = torch.zeros(len(users))
    for pack in packs([user(*captions) for captions in users], max_tokens):
        assert len(pack.ids) <= max_tokens or len(pack.starts) == 1
        assert sum(count * length for count, length in pack.groups) == len(pack.ids)
        ends = [*pack.starts.tolist()[1:], len(pack.ids)]
        found += [tuple(pack.ids[a:b].tolist()) for a, b in zip(pack.starts.tolist(), ends, strict=True)]
        shares += pack.shares.sum(1)
    assert sorted(found) == sorted({tuple(caption) for captions in users for caption in captions})
    assert shares.tolist() == pytest.approx([float(bool(captions)) for captions in users])


def test_packs_are_as_few_as_can_be_and_about_equally_large() -> None:
    made = list(packs([user(*([number] * 10 for number in range(25)))], max_tokens=100))
    assert [len(pack.ids) for pack in made] == [90, 90, 70]


@given(st.lists(st.integers(0, 9), max_size=12), st.integers(1, 20))
def test_a_token_budget_keeps_order_and_users_whole(sizes: list[int], budget: int) -> None:
    users = [user([1] * size) if size else user() for size in sizes]
    portions = list(by_token_budget(users, budget))
    assert [len(u.ids) for portion in portions for u in portion] == sizes
    assert all(len(portion) == 1 or sum(len(u.ids) for u in portion) <= budget for portion in portions)


def test_the_next_is_made_while_one_is_worked_on() -> None:
    made = [threading.Event() for _ in range(4)]

    def make() -> Iterator[int]:
        for number, event in enumerate(made):
            event.set()
            yield number

    for number in prefetch(make()):
        if number < 3:
            assert made[number + 1].wait(10)
    assert [*prefetch(range(5), 3)] == [0, 1, 2, 3, 4]
    assert [*prefetch([])] == []


def test_what_fails_ahead_is_told_in_its_turn() -> None:
    numbers = prefetch(1 / (2 - number) for number in range(9))
    assert [next(numbers), next(numbers)] == [0.5, 1.0]
    with pytest.raises(ZeroDivisionError):
        next(numbers)
