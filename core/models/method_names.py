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


def method_name(method: str) -> str:
    """What people read for a method; of one that a later version has made, its own name."""
    return NAMES.get(method, method)
