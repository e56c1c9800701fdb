"""Posts in any order, brought together by account in bounded memory."""

import tempfile
from collections.abc import Iterator
from itertools import groupby
from types import TracebackType
from typing import Any, Self

import duckdb
import pyarrow as pa

from core.storage.date_order import DateEvidence
from core.storage.models import Post

_IN_HAND = 20_000
_SORT_MEMORY = "200MB"


class PostsByAccount:
    """Takes posts in and gives them account by account, in their order; many wait on the disk meanwhile.

    Use it as a context manager, which removes what lies on the disk.

    Attributes:
        dates: what the posts' dates such as 01/05/2024 show of their order, which only all of them together tell.
    """

    def __init__(self, dates: DateEvidence | None = None) -> None:
        self.dates = dates or DateEvidence()
        self._in_hand: list[tuple[str, Post, str | None]] = []
        self._position = 0
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._folder:
            self._connection.close()
            self._folder.cleanup()

    def add(self, username: str, post: Post, undecided_date: str | None = None) -> None:
        """Take in a post, with its date where that can be read only once the order of all dates is known."""
        if undecided_date:
            self.dates.see(undecided_date)
        self._in_hand.append((username, post, undecided_date))
        if len(self._in_hand) >= _IN_HAND:
            self._lay_down()

    def accounts(self) -> Iterator[tuple[str, list[Post]]]:
        """Every account with its posts, in the order in which they came."""
        if self._folder is None:
            rows: dict[str, list[Post]] = {}
            for username, post, date in self._in_hand:
                rows.setdefault(username, []).append(self._dated(post, date))
            yield from rows.items()
            return
        self._lay_down()
        for username, group in groupby(self._sorted(), key=lambda row: row[0]):
            yield username, [self._dated(Post.model_validate_json(text), date) for _, text, date in group]

    def _dated(self, post: Post, date: str | None) -> Post:
        return post.model_copy(update={"taken_at": self.dates.read(date)}) if date else post

    def _lay_down(self) -> None:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="agescope-")
            config: dict[str, Any] = {"memory_limit": _SORT_MEMORY, "temp_directory": self._folder.name, "threads": 2}
            self._connection = duckdb.connect(f"{self._folder.name}/posts.duckdb", config=config)
            self._connection.execute(
                "CREATE TABLE posts (position BIGINT, username VARCHAR, post VARCHAR, date VARCHAR)"
            )
        part = pa.table(
            {
                "position": pa.array(range(self._position, self._position + len(self._in_hand)), pa.int64()),
                "username": pa.array([username for username, _, _ in self._in_hand], pa.string()),
                "post": pa.array(
                    [post.model_dump_json(exclude_none=True) for _, post, _ in self._in_hand], pa.string()
                ),
                "date": pa.array([date for _, _, date in self._in_hand], pa.string()),
            }
        )
        self._connection.register("part", part)
        self._connection.execute("INSERT INTO posts SELECT * FROM part")
        self._connection.unregister("part")
        self._position += len(self._in_hand)
        self._in_hand.clear()

    def _sorted(self) -> Iterator[tuple[str, str, str | None]]:
        cursor = self._connection.execute("SELECT username, post, date FROM posts ORDER BY username, position")
        while part := cursor.fetchmany(_IN_HAND):
            yield from part
