"""What an import would bring, before anything of it is kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from core.importers.detect import find
from core.importers.results import FoundLabels, Ignored, LeftOut, NotUnderstood, Recognised
from core.storage.models import Account, Post
from core.storage.post_records import Field
from core.storage.user_lists import UserList

SHOWN_POSTS = 10


@dataclass
class Preview:
    """What was found, nothing of which is kept.

    Attributes:
        accounts: different accounts.
        posts: all their posts, those that the study has already included.
        first: the first posts, each with its account.
        recognised: what each file was taken for.
        labels: known ages that stand among the posts, by file.
        left_out: records that would be left out, by file and reason.
        not_understood: files, or parts of files, that cannot be used, and why.
        ignored: files left unopened.
    """

    accounts: int = 0
    posts: int = 0
    first: list[tuple[str, Post]] = field(default_factory=list)
    recognised: list[Recognised] = field(default_factory=list)
    labels: dict[str, UserList] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)
    not_understood: list[NotUnderstood] = field(default_factory=list)
    ignored: int = 0

    @property
    def is_useful(self) -> bool:
        """Whether an import would keep anything."""
        return bool(self.accounts or any(labels.usernames for labels in self.labels.values()))


def preview(source: Path, username: str | None = None, columns: Mapping[Field, str] | None = None) -> Preview:
    """Read a file, a folder or an archive as an import does, and keep nothing.

    Args:
        source: what to read.
        username: whose posts they are, where the source does not say.
        columns: which column or field is what, where a person has said so.

    Raises:
        InputError: ``source`` is not there.
    """
    seen = Preview()
    names: set[str] = set()
    for found in find(source, username, columns):
        if isinstance(found, Account):
            names.add(found.username)
            seen.posts += len(found.posts)
            room = SHOWN_POSTS - len(seen.first)
            seen.first += [(found.username, post) for post in islice(found.posts, max(room, 0))]
        elif isinstance(found, Recognised):
            seen.recognised.append(found)
        elif isinstance(found, FoundLabels):
            seen.labels[found.name] = found.labels
        elif isinstance(found, LeftOut):
            seen.left_out.append(found)
        elif isinstance(found, NotUnderstood):
            seen.not_understood.append(found)
        elif isinstance(found, Ignored):
            seen.ignored += 1
    seen.accounts = len(names)
    return seen
