"""What every loop over epochs shares: an epoch's figures, which one is the best so far, and when to stop early."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from core.jobs.progress import Progress
from core.models.training_record import EpochRecord
from core.statistics.metrics import auc
from core.training.events import EpochEvent


@dataclass
class History:
    """What happened.

    Attributes:
        epochs: the finished epochs, as in the events.
        best_epoch: the number (from 1) of the epoch whose weights are kept; 0 before the first.
        stopped: asked to stop before the end.
    """

    epochs: list[EpochRecord] = field(default_factory=list)
    best_epoch: int = 0
    stopped: bool = False

    @property
    def best_auc(self) -> float:
        """Validation AUC of the best epoch."""
        return self.epochs[self.best_epoch - 1].validation_auc if self.best_epoch else -1.0

    def finish_epoch(
        self,
        train_loss: float,
        probability: npt.NDArray[np.float64],
        at_least: npt.NDArray[np.bool_],
        progress: Progress,
        seconds: float = 0.0,
    ) -> bool:
        """Note a finished epoch and tell of it; returns whether it is the best so far.

        Args:
            train_loss: the mean over the training users.
            probability: [validation users, cutoffs] P(age >= cutoff) after it.
            at_least: [validation users, cutoffs] the truth.
            progress: told of it.
            seconds: that it took.
        """
        figures = validation_figures(probability, at_least)
        epoch = EpochRecord(epoch=len(self.epochs) + 1, train_loss=train_loss, **figures, seconds=seconds)
        is_best = epoch.validation_auc > self.best_auc
        self.epochs.append(epoch)
        if is_best:
            self.best_epoch = epoch.epoch
        progress.event(EpochEvent(**epoch.model_dump()))
        return is_best

    def is_patience_over(self, patience: int | None) -> bool:
        """Whether ``patience`` epochs have passed without a better one; None waits for ever."""
        return patience is not None and len(self.epochs) - self.best_epoch >= patience


def validation_figures(probability: npt.NDArray[np.float64], at_least: npt.NDArray[np.bool_]) -> dict[str, float]:
    """Loss, accuracy at 0.5 and AUC, each the mean over the cutoffs."""
    p = np.clip(probability, 1e-7, 1 - 1e-7)
    return {
        "validation_loss": float(-np.log(np.where(at_least, p, 1 - p)).mean()),
        "validation_accuracy": float(((probability >= 0.5) == at_least).mean()),
        "validation_auc": float(np.mean([auc(y, p) for y, p in zip(at_least.T, probability.T, strict=True)])),
    }
