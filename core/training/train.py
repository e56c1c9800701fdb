"""Training: labelled accounts in, a model folder out."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from core.encoder.age_classifier import Precision
from core.encoder.devices import check_device, is_fast
from core.encoder.pretrained import DEFAULT_ENCODER
from core.encoder.user_encoder import VectorCache, open_cache
from core.errors import InputError, Stopped
from core.jobs.progress import Progress
from core.models.folder import (
    CHECKPOINTS,
    DEFAULT_CUTOFF,
    DEFAULT_MAX_SEQ_LEN,
    ModelSettings,
    check_weights_name,
    is_model_folder,
    read_model_info,
)
from core.settings import get_settings
from core.statistics.calibration import Measure
from core.training.dataset import LabelledAccounts, check_both_classes, read_labelled_accounts
from core.training.finetune import History, Recipe, forget_checkpoints
from core.training.frozen_head import HeadRecipe
from core.training.methods import Method, Study, fit
from core.training.save_model import choose, write_model
from core.training.splits import PARTS, Parts, near_duplicates, read_split, split_accounts

logger = logging.getLogger(__name__)


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


def train(arguments: TrainArguments, progress: Progress) -> Path:
    """Train a model and return its folder; the same call goes on with a training that was interrupted.

    Events: ``data`` (what became of the labels), ``split``, then ``step`` and ``epoch`` as they come.

    Raises:
        InputError: labels, accounts, encoder, device or the output folder cannot be used.
        Stopped: asked to stop. The best epoch so far, if one is finished, is in the folder and can
            be used; the same call goes on from the last step.
    """
    folder = arguments.model_output_dir
    check_output(folder)
    check_device(arguments.device)
    try:
        history = make_model(arguments, progress)
    except Stopped as stopped:
        if is_model_folder(folder):
            raise
        missing = "no epoch had ended" if arguments.method == "finetuned" else "the model was not finished"
        raise progress.stopped(f"Nothing to keep yet: {missing}.") from stopped
    if history.stopped:
        raise progress.stopped(
            f"Stopped in epoch {len(history.epochs) + 1} of {arguments.epoch_num}. The best so far, epoch "
            f"{history.best_epoch}, is in {folder} and can be used."
        )
    forget_checkpoints(folder / CHECKPOINTS)
    return folder


def make_model(arguments: TrainArguments, progress: Progress) -> History:
    """Write the model's folder: the whole model, or when asked to stop the best so far; the history says which.

    Raises:
        InputError: as :func:`train`.
        Stopped: asked to stop before there was anything to keep.
    """
    folder = arguments.model_output_dir
    with open_cache(get_settings().cache_dir if arguments.cache else None) as cache:
        study = prepare(arguments, cache, progress)
        trained = fit(arguments.method, study, folder / CHECKPOINTS, progress)
        progress.update(message="measuring the model")
        choose(trained, study, arguments.calibrate, arguments.threshold)
        write_model(trained, study, arguments.as_dict(), folder)
    return trained.history


def prepare(arguments: TrainArguments, cache: VectorCache | None, progress: Progress) -> Study:
    """Read the labelled accounts, say what is wrong with them, and split them.

    Raises:
        InputError: labels or accounts cannot be used, or are too few.
        Stopped: asked to stop.
    """
    accounts = read_labelled_accounts(arguments.input_dir, arguments.labels, arguments.cutoffs, progress)
    progress.event(kind="data", **accounts.report.as_dict())
    for problem in accounts.report.problems():
        logger.warning(problem)
    check_both_classes(accounts.report)
    progress.update(message="looking for accounts with the same texts")
    groups = near_duplicates(zip(accounts.usernames, accounts.captions(accounts.usernames), strict=True))
    parts = choose_split(arguments, accounts, groups)
    progress.event(kind="split", **{part: len(usernames) for part, usernames in parts.items()})
    settings = ModelSettings(
        encoder=arguments.model_name_or_path,
        weights=arguments.finetuned_model_name,
        max_seq_len=arguments.max_seq_len,
        age_cutoffs=arguments.cutoffs,
        thresholds=(0.5,) * len(arguments.cutoffs),
        max_posts=arguments.max_posts,
        precision="fast" if arguments.precision == "fast" and is_fast(arguments.device) else "exact",
    )
    return Study(
        accounts=accounts,
        parts=parts,
        settings=settings,
        recipe=Recipe(**{field.name: getattr(arguments, field.name) for field in fields(Recipe)}),
        head=HeadRecipe(seed=arguments.seed),
        device=arguments.device,
        twins=groups,
        balanced=arguments.balanced,
        cache=cache,
    )


def choose_split(arguments: TrainArguments, accounts: LabelledAccounts, groups: Sequence[Sequence[str]] = ()) -> Parts:
    """The accounts to train on, to choose by and to test with.

    Drawn by the seed, stratified by the side of each cutoff, ``groups`` of near duplicates together;
    or as the file of ``--split`` says, of which only usable accounts are kept.

    Raises:
        InputError: the file cannot be used, or train or validation lacks one side of a cutoff.
    """
    strata = sides(accounts, arguments.cutoffs)
    if arguments.split:
        given = read_split(arguments.split)
        parts = {part: [name for name in given.get(part, []) if name in strata] for part in PARTS}
    else:
        parts = split_accounts(strata, arguments.seed, groups=groups)
    check_parts(parts, strata)
    return parts


def sides(accounts: LabelledAccounts, cutoffs: Sequence[float]) -> dict[str, tuple[bool, ...]]:
    """Username -> whether the age is at least each cutoff: what splits are stratified by."""
    rows = accounts.at_least(cutoffs).tolist()
    return {username: tuple(row) for username, row in zip(accounts.usernames, rows, strict=True)}


def check_parts(parts: Parts, strata: Mapping[str, tuple[bool, ...]]) -> None:
    """Make sure that there is something to learn from and to choose by.

    Raises:
        InputError: train or validation lacks one side of a cutoff.
    """
    for part in ("train", "validation"):
        truth = np.array([strata[username] for username in parts[part]])
        if not len(truth) or not (truth.any(0) & ~truth.all(0)).all():
            raise InputError(
                f"The {part} part of the split has {len(truth)} accounts, and not both under and at least at each "
                "cutoff. Label more accounts, or give a split of your own with --split."
            )


def check_output(folder: Path) -> None:
    """Refuse a folder in which something would be overwritten, unless it is a training to go on with.

    Raises:
        InputError: there is something in it.
    """
    if (folder / CHECKPOINTS).is_dir():
        return
    if is_model_folder(folder):
        if read_model_info(folder).training.get("stopped"):
            return
        raise InputError(f"{folder} already holds a finished model. Choose another folder, or remove it.")
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"{folder} is not empty. Choose a folder of its own for the model.")
