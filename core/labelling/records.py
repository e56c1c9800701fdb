"""What coders said of accounts: one file a batch, to which lines are added and from which none is taken.

Every answer is on the disk before the next account is shown. Two coders may write at once; a line that
a lost power cut off costs that line alone. The last line of a coder about an account counts.
"""

import os
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import AgeScopeError
from core.storage.age_answers import FORMS, AgeAnswer, read_age_answer

RECORDS_FILE = "answers.jsonl"
LOCK_FILE = ".answers.lock"

SKIPPED = ""
"""The answer of who puts an account off."""

Evidence = Literal["captions", "self-report", "settled"]
"""By what an age was told: the captions as a whole, a phrase that was confirmed, or a talk of the coders."""

_LOCK_TIMEOUT_S = 20
_OLDEST_BIRTH_YEAR = 1900
_LINES_REMEMBERED = 100_000


class Record(BaseModel):
    """One answer of one coder.

    Attributes:
        username: of the account.
        coder: who said so.
        answer: as :func:`core.storage.age_answers.read_age_answer` takes it; :data:`SKIPPED` for later.
        evidence: by what.
        note: what the coder wanted to remember.
        at: when, in UTC.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    username: str
    coder: str
    answer: str
    evidence: Evidence = "captions"
    note: str = ""
    at: datetime = Field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    @property
    def age(self) -> AgeAnswer:
        """The ages that the answer leaves open."""
        return read_age_answer(self.answer) or AgeAnswer()


def add_record(folder: Path, record: Record) -> None:
    """Add an answer to those of a batch; it is on the disk when this returns.

    Raises:
        AgeScopeError: it cannot be written; nothing was lost.
    """
    path = folder / RECORDS_FILE
    try:
        with FileLock(folder / LOCK_FILE, timeout=_LOCK_TIMEOUT_S), path.open("ab+") as file:
            line = record.model_dump_json().encode() + b"\n"
            file.write(line if _ends_whole(path) else b"\n" + line)
            file.flush()
            os.fsync(file.fileno())
    except (OSError, Timeout) as error:
        reason = getattr(error, "strerror", None) or "another process holds it"
        raise AgeScopeError(
            f"The answer cannot be written to {path}: {reason}. "
            "Make room or correct the permissions, then answer again; all earlier answers are kept."
        ) from error


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        if not file.seek(0, os.SEEK_END):
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def read_records(folder: Path) -> list[Record]:
    """The answers of a batch in the order in which they were given; lines that were cut off are left out."""
    path = folder / RECORDS_FILE
    return [*_whole(path.read_bytes().splitlines())] if path.is_file() else []


def _whole(lines: Iterable[bytes]) -> Iterator[Record]:
    return filter(None, map(_record, lines))


@lru_cache(maxsize=_LINES_REMEMBERED)
def _record(line: bytes) -> Record | None:
    """The answer of a line, or None where it was cut off; remembered, since every account shown reads them all."""
    try:
        record = Record.model_validate_json(line)
        read_age_answer(record.answer)
    except (ValidationError, ValueError):
        return None
    return record


def answers_of(records: Iterable[Record], coder: str) -> dict[str, Record]:
    """The answer that counts of each account that ``coder`` has answered, in the order of answering."""
    found: dict[str, Record] = {}
    for record in records:
        if record.coder == coder and record.evidence != "settled":
            found.pop(record.username, None)
            found[record.username] = record
    return found


def answered_times(records: Iterable[Record], coder: str) -> int:
    """How often ``coder`` has answered so far, put-offs and second thoughts included."""
    return sum(record.coder == coder and record.evidence != "settled" for record in records)


def coders_of(records: Iterable[Record]) -> list[str]:
    """Who has answered anything, in alphabetical order."""
    return sorted({record.coder for record in records if record.evidence != "settled"})


def typed_answer(text: str, today: date) -> str:
    """What a coder typed, as an answer: an age, a range, a side, or the year of birth, which leaves two ages open.

    Raises:
        ValueError: it is none of these; the text says what may be typed.
    """
    typed = text.strip()
    if typed.isdigit() and len(typed) == 4:
        age = today.year - int(typed)
        if int(typed) < _OLDEST_BIRTH_YEAR or age < 6:
            raise ValueError(f"{typed} is no year of birth of somebody who writes posts.")
        return f"{age - 1}-{age}"
    try:
        answer = read_age_answer(typed)
    except ValueError as error:
        raise ValueError(f"That is no age: {error}. Type {FORMS}, or a year of birth such as 1999.") from error
    if answer is None:
        raise ValueError(f"Type {FORMS}, or a year of birth such as 1999.")
    return typed
