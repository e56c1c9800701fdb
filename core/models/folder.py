"""A model as a folder: what is in it, how it is written, how it is found and loaded again.

``config.json`` is the encoder's configuration with a part ``agescope``, the :class:`ModelSettings`:
so ``transformers`` can open the folder, and everything needed for a prediction is in it. The
weights lie beside it, with the tokenizer, ``training.json``, ``validation.csv`` and a model card.
"""

import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

import orjson

from core import __version__
from core.encoder.pretrained import DEFAULT_ENCODER
from core.errors import InputError
from core.labelling.self_reports import mask_self_reports
from core.utils.io import write_json

CONFIG_FILE = "config.json"
COMPARISON_FILE = "comparison.json"
TRAINING_FILE = "training.json"
VALIDATION_FILE = "validation.csv"
TEST_FILE = "test.csv"
CARD_FILE = "README.md"
CHECKPOINTS = ".training"

DEFAULT_MAX_SEQ_LEN = 18
DEFAULT_CUTOFF = 21.0
MAX_AUC_LOSS = 0.002
"""What a prediction in other numbers than the model's own may cost."""

_PACKAGES = ("torch", "transformers", "tokenizers", "numpy", "scikit-learn")
WEIGHT_SUFFIXES = (".pth", ".safetensors")

Kind = Literal["encoder", "majority", "tfidf", "combined"]
T = TypeVar("T")


@dataclass(frozen=True)
class ModelSettings:
    """What has to be known to use a model.

    Attributes:
        encoder: the name or folder that it was trained from.
        weights: name of the weights file.
        max_seq_len: tokens of a caption, special ones included.
        age_cutoffs: in years, rising; one probability each.
        thresholds: from which probability on "at least" is predicted, one a cutoff.
        max_posts: how many captions of an account are used at most; None for all.
        kind: what computes the probabilities.
        precision: at which it was trained, or, once loaded, at which it predicts: "exact" or "fast".
        numbers: in which the encoder computes; see :data:`core.encoder.precision.DType`.
        auc_losses: numbers -> what AUC it loses with these instead of its own, on its validation accounts.
        calibrations: one a cutoff, as :class:`core.statistics.calibration.Calibration` writes itself; none leaves
            the probabilities as they are.
        mask_self_reports: what tells an age is taken out of every caption, in training and ever after.
    """

    encoder: str
    weights: str
    max_seq_len: int = DEFAULT_MAX_SEQ_LEN
    age_cutoffs: tuple[float, ...] = (DEFAULT_CUTOFF,)
    thresholds: tuple[float, ...] = (0.5,)
    max_posts: int | None = None
    kind: Kind = "encoder"
    precision: Literal["exact", "fast"] = "exact"
    numbers: Literal["float32", "bfloat16", "int8"] = "float32"
    auc_losses: dict[str, float] = field(default_factory=dict)
    calibrations: tuple[dict[str, Any], ...] = ()
    mask_self_reports: bool = False

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        """Read what :meth:`as_dict` wrote."""
        known = {field.name for field in fields(cls)}
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in content.items()
        }
        return cls(**{key: value for key, value in values.items() if key in known})

    def used(self, captions: Sequence[T]) -> list[T]:
        """The captions that the model uses: all, or ``max_posts`` spread evenly over the account's time."""
        if self.max_posts is None or len(captions) <= self.max_posts:
            return [*captions]
        step = len(captions) / self.max_posts
        return [captions[int((number + 0.5) * step)] for number in range(self.max_posts)]

    def as_read(self, captions: Sequence[str]) -> list[str]:
        """``captions`` as the model reads them: whole, or without what tells an age."""
        return [mask_self_reports(caption) for caption in captions] if self.mask_self_reports else [*captions]

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class ModelInfo:
    """A model folder as a page shows it.

    Attributes:
        folder: where it is.
        settings: how to use it.
        training: the content of its ``training.json``.
    """

    folder: Path
    settings: ModelSettings
    training: dict[str, Any]

    @property
    def name(self) -> str:
        """What the model is called; see :func:`model_name`."""
        return model_name(self.folder)

    @property
    def made_from(self) -> set[str]:
        """The accounts that it learnt from, and those that chose its best epoch and threshold."""
        split = self.training.get("split", {})
        return {username for part in ("train", "validation") for username in split.get(part, [])}


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
    return sorted(infos, key=lambda info: str(info.training.get("created_at", "")), reverse=True)


def read_model_info(folder: Path) -> ModelInfo:
    """What a model folder says of itself; loads no weights.

    Raises:
        InputError: it is no model folder, or damaged.
    """
    try:
        config = orjson.loads((folder / CONFIG_FILE).read_bytes())
        settings = ModelSettings.from_dict(config["agescope"])
        training = orjson.loads((folder / TRAINING_FILE).read_bytes())
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise InputError(f"{folder} is not a model folder of AgeScope, or it is damaged. Train it again.") from error
    return ModelInfo(folder, settings, training)


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


def check_weights_name(name: str) -> None:
    """Make sure that ``--finetuned-model-name`` is a file name of a known kind.

    Raises:
        InputError: it is not.
    """
    if Path(name).name != name or Path(name).suffix not in WEIGHT_SUFFIXES:
        raise InputError(f"{name!r} cannot name the weights file: give a plain name ending in .pth or .safetensors.")


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
