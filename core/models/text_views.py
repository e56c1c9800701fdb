"""A user's text as TF-IDF of words and of characters: fitted, written and read here for every method.

The fitted parts are kept as plain tensors and JSON, so that a model folder runs no code on loading.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, TypedDict

import numpy as np
import orjson
import torch
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer
from torch import Tensor

from core.utils.io import write_json

VOCABULARY_FILE = "vocabulary.json"


class Ngrams(TypedDict, total=False):
    """What a view counts; scikit-learn's names."""

    analyzer: Literal["word", "char_wb"]
    ngram_range: tuple[int, int]
    lowercase: bool


@dataclass(frozen=True)
class TextViews:
    """How a user's text becomes features.

    Attributes:
        vectorizers: the views by name, in the order of their features.
    """

    vectorizers: dict[str, TfidfVectorizer]

    @classmethod
    def fit(
        cls, captions: Sequence[Sequence[str]], ngrams: Mapping[str, Ngrams], min_accounts: int
    ) -> tuple[Self, list[csr_matrix]]:
        """Learn vocabulary and document frequencies; also each view's rows [users, terms] of these users.

        Args:
            captions: of each user, as the model uses them.
            ngrams: what each view counts.
            min_accounts: a term that fewer users have is left out.

        Raises:
            ValueError: no term is left.
        """
        views = cls({name: _vectorizer(counted, min_df=min_accounts) for name, counted in ngrams.items()})
        documents = _documents(captions)
        return views, [vectorizer.fit_transform(documents) for vectorizer in views.vectorizers.values()]

    def rows(self, captions: Sequence[Sequence[str]]) -> list[csr_matrix]:
        """Each view's rows [users, terms]."""
        documents = _documents(captions)
        return [vectorizer.transform(documents) for vectorizer in self.vectorizers.values()]

    def __len__(self) -> int:
        """How many features there are."""
        return sum(len(vectorizer.vocabulary_) for vectorizer in self.vectorizers.values())

    def weights(self) -> dict[str, Tensor]:
        """The document frequencies, for the weights file."""
        return {f"idf.{name}": torch.from_numpy(vectorizer.idf_) for name, vectorizer in self.vectorizers.items()}

    def write_vocabulary(self, folder: Path) -> None:
        """Write the terms of every view."""
        write_json(
            folder / VOCABULARY_FILE,
            {name: vectorizer.get_feature_names_out().tolist() for name, vectorizer in self.vectorizers.items()},
        )

    @classmethod
    def read(cls, ngrams: Mapping[str, Ngrams], weights: dict[str, Tensor], folder: Path) -> Self:
        """Read what :meth:`write_vocabulary` wrote, and take the document frequencies out of ``weights``.

        Raises:
            OSError, KeyError, TypeError, ValueError: something is missing, damaged or of another model.
        """
        terms = orjson.loads((folder / VOCABULARY_FILE).read_bytes())
        vectorizers = {}
        for name, counted in ngrams.items():
            vectorizers[name] = _vectorizer(counted, vocabulary=terms[name])
            vectorizers[name].idf_ = weights.pop(f"idf.{name}").numpy()
        return cls(vectorizers)


def _vectorizer(counted: Ngrams, **options: Any) -> TfidfVectorizer:
    return TfidfVectorizer(sublinear_tf=True, dtype=np.float32, **options, **counted)


def _documents(captions: Sequence[Sequence[str]]) -> list[str]:
    """Each user's captions as one text."""
    return ["\n".join(user) for user in captions]
