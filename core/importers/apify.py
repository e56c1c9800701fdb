"""Datasets of Apify's Instagram actors: a list of posts with ``ownerUsername``, or of profiles with ``latestPosts``."""

from collections.abc import Iterator
from typing import Any

from core.importers.instagram_answers import Node, by_owner
from core.importers.results import Context, Found

LOOKED_FOR = "an Apify dataset (a list with ownerUsername or latestPosts)"


def accounts(document: Any, context: Context) -> list[Found] | None:
    """The accounts of a document, or None where it is of another kind."""
    items = [item for item in document if isinstance(item, dict)] if isinstance(document, list) else []
    if not any("ownerUsername" in item or "latestPosts" in item for item in items):
        return None
    return by_owner(_posts(items), "apify", context)


def _posts(items: list[Node]) -> Iterator[tuple[str | None, Node]]:
    for item in items:
        if isinstance(item.get("latestPosts"), list):
            inner = [post for post in item["latestPosts"] if isinstance(post, dict)]
            yield from ((post.get("ownerUsername") or item.get("username"), post) for post in inner)
        elif "ownerUsername" in item:  # what is left are lines about errors
            yield item["ownerUsername"], item
