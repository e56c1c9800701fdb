"""What has to be known to use a model, which loads nothing heavy."""

from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, FiniteFloat, JsonValue

from core.errors import InputError
from core.utils.formatting import count

DEFAULT_MAX_SEQ_LEN = 18
DEFAULT_CUTOFF = 21.0
MAX_AUC_LOSS = 0.002
"""What a prediction in other numbers than the model's own may cost."""

WEIGHT_SUFFIXES = (".pth", ".safetensors")

Kind = Literal["encoder", "majority", "tfidf", "combined"]
_Age = Annotated[float, Field(gt=0, le=150)]
_Probability = Annotated[float, Field(ge=0, le=1)]


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
    max_seq_len: Annotated[int, Field(ge=3, le=100_000)] = DEFAULT_MAX_SEQ_LEN
    age_cutoffs: Annotated[tuple[_Age, ...], Field(min_length=1, max_length=100)] = (DEFAULT_CUTOFF,)
    thresholds: tuple[_Probability, ...] = (0.5,)
    max_posts: Annotated[int, Field(ge=1)] | None = None
    kind: Kind = "encoder"
    precision: Literal["exact", "fast"] = "exact"
    numbers: Literal["float32", "bfloat16", "int8"] = "float32"
    auc_losses: dict[str, FiniteFloat] = field(default_factory=dict)
    calibrations: tuple[dict[str, JsonValue], ...] = ()
    mask_self_reports: bool = False

    def check(self) -> None:
        """Make sure that the values fit together: they may come from a file that anybody made.

        Raises:
            InputError: they do not.
        """
        check_weights_name(self.weights)
        cutoffs = self.age_cutoffs
        if any(later <= earlier for earlier, later in pairwise(cutoffs)):
            raise InputError("The model's settings cannot be used: its age cutoffs do not rise. Train it again.")
        if len(self.thresholds) != len(cutoffs):
            raise InputError(
                f"The model's settings cannot be used: it has {count(len(cutoffs), 'cutoff')} and "
                f"{count(len(self.thresholds), 'threshold')}. Train it again."
            )
        if self.calibrations and len(self.calibrations) != len(cutoffs):
            raise InputError("The model's settings cannot be used: not every cutoff has its calibration.")
        if self.calibrations:
            from core.statistics.calibration import Calibration  # loads scikit-learn, which the command line waits for

            for calibration in self.calibrations:
                Calibration.from_json(calibration)

    def as_dict(self) -> dict[str, JsonValue]:
        """Ready for JSON."""
        return asdict(self)


def check_weights_name(name: str) -> None:
    """Make sure that ``--finetuned-model-name`` is a file name of a known kind.

    Raises:
        InputError: it is not.
    """
    if Path(name).name != name or Path(name).suffix not in WEIGHT_SUFFIXES:
        raise InputError(f"{name!r} cannot name the weights file: give a plain name ending in .pth or .safetensors.")
