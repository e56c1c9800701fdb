"""A tiny encoder and a handful of accounts whose words tell their age, so that training takes a second."""

import random
from pathlib import Path
from typing import Any

import torch
from transformers import BertConfig, BertModel

from core.encoder.names import OFFLINE_ENCODER
from core.encoder.pretrained import load_tokenizer
from core.storage.account_files import write_account
from core.storage.models import Account, Post

torch.set_num_threads(1)  # several threads only wait for one another on models this small

YOUNG = ["exam", "homework", "teacher", "recess", "mom", "prom", "locker", "chemistry"]
OLD = ["mortgage", "office", "invoice", "daughter", "meeting", "retirement", "boss", "taxes"]
BOTH = ["today", "the", "a", "we", "was", "happy", "rain", "music", "dinner", "so"]


def tiny_encoder(folder: Path, **options: Any) -> str:
    """A folder with a random BERT of four layers and the offline encoder's tokenizer."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 64}
    config = BertConfig(vocab_size=30522, initializer_range=0.2, **{**sizes, **options})
    BertModel(config).save_pretrained(folder)
    load_tokenizer(OFFLINE_ENCODER).save_pretrained(folder)
    return str(folder)


def captions(age: float, number: int, seed: int) -> list[str]:
    """Short texts with words of one's age and of everybody's."""
    rng = random.Random(seed)
    words = OLD if age >= 21 else YOUNG
    return [" ".join(rng.choices(words, k=2) + rng.choices(BOTH, k=3)) for _ in range(number)]


def study(folder: Path, accounts: int = 60, posts: int = 4) -> tuple[Path, Path]:
    """The accounts' folder and the labels of a study: every second account is 16, the others 40."""
    lines = ["username,age"]
    for number in range(accounts):
        age = 40 if number % 2 else 16
        texts = captions(age, posts, number)
        made = [Post(id=str(index), caption=text) for index, text in enumerate(texts)]
        write_account(folder / "accounts", Account(username=f"user_{number:03}", posts=made))
        lines.append(f"user_{number:03},{age}")
    labels = folder / "labels.csv"
    labels.write_text("\n".join(lines) + "\n")
    return folder / "accounts", labels


def linear(layer: torch.nn.Module) -> torch.nn.Linear:
    """``layer``, which is a linear one."""
    assert isinstance(layer, torch.nn.Linear)
    return layer


def backward(loss: torch.Tensor) -> None:
    """The gradient of ``loss``."""
    loss.backward()  # type: ignore[no-untyped-call]
