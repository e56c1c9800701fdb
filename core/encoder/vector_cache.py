"""Users' vectors on disk, by key.

The file can be deleted at any time, serves several processes at once, and is bounded; when it is full,
the vectors that were written first make room.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.errors import AgeScopeError

Vectors = npt.NDArray[np.float32]

CACHE_FILE = "vectors.sqlite"
MAX_BYTES = 2_000_000_000

_LOCK_TIMEOUT_S = 60


class VectorCache:
    """Vectors by key in one SQLite file, which survives kills and serves several processes."""

    def __init__(self, folder: Path, max_bytes: int = MAX_BYTES) -> None:
        """Open or make the cache in ``folder``.

        Raises:
            AgeScopeError: the folder cannot be written.
        """
        self.path = folder / CACHE_FILE
        self.max_bytes = max_bytes
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._connect()
        except (OSError, sqlite3.OperationalError) as error:
            raise AgeScopeError(f"{folder} cannot hold the cache: {error}. Correct its permissions.") from error
        except sqlite3.DatabaseError:
            self.path.unlink(missing_ok=True)  # damaged, and nothing in it is needed
            self._connect()

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Vectors]:
        """The vectors that are there."""
        marks = ",".join("?" * len(keys))
        rows = self._database.execute(f"SELECT key, vector FROM vectors WHERE key IN ({marks})", keys)  # noqa: S608
        return {key: np.frombuffer(vector, np.float32) for key, vector in rows}

    def put(self, vectors: dict[bytes, Vectors]) -> None:
        """Keep vectors; the oldest make room where there are too many."""
        if not vectors:
            return
        rows = [(key, np.ascontiguousarray(vector, np.float32).tobytes()) for key, vector in vectors.items()]
        room = max(len(rows), self.max_bytes // len(rows[0][1]))
        with self._database:
            self._database.executemany("INSERT OR REPLACE INTO vectors (key, vector) VALUES (?, ?)", rows)
            self._database.execute("DELETE FROM vectors WHERE number <= (SELECT max(number) FROM vectors) - ?", (room,))

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _connect(self) -> None:
        self._database = sqlite3.connect(self.path, timeout=_LOCK_TIMEOUT_S)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = OFF")  # a cache may lose its last rows with the power
        columns = "number INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB UNIQUE, vector BLOB"
        self._database.execute(f"CREATE TABLE IF NOT EXISTS vectors ({columns})")


@contextmanager
def open_cache(folder: Path | None) -> Iterator[VectorCache | None]:
    """The cache in ``folder`` while it is needed; None where there is to be none."""
    if folder is None:
        yield None
        return
    with closing(VectorCache(folder)) as cache:
        yield cache
