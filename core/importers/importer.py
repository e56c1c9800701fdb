"""Putting what was read into account files, together with what is already there."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from core.errors import InputError
from core.importers.detect import find
from core.importers.events import ImportedEvent, NotUnderstoodEvent, RecognisedEvent
from core.importers.local_times import completed, without_local_doubles
from core.importers.results import (
    MADE_UP,
    FoundLabels,
    Ignored,
    LeftOut,
    NotUnderstood,
    ReadingChoices,
    Recognised,
)
from core.jobs.progress import Progress
from core.settings import get_settings
from core.storage.account_files import file_name, read_account, write_account
from core.storage.field_values import media_id
from core.storage.listed import read_named_list
from core.storage.models import Account, Post
from core.storage.user_lists import available_name, write_user_list
from core.storage.usernames import canonical_username, instagram_username_error, username_error
from core.utils.formatting import count
from core.utils.io import remove_leftovers, write_atomically
from core.utils.spreadsheets import csv_text, safe_name

_POSTS_IN_HAND = 20_000
SHOWN = 20
"""How many files of a kind are named where there are many."""


@dataclass
class ImportSummary:
    """What an import did.

    Attributes:
        accounts: different accounts that were written.
        posts: posts that were not there before.
        known: posts that were there already.
        other_names: accounts among them whose names cannot be Instagram usernames (participants' codes, say).
        labels: files with labels that were written.
        not_understood: files, or parts of files, that could not be used, and why.
        left_out: records that were left out of files which were used otherwise.
        recognised: what each file was taken for, where that was a choice.
        ignored: files left unopened: pictures, and parts of an export that hold no posts.
    """

    accounts: int = 0
    posts: int = 0
    known: int = 0
    other_names: int = 0
    labels: list[Path] = field(default_factory=list)
    not_understood: list[NotUnderstood] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    recognised: list[Recognised] = field(default_factory=list)
    ignored: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether nothing was lost that may be somebody's posts."""
        is_lossless = not any(item.is_loss for item in self.not_understood)
        return is_lossless and not any(item.is_loss for item in self.left_out)

    def in_words(self) -> list[str]:
        """What was done, without naming what was not understood."""
        lines = [
            f"{count(self.accounts, 'account')} with {count(self.posts, 'new post')} "
            f"({self.known:,} were there already)."
        ]
        if self.other_names:
            lines.append(
                f"{count(self.other_names, 'account')} with a name that cannot be an Instagram username; "
                "it is kept as it is."
            )
        lines += [f"Labels: {path}" for path in self.labels]
        if self.ignored:
            lines.append(f"{count(self.ignored, 'file')} without posts left unopened.")
        return lines

    def __str__(self) -> str:
        lines = self.in_words()
        lines += first_of([f"{item.name}: {item.fields}." for item in self.recognised if item.fields])
        lines += first_of([f"{item.name}: {item.in_words()}." for item in self.left_out])
        if self.not_understood:
            files = len({item.name for item in self.not_understood})
            lines.append(f"Not understood, or not wholly: {count(files, 'file')}")
            lines += first_of([f"  {item.name}: {item.reason}" for item in self.not_understood])
        return "\n".join(lines)


def first_of(lines: Sequence[str]) -> list[str]:
    """The first of many lines, and how many more there are."""
    more = len(lines) - SHOWN
    return [*lines[:SHOWN], *([f"  ... and {more:,} more"] if more > 0 else ())]


def import_files(
    source: Path,
    output_dir: Path,
    username: str | None,
    progress: Progress,
    choices: ReadingChoices | None = None,
) -> ImportSummary:
    """Turn a file, a folder or an archive of any known format into account files.

    An account that is there already keeps all it has and gains the posts it lacks; importing the
    same source again changes nothing. Whom an import brings into the study is kept as a list in ``imports/``.
    Labels found among the posts go to ``labels/`` beside ``output_dir``, which in a study's folder is where
    labels are kept.

    Args:
        source: what to read.
        output_dir: the folder of the account files.
        username: whose posts they are, where the source does not say.
        progress: told how many accounts are written; events ``recognised`` tell which columns of a file
            were taken for what, events ``not_understood`` name files, and the last one, ``imported``, sums up in words.
        choices: what a person said of it otherwise.

    Raises:
        InputError: ``source`` is not there, holds nothing that is understood, or ``username`` cannot be used.
        AgeScopeError: the folder cannot be written.
        Stopped: ``progress`` was asked to stop; what is written stays.
    """
    check_username(username)
    remove_leftovers(output_dir)
    job = _Import(output_dir, progress)
    for found in find(source, username, choices, progress.check):
        progress.check()
        if isinstance(found, Account):
            job.take(found)
        elif isinstance(found, FoundLabels):
            job.take_labels(found, output_dir.parent / "labels")
        elif isinstance(found, NotUnderstood):
            job.refuse(found)
        elif isinstance(found, LeftOut):
            job.leave_out(found)
        elif isinstance(found, Recognised):
            job.recognise(found)
        elif isinstance(found, Ignored):
            job.summary.ignored += 1
    job.write()
    if output_dir.resolve() == get_settings().accounts_dir.resolve():
        job.keep_list(source, get_settings().imports_dir)
    chosen = sum(bool(found.fields) for found in job.summary.recognised)
    progress.event(ImportedEvent(summary=tuple(job.summary.in_words()), files=chosen))
    if not job.summary.accounts and not job.summary.labels:
        raise InputError(f"Nothing could be imported from {source}.\n{job.summary}")
    return job.summary


def merged(*parts: Account) -> Account:
    """One account out of several, the one that is there already first: every post once, newest first.

    What the first one knows of the account stays, so that a collection can go on from its cursor;
    only where nothing could be had before, the outcome is that of the first part with posts.
    """
    posts = _Posts()
    for part in without_local_doubles([part.posts for part in parts]):
        for post in part:
            posts.add(post)
    base = next((part for part in parts if part.outcome in ("collected", "partial")), parts[0])
    user_id = next((part.user_id for part in parts if part.user_id), None)
    post_count = next((part.post_count for part in parts if part.post_count is not None), None)
    ordered = sorted(posts.all, key=_seconds, reverse=True)
    return base.model_copy(update={"posts": ordered, "user_id": user_id, "post_count": post_count})


def _seconds(post: Post) -> float:
    """When a post was made, for sorting; posts without a time come last."""
    if post.taken_at is None:
        return float("-inf")
    return (post.taken_at if post.taken_at.tzinfo else post.taken_at.replace(tzinfo=UTC)).timestamp()


class _Posts:
    """Posts, each once, in whatever order they come: known by id, by short code, or by time and caption."""

    def __init__(self) -> None:
        self._kept: dict[int, Post] = {}
        self._at: dict[str, int] = {}
        self._with_id: Counter[_Said] = Counter()
        self._made_up: dict[_Said, list[int]] = {}

    @property
    def all(self) -> list[Post]:
        """The posts, in the order in which they came first."""
        return [self._kept[at] for at in sorted(self._kept)]

    def add(self, post: Post) -> None:
        """Add a post, or complete the one that it is."""
        said = (post.taken_at, post.caption)
        same = sorted({self._at[key] for key in _keys(post) if key in self._at})
        if post.id.startswith(MADE_UP):
            if not same and self._with_id[said] > 0:
                self._with_id[said] -= 1
                return
        elif all((self._kept[at].taken_at, self._kept[at].caption) != said for at in same):
            if self._made_up.get(said):
                same = sorted({*same, self._made_up[said].pop(0)})
            else:
                self._with_id[said] += 1
        self._keep([*(self._kept.pop(at) for at in same), post], min(same, default=len(self._at)))

    def _keep(self, same: Sequence[Post], at: int) -> None:
        """Keep as one what is one post; the first with an id of its own gives it."""
        whole = same[0]
        for other in same[1:]:
            own_id = other.id if whole.id.startswith(MADE_UP) else whole.id
            whole = completed(whole, other).model_copy(update={"id": own_id})
        self._kept[at] = whole
        self._at |= dict.fromkeys((key for post in same for key in _keys(post)), at)
        if whole.id.startswith(MADE_UP) and len(same) == 1:
            self._made_up.setdefault((whole.taken_at, whole.caption), []).append(at)


_Said = tuple[datetime | None, str | None]


def _keys(post: Post) -> list[str]:
    """All that a post may be known by: its id, its short code, and the id that stands in the code."""
    code = post.shortcode or (None if post.id.isdigit() or post.id.startswith(MADE_UP) else post.id)
    in_code = media_id(code) if code else None
    return [post.id, *([f"code {code}"] if code else ()), *([in_code] if in_code else ())]


class _Import:
    """Accounts in hand, written many at once because a source may name them in any order."""

    def __init__(self, output_dir: Path, progress: Progress) -> None:
        self.summary = ImportSummary()
        self._output_dir = output_dir
        self._progress = progress
        self._in_hand: dict[str, list[Account]] = {}
        self._posts_in_hand = 0
        self._written: set[str] = set()

    def take(self, account: Account) -> None:
        self._in_hand.setdefault(account.username, []).append(account)
        self._posts_in_hand += len(account.posts)
        if self._posts_in_hand >= _POSTS_IN_HAND:
            self.write()

    def take_labels(self, found: FoundLabels, folder: Path) -> None:
        for rejected in found.labels.rejected:
            self.refuse(NotUnderstood(f"{found.name}, line {rejected.line}", rejected.reason))
        if found.labels.usernames or found.labels.ranges:
            name = available_name(_plain_name(found.name), (folder, found.labels))  # others of that name stay
            path = folder / f"{name}.csv"
            write_user_list(path, found.labels)
            self.summary.labels.append(path)

    def keep_list(self, source: Path, folder: Path) -> None:
        """Whom the source brought, as a list of its name, with those that it brought before."""
        if not self._written:
            return
        path = folder / f"{_plain_name(_source_name(source))}.csv"
        before = read_named_list([path]).usernames if path.is_file() else ()
        names = sorted({*before, *self._written})
        write_atomically(path, csv_text(("username",), ((safe_name(name),) for name in names)))

    def refuse(self, found: NotUnderstood) -> None:
        self.summary.not_understood.append(found)
        self._progress.event(NotUnderstoodEvent(name=found.name, reason=found.reason))

    def leave_out(self, found: LeftOut) -> None:
        self.summary.left_out.append(found)
        self._progress.event(NotUnderstoodEvent(name=found.name, reason=found.in_words()))

    def recognise(self, found: Recognised) -> None:
        self.summary.recognised.append(found)
        if found.fields and len(self.summary.recognised) <= SHOWN:
            self._progress.event(RecognisedEvent(name=found.name, format=found.format_name, fields=found.fields))

    def write(self) -> None:
        for username, parts in self._in_hand.items():
            self._progress.check()
            self._write(username, parts)
        self._in_hand.clear()
        self._posts_in_hand = 0

    def _write(self, username: str, parts: list[Account]) -> None:
        path = self._output_dir / file_name(username)
        try:
            before = [read_account(path)] if path.exists() else []
        except InputError as error:
            self.refuse(NotUnderstood(path.name, f"{error} Nothing was added to it"))
            return
        brought = merged(*sorted(parts, key=lambda part: part.outcome != "partial"))
        is_mended = brought.outcome == "collected" and any(_broke_off(account) for account in before)
        result = merged(brought, *before) if is_mended else merged(*before, brought)
        if [result] != before:
            write_account(self._output_dir, result)
        self._count(username, before, parts, result)

    def _count(self, username: str, before: list[Account], parts: list[Account], result: Account) -> None:
        new = len(result.posts) - sum(len(account.posts) for account in before)
        self.summary.other_names += username not in self._written and instagram_username_error(username) is not None
        self._written.add(username)
        self.summary.accounts = len(self._written)
        self.summary.posts += new
        self.summary.known += sum(len(part.posts) for part in parts) - new
        self._progress.update(done=len(self._written), message="Importing")


def _broke_off(account: Account) -> bool:
    """Whether an earlier import could not wholly read it, which a later one may make good."""
    return account.outcome == "partial" and account.source.startswith("import:")


def check_username(username: str | None) -> None:
    """Refuse a name that no account can have.

    Raises:
        InputError: ``username`` cannot be used.
    """
    if username is not None and (reason := username_error(canonical_username(username))):
        raise InputError(f"The username {username[:70]!r} cannot be used: {reason}.")


def _source_name(source: Path) -> str:
    """What a person would call a source; a folder of one file, which an upload is, has its name."""
    if source.is_file():
        return source.stem
    files = sorted(path for path in source.iterdir() if not path.name.startswith("."))
    return files[0].stem if len(files) == 1 else source.name


def _plain_name(name: str) -> str:
    """A file's name made of a name inside a source: only letters, digits, ``-`` and ``_``."""
    return "imported-" + "".join(c if c.isalnum() or c in "-_" else "-" for c in name.removesuffix(".csv"))[-80:]
