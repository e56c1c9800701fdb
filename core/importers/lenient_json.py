"""JSON as people and programs write it beside the standard: with comments, trailing commas, or as Python prints it."""

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

_TOKEN = re.compile(
    r'"(?:[^"\\\n]|\\.)*"?'
    r"|'(?:[^'\\\n]|\\.)*'?"
    r"|//[^\n]*|/\*.*?(?:\*/|\Z)|\#[^\n]*"
    r"|,(?=\s*[}\]])"
    r"|\b(?:None|True|False|undefined)\b"
    r"|(?<=[{,\s])[A-Za-z_$][\w$]*(?=\s*:)",
    re.DOTALL,
)
_CONSTANTS = {"None": "null", "True": "true", "False": "false", "undefined": "null"}
_DECODER = json.JSONDecoder()
_WINDOWS = (4_096, 65_536, 1_048_576)
"""How much text is looked at, as long as the value does not end within it."""


def decoded_leniently(text: str, at: int) -> tuple[Any, int] | None:
    """The value that begins at a place and where it ends; None where it is no such JSON, or too large.

    Args:
        text: what stands there.
        at: where the object or list begins.
    """
    for window in _WINDOWS:
        part = text[at : at + window]
        pieces = list(_pieces(part))
        try:
            content, end = _DECODER.raw_decode("".join(standard for _, standard in pieces))
        except (ValueError, RecursionError):
            if len(part) < window:
                return None
            continue
        return content, at + _place_before(pieces, end)
    return None


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    """The text in pieces, each as it stands there and as the standard would have it."""
    done = 0
    for token in _TOKEN.finditer(text):
        yield text[done : token.start()], text[done : token.start()]
        yield token[0], _as_standard(token[0])
        done = token.end()
    yield text[done:], text[done:]


def _as_standard(token: str) -> str:
    if token.startswith('"'):
        return token
    if token.startswith("'"):
        return _as_string(token)
    if token.startswith(("//", "/*", "#", ",")):
        return " "
    return _CONSTANTS.get(token) or json.dumps(token)


def _as_string(token: str) -> str:
    try:
        return json.dumps(ast.literal_eval(token))
    except (ValueError, SyntaxError):
        return token


def _place_before(pieces: list[tuple[str, str]], end: int) -> int:
    """How much of the text, as it stands there, became the first ``end`` characters of what the standard would have."""
    before = after = 0
    for written, standard in pieces:
        if after + len(standard) >= end:
            return before + (end - after if written == standard else len(written))
        before, after = before + len(written), after + len(standard)
    return before
