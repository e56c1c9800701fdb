"""One reading of a post in every shape that Instagram, its export and the tools around it give it."""

import re
from datetime import UTC, datetime
from typing import Any

from core.storage.models import Kind, Post

_MEDIA_TYPES: dict[object, Kind] = {1: "image", 2: "video", 8: "carousel"}
_TYPE_NAMES: dict[str, Kind] = {
    "image": "image",
    "photo": "image",
    "video": "video",
    "clip": "video",
    "reel": "video",
    "sidecar": "carousel",
    "carousel": "carousel",
    "carousel_album": "carousel",
}


def parse_post(node: dict[str, Any]) -> Post | None:
    """Read one post in any of the shapes of Instagram's answers, exports and the tools around it.

    Returns:
        The post, or None where the object carries neither an id nor a short code.
    """
    shortcode = node.get("shortcode") or node.get("code") or node.get("shortCode") or _shortcode_of_url(node)
    identifier = node.get("pk") or node.get("id") or shortcode
    if not identifier:
        return None
    return Post(
        id=re.sub(r"^(\d+)_\d+$", r"\1", str(identifier)),
        shortcode=str(shortcode) if shortcode else None,
        taken_at=parse_time(_first(node, "taken_at", "taken_at_timestamp", "date", "timestamp", "creation_timestamp")),
        caption=parse_caption(node),
        kind=_kind(node),
        likes=_count(node, "edge_liked_by", "edge_media_preview_like", "like_count", "likesCount"),
        comments=_count(node, "edge_media_to_comment", "comment_count", "comments_count", "commentsCount"),
    )


def parse_caption(node: dict[str, Any]) -> str | None:
    """The caption of a post: under ``edge_media_to_caption``, or ``caption`` as text, object or null."""
    edges = node.get("edge_media_to_caption")
    if isinstance(edges, dict):
        found = edges.get("edges")
        first = found[0] if isinstance(found, list) and found else None
        inner = first.get("node") if isinstance(first, dict) else None
        text = inner.get("text") if isinstance(inner, dict) else None
    else:
        text = node.get("caption")
        if isinstance(text, dict):
            text = text.get("text")
    return text if isinstance(text, str) and text else None


def parse_time(value: object) -> datetime | None:
    """A moment in UTC from seconds (or milliseconds) since 1970 or an ISO 8601 text; None if it is neither."""
    if isinstance(value, str) and re.fullmatch(r"\d{9,13}(\.\d+)?", value):
        value = float(value)
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            seconds = value / 1000 if value > 1e11 else value
            return datetime.fromtimestamp(seconds, UTC).replace(microsecond=0)
        if isinstance(value, str) and value.strip():
            moment = datetime.fromisoformat(value.strip())
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def _first(node: dict[str, Any], *keys: str) -> Any:
    return next((node[key] for key in keys if node.get(key) not in (None, "")), None)


def _count(node: dict[str, Any], *keys: str) -> int | None:
    value = _first(node, *keys)
    if isinstance(value, dict):
        value = value.get("count")
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _kind(node: dict[str, Any]) -> Kind:
    media_type = node.get("media_type")
    if isinstance(media_type, int) and media_type in _MEDIA_TYPES:
        return _MEDIA_TYPES[media_type]
    name = str(node.get("__typename") or media_type or node.get("type") or "")
    name = re.sub(r"^(Polaris|XDT)?(Graph)?", "", name).lower()
    if name in _TYPE_NAMES:
        return _TYPE_NAMES[name]
    if "is_video" in node:
        return "video" if node["is_video"] else "image"
    return "unknown"


def _shortcode_of_url(node: dict[str, Any]) -> str | None:
    address = node.get("permalink") or node.get("url") or ""
    found = (
        re.search(r"instagram\.com/(?:[\w.]+/)?(?:p|reel|tv)/([\w-]+)", address) if isinstance(address, str) else None
    )
    return found.group(1) if found else None
