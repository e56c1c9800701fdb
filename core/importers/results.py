"""What the readers of one format hand to those who asked: accounts, labels, or why not."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Self

from core.importers.arguments import ImportArguments
from core.storage.date_order import DateOrder
from core.storage.field_names import Field
from core.storage.models import Account, Outcome, Post
from core.storage.user_lists import UserList
from core.storage.usernames import canonical_username, username_error
from core.utils.formatting import count

MADE_UP = "~"
"""How the id of a post begins whose source gives it none."""
MAX_LINES = 1_000
"""How many left-out records of a file are kept for one reason."""

_SHOWN_TEXT = 300
_SINGULAR = {"are": "is", "were": "was", "do": "does", "repeat": "repeats"}


@dataclass(frozen=True)
class NotUnderstood:
    """A file (or a part of one) that could not be used.

    Attributes:
        name: the file, as a person would look for it (``donations.zip/posts_1.json``).
        reason: what was looked for, and what to do.
        is_loss: whether something of it was not read; False where it was, and a person should know how.
    """

    name: str
    reason: str
    is_loss: bool = True


@dataclass(frozen=True)
class LeftOutLine:
    """One record that was left out: where it stands, and the beginning of what stands there."""

    place: str
    text: str


@dataclass(frozen=True)
class LeftOut:
    """Records of a file that were left out for one reason, while the rest was used.

    Attributes:
        name: the file, as a person would look for it.
        reason: why, in words that go on from a number of records.
        number: how many.
        lines: the first of them, at most :data:`MAX_LINES`.
        is_loss: whether they may be somebody's posts; False where it is known that they are none.
    """

    name: str
    reason: str
    number: int
    lines: tuple[LeftOutLine, ...]
    is_loss: bool = True

    def in_words(self) -> str:
        """``2 records left out that are not valid JSON (the first: line 2)``."""
        reason = self.reason if self.number > 1 else _of_one(self.reason)
        return f"{count(self.number, 'record')} left out {reason} (the first: {self.lines[0].place})"


def _of_one(reason: str) -> str:
    """A reason in words that go on from a single record: ``that are comments`` becomes ``that is a comment``."""
    verb = re.sub(r"^that (are|were|do|repeat)\b", lambda found: f"that {_SINGULAR[found[1]]}", reason)
    return re.sub(r"^(that is) (no )?(comment|message|storie|post)s\b", _noun, verb)


def _noun(found: re.Match[str]) -> str:
    return f"{found[1]} {found[2] or 'a '}{found[3].replace('storie', 'story')}"


class LeftOutRecords:
    """What was left out of one file, by reason."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._numbers: Counter[str] = Counter()
        self._lines: dict[str, list[LeftOutLine]] = {}
        self._harmless: set[str] = set()

    def add(self, reason: str, place: str, text: str = "", *, is_loss: bool = True) -> None:
        """Count a record; of many with one reason, the first are kept."""
        self._numbers[reason] += 1
        if not is_loss:
            self._harmless.add(reason)
        lines = self._lines.setdefault(reason, [])
        if len(lines) < MAX_LINES:
            lines.append(LeftOutLine(place, text[:_SHOWN_TEXT]))

    @property
    def number(self) -> int:
        """How many there are, whatever the reason."""
        return self._numbers.total()

    @property
    def reasons(self) -> frozenset[str]:
        """Why records were left out."""
        return frozenset(self._numbers)

    def found(self) -> Iterator[LeftOut]:
        """All of it, the first reason first."""
        for reason, number in self._numbers.items():
            yield LeftOut(self._name, reason, number, tuple(self._lines[reason]), reason not in self._harmless)


@dataclass(frozen=True)
class Recognised:
    """What a file was taken for.

    Attributes:
        name: the file, as a person would look for it.
        format_name: what becomes the source ``import:<format_name>``.
        fields: which of its columns or fields were taken for what; empty where its format leaves no choice.
    """

    name: str
    format_name: str
    fields: str = ""


@dataclass(frozen=True)
class FoundLabels:
    """Known ages that stood among the posts."""

    name: str
    labels: UserList


@dataclass(frozen=True)
class Ignored:
    """A file that was left alone: a picture, or a part of an export that holds no posts."""

    name: str


Found = Account | FoundLabels | NotUnderstood | LeftOut | Recognised | Ignored


@dataclass(frozen=True)
class ReadingChoices:
    """What a person said of a source, where it leaves a choice.

    Attributes:
        columns: which column or field is what.
        encoding: in which encoding its texts are.
        date_order: what stands first in dates such as 01/05/2024.
    """

    columns: Mapping[Field, str] = field(default_factory=dict)
    encoding: str | None = None
    date_order: DateOrder | None = None

    @classmethod
    def of(cls, arguments: ImportArguments) -> Self:
        """What was said with the options of ``import``."""
        return cls(dict(arguments.column), arguments.encoding, arguments.date_order)


@dataclass(frozen=True)
class Context:
    """Where a document was found, and what that tells of whose posts it holds.

    Attributes:
        name: the file, as a person would look for it.
        username: what the person said whose posts these are.
        folder: the name of the folder around the file.
        stem: the file's own name without its endings.
        choices: what the person said of it otherwise.
    """

    name: str
    username: str | None = None
    folder: str = ""
    stem: str = ""
    choices: ReadingChoices = field(default_factory=ReadingChoices)

    @property
    def columns(self) -> Mapping[Field, str]:
        """Which column or field the person said to be what."""
        return self.choices.columns


def account(
    format_name: str,
    username: str | None,
    posts: Iterable[Post | None],
    context: Context,
    unread: str | None = None,
) -> Account | NotUnderstood:
    """An account with its posts, or why its name cannot be used.

    Args:
        format_name: becomes the source ``import:<format_name>``.
        username: as the source writes it; None where it does not say.
        posts: None stands for what was no post.
        context: where it was found; its ``username`` counts where the source does not say.
        unread: what could not be read; the account is then ``partial``, so that a collection still asks for it,
            and no account at all where nothing else was read.
    """
    name = canonical_username(username or context.username or "")
    if not name:
        return NotUnderstood(context.name, "it does not say whose posts these are; give the username")
    if reason := username_error(name):
        return NotUnderstood(context.name, f"the name {name[:40]!r} cannot be used: {reason}")
    kept = [post for post in posts if post]
    if unread and not kept:
        return NotUnderstood(context.name, f"no post of {name} could be read: {unread}")
    outcome: Outcome = "partial" if unread else "collected" if kept else "empty"
    return Account(
        username=name,
        source=f"import:{format_name}",
        outcome=outcome,
        complete=not unread,
        reason=unread,
        posts=kept,
    )


def of_garbled(name: str, texts: int) -> Iterator[NotUnderstood]:
    """That texts were read in a wrong encoding before they came here, which is kept as it is."""
    if texts:
        look = "text looks" if texts == 1 else "texts look"
        reason = f"{texts:,} {look} as if a program had read UTF-8 as another encoding ('Ã¶' for 'ö')"
        yield NotUnderstood(name, f"{reason}; where you can, export them again as UTF-8", is_loss=False)


def made_up_id(text: str | None, taken_at: datetime | None, repetition: int) -> str:
    """An id for a post that has none: the same for the same post in the same source, read twice."""
    moment = taken_at.isoformat() if taken_at else ""
    digest = hashlib.sha256(f"{moment}\n{repetition}\n{text or ''}".encode("utf-8", "surrogatepass")).hexdigest()
    return MADE_UP + digest[:20]


def with_ids(posts: Iterable[Post]) -> list[Post]:
    """Give an id to every post that has an empty one; posts of one account, in the order of the source.

    Two of these with one caption at one second are one post, as under two hashtags; on one day, they are two.
    """
    seen: dict[tuple[str | None, datetime | None], int] = {}
    kept = []
    for post in posts:
        if not post.id:
            same = (post.caption, post.taken_at)
            seen[same] = seen.get(same, 0) + 1
            if seen[same] > 1 and post.caption and post.taken_at and post.taken_at.time() != time.min:
                continue
            post = post.model_copy(update={"id": made_up_id(post.caption, post.taken_at, seen[same])})
        kept.append(post)
    return kept
