"""The JSON of arc298's instagram-scraper: ``{"GraphImages": [...], "GraphProfileInfo": {...}}``."""

from typing import Any

from core.importers.instagram_answers import by_owner, owner_of
from core.importers.results import Context, Found
from core.storage.post_parsing import parse_post

LOOKED_FOR = "an instagram-scraper file (GraphImages)"


def accounts(document: Any, context: Context) -> list[Found] | None:
    """The accounts of a document, or None where it is of another kind."""
    images = document.get("GraphImages") if isinstance(document, dict) else None
    if not isinstance(images, list):
        return None
    profile = document.get("GraphProfileInfo")
    name = owner_of(profile) if isinstance(profile, dict) else None
    nodes = [node for node in images if isinstance(node, dict) and parse_post(node)]
    return by_owner(((owner_of(node) or name, node) for node in nodes), "instagram-scraper", context)
