"""Batches: which accounts are to be labelled, in which order, and what their labels are good for."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import InputError
from core.labelling.records import SKIPPED, Record
from core.utils.io import write_json

BATCH_FILE = "batch.json"

Purpose = Literal["audit", "uncertain", "random", "chosen"]

GOOD_FOR: dict[Purpose, str] = {
    "audit": (
        "Drawn at random from one list of predicted accounts. Tells the **share** of that list with an interval that "
        "is right whatever the model is worth. The accounts may teach a model as well."
    ),
    "uncertain": (
        "Those that the model is least sure of. They **teach a model** the most for each label. They tell nothing of a "
        "share, and nothing of how often the model is right: they were chosen because it may be wrong."
    ),
    "random": (
        "Collected accounts drawn at random. For a **first model**, and to see how often a model is right on accounts "
        "like these. For a share take an audit sample."
    ),
    "chosen": (
        "Accounts that somebody chose from a list on Results or Overview. They may **teach a model**. They tell "
        "nothing of a share, nor of how often the model is right: they were not drawn at random."
    ),
}
"""What the labels of a batch are good for, as Markdown."""


class Batch(BaseModel):
    """Accounts to label.

    Attributes:
        name: of its folder.
        purpose: how the accounts were chosen.
        cutoff: the age that "under" and "at least" mean, in years.
        usernames: in the order in which they are shown.
        run: the prediction run that they come from, if any.
        draw: how an audit sample was drawn, as its file says it.
        created_at: in UTC.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    purpose: Purpose
    cutoff: float
    usernames: tuple[str, ...]
    run: str | None = None
    draw: str | None = None
    created_at: datetime = Field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    def next_account(self, answers: dict[str, Record]) -> str | None:
        """The account to show next: one without an answer, then the one put off longest; None when all is done."""
        for username in self.usernames:
            if username not in answers:
                return username
        own = set(self.usernames)
        return next((u for u, record in answers.items() if record.answer == SKIPPED and u in own), None)

    def done(self, answers: dict[str, Record]) -> int:
        """How many accounts have an answer that is more than putting off."""
        own = set(self.usernames)
        return sum(record.answer != SKIPPED and username in own for username, record in answers.items())

    def without(self, usernames: set[str]) -> Self:
        """The batch without some accounts."""
        return self.model_copy(update={"usernames": tuple(u for u in self.usernames if u not in usernames)})


def create_batch(coding_dir: Path, batch: Batch) -> Batch:
    """Keep a new batch in a folder of its own, under its name or the first free one like it.

    Raises:
        InputError: it holds no account, or its name cannot be a folder's.
        AgeScopeError: the folder cannot be written.
    """
    if not batch.usernames:
        raise InputError("There is no account to label. Collect accounts first, or choose another way to draw them.")
    stem = re.sub(r"[^\w-]+", "_", batch.name).strip("_")[:60]
    if not stem:
        raise InputError("Give the batch a name of letters or digits.")
    name = next(n for n in _names(stem) if not (coding_dir / n).exists())
    kept = batch.model_copy(update={"name": name})
    save_batch(coding_dir, kept)
    return kept


def save_batch(coding_dir: Path, batch: Batch) -> None:
    """Write what a batch is."""
    write_json(coding_dir / batch.name / BATCH_FILE, batch.model_dump(mode="json"))


def list_batches(coding_dir: Path) -> list[Batch]:
    """The batches of a study, newest first; what cannot be read is left out."""
    found = []
    for path in coding_dir.glob(f"*/{BATCH_FILE}"):
        try:
            batch = Batch.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            continue
        found.append(batch.model_copy(update={"name": path.parent.name}))
    return sorted(found, key=lambda batch: (batch.created_at, batch.name), reverse=True)


def _names(stem: str) -> Sequence[str]:
    return [stem, *(f"{stem}-{at}" for at in range(2, 10_000))]
