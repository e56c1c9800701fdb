"""Tables of Facepager: a tree of nodes, a row each, in which a post's owner stands in a row above it.

The names of its columns are those of its source (``level``, ``id``, ``parent_id``, ``object_id``, ``query_time``).
Where nothing stands it writes the word None, in quotation marks like every cell.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from core.storage.column_meanings import FACEPAGER, FieldChoice
from core.storage.field_names import plain_name
from core.storage.field_values import text_of
from core.storage.not_posts import COMMENTS
from core.storage.post_parsing import PostReading, read_record
from core.storage.usernames import canonical_username, instagram_username_error

_WIDE = re.compile(r"lvl_\d+_")
_OWNER = "the row or one above it"
_MOST_NODES = 1_000_000

Record = Mapping[str, Any]
LeaveOut = Callable[[str, str], None]
"""Told why a row is left out and where it stands."""


def is_of_facepager(header: Iterable[str]) -> bool:
    """Whether a table with these columns is Facepager's."""
    return {plain_name(name) for name in header} >= FACEPAGER


def why_not_read(header: Iterable[str]) -> str | None:
    """Why a table of Facepager's cannot be used, or None where it can."""
    if any(_WIDE.match(name) for name in header):
        return "it is Facepager's wide form, in which each row repeats those above it; export all nodes instead"
    return None


def without_none(record: Record) -> dict[str, Any]:
    """A row in which nothing stands where Facepager wrote None."""
    return {name: None if value == "None" else value for name, value in record.items()}


class Nodes:
    """Gives each post the owner that a row above it tells.

    Attributes:
        choice: which column is what, the owner among them.
    """

    def __init__(self, choice: FieldChoice) -> None:
        self._own = choice
        self.choice = replace(choice, names={**choice.names, "username": (_OWNER,)})
        self._owners: dict[str, str] = {}
        self._level_of_posts: int | None = None

    def posts(self, rows: Iterable[tuple[str, Record]], leave_out: LeaveOut) -> Iterator[tuple[str, Record]]:
        """The rows that are posts, each with its owner; the rows above them come first, as Facepager numbers them."""
        for place, row in rows:
            node = {plain_name(name): value for name, value in row.items()}
            reading = read_record(row, self._own)
            above = self._owners.get(str(node["parent_id"]))
            if self._is_below_posts(node):
                leave_out(COMMENTS, place)
            elif _is_post(reading):
                self._level_of_posts = self._level_of_posts or _level(node)
                yield place, {**row, _OWNER: reading.username or above}
            else:
                self._remember(node, reading.username or _name_of(node) or above)
                leave_out("that are accounts and no posts", place)

    def _is_below_posts(self, node: Record) -> bool:
        is_deeper = self._level_of_posts is not None and _level(node) > self._level_of_posts
        return is_deeper or "comment" in str(node.get("query_type") or "").lower()

    def _remember(self, node: Record, owner: str | None) -> None:
        if owner and len(self._owners) < _MOST_NODES:
            self._owners[str(node["id"])] = owner


def _is_post(reading: PostReading) -> bool:
    return bool(reading.caption or reading.taken_at or reading.unread_time or reading.undecided_date)


def _level(node: Record) -> int:
    level = str(node.get("level") or "")
    return int(level) if level.isdigit() and len(level) < 4 else 0


def _name_of(node: Record) -> str | None:
    """The object that was asked for, where it is named as accounts are and not by a number."""
    name = canonical_username(text_of(node["object_id"]) or "")
    return name if not name.isdigit() and instagram_username_error(name) is None else None
