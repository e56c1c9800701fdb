"""Instaloader's metadata files: one JSON (mostly packed with xz) for each post, and one for the profile."""

from typing import Any

from core.importers.instagram_answers import owner_of
from core.importers.results import Context, Found, account
from core.storage.post_parsing import parse_post

LOOKED_FOR = "an Instaloader file (node, instaloader)"


def accounts(document: Any, context: Context) -> list[Found] | None:
    """The account of a document, or None where it is of another kind.

    A post whose owner is not written in it belongs to the profile that its folder is named after.
    Profiles, stories and hashtags hold no posts of their own: they are read, and give nothing.
    """
    if not (isinstance(document, dict) and isinstance(document.get("instaloader"), dict)):
        return None
    node = document.get("node")
    if document["instaloader"].get("node_type") != "Post" or not isinstance(node, dict):
        return []
    return [account("instaloader", owner_of(node) or context.username or context.folder, [parse_post(node)], context)]
