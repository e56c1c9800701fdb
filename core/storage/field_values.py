"""What a field of a record holds: a text, a count, a short code, or an address with one in it."""

import ast
import json
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
_THOUSANDS = re.compile(r"[1-9]\d{0,2}([,.\s'’])\d{3}(?:\1\d{3})*(?=[.,]\d{1,2}$|$)")
_DECIMALS = re.compile(r"(?<=\d)[.,]\d{1,2}$")
"""What R and pandas put behind whole numbers: ``3.0``, or ``3,0`` in Germany."""
_PACKED = re.compile(r"\s*(?:[{\[]|[A-Z]\w{0,40}\(\w+=)")
_LONGEST_PACKED = 20_000
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
    """A count, as English, German, French or Swiss spreadsheets write it; None where it is missing, hidden or none."""
    if isinstance(value, str):
        joined = _THOUSANDS.sub(lambda found: re.sub(r"\D", "", found[0]), value.strip(), count=1)
        value = _DECIMALS.sub("", joined)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = int(float(value)) if not isinstance(value, int) else value
    except (ValueError, OverflowError):
        return None
    return number if 0 <= number < 2**53 else None


def is_missing(value: object) -> bool:
    """Whether nothing stands there: null, an empty text, NaN or infinity."""
    return value is None or value == "" or (isinstance(value, float) and not math.isfinite(value))


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


def unpacked(text: str) -> dict[str, Any] | list[Any] | None:
    """The object that stands in a cell, as programs write what lay nested; None where it is any other text.

    Read are JSON, what Python prints (``{'username': 'anna'}``) and what it prints of classes
    (``UserShort(pk='5', username='anna')``).
    """
    if not _PACKED.match(text) or len(text) > _LONGEST_PACKED:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = _of_python(text)
    return value if isinstance(value, dict | list) else None


def _of_python(text: str) -> Any:
    try:
        return _literal(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _literal(node: ast.AST) -> Any:
    """What a literal of Python stands for; None for all that is none, as nothing of it is run."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.List | ast.Tuple):
        return [_literal(item) for item in node.elts]
    if isinstance(node, ast.Dict):
        named = ((_literal(key), value) for key, value in zip(node.keys, node.values, strict=True) if key)
        return {name: _literal(value) for name, value in named if isinstance(name, str)}
    if isinstance(node, ast.Call):
        return {keyword.arg: _literal(keyword.value) for keyword in node.keywords if keyword.arg}
    return None
