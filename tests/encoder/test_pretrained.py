"""Encoders by name and folder, with and without a model hub."""

from pathlib import Path

import pytest
from huggingface_hub import constants

from core.encoder import pretrained
from core.encoder.names import DEFAULT_ENCODER, OFFLINE_ENCODER
from core.encoder.pretrained import available_encoders, load_config, load_encoder, load_tokenizer, preferred_encoder
from core.errors import InputError


@pytest.fixture(autouse=True)
def no_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A port of loopback where nobody answers, and an empty cache."""
    pretrained._locate.cache_clear()
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "no-such-cache"))


@pytest.mark.parametrize("name", [OFFLINE_ENCODER, "sentence-transformers/all-MiniLM-L6-v2"])
def test_the_offline_encoder_loads_by_its_name_without_a_hub(name: str) -> None:
    config = load_config(name)
    assert (config.hidden_size, config.num_hidden_layers) == (384, 6)
    tokens = load_tokenizer(name)(["hello " * 50, "hi"], truncation=True, max_length=18)["input_ids"]
    assert [len(token_ids) for token_ids in tokens] == [18, 3]


def test_an_encoder_loads_from_a_folder(tmp_path: Path) -> None:
    encoder, tokenizer = load_encoder(OFFLINE_ENCODER), load_tokenizer(OFFLINE_ENCODER)
    encoder.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    assert load_encoder(str(tmp_path)).config.hidden_size == 384
    assert load_tokenizer(str(tmp_path))("hello")["input_ids"] == tokenizer("hello")["input_ids"]


@pytest.mark.parametrize("load", [load_config, load_tokenizer, load_encoder])
def test_without_a_hub_the_error_names_the_offline_encoder(load: object) -> None:
    with pytest.raises(InputError, match=r"hub cannot be reached.*all-MiniLM-L6-v2"):
        load(DEFAULT_ENCODER)  # type: ignore[operator]


def test_a_name_that_cannot_be_one_is_said_to_be_none() -> None:
    with pytest.raises(InputError, match="There is no encoder"):
        load_config("/no/such/folder")


def test_a_folder_without_an_encoder_is_explained(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be loaded"):
        load_config(str(tmp_path))


def test_an_encoder_that_is_no_encoder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "t5", "num_layers": 6}')
    with pytest.raises(InputError, match="not a BERT-like encoder"):
        load_config(str(tmp_path))


def test_the_choices_say_what_needs_a_download() -> None:
    choices = {choice.name: choice.available for choice in available_encoders()}
    assert choices == {OFFLINE_ENCODER: True, DEFAULT_ENCODER: False}
    assert preferred_encoder() == OFFLINE_ENCODER
