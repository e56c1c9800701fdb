"""How the index follows the files: what is new, changed or gone since it last looked."""

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import duckdb

from core.errors import AgeScopeError
from core.index.database import Database, translated
from core.index.ingest import Rows, delete_rows, insert_rows, read_rows
from core.index.scan import Differences, FoundFile, compare, find_files
from core.index.shared_reading import read_by_workers
from core.jobs.progress import Progress
from core.settings import Settings

logger = logging.getLogger(__name__)

_BATCH_FILES = 512
_BATCH_BYTES = 32_000_000
_FULL_LOOK_S = 60.0
_CLOCK_GRAIN_NS = 2_000_000_000
_SHARE_OF_PAUSE = 4


@dataclass(frozen=True)
class Following:
    """Where the index stands.

    Attributes:
        done: files taken in, of ``total``, in the look that is under way (or was the last).
        looked_at: when the last look ended; None before the first.
        error: why the last look failed, in a sentence.
    """

    done: int = 0
    total: int = 0
    looked_at: datetime | None = None
    error: str | None = None

    @property
    def busy(self) -> bool:
        """Whether files are still to be taken in."""
        return self.done < self.total


class Follower:
    """Keeps a database in step with the files of a data folder.

    Attributes:
        following: where it stands.
        version: grows with every change of the index; a key for caches.
    """

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._looking = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._accounts_look: tuple[int, float] | None = None
        self._comparing_s = 0.0
        self.following = Following()
        self.version = 0

    def start(self, interval_s: float) -> None:
        """Follow the files in a thread of its own until :meth:`stop`."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, args=(interval_s,), name="index", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop following; waits for the batch in hand."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def look(self, progress: Progress | None = None, everywhere: bool = True, workers: int = 1) -> None:
        """Bring the index up to date with the files.

        Args:
            progress: told how many files are taken in, and asked whether to stop.
            everywhere: also look at account files when their folder has not changed since.
            workers: processes that read; one is this one.

        Raises:
            AgeScopeError: a folder cannot be read, or the index cannot be written.
            Stopped: ``progress`` was asked to stop; what is taken in stays.
        """
        with self._looking:
            if self._database.must_be_made_anew:
                self._clear()
            try:
                self._bring_up_to_date(progress, everywhere, workers)
            except BaseException:
                self._accounts_look = None  # it was not finished: look again
                raise
            self.following = replace(self.following, looked_at=datetime.now(UTC), error=None)

    def start_anew(self) -> None:
        """Empty the index, so that the next look takes everything in again."""
        with self._looking:
            self._clear()

    def _clear(self) -> None:
        self._database.clear()
        self._accounts_look = None
        self.version += 1

    def _run(self, interval_s: float) -> None:
        pause_s = 0.0
        while not self._stop.wait(pause_s):
            try:
                self.look(everywhere=False)
            except (AgeScopeError, duckdb.Error) as error:
                self.following = replace(self.following, done=0, total=0, error=str(error), looked_at=datetime.now(UTC))
                logger.warning("the index could not follow the files: %s", type(error).__name__)
            # in a large study comparing costs a second itself; it must not take up all the time
            pause_s = max(interval_s, _SHARE_OF_PAUSE * self._comparing_s)

    def _bring_up_to_date(self, progress: Progress | None, everywhere: bool, workers: int) -> None:
        started = time.perf_counter()
        differences = self._differences(everywhere)
        self._comparing_s = time.perf_counter() - started
        self.following = replace(self.following, done=0, total=len(differences.gone) + len(differences.changed))
        for files in _bounded(differences.gone):
            self._apply(files, [], Rows(), progress)

        def take(files: Sequence[FoundFile], rows: Rows) -> None:
            self._apply([file for file in files if file.path in differences.known], files, rows, progress)

        batches = list(_bounded(differences.changed))
        if workers > 1 and len(batches) > 1:
            read_by_workers(self._settings, batches, workers, take)
            return
        for files in batches:
            if self._stop.is_set():
                return
            take(files, read_rows(self._settings.data_dir, files))

    def _differences(self, everywhere: bool) -> Differences:
        with_accounts = everywhere or self._accounts_changed()
        with translated(), self._database.cursor() as cursor:
            query = "SELECT path, kind, mtime_ns, size FROM files WHERE kind <> 'account' OR ?"
            rows = cursor.execute(query, [with_accounts]).fetchall()
        try:
            found = find_files(self._settings, with_accounts)
        except OSError as error:
            raise AgeScopeError(
                f"{error.filename} cannot be read: {error.strerror}. The index stays as it was; "
                "make the folder readable and it goes on by itself."
            ) from error
        return compare([FoundFile(*row) for row in rows], found)

    def _accounts_changed(self) -> bool:
        """Whether the accounts' folder has changed since it was last looked through.

        Every file that AgeScope writes is renamed into place, which changes the folder's time.
        Files edited in place do not; they are found by a full look once a minute.
        """
        try:
            changed_ns = self._settings.accounts_dir.stat().st_mtime_ns
        except OSError:
            changed_ns = 0
        if self._accounts_look:
            seen_ns, at = self._accounts_look
            if seen_ns == changed_ns and time.monotonic() - at < _FULL_LOOK_S:
                return False
        # a change within the clock's grain of this look could bear the same time: look again then
        settled = time.time_ns() - changed_ns > _CLOCK_GRAIN_NS
        self._accounts_look = (changed_ns, time.monotonic()) if settled else None
        return True

    def _apply(
        self, stale: Sequence[FoundFile], files: Sequence[FoundFile], rows: Rows, progress: Progress | None
    ) -> None:
        """Replace what the index holds of some files, in one short transaction."""
        if self._stop.is_set():
            return
        with self._database.transaction() as cursor:
            delete_rows(cursor, stale)
            insert_rows(cursor, files, rows)
        self.version += 1
        self.following = replace(self.following, done=self.following.done + len(files or stale))
        if progress:
            progress.update(self.following.done, self.following.total, message="Taking in files")
            progress.check()


def _bounded(files: Sequence[FoundFile]) -> Iterator[list[FoundFile]]:
    """Batches of files of one kind, few enough to be read at once."""
    batch: list[FoundFile] = []
    size = 0
    for file in files:
        full = len(batch) == _BATCH_FILES or size + file.size > _BATCH_BYTES
        if batch and (full or file.kind != batch[0].kind):
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += file.size
    if batch:
        yield batch
