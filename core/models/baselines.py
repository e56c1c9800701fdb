"""What every model has to beat: the larger class, and TF-IDF with logistic regression.

The fitted parts are kept as plain tensors and JSON, so that a model folder runs no code on loading.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import orjson
import torch
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from core.encoder.weights import read_weights, write_weights
from core.errors import InputError
from core.models.folder import write_config
from core.models.predictor import finished_probabilities
from core.models.settings import ModelSettings
from core.utils.io import write_json

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

VOCABULARY_FILE = "vocabulary.json"

_NGRAMS: dict[str, dict[str, Any]] = {
    "word": {"analyzer": "word", "ngram_range": (1, 2)},
    "character": {"analyzer": "char_wb", "ngram_range": (2, 4)},
}
_COMMON: dict[str, Any] = {"sublinear_tf": True, "dtype": np.float32}
_MIN_ACCOUNTS = 2
_C = 10.0


class MajorityPredictor:
    """Says of everybody what is true of the larger class: the share of each class in training."""

    def __init__(self, shares: Floats, settings: ModelSettings) -> None:
        self.shares, self.settings = shares, settings

    @classmethod
    def fit(cls, at_least: Bools, settings: ModelSettings) -> Self:
        """Count ``at_least`` [users, cutoffs]."""
        return cls(at_least.mean(0), settings)

    def probabilities(self, captions: Sequence[Sequence[str]]) -> Floats:
        """P(age >= cutoff) [users, cutoffs]; NaN for a user without captions."""
        return finished_probabilities(np.tile(self.shares, (len(captions), 1)), captions, self.settings)

    def save(self, folder: Path) -> None:
        """Write the shares and the configuration."""
        write_weights(folder / self.settings.weights, {"shares": torch.from_numpy(self.shares)})
        write_config(folder, None, self.settings)

    @classmethod
    def load(cls, weights_file: Path, settings: ModelSettings) -> Self:
        """Read what :meth:`save` wrote.

        Raises:
            InputError: the file is missing or damaged.
        """
        shares = read_weights(weights_file).get("shares")
        if shares is None or shares.shape != (len(settings.age_cutoffs),):
            raise InputError(f"The model in {weights_file.parent} is damaged. Train it again.")
        return cls(shares.double().numpy(), settings)


class TfidfPredictor:
    """Word 1-2-grams and character 2-4-grams, TF-IDF, logistic regression; one text a user, one fit a cutoff."""

    def __init__(
        self, vectorizers: dict[str, TfidfVectorizer], coefficients: Floats, intercepts: Floats, settings: ModelSettings
    ) -> None:
        self.vectorizers, self.settings = vectorizers, settings
        self.coefficients, self.intercepts = coefficients, intercepts  # [features, cutoffs], [cutoffs]

    @classmethod
    def fit(
        cls, captions: Sequence[Sequence[str]], at_least: Bools, settings: ModelSettings, balanced: bool = False
    ) -> Self:
        """Learn from ``captions`` of users who are ``at_least`` [users, cutoffs].

        ``balanced`` lets both classes count alike, however many accounts each has.
        """
        vectorizers = {
            name: TfidfVectorizer(min_df=_MIN_ACCOUNTS, **_COMMON, **options) for name, options in _NGRAMS.items()
        }
        documents = [_document(user, settings) for user in captions]
        try:
            features = _stacked([vectorizer.fit_transform(documents) for vectorizer in vectorizers.values()])
        except ValueError as error:  # nothing is left to learn from
            raise InputError("The captions hold too few words for the text baseline. Label more accounts.") from error
        weight = "balanced" if balanced else None
        fits = [LogisticRegression(C=_C, max_iter=1000, class_weight=weight).fit(features, y) for y in at_least.T]
        coefficients = np.column_stack([fit.coef_[0] for fit in fits])
        return cls(vectorizers, coefficients, np.array([fit.intercept_[0] for fit in fits]), settings)

    def probabilities(self, captions: Sequence[Sequence[str]]) -> Floats:
        """P(age >= cutoff) [users, cutoffs]; NaN for a user without captions."""
        documents = [_document(user, self.settings) for user in captions]
        features = _stacked([vectorizer.transform(documents) for vectorizer in self.vectorizers.values()])
        logits = features @ self.coefficients + self.intercepts
        return finished_probabilities(1 / (1 + np.exp(-logits)), captions, self.settings)

    def save(self, folder: Path) -> None:
        """Write coefficients, vocabulary and configuration."""
        weights = {f"idf.{name}": torch.from_numpy(v.idf_) for name, v in self.vectorizers.items()}
        weights |= {
            "coefficients": torch.from_numpy(self.coefficients),
            "intercepts": torch.from_numpy(self.intercepts),
        }
        write_weights(folder / self.settings.weights, weights)
        terms = {name: v.get_feature_names_out().tolist() for name, v in self.vectorizers.items()}
        write_json(folder / VOCABULARY_FILE, terms)
        write_config(folder, None, self.settings)

    @classmethod
    def load(cls, weights_file: Path, settings: ModelSettings) -> Self:
        """Read what :meth:`save` wrote.

        Raises:
            InputError: a file is missing or damaged.
        """
        weights = read_weights(weights_file)
        try:
            terms = orjson.loads((weights_file.parent / VOCABULARY_FILE).read_bytes())
            vectorizers = {}
            for name, options in _NGRAMS.items():
                vectorizers[name] = TfidfVectorizer(vocabulary=terms[name], **_COMMON, **options)
                vectorizers[name].idf_ = weights[f"idf.{name}"].numpy()
            coefficients, intercepts = weights["coefficients"].numpy(), weights["intercepts"].numpy()
            check_shapes(coefficients, intercepts, sum(len(terms[name]) for name in _NGRAMS), settings)
            return cls(vectorizers, coefficients, intercepts, settings)
        except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
            raise InputError(f"The model in {weights_file.parent} is damaged. Train it again.") from error


def check_shapes(coefficients: Floats, intercepts: Floats, features: int, settings: ModelSettings) -> None:
    """Raise ValueError unless the coefficients are [features, cutoffs] and the intercepts [cutoffs]."""
    cutoffs = len(settings.age_cutoffs)
    if coefficients.shape != (features, cutoffs) or intercepts.shape != (cutoffs,):
        raise ValueError


def _document(captions: Sequence[str], settings: ModelSettings) -> str:
    return "\n".join(settings.used(captions))


def _stacked(parts: Sequence[csr_matrix]) -> csr_matrix:
    return hstack(parts, format="csr")
