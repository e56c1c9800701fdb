"""A handful of accounts whose words tell their age."""

import random
from pathlib import Path

from core.storage.account_files import write_account
from core.storage.models import Account, Post

YOUNG = ["exam", "homework", "teacher", "recess", "mom", "prom", "locker", "chemistry"]
OLD = ["mortgage", "office", "invoice", "daughter", "meeting", "retirement", "boss", "taxes"]
BOTH = ["today", "the", "a", "we", "was", "happy", "rain", "music", "dinner", "so"]


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
