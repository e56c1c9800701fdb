"""The best known recipe: a user's words, letters and the encoder's vector in one linear model.

Three views of a user stand side by side in one row: TF-IDF of words and word pairs, TF-IDF of
character 2- to 5-grams with their letter case, and the encoder's vector u, standardised. Ridge
regression on -1 and +1 weighs them, and Platt's scaling turns its scores into probabilities, fitted
on scores of accounts that the ridge had not seen. It is all linear and folded into one coefficient
a feature: the logit is their sum, so a prediction can be explained word by word.

``bench/README.md`` tells what else was tried, and what each part is worth.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import csr_matrix, hstack
from scipy.special import expit
from sklearn.linear_model import Ridge
from sklearn.model_selection import StratifiedKFold

from core.encoder.age_classifier import CLS_LAYERS, AgeClassifier
from core.encoder.user_encoder import UserEncoder, column_scale
from core.encoder.vector_cache import VectorCache, Vectors
from core.encoder.weights import load_weights, read_weights, write_weights
from core.errors import InputError
from core.jobs.progress import Progress
from core.models.baselines import check_shapes
from core.models.captions_read import captions_used
from core.models.folder import write_config
from core.models.predictor import calibrated
from core.models.settings import ModelSettings
from core.models.text_views import Ngrams, TextViews
from core.statistics.calibration import fit_platt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

MAX_SEQ_LEN = 64
"""Tokens of a caption: the encoder gains more from whole captions than the text views do."""

_NGRAMS: dict[str, Ngrams] = {
    "word": {"analyzer": "word", "ngram_range": (1, 2)},
    "character": {"analyzer": "char_wb", "ngram_range": (2, 5), "lowercase": False},
}
_MIN_ACCOUNTS = 5
"""A term that fewer accounts use is left out: it tells little about age, and much about a person."""

_VECTOR_LENGTH = 0.75
"""Typical length of the encoder's part of a row, beside 1 for each of the text views."""

_PENALTY = 0.05
_TOLERANCE = 1e-3
_FOLDS = 10


@dataclass(frozen=True)
class Views:
    """How a user becomes a row of features.

    Attributes:
        text: of words and of characters.
        mean: [4H] of the training users' vectors.
        scale: [4H] what a vector is divided by after the mean is taken off.
    """

    text: TextViews
    mean: Vectors
    scale: Vectors

    @classmethod
    def fit(cls, captions: Sequence[Sequence[str]], vectors: Vectors) -> tuple[Self, csr_matrix]:
        """Learn vocabulary, document frequencies and standardisation; also the rows of these users.

        Raises:
            InputError: no word is used by several users.
        """
        try:
            text, rows = TextViews.fit(captions, _NGRAMS, _MIN_ACCOUNTS)
        except ValueError as error:  # nothing is left to learn from
            raise InputError(
                f"No word is used by {_MIN_ACCOUNTS} of the accounts. Label more accounts, or use more of their posts."
            ) from error
        scale = column_scale(vectors) * np.float32(np.sqrt(vectors.shape[1]) / _VECTOR_LENGTH)
        views = cls(text, vectors.mean(0), scale)
        return views, views._side_by_side(rows, vectors)

    def rows(self, captions: Sequence[Sequence[str]], vectors: Vectors) -> csr_matrix:
        """The users as rows [users, features]: words, characters, encoder."""
        return self._side_by_side(self.text.rows(captions), vectors)

    def __len__(self) -> int:
        """How many features there are."""
        return len(self.text) + len(self.mean)

    def _side_by_side(self, text: Sequence[csr_matrix], vectors: Vectors) -> csr_matrix:
        return hstack([*text, csr_matrix((vectors - self.mean) / self.scale)], format="csr")


class CombinedPredictor:
    """The model of this module, ready to use.

    Args:
        views: how a user becomes a row of features.
        coefficients: [features, cutoffs]; with ``intercepts`` they give the logit.
        intercepts: [cutoffs].
        encoder: of the users' vectors; the head of its model is not used.
        settings: of the model; ``max_seq_len`` is the encoder's.
    """

    def __init__(
        self, views: Views, coefficients: Vectors, intercepts: Floats, encoder: UserEncoder, settings: ModelSettings
    ) -> None:
        self.views, self.coefficients, self.intercepts = views, coefficients, intercepts
        self.encoder, self.settings = encoder, settings

    @classmethod
    def fit(
        cls,
        captions: Sequence[Sequence[str]],
        at_least: Bools,
        encoder: UserEncoder,
        settings: ModelSettings,
        progress: Progress,
        seed: int = 2021,
    ) -> Self:
        """Learn from users with captions.

        Args:
            captions: of each user, at least one.
            at_least: [users, cutoffs] the truth; both classes occur for each cutoff.
            encoder: of the users' vectors, at ``settings.max_seq_len`` tokens.
            settings: of the model to be made.
            progress: told of every user encoded and every cutoff.
            seed: of the folds.

        Raises:
            InputError: the captions have too little in common, or a cutoff has one user on a side.
            Stopped: asked to stop; what was encoded is kept where ``encoder`` has a cache.
        """
        progress.update(0, len(captions), unit="accounts")
        vectors = encoder.vectors(captions, progress)
        progress.update(message="words and letters")
        views, rows = Views.fit(captions, vectors)
        fits = []
        cutoffs = at_least.shape[1]
        for number, truth in enumerate(at_least.T):
            message = f"fitting and calibrating, cutoff {number + 1} of {cutoffs}"
            progress.update(number, cutoffs, unit="", message=message)
            fits.append(_fit_cutoff(rows, truth, seed, progress))
        coefficients = np.column_stack([slopes for slopes, _ in fits]).astype(np.float32)
        return cls(views, coefficients, np.array([intercept for _, intercept in fits]), encoder, settings)

    def probabilities(self, captions: Sequence[Sequence[str]]) -> Floats:
        """P(age >= cutoff) [users, cutoffs]; NaN for a user without captions."""
        used = [captions_used(self.settings, user) for user in captions]
        rows = self.views.rows(used, self.encoder.vectors(used))
        return calibrated(expit(rows @ self.coefficients + self.intercepts), self.settings)

    def save(self, folder: Path) -> None:
        """Write weights, vocabulary, configuration and tokenizer."""
        model = self.encoder.model
        own = self.views.text.weights() | {
            "vectors.mean": torch.from_numpy(self.views.mean),
            "vectors.scale": torch.from_numpy(self.views.scale),
            "coefficients": torch.from_numpy(self.coefficients),
            "intercepts": torch.from_numpy(self.intercepts),
        }
        write_weights(folder / self.settings.weights, model.state_dict() | own)
        self.views.text.write_vocabulary(folder)
        write_config(folder, model.bert.config, self.settings)
        self.encoder.tokenizer.save_pretrained(folder)

    @classmethod
    def load(
        cls,
        weights_file: Path,
        settings: ModelSettings,
        model: AgeClassifier,
        tokenizer: Any,
        cache: VectorCache | None = None,
    ) -> Self:
        """Read what :meth:`save` wrote.

        Args:
            weights_file: in the model's folder.
            settings: of the model.
            model: of the encoder's shape; its weights are replaced by those of the file.
            tokenizer: of the encoder.
            cache: where users' vectors are kept; None computes them each time.

        Raises:
            InputError: a file is missing or damaged, or belongs to another encoder.
        """
        weights = read_weights(weights_file)
        try:
            text = TextViews.read(_NGRAMS, weights, weights_file.parent)
            views = Views(text, *(weights.pop(f"vectors.{name}").numpy() for name in ("mean", "scale")))
            coefficients, intercepts = (weights.pop(name).numpy() for name in ("coefficients", "intercepts"))
            check_shapes(coefficients, intercepts, len(views), settings)
        except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
            raise InputError(f"The model in {weights_file.parent} is damaged. Train it again.") from error
        load_weights(model, weights, weights_file.name)
        if not views.mean.shape == views.scale.shape == (CLS_LAYERS * model.bert.config.hidden_size,):
            raise InputError(f"The model in {weights_file.parent} is damaged. Train it again.")
        encoder = UserEncoder(model, tokenizer, settings.max_seq_len, cache)
        return cls(views, coefficients, intercepts, encoder, settings)


def _fit_cutoff(rows: csr_matrix, truth: Bools, seed: int, progress: Progress) -> tuple[npt.NDArray[Any], float]:
    """Coefficients and intercept of the logit for one cutoff."""
    scores = _unseen_scores(rows, truth, seed, progress)
    platt = fit_platt(truth, expit(scores))
    ridge = _ridge(rows, truth)
    return platt.slope * ridge.coef_, platt.slope * float(ridge.intercept_) + platt.intercept


def _unseen_scores(rows: csr_matrix, truth: Bools, seed: int, progress: Progress) -> Floats:
    """Each user's score by a ridge fitted without that user's fold."""
    rarer = min(int(truth.sum()), int((~truth).sum()))
    if rarer < 2:
        raise InputError("A cutoff needs at least two accounts on each side. Label more accounts.")
    folds = StratifiedKFold(min(_FOLDS, rarer), shuffle=True, random_state=seed)
    scores = np.empty(len(truth))
    for fitted, held_out in folds.split(rows, truth):
        progress.check()
        scores[held_out] = _ridge(rows[fitted], truth[fitted]).predict(rows[held_out])
    return scores


def _ridge(rows: csr_matrix, truth: Bools) -> Ridge:
    ridge = Ridge(_PENALTY, solver="sparse_cg", tol=_TOLERANCE)
    return ridge.fit(rows, np.where(truth, 1, -1).astype(np.float32))
