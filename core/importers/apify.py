"""Datasets of Apify's Instagram actors: posts with ``ownerUsername``, or profiles with ``latestPosts``."""

from core.importers.instagram_answers import Node, OwnedNode

FORMAT = "apify"
LOOKED_FOR = "an Apify dataset (records with ownerUsername or latestPosts)"


def owned_posts(record: Node) -> list[OwnedNode] | None:
    """The posts of a record, or None where it is of another kind."""
    latest = record.get("latestPosts")
    if isinstance(latest, list):
        inner = [post for post in latest if isinstance(post, dict)]
        return [(post.get("ownerUsername") or record.get("username"), post) for post in inner]
    is_post = "ownerUsername" in record and not {"shortCode", "caption", "id"}.isdisjoint(record)
    return [(record["ownerUsername"], record)] if is_post else None
