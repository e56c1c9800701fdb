"""The baselines: what they say, and that their folders predict like any model's."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import InputError
from core.jobs.progress import no_progress
from core.models.baselines import MajorityPredictor, TfidfPredictor
from core.models.folder import write_config
from core.models.loading import load_predictor
from core.models.predictor import Predictor
from core.models.settings import ModelSettings
from core.prediction.arguments import PredictArguments
from core.prediction.predict import predict
from core.statistics.calibration import Calibration
from core.storage.predictions_file import read_rows
from tests.made_model import finish_model
from tests.tiny_models import captions, study

AGES = [16, 40, 19, 50] * 10
TEXTS = [captions(age, 5, number) for number, age in enumerate(AGES)]
AT_LEAST = np.array([[age >= 18, age >= 21] for age in AGES])


def settings(kind: str, weights: str = "weights.safetensors") -> ModelSettings:
    return ModelSettings("none", weights, age_cutoffs=(18.0, 21.0), thresholds=(0.5, 0.5), kind=kind)  # type: ignore[arg-type]


def fitted(kind: str, weights: str = "weights.safetensors") -> Predictor:
    if kind == "majority":
        return MajorityPredictor.fit(AT_LEAST, settings(kind, weights))
    return TfidfPredictor.fit(TEXTS, AT_LEAST, settings(kind, weights))


def test_the_majority_says_the_share_of_everybody() -> None:
    p = fitted("majority").probabilities([["hello"], ["x"], []])
    assert p[:2].tolist() == [[0.75, 0.5], [0.75, 0.5]]
    assert np.isnan(p[2]).all()


def test_tfidf_tells_the_words_of_the_young_from_those_of_the_old() -> None:
    young, old = fitted("tfidf").probabilities([captions(16, 5, 1001), captions(40, 5, 1000)])
    assert young[1] < 0.3
    assert old[1] > 0.7
    assert (young[1] <= young[0], old[1] <= old[0]) == (True, True)


@pytest.mark.parametrize("kind", ["majority", "tfidf"])
@pytest.mark.parametrize("weights", ["weights.safetensors", "weights.pth"])
def test_a_baseline_comes_back_as_it_was_and_predicts_by_the_same_command(
    kind: str, weights: str, tmp_path: Path
) -> None:
    model = fitted(kind, weights)
    model.save(tmp_path / "m")
    finish_model(tmp_path / "m")
    again = load_predictor(tmp_path / "m")
    np.testing.assert_allclose(again.probabilities(TEXTS), model.probabilities(TEXTS), atol=1e-9)

    accounts, _ = study(tmp_path, accounts=6)
    with no_progress() as progress:
        predict(
            PredictArguments(
                accounts, finetuned_model_path=tmp_path / "m", prediction_output_file=tmp_path / "p.csv", age_cutoff=21
            ),
            progress,
        )
    assert len([*read_rows(tmp_path / "p.csv")]) == 6


def test_balanced_lets_the_rare_class_count() -> None:
    rare = np.array([[number < 4] for number in range(40)])
    texts = [captions(40 if number < 4 else 16, 2, number) for number in range(40)]
    one = ModelSettings("none", "w.pth", kind="tfidf")
    plain = TfidfPredictor.fit(texts, rare, one).probabilities(texts)
    balanced = TfidfPredictor.fit(texts, rare, one, balanced=True).probabilities(texts)
    assert balanced.mean() > plain.mean() + 0.02


def test_calibrations_of_the_settings_are_applied_and_never_contradict() -> None:
    model = fitted("tfidf")
    lower, higher = Calibration("platt", 1.0, -9.0), Calibration("platt", 1.0, 9.0)
    model.settings = replace(model.settings, calibrations=(lower.to_json(), higher.to_json()))
    p = model.probabilities(TEXTS)
    assert p[:, 0].max() < 0.2
    assert (p[:, 1] <= p[:, 0]).all()


def test_captions_without_words_are_explained() -> None:
    with pytest.raises(InputError, match="too few words"):
        TfidfPredictor.fit([["😂"], ["!"]] * 5, AT_LEAST[:10], settings("tfidf"))


def test_a_damaged_folder_is_explained(tmp_path: Path) -> None:
    model = fitted("tfidf")
    model.save(tmp_path)
    finish_model(tmp_path)
    (tmp_path / "vocabulary.json").unlink()
    with pytest.raises(InputError, match="damaged"):
        load_predictor(tmp_path)
    write_config(tmp_path, None, model.settings)
