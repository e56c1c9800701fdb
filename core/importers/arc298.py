"""The JSON of arc298's instagram-scraper: ``{"GraphImages": [...], "GraphProfileInfo": {...}}``."""

from core.importers.instagram_answers import Node, OwnedNode, owner_of

FORMAT = "instagram-scraper"
LOOKED_FOR = "an instagram-scraper file (GraphImages)"


def owned_posts(document: Node) -> list[OwnedNode] | None:
    """The posts of a document, or None where it is of another kind."""
    images = document.get("GraphImages")
    if not isinstance(images, list):
        return None
    profile = document.get("GraphProfileInfo")
    name = owner_of(profile) if isinstance(profile, dict) else None
    return [(owner_of(node) or name, node) for node in images if isinstance(node, dict)]
