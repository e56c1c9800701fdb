"""The posts in the JSON of Instagram's "Download your information", of every age.

``posts_1.json`` is a list of posts with their media (since 2021), ``reels.json`` and ``igtv_videos.json`` hold
such a list under a name, and ``media.json`` (until 2021) a list of photos and one of videos.
"""

from typing import Any

from core.importers.instagram_answers import Node
from core.storage.field_names import USUAL_NAMES, plain_name
from core.storage.field_values import text_of
from core.storage.models import Kind
from core.storage.moments import parse_time
from core.storage.post_parsing import PostReading

FORMAT = "export"
LOOKED_FOR = "the posts of an export (a list with media, uri, creation_timestamp)"

_LISTS = ("ig_reels_media", "ig_igtv_media", "ig_posts_media")
_OLD_LISTS: dict[str, Kind] = {"photos": "image", "videos": "video"}
_OLD_KEYS = {"path", "taken_at"}
_VIDEOS = (".mp4", ".mov", ".webm")


def posts_of_export(document: Any) -> list[PostReading | None] | None:
    """The posts of a file or of one item of its list; None stands for one that cannot be read.

    Returns:
        None where the document is of another kind.
    """
    if isinstance(document, list):
        items = [posts_of_export(item) for item in document]
        known = [post for found in items if found for post in found]
        return known + [None] * items.count(None) if any(known) else None
    if not isinstance(document, dict):
        return None
    if named := next((document[name] for name in _LISTS if isinstance(document.get(name), list)), None):
        return posts_of_export(named)
    if old := [(kind, item) for name, kind in _OLD_LISTS.items() for item in _items(document.get(name))]:
        return [_old_post(kind, item) for kind, item in old] if any(_is_old(item) for _, item in old) else None
    return [_post(document)] if _is_post(document) else None


def repaired(text: str) -> str:
    """Text whose UTF-8 bytes were written as single characters, as exports do; other text as it is."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def kind_of_media(paths: list[str]) -> Kind:
    """What kind of post has these files."""
    if len(paths) > 1:
        return "carousel"
    if not paths:
        return "unknown"
    return "video" if paths[0].lower().endswith(_VIDEOS) else "image"


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_post(item: Node) -> bool:
    media = item.get("media")
    return isinstance(media, list) and all(isinstance(one, dict) and "uri" in one for one in media)


def _post(item: Node) -> PostReading:
    """A post; its caption is its own title, or that of its only medium."""
    media: list[Node] = item["media"]
    first = media[0] if media else {}
    title = text_of(item.get("title")) or (text_of(first.get("title")) if len(media) == 1 else None)
    title = title or _labelled_caption(item.get("label_values"))
    written = item.get("creation_timestamp") or first.get("creation_timestamp")
    return _reading(title, written, kind_of_media([str(one["uri"]) for one in media]))


def _labelled_caption(labels: object) -> str | None:
    """The caption among values that bear labels, in any language: ``{"label": "Caption", "value": "..."}``."""
    labelled = (one for one in _items(labels) if isinstance(one, dict) and isinstance(one.get("label"), str))
    captions = (one.get("value") for one in labelled if plain_name(repaired(one["label"])) in USUAL_NAMES["caption"])
    return next((text for value in captions if (text := text_of(value))), None)


def _is_old(item: Any) -> bool:
    return isinstance(item, dict) and item.keys() >= _OLD_KEYS


def _old_post(kind: Kind, item: Any) -> PostReading | None:
    return _reading(text_of(item.get("caption")), item["taken_at"], kind) if _is_old(item) else None


def _reading(caption: str | None, written: object, kind: Kind) -> PostReading:
    taken_at = parse_time(written)
    return PostReading(
        caption=repaired(caption) if caption else None,
        taken_at=taken_at,
        unread_time=str(written)[:40] if written and taken_at is None else None,
        kind=kind,
    )
