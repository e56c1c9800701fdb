"""Folders at an address: on this machine, or wherever fsspec leads (``s3://...``, ``memory://...``)."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import fsspec
from fsspec.implementations.local import LocalFileSystem

from core.errors import AgeScopeError, InputError
from core.utils.io import write_atomically

_PIECE = 8_000_000


class Folder:
    """A folder whose files are read and written one by one.

    Attributes:
        address: as it was given, without a slash at its end.

    Raises:
        InputError: no installed package leads there, or the address holds a password.
    """

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/") or "/"
        if "@" in urlsplit(address).netloc:
            raise InputError(
                "Leave the name and the password out of the address, which is written into files. Your storage's own "
                "settings file or environment variables are the place for them."
            )
        try:
            self._storage, self._root = fsspec.url_to_fs(address)
        except (ImportError, ValueError) as error:
            raise InputError(
                f"{address} cannot be opened: {error}. Install what it needs beside AgeScope, or give a folder."
            ) from error
        self.path = Path(self._root) if isinstance(self._storage, LocalFileSystem) else None

    def __truediv__(self, name: str) -> str:
        """The address of one of its files, for people to read."""
        return f"{self.address}/{name}"

    def has(self, name: str) -> bool:
        """Whether a file is there.

        Raises:
            AgeScopeError: the storage cannot be reached.
        """
        with _in_words(self / name):
            self._storage.invalidate_cache()  # another process may have just written it
            return bool(self._storage.isfile(self._inside(name)))

    def read(self, name: str, most_bytes: int) -> bytes:
        """All of a small file.

        Raises:
            InputError: it is not there, or longer than ``most_bytes``.
            AgeScopeError: the storage cannot be reached.
        """
        with _in_words(self / name), self._storage.open(self._inside(name), "rb") as file:
            content: bytes = file.read(most_bytes + 1)
        if len(content) > most_bytes:
            raise InputError(f"{self / name} is longer than {most_bytes:,} bytes, which no such file is.")
        return content

    @contextmanager
    def opened(self, name: str, most_bytes: int) -> Iterator[IO[bytes]]:
        """A file, on this machine's disk: what lies elsewhere is copied, and the copy gone after it.

        Raises:
            InputError: it is not there, or longer than ``most_bytes``.
            AgeScopeError: the storage cannot be reached.
        """
        with self._on_this_disk(name, most_bytes) as file:
            if file.seek(0, 2) > most_bytes:
                raise InputError(f"{self / name} is longer than {most_bytes:,} bytes.")
            file.seek(0)
            yield file

    def write(self, name: str, content: bytes) -> None:
        """Write a file, whole or not at all on this machine and on object stores.

        Raises:
            AgeScopeError: it cannot be written.
        """
        if self.path is not None:
            write_atomically(self.path / name, content)
            return
        with _in_words(self / name):
            self._storage.makedirs(self._root, exist_ok=True)
            self._storage.pipe_file(self._inside(name), content)

    def _inside(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"

    def _on_this_disk(self, name: str, most_bytes: int) -> IO[bytes]:
        with _in_words(self / name):
            if self.path is not None:
                return (self.path / name).open("rb")
            copy = tempfile.TemporaryFile()  # noqa: SIM115  whoever asked for it closes it
            with self._storage.open(self._inside(name), "rb") as file:
                while copy.tell() <= most_bytes and (piece := file.read(_PIECE)):
                    copy.write(piece)
            return copy


def absolute_address(address: str) -> str:
    """The same for a process that stands in another folder."""
    return address if "://" in address or "::" in address else str(Path(address).absolute())


@contextmanager
def _in_words(address: str) -> Iterator[None]:
    """Say in a sentence why a file could not be reached.

    Raises:
        InputError: it is not there.
        AgeScopeError: for another reason.
    """
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(f"{address} is not there.") from error
    except OSError as error:
        raise AgeScopeError(f"{address} cannot be reached: {error.strerror or type(error).__name__}.") from error
    except Exception as error:
        raise AgeScopeError(f"{address} cannot be reached ({type(error).__name__}).") from error
