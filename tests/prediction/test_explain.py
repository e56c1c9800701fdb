"""Explanations: leaving a caption out by arithmetic is leaving it out indeed."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.encoder.age_classifier import AgeClassifier
from core.encoder.names import OFFLINE_ENCODER
from core.encoder.pretrained import load_encoder, load_tokenizer
from core.errors import InputError
from core.models.predictor import EncoderPredictor
from core.models.settings import ModelSettings
from core.prediction.explain import explain
from core.statistics.calibration import Calibration
from tests.tiny_models import captions, linear, tiny_encoder


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> EncoderPredictor:
    encoder = tiny_encoder(Path(tmp_path_factory.mktemp("encoder")))
    torch.manual_seed(1)
    model = AgeClassifier(load_encoder(encoder), cutoffs=2)
    torch.nn.init.normal_(linear(model.classifier[2]).weight, std=2)  # so that a caption moves much
    settings = ModelSettings(encoder, "weights.pth", max_seq_len=18, age_cutoffs=(18, 21), thresholds=(0.5, 0.5))
    return EncoderPredictor(model, load_tokenizer(OFFLINE_ENCODER), settings)


@pytest.mark.parametrize("column", [0, 1])
def test_it_is_what_leaving_each_caption_out_gives(predictor: EncoderPredictor, column: int) -> None:
    texts = [*captions(40, 6, 1), *captions(16, 3, 2)]
    texts.append(texts[0])  # a caption written twice counts twice
    found = explain(predictor, texts, column)
    without = [[*texts[:at], *texts[at + 1 :]] for at in range(len(texts))]
    expected = predictor.probabilities([texts, *without])[:, column]
    assert found.probability == pytest.approx(expected[0], abs=1e-6)
    assert np.abs(found.moved - (expected[0] - expected[1:])).max() < 1e-6
    assert np.ptp(found.moved) > 1e-3  # or the comparison would tell nothing


def test_a_calibrated_model_is_explained_as_it_answers(predictor: EncoderPredictor) -> None:
    platt = Calibration("platt", slope=0.5, intercept=1.0).to_json()
    settings = replace(predictor.settings, calibrations=(platt, platt))
    calibrated = EncoderPredictor(predictor.model, predictor.tokenizer, settings)
    texts = captions(40, 4, 1)
    found = explain(calibrated, texts)
    expected = calibrated.probabilities([texts, texts[1:]])[:, 0]
    assert found.moved[0] == pytest.approx(expected[0] - expected[1], abs=1e-6)
    assert found.probability != pytest.approx(explain(predictor, texts).probability, abs=1e-3)


def test_other_kinds_of_models_are_asked_without_each_caption() -> None:
    class ByLength:
        settings = ModelSettings("none", "weights.json")

        def probabilities(self, users: Sequence[Sequence[str]]) -> np.ndarray:
            return np.array([[len("".join(user)) / 10] for user in users])

        def save(self, folder: Path) -> None: ...

    assert explain(ByLength(), ["aaaa", "b"]).moved.tolist() == pytest.approx([0.4, 0.1])


def test_the_only_caption_cannot_be_left_out(predictor: EncoderPredictor) -> None:
    found = explain(predictor, ["the only one"])
    assert found.probability == pytest.approx(predictor.probabilities([["the only one"]])[0, 0], abs=1e-6)
    assert np.isnan(found.moved).all()


def test_without_captions_it_says_so(predictor: EncoderPredictor) -> None:
    with pytest.raises(InputError, match="no caption"):
        explain(predictor, [])
