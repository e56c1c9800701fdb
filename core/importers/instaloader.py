"""Instaloader's files: one JSON (mostly packed with xz) for each post, or a text with its caption alone.

A post mostly tells only the number of its owner. Whose it is, is told by a profile's file or another post of
the same owner; else by the folder, where it bears a username and all posts in it have one owner.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from core.errors import InputError
from core.importers.archives import Piece
from core.importers.instagram_answers import owner_of
from core.importers.results import Context, Found, Ignored, NotUnderstood, account, with_ids
from core.storage.models import Post
from core.storage.post_parsing import parse_post
from core.storage.usernames import canonical_username, instagram_username_error
from core.utils.formatting import count

FORMAT = "instaloader"
LOOKED_FOR = "an Instaloader file (node, instaloader)"

_CAPTION = re.compile(r"(\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d)_UTC\.txt")
_POST_FILE = re.compile(r"(\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_UTC)\.json(\.xz)?")
_COMMENTS = re.compile(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_UTC_comments\.json(\.xz)?")
_LONGEST_CAPTION = 100_000
_EVERYDAY = frozenset(
    (
        *(
            "archive",
            "backup",
            "collected",
            "content",
            "data",
            "desktop",
            "documents",
            "download",
            "downloads",
            "export",
        ),
        *("exports", "feed", "files", "images", "input", "insta", "instagram", "instaloader", "json", "media", "new"),
        *(
            "old",
            "out",
            "output",
            "pictures",
            "post",
            "posts",
            "profile",
            "profiles",
            "raw",
            "reels",
            "results",
            "saved",
        ),
        *("scrape", "scraped", "src", "tagged", "temp", "test", "tmp", "upload", "uploads", "users"),
    )
)
"""Names that people give to folders of any content, so that nobody's name is taken from them."""
_MOST_IN_HAND = 50_000
_ENOUGH, _NEARLY_ALL = 10, 0.9


@dataclass
class _Folder:
    context: Context
    names: dict[str, str] = field(default_factory=dict)
    posts: dict[str, list[Post]] = field(default_factory=dict)
    unread: int = 0
    stories: int = 0


class InstaloaderFiles:
    """Instaloader's files, by the folder that they lie in."""

    def __init__(self) -> None:
        self._folders: dict[str, _Folder] = {}
        self._in_hand = 0

    def take(self, document: Any, context: Context) -> bool:
        """Take in a document; False where it is none of Instaloader's."""
        if not (isinstance(document, dict) and isinstance(document.get("instaloader"), dict)):
            return False
        node = document.get("node")
        if not isinstance(node, dict):
            return True
        place = context.name.rpartition("/")[0]
        about = Context(place or context.name, context.username, context.folder)
        folder = self._folders.setdefault(place, _Folder(about))
        is_post = document["instaloader"].get("node_type") == "Post"
        folder.stories += document["instaloader"].get("node_type") == "StoryItem"
        name = owner_of(node)
        owner = _owner_number(node, is_post) or (f"@{name}" if name else "")
        if name:
            folder.names[owner] = name
        post = parse_post(node) if is_post else None
        if post:
            folder.posts.setdefault(owner, []).append(post)
            self._in_hand += 1
        elif is_post:
            folder.unread += 1
        return True

    def split_off(self, pieces: Sequence[Piece], username: str | None) -> tuple[list[Ignored], list[Piece]]:
        """Take in the captions that Instaloader wrote as texts where it wrote nothing else of their posts.

        Args:
            pieces: files that lie together.
            username: whose posts they are, where the person said so.

        Returns:
            Of these files, those that tell nothing of their own, as comments and captions beside their post do not;
            and the rest.
        """
        written = {(each.parts[:-1], found[1]) for each in pieces if (found := _POST_FILE.fullmatch(each.parts[-1]))}
        ignored: list[Ignored] = []
        rest: list[Piece] = []
        for piece in pieces:
            caption = _CAPTION.fullmatch(piece.parts[-1])
            is_told = caption is not None and (piece.parts[:-1], f"{caption[1]}_UTC") in written
            if is_told or _COMMENTS.fullmatch(piece.parts[-1]) or piece.parts[-1] == "id":
                ignored.append(Ignored(piece.name))
            elif caption is None or not self._take_caption(piece, caption[1], username):
                rest.append(piece)
        return ignored, rest

    def _take_caption(self, piece: Piece, moment: str, username: str | None) -> bool:
        """Take in a caption; False where its file cannot be read."""
        try:
            with piece.open() as content:
                text = content.read(_LONGEST_CAPTION).decode("utf-8-sig", "replace").strip()
        except InputError:
            return False
        place = piece.name.rpartition("/")[0]
        folder = self._folders.setdefault(place, _Folder(Context(place or piece.name, username, piece.folder)))
        taken_at = datetime.strptime(moment, "%Y-%m-%d_%H-%M-%S").replace(tzinfo=UTC)
        folder.posts.setdefault("", []).append(Post(id="", caption=text or None, taken_at=taken_at))
        self._in_hand += 1
        return True

    @property
    def is_full(self) -> bool:
        """Whether so much is in hand that it should be given away."""
        return self._in_hand >= _MOST_IN_HAND

    def found(self) -> Iterator[Found]:
        """The accounts of what was taken in, which is then forgotten."""
        for folder in self._folders.values():
            yield from _accounts(folder)
        self._folders.clear()
        self._in_hand = 0


def _owner_number(node: dict[str, Any], is_post: bool) -> str:
    holder = node.get("owner") if is_post else node
    return str(holder.get("id") or "") if isinstance(holder, dict) else ""


def _accounts(folder: _Folder) -> Iterator[Found]:
    nameless = {owner: posts for owner, posts in folder.posts.items() if owner not in folder.names}
    by_folder = folder.context.username or _name_by_folder(folder, nameless)
    largest = max(nameless, key=lambda owner: len(nameless[owner]), default="")
    unread = f"{count(folder.unread, 'post')} without id and short code" if folder.unread else None
    if unread:
        yield NotUnderstood(folder.context.name, f"{unread} left out; fetch them again")
    if folder.stories:
        are = "1 story was" if folder.stories == 1 else f"{folder.stories:,} stories were"
        yield NotUnderstood(folder.context.name, f"{are} left alone, as stories are no posts", is_loss=False)
    left_out = 0
    for owner, posts in folder.posts.items():
        name = folder.names.get(owner) or (by_folder if folder.context.username or owner == largest else None)
        if name:
            yield account(FORMAT, name, with_ids(posts), folder.context, unread)
        else:
            left_out += len(posts)
    if left_out:
        yield NotUnderstood(folder.context.name, _whose(folder, left_out, len(nameless)))


def _name_by_folder(folder: _Folder, nameless: dict[str, list[Post]]) -> str | None:
    """The folder's name, where it can be a username and nearly all posts without a name have one owner."""
    numbers = sorted((len(posts) for posts in nameless.values()), reverse=True)
    is_mixed = len(numbers) > 1 and (sum(numbers) < _ENOUGH or numbers[0] < _NEARLY_ALL * sum(numbers))
    name = canonical_username(folder.context.folder)
    is_nobody = name in _EVERYDAY or instagram_username_error(name)
    return None if not numbers or is_mixed or is_nobody else name


def _whose(folder: _Folder, posts: int, owners: int) -> str:
    what = f"the folder's name {folder.context.folder[:40]!r} is no username"
    name = canonical_username(folder.context.folder)
    if name in _EVERYDAY:
        what = f"the folder's name {folder.context.folder[:40]!r} is one that any folder may have"
    elif not instagram_username_error(name):
        what = f"they are of {count(owners, 'account')}, so that the folder's name is none of theirs"
    return f"{count(posts, 'post')} left out: it does not say whose posts these are, and {what}; give the username"
