"""Made-up users whose captions are as long as real ones: what the speed benches measure on.

Lengths of 1 to 40 words, about 11 tokens on average where padding makes 18, and one caption in six a
duplicate such as an emoji or ``#tbt``. Words are drawn from the encoder's own vocabulary, frequent
ones more often, as in real text; now and then a made-up one falls into pieces.
"""

import math
import random
from collections.abc import Iterator
from typing import Any

POSTS = 100

_REPEATED = ["#tbt", "😂", "❤️", "#love", "good night", "☀️", "#ootd", "happy birthday!!", "🎉🎉", "monday..."]
_MARKS = ["", "", "", "", ".", "!", "!!", "...", " 😂", " #fun", " ❤️"]
_FAVOURITES = 3
_REPEATED_SHARE = 1 / 6 + _FAVOURITES / POSTS  # the first of each is no duplicate yet
_RARE_SHARE = 0.04
_MEDIAN_WORDS, _SPREAD, _MOST_WORDS = 9.0, 0.75, 40


def made_users(tokenizer: Any, users: int, posts: int = POSTS, seed: int = 2021) -> list[list[str]]:
    """Captions of each user, the same for the same arguments."""
    words = _words(tokenizer)
    weights = [1 / (rank + 10) for rank in range(len(words))]
    rng = random.Random(seed)
    drawn = iter(rng.choices(words, weights, k=users * posts * 14))
    return [_captions(drawn, posts, rng) for _ in range(users)]


def _captions(drawn: Iterator[str], posts: int, rng: random.Random) -> list[str]:
    favourites = rng.sample(_REPEATED, _FAVOURITES)
    return [rng.choice(favourites) if rng.random() < _REPEATED_SHARE else _caption(drawn, rng) for _ in range(posts)]


def _words(tokenizer: Any) -> list[str]:
    """Whole words, frequent ones first: the vocabulary is in that order."""
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    return [word for word, _ in vocabulary if word.isascii() and word.isalpha()]


def _caption(drawn: Iterator[str], rng: random.Random) -> str:
    length = min(_MOST_WORDS, max(1, round(rng.lognormvariate(math.log(_MEDIAN_WORDS), _SPREAD))))
    words = [next(drawn) for _ in range(length)]
    return " ".join(_rare(word, rng) if rng.random() < _RARE_SHARE else word for word in words) + rng.choice(_MARKS)


def _rare(word: str, rng: random.Random) -> str:
    return word + "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=3))
