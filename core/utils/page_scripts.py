"""The JSON in the scripts of a web page, whatever else the page holds."""

import re
from collections.abc import Iterator
from typing import Any

import orjson

_SCRIPT = re.compile(r"<script\b[^>]*\btype=[\"']?application/json\b[^>]*>(.*?)</script\s*>", re.DOTALL | re.IGNORECASE)


def json_scripts(html: str) -> Iterator[Any]:
    """The content of every script of JSON, in order; one that cannot be read is passed over."""
    for script in _SCRIPT.finditer(html):
        try:
            yield orjson.loads(script[1])
        except orjson.JSONDecodeError:
            continue  # not every script of a page is meant for us
