"""What every model has to beat: the larger class, and TF-IDF with logistic regression."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import hstack
from sklearn.linear_model import LogisticRegression

from core.encoder.weights import read_weights, write_weights
from core.errors import InputError
from core.models.captions_read import captions_used
from core.models.folder import write_config
from core.models.predictor import finished_probabilities
from core.models.settings import ModelSettings
from core.models.text_views import Ngrams, TextViews

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_NGRAMS: dict[str, Ngrams] = {
    "word": {"analyzer": "word", "ngram_range": (1, 2)},
    "character": {"analyzer": "char_wb", "ngram_range": (2, 4)},
}
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

    def __init__(self, views: TextViews, coefficients: Floats, intercepts: Floats, settings: ModelSettings) -> None:
        self.views, self.settings = views, settings
        self.coefficients, self.intercepts = coefficients, intercepts  # [features, cutoffs], [cutoffs]

    @classmethod
    def fit(
        cls, captions: Sequence[Sequence[str]], at_least: Bools, settings: ModelSettings, balanced: bool = False
    ) -> Self:
        """Learn from ``captions`` of users who are ``at_least`` [users, cutoffs].

        ``balanced`` lets both classes count alike, however many accounts each has.
        """
        used = [captions_used(settings, user) for user in captions]
        try:
            views, rows = TextViews.fit(used, _NGRAMS, _MIN_ACCOUNTS)
        except ValueError as error:  # nothing is left to learn from
            raise InputError("The captions hold too few words for the text baseline. Label more accounts.") from error
        features, weight = hstack(rows, format="csr"), "balanced" if balanced else None
        fits = [LogisticRegression(C=_C, max_iter=1000, class_weight=weight).fit(features, y) for y in at_least.T]
        coefficients = np.column_stack([fit.coef_[0] for fit in fits])
        return cls(views, coefficients, np.array([fit.intercept_[0] for fit in fits]), settings)

    def probabilities(self, captions: Sequence[Sequence[str]]) -> Floats:
        """P(age >= cutoff) [users, cutoffs]; NaN for a user without captions."""
        features = hstack(self.views.rows([captions_used(self.settings, user) for user in captions]), format="csr")
        logits = features @ self.coefficients + self.intercepts
        return finished_probabilities(1 / (1 + np.exp(-logits)), captions, self.settings)

    def save(self, folder: Path) -> None:
        """Write coefficients, vocabulary and configuration."""
        weights = self.views.weights() | {
            "coefficients": torch.from_numpy(self.coefficients),
            "intercepts": torch.from_numpy(self.intercepts),
        }
        write_weights(folder / self.settings.weights, weights)
        self.views.write_vocabulary(folder)
        write_config(folder, None, self.settings)

    @classmethod
    def load(cls, weights_file: Path, settings: ModelSettings) -> Self:
        """Read what :meth:`save` wrote.

        Raises:
            InputError: a file is missing or damaged.
        """
        weights = read_weights(weights_file)
        try:
            views = TextViews.read(_NGRAMS, weights, weights_file.parent)
            coefficients, intercepts = weights["coefficients"].numpy(), weights["intercepts"].numpy()
            check_shapes(coefficients, intercepts, len(views), settings)
            return cls(views, coefficients, intercepts, settings)
        except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
            raise InputError(f"The model in {weights_file.parent} is damaged. Train it again.") from error


def check_shapes(coefficients: Floats, intercepts: Floats, features: int, settings: ModelSettings) -> None:
    """Raise ValueError unless the coefficients are [features, cutoffs] and the intercepts [cutoffs]."""
    cutoffs = len(settings.age_cutoffs)
    if coefficients.shape != (features, cutoffs) or intercepts.shape != (cutoffs,):
        raise ValueError
