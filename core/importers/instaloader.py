"""Instaloader's metadata files: one JSON (mostly packed with xz) for each post, and one for the profile.

A post mostly tells only the number of its owner. Whose it is, is told by a profile's file or another post of
the same owner; else by the folder, where it bears a username and all posts in it have one owner.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from core.importers.instagram_answers import owner_of
from core.importers.results import Context, Found, NotUnderstood, account
from core.storage.models import Post
from core.storage.post_parsing import parse_post
from core.storage.usernames import canonical_username, instagram_username_error
from core.utils.formatting import count

FORMAT = "instaloader"
LOOKED_FOR = "an Instaloader file (node, instaloader)"

_MOST_IN_HAND = 50_000
_ENOUGH, _NEARLY_ALL = 10, 0.9


@dataclass
class _Folder:
    context: Context
    names: dict[str, str] = field(default_factory=dict)
    posts: dict[str, list[Post]] = field(default_factory=dict)
    unread: int = 0


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
    left_out = 0
    for owner, posts in folder.posts.items():
        name = folder.names.get(owner) or (by_folder if folder.context.username or owner == largest else None)
        if name:
            yield account(FORMAT, name, posts, folder.context, unread)
        else:
            left_out += len(posts)
    if left_out:
        yield NotUnderstood(folder.context.name, _whose(folder, left_out, len(nameless)))


def _name_by_folder(folder: _Folder, nameless: dict[str, list[Post]]) -> str | None:
    """The folder's name, where it can be a username and nearly all posts without a name have one owner."""
    numbers = sorted((len(posts) for posts in nameless.values()), reverse=True)
    is_mixed = len(numbers) > 1 and (sum(numbers) < _ENOUGH or numbers[0] < _NEARLY_ALL * sum(numbers))
    name = canonical_username(folder.context.folder)
    return None if not numbers or is_mixed or instagram_username_error(name) else name


def _whose(folder: _Folder, posts: int, owners: int) -> str:
    what = f"the folder's name {folder.context.folder[:40]!r} is no username"
    if not instagram_username_error(canonical_username(folder.context.folder)):
        what = f"they are of {count(owners, 'account')}, so that the folder's name is none of theirs"
    return f"{count(posts, 'post')} left out: it does not say whose posts these are, and {what}; give the username"
