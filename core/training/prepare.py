"""From the arguments of a training to its accounts, parts and settings."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import fields

import numpy as np

from core.encoder.precision import is_fast
from core.encoder.vector_cache import VectorCache
from core.errors import InputError
from core.jobs.progress import Progress
from core.models.settings import ModelSettings
from core.training.arguments import TrainArguments
from core.training.dataset import LabelledAccounts, check_both_classes, read_labelled_accounts
from core.training.events import DataEvent, SplitEvent
from core.training.finetune import Recipe
from core.training.frozen_head import HeadRecipe
from core.training.methods import TrainingTask
from core.training.near_duplicates import near_duplicates
from core.training.splits import PARTS, Parts, read_split, split_accounts

logger = logging.getLogger(__name__)


def prepare(arguments: TrainArguments, cache: VectorCache | None, progress: Progress) -> TrainingTask:
    """Read the labelled accounts, say what is wrong with them, and split them.

    Raises:
        InputError: labels or accounts cannot be used, or are too few.
        Stopped: asked to stop.
    """
    accounts = read_labelled_accounts(arguments.input_dir, arguments.labels, arguments.cutoffs, progress)
    progress.event(DataEvent(**accounts.report.record().model_dump()))
    for problem in accounts.report.problems():
        logger.warning(problem)
    check_both_classes(accounts.report)
    progress.update(message="looking for accounts with the same texts")
    groups = near_duplicates(zip(accounts.usernames, accounts.captions(accounts.usernames), strict=True))
    parts = choose_split(arguments, accounts, groups)
    progress.event(SplitEvent(**{part: len(usernames) for part, usernames in parts.items()}))
    settings = ModelSettings(
        encoder=arguments.model_name_or_path,
        weights=arguments.finetuned_model_name,
        max_seq_len=arguments.max_seq_len,
        age_cutoffs=arguments.cutoffs,
        thresholds=(0.5,) * len(arguments.cutoffs),
        max_posts=arguments.max_posts,
        mask_self_reports=arguments.mask_self_reports,
        precision="fast" if arguments.precision == "fast" and is_fast(arguments.device) else "exact",
    )
    return TrainingTask(
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
