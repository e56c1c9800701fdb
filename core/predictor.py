"""From captions to probabilities: a loaded model, whatever its kind."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from core.batching import UserTokens, packs, tokenize
from core.encoders import check_device, load_config, load_tokenizer
from core.model import AgeClassifier, load_weights, probabilities, read_weights, write_weights
from core.model_folder import ModelSettings, locate_model, write_config

Floats = npt.NDArray[np.float64]

_MAX_TOKENS = 16_384
"""Tokens at a time without a gradient: large enough for full speed, small enough for any laptop."""


class EncoderPredictor:
    """The contract's model, ready to use."""

    def __init__(self, model: AgeClassifier, tokenizer: Any, settings: ModelSettings) -> None:
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.settings = settings

    def probabilities(self, captions: Sequence[Sequence[str]]) -> Floats:
        """P(age >= cutoff) [users, cutoffs]; NaN for a user without captions."""
        used = [user[: self.settings.max_posts] for user in captions]
        return token_probabilities(self.model, tokenize(self.tokenizer, used, self.settings.max_seq_len))

    def save(self, folder: Path) -> None:
        """Write weights, configuration and tokenizer."""
        write_weights(folder / self.settings.weights, self.model.state_dict())
        write_config(folder, self.model.bert.config, self.settings)
        self.tokenizer.save_pretrained(folder)


def token_probabilities(model: AgeClassifier, users: Sequence[UserTokens], max_tokens: int = _MAX_TOKENS) -> Floats:
    """P(age >= cutoff) [users, cutoffs] of users given as tokens; NaN for one without captions."""
    model.eval()
    with torch.inference_mode():
        found = probabilities(model(packs(users, max_tokens))) if any(len(user.ids) for user in users) else None
    cutoffs = model.cutoffs
    if found is None:
        return np.full((len(users), cutoffs), np.nan)
    result = found.double().cpu().numpy()
    result[[len(user.ids) == 0 for user in users]] = np.nan
    return np.asarray(result)


def load_predictor(
    path: Path, model_name_or_path: str | None = None, device: str = "cpu", max_seq_len: int | None = None
) -> EncoderPredictor:
    """Load a model folder, its weights file, or a bare state dict of the older form.

    Args:
        path: as ``--finetuned-model-path`` takes it.
        model_name_or_path: the encoder of a bare state dict.
        device: ``cpu`` or ``cuda``.
        max_seq_len: instead of the model's own.

    Raises:
        InputError: there is no such model or device, or the weights do not fit the encoder.
    """
    check_device(device)
    weights_file, settings = locate_model(path, model_name_or_path)
    if max_seq_len is not None:
        settings = ModelSettings.from_dict({**settings.as_dict(), "max_seq_len": max_seq_len})
    trained = (weights_file.parent / "training.json").is_file() and settings.weights == weights_file.name
    source = str(weights_file.parent) if trained else settings.encoder
    model = AgeClassifier(_empty_encoder(source), len(settings.age_cutoffs))
    load_weights(model, read_weights(weights_file), weights_file.name)
    return EncoderPredictor(model.to(device), load_tokenizer(source), settings)


def in_batches(users: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    """``users`` in runs of at most ``size``."""
    for start in range(0, len(users), size):
        yield users[start : start + size]


def _empty_encoder(source: str) -> Any:
    from transformers import AutoModel

    build: Any = AutoModel.from_config
    return build(load_config(source), dtype=torch.float32)
