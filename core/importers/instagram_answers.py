"""What Instagram's routes answer, saved as it came: JSON of any shape, or the HTML of a profile page."""

import re
from collections.abc import Iterator
from typing import Any

import orjson

from core.importers.results import Context, Found, account
from core.storage.post_parsing import parse_post

LOOKED_FOR = "an answer of Instagram (objects with id, code or shortcode, and a caption)"

_POST_KEYS = {"edge_media_to_caption", "caption", "taken_at", "taken_at_timestamp", "media_type", "is_video"}
_SCRIPT = re.compile(r"<script[^>]*\btype=\"application/json\"[^>]*>(.*?)</script>", re.DOTALL)

Node = dict[str, Any]


def accounts(document: Any, context: Context) -> list[Found] | None:
    """The accounts whose posts stand anywhere in a document, or None where there are none."""
    return by_owner(posts_in(document), "answer", context) or None


def accounts_of_page(html: str, context: Context) -> list[Found] | None:
    """The accounts whose posts stand in the scripts of a saved page, or None where there are none."""
    return accounts(list(_scripts(html)), context)


def by_owner(found: Iterator[tuple[Any, Node]], format_name: str, context: Context) -> list[Found]:
    """One account for each owner, with the posts in their order."""
    owners: dict[str | None, list[Node]] = {}
    for owner, node in found:
        owners.setdefault(owner if isinstance(owner, str) else None, []).append(node)
    return [account(format_name, owner, map(parse_post, nodes), context) for owner, nodes in owners.items()]


def posts_in(document: Any) -> Iterator[tuple[str | None, Node]]:
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


def _is_post(value: Node) -> bool:
    has_code = isinstance(value.get("shortcode") or value.get("code"), str)
    return has_code and bool(value.get("id") or value.get("pk")) and not _POST_KEYS.isdisjoint(value)


def _scripts(html: str) -> Iterator[Any]:
    for script in _SCRIPT.finditer(html):
        try:
            yield orjson.loads(script[1])
        except orjson.JSONDecodeError:
            continue  # not every script of a page is ours
