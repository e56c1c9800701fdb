"""What a training is asked to do."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal, get_args

from pydantic import JsonValue

from core.encoder.names import DEFAULT_ENCODER
from core.encoder.precision import Precision
from core.errors import InputError
from core.models.method_names import ALIKE, Method
from core.models.settings import DEFAULT_CUTOFF, DEFAULT_MAX_SEQ_LEN, check_weights_name
from core.statistics.names import Measure
from core.utils.options import DEVICES, CommandArguments, CommandOption, Option, json_value


@dataclass(frozen=True)
class TrainArguments(CommandArguments):
    """What to train, from what, and how: the options of ``train``.

    The best recipe reads 64 tokens of a caption at least and has none of the settings of fine-tuning.
    ``max_posts`` captions are spread evenly over the account. A step follows the mean gradient of
    ``accumulation_steps`` accounts. ``compare`` chooses what is made, ``workers`` by how many: the record of
    a model is without them.

    Raises:
        InputError: a value cannot be used; the text says which and why.
    """

    COMMAND: ClassVar[str] = "train"

    input_dir: Annotated[Path, Option("The folder of the accounts' files.", path="folder", exists=True)]
    labels: Annotated[Path, Option("A CSV with the columns username and age.", exists=True)]
    model_output_dir: Annotated[Path, Option("The folder of the new model.", path="folder")]
    learn_rate: Annotated[float, Option("Learning rate of AdamW.")] = 2e-5
    epoch_num: Annotated[int, Option("Passes over the training accounts.", min=1, max=1_000)] = 10
    max_seq_len: Annotated[int, Option("Tokens of a caption, special ones included.", min=3)] = DEFAULT_MAX_SEQ_LEN
    print_step: Annotated[int, Option("Report the loss every so many accounts.", min=1)] = 100
    seed: Annotated[int, Option("Seed of the split, the head and the order.")] = 2021
    accumulation_steps: Annotated[int, Option("Accounts whose gradients make one step.", min=1)] = 10
    model_name_or_path: Annotated[str, Option("Encoder: a name or a folder.")] = DEFAULT_ENCODER
    finetuned_model_name: Annotated[str, Option("Name of the weights file.")] = "finetuned_model.pth"
    age_cutoff: Annotated[
        float | Sequence[float],
        Option("Learn who is at least this old; repeatable. Default: 21.", metavar="YEARS", min=5, max=120),
    ] = DEFAULT_CUTOFF
    device: Annotated[str, Option("Where to compute.", choices=DEVICES)] = "cpu"
    recipe: Annotated[
        Literal["published", "best"],
        Option(
            "published: the encoder is fine-tuned, its [CLS] vectors of the last four layers averaged over an "
            "account's captions. best: words, letters and the encoder's vectors in one calibrated linear model."
        ),
    ] = "published"
    freeze_encoder: Annotated[
        bool,
        Option("The published method with a frozen encoder: only the head learns; users' vectors are computed once."),
    ] = False
    compare: Annotated[
        bool,
        Option(
            "Make a model by each method (majority, TF-IDF, frozen encoder, published, best) on the same "
            "accounts, and one table of them."
        ),
    ] = False
    folds: Annotated[
        int | None,
        Option(
            "Make so many further models, so that each labelled account is told by one that had not seen it, and all "
            "of them tell the errors; 0 makes none. Default: 5 with the best recipe, else 0: models of the published "
            "method stop at unlike epochs, so that one's errors are not another's. With --compare: every account is "
            "tested once, and no model is cross-fitted.",
            min=0,
        ),
    ] = None
    workers: Annotated[
        int,
        Option(
            "With --folds or --compare: make so many of the models at the same time, each in a process of its own.",
            min=1,
        ),
    ] = 1
    max_posts: Annotated[int | None, Option("Use at most so many captions of an account.", min=1)] = None
    mask_self_reports: Annotated[
        bool,
        Option(
            "Take phrases that tell an age (turned 19 today) out of the captions, here and whenever the model predicts."
        ),
    ] = False
    split: Annotated[
        Path | None,
        Option("A CSV of username,part (train, validation, test) instead of a drawn split.", exists=True),
    ] = None
    warmup_share: Annotated[float, Option("Share of the steps in which the learning rate rises.")] = 0
    linear_decay: Annotated[bool, Option("Let the learning rate fall to 0.")] = False
    patience: Annotated[int | None, Option("Stop after so many epochs without a better validation AUC.", min=1)] = None
    balanced: Annotated[bool, Option("Let both classes count alike.")] = False
    calibrate: Annotated[bool, Option("Make probabilities agree with the validation accounts.")] = False
    threshold: Annotated[Measure | None, Option("Choose the threshold on the validation accounts. Default: 0.5.")] = (
        None
    )
    precision: Annotated[Precision, Option("exact: 32 bits; fast: 16 bits where the device computes in them.")] = (
        "exact"
    )
    cache: Annotated[bool, Option("Keep users' vectors on disk.", has_negative=True)] = True
    name: Annotated[str, Option("What you call the model; its folder stays as it is.")] = ""
    note: Annotated[str, Option("What you want to remember of it.")] = ""

    def __post_init__(self) -> None:
        given = self.age_cutoff if isinstance(self.age_cutoff, Sequence) else (self.age_cutoff,)
        # one or several, as a shell gives them; the default alone is itself again
        object.__setattr__(self, "age_cutoff", DEFAULT_CUTOFF if tuple(given) == (DEFAULT_CUTOFF,) else tuple(given))
        self._check_counts()
        self._check_choices()
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
        if self.compare and (self.name or self.note):
            raise InputError("--compare makes several models, called by their methods: leave out --name and --note.")
        if self.workers > 1 and not (self.compare or self.folds or (self.folds is None and self.method in ALIKE)):
            raise InputError(
                "--workers shares the models of --folds and of --compare. One fine-tuning is shared with torchrun: see "
                "docs/scale.md."
            )
        if self.folds == 1:
            raise InputError("--folds must be at least 2, or 0 for none.")
        check_weights_name(self.finetuned_model_name)

    def _check_counts(self) -> None:
        for name in ("epoch_num", "print_step", "accumulation_steps", "max_posts", "patience", "workers"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise InputError(f"--{name.replace('_', '-')} must be at least 1, not {value}.")

    def _check_choices(self) -> None:
        choices = {"recipe": ("published", "best"), "precision": get_args(Precision), "threshold": get_args(Measure)}
        for name, known in choices.items():
            if (value := getattr(self, name)) is not None and value not in known:
                raise InputError(f"--{name} must be one of {', '.join(known)}, not {value!r}.")

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

    def as_dict(self) -> dict[str, JsonValue]:
        """How a model is made, ready for JSON."""
        told = {key: value for key, value in asdict(self).items() if key not in _NOT_HOW}
        return {key: json_value(value) for key, value in told.items()}

    def differences(self, made: Mapping[str, JsonValue], made_folds: int) -> list[str]:
        """What of these arguments would make another model than those of a record; none where it is the same command.

        Args:
            made: what :meth:`as_dict` gave for a model.
            made_folds: how many folds that model has, for records that do not say what was asked for.
        """
        found = []
        for name, value in self.as_dict().items():
            option = self.options()[name]
            before = made.get(name, made_folds or None if name == "folds" else json_value(option.default))
            if name not in _WITHOUT_EFFECT and _comparable(option, value) != _comparable(option, before):
                found.append(f"{option.flag} was {_shown(before)} and is {_shown(value)} now")
        return found


_NOT_HOW = frozenset({"compare", "name", "note", "workers"})
_WITHOUT_EFFECT = frozenset({"model_output_dir", "print_step", "cache"})


def _comparable(option: CommandOption, value: JsonValue) -> JsonValue:
    """A value such that two ways to write one path, or one list of cutoffs, are the same."""
    return str(Path(value).resolve()) if Path in option.types and isinstance(value, str) else value


def _shown(value: JsonValue) -> str:
    if value is None:
        return "not given"
    return ", ".join(map(_shown, value)) if isinstance(value, list) else str(value)
