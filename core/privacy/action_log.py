"""What was done to a study and by whom: one line an action, to which lines are only ever added.

``actions.jsonl`` in the study's folder names no account: where an action is about one, its pseudonym
stands there, so that the removal of an account need not touch the log. No caption, query or password
is ever written. Each line holds the digest of the line before, so that a change of it shows.
"""

import hashlib
import os
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import orjson
from filelock import FileLock
from pydantic import ValidationError

from core.errors import AgeScopeError
from core.privacy.roles import Action, Person
from core.settings import Settings
from core.utils.records import Record

LOG_FILE = "actions.jsonl"
_LOCK_FILE = ".actions.lock"
_LINE_BYTES = 4096
_MOST_ABOUT = 200


class ActionRecord(Record):
    """One line.

    Attributes:
        at: when, in ISO 8601.
        who, role: whoever did it.
        did: what, as :class:`core.privacy.roles.Action` calls it.
        about: what it concerned.
        after: the digest of the line before.
    """

    at: str = ""
    who: str = ""
    role: str = ""
    did: str = ""
    about: str = ""
    after: str | None = None


def record(settings: Settings, person: Person, action: Action, about: str = "") -> None:
    """Add a line.

    Args:
        settings: whose study.
        person: who does it.
        action: what they do.
        about: what it concerns: a job, a count, a pseudonym; never a name of an account or a caption.

    Raises:
        AgeScopeError: the log cannot be written, so the action must not happen either.
    """
    path = settings.data_dir / LOG_FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(_LOCK_FILE)):
            line = ActionRecord(
                at=datetime.now(UTC).isoformat(timespec="seconds"),
                who=person.name,
                role=person.role,
                did=action.value,
                about=about[:_MOST_ABOUT],
                after=_digest(_last_line(path)),
            )
            _append(path, b"" if _is_whole(path) else b"\n", orjson.dumps(line.model_dump()) + b"\n")
    except OSError as error:
        raise AgeScopeError(
            f"{path} cannot be written: {error.strerror}. Nothing was done, since what is done here is written down. "
            "Make room or correct the permissions, then try again."
        ) from error


def latest(settings: Settings, most: int = 500) -> list[ActionRecord]:
    """The last lines, newest first; one that somebody made unreadable is empty."""
    with _opened(settings) as lines:
        return [_read(line) for line in deque(lines, most)][::-1]


def first_changed_line(settings: Settings) -> int | None:
    """The number of the first line before which something was changed or taken out; None where nothing was."""
    before = b""
    with _opened(settings) as lines:
        for number, line in enumerate(lines, 1):
            if _read(line).after != _digest(before):
                return number
            before = line.rstrip(b"\n")
    return None


def _read(line: bytes) -> ActionRecord:
    try:
        return ActionRecord.model_validate_json(line)
    except ValidationError:
        return ActionRecord()


def _opened(settings: Settings) -> BinaryIO:
    path = settings.data_dir / LOG_FILE
    return path.open("rb") if path.is_file() else open(os.devnull, "rb")  # noqa: PTH123 -- an empty one


def _is_whole(path: Path) -> bool:
    """Whether the last line was written to its end, which a full disk may prevent."""
    if not path.is_file() or not path.stat().st_size:
        return True
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() == b"\n"


def _append(path: Path, *pieces: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(handle, b"".join(pieces))
        os.fsync(handle)
    finally:
        os.close(handle)


def _last_line(path: Path) -> bytes:
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _LINE_BYTES))
        return (file.read().splitlines() or [b""])[-1]


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest() if line else ""
