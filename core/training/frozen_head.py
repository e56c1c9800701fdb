"""The frozen mode: the encoder stays as it is, its users' vectors are known, only the head is learnt.

The vectors are standardised while learning, which lets one learning rate fit every encoder, and the
standardisation is then folded into the head's first layer: the result is the contract's model.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from core.encoder.age_classifier import AgeClassifier, binary_cross_entropy, probabilities
from core.encoder.user_encoder import column_scale
from core.encoder.vector_cache import Vectors
from core.jobs.progress import Progress
from core.training.epochs import History

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class HeadRecipe:
    """How a head is learnt.

    Attributes:
        seed: of its first weights, the order of the users and dropout.
        learn_rate: of AdamW at its height; it falls to zero by a half cosine.
        weight_decay: of AdamW.
        dropout: share of the standardised vector that is left out at random in each step.
        min_steps: steps at least; few users are passed over more often.
        min_epochs: passes over the users at least.
        batch: users a step.
    """

    seed: int
    learn_rate: float = 1e-3
    weight_decay: float = 0.1
    dropout: float = 0.5
    min_steps: int = 400
    min_epochs: int = 10
    batch: int = 32

    def epochs(self, users: int) -> int:
        """Passes over so many users."""
        return max(self.min_epochs, -(-self.min_steps // -(-users // self.batch)))


@dataclass(frozen=True)
class KnownUsers:
    """Users to learn from or to choose by.

    Attributes:
        vectors: [n, 4H].
        at_least: [n, cutoffs] the truth.
        weights: [n, cutoffs] how much each answer counts; None counts all alike.
    """

    vectors: Vectors
    at_least: Bools
    weights: Vectors | None = None


def train_head(
    model: AgeClassifier,
    train: KnownUsers,
    validation: KnownUsers,
    recipe: HeadRecipe,
    progress: Progress,
) -> History:
    """Learn the head of ``model`` anew and put the epoch with the highest validation AUC into it.

    Args:
        model: its encoder is not touched.
        train: to learn from.
        validation: to choose the epoch by.
        recipe: the settings.
        progress: told of every epoch.

    Raises:
        Stopped: asked to stop.
    """
    torch.manual_seed(recipe.seed)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # more would only wait for one another on matrices this small
    try:
        return _train_head(model, train, validation, recipe, progress)
    finally:
        torch.set_num_threads(threads)


def _train_head(
    model: AgeClassifier,
    train: KnownUsers,
    validation: KnownUsers,
    recipe: HeadRecipe,
    progress: Progress,
) -> History:
    mean = train.vectors.mean(0)
    scale = column_scale(train.vectors)
    head = _new_head(model)
    x, y = _tensors((train.vectors - mean) / scale, train.at_least)
    held_out = torch.from_numpy((validation.vectors - mean) / scale)
    weigh = torch.ones_like(y) if train.weights is None else torch.from_numpy(train.weights)
    history, best = History(), head.state_dict()
    optimizer = torch.optim.AdamW(head.parameters(), recipe.learn_rate, weight_decay=recipe.weight_decay)
    epochs = recipe.epochs(len(x))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * -(-len(x) // recipe.batch))
    for epoch in range(1, epochs + 1):
        progress.check()
        loss = _epoch(head, x, y, weigh, optimizer, schedule, recipe)
        if history.finish_epoch(loss, _probability(head, held_out), validation.at_least, progress):
            best = {name: tensor.clone() for name, tensor in head.state_dict().items()}
        progress.update(epoch, epochs, unit="", message=f"head, epoch {epoch} of {epochs}")
    head.load_state_dict(best)
    _fold_standardisation(head[0], mean, scale)
    model.classifier.load_state_dict(head.state_dict())
    return history


def _new_head(model: AgeClassifier) -> nn.Sequential:
    first: Any = model.classifier[0]
    last: Any = model.classifier[2]
    return nn.Sequential(
        nn.Linear(first.in_features, first.out_features), nn.GELU(), nn.Linear(last.in_features, last.out_features)
    )


def _tensors(x: Vectors, y: Bools) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(x.astype(np.float32)), torch.from_numpy(y.astype(np.float32))


def _epoch(
    head: nn.Sequential, x: Tensor, y: Tensor, weights: Tensor, optimizer: Any, schedule: Any, recipe: HeadRecipe
) -> float:
    total = 0.0
    order = torch.randperm(len(x))
    for start in range(0, len(x), recipe.batch):
        chosen = order[start : start + recipe.batch]
        optimizer.zero_grad()
        logits = head(nn.functional.dropout(x[chosen], recipe.dropout))
        loss: Any = binary_cross_entropy(logits, y[chosen], weights[chosen]).mean()
        loss.backward()
        optimizer.step()
        schedule.step()
        total += loss.item() * len(chosen)
    return total / len(x)


def _probability(head: nn.Sequential, x: Tensor) -> npt.NDArray[np.float64]:
    with torch.inference_mode():
        return np.asarray(probabilities(head(x)).double().numpy())


def _fold_standardisation(first: Any, mean: Vectors, scale: Vectors) -> None:
    """Make ``first`` take raw vectors: W (u - mean) / scale + b = (W / scale) u + (b - W mean / scale)."""
    with torch.no_grad():
        first.weight /= torch.from_numpy(scale)
        first.bias -= first.weight @ torch.from_numpy(mean)
