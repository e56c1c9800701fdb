"""What the Graph API answers: a business discovery, or a list of media."""

from core.importers.instagram_answers import Node, OwnedNode

FORMAT = "graph"
LOOKED_FOR = "a Graph API answer (business_discovery, or data with permalink or media_type)"

_MARKS = {"permalink", "media_type", "media_url"}


def owned_posts(answer: Node) -> list[OwnedNode] | None:
    """The posts of an answer, or None where it is of another kind."""
    discovery = answer.get("business_discovery")
    if isinstance(discovery, dict):
        answer = discovery
    holder = answer["media"] if isinstance(answer.get("media"), dict) else answer
    data = holder["data"] if isinstance(holder.get("data"), list) else []
    media = [item for item in data if isinstance(item, dict) and "id" in item and not _MARKS.isdisjoint(item)]
    return [(_username(item) or _username(answer), item) for item in media if not _is_library(item)] or None


def _username(item: Node) -> str | None:
    name = item.get("username")
    return name if isinstance(name, str) else None


def _is_library(item: Node) -> bool:
    """Whether it comes of the Meta Content Library, whose answers look alike."""
    return "post_owner" in item
