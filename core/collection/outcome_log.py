"""The outcome of every account in a folder, known without opening its files.

The files are the truth. ``.outcomes.jsonl`` beside them holds a line for each outcome, with the
file's time of change; a file that is missing there, or has changed since, is read again.
"""

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import orjson

from core.errors import AgeScopeError, InputError
from core.jobs.progress import Progress
from core.storage.account_files import file_name, read_account
from core.storage.models import Account, Outcome
from core.utils.io import write_atomically

LEDGER_NAME = ".outcomes.jsonl"
_TIDY_AT = 2.0


@dataclass(frozen=True, slots=True)
class Entry:
    """What the ledger knows of one account.

    Attributes:
        outcome: as in the account's file.
        posts: how many posts the file holds.
        more: whether a later run can go on from a cursor.
        at: when it was collected, seconds since 1970.
        changed: the file's time of change in nanoseconds.
    """

    outcome: Outcome
    posts: int
    more: bool
    at: float
    changed: int

    @property
    def collected_at(self) -> datetime:
        """When the account was collected, in local time."""
        return datetime.fromtimestamp(self.at).astimezone()


class Ledger:
    """The outcomes of a folder's accounts.

    Args:
        folder: where the accounts' files are; it need not exist yet.
        progress: is told while files have to be read again, which takes minutes for 100,000.

    Raises:
        Stopped: asked to stop while reading.
    """

    def __init__(self, folder: Path, progress: Progress) -> None:
        self._folder = folder
        self._file = folder / LEDGER_NAME
        self._entries: dict[str, Entry] = {}
        self._read_to = (0, 0)  # the file, and how many of its bytes
        lines = self._load()
        unknown = self._match_files()
        for number, name in enumerate(unknown):
            progress.check()
            if number % 100 == 0:
                progress.update(message=f"reading files that are not in the ledger yet: {number:,} of {len(unknown):,}")
            self._read_file(folder / name)
        if unknown or lines > _TIDY_AT * len(self._entries) + 100:
            self._tidy()

    def get(self, username: str) -> Entry | None:
        """What is known of an account; None where there is no file of it that can be read."""
        return self._entries.get(file_name(username))

    def record(self, account: Account, path: Path) -> None:
        """Add the outcome of an account whose file has just been written.

        Raises:
            AgeScopeError: the folder cannot be written.
        """
        entry = _entry(account, path.stat().st_mtime_ns)
        self._entries[path.name] = entry
        try:
            with self._file.open("ab") as file:
                file.write(_line(path.name, entry))
        except OSError as error:
            raise AgeScopeError(
                f"{self._file} cannot be written: {error.strerror}. Make room or correct its permissions, "
                "then start again; nothing was damaged."
            ) from error

    def news(self) -> list[tuple[str, Entry | None, Entry]]:
        """What other runs have written since it was read last: an account's file, what was known of it, and what is."""
        found = []
        for name, entry in dict(self._new_lines()).items():
            before = self._entries.get(name)
            if before is None or entry.changed > before.changed:
                self._entries[name] = entry
                found.append((name, before, entry))
        return found

    def look_again(self, username: str) -> Account | None:
        """The account where its file is another than what is known of it, which is known from then on; else None."""
        path = self._folder / file_name(username)
        known = self.get(username)
        try:
            with path.open("rb") as file:  # a network file system asks its server when a file is opened
                changed = os.fstat(file.fileno()).st_mtime_ns
            if known and known.changed == changed:
                return None
            account = read_account(path)
        except (InputError, FileNotFoundError):
            return None  # nobody has written it, or what is there is set aside
        self._entries[path.name] = _entry(account, changed)
        return account

    def _load(self) -> int:
        """Read the ledger; the last line of an account counts. Return how many lines there are."""
        lines = 0
        for name, entry in self._new_lines():
            self._entries[name] = entry
            lines += 1
        return lines

    def _new_lines(self) -> list[tuple[str, Entry]]:
        """What stands in the ledger behind what was read of it, or from its beginning where it is another file."""
        try:
            with self._file.open("rb") as file:
                stat = os.fstat(file.fileno())
                same = self._read_to[0] == stat.st_ino and self._read_to[1] <= stat.st_size
                start = file.seek(self._read_to[1] if same else 0)
                content = file.read()
        except OSError:
            return []  # the files are the truth
        self._read_to = (stat.st_ino, start + len(content))
        found = [_parsed(line) for line in content.splitlines()]
        if found and found[-1] is None:  # perhaps not all of it is there yet
            self._read_to = (stat.st_ino, start + max(0, content.rfind(b"\n")))
        return [each for each in found if each]

    def _match_files(self) -> list[str]:
        """Forget what has no file any more; return the files that are new or have changed."""
        found = dict(_files(self._folder)) if self._folder.is_dir() else {}
        self._entries = {
            name: entry for name, entry in self._entries.items() if entry.changed == found.get(name, entry.changed + 1)
        }
        return sorted(found.keys() - self._entries.keys())

    def _read_file(self, path: Path) -> None:
        try:
            self._entries[path.name] = _entry(read_account(path), path.stat().st_mtime_ns)
        except (InputError, FileNotFoundError):
            return  # damaged: the collector sets it aside when its turn comes

    def _tidy(self) -> None:
        if self._folder.is_dir():
            write_atomically(self._file, b"".join(_line(name, entry) for name, entry in self._entries.items()))


def _files(folder: Path) -> Iterator[tuple[str, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".json"):
                yield entry.name, entry.stat().st_mtime_ns


def _entry(account: Account, changed: int) -> Entry:
    more = account.cursor is not None
    return Entry(account.outcome, len(account.posts), more, account.collected_at.timestamp(), changed)


def _parsed(line: bytes) -> tuple[str, Entry] | None:
    """What a line of the ledger says; None where it was cut off by a kill or a full disk: its file is read again."""
    try:
        record = orjson.loads(line)
        name = record.pop("file")
        return name, Entry(**record)
    except (orjson.JSONDecodeError, TypeError, KeyError, AttributeError):
        return None


def _line(name: str, entry: Entry) -> bytes:
    # a line begins with its own line feed where an earlier one may have been cut off
    return b"\n" + orjson.dumps({"file": name, **asdict(entry)})
