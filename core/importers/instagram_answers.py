"""What Instagram's routes answer, saved as it came: JSON of any shape, or the HTML of a profile page."""

from collections.abc import Iterator
from typing import Any

FORMAT = "answer"
LOOKED_FOR = "an answer of Instagram (objects with id, code or shortcode, and a caption)"

_POST_KEYS = {
    *("edge_media_to_caption", "caption", "caption_text", "taken_at", "taken_at_timestamp", "media_type"),
    *("is_video", "post_shortcode"),
}
_TOLD = {"edge_media_to_caption", "caption", "caption_text", "taken_at", "taken_at_timestamp", "description"}

Node = dict[str, Any]
OwnedNode = tuple[str | None, Node]
"""A post as it came, and the username of its owner where the document tells it."""


def owned_posts(document: Any) -> list[OwnedNode] | None:
    """The posts that stand anywhere in a document, or None where there are none."""
    return list(posts_in(document)) or None


def posts_in(document: Any) -> Iterator[OwnedNode]:
    """Every post of a document with its owner's username, in order, however deep.

    What lies inside a post (its comments, the pictures of a carousel) is not looked at.
    """
    stack: list[tuple[Any, str | None]] = [(document, None)]
    while stack:
        value, owner = stack.pop()
        if isinstance(value, list):
            stack.extend((item, owner) for item in reversed(value))
        elif isinstance(value, dict):
            if _is_post(value):
                yield owner_of(value) or owner, value
                continue
            name = value.get("username")
            inner = name if isinstance(name, str) and name else owner
            stack.extend((item, inner) for item in reversed(list(value.values())))


def owner_of(node: Node) -> str | None:
    """The username of a post's owner, where the post tells it."""
    for holder in (node.get("owner"), node.get("user"), node):
        name = holder.get("username") if isinstance(holder, dict) else None
        if isinstance(name, str) and name:
            return name
    return None


def is_partial(node: Node) -> bool:
    """Whether a post was seen only in a part that tells neither its caption nor its time.

    A list of reels has such posts: with their pictures and counts, and no more.
    """
    return _TOLD.isdisjoint(node) or (bool(node.get("_zs_partial")) and not node.get("caption"))


def _is_post(value: Node) -> bool:
    code = value.get("shortcode") or value.get("code") or value.get("post_shortcode")
    if not isinstance(code, str) or not (value.get("id") or value.get("pk") or value.get("post_id")):
        return False
    return not _POST_KEYS.isdisjoint(value) or isinstance(value.get("user"), dict) or "_zs_partial" in value
