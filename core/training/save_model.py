"""What a trained model is worth, and the folder that it goes into."""

import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
from pydantic import JsonValue
from sklearn.metrics import roc_auc_score

from core.encoder.engines import supported_dtypes
from core.models.card import model_card
from core.models.combined import CombinedPredictor
from core.models.folder import CARD_FILE, TEST_FILE, TRAINING_FILE, VALIDATION_FILE, versions
from core.models.predictor import EncoderPredictor, Floats, Predictor, calibrated
from core.models.settings import ModelSettings
from core.models.training_record import CalibrationBin, MetricsByCutoff, TrainingRecord
from core.statistics.calibration import Bools, fit_calibration
from core.statistics.curves import calibration_curve
from core.statistics.drift import training_profile, write_profile
from core.statistics.metrics import metrics
from core.statistics.names import Measure
from core.statistics.thresholds import best_threshold
from core.storage.predictions_file import DECIMALS
from core.training.methods import Trained, TrainingTask
from core.training.splits import groups_across_parts
from core.utils.io import write_atomically
from core.utils.iteration import batched
from core.utils.records import utc_now, write_record
from core.utils.spreadsheets import safe_name

_ACCOUNTS_AT_ONCE = 256
_MAX_MOVE = 0.02  # of a probability, on average over accounts


def write_model(trained: Trained, study: TrainingTask, arguments: dict[str, JsonValue], folder: Path) -> TrainingRecord:
    """Measure a model and write its folder; ``training.json``, written last, makes it a finished one.

    The test accounts are looked at here for the first and only time, and not while the training is
    unfinished.

    Args:
        trained: calibrated, with its threshold; see :func:`choose`.
        study: what it was made from.
        arguments: of the command, for the record.
        folder: of the model.

    Returns:
        What ``training.json`` holds.
    """
    predictor, history = trained.predictor, trained.history
    tested = bool(study.parts["test"]) and not history.stopped
    found = {part: part_probabilities(predictor, study, part) for part in ("validation", *["test"] * tested)}
    if isinstance(predictor, EncoderPredictor | CombinedPredictor):
        losses = _auc_losses(predictor, study, found["validation"])
        predictor.settings = replace(predictor.settings, numbers=predictor.encoder.numbers, auc_losses=losses)
    measured = {part: metrics_by_cutoff(predictor.settings, study.at_least(part), p) for part, p in found.items()}
    record = TrainingRecord(
        created_at=utc_now(),
        method=trained.method,
        arguments=arguments,
        settings=predictor.settings,
        labels=study.accounts.report.record(),
        split=study.parts,
        epochs=tuple(history.epochs),
        best_epoch=history.best_epoch,
        stopped=history.stopped,
        twins_apart=len(groups_across_parts(study.parts, study.twins)),
        validation=measured["validation"],
        test=measured.get("test"),
        calibration=_calibration(predictor.settings, study, found),
        seconds=round(trained.seconds, 1),
        versions=versions(),
    )
    predictor.save(folder)
    truth = dict(zip(study.settings.age_cutoffs, study.at_least("train").T, strict=True))
    write_profile(folder, training_profile(study.captions("train"), truth))
    for part, name in (("validation", VALIDATION_FILE), ("test", TEST_FILE)):
        if part in found:
            write_atomically(folder / name, _probabilities_csv(study, part, found[part]))
    write_atomically(folder / CARD_FILE, model_card(record))
    write_record(folder / TRAINING_FILE, record)
    return record


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
            losses[numbers] = max(float(roc_auc_score(y, p) - roc_auc_score(y, q)) for y, p, q in pairs)
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


def calibrate_and_set_thresholds(
    trained: Trained, study: TrainingTask, calibrate: bool, threshold: Measure | None
) -> None:
    """Set calibration and threshold by the validation accounts, where asked to.

    Args:
        trained: its predictor's settings are replaced.
        study: whose validation accounts decide.
        calibrate: make the probabilities agree with what is observed.
        threshold: what the threshold is to be best for; None leaves it at 0.5.
    """
    predictor = trained.predictor
    if not calibrate and threshold is None:
        return
    truth, probability = study.at_least("validation"), part_probabilities(predictor, study, "validation")
    if calibrate:
        fits = [fit_calibration(y, p, study.recipe.seed) for y, p in zip(truth.T, probability.T, strict=True)]
        predictor.settings = replace(predictor.settings, calibrations=tuple(fit.to_json() for fit in fits))
        probability = calibrated(probability, predictor.settings)
    if threshold:
        chosen = (best_threshold(y, p, threshold) for y, p in zip(truth.T, probability.T, strict=True))
        predictor.settings = replace(predictor.settings, thresholds=tuple(found.threshold for found in chosen))


def part_probabilities(predictor: Predictor, study: TrainingTask, part: str) -> Floats:
    """P(age >= cutoff) [accounts of the part, cutoffs]."""
    batches = batched(study.captions(part), _ACCOUNTS_AT_ONCE)
    return np.concatenate([predictor.probabilities(captions) for captions in batches])


def metrics_by_cutoff(settings: ModelSettings, at_least: Bools, probability: Floats) -> MetricsByCutoff:
    """Cutoff -> every metric with its interval, from ``at_least`` and ``probability`` [users, cutoffs]."""
    columns = zip(settings.age_cutoffs, settings.thresholds, at_least.T, probability.T, strict=True)
    return {f"{cutoff:g}": metrics(y, p, p >= threshold) for cutoff, threshold, y, p in columns}


def _probabilities_csv(study: TrainingTask, part: str, probability: Floats) -> str:
    """``username,age,probability`` for the first cutoff, and ``probability_<cutoff>`` for each further one."""
    further = [f"probability_{cutoff:g}" for cutoff in study.settings.age_cutoffs[1:]]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["username", "age", "probability", *further])
    for username, row in zip(study.parts[part], probability, strict=True):
        age = study.accounts.age(username)
        writer.writerow([safe_name(username), f"{age:g}", *(f"{p:.{DECIMALS}f}" for p in row)])
    return buffer.getvalue()
