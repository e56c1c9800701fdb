"""Writing files so that they appear whole or not at all, and reading ones that people hand in."""

import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import orjson
import psutil

from core.errors import AgeScopeError, InputError
from core.utils.machine import numbering_place

TEMPORARY_SUFFIX = ".part"
_WRITER = re.compile(r"\.([0-9a-f]{8})-(\d+)-")
"""Begins the name of a file in the making: where its process has its number, and the number."""
_LONGEST_WRITE_S = 3600
"""No write takes that long: what is older was left by a process that is gone, on whatever machine."""

# The only portable way to read the umask is to set it; done once, before there are threads.
_UMASK = os.umask(0o022)
os.umask(_UMASK)


def write_atomically(path: Path, content: bytes | str, is_secret: bool = False) -> None:
    """Write ``content`` to ``path`` as :func:`atomic_file` does.

    Args:
        path: of the file; its folder is made.
        content: all of it.
        is_secret: nobody but the file's owner may read it, from its first moment.

    Raises:
        AgeScopeError: the folder cannot be written, or the disk is full. ``path`` is untouched.
    """
    with atomic_file(path, is_secret) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def atomic_file(path: Path, is_secret: bool = False) -> Iterator[IO[bytes]]:
    """A file to write ``path`` into, so that a reader, or a crash, sees the old one or the new one.

    The bytes go to a temporary file beside ``path``, are flushed to the disk and renamed over it when the block
    ends well; where it does not, ``path`` stays as it was.

    Args:
        path: of the file; its folder is made.
        is_secret: nobody but the file's owner may read it, from its first moment.

    Raises:
        AgeScopeError: the folder cannot be written, or the disk is full. ``path`` is untouched.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary_name = tempfile.mkstemp(TEMPORARY_SUFFIX, f".{numbering_place()}-{os.getpid()}-", path.parent)
        temporary = Path(temporary_name)
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if not is_secret:  # mkstemp's file is its owner's alone
            temporary.chmod(0o666 & ~_UMASK)
        temporary.replace(path)
    except OSError as error:
        raise AgeScopeError(
            f"{path.parent} cannot be written: {error.strerror}. "
            "Make room or correct its permissions, then start again; nothing was damaged."
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)  # after a success there is none


def remove_leftovers(folder: Path) -> None:
    """Remove what :func:`write_atomically` left half-written in ``folder`` and below when its process was killed.

    What another process is writing stays: its name says of which machine and process it is.
    """
    for path in folder.rglob(f".*{TEMPORARY_SUFFIX}"):
        with suppress(FileNotFoundError):
            if _is_left_behind(path):
                path.unlink()


def _is_left_behind(path: Path) -> bool:
    writer = _WRITER.match(path.name)
    if writer and writer[1] == numbering_place() and not psutil.pid_exists(int(writer[2])):
        return True
    return path.stat().st_mtime <= time.time() - _LONGEST_WRITE_S


def write_json(path: Path, value: object) -> None:
    """Write ``value`` as indented JSON, atomically."""
    write_atomically(path, orjson.dumps(value, option=orjson.OPT_INDENT_2))


def parse_json_object(data: bytes) -> dict[str, Any]:
    """The object that ``data`` holds as JSON; an empty one where it is damaged, cut off or something else."""
    try:
        content = orjson.loads(data)
    except orjson.JSONDecodeError:
        return {}
    return content if isinstance(content, dict) else {}


def find_json_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file that may be absent or damaged; an empty one where it is."""
    try:
        return parse_json_object(path.read_bytes())
    except OSError:
        return {}


def json_form(value: object) -> Any:
    """``value`` as it comes back from a JSON file: tuples as lists, numbers as JSON has them."""
    return orjson.loads(orjson.dumps(value))


def check_is_file(path: Path) -> None:
    """Make sure that what a person handed in has an end: a device, or a pipe that nobody writes to, has none.

    Raises:
        InputError: it is no file; what is not there is left to whoever opens it.
    """
    if path.exists() and not path.is_file():
        raise InputError(f"{path} is not a file. Give a file; what comes through a pipe, write into one first.")


def read_text(path: Path) -> str:
    """The text of a file that a person handed in: UTF-8 (with or without a mark), UTF-16 or Windows-1252.

    Raises:
        InputError: the file is missing, empty or not text.
    """
    check_is_file(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    return decode_text(data, path.name)


def decode_text(data: bytes, name: str) -> str:
    """Like :func:`read_text`, for bytes already in memory; ``name`` is used in messages only."""
    if not data.strip():
        raise InputError(f"{name} is empty.")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    elif b"\x00" in data:
        raise InputError(f"{name} is not a text file. Save it as CSV or plain text (UTF-8).")
    else:
        encodings = ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise InputError(f"{name} is in an unknown text encoding. Save it as UTF-8.")
