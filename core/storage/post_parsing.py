"""One reading of a post in every shape that Instagram, its export and the tools around it give it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from core.storage.column_meanings import FieldChoice, fields_by_name, is_accessibility_text
from core.storage.date_order import is_undecided
from core.storage.field_names import plain_name
from core.storage.field_values import ADDRESS, POST_ADDRESS, SHORT_CODE, flattened, is_missing, text_of, whole_number
from core.storage.models import Kind, Post
from core.storage.moments import parse_time

_CODE_NAMES = {"post_shortcode", "shortcode", "code", "short_code"}
"""Names under which a short code stands alone; under the others, it is part of an address."""
_MEDIA_TYPES: dict[object, Kind] = {1: "image", 2: "video", 8: "carousel", "1": "image", "2": "video", "8": "carousel"}
_TYPE_NAMES: dict[str, Kind] = {
    **dict.fromkeys(("image", "photo", "picture", "feed"), "image"),
    **dict.fromkeys(("video", "clip", "clips", "reel", "reels", "igtv"), "video"),
    **dict.fromkeys(("sidecar", "carousel", "carousel_album", "carousel_container", "album"), "carousel"),
}


@dataclass(frozen=True)
class PostReading:
    """What a record says of a post; None where it does not say.

    Attributes:
        username: as written, which may be an address of a profile.
        unread_time: a time that stands there and cannot be read, cut short.
        undecided_date: a date that stands there and has the day or the month first.
        age: as written.
    """

    username: str | None = None
    caption: str | None = None
    taken_at: datetime | None = None
    unread_time: str | None = None
    undecided_date: str | None = None
    id: str | None = None
    shortcode: str | None = None
    likes: int | None = None
    comments: int | None = None
    kind: Kind = "unknown"
    age: str | None = None


def parse_post(node: dict[str, Any], choice: FieldChoice | None = None) -> Post | None:
    """Read one post in any of the shapes of Instagram's answers, exports and the tools around it.

    Returns:
        The post, or None where the object carries neither an id nor a short code.
    """
    reading = read_record(node, choice)
    return post_of(reading) if reading.id or reading.shortcode else None


def post_of(reading: PostReading) -> Post:
    """The post of a reading; its id is its short code where it has no other, and empty where it has neither."""
    return Post(
        id=reading.id or reading.shortcode or "",
        shortcode=reading.shortcode,
        taken_at=reading.taken_at,
        caption=reading.caption,
        kind=reading.kind,
        likes=reading.likes,
        comments=reading.comments,
    )


def read_record(record: Mapping[str, Any], choice: FieldChoice | None = None) -> PostReading:
    """What a record says of a post.

    Args:
        record: an object or a row, nested or flat.
        choice: which field is what; without one, the record's own names decide.
    """
    flat = flattened(record)
    names = (choice or fields_by_name(tuple(flat))).names
    written = next((flat[name] for name in names["taken_at"] if not is_missing(flat.get(name))), None)
    taken_at = parse_time(written)
    undecided = str(written).strip() if taken_at is None and is_undecided(written) else None
    addresses = {name: text for name in names["shortcode"] if (text := text_of(flat.get(name)))}
    return PostReading(
        username=_first_text(flat, names["username"]) or _owner_in(addresses.values()),
        caption=_caption(flat, names["caption"]),
        taken_at=taken_at,
        unread_time=str(written)[:40] if taken_at is None and written is not None and not undecided else None,
        undecided_date=undecided,
        id=_identifier(_first_text(flat, names["id"])),
        shortcode=next((code for name, text in addresses.items() if (code := _code(name, text))), None),
        likes=next((number for name in names["likes"] if (number := whole_number(flat.get(name))) is not None), None),
        comments=next(
            (number for name in names["comments"] if (number := whole_number(flat.get(name))) is not None), None
        ),
        kind=_kind(flat, names["kind"]),
        age=_first_text(flat, names["age"]),
    )


def _first_text(flat: Mapping[str, object], names: Iterable[str]) -> str | None:
    return next((text for name in names if (text := text_of(flat.get(name)))), None)


def _caption(flat: Mapping[str, object], names: Iterable[str]) -> str | None:
    texts = (text for name in names if (text := text_of(_first_run(flat.get(name)))))
    return next((text for text in texts if not is_accessibility_text(text)), None)


def _first_run(value: object) -> object:
    """The text of a caption that is a list of runs or nodes, as ``[{"text": "..."}]``; anything else as it is."""
    run = value[0] if isinstance(value, list) and value else None
    run = run["node"] if isinstance(run, dict) and isinstance(run.get("node"), dict) else run
    return run.get("text") if isinstance(run, dict) else value


def _identifier(text: str | None) -> str | None:
    """The number of the post in ``<post>_<owner>``; anything else as it is; of an address, nothing."""
    if text is None or ADDRESS.match(text):
        return None
    return re.sub(r"^(\d+)_\d+$", r"\1", re.sub(r"^(\d+)\.0$", r"\1", text.strip()))


def _code(name: str, text: str) -> str | None:
    found = POST_ADDRESS.search(unquote(text))
    if found:
        return found["code"]
    return text if plain_name(name) in _CODE_NAMES and SHORT_CODE.fullmatch(text) else None


def _owner_in(addresses: Iterable[str]) -> str | None:
    found = (POST_ADDRESS.search(unquote(address)) for address in addresses)
    return next((match["owner"] for match in found if match and match["owner"]), None)


def _kind(flat: Mapping[str, object], names: Iterable[str]) -> Kind:
    for name in names:
        value = flat.get(name)
        if isinstance(value, int | str) and not isinstance(value, bool) and value in _MEDIA_TYPES:
            return _MEDIA_TYPES[value]
        if isinstance(value, bool):
            if plain_name(name) == "is_video":
                return "video" if value else "image"
            if value:
                return "carousel"
        word = re.sub(r"^(XDT|XIG)?(Polaris)?(Graph)?|(?<=.)Media$", "", str(value or "")).lower()
        if word in _TYPE_NAMES:
            return _TYPE_NAMES[word]
    return "unknown"
