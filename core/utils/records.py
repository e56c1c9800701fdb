"""Records: JSON files of AgeScope's own as typed objects, written by one function and read by two."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from core.errors import InputError
from core.utils.io import write_json


class Record(BaseModel):
    """The base of what AgeScope writes into a JSON file of its own.

    Keys that this version does not know are passed over, so that files of a later one can be read.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")


R = TypeVar("R", bound=Record)


def write_record(path: Path, record: Record) -> None:
    """Write a record, atomically."""
    write_json(path, record.model_dump(mode="json"))


def read_record(of: type[R], path: Path, advice: str) -> R:
    """Read what :func:`write_record` wrote.

    Args:
        of: the kind of record.
        path: its file.
        advice: a sentence that says what to do where it cannot be read.

    Raises:
        InputError: the file is not there, or damaged.
    """
    try:
        return of.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}. {advice}") from error
    except ValidationError as error:
        raise InputError(f"{path} is damaged ({_first_fault(error)}). {advice}") from error


def read_record_if_any(of: type[R], path: Path, advice: str) -> R | None:
    """Like :func:`read_record`, for a record that need not be there; None where it is not."""
    try:
        return read_record(of, path, advice)
    except InputError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return None
        raise


def find_record(of: type[R], path: Path) -> R | None:
    """Read a record that may be absent or damaged; None where it is."""
    try:
        return of.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def utc_now() -> datetime:
    """This moment to the second, as records have it."""
    return datetime.now(UTC).replace(microsecond=0)


def _first_fault(error: ValidationError) -> str:
    """Which key is wrong, without the value: it may be personal."""
    place = ".".join(map(str, error.errors(include_input=False, include_url=False)[0]["loc"]))
    return f"at {place}" if place else "it is not JSON of the expected kind"
