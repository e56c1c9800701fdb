"""A model as a folder: what is in it, how it is written, how it is found and loaded again.

``config.json`` is the encoder's configuration with a part ``agescope``, the
:class:`core.models.settings.ModelSettings`:
so ``transformers`` can open the folder, and everything needed for a prediction is in it. The
weights lie beside it, with the tokenizer, ``training.json``, ``validation.csv`` and a model card.
"""

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson

from core import __version__
from core.encoder.names import DEFAULT_ENCODER
from core.errors import InputError
from core.models.settings import DEFAULT_CUTOFF, WEIGHT_SUFFIXES, ModelSettings
from core.models.training_record import TrainingRecord
from core.storage.own_names import own_name_of
from core.utils.io import write_json
from core.utils.records import Record, read_record

CONFIG_FILE = "config.json"
COMPARISON_FILE = "comparison.json"
TRAINING_FILE = "training.json"
VALIDATION_FILE = "validation.csv"
TEST_FILE = "test.csv"
UNSEEN_FILE = "unseen.csv"
"""Of every labelled account, what a model that had not seen it said; only where the model was cross-fitted."""
CARD_FILE = "README.md"
CHECKPOINTS = ".training"

_PACKAGES = ("torch", "transformers", "tokenizers", "numpy", "scikit-learn")


class _Config(Record):
    """What AgeScope reads of ``config.json``."""

    agescope: ModelSettings


@dataclass(frozen=True)
class ModelInfo:
    """A model folder as a page shows it.

    Attributes:
        folder: where it is.
        settings: how to use it.
        training: how it was made.
    """

    folder: Path
    settings: ModelSettings
    training: TrainingRecord

    @property
    def name(self) -> str:
        """What the model is called; see :func:`model_name`."""
        return model_name(self.folder)

    @property
    def title(self) -> str:
        """What people call it, where they call it anything."""
        return own_name_of(self.folder).name or self.name

    @property
    def made_from(self) -> set[str]:
        """The accounts that it learnt from, and those that chose its best epoch and threshold."""
        split = self.training.split
        return {username for part in ("train", "validation") for username in split.get(part, ())}


def model_name(folder: Path) -> str:
    """What a model is called: its folder's name, after that of the comparison it is part of, if it is."""
    compared = (folder.parent / COMPARISON_FILE).is_file()
    return f"{folder.parent.name}-{folder.name}" if compared else folder.name


def is_model_folder(folder: Path) -> bool:
    """Whether ``folder`` holds a finished model: its ``training.json`` is written last."""
    return (folder / CONFIG_FILE).is_file() and (folder / TRAINING_FILE).is_file()


def list_models(models_dir: Path) -> list[ModelInfo]:
    """The finished models in a folder of models, those of comparisons too, latest first; no damaged ones."""
    folders = [path.parent for depth in ("*", "*/*") for path in models_dir.glob(f"{depth}/{TRAINING_FILE}")]
    folders = [path for path in folders if is_model_folder(path)]
    infos = []
    for folder in folders:
        try:
            infos.append(read_model_info(folder))
        except InputError:
            continue
    return sorted(infos, key=lambda info: info.training.created_at.timestamp(), reverse=True)


def read_model_info(folder: Path) -> ModelInfo:
    """What a model folder says of itself; loads no weights.

    Raises:
        InputError: it is no model folder, or damaged.
    """
    advice = f"{folder} is not a model folder of AgeScope, or it is damaged. Train it again."
    settings = read_record(_Config, folder / CONFIG_FILE, advice).agescope
    settings.check()
    return ModelInfo(folder, settings, read_record(TrainingRecord, folder / TRAINING_FILE, advice))


@dataclass(frozen=True)
class Located:
    """Where a model is.

    Attributes:
        weights_file: its weights.
        settings: how to use them.
        encoder: the folder, or else the name, from which configuration and tokenizer come.
    """

    weights_file: Path
    settings: ModelSettings
    encoder: str


def locate_model(path: Path, model_name_or_path: str | None = None) -> Located:
    """The model that ``path`` means: a model folder, a file in one, or a bare state dict.

    Args:
        path: as ``--finetuned-model-path`` takes it.
        model_name_or_path: the encoder of a bare state dict; a model folder knows its own.

    Raises:
        InputError: there is no model.
    """
    folder = path if path.is_dir() else path.parent
    if is_model_folder(folder):
        settings = read_model_info(folder).settings
        if path.is_dir() or path.name == settings.weights:
            return Located(folder / settings.weights, settings, str(folder))
    if path.is_dir():
        raise InputError(f"{path} is not a finished model: it has no {CONFIG_FILE} and {TRAINING_FILE}.")
    if not path.is_file() or path.suffix not in WEIGHT_SUFFIXES:
        raise InputError(f"{path} is not a model. Give a model's folder, or its .pth or .safetensors file.")
    encoder = model_name_or_path or DEFAULT_ENCODER
    return Located(path, ModelSettings(encoder=encoder, weights=path.name), encoder)


def write_config(folder: Path, encoder_config: Any, settings: ModelSettings) -> None:
    """Write ``config.json``: the encoder's configuration, where there is one, and the settings of the model."""
    content = orjson.loads(encoder_config.to_json_string()) if encoder_config else {}
    write_json(folder / CONFIG_FILE, {**content, "agescope": settings.as_dict()})


def versions() -> dict[str, str]:
    """Of AgeScope, Python and the packages that decide about a result."""
    return {"agescope": __version__, "python": platform.python_version(), **{name: version(name) for name in _PACKAGES}}


def cutoff_index(settings: ModelSettings, age_cutoff: float | None) -> int:
    """Which of the model's probabilities is about ``age_cutoff``; None means 21, or else its lowest.

    Raises:
        InputError: the model was not trained for that cutoff.
    """
    if age_cutoff is None:
        return settings.age_cutoffs.index(DEFAULT_CUTOFF) if DEFAULT_CUTOFF in settings.age_cutoffs else 0
    if age_cutoff not in settings.age_cutoffs:
        known = _listed(settings.age_cutoffs)
        raise InputError(f"This model tells who is at least {known}, not {age_cutoff:g}. Train one for that cutoff.")
    return settings.age_cutoffs.index(age_cutoff)


def _listed(cutoffs: Sequence[float]) -> str:
    return " or ".join(f"{cutoff:g}" for cutoff in cutoffs)
