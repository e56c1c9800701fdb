"""Opening what people hand in: files, folders, zip and tar archives, gz, bz2 and xz, within bounds.

A name inside an archive is only a name: what has to be unpacked goes to a temporary file without one.
"""

import bz2
import gzip
import io
import lzma
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from core.errors import InputError
from core.importers.results import NotUnderstood
from core.storage.workbooks import is_workbook
from core.utils.io import TEMPORARY_SUFFIX

MAX_WHOLE = 1_000_000_000
"""Bytes of a document that has to be read whole, unpacked."""
MAX_RATIO = 1_000
"""How many bytes may come out of a packed one; text comes to 5 or 10, a bomb to 1,000 and more."""
MAX_MEMBERS = 200_000
MAX_DEPTH = 3
"""How deep archives may lie within archives."""

_HEAD = 65_536
_FREE = 10_000_000
_IN_MEMORY = 20_000_000
_LEADS_OUT = "it is a link that leads out of the folder, and was left alone; copy the file itself into the folder"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_GZ, _BZ, _XZ = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00"
_ENDINGS = {".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".txt", ".parquet", ".gz", ".bz2", ".xz"}
_TAR = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")


def never_stop() -> None:
    """Read on, whatever happens."""


@dataclass(frozen=True)
class Piece:
    """One file to read: on the disk, or a member of an open zip archive.

    Attributes:
        path: the file on the disk.
        parts: the names of the folders and of the file, seen from what the person handed in.
        archive: the archive, where the file is its member ``member``.
        depth: how many of ``parts`` name the archive itself.
        check: called at every portion that is read; raises where reading is to end.
    """

    path: Path
    parts: tuple[str, ...]
    archive: zipfile.ZipFile | None = None
    member: str = ""
    depth: int = 0
    check: Callable[[], None] = never_stop

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
                yield io.BufferedReader(_Bounded(content, self._packed_size(), self.check), _HEAD)
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
        except RuntimeError as error:
            if isinstance(error, NotImplementedError):  # of a method of packing
                raise InputError(f"it cannot be unpacked ({error}); unpack it yourself and give the folder") from error
            raise InputError("it is locked with a password; unpack it yourself and give the folder") from error

    def _packed_size(self) -> int:
        return self.archive.getinfo(self.member).compress_size if self.archive else self.path.stat().st_size


class _Bounded(io.RawIOBase):
    """Reads on until more has come out than can have been put in."""

    def __init__(self, content: IO[bytes], packed_size: int, check: Callable[[], None]) -> None:
        self._content, self._check = content, check
        self._left = _FREE + packed_size * MAX_RATIO

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        self._check()
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
    elif magic.startswith(_BZ):
        with bz2.open(packed) as content:
            yield content
    elif magic == _XZ:
        with lzma.open(packed) as content:
            yield content
    else:
        yield packed


def opened(source: Path, check: Callable[[], None] = never_stop) -> Iterator[list[Piece] | NotUnderstood]:
    """The files of what a person handed in, those that belong together at once, sorted by name.

    First the loose files of a folder and all folders in it, then each zip archive with those inside it,
    open as long as its files are asked for and no longer. What cannot be opened, or is a link that leads
    out of the folder, is not understood.

    Args:
        source: what was handed in.
        check: called at every portion that is read; raises where reading is to end.

    Raises:
        InputError: ``source`` is not there, or neither a file nor a folder.
    """
    if not source.exists():
        raise InputError(f"{source} is not there. Give a file or a folder.")
    if not source.is_dir() and not source.is_file():
        raise InputError(f"{source} is neither a file nor a folder. Give a file or a folder.")
    paths = sorted(path for path in source.rglob("*") if path.is_file()) if source.is_dir() else [source]
    paths = [path for path in paths if not path.name.endswith(TEMPORARY_SUFFIX)]
    parts = {path: path.relative_to(source.parent).parts for path in paths}
    files = [path for path in paths if not _leads_out(path, source)]
    yield from (NotUnderstood("/".join(parts[path]), _LEADS_OUT) for path in paths if path not in set(files))
    archives = {path for path in files if _is_archive(path)}
    if loose := [Piece(path, parts[path], check=check) for path in files if path not in archives]:
        yield loose
    budget = _Budget()
    for path in sorted(archives):
        piece = Piece(path, parts[path], check=check)
        yield from _of_archive(path, piece, budget) if _is_zip(path) else _of_inner_archive(piece, budget, 1)


def _leads_out(path: Path, source: Path) -> bool:
    """Whether a file of a folder lies elsewhere, by a link; what a person names himself may lie anywhere."""
    return path != source and not path.resolve().is_relative_to(source.resolve())


@dataclass
class _Budget:
    """How much may still be opened of archives within archives, so that no nest of them goes on for ever."""

    archives: int = 1_000
    bytes: int = 4_000_000_000

    def take(self, size: int) -> None:
        """Take from what may still be unpacked.

        Raises:
            InputError: it is spent.
        """
        self.bytes -= size
        if self.archives < 0 or self.bytes < 0:
            raise InputError("the archives in it hold too many further archives; unpack it and give the folder")


def _of_archive(
    file: Path | IO[bytes], at: Piece, budget: _Budget, depth: int = 1
) -> Iterator[list[Piece] | NotUnderstood]:
    """The files of a zip archive, then those of each archive in it."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = _members(at, archive)
            inner = [piece for piece in members if piece.parts[-1].lower().endswith((".zip", *_TAR))]
            yield [piece for piece in members if piece not in inner]
            for piece in inner:
                yield from _of_inner_archive(piece, budget, depth + 1)
    except zipfile.BadZipFile as error:
        yield NotUnderstood(at.name, f"it is a zip archive that is cut or damaged ({error}); fetch it again")
    except (OSError, InputError) as error:
        yield NotUnderstood(at.name, str(error))


def _of_inner_archive(piece: Piece, budget: _Budget, depth: int) -> Iterator[list[Piece] | NotUnderstood]:
    """The files of an archive within an archive, which for that time lies in a file without a name."""
    try:
        if depth > MAX_DEPTH:
            raise InputError("it is an archive in an archive in an archive; unpack it and give the folder")
        with tempfile.SpooledTemporaryFile(_IN_MEMORY, prefix="agescope-") as copy, piece.open() as content:
            budget.archives -= 1
            if piece.parts[-1].lower().endswith(_TAR):
                _pack_anew(content, copy, budget)
            else:
                _copy(content, copy, budget)
            yield from _of_archive(copy, piece, budget, depth)
    except tarfile.TarError as error:
        yield NotUnderstood(piece.name, f"it is a tar archive that is cut or damaged ({error}); fetch it again")
    except InputError as error:
        yield NotUnderstood(piece.name, str(error))


def _copy(content: IO[bytes], to: IO[bytes], budget: _Budget) -> None:
    while chunk := content.read(_HEAD):
        budget.take(len(chunk))
        to.write(chunk)


def _pack_anew(content: IO[bytes], to: IO[bytes], budget: _Budget) -> None:
    """Write the files of a tar archive, which has no order to look them up in, as a zip archive.

    Raises:
        InputError: it holds too much.
        tarfile.TarError: it is damaged.
    """
    with tarfile.open(fileobj=content, mode="r|") as tar, zipfile.ZipFile(to, "w") as archive:
        for number, member in enumerate(tar):
            if number > MAX_MEMBERS:
                raise InputError(f"it holds more than {MAX_MEMBERS:,} files; unpack it and give the folder")
            if member.isfile() and (file := tar.extractfile(member)):
                with archive.open(member.name, "w", force_zip64=True) as copy:
                    _copy(file, copy, budget)


def _members(at: Piece, archive: zipfile.ZipFile) -> list[Piece]:
    names = sorted(info.filename for info in archive.infolist() if not info.is_dir())
    if len(names) > MAX_MEMBERS:
        raise InputError(f"it holds more than {MAX_MEMBERS:,} files; unpack it and give the folder")
    if "[Content_Types].xml" in names:
        raise InputError("it is an Office document, but no workbook of Excel; save the table as CSV")
    if "content.xml" in names and "mimetype" in names:
        raise InputError("it is an OpenDocument file; save its table as .xlsx or CSV")
    if any(name.endswith(".iwa") for name in names):
        raise InputError("it is a document of Numbers or Pages; export its table as CSV")
    depth = len(at.parts)
    placed = [(name, PurePosixPath(name.replace("\\", "/")).parts) for name in names]  # as Windows wrote them once
    return [Piece(at.path, at.parts + parts, archive, name, depth, at.check) for name, parts in placed if parts]


def is_zip(head: bytes) -> bool:
    """Whether a file that begins so is a zip archive; workbooks of Excel are."""
    return head.startswith(_ZIP)


def _is_archive(path: Path) -> bool:
    return path.name.lower().endswith(_TAR) or _is_zip(path)


def _is_zip(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return is_zip(file.read(4)) and not is_workbook(path)
    except OSError:
        return False
