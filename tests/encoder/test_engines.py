"""Engines: what the model's own code computes, only quicker, and in few bits still nearly that."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import BertConfig, BertModel, RobertaConfig, RobertaModel

from core.encoder.age_classifier import CLS_LAYERS, AgeClassifier
from core.encoder.engines import (
    SPEEDS_FILE,
    Eager,
    Engine,
    examples,
    is_packable,
    make_engine,
    quickest,
    supported_dtypes,
)
from core.encoder.names import OFFLINE_ENCODER
from core.encoder.onednn_bert import PackedBert, _AffineQuantizer, _Int8, _ObservedRange, can_compute
from core.encoder.precision import DType, has_avx512, is_fast
from core.encoder.pretrained import load_encoder, load_tokenizer
from core.encoder.tokenization import Pack, packs, tokenize
from core.encoder.user_encoder import UserEncoder
from core.settings import get_settings
from tests.tiny_models import captions

USERS = [captions(16, 5, 1), ["tbt", "so", "a b c d e f g " * 9, "\U0001f602"], captions(40, 7, 2)]
LOW: list[DType] = ["bfloat16", "int8"]


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return load_tokenizer(OFFLINE_ENCODER)


@pytest.fixture(scope="module")
def minilm() -> AgeClassifier:
    return AgeClassifier(load_encoder(OFFLINE_ENCODER)).eval()


def tiny(seed: int = 0, **options: Any) -> AgeClassifier:
    torch.manual_seed(seed)
    sizes = {"hidden_size": 64, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 96}
    return AgeClassifier(BertModel(BertConfig(**{"initializer_range": 0.2, **sizes, **options}))).eval()


def packed(model: AgeClassifier, tokenizer: Any) -> PackedBert:
    if not is_packable(model):
        pytest.skip("this PyTorch or this processor has no oneDNN")
    return PackedBert(model.bert, "float32", examples(tokenizer))


def engine_in(numbers: DType, model: AgeClassifier, tokenizer: Any) -> Engine:
    if numbers not in supported_dtypes(model):
        pytest.skip(f"this machine does not compute in {numbers}, or is no quicker in it")
    return make_engine(model, numbers, tokenizer)


def whole(tokenizer: Any, max_seq_len: int = 40) -> Pack:
    return next(packs(tokenize(tokenizer, USERS, max_seq_len), 10_000))


def plain(model: AgeClassifier, pack: Pack) -> Tensor:
    with torch.inference_mode():
        return model.encode(pack)


@pytest.mark.parametrize("activation", ["gelu", "gelu_new", "relu"])
def test_exact_is_what_the_models_own_code_computes(activation: str, tokenizer: Any) -> None:
    model, pack = tiny(hidden_act=activation), whole(tokenizer)
    found = packed(model, tokenizer).encode(pack)
    torch.testing.assert_close(found, plain(model, pack), atol=2e-5, rtol=0)


def test_attention_that_looks_at_one_token_only_is_exact(tokenizer: Any) -> None:
    """Scores whose exponentials are more than 32 bits hold."""
    model, pack = tiny(), whole(tokenizer)
    for layer in model.bert.encoder.layer:
        layer.attention.self.query.weight.data *= 60
    found = packed(model, tokenizer).encode(pack)
    assert found.isfinite().all()
    torch.testing.assert_close(found, plain(model, pack), atol=1e-3, rtol=0)


@pytest.mark.parametrize(("numbers", "tolerance"), [("bfloat16", 0.02), ("int8", 0.07)])
def test_few_bits_are_nearly_exact(numbers: DType, tolerance: float, minilm: AgeClassifier, tokenizer: Any) -> None:
    pack = whole(tokenizer)
    exact, found = plain(minilm, pack), engine_in(numbers, minilm, tokenizer).encode(pack)
    assert found.dtype == torch.float32
    error, spread = (found - exact).norm(dim=0), (exact - exact.mean(0)).norm(dim=0)
    assert 0 < (error.mean() / spread.mean()) < tolerance


@pytest.mark.parametrize("numbers", LOW)
def test_few_bits_keep_what_tells_captions_apart_in_every_layer(
    numbers: DType, minilm: AgeClassifier, tokenizer: Any
) -> None:
    """In the lower layers [CLS] hardly differs between captions, yet a head uses these columns as well."""
    pack = whole(tokenizer)
    exact, found = plain(minilm, pack), engine_in(numbers, minilm, tokenizer).encode(pack)
    share = (found - exact).norm(dim=0) / (exact - exact.mean(0)).norm(dim=0)
    assert share.view(CLS_LAYERS, -1).nanmedian(1).values.max() < 0.2  # a column without spread is no number


@pytest.mark.parametrize("numbers", LOW)
def test_what_few_bits_move_all_captions_by_is_taken_off(numbers: DType, minilm: AgeClassifier, tokenizer: Any) -> None:
    pack = examples(tokenizer)
    error = engine_in(numbers, minilm, tokenizer).encode(pack) - plain(minilm, pack)
    assert error.mean(0).abs().max() < 1e-4 < error.abs().max()


@pytest.mark.parametrize("numbers", ["float32", *LOW])
def test_a_caption_has_the_same_vector_in_any_company(numbers: DType, minilm: AgeClassifier, tokenizer: Any) -> None:
    engine = engine_in(numbers, minilm, tokenizer)
    tokens = tokenize(tokenizer, USERS, 18)
    together = engine.encode(next(packs(tokens, 10_000))).sum(0)
    apart = torch.stack([engine.encode(pack).sum(0) for pack in packs(tokens, 20)]).sum(0)
    torch.testing.assert_close(apart, together, atol=1e-5 if numbers == "float32" else 0.1, rtol=1e-2)


def test_other_encoders_are_left_to_their_own_code(tokenizer: Any) -> None:
    config = RobertaConfig(vocab_size=30522, hidden_size=32, num_hidden_layers=4, num_attention_heads=4)
    model = AgeClassifier(RobertaModel(config)).eval()
    engine = make_engine(model, "float32", tokenizer)
    assert isinstance(engine, Eager)
    torch.testing.assert_close(engine.encode(whole(tokenizer)), plain(model, whole(tokenizer)))
    assert "int8" not in supported_dtypes(model)


def test_weights_that_change_are_seen(tokenizer: Any) -> None:
    """An engine lays out a copy of the weights; an encoder that learnt since must not be read from it."""
    model = tiny()
    encoder = UserEncoder(model, tokenizer, 18, None)
    before = encoder.vectors(USERS)
    model.load_state_dict(tiny(seed=1).state_dict())
    after = encoder.vectors(USERS)
    assert np.abs(after - before).max() > 0.1
    np.testing.assert_allclose(after, UserEncoder(tiny(seed=1), tokenizer, 18, None).vectors(USERS), atol=1e-5)


def test_encoding_leaves_the_number_of_threads_as_it_was(tokenizer: Any) -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        UserEncoder(tiny(), tokenizer, 18, None).vectors(USERS)
        assert torch.get_num_threads() == 3
        with ThreadPoolExecutor(1) as later:
            assert later.submit(torch.get_num_threads).result() == 3
    finally:
        torch.set_num_threads(before)


def kinds(model: AgeClassifier) -> list[DType]:
    found = supported_dtypes(model)
    if len(found) < 2:
        pytest.skip("this machine computes in 32 bits only")
    return found


def test_the_quickest_numbers_are_remembered(tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny()
    among = kinds(model)
    seconds = iter([3.0, *(1.0 + place for place, _ in enumerate(among[1:]))])
    monkeypatch.setattr("core.encoder.engines._seconds", lambda engine, pack: next(seconds))
    assert quickest(model, among, tokenizer, tmp_path) == among[1]
    assert quickest(model, among, tokenizer, tmp_path) == among[1]  # or the times would have run out
    assert quickest(model, [among[0], among[-1]], tokenizer, tmp_path) == among[-1]


def test_what_another_edition_took_is_measured_again(
    tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact, low = kinds(tiny())[:2]
    seconds = iter([1.0, 2.0, 2.0, 1.0])
    monkeypatch.setattr("core.encoder.engines._seconds", lambda engine, pack: next(seconds))
    assert quickest(tiny(), [exact, low], tokenizer, tmp_path) == exact
    monkeypatch.setattr("core.encoder.engines.ENGINE_VERSION", 0)
    assert quickest(tiny(), [exact, low], tokenizer, tmp_path) == low


@pytest.mark.parametrize("content", [b"", b"{", b'{"x": {}}'])
def test_a_damaged_memory_is_measured_again(
    content: bytes, tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / SPEEDS_FILE).write_bytes(content)
    monkeypatch.setattr("core.encoder.engines._seconds", lambda engine, pack: isinstance(engine, PackedBert))
    assert quickest(tiny(), ["float32"], tokenizer, tmp_path) == "float32"


# ------------------------------------------------------------------------------ what a machine can compute


@pytest.fixture
def tried_anew() -> Iterator[None]:
    """What was found out about this machine is forgotten before the test and after it."""
    can_compute.cache_clear()
    is_fast.cache_clear()
    yield
    get_settings.cache_clear()
    can_compute.cache_clear()
    is_fast.cache_clear()


@pytest.mark.parametrize("width", [64, 65])
def test_eight_bits_hold_the_largest_products_that_there_can_be(
    width: int, minilm: AgeClassifier, tokenizer: Any
) -> None:
    """Without VNNI a processor adds up two of them in 16 bits, and says nothing where they do not fit."""
    engine_in("int8", minilm, tokenizer)
    x = torch.cat([torch.zeros(1, width), torch.full((1, width), 3.0)])
    weight = torch.full((32, width), 0.5)
    weight[8:16, ::2] = 0.0  # one large neighbour only
    weight[16:24, ::2] *= -1  # neighbours that take each other's products away
    weight[24:] *= torch.rand(8, width)
    found = _Int8(weight, torch.zeros(32), _AffineQuantizer(_ObservedRange(x), weight), torch.float32)(x)
    torch.testing.assert_close(found, x @ weight.T, rtol=0.01, atol=0.5)


@pytest.mark.parametrize("taken", ["mkldnn", "onednn"])
def test_a_torch_without_its_private_operators_is_slower_and_not_broken(
    taken: str, minilm: AgeClassifier, tokenizer: Any, monkeypatch: pytest.MonkeyPatch, tried_anew: None
) -> None:
    left = {name: getattr(torch.ops, name) for name in ("mkldnn", "onednn") if name != taken}
    monkeypatch.setattr("core.encoder.onednn_bert._ops", SimpleNamespace(**left))
    assert not can_compute("int8")
    assert can_compute("float32") == (taken == "onednn" and get_settings().cpu != "plain")
    pack = whole(tokenizer)
    for numbers in supported_dtypes(minilm):
        found = make_engine(minilm, numbers, tokenizer).encode(pack)
        torch.testing.assert_close(found, plain(minilm, pack), atol=2e-5 if numbers == "float32" else 0.5, rtol=0)


@pytest.mark.parametrize(("held", "never"), [("plain", {"bfloat16", "int8"}), ("avx2", {"bfloat16"})])
def test_a_processor_can_be_held_to_less(
    held: str, never: set[str], minilm: AgeClassifier, monkeypatch: pytest.MonkeyPatch, tried_anew: None
) -> None:
    monkeypatch.setenv("AGESCOPE_CPU", held)
    get_settings.cache_clear()
    assert not never & {*supported_dtypes(minilm)}
    assert is_packable(minilm) <= (held != "plain")
    assert not is_fast("cpu")
    assert not has_avx512()


def test_numbers_that_are_no_quicker_are_not_offered(
    minilm: AgeClassifier, monkeypatch: pytest.MonkeyPatch, tried_anew: None
) -> None:
    monkeypatch.setattr("core.encoder.onednn_bert.is_quicker", lambda one, other: False)
    monkeypatch.setattr("core.encoder.precision.is_quicker", lambda one, other: False)
    assert supported_dtypes(minilm) == ["float32"]


def test_encoders_may_be_used_by_several_threads_in_other_numbers_than_the_models(
    minilm: AgeClassifier, tokenizer: Any
) -> None:
    """Each thread says what it computes in; the model's own setting is for training."""
    exact, pack = plain(minilm, whole(tokenizer)), whole(tokenizer)
    minilm.precision = "fast"
    try:
        torch.testing.assert_close(Eager(minilm, "float32").encode(pack), exact, atol=1e-6, rtol=0)
        assert minilm.precision == "fast"
    finally:
        minilm.precision = "exact"
