"""Which files of a data folder the index holds."""

import errno
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from core.settings import Settings
from core.storage.predictions_file import FILE_NAMES

FileKind = Literal["account", "list", "labels", "predictions", "run"]

_RUN_FILE = "predictions.run.json"


@dataclass(frozen=True)
class FoundFile:
    """A file on the disk; ``path`` is relative to the data folder."""

    path: str
    kind: FileKind
    mtime_ns: int
    size: int


@dataclass(frozen=True)
class Differences:
    """What has to be done to bring the index up to date.

    Attributes:
        changed: files to read, new ones and changed ones, sorted by kind and path.
        gone: files the index holds that are no longer there.
        known: the paths that the index holds something of.
    """

    changed: list[FoundFile] = field(default_factory=list)
    gone: list[FoundFile] = field(default_factory=list)
    known: frozenset[str] = frozenset()


def find_files(settings: Settings, with_accounts: bool) -> list[FoundFile]:
    """The files of a data folder that the index follows.

    Raises:
        OSError: a folder is there but cannot be read.
    """
    found: list[FoundFile] = []
    if with_accounts:
        found += _found(settings, "account", _entries(settings.accounts_dir, ".json"))
    found += _found(settings, "list", _entries(settings.lists_dir, ".csv"))
    found += _found(settings, "labels", _entries(settings.labels_dir, ".csv"))
    for run in _entries(settings.predictions_dir):
        if run.is_dir():
            entries = {entry.name: entry for entry in _entries(Path(run.path))}
            predictions = next((entries[name] for name in FILE_NAMES if name in entries), None)
            found += _found(settings, "predictions", [predictions] if predictions else [])
            found += _found(settings, "run", [entries[_RUN_FILE]] if _RUN_FILE in entries else [])
    return found


def compare(known: Iterable[FoundFile], found: Iterable[FoundFile]) -> Differences:
    """What has changed between the index and the disk."""
    before = {file.path: file for file in known}
    now = {file.path: file for file in found}
    changed = [file for path, file in now.items() if before.get(path) != file]
    gone = [file for path, file in before.items() if path not in now]
    return Differences(
        sorted(changed, key=lambda file: (file.kind, file.path)),
        sorted(gone, key=lambda file: (file.kind, file.path)),
        frozenset(before),
    )


def _entries(folder: Path, suffix: str = "") -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from (entry for entry in entries if entry.name.endswith(suffix) and _is_text(entry.name))
    except FileNotFoundError:
        return


def _is_text(name: str) -> bool:
    """Whether a file's name is Unicode; AgeScope writes no other."""
    return name.isascii() or not any("\ud800" <= character <= "\udfff" for character in name)


def _found(settings: Settings, kind: FileKind, entries: Iterable[os.DirEntry[str]]) -> Iterator[FoundFile]:
    root = len(str(settings.data_dir)) + 1
    for entry in entries:
        try:
            state = entry.stat()
            if entry.is_file():
                yield FoundFile(entry.path[root:], kind, state.st_mtime_ns, state.st_size)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ELOOP):  # gone since the folder was listed; a link to itself
                raise
