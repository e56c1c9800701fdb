"""The index as a whole: open it, let it follow the files, ask it, close it."""

from collections.abc import Callable
from types import TracebackType
from typing import Self

from core.index.database import Database
from core.index.queries import Queries
from core.index.sql_console import MAX_SECONDS, Answer, RunningQuery, SqlConsole
from core.index.sync import Follower, Following
from core.jobs.progress import Progress
from core.settings import Settings

MEANINGS = {
    "accounts": "an account that was collected or imported",
    "posts": "a post of an account",
    "ages": "the known age of an account, from its newest label",
    "predictions": "what a run says of an account",
    "runs": "a run of a model over the accounts",
    "lists": "a name on one of the lists",
    "labels": "an age in one of the label files",
    "files": "a file of the study, with the reason if it cannot be used",
}
"""What a row of each table is."""


class Store(Queries):
    """The index of a data folder; open it once per process and share it between threads.

    Raises:
        AgeScopeError: another process has the index open, or the folder cannot be written.
    """

    def __init__(self, settings: Settings) -> None:
        database = Database(settings.index_file, settings.cache_dir / "index")
        super().__init__(database)
        self._follower = Follower(database, settings)
        self._console = SqlConsole(database, lambda: self.version, settings.cache_dir / "index")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def version(self) -> int:
        """Grows whenever the index changes; a key for caches."""
        return self._follower.version

    @property
    def following(self) -> Following:
        """Where the index stands against the files."""
        return self._follower.following

    def start(self, interval_s: float = 2.0) -> None:
        """Follow the files in the background, looking every ``interval_s`` seconds, until :meth:`close`."""
        self._follower.start(interval_s)

    def refresh(self, progress: Progress | None = None) -> None:
        """Bring the index up to date with the files now.

        Raises:
            AgeScopeError: a folder cannot be read, or the index cannot be written.
            Stopped: ``progress`` was asked to stop; what is taken in stays.
        """
        self._follower.look(progress)

    def rebuild(self, progress: Progress | None = None, workers: int = 1) -> None:
        """Empty the index and take everything in again, read by ``workers``; raises as :meth:`refresh` does."""
        self._follower.start_anew()
        self._follower.look(progress, workers=workers)

    def sql(self, query: str, max_seconds: float = MAX_SECONDS, stop: Callable[[], bool] = lambda: False) -> Answer:
        """Answer a SELECT that a person typed; see :meth:`core.index.sql_console.SqlConsole.answer`."""
        return self._console.answer(query, max_seconds, stop)

    def start_sql(self, query: str) -> RunningQuery:
        """Begin to answer a SELECT that a person typed, which can be stopped."""
        return RunningQuery(lambda stop: self.sql(query, stop=stop))

    def schema(self) -> list[tuple[str, str, list[str]]]:
        """What a person may ask about, the most asked for first: table, what a row of it is, its columns."""
        columns = self._database.frame(
            "SELECT table_name, list(column_name ORDER BY ordinal_position) AS columns "
            "FROM information_schema.columns GROUP BY table_name"
        ).set_index("table_name")["columns"]
        return [(table, meaning, list(columns[table])) for table, meaning in MEANINGS.items()]

    def close(self) -> None:
        """Stop following and close the file."""
        self._follower.stop()
        self._console.close()
        self._database.close()
