"""What an import would bring, before anything is written."""

from dataclasses import dataclass, field
from pathlib import Path

from core.importers.detect import find
from core.importers.importer import SHOWN, check_username, first_of, merged
from core.importers.results import FoundLabels, Ignored, LeftOut, NotUnderstood, ReadingChoices, Recognised
from core.storage.models import Account, Post
from core.storage.user_lists import UserList
from core.utils.formatting import count

SHOWN_POSTS = 10

_SHOWN_TEXT = 80


@dataclass
class Preview:
    """What a source holds, as an import would take it; nothing of it is kept.

    Attributes:
        usernames: the accounts.
        posts: their posts, those that the study has already included; one that stands in two files counts in each.
        with_caption: how many of them have a caption.
        without_time: how many of them have no time.
        first: the first posts as they would be kept, each with its account.
        recognised: what each file was taken for, and which of its columns or fields for what.
        labels: known ages that stand among the posts, by file.
        left_out: records that would be left out of files which are used otherwise.
        not_understood: files, or parts of files, that cannot be used, and why.
        ignored: files left unopened.
    """

    usernames: set[str] = field(default_factory=set)
    posts: int = 0
    with_caption: int = 0
    without_time: int = 0
    first: list[tuple[str, Post]] = field(default_factory=list)
    recognised: list[Recognised] = field(default_factory=list)
    labels: dict[str, UserList] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)
    not_understood: list[NotUnderstood] = field(default_factory=list)
    ignored: int = 0

    @property
    def accounts(self) -> int:
        """How many accounts there are."""
        return len(self.usernames)

    @property
    def is_useful(self) -> bool:
        """Whether an import would keep anything."""
        return bool(self.usernames or any(labels.usernames or labels.ranges for labels in self.labels.values()))

    def __str__(self) -> str:
        known = sum(len(labels.usernames) + len(labels.ranges) for labels in self.labels.values())
        lines = [
            f"{count(self.accounts, 'account')} with {count(self.posts, 'post')}, {self.with_caption:,} of them "
            f"with a caption and {self.without_time:,} without a time. Nothing was written.",
            *([f"{count(known, 'account')} with an age."] if known else ()),
            *first_of(
                [f"{item.name}: {item.format_name}. {item.fields}".rstrip(". ") + "." for item in self.recognised]
            ),
            *first_of([f"{item.name}: {item.in_words()}." for item in self.left_out]),
            *first_of([f"{item.name}: {item.reason}." for item in self.not_understood]),
            *(
                f"{name}, line {rejected.line}: {rejected.reason}."
                for name, labels in self.labels.items()
                for rejected in labels.rejected[:SHOWN]
            ),
            *([f"{count(self.ignored, 'file')} without posts left unopened."] if self.ignored else ()),
            *(_line_of_post(username, post) for username, post in self.first),
        ]
        return "\n".join(lines)


def preview(source: Path, username: str | None = None, choices: ReadingChoices | None = None) -> Preview:
    """Read a file, a folder or an archive as an import does, and keep nothing.

    Args:
        source: what to read.
        username: whose posts they are, where the source does not say.
        choices: what a person said of it otherwise.

    Raises:
        InputError: ``source`` is not there, or ``username`` cannot be used.
    """
    check_username(username)
    seen = Preview()
    for found in find(source, username, choices):
        if isinstance(found, Account):
            _add_account(seen, merged(found))
        elif isinstance(found, FoundLabels):
            seen.labels[found.name] = found.labels
        elif isinstance(found, NotUnderstood):
            seen.not_understood.append(found)
        elif isinstance(found, LeftOut):
            seen.left_out.append(found)
        elif isinstance(found, Recognised):
            seen.recognised.append(found)
        elif isinstance(found, Ignored):
            seen.ignored += 1
    return seen


def _add_account(seen: Preview, account: Account) -> None:
    seen.usernames.add(account.username)
    seen.posts += len(account.posts)
    seen.with_caption += len(account.captions)
    seen.without_time += sum(post.taken_at is None for post in account.posts)
    room = SHOWN_POSTS - len(seen.first)
    seen.first += [(account.username, post) for post in account.posts[: max(room, 0)]]


def _line_of_post(username: str, post: Post) -> str:
    moment = f"{post.taken_at:%Y-%m-%d}" if post.taken_at else "no time"
    caption = " ".join((post.caption or "no caption").split())[:_SHOWN_TEXT]
    caption = "".join(sign if sign.isprintable() else "\ufffd" for sign in caption)  # a terminal obeys control signs
    return f"  {username}, {moment}: {caption}"
