"""Several ways to make a model side by side: the same accounts, the same folds, one table.

Each method's model lies in a folder of its own, named after the method, and can be used to predict
like any other. What is finished is not done again when an interrupted comparison is started anew.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from core.encoder.devices import check_device
from core.encoder.vector_cache import open_cache
from core.errors import InputError
from core.jobs.progress import Progress
from core.models.folder import CHECKPOINTS, TEST_FILE, is_model_folder, read_model_info
from core.models.method_names import Method
from core.settings import get_settings
from core.training.arguments import TrainArguments
from core.training.comparison_table import TestPredictions, write_comparison
from core.training.cross_fit import Wishes
from core.training.events import MethodEvent
from core.training.finetune import forget_checkpoints
from core.training.methods import METHODS, TrainingTask, fit_to_the_end, part_probabilities
from core.training.prepare import check_parts, prepare, sides
from core.training.save_model import calibrate_and_set_thresholds, write_model
from core.training.splits import Parts, k_folds, split_accounts
from core.training.workers import make_by_workers, worker_progress
from core.utils.io import find_json_object, json_form, remove_leftovers, write_json
from core.utils.spreadsheets import plain_name

FEWEST_FOLDS = 2

_FOLDS_FOLDER = "folds"
_ENCODE_ONCE: tuple[Method, ...] = ("frozen", "combined")
"""Whose encoder stays as it is, so that a user is encoded once for all folds."""
_VALIDATION_SHARE = 0.15


def compare(
    arguments: TrainArguments, progress: Progress, methods: Sequence[Method] = tuple(METHODS), folds: int | None = None
) -> Path:
    """Make a model by each of ``methods`` on the same accounts, and write one table of what they are worth.

    Args:
        arguments: of every method; the models go into folders under ``model_output_dir``.
        progress: told of every step.
        methods: which.
        folds: None tests on the test part of the split; a number tests every account once by
            cross-validation, after which each method's model is made from all accounts.

    Returns:
        The folder, with ``comparison.json``, ``comparison.csv`` and ``README.md`` in it.

    Raises:
        InputError: as ``train``; or the folder holds a comparison with other settings.
        Stopped: asked to stop; the same call goes on after the last method that was finished.
    """
    check_device(arguments.device)
    if folds is not None and folds < FEWEST_FOLDS:
        raise InputError(f"--folds must be at least {FEWEST_FOLDS}, not {folds}.")
    folder = arguments.model_output_dir
    told = {key: value for key, value in arguments.as_dict().items() if key != "folds"}
    _claim(folder, {"arguments": told, "folds": folds})
    with open_cache(get_settings().cache_dir if arguments.cache else None) as cache:
        study = prepare(arguments, cache, progress)
        if not folds and not study.parts["test"]:
            raise InputError("The split has no test accounts to compare on. Add some, or ask for --folds.")
        run = _Comparison(arguments, study, methods, folder, progress)
        tested = run.by_folds(folds) if folds else run.by_test()
    write_comparison(folder, run.study, arguments, tested, folds)
    remove_leftovers(folder)
    return folder


class _Comparison:
    def __init__(
        self,
        arguments: TrainArguments,
        study: TrainingTask,
        methods: Sequence[Method],
        folder: Path,
        progress: Progress,
    ) -> None:
        self.arguments, self.study, self.methods = arguments, study, methods
        self.folder, self.progress = folder, progress
        self.wishes = Wishes(arguments.calibrate, arguments.threshold, arguments.seed)

    def by_test(self) -> dict[Method, TestPredictions]:
        """Each method's model, tested on the accounts set aside."""
        self._by_workers([Piece(method, self.study.parts) for method in self.methods])
        found = {}
        for method in self.methods:
            self._make(method, self.study)
            found[method] = _tested(self.folder / method)
        return found

    def by_folds(self, folds: int) -> dict[Method, TestPredictions]:
        """Every account tested once, and then each method's model from all of them."""
        strata = sides(self.study.accounts, self.arguments.cutoffs)
        drawn = k_folds(strata, folds, self.arguments.seed, self.study.twins)
        parts = [self._with_validation(fold, strata) for fold in drawn]
        everybody = self._with_validation({"train": sorted(strata), "test": []}, strata)
        pieces = [Piece(method, part, at) for method in self.methods for at, part in enumerate(parts, start=1)]
        self._by_workers([*pieces, *(Piece(method, everybody) for method in self.methods)])
        found = {}
        for method in self.methods:
            each = [self._fold(number, method, part) for number, part in enumerate(parts, start=1)]
            found[method] = _pooled(each)
        forget_checkpoints(self.folder / _FOLDS_FOLDER / CHECKPOINTS)
        for method in self.methods:
            self._make(method, replace(self.study, parts=everybody))
        return found

    def do(self, piece: "Piece") -> None:
        """Make the model of a piece, unless it is made."""
        if piece.fold:
            self._fold(piece.fold, piece.method, piece.parts)
        else:
            self._make(piece.method, replace(self.study, parts=piece.parts))

    def is_done(self, piece: "Piece") -> bool:
        """Whether the model of a piece is made."""
        if piece.fold:
            return self._told(piece.fold, piece.method).is_file()
        return is_model_folder(self.folder / piece.method)

    def _by_workers(self, pieces: "Sequence[Piece]") -> None:
        """Make the models at the same time, where that is asked for; whoever asks for one afterwards finds it made."""
        if self.arguments.workers == 1:
            return
        for piece in pieces:
            if piece.fold == 1 and piece.method in _ENCODE_ONCE and self.study.cache is not None:
                self.do(piece)  # which encodes everybody with all cores; the others find the vectors
        work = PieceWork.of(self, pieces)
        make_by_workers(
            work, range(len(pieces)), lambda at: self.is_done(pieces[at]), self.arguments.workers, self.progress
        )

    def _told(self, number: int, method: Method) -> Path:
        return self.folder / _FOLDS_FOLDER / f"{number}-{method}.json"

    def _with_validation(self, fold: Parts, strata: dict[str, tuple[bool, ...]]) -> Parts:
        """A fold whose training accounts are divided into those that train and those that choose."""
        inner = {username: strata[username] for username in fold["train"]}
        shares = {"train": 1 - _VALIDATION_SHARE, "validation": _VALIDATION_SHARE}
        parts = {**split_accounts(inner, self.arguments.seed, shares, self.study.twins), "test": fold["test"]}
        check_parts(parts, strata)
        return parts

    def _fold(self, number: int, method: Method, parts: Parts) -> TestPredictions:
        path = self._told(number, method)
        if path.is_file():
            return TestPredictions.read(path)
        study = replace(self.study, parts=parts)
        checkpoints = self.folder / _FOLDS_FOLDER / CHECKPOINTS / path.stem
        trained = fit_to_the_end(method, study, checkpoints, self.progress)
        calibrate_and_set_thresholds(trained, study, self.wishes)
        probability = part_probabilities(trained.predictor, study, "test")
        predicted = probability >= np.array(trained.predictor.settings.thresholds)
        tested = TestPredictions(parts["test"], probability, predicted, trained.seconds)
        tested.write(path)
        forget_checkpoints(checkpoints)
        return tested

    def _make(self, method: Method, study: TrainingTask) -> None:
        """The method's model folder, unless it is there."""
        folder = self.folder / method
        if is_model_folder(folder):
            forget_checkpoints(folder / CHECKPOINTS)
            return
        self.progress.event(MethodEvent(method=method))
        trained = fit_to_the_end(method, study, folder / CHECKPOINTS, self.progress)
        calibrate_and_set_thresholds(trained, study, self.wishes)
        write_model(trained, study, self.arguments.as_dict(), folder)
        forget_checkpoints(folder / CHECKPOINTS)


@dataclass(frozen=True)
class Piece:
    """One model of a comparison.

    Attributes:
        method: by which it is made.
        parts: the accounts that train, choose and test.
        fold: its number, from 1; 0 for the method's own model.
    """

    method: Method
    parts: Parts
    fold: int = 0


@dataclass(frozen=True)
class PieceWork:
    """Makes the models of a comparison in a process of its own.

    Attributes:
        arguments, study, methods, folder: of the comparison; the study is without its cache.
        pieces: which models.
        cache_dir: where users' vectors are kept.
    """

    arguments: TrainArguments
    study: TrainingTask
    methods: Sequence[Method]
    folder: Path
    pieces: Sequence[Piece]
    cache_dir: Path | None

    @classmethod
    def of(cls, run: _Comparison, pieces: Sequence[Piece]) -> "PieceWork":
        """The work of a comparison, which can be sent to another process."""
        cache = run.study.cache
        study = replace(run.study, cache=None)
        return cls(run.arguments, study, run.methods, run.folder, pieces, cache.path.parent if cache else None)

    def __call__(self, at: int) -> None:
        """Make the model of a piece.

        Raises:
            InputError: the encoder cannot be had.
        """
        with open_cache(self.cache_dir) as cache:
            study = replace(self.study, cache=cache)
            _Comparison(self.arguments, study, self.methods, self.folder, worker_progress()).do(self.pieces[at])


def _claim(folder: Path, what: Mapping[str, object]) -> None:
    """Make ``folder`` the place of this comparison, or go on with it there."""
    path = folder / "comparison.started.json"
    if path.is_file():
        if find_json_object(path) != json_form(what):
            raise InputError(f"{folder} holds a comparison with other settings. Choose another folder, or remove it.")
        return
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"{folder} is not empty. Choose a folder of its own for the comparison.")
    write_json(path, what)


def _tested(folder: Path) -> TestPredictions:
    """What a model's ``test.csv`` says."""
    info = read_model_info(folder)
    with (folder / TEST_FILE).open(encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file)
    probability = np.array([row[2:] for row in rows], np.float64)
    predicted = probability >= np.array(info.settings.thresholds)
    return TestPredictions([plain_name(row[0]) for row in rows], probability, predicted, info.training.seconds)


def _pooled(folds: Sequence[TestPredictions]) -> TestPredictions:
    return TestPredictions(
        [username for fold in folds for username in fold.usernames],
        np.concatenate([fold.probability for fold in folds]),
        np.concatenate([fold.predicted for fold in folds]),
        sum(fold.seconds for fold in folds) / len(folds),
    )
