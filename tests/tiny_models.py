"""A tiny encoder, so that training on :mod:`tests.tiny_study` takes a second."""

from pathlib import Path
from typing import Any

import torch
from transformers import BertConfig, BertModel

from core.encoder.names import OFFLINE_ENCODER
from core.encoder.pretrained import load_tokenizer
from tests.tiny_study import BOTH, captions, study

__all__ = ["BOTH", "backward", "captions", "linear", "study", "tiny_encoder"]

torch.set_num_threads(1)  # several threads only wait for one another on models this small


def tiny_encoder(folder: Path, **options: Any) -> str:
    """A folder with a random BERT of four layers and the offline encoder's tokenizer."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 64}
    config = BertConfig(vocab_size=30522, initializer_range=0.2, **{**sizes, **options})
    BertModel(config).save_pretrained(folder)
    load_tokenizer(OFFLINE_ENCODER).save_pretrained(folder)
    return str(folder)


def linear(layer: torch.nn.Module) -> torch.nn.Linear:
    """``layer``, which is a linear one."""
    assert isinstance(layer, torch.nn.Linear)
    return layer


def backward(loss: torch.Tensor) -> None:
    """The gradient of ``loss``."""
    loss.backward()  # type: ignore[no-untyped-call]
