"""Training: labelled accounts in, a model folder out."""

import csv
import io
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from core.batching import UserTokens, tokenize
from core.encoders import DEFAULT_ENCODER, check_device, load_encoder, load_tokenizer
from core.errors import InputError, Stopped
from core.files import write_atomically, write_json
from core.finetune import Examples, History, Recipe, finetune, forget_checkpoints
from core.labelled import LabelledAccounts, check_both_classes, read_labelled_accounts
from core.metrics import metrics
from core.model import AgeClassifier
from core.model_card import model_card
from core.model_folder import (
    CARD_FILE,
    CHECKPOINTS,
    DEFAULT_CUTOFF,
    DEFAULT_MAX_SEQ_LEN,
    TRAINING_FILE,
    VALIDATION_FILE,
    ModelSettings,
    check_weights_name,
    is_model_folder,
    read_model_info,
    versions,
)
from core.predictions import safe_name
from core.predictor import EncoderPredictor, Floats, in_batches
from core.progress import Progress
from core.splits import PARTS, Parts, near_duplicates, read_split, split_accounts

_ACCOUNTS_AT_ONCE = 256


@dataclass(frozen=True)
class TrainArguments:
    """What ``train`` is asked to do; the names and defaults are those of the command line.

    Attributes:
        input_dir: the folder of the accounts' files.
        labels: a CSV with the columns username and age.
        model_output_dir: the folder of the new model.
        learn_rate: of AdamW.
        epoch_num: passes over the training accounts.
        max_seq_len: tokens of a caption, special ones included.
        print_step: report the loss every so many accounts.
        seed: of the split, the head, the order and dropout.
        accumulation_steps: accounts whose mean gradient makes one step.
        model_name_or_path: the encoder, by name or folder.
        finetuned_model_name: name of the weights file.
        age_cutoff: learn who is at least this old; several at once give one probability each.
        device: ``cpu`` or ``cuda``.
        recipe: ``published`` is the published method as it is; ``best`` the best known here.
        max_posts: use at most so many captions of an account, the first of its file; None for all.
        split: a CSV of ``username,part`` instead of a split drawn by the seed.

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
    max_posts: int | None = None
    split: Path | None = None

    def __post_init__(self) -> None:
        at_least_one = ("epoch_num", "print_step", "accumulation_steps", "max_posts")
        for name in at_least_one:
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"--{name.replace('_', '-')} must be at least 1, not {value}.")
        if not 0 < self.learn_rate < 1:
            raise InputError(f"--learn-rate must be above 0 and below 1, not {self.learn_rate:g}.")
        if self.max_seq_len < 3:
            raise InputError(f"--max-seq-len must be at least 3 (two special tokens and one), not {self.max_seq_len}.")
        if self.recipe not in ("published", "best"):
            raise InputError(f"--recipe must be published or best, not {self.recipe!r}.")
        if not self.cutoffs or not all(5 < cutoff < 120 for cutoff in self.cutoffs):
            raise InputError("--age-cutoff must be above 5 and below 120 years.")
        check_weights_name(self.finetuned_model_name)

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
    _check_output(arguments.model_output_dir)
    check_device(arguments.device)
    accounts = read_labelled_accounts(arguments.input_dir, arguments.labels, arguments.cutoffs, progress)
    progress.event(kind="data", **accounts.report.as_dict())
    check_both_classes(accounts.report)
    parts = choose_split(arguments, accounts)
    progress.event(kind="split", **{part: len(usernames) for part, usernames in parts.items()})
    return _train_encoder(arguments, accounts, parts, progress)


def choose_split(arguments: TrainArguments, accounts: LabelledAccounts) -> Parts:
    """The accounts to train on, to choose by and to test with.

    Drawn by the seed, stratified by the side of each cutoff, near duplicates together; or as the
    file of ``--split`` says, of which only usable accounts are kept.

    Raises:
        InputError: the file cannot be used, or train or validation lacks one side of a cutoff.
    """
    sides = [tuple(row) for row in accounts.at_least(arguments.cutoffs).tolist()]
    strata = dict(zip(accounts.usernames, sides, strict=True))
    if arguments.split:
        given = read_split(arguments.split)
        parts = {part: [name for name in given.get(part, []) if name in strata] for part in PARTS}
    else:
        captions = zip(accounts.usernames, accounts.captions(accounts.usernames), strict=True)
        parts = split_accounts(strata, arguments.seed, groups=near_duplicates(captions))
    for part in ("train", "validation"):
        truth = np.array([strata[username] for username in parts[part]])
        if not len(truth) or not (truth.any(0) & ~truth.all(0)).all():
            raise InputError(
                f"The {part} part of the split has {len(truth)} accounts, and not both under and at least at each "
                "cutoff. Label more accounts, or give a split of your own with --split."
            )
    return parts


def _train_encoder(arguments: TrainArguments, accounts: LabelledAccounts, parts: Parts, progress: Progress) -> Path:
    started = time.monotonic()
    tokenizer = load_tokenizer(arguments.model_name_or_path)
    learn = _examples(arguments, accounts, parts["train"], tokenizer, progress)
    choose = _examples(arguments, accounts, parts["validation"], tokenizer, progress)
    torch.manual_seed(arguments.seed)  # of the head; the encoder comes with its weights
    model = AgeClassifier(load_encoder(arguments.model_name_or_path), len(arguments.cutoffs)).to(arguments.device)
    predictor = EncoderPredictor(model, tokenizer, _settings(arguments))
    folder = arguments.model_output_dir
    checkpoints = folder / CHECKPOINTS
    history = History()
    try:
        finetune(model, learn, choose, _recipe(arguments), checkpoints, progress, history)
    except Stopped as stopped:
        if not history.best_epoch:
            raise
        seconds = time.monotonic() - started
        _write_model(predictor, arguments, accounts, parts, history, seconds, stopped=True)
        raise Stopped(
            f"Stopped in epoch {len(history.epochs) + 1} of {arguments.epoch_num}. The best so far, epoch "
            f"{history.best_epoch}, is in {folder} and can be used. Run the same command again to go on."
        ) from stopped
    _write_model(predictor, arguments, accounts, parts, history, time.monotonic() - started, stopped=False)
    forget_checkpoints(checkpoints)
    return folder


def _recipe(arguments: TrainArguments) -> Recipe:
    common = {name: getattr(arguments, name) for name in ("learn_rate", "epoch_num", "accumulation_steps", "seed")}
    if arguments.recipe == "published":
        return Recipe(**common, print_step=arguments.print_step)
    return Recipe(**common, print_step=arguments.print_step, warmup_share=0.1, linear_decay=True, patience=3)


def _settings(arguments: TrainArguments) -> ModelSettings:
    return ModelSettings(
        encoder=arguments.model_name_or_path,
        weights=arguments.finetuned_model_name,
        max_seq_len=arguments.max_seq_len,
        age_cutoffs=arguments.cutoffs,
        thresholds=(0.5,) * len(arguments.cutoffs),
        max_posts=arguments.max_posts,
    )


def _examples(
    arguments: TrainArguments,
    accounts: LabelledAccounts,
    usernames: Sequence[str],
    tokenizer: Any,
    progress: Progress,
) -> Examples:
    users: list[UserTokens] = []
    for names in in_batches(usernames, _ACCOUNTS_AT_ONCE):
        progress.check()
        captions = [captions[: arguments.max_posts] for captions in accounts.captions(names)]
        users += tokenize(tokenizer, captions, arguments.max_seq_len)
    return Examples(users, accounts.at_least(arguments.cutoffs, usernames))


# ------------------------------------------------------------------------------------ the folder


def _write_model(
    predictor: EncoderPredictor,
    arguments: TrainArguments,
    accounts: LabelledAccounts,
    parts: Parts,
    history: History,
    seconds: float,
    stopped: bool,
) -> None:
    """Write the model folder; ``training.json`` comes last and makes it a finished model."""
    folder = arguments.model_output_dir
    validation = _probabilities(predictor, accounts, parts["validation"])
    test = _probabilities(predictor, accounts, parts["test"]) if parts["test"] and not stopped else None
    record = {
        "format": 1,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "arguments": arguments.as_dict(),
        "settings": predictor.settings.as_dict(),
        "labels": accounts.report.as_dict(),
        "split": parts,
        "epochs": history.epochs,
        "best_epoch": history.best_epoch,
        "stopped": stopped,
        "validation": _figures(predictor.settings, accounts, parts["validation"], validation),
        "test": None if test is None else _figures(predictor.settings, accounts, parts["test"], test),
        "seconds": round(seconds, 1),
        "versions": versions(),
    }
    predictor.save(folder)
    write_atomically(folder / VALIDATION_FILE, _validation_csv(accounts, parts["validation"], validation))
    write_atomically(folder / CARD_FILE, model_card(record))
    write_json(folder / TRAINING_FILE, record)


def _probabilities(predictor: EncoderPredictor, accounts: LabelledAccounts, usernames: Sequence[str]) -> Floats:
    batches = in_batches(usernames, _ACCOUNTS_AT_ONCE)
    return np.concatenate([predictor.probabilities([*accounts.captions(names)]) for names in batches])


def _figures(
    settings: ModelSettings, accounts: LabelledAccounts, usernames: Sequence[str], probability: Floats
) -> dict[str, Any]:
    """Cutoff -> every metric with its interval."""
    truth = accounts.at_least(settings.age_cutoffs, usernames)
    return {
        f"{cutoff:g}": {name: asdict(value) for name, value in metrics(y, p, p >= threshold).items()}
        for cutoff, threshold, y, p in zip(
            settings.age_cutoffs, settings.thresholds, truth.T, probability.T, strict=True
        )
    }


def _validation_csv(accounts: LabelledAccounts, usernames: Sequence[str], probability: Floats) -> str:
    """``username,age,probability``; the probability is that of the lowest cutoff."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["username", "age", "probability"])
    for username, row in zip(usernames, probability, strict=True):
        writer.writerow([safe_name(username), f"{accounts.age(username):g}", f"{row[0]:.6f}"])
    return buffer.getvalue()


def _check_output(folder: Path) -> None:
    """Refuse a folder in which something would be overwritten, unless it is a training to go on with."""
    if (folder / CHECKPOINTS).is_dir():
        return
    if is_model_folder(folder):
        if read_model_info(folder).training.get("stopped"):
            return
        raise InputError(f"{folder} already holds a finished model. Choose another folder, or remove it.")
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"{folder} is not empty. Choose a folder of its own for the model.")
