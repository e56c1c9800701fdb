"""What a field of a record holds: a text, a count, a short code, or an address with one in it."""

import math
import re
from collections.abc import Mapping
from typing import Any

POST_ADDRESS = re.compile(
    r"(?:instagram\.com|instagr\.am)/(?:share/|(?P<owner>[\w.]{1,30})/)?(?:p|reels?|tv)/"
    r"(?!audio/|videos/)(?P<code>[\w-]{2,64})(?![\w-])",
    re.ASCII,
)
_HALVES = re.compile("[\ud800-\udfff]")
SHORT_CODE = re.compile(r"(?!\d+$)[\w-]{2,64}", re.ASCII)
_CODE_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
ADDRESS = re.compile(r"(?:https?://|www\.)\S+$")


def flattened(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record without objects inside: ``{"user": {"username": ...}}`` becomes ``user.username``, three deep."""
    flat: dict[str, Any] = {}
    for name, value in record.items():
        value = _unwrapped(value)
        if name == "edge_media_to_caption":
            flat[name] = _text_of_edges(value) if isinstance(value, dict) else value
        elif isinstance(value, dict):
            for inner, inside in value.items():
                inside = _unwrapped(inside)
                deeper = inside.items() if isinstance(inside, dict) else ((None, inside),)
                flat |= {".".join(filter(None, (name, inner, last))): content for last, content in deeper}
        else:
            flat[name] = value
    return flat


def _unwrapped(value: Any) -> Any:
    """What MongoDB writes as ``{"$date": {"$numberLong": "..."}}``; anything else as it is."""
    while isinstance(value, dict) and len(value) == 1 and next(iter(value)).startswith("$"):
        value = next(iter(value.values()))
    return value


def _text_of_edges(value: Mapping[str, Any]) -> str | None:
    edges = value.get("edges")
    first = edges[0] if isinstance(edges, list) and edges else None
    inner = first.get("node") if isinstance(first, dict) else None
    text = inner.get("text") if isinstance(inner, dict) else None
    return text if isinstance(text, str) else None


def text_of(value: object) -> str | None:
    """A value as text; None where it is missing, blank, or no text at all."""
    if is_missing(value) or isinstance(value, bool | dict | list):
        return None
    text = str(value)
    if _HALVES.search(text):  # halves of an emoji that was cut
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text if text.strip() else None


def whole_number(value: object) -> int | None:
    """A count; None where it is missing, hidden (-1) or no number."""
    if isinstance(value, str):
        value = re.sub(r"(?<=\d),(?=\d{3}(\D|$))", "", value.strip())
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = int(float(value)) if not isinstance(value, int) else value
    except (ValueError, OverflowError):
        return None
    return number if 0 <= number < 2**53 else None


def is_missing(value: object) -> bool:
    """Whether nothing stands there: null, an empty text, or pandas' NaN."""
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def media_id(shortcode: str) -> str | None:
    """The id of the post that Instagram's short code stands for; None where it is no code of the usual length.

    A code is the id in base 64; codes of private posts have more characters, which say nothing of the id.
    """
    if not (10 <= len(shortcode) <= 11 or len(shortcode) >= 28) or not SHORT_CODE.fullmatch(shortcode):
        return None
    number = 0
    for character in shortcode[:11]:
        number = number * 64 + _CODE_DIGITS.index(character)
    return str(number)
