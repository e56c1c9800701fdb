"""Fine-tuning: the loop over epochs, its checkpoints, and the best epoch.

This is a loop of its own and not ``transformers.Trainer``, for reasons found by looking: (1) the
Trainer's unit is a padded batch of examples, the method's is a user with any number of posts,
packed by a token budget while the gradient stays the mean over users; that replaces the Trainer's
data loader, training step and evaluation loop. (2) It writes a checkpoint file by file into the
folder from which it would resume, so that a kill in between leaves the newest one broken; here a
checkpoint appears whole or not at all. (3) Importing it takes five seconds more than the model
alone. What would be left of it is the schedule of the learning rate, and of accelerate
``autocast`` and ``to(device)``: a few lines each.
"""

import ctypes
import hashlib
import io
import os
import platform
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import psutil
import torch
from torch import Tensor

from core.encoder.age_classifier import AgeClassifier, binary_cross_entropy, probabilities
from core.encoder.tokenization import UserTokens, by_token_budget, packs
from core.encoder.weights import read_weights, write_weights
from core.errors import InputError, Stopped
from core.jobs.progress import Progress
from core.models.training_record import EpochRecord
from core.training.epochs import History
from core.training.events import StepEvent
from core.training.ranks import LostProcessError, Ranks
from core.utils.io import write_atomically
from core.utils.iteration import batched

CHECKPOINT_EVERY_S = 300.0

_LEAST_MEMORY, _MOST_MEMORY = 1e9, 12e9  # for what a step keeps for its gradient
_WEIGHT_DECAY = 0.01
_VALIDATION_USERS = 32
_VALIDATION_TOKENS = 16_384
_PORTION_TOKENS = {"cpu": 1_024, "cuda": 4_096, "mps": 4_096}
"""As few as cost no speed: portions are what several processes share."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
_CHECKPOINT, _BEST = "checkpoint.pt", "best.safetensors"


@dataclass(frozen=True)
class Recipe:
    """How the weights are learnt.

    Attributes:
        learn_rate: of AdamW, at its height.
        epoch_num: passes over the training users at most.
        accumulation_steps: users whose mean gradient makes one step.
        seed: of the order of the users and of dropout.
        print_step: users between two reports of the loss.
        warmup_share: of all steps, over which the learning rate rises from 0.
        linear_decay: whether it then falls to 0; otherwise it stays.
        patience: stop after so many epochs without a better validation AUC; None never stops.
    """

    learn_rate: float
    epoch_num: int
    accumulation_steps: int
    seed: int
    print_step: int = 100
    warmup_share: float = 0.0
    linear_decay: bool = False
    patience: int | None = None


@dataclass(frozen=True)
class Examples:
    """Users to learn from or to choose by.

    Attributes:
        users: their tokens.
        at_least: [users, cutoffs] the truth.
        weights: [users, cutoffs] how much each answer counts; None counts all alike.
    """

    users: Sequence[UserTokens]
    at_least: npt.NDArray[np.bool_]
    weights: npt.NDArray[np.float32] | None = None


def finetune(
    model: AgeClassifier,
    train: Examples,
    validation: Examples,
    recipe: Recipe,
    checkpoints: Path,
    progress: Progress,
) -> History:
    """Train ``model`` in place; it ends with the weights of the epoch with the highest validation AUC.

    An interrupted call is taken up again from the last checkpoint in the folder ``checkpoints`` and
    ends, on the same machine, with the same weights as an undisturbed one. Asked to stop after the
    first epoch, it ends early with the best so far, and says so in ``History.stopped``.

    Raises:
        Stopped: asked to stop before the first epoch was finished.
        InputError: ``checkpoints`` belongs to a training with other users or settings.
    """
    run = _Run(model, train, validation, recipe, checkpoints, progress)
    run.restore()
    if run.ranks.count > 1:
        run.ranks.from_first((model, train, validation, recipe, run.state()))
    return run.run()


def help_finetune(device: str, progress: Progress) -> None:
    """Do this process's share of every fine-tuning of the first process, until that has ended.

    Raises:
        LostProcessError: another process has ended in the middle of one.
    """
    while True:
        try:
            model, train, validation, recipe, state = Ranks().from_first(None, device)
        except LostProcessError:
            return  # the first has done what there was to do
        run = _Run(model, train, validation, recipe, None, progress)
        run.go_on_from(state)
        with suppress(Stopped):
            run.run()


def _prepare_device(device: torch.device) -> None:
    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS adds up in any order
        torch.use_deterministic_algorithms(True, warn_only=True)
    elif device.type == "cpu":
        _keep_freed_memory()


def _keep_freed_memory() -> None:
    """Let this process keep what it frees, as far as the C library is glibc.

    It gives large blocks back to the system at once, and the next step gets them page by page, each
    cleared: that took a tenth to a third of the time of training.
    """
    if sys.platform == "linux" and platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, 2**30)
        libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)


def _training_memory(device: torch.device) -> float:
    """Bytes that a step may take: of a processor's an eighth, and no more than pays; of a GPU's a fixed part.

    Whatever is free at the moment plays no part, so that a training taken up again computes the same.
    """
    if device.type == "cuda":
        return _MOST_MEMORY
    return min(max(float(psutil.virtual_memory().total) / 8, _LEAST_MEMORY), _MOST_MEMORY / 4)


class _Run:
    """One process's part of a fine-tuning; ``checkpoints`` is None in one that helps, which writes nothing."""

    def __init__(
        self,
        model: AgeClassifier,
        train: Examples,
        validation: Examples,
        recipe: Recipe,
        checkpoints: Path | None,
        progress: Progress,
    ) -> None:
        _prepare_device(model.device)
        self.model, self.train, self.validation = model, train, validation
        self.recipe, self.folder, self.progress = recipe, checkpoints, progress
        self.ranks = Ranks()
        given = np.ones(train.at_least.shape, np.float32) if train.weights is None else train.weights
        self.weights = torch.from_numpy(given)
        self.history = History()
        self.epoch = 1
        self.done = 0  # users of this epoch
        self.losses: list[float] = []  # of the users of this epoch
        self.seconds = 0.0  # spent on this epoch
        self.parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.AdamW(self.parameters, recipe.learn_rate, weight_decay=_WEIGHT_DECAY, fused=True)
        self.max_tokens = model.max_tokens(_training_memory(model.device))
        self.fingerprint = _fingerprint(train, validation, recipe)

    def run(self) -> History:
        try:
            while self.ranks.from_first(self._is_unfinished()):
                self._train_epoch()
                self._finish_epoch()
                self._save()
        except LostProcessError:
            self._save()
            raise
        except Stopped:
            self._save()
            if not self.history.best_epoch:
                raise
            self.history.stopped = True
        if self.folder:
            self.model.load_state_dict(read_weights(self.folder / _BEST))
        return self.history

    def _is_unfinished(self) -> bool:
        return self.epoch <= self.recipe.epoch_num and not self.history.is_patience_over(self.recipe.patience)

    def _train_epoch(self) -> None:
        self.model.train()
        started, saved = time.monotonic() - self.seconds, time.monotonic()
        for chosen in self._steps():
            self.ranks.check(self.progress)
            self._step(chosen)
            self.seconds = time.monotonic() - started
            if time.monotonic() - saved > CHECKPOINT_EVERY_S:
                self._save()
                saved = time.monotonic()

    def _steps(self) -> Iterator[npt.NDArray[np.int64]]:
        """The users of each step that is left of this epoch; the order depends on seed and epoch only."""
        order = np.random.default_rng([self.recipe.seed, self.epoch]).permutation(len(self.train.users))
        while self.done < len(order):
            yield order[self.done : self.done + self.recipe.accumulation_steps]

    def _step(self, chosen: npt.NDArray[np.int64]) -> None:
        """One step down the mean gradient of the chosen users."""
        rate = self._learn_rate()
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad()
        losses = self._own_losses(chosen)
        self.ranks.add_up(losses)
        self.ranks.add_up_gradients(self.parameters)
        self.optimizer.step()
        self.losses += losses.tolist()
        self._report(len(chosen), rate)

    def _own_losses(self, chosen: npt.NDArray[np.int64]) -> Tensor:
        """Go back through this process's portions of a step; the losses [users] of its users, 0 for all others.

        Neither the portions nor what dropout draws for each depend on how many processes there are.
        """
        losses = torch.zeros(len(chosen), dtype=torch.float64)
        at_least = torch.from_numpy(self.train.at_least[chosen]).float().to(self.model.device)
        weights = self.weights[chosen].to(self.model.device)
        for first, portion in self._own_portions([self.train.users[index] for index in chosen]):
            torch.manual_seed(_seed_of(self.recipe.seed, self.epoch, self.done + first))
            these = slice(first, first + len(portion))
            loss = binary_cross_entropy(self.model(packs(portion, self.max_tokens)), at_least[these], weights[these])
            (loss.sum() / len(chosen)).backward()  # type: ignore[no-untyped-call]
            losses[these] = loss.detach().cpu().double()
        return losses

    def _own_portions(self, users: Sequence[UserTokens]) -> list[tuple[int, list[UserTokens]]]:
        """What this process computes of a step: the first user's place in it, and the users."""
        tokens = min(self.max_tokens, _PORTION_TOKENS[self.model.device.type])
        portions = [*by_token_budget(users, tokens)]
        starts = [0, *accumulate(map(len, portions))]
        sizes = [sum(len(user.ids) for user in portion) for portion in portions]
        return [(starts[place], portions[place]) for place in self.ranks.own(sizes)]

    def _learn_rate(self) -> float:
        """Of the step that comes next: linear warm-up, then constant or linear decay."""
        recipe = self.recipe
        steps = -(-len(self.train.users) // recipe.accumulation_steps) * recipe.epoch_num
        step = (self.epoch - 1) * (steps // recipe.epoch_num) + self.done // recipe.accumulation_steps + 1
        warmup = recipe.warmup_share * steps
        if step <= warmup:
            return recipe.learn_rate * step / warmup
        left = (steps - step + 1) / max(1.0, steps - warmup)
        return recipe.learn_rate * left if recipe.linear_decay else recipe.learn_rate

    def _report(self, users: int, rate: float) -> None:
        before, self.done = self.done, self.done + users
        every = self.recipe.print_step
        recent = float(np.mean(self.losses[-every:]))
        if self.done // every > before // every:
            step = (self.epoch - 1) * len(self.train.users) + self.done
            self.progress.event(StepEvent(step=step, epoch=self.epoch, loss=recent, learn_rate=rate))
        per_epoch = len(self.train.users)
        self.progress.update(
            (self.epoch - 1) * per_epoch + self.done,
            self.recipe.epoch_num * per_epoch,
            unit="",
            message=f"account {self.done} of {per_epoch}, epoch {self.epoch} of {self.recipe.epoch_num}, "
            f"loss {recent:.3f}",
            epoch=self.epoch,
            loss=recent,
        )

    def _finish_epoch(self) -> None:
        started = time.monotonic()
        probability = self._validate()
        self.seconds += time.monotonic() - started
        loss, seconds = float(np.mean(self.losses)), round(self.seconds, 1)
        is_best = self.history.finish_epoch(loss, probability, self.validation.at_least, self.progress, seconds)
        if is_best and self.folder:
            write_weights(self.folder / _BEST, self.model.state_dict())
        self.epoch, self.done, self.losses, self.seconds = self.epoch + 1, 0, [], 0.0

    def _validate(self) -> npt.NDArray[np.float64]:
        """P(age >= cutoff) of the validation users."""
        self.model.eval()
        users = self.validation.users
        at_once = min(_VALIDATION_USERS, -(-len(users) // self.ranks.count))
        batches = [*batched(range(len(users)), at_once)]
        found = torch.zeros(self.validation.at_least.shape)
        for own in self.ranks.own([sum(len(users[place].ids) for place in batch) for batch in batches]):
            if self.progress.stopping:
                break
            with torch.inference_mode():
                logits = self.model(packs([users[place] for place in batches[own]], _VALIDATION_TOKENS))
                found[batches[own]] = probabilities(logits).cpu()
        self.ranks.check(self.progress)
        self.ranks.add_up(found)
        return np.asarray(found.double().numpy())

    # ---------------------------------------------------------------------------- checkpoints

    def _save(self) -> None:
        if self.folder:
            buffer = io.BytesIO()
            torch.save(self.state(), buffer)
            write_atomically(self.folder / _CHECKPOINT, buffer.getvalue())

    def state(self) -> dict[str, Any]:
        """All that goes from one process to another that goes on."""
        return {
            "fingerprint": self.fingerprint,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "epochs": [epoch.model_dump() for epoch in self.history.epochs],
            "best_epoch": self.history.best_epoch,
            "epoch": self.epoch,
            "done": self.done,
            "losses": self.losses,
            "seconds": self.seconds,
        }

    def restore(self) -> None:
        """Go on from the last checkpoint, where there is one.

        Raises:
            InputError: it is of a training with other users or settings.
        """
        if self.folder is None or not (path := self.folder / _CHECKPOINT).is_file():
            return
        saved = torch.load(path, map_location=self.model.device, weights_only=True)
        if saved["fingerprint"] != self.fingerprint:
            raise InputError(
                f"{self.folder.parent} holds an interrupted training with other accounts or settings. Start that one "
                f"again as it was, choose another output folder, or delete {self.folder}."
            )
        self.go_on_from(saved)

    def go_on_from(self, saved: dict[str, Any]) -> None:
        """Take over what :meth:`state` gave."""
        self.model.load_state_dict(saved["model"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.history.epochs = [EpochRecord.model_validate(epoch) for epoch in saved["epochs"]]
        self.history.best_epoch = saved["best_epoch"]
        self.epoch, self.done = saved["epoch"], saved["done"]
        self.losses, self.seconds = saved["losses"], saved["seconds"]


def forget_checkpoints(folder: Path) -> None:
    """Remove what an interrupted training would need; for one that is finished."""
    shutil.rmtree(folder, ignore_errors=True)


def _fingerprint(train: Examples, validation: Examples, recipe: Recipe) -> str:
    """Of everything that the weights depend on."""
    digest = hashlib.sha256(orjson.dumps(recipe, option=orjson.OPT_SERIALIZE_DATACLASS))
    for examples in (train, validation):
        digest.update(np.ascontiguousarray(examples.at_least).tobytes())
        digest.update(b"" if examples.weights is None else np.ascontiguousarray(examples.weights).tobytes())
        for user in examples.users:
            for part in user:
                digest.update(part.tobytes())
    return digest.hexdigest()


def _seed_of(seed: int, epoch: int, user: int) -> int:
    """The seed of what dropout draws for the portion that begins with an epoch's ``user``-th user."""
    return int(np.random.SeedSequence([seed, epoch, user]).generate_state(1, np.uint64)[0])
