"""What the readers of one format hand to those who asked: accounts, labels, or why not."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from core.storage.models import Account, Post
from core.storage.user_lists import UserList
from core.storage.usernames import canonical_username, username_error

MADE_UP = "~"
"""How the id of a post begins whose source gives it none."""


@dataclass(frozen=True)
class NotUnderstood:
    """A file (or a part of one) that could not be used.

    Attributes:
        name: the file, as a person would look for it (``donations.zip/posts_1.json``).
        reason: what was looked for, and what to do.
    """

    name: str
    reason: str


@dataclass(frozen=True)
class FoundLabels:
    """Known ages that stood among the posts."""

    name: str
    labels: UserList


@dataclass(frozen=True)
class Ignored:
    """A file that was left alone: a picture, or a part of an export that holds no posts."""

    name: str


Found = Account | FoundLabels | NotUnderstood | Ignored


@dataclass(frozen=True)
class Context:
    """Where a document was found, and what that tells of whose posts it holds.

    Attributes:
        name: the file, as a person would look for it.
        username: what the person said whose posts these are.
        folder: the name of the folder around the file.
        stem: the file's own name without its endings.
    """

    name: str
    username: str | None = None
    folder: str = ""
    stem: str = ""


def account(format_name: str, username: str | None, posts: Iterable[Post | None], context: Context) -> Found:
    """An account with its posts, or why its name cannot be used.

    Args:
        format_name: becomes the source ``import:<format_name>``.
        username: as the source writes it; None where it does not say.
        posts: None stands for what was no post.
        context: where it was found; its ``username`` counts where the source does not say.
    """
    name = canonical_username(username or context.username or "")
    if not name:
        return NotUnderstood(context.name, "it does not say whose posts these are; give the username")
    if reason := username_error(name):
        return NotUnderstood(context.name, f"the name {name[:40]!r} cannot be used: {reason}")
    kept = [post for post in posts if post]
    return Account(
        username=name,
        source=f"import:{format_name}",
        outcome="collected" if kept else "empty",
        posts=kept,
    )


def made_up_id(text: str | None, taken_at: datetime | None, repetition: int) -> str:
    """An id for a post that has none: the same for the same post in the same source, read twice."""
    moment = taken_at.isoformat() if taken_at else ""
    digest = hashlib.sha256(f"{moment}\n{repetition}\n{text or ''}".encode("utf-8", "surrogatepass")).hexdigest()
    return MADE_UP + digest[:20]


def with_ids(posts: Iterable[Post]) -> list[Post]:
    """Give an id to every post that has an empty one; posts of one account, in the order of the source."""
    seen: dict[tuple[str | None, datetime | None], int] = {}
    kept = []
    for post in posts:
        if not post.id:
            same = (post.caption, post.taken_at)
            seen[same] = seen.get(same, 0) + 1
            post = post.model_copy(update={"id": made_up_id(post.caption, post.taken_at, seen[same])})
        kept.append(post)
    return kept
