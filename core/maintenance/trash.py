"""Models and prediction runs that somebody removed: kept for a while in the study, to be put back.

Forgetting an account empties it: what lies there may name the account.
"""

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex

from core.errors import AgeScopeError
from core.jobs.job import active_jobs
from core.settings import Settings
from core.storage.own_names import called
from core.utils.records import Record, find_record, utc_now, write_record

KEPT_DAYS = 30
_RECORD_FILE = "removed.json"


class RemovedRecord(Record):
    """``removed.json``: where a folder was, below the study's, and when it was removed."""

    place: str
    removed_at: datetime


@dataclass(frozen=True)
class Removed:
    """Something that was removed.

    Attributes:
        folder: its place in the trash, with the record beside its content.
        record: whence it came, and when.
    """

    folder: Path
    record: RemovedRecord

    @property
    def content(self) -> Path:
        """The folder that was removed."""
        return self.folder / Path(self.record.place).name

    @property
    def title(self) -> str:
        """What people call it."""
        return called(self.content)

    @property
    def kind(self) -> str:
        """``models`` or ``predictions``."""
        return Path(self.record.place).parts[0]


def trash_dir(settings: Settings) -> Path:
    """Where the removed folders of a study lie."""
    return settings.data_dir / "trash"


def remove(settings: Settings, folder: Path) -> Removed:
    """Move the folder of a model or of a prediction run into the trash.

    Raises:
        AgeScopeError: it is neither, a job that runs uses it, or it cannot be moved.
    """
    if not any(folder.is_relative_to(of) and folder != of for of in (settings.models_dir, settings.predictions_dir)):
        raise AgeScopeError("Only models and prediction runs of this study can be removed here.")
    using = [job for job in active_jobs(settings.jobs_dir) if any(str(folder) in word for word in job.record.arguments)]
    if using:
        raise AgeScopeError(f"{using[0].record.title} is using it. Wait for its end, or stop it, then remove it.")
    into = trash_dir(settings) / token_hex(6)
    removed = Removed(into, RemovedRecord(place=str(folder.relative_to(settings.data_dir)), removed_at=utc_now()))
    write_record(into / _RECORD_FILE, removed.record)
    _move(folder, removed.content)
    return removed


def put_back(settings: Settings, removed: Removed) -> Path:
    """Move what was removed to where it was.

    Raises:
        AgeScopeError: something else is there now, or it cannot be moved.
    """
    place = settings.data_dir / removed.record.place
    if place.exists():
        raise AgeScopeError(f"{place} is there again. Rename it first.")
    _move(removed.content, place)
    shutil.rmtree(removed.folder)
    return place


def list_removed(settings: Settings) -> list[Removed]:
    """What lies in the trash, latest first; what has lain there for :data:`KEPT_DAYS` is deleted now."""
    found = []
    for path in trash_dir(settings).glob(f"*/{_RECORD_FILE}"):
        record = find_record(RemovedRecord, path)
        if record is None:
            continue
        if record.removed_at < datetime.now(UTC) - timedelta(days=KEPT_DAYS):
            shutil.rmtree(path.parent)
        elif (removed := Removed(path.parent, record)).content.is_dir():
            found.append(removed)
    return sorted(found, key=lambda each: each.record.removed_at, reverse=True)


def empty_trash(settings: Settings) -> int:
    """Delete for good what lies in the trash; returns how many folders that were."""
    folders = [path for path in trash_dir(settings).glob("*") if path.is_dir()]
    for folder in folders:
        shutil.rmtree(folder)
    return len(folders)


def _move(source: Path, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        source.rename(target)
    except OSError as error:
        raise AgeScopeError(f"{source} cannot be moved: {error.strerror}. Correct its permissions.") from error
