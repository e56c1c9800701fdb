"""What a training is asked to do."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from core.encoder.precision import Precision
from core.encoder.pretrained import DEFAULT_ENCODER
from core.errors import InputError
from core.models.folder import (
    DEFAULT_CUTOFF,
    DEFAULT_MAX_SEQ_LEN,
    check_weights_name,
)
from core.models.method_names import Method
from core.statistics.names import Measure


@dataclass(frozen=True)
class TrainArguments:
    """What ``train`` is asked to do; the names and defaults are those of the command line.

    Attributes:
        input_dir: the folder of the accounts' files.
        labels: a CSV with the columns username and age.
        model_output_dir: the folder of the new model.
        learn_rate: of AdamW.
        epoch_num: passes over the training accounts.
        max_seq_len: tokens of a caption, special ones included; the best recipe reads 64 at least.
        print_step: report the loss every so many accounts.
        seed: of the split, the head, the order and dropout.
        accumulation_steps: accounts whose mean gradient makes one step.
        model_name_or_path: the encoder, by name or folder.
        finetuned_model_name: name of the weights file.
        age_cutoff: learn who is at least this old; several at once give one probability each.
        device: ``cpu``, ``cuda`` or ``mps``.
        recipe: ``published`` is the published method as it is; ``best`` the best known here, which combines
            words, letters and the encoder, and has none of the settings of fine-tuning.
        max_posts: use at most so many captions of an account, spread evenly over it; None for all.
        split: a CSV of ``username,part`` instead of a split drawn by the seed.
        freeze_encoder: leave the encoder as it is; only the head learns, by settings of its own.
        warmup_share: of all steps, over which the learning rate rises from 0.
        linear_decay: whether the learning rate then falls to 0.
        patience: stop after so many epochs without a better validation AUC.
        precision: ``exact`` computes in 32 bits, ``fast`` in bfloat16 where the device can.
        balanced: let both classes count alike, however many accounts each has.
        calibrate: make the probabilities agree with what is observed on the validation accounts.
        threshold: what the threshold is to be best for on the validation accounts; None is 0.5.
        cache: keep users' vectors of a frozen encoder on disk.

    Raises:
        InputError: a value cannot be used; the text says which and why.
    """

    input_dir: Path
    labels: Path
    model_output_dir: Path
    learn_rate: float = 2e-5
    epoch_num: int = 10
    max_seq_len: int = DEFAULT_MAX_SEQ_LEN
    print_step: int = 100
    seed: int = 2021
    accumulation_steps: int = 10
    model_name_or_path: str = DEFAULT_ENCODER
    finetuned_model_name: str = "finetuned_model.pth"
    age_cutoff: float | Sequence[float] = DEFAULT_CUTOFF
    device: str = "cpu"
    recipe: Literal["published", "best"] = "published"
    freeze_encoder: bool = False
    max_posts: int | None = None
    split: Path | None = None
    warmup_share: float = 0.0
    linear_decay: bool = False
    patience: int | None = None
    precision: Precision = "exact"
    balanced: bool = False
    calibrate: bool = False
    threshold: Measure | None = None
    cache: bool = True

    def __post_init__(self) -> None:
        for name in ("epoch_num", "print_step", "accumulation_steps", "max_posts", "patience"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise InputError(f"--{name.replace('_', '-')} must be at least 1, not {value}.")
        choices = {"recipe": ("published", "best"), "precision": get_args(Precision), "threshold": get_args(Measure)}
        for name, known in choices.items():
            if (value := getattr(self, name)) is not None and value not in known:
                raise InputError(f"--{name} must be one of {', '.join(known)}, not {value!r}.")
        if not 0 < self.learn_rate < 1:
            raise InputError(f"--learn-rate must be above 0 and below 1, not {self.learn_rate:g}.")
        if not 0 <= self.warmup_share < 1:
            raise InputError(f"--warmup-share must be from 0 to below 1, not {self.warmup_share:g}.")
        if self.max_seq_len < 3:
            raise InputError(f"--max-seq-len must be at least 3 (two special tokens and one), not {self.max_seq_len}.")
        if not self.cutoffs or not all(5 < cutoff < 120 for cutoff in self.cutoffs):
            raise InputError("--age-cutoff must be above 5 and below 120 years.")
        if self.recipe == "best" and self.balanced:
            raise InputError("The best recipe counts all accounts alike. Give --threshold balanced_accuracy instead.")
        check_weights_name(self.finetuned_model_name)

    @property
    def method(self) -> Method:
        """How the model is made."""
        if self.recipe == "best":
            return "combined"
        return "frozen" if self.freeze_encoder else "finetuned"

    @property
    def cutoffs(self) -> tuple[float, ...]:
        """The age cutoffs, rising, each once."""
        given = self.age_cutoff if isinstance(self.age_cutoff, Sequence) else (self.age_cutoff,)
        return tuple(sorted({float(cutoff) for cutoff in given}))

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {key: str(value) if isinstance(value, Path) else value for key, value in asdict(self).items()}
