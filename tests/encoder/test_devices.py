"""Devices: which there are, and that what they compute is what the processor computes.

The tests of a GPU, NVIDIA's or a Mac's, run where there is one and say elsewhere why they do not.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.encoder.age_classifier import AgeClassifier
from core.encoder.devices import check_device, devices
from core.encoder.pretrained import load_encoder, load_tokenizer
from core.encoder.user_encoder import UserEncoder
from core.errors import InputError
from core.jobs.progress import no_progress
from core.models.folder import read_model_info
from core.models.loading import load_predictor
from core.prediction.arguments import PredictArguments
from core.prediction.predict import predict
from core.training.arguments import TrainArguments
from core.training.train import train
from tests.narrowing import present
from tests.tiny_models import captions, study

USERS = [captions(16, 30, 1), captions(40, 5, 2), ["a", "b"]]


@pytest.fixture(params=["cuda", "mps"])
def gpu(request: pytest.FixtureRequest) -> str:
    """A GPU, where there is one."""
    name: str = request.param
    try:
        check_device(name)
    except InputError as error:
        pytest.skip(str(error))
    return name


def test_the_processor_is_always_there_and_a_missing_gpu_is_explained() -> None:
    cpu, gpu = devices()
    assert cpu.available
    check_device("cpu")
    for name in ("cuda", "mps"):
        if name != gpu.name or not gpu.available:
            with pytest.raises(InputError, match=rf"{name} cannot be used.*Choose cpu"):
                check_device(name)


def test_a_device_that_nobody_knows_is_refused() -> None:
    with pytest.raises(InputError, match=r"no device 'tpu'.*cpu, cuda or mps"):
        check_device("tpu")


def test_a_gpu_gives_the_vectors_of_the_processor(gpu: str, encoder: str) -> None:
    def vectors(device: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        model = AgeClassifier(load_encoder(encoder)).to(device)
        return UserEncoder(model, load_tokenizer(encoder), 18, None).vectors(USERS)

    np.testing.assert_allclose(vectors(gpu), vectors("cpu"), atol=1e-3)


@pytest.mark.parametrize("options", [{}, {"freeze_encoder": True}, {"recipe": "best"}])
def test_a_model_learns_on_a_gpu_and_predicts_the_same_on_a_processor(
    gpu: str, options: dict[str, Any], encoder: str, tmp_path: Path
) -> None:
    accounts, labels = study(tmp_path)
    given = TrainArguments(
        accounts,
        labels,
        tmp_path / "m",
        model_name_or_path=encoder,
        learn_rate=2e-3,
        epoch_num=3,
        device=gpu,
        **options,
    )
    with no_progress() as progress:
        folder = train(given, progress)
        output = tmp_path / "predictions.csv"
        predict(
            PredictArguments(accounts, finetuned_model_path=folder, prediction_output_file=output, device=gpu), progress
        )
    assert present(read_model_info(folder).training.figures["21"]["auc"].value) > 0.8
    assert len(output.read_text().splitlines()) == 61
    on_gpu, on_cpu = (load_predictor(folder, device=device).probabilities(USERS) for device in (gpu, "cpu"))
    np.testing.assert_allclose(on_gpu, on_cpu, atol=1e-3)


def test_a_gpu_repeats_its_dropout_where_it_computes_a_portion_again(
    gpu: str, encoder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the gradient would belong to another dropout than the loss."""
    from core.encoder.tokenization import packs, tokenize

    users = tokenize(load_tokenizer(encoder), USERS, 18)

    def gradient(max_tokens: int, again: bool) -> torch.Tensor:
        model = AgeClassifier(load_encoder(encoder)).to(gpu).train()
        if not again:
            monkeypatch.setattr("core.encoder.age_classifier.checkpoint", lambda part, pack, use_reentrant: part(pack))
        torch.manual_seed(0)
        model(packs(users, max_tokens)).sum().backward()
        monkeypatch.undo()
        found = model.bert.encoder.layer[0].output.dense.weight.grad
        assert isinstance(found, torch.Tensor)
        return found.cpu()

    torch.testing.assert_close(gradient(60, again=True), gradient(60, again=False), atol=1e-4, rtol=1e-3)
