"""Cross-fitting: what models that had not seen an account say of it, for every labelled account.

The accounts that a model learns from and chooses by cannot tell its errors: it knows them. So for each
fold of them a further model is made, by the same method, from as many accounts as the model itself but
without that fold (and without near duplicates of accounts in it); what it says of the fold is kept. The
test accounts, which choose nothing, are told by the model itself. Together all labelled accounts tell
the errors.

Nothing is chosen on what it is measured by: calibration and threshold of an account are those that the
other folds choose.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.encoder.vector_cache import open_cache
from core.jobs.progress import Progress
from core.models.method_names import ALIKE, Method
from core.models.predictor import Floats, calibrated
from core.models.settings import ModelSettings
from core.statistics.calibration import Bools, fit_calibration
from core.statistics.names import Measure
from core.statistics.thresholds import best_threshold
from core.storage.predictions_file import DECIMALS
from core.training.events import FoldEvent
from core.training.finetune import forget_checkpoints
from core.training.methods import TrainingTask, fit_to_the_end, part_probabilities
from core.training.prepare import check_parts, sides
from core.training.splits import Parts, k_folds, split_accounts
from core.training.workers import make_by_workers, worker_progress
from core.utils.io import find_json_object, json_form, write_json
from core.utils.spreadsheets import csv_text, safe_name

DEFAULT_FOLDS = 5
_FEWEST_PER_FOLD = 4
_CHOOSING = ("train", "validation")
_TOLD_FILE = "told.json"


@dataclass(frozen=True)
class UnseenProbabilities:
    """What was said of accounts by models that had not seen them.

    Attributes:
        usernames: of the accounts.
        at_least: (accounts, cutoffs) the truth.
        fold: (accounts,) 0, 1, ...
        probability: (accounts, cutoffs), before calibration.
    """

    usernames: list[str]
    at_least: Bools
    fold: npt.NDArray[np.int64]
    probability: Floats


@dataclass(frozen=True)
class Wishes:
    """What is to be chosen on accounts of known age.

    Attributes:
        calibrate: make the probabilities agree with what is observed.
        threshold: what the threshold is to be best for; None leaves it as it is.
        seed: of the folds by which a calibration is chosen.
    """

    calibrate: bool
    threshold: Measure | None
    seed: int

    def chosen(self, settings: ModelSettings, at_least: Bools, probability: Floats) -> ModelSettings:
        """The settings with what these accounts choose: ``at_least`` and ``probability`` [accounts, cutoffs]."""
        if self.calibrate:
            fits = [fit_calibration(y, p, self.seed) for y, p in zip(at_least.T, probability.T, strict=True)]
            settings = replace(settings, calibrations=tuple(found.to_json() for found in fits))
        if self.threshold:
            columns = zip(at_least.T, calibrated(probability, settings).T, strict=True)
            thresholds = tuple(best_threshold(y, p, self.threshold).threshold for y, p in columns)
            settings = replace(settings, thresholds=thresholds)
        return settings


def folds_of(asked: int | None, method: Method, task: TrainingTask) -> int:
    """How many folds to make; where nobody said (``asked`` is None), some if method and accounts allow to use them."""
    if asked is not None:
        return asked
    truth = np.concatenate([task.at_least(part) for part in _CHOOSING])
    enough = min(truth.sum(0).min(), (~truth).sum(0).min()) >= _FEWEST_PER_FOLD * DEFAULT_FOLDS
    return DEFAULT_FOLDS if enough and method in ALIKE else 0


def cross_fit(
    method: Method, task: TrainingTask, folds: int, checkpoints: Path, progress: Progress, workers: int = 1
) -> UnseenProbabilities:
    """Make ``folds`` further models and keep what each says of the accounts that it had not seen.

    Args:
        method: by which the model itself is made.
        task: what it is made from.
        folds: how many.
        checkpoints: the folder from which an interrupted call goes on.
        progress: told of each fold.
        workers: how many processes make them at the same time.

    Raises:
        InputError: the accounts do not suffice for so many folds.
        AgeScopeError: a process could not make its model.
        Stopped: asked to stop.
    """
    told, fold, found = list[str](), list[int](), list[Floats]()
    every = fold_parts(task, folds)
    with _vectors_kept(task) as kept:
        if workers > 1:
            work = FoldWork.of(method, kept, every, checkpoints)
            make_by_workers(work, range(folds), work.is_made, workers, progress)
        for number, parts in enumerate(every):
            progress.event(FoldEvent(fold=number + 1, folds=folds))
            found.append(_fold(method, replace(kept, parts=parts), _folder(checkpoints, number), progress))
            told += parts["test"]
            fold += [number] * len(parts["test"])
    truth = task.accounts.at_least(task.settings.age_cutoffs, told)
    return UnseenProbabilities(told, truth, np.array(fold), np.concatenate(found))


@dataclass(frozen=True)
class FoldWork:
    """Makes the model of a fold in a process of its own; what it says is in its file then.

    Attributes:
        method: by which.
        task: what of, without a cache.
        parts: of each fold.
        checkpoints: the folder of all folds.
        cache_dir: where users' vectors are kept.
    """

    method: Method
    task: TrainingTask
    parts: Sequence[Parts]
    checkpoints: Path
    cache_dir: Path | None

    @classmethod
    def of(cls, method: Method, task: TrainingTask, parts: Sequence[Parts], checkpoints: Path) -> "FoldWork":
        """The work of a task, which can be sent to another process."""
        return cls(
            method, replace(task, cache=None), parts, checkpoints, task.cache.path.parent if task.cache else None
        )

    def __call__(self, fold: int) -> None:
        """Make the model of a fold, from 0, unless it is made.

        Raises:
            InputError: the encoder cannot be had.
        """
        with open_cache(self.cache_dir) as cache:
            task = replace(self.task, parts=self.parts[fold], cache=cache)
            _fold(self.method, task, _folder(self.checkpoints, fold), worker_progress())

    def is_made(self, fold: int) -> bool:
        """Whether it is known what a fold's model says."""
        task = replace(self.task, parts=self.parts[fold])
        return _told(_folder(self.checkpoints, fold), _made_from(self.method, task)) is not None


def fold_parts(task: TrainingTask, folds: int) -> list[Parts]:
    """For each fold ``test`` (the fold), and who trains and chooses instead: as many as for the model itself.

    Raises:
        InputError: a fold would lack one side of a cutoff.
    """
    strata, seed = sides(task.accounts, task.settings.age_cutoffs), task.recipe.seed
    everybody = {username: strata[username] for usernames in task.parts.values() for username in usernames}
    choosing = {username: strata[username] for part in _CHOOSING for username in task.parts[part]}
    found = []
    for number, fold in enumerate(k_folds(choosing, folds, seed, task.twins), start=1):
        known = set(fold["test"]).union(*(group for group in task.twins if not set(group).isdisjoint(fold["test"])))
        others = {username: side for username, side in everybody.items() if username not in known}
        parts = split_accounts(others, seed + number, _shares(task, len(others)), task.twins)
        parts = {**{part: parts[part] for part in _CHOOSING}, "test": fold["test"]}
        check_parts(parts, strata)
        found.append(parts)
    return found


def crossed(unseen: UnseenProbabilities, settings: ModelSettings, wishes: Wishes) -> tuple[Floats, Floats]:
    """Probabilities and thresholds [accounts, cutoffs], of each account as the other folds choose them."""
    probability, threshold = np.empty_like(unseen.probability), np.empty_like(unseen.probability)
    for fold in np.unique(unseen.fold):
        own = unseen.fold == fold
        chosen = wishes.chosen(settings, unseen.at_least[~own], unseen.probability[~own])
        probability[own] = calibrated(unseen.probability[own], chosen)
        threshold[own] = chosen.thresholds
    return probability, threshold


def unseen_csv(task: TrainingTask, usernames: Sequence[str], folds: Sequence[str], figures: Sequence[Floats]) -> str:
    """``username,age,fold,probability,threshold``; a further cutoff has ``probability_<cutoff>`` and so on.

    Args:
        task: whose accounts they are.
        usernames: of the accounts.
        folds: of each the fold, or "test".
        figures: probabilities and thresholds [accounts, cutoffs].
    """
    endings = ["", *(f"_{cutoff:g}" for cutoff in task.settings.age_cutoffs[1:])]
    names = [f"{name}{ending}" for ending in endings for name in ("probability", "threshold")]
    rows = []
    for username, fold, *its in zip(usernames, folds, *figures, strict=True):
        cells = [f"{value:.{DECIMALS}f}" for pair in zip(*its, strict=True) for value in pair]
        rows.append([safe_name(username), f"{task.accounts.age(username):g}", fold, *cells])
    return csv_text(["username", "age", "fold", *names], rows)


def _shares(task: TrainingTask, accounts: int) -> dict[str, float]:
    """Part -> its share of so many accounts, so that the parts are as large as the model's own, or in proportion."""
    sizes = {part: len(task.parts[part]) for part in _CHOOSING}
    total = max(sum(sizes.values()), accounts)
    return {**{part: size / total for part, size in sizes.items()}, "spare": 1 - sum(sizes.values()) / total}


def _fold(method: Method, task: TrainingTask, checkpoints: Path, progress: Progress) -> Floats:
    """What the fold's model says of its test accounts; taken from the file where an interrupted call had made it."""
    made_from = _made_from(method, task)
    if (earlier := _told(checkpoints, made_from)) is not None:
        return earlier
    trained = fit_to_the_end(method, task, checkpoints, progress)
    found = part_probabilities(trained.predictor, task, "test")
    forget_checkpoints(checkpoints)
    write_json(checkpoints / _TOLD_FILE, {"made_from": made_from, "probability": found.tolist()})
    return found


def _folder(checkpoints: Path, fold: int) -> Path:
    return checkpoints / f"fold-{fold + 1}"


def _made_from(method: Method, task: TrainingTask) -> object:
    """Everything that a fold's model depends on, but for the accounts' texts."""
    recipe, settings = asdict(task.recipe), task.settings.as_dict()
    return json_form({"method": method, "settings": settings, "recipe": recipe, "parts": task.parts})


def _told(checkpoints: Path, made_from: object) -> Floats | None:
    """What a fold's model said, where that was made from the same."""
    earlier = find_json_object(checkpoints / _TOLD_FILE)
    return np.array(earlier["probability"], np.float64) if earlier.get("made_from") == made_from else None


@contextmanager
def _vectors_kept(task: TrainingTask) -> Iterator[TrainingTask]:
    """The task with a cache of users' vectors, which every fold asks for again."""
    if task.cache is not None:
        yield task
        return
    with tempfile.TemporaryDirectory() as folder, open_cache(Path(folder)) as cache:
        yield replace(task, cache=cache)
