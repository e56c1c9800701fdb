"""What every source of posts looks like to the collector: a name and a cursor in, a page of posts out."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import JsonValue

from core.instagram.errors import UnexpectedAnswer
from core.storage.models import Post
from core.utils.records import Record

_LONGEST_CURSOR = 4096
PUBLIC_ACCOUNT = "instagram"
"""An account that everybody can see: Instagram's own."""


class Cursor(Record):
    """What a source goes on from; each uses what it needs, and the collector only keeps it.

    Attributes:
        user_id: the account's id.
        step: the route to ask next.
        after: Instagram's mark of the page to ask for.
        page_id: the account's id for the route that asks by it.
        known: short codes, or ids, of posts that another route brought.
        waiting: posts whose captions are still to be asked for.
        done: routes that have given what they can.
        frozen: Instaloader's own iterator.
    """

    user_id: str | None = None
    step: str | None = None
    after: str | None = None
    page_id: str | None = None
    known: tuple[str, ...] = ()
    waiting: tuple[Post, ...] = ()
    done: tuple[str, ...] = ()
    frozen: dict[str, JsonValue] | None = None


@dataclass(frozen=True)
class Page:
    """What one answer brought.

    Attributes:
        posts: newest first; may be empty although more follow.
        cursor: what to hand in for the next page; None where nothing further is to be had. It can be
            kept as JSON, and a later run goes on from it.
        user_id: the account's id, where the answer tells.
        post_count: how many posts the account says it has, where the answer tells.
        foreign: how many posts of other accounts the answer held; they are not among ``posts``.
    """

    posts: list[Post] = field(default_factory=list)
    cursor: Cursor | None = None
    user_id: str | None = None
    post_count: int | None = None
    foreign: int = 0


class Source(Protocol):
    """A way to the posts of public accounts."""

    name: str

    def page(self, username: str, cursor: Cursor | None, wanted: int) -> Page:
        """Ask for the next page, with as few requests as the route allows and at best one.

        Args:
            username: the account.
            cursor: None for the first page, else what the previous page gave.
            wanted: how many further posts are of use.

        Raises:
            AccountNotFound, AccountPrivate: final answers about the account.
            FatalError: no further request may follow.
            InstagramError: this page cannot be had now.
            Stopped: the run was asked to stop while waiting.
        """

    def requests_made(self) -> dict[str, int]:
        """How many requests were made so far, by route."""

    def close(self) -> None:
        """Release connections."""


def changed(cursor: Cursor, **fields: object) -> Cursor:
    """A cursor with some fields replaced.

    Raises:
        ValueError: one is of another type.
    """
    return Cursor.model_validate({**dict(cursor), **fields})


@contextmanager
def shapes_expected(route: str) -> Iterator[None]:
    """Turn what goes wrong with an answer of another shape into an error that says so.

    Raises:
        UnexpectedAnswer: a key is missing, or a value is of another type than it always was.
    """
    try:
        yield
    # `from None`: pydantic's messages show the values, and with them captions
    except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
        raise UnexpectedAnswer(f"an answer of another shape ({type(error).__name__})", route) from None


def as_count(value: object) -> int | None:
    """``value`` if it is a count, else None."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def short_cursor(value: object) -> str | None:
    """``value`` as the text to ask for the next page with; None for none.

    Raises:
        ValueError: it is none that would be kept and sent back.
    """
    if value is None or value == "":
        return None
    if not isinstance(value, str | int) or len(str(value)) > _LONGEST_CURSOR:
        raise ValueError
    return str(value)
