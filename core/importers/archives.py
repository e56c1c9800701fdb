"""Opening what people hand in: files, folders, zip archives, gz and xz, by content and within bounds.

Nothing is ever unpacked to the disk, so a name inside an archive is only a name.
"""

import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from core.errors import InputError
from core.importers.results import NotUnderstood
from core.utils.io import TEMPORARY_SUFFIX

MAX_WHOLE = 1_000_000_000
"""Bytes of a document that has to be read whole, unpacked."""
MAX_RATIO = 1_000
"""How many bytes may come out of a packed one; text comes to 5 or 10, a bomb to 1,000 and more."""
MAX_MEMBERS = 200_000

_HEAD = 65_536
_FREE = 10_000_000
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_GZ, _XZ = b"\x1f\x8b", b"\xfd7zXZ\x00"
_ENDINGS = {".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".txt", ".parquet", ".gz", ".xz"}


@dataclass(frozen=True)
class Piece:
    """One file to read: on the disk, or a member of an open zip archive.

    Attributes:
        path: the file on the disk.
        parts: the names of the folders and of the file, seen from what the person handed in.
        archive: the archive, where the file is its member ``member``.
    """

    path: Path
    parts: tuple[str, ...]
    archive: zipfile.ZipFile | None = None
    member: str = ""

    @property
    def name(self) -> str:
        """What a person would look for."""
        return "/".join(self.parts)

    @property
    def stem(self) -> str:
        """The file's own name without ``.json``, ``.csv.gz`` and the like."""
        name = PurePosixPath(self.parts[-1])
        while name.suffix.lower() in _ENDINGS:
            name = name.with_suffix("")
        return name.name

    @property
    def folder(self) -> str:
        """The name of the folder around the file; empty where that is not known."""
        return self.parts[-2] if len(self.parts) > 1 else ""

    @contextmanager
    def open(self) -> Iterator[io.BufferedReader]:
        """The unpacked content.

        Raises:
            InputError: it cannot be read or unpacked, or far more comes out of it than is plausible.
        """
        try:
            with self._packed() as packed, _unpacked(packed) as content:
                yield io.BufferedReader(_Bounded(content, self._packed_size()), _HEAD)
        except (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile) as error:
            raise InputError(f"it cannot be read or unpacked ({error}); fetch it again") from error

    def head(self) -> bytes:
        """The first bytes of the content, enough to recognise it."""
        with self.open() as content:
            return content.read(_HEAD)

    def whole(self) -> bytes:
        """All of the content, in memory.

        Raises:
            InputError: as :meth:`open`, or it is larger than :data:`MAX_WHOLE`.
        """
        with self.open() as content:
            data = content.read(MAX_WHOLE + 1)
        if len(data) > MAX_WHOLE:
            raise InputError(f"it is larger than {MAX_WHOLE // 1_000_000:,} MB; save it as CSV or JSON lines")
        return data

    def _packed(self) -> IO[bytes]:
        if self.archive is None:
            return self.path.open("rb")
        try:
            return self.archive.open(self.member)
        except (NotImplementedError, RuntimeError) as error:  # an unknown method; a password
            raise InputError(f"it cannot be unpacked ({error}); unpack it yourself and give the folder") from error

    def _packed_size(self) -> int:
        return self.archive.getinfo(self.member).compress_size if self.archive else self.path.stat().st_size


class _Bounded(io.RawIOBase):
    """Reads on until more has come out than can have been put in."""

    def __init__(self, content: IO[bytes], packed_size: int) -> None:
        self._content = content
        self._left = _FREE + packed_size * MAX_RATIO

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        data = self._content.read(len(buffer))
        self._left -= len(data)
        if self._left < 0:
            raise OSError("far more comes out of it than can have been put in")
        buffer[: len(data)] = data
        return len(data)


@contextmanager
def _unpacked(packed: IO[bytes]) -> Iterator[IO[bytes]]:
    magic = packed.read(len(_XZ))
    packed.seek(0)
    if magic.startswith(_GZ):
        with gzip.open(packed) as content:
            yield content  # type: ignore[misc]
    elif magic == _XZ:
        with lzma.open(packed) as content:
            yield content
    else:
        yield packed


def opened(source: Path) -> Iterator[list[Piece] | NotUnderstood]:
    """The files of what a person handed in, those that belong together at once, sorted by name.

    First the loose files of a folder and all folders in it, then each zip archive, which is open as
    long as its files are asked for and no longer. An archive that cannot be opened is not understood.

    Raises:
        InputError: ``source`` is not there.
    """
    if not source.exists():
        raise InputError(f"{source} is not there. Give a file or a folder.")
    files = sorted(path for path in source.rglob("*") if path.is_file()) if source.is_dir() else [source]
    files = [path for path in files if not path.name.endswith(TEMPORARY_SUFFIX)]
    archives = {path for path in files if _is_zip(path)}
    parts = {path: path.relative_to(source.parent).parts for path in files}
    if loose := [Piece(path, parts[path]) for path in files if path not in archives]:
        yield loose
    for path in sorted(archives):
        try:
            with zipfile.ZipFile(path) as archive:
                yield _members(path, parts[path], archive)
        except (OSError, zipfile.BadZipFile, InputError) as error:
            yield NotUnderstood("/".join(parts[path]), str(error))


def _members(path: Path, parts: tuple[str, ...], archive: zipfile.ZipFile) -> list[Piece]:
    names = sorted(info.filename for info in archive.infolist() if not info.is_dir())
    if len(names) > MAX_MEMBERS:
        raise InputError(f"it holds more than {MAX_MEMBERS:,} files; unpack it and give the folder")
    if "[Content_Types].xml" in names:
        raise InputError("it is an Office document; save the sheet as CSV")
    return [Piece(path, parts + PurePosixPath(name).parts, archive, name) for name in names]


def _is_zip(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4) in _ZIP
    except OSError:
        return False
