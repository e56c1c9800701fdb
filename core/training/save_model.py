"""What a trained model is worth, and the folder that it goes into."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from core.encoder.engines import supported_dtypes
from core.models.card import model_card
from core.models.combined import CombinedPredictor
from core.models.folder import (
    CARD_FILE,
    TEST_FILE,
    TRAINING_FILE,
    UNSEEN_FILE,
    VALIDATION_FILE,
    cutoff_index,
    versions,
)
from core.models.predictor import EncoderPredictor, Floats
from core.models.settings import ModelSettings
from core.models.training_record import CalibrationBin, CrossFitRecord, MetricsByCutoff, TrainingRecord
from core.statistics.calibration import Bools
from core.statistics.curves import calibration_curve
from core.statistics.drift import training_profile, write_profile
from core.statistics.estimate import Subgroup
from core.statistics.metrics import auc, metrics
from core.statistics.subgroups import caption_groups, subgroups
from core.storage.predictions_file import DECIMALS
from core.training.cross_fit import UnseenProbabilities, Wishes, crossed, unseen_csv
from core.training.methods import Trained, TrainingTask, part_probabilities
from core.training.splits import groups_across_parts
from core.utils.io import write_atomically
from core.utils.language import language_of
from core.utils.records import utc_now, write_record
from core.utils.spreadsheets import csv_text, safe_name

_MAX_MOVE = 0.02  # of a probability, on average over accounts


@dataclass(frozen=True)
class CrossFitted:
    """What all labelled accounts say of a model.

    Attributes:
        unseen: of the accounts that it learnt from or chose by.
        wishes: by which calibration and threshold were chosen.
    """

    unseen: UnseenProbabilities
    wishes: Wishes


def write_model(
    trained: Trained,
    study: TrainingTask,
    arguments: dict[str, JsonValue],
    folder: Path,
    cross_fitted: CrossFitted | None = None,
) -> TrainingRecord:
    """Measure a model and write its folder; ``training.json``, written last, makes it a finished one.

    The test accounts are looked at here for the first and only time, and not while the training is
    unfinished.

    Args:
        trained: calibrated, with its threshold; see :func:`calibrate_and_set_thresholds`.
        study: what it was made from.
        arguments: of the command, for the record.
        folder: of the model.
        cross_fitted: None where only the split tells what the model is worth.

    Returns:
        What ``training.json`` holds.
    """
    predictor = trained.predictor
    tested = bool(study.parts["test"]) and not trained.history.stopped
    found = {part: part_probabilities(predictor, study, part) for part in ("validation", *["test"] * tested)}
    if isinstance(predictor, EncoderPredictor | CombinedPredictor):
        losses = _auc_losses(predictor, study, found["validation"])
        predictor.settings = replace(predictor.settings, numbers=predictor.encoder.numbers, auc_losses=losses)
    told = None
    if cross_fitted is not None:
        told = _write_cross_fitted(predictor.settings, study, cross_fitted, found.get("test"), folder)
    record = _record(trained, study, arguments, found, told)
    predictor.save(folder)
    truth = dict(zip(study.settings.age_cutoffs, study.at_least("train").T, strict=True))
    write_profile(folder, training_profile(study.captions("train"), truth))
    for part, name in (("validation", VALIDATION_FILE), ("test", TEST_FILE)):
        if part in found:
            write_atomically(folder / name, _probabilities_csv(study, part, found[part]))
    write_atomically(folder / CARD_FILE, model_card(record))
    write_record(folder / TRAINING_FILE, record)
    return record


def _record(
    trained: Trained,
    study: TrainingTask,
    arguments: dict[str, JsonValue],
    found: dict[str, Floats],
    told: CrossFitRecord | None,
) -> TrainingRecord:
    """How a model came about and what it is worth, from the probabilities ``found`` by part [accounts, cutoffs]."""
    settings, history = trained.predictor.settings, trained.history
    measured = {part: metrics_by_cutoff(settings, study.at_least(part), p) for part, p in found.items()}
    return TrainingRecord(
        created_at=utc_now(),
        method=trained.method,
        arguments=arguments,
        settings=settings,
        labels=study.accounts.report.record(),
        split=study.parts,
        epochs=tuple(history.epochs),
        best_epoch=history.best_epoch,
        stopped=history.stopped,
        twins_apart=len(groups_across_parts(study.parts, study.twins)),
        validation=measured["validation"],
        test=measured.get("test"),
        cross_fitted=told,
        calibration=_calibration(settings, study, found),
        subgroups=_subgroups(settings, study, found),
        seconds=round(trained.seconds, 1),
        versions=versions(),
    )


def _write_cross_fitted(
    settings: ModelSettings, study: TrainingTask, fitted: CrossFitted, test: Floats | None, folder: Path
) -> CrossFitRecord:
    """Write what was said of every labelled account by a model that had not seen it; and what that is worth."""
    unseen = fitted.unseen
    plain = replace(settings, calibrations=(), thresholds=study.settings.thresholds)
    probability, threshold = crossed(unseen, plain, fitted.wishes)
    usernames, folds, truth = [*unseen.usernames], [str(fold + 1) for fold in unseen.fold], unseen.at_least
    if test is not None:
        usernames, folds = usernames + study.parts["test"], folds + ["test"] * len(test)
        probability = np.concatenate([probability, test])
        threshold = np.concatenate([threshold, np.tile(settings.thresholds, (len(test), 1))])
        truth = np.concatenate([truth, study.at_least("test")])
    write_atomically(folder / UNSEEN_FILE, unseen_csv(study, usernames, folds, (probability, threshold)))
    columns = zip(settings.age_cutoffs, truth.T, probability.T, threshold.T, strict=True)
    measured = {f"{cutoff:g}": metrics(y, p, p >= t) for cutoff, y, p, t in columns}
    return CrossFitRecord(folds=int(unseen.fold.max()) + 1, accounts=len(usernames), metrics=measured)


def _auc_losses(
    predictor: EncoderPredictor | CombinedPredictor, study: TrainingTask, at_own: Floats
) -> dict[str, float]:
    """Numbers -> how much validation AUC is lost where the encoder computes in them instead of the model's own.

    Low precision shifts all vectors a little the same way, which the mean over posts does not even
    out: a head learnt in some numbers may fail in others, and only trying tells. The AUC does not see
    it when all probabilities move alike, but threshold and calibration would no longer hold: numbers
    that move them are left out, and so are not used.
    """
    encoder, own, truth = predictor.encoder, predictor.encoder.numbers, study.at_least("validation").T
    losses: dict[str, float] = {}
    for numbers in supported_dtypes(encoder.model):
        if numbers != own:
            encoder.numbers = numbers
            found = part_probabilities(predictor, study, "validation")
            if np.abs(found - at_own).mean(0).max() > _MAX_MOVE:
                continue
            pairs = zip(truth, at_own.T, found.T, strict=True)
            losses[numbers] = max(auc(y, p) - auc(y, q) for y, p, q in pairs)
    encoder.numbers = own
    return losses


def _calibration(
    settings: ModelSettings, study: TrainingTask, found: dict[str, Floats]
) -> dict[str, tuple[CalibrationBin, ...]]:
    """Cutoff -> the calibration curve of the test accounts, or else of those that chose."""
    part = "test" if "test" in found else "validation"
    columns = zip(settings.age_cutoffs, study.at_least(part).T, found[part].T, strict=True)
    curves = {f"{cutoff:g}": calibration_curve(y, p).to_dict("records") for cutoff, y, p in columns}
    return {cutoff: tuple(CalibrationBin.model_validate(row) for row in rows) for cutoff, rows in curves.items()}


def _subgroups(settings: ModelSettings, study: TrainingTask, found: dict[str, Floats]) -> tuple[Subgroup, ...]:
    """By language, number of captions and the labels' columns, of the test accounts, or else of those that chose."""
    part = "test" if "test" in found else "validation"
    usernames, captions, at = study.parts[part], [*study.captions(part)], cutoff_index(settings, None)
    columns: dict[str, list[str]] = {
        "language": [language_of(its) for its in captions],
        "captions used": caption_groups([len(its) for its in captions]),
    }
    names = sorted({name for extra in study.accounts.extra.values() for name in extra} - {*columns})
    columns |= {name: [study.accounts.extra[user].get(name, "") for user in usernames] for name in names}
    probability = found[part][:, at]
    predicted = probability >= settings.thresholds[at]
    groups, _ = subgroups(study.at_least(part)[:, at], probability, predicted, columns)
    return tuple(groups)


def calibrate_and_set_thresholds(
    trained: Trained, study: TrainingTask, wishes: Wishes, unseen: UnseenProbabilities | None = None
) -> None:
    """Set calibration and threshold, where asked to: by all accounts that choose, or else the validation accounts.

    Args:
        trained: its predictor's settings are replaced.
        study: whose validation accounts decide where nothing better does.
        wishes: what is to be chosen.
        unseen: what cross-fitting told; None where there was none.
    """
    if not wishes.calibrate and wishes.threshold is None:
        return
    if unseen is not None:
        truth, probability = unseen.at_least, unseen.probability
    else:
        truth, probability = study.at_least("validation"), part_probabilities(trained.predictor, study, "validation")
    trained.predictor.settings = wishes.chosen(trained.predictor.settings, truth, probability)


def metrics_by_cutoff(settings: ModelSettings, at_least: Bools, probability: Floats) -> MetricsByCutoff:
    """Cutoff -> every metric with its interval, from ``at_least`` and ``probability`` [users, cutoffs]."""
    columns = zip(settings.age_cutoffs, settings.thresholds, at_least.T, probability.T, strict=True)
    return {f"{cutoff:g}": metrics(y, p, p >= threshold) for cutoff, threshold, y, p in columns}


def _probabilities_csv(study: TrainingTask, part: str, probability: Floats) -> str:
    """``username,age,probability`` for the first cutoff, and ``probability_<cutoff>`` for each further one."""
    further = [f"probability_{cutoff:g}" for cutoff in study.settings.age_cutoffs[1:]]
    rows = (
        [safe_name(username), f"{study.accounts.age(username):g}", *(f"{p:.{DECIMALS}f}" for p in row)]
        for username, row in zip(study.parts[part], probability, strict=True)
    )
    return csv_text(["username", "age", "probability", *further], rows)
