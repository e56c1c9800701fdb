"""What the Graph API answers: a business discovery, or a list of media."""

from collections.abc import Iterator
from typing import Any

from core.importers.instagram_answers import Node, by_owner
from core.importers.results import Context, Found

LOOKED_FOR = "a Graph API answer (business_discovery, or data with permalink or media_type)"


def accounts(document: Any, context: Context) -> list[Found] | None:
    """The account of a document, or None where it is of another kind."""
    answers = document if isinstance(document, list) else [document]
    found = [media for answer in answers if isinstance(answer, dict) for media in _media(answer)]
    return by_owner(iter(found), "graph", context) if found else None


def _media(answer: Node) -> Iterator[tuple[str | None, Node]]:
    discovery = answer.get("business_discovery")
    if isinstance(discovery, dict):
        answer = discovery
    holder = answer["media"] if isinstance(answer.get("media"), dict) else answer
    for item in holder["data"] if isinstance(holder.get("data"), list) else []:
        if isinstance(item, dict) and "id" in item and not {"permalink", "media_type", "media_url"}.isdisjoint(item):
            yield item.get("username") or answer.get("username"), item
