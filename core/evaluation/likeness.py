"""Whether predicted accounts write like those that a model learnt from: by the run's record, or by their files.

``predict`` compares all accounts of a run. That says nothing of a few of them, which may be of another kind
than the rest; so those of a list, or of a group, are compared by themselves.
"""

import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import InputError
from core.models.folder import ModelInfo
from core.statistics.drift import Drift, compare, read_profile
from core.storage.account_files import file_name, read_account
from core.storage.predictions_file import run_file
from core.storage.run_record import RunRecord
from core.utils.records import find_record

MOST_READ = 500
"""A random sample of so many accounts is compared; more would tell hardly more."""

FEWEST_READ = 0.9
"""Of the accounts asked for, so many must have a file, or they are not judged by those that do."""


@dataclass(frozen=True)
class Likeness:
    """What accounts of a run can be compared by.

    Attributes:
        model: what the accounts are held against; None where it is gone.
        cutoff: the age in years.
        recorded: what ``predict`` found of all accounts of the run; None where it is not beside them.
        everybody: the accounts of which that is.
        folder: where the accounts' files are; None where nobody knows.
    """

    model: ModelInfo | None
    cutoff: float
    recorded: Drift | None = None
    everybody: frozenset[str] = frozenset()
    folder: Path | None = None

    def of(self, usernames: Collection[str]) -> Drift | None:
        """How these accounts differ from the training ones.

        None where that can be told neither from the run's record nor from their files.
        """
        is_whole = self.everybody <= set(usernames)
        if is_whole and self.recorded and self.recorded.is_by_texts:
            return self.recorded
        return self._read(usernames) or (self.recorded if is_whole else None)

    def _read(self, usernames: Collection[str]) -> Drift | None:
        profile = read_profile(self.model.folder) if self.model else None
        if profile is None or self.model is None or self.folder is None:
            return None
        names = sorted(set(usernames) - set(self.model.training.known_accounts))
        names = random.Random(0).sample(names, min(len(names), MOST_READ))  # noqa: S311  nothing secret hangs on it
        found = [*_captions(self.folder, names)]
        if not found or len(found) < FEWEST_READ * len(names):
            return None
        return Drift.of(compare(profile, found, self.cutoff))


def likeness_of(
    predictions: Path, model: ModelInfo | None, cutoff: float, everybody: Collection[str], folder: Path | None = None
) -> Likeness:
    """What the accounts of a predictions file can be compared by.

    Args:
        predictions: the file, beside which its record may lie.
        model: what made it.
        cutoff: the age in years.
        everybody: its accounts with a probability.
        folder: where their files are; None for where they were when they were predicted.

    Raises:
        InputError: another model made the predictions.
    """
    record = find_record(RunRecord, run_file(predictions)) or RunRecord()
    if model is not None:
        refuse_another_model(record, model)
    accounts = folder or (Path(record.input_dir) if record.input_dir else None)
    return Likeness(model, cutoff, Drift.recorded(record.drift), frozenset(everybody), accounts)


def refuse_another_model(record: RunRecord, model: ModelInfo) -> None:
    """A model's errors say nothing of what another one predicted.

    Raises:
        InputError: the record says that another model made the predictions.
    """
    if record.model is None:
        return
    made_by = Path(record.model)
    same = model.folder.resolve().name in (made_by.name, made_by.parent.name)  # its folder, or its weights file
    if record.model_made_at is not None:
        same = record.model_made_at == model.training.created_at
    if not same:
        raise InputError(
            f"The model {made_by.name} made these predictions, not {model.folder.name}, whose errors say nothing of "
            "them. Give the folder of the model that made them, or predict again with this one."
        )


def _captions(folder: Path, usernames: Collection[str]) -> Iterator[list[str]]:
    for username in usernames:
        try:
            captions = read_account(folder / file_name(username)).captions
        except InputError:  # no file, or one that holds no account
            continue
        if captions:
            yield captions
