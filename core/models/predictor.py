"""From captions to probabilities: what every kind of model can do."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from core.encoder.age_classifier import AgeClassifier, probabilities
from core.encoder.user_encoder import UserEncoder
from core.encoder.vector_cache import VectorCache, Vectors
from core.encoder.weights import write_weights
from core.models.captions_read import captions_used
from core.models.folder import write_config
from core.models.settings import ModelSettings
from core.statistics.calibration import Calibration

if TYPE_CHECKING:
    pass

logger = logging.getLogger(__name__)

Floats = npt.NDArray[np.float64]


class Predictor(Protocol):
    """A model of any kind, ready to use."""

    settings: ModelSettings

    def probabilities(self, captions: Sequence[Sequence[str]]) -> Floats:
        """P(age >= cutoff) [users, cutoffs]; NaN for a user without captions."""

    def save(self, folder: Path) -> None:
        """Write everything that :func:`core.models.loading.load_predictor` needs, except for ``training.json``."""


class EncoderPredictor:
    """The contract's model: an encoder, fine-tuned or not, and a head.

    Args:
        model: encoder and head.
        tokenizer: of the encoder.
        settings: how to use them.
        cache: where users' vectors are kept; None computes them each time.
    """

    def __init__(
        self, model: AgeClassifier, tokenizer: Any, settings: ModelSettings, cache: VectorCache | None = None
    ) -> None:
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.settings = settings
        self.encoder = UserEncoder(model, tokenizer, settings.max_seq_len, cache)

    def probabilities(self, captions: Sequence[Sequence[str]]) -> Floats:
        """P(age >= cutoff) [users, cutoffs]; NaN for a user without captions."""
        vectors = self.encoder.vectors(captions_used(self.settings, user) for user in captions)
        return calibrated(vector_probabilities(self.model, vectors), self.settings)

    def save(self, folder: Path) -> None:
        """Write weights, configuration and tokenizer."""
        write_weights(folder / self.settings.weights, self.model.state_dict())
        write_config(folder, self.model.bert.config, self.settings)
        self.tokenizer.save_pretrained(folder)


def finished_probabilities(raw: Floats, captions: Sequence[Sequence[str]], settings: ModelSettings) -> Floats:
    """``raw`` [users, cutoffs] calibrated as the model says, and NaN for users without captions."""
    found = calibrated(raw, settings)
    found[[not user for user in captions]] = np.nan
    return found


def calibrated(raw: Floats, settings: ModelSettings) -> Floats:
    """``raw`` [users, cutoffs] as the model's calibrations make it, never rising from a cutoff to the next."""
    found = np.array(raw, np.float64)
    for column, calibration in enumerate(settings.calibrations):
        found[:, column] = Calibration.from_json(calibration).apply(found[:, column])
    return np.minimum.accumulate(found, axis=1)


def vector_probabilities(model: AgeClassifier, vectors: Vectors) -> Floats:
    """P(age >= cutoff) [users, cutoffs] of users' vectors [users, 4H]; NaN where the vector is."""
    model.eval()
    with torch.inference_mode():
        logits = model.classifier(torch.from_numpy(vectors).to(model.device))
        return np.asarray(probabilities(logits).cpu().double().numpy())
