"""The ways to make a model by name, and what people read for each; :mod:`core.training.methods` has them."""

from typing import Literal

Method = Literal["majority", "tfidf", "frozen", "finetuned", "combined"]


NAMES: dict[str, str] = {
    "majority": "majority",
    "tfidf": "TF-IDF",
    "frozen": "frozen encoder",
    "finetuned": "published",
    "combined": "best",
}
"""Method as ``training.json`` has it -> what people read: the same on pages, in cards and on the command line."""

METHODS_IN_WORDS: dict[str, str] = {
    "majority": "says what is true of most",
    "tfidf": "words alone: TF-IDF and logistic regression",
    "frozen": "an encoder as it is, a head learnt",
    "finetuned": "an encoder fine-tuned, the published method",
    "combined": "words, letters and an encoder together",
}
"""What each is, where methods are compared: a name such as *best* is no promise."""


def method_name(method: str) -> str:
    """What people read for a method; of one that a later version has made, its own name."""
    return NAMES.get(method, method)


ALIKE: tuple[Method, ...] = ("majority", "tfidf", "combined")
"""Methods whose models err alike when they learn from other accounts of the same kind.

The others stop at the epoch that a few accounts choose, so that their probabilities are more or less
extreme from model to model: what one says tells nothing of another's errors.
"""
