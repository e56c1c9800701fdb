"""The posts in the HTML form of Instagram's "Download your information", found by its structure.

A post is a block with its caption before its pictures and its date after them. The names of its classes change
with every age of the export and are not looked at. Dates are read in English and in the languages of
:mod:`core.storage.month_names`; they bear no zone and count as UTC.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import pairwise

from core.importers.export_posts import kind_of_media, repaired
from core.storage.moments import parse_time
from core.storage.post_parsing import PostReading

LOOKED_FOR = "the posts of an export in HTML (a caption, pictures under media/, a date)"
_MEDIA = re.compile(r"(^|/)(media|photos|videos)/", re.IGNORECASE)
_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
_HIDDEN = {"script", "style", "head", "title"}
_MOST_NODES = 2_000_000
_DEEPEST = 200


@dataclass
class _Element:
    """An element: its children, and what stands in it."""

    tag: str
    attributes: dict[str, str]
    children: list["_Element | str"] = field(default_factory=list)

    def elements(self) -> list["_Element"]:
        return [child for child in self.children if isinstance(child, _Element)]


class _Tree(HTMLParser):
    """Builds the elements of a page; one that is never closed costs nothing but its neighbours' places."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = _Element("", {})
        self._open = [self.root]
        self._nodes = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._nodes += 1
        if self._nodes > _MOST_NODES:
            return
        element = _Element(tag, {name: value or "" for name, value in attrs})
        self._open[-1].children.append(element)
        if tag not in _VOID and len(self._open) < _DEEPEST:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        for at in range(len(self._open) - 1, 0, -1):
            if self._open[at].tag == tag:
                del self._open[at:]
                return

    def handle_data(self, data: str) -> None:
        if self._nodes <= _MOST_NODES and self._open[-1].tag not in _HIDDEN:
            self._open[-1].children.append(data)


def posts_of_html(html: str) -> list[PostReading]:
    """The posts of a page of an export; none where it is of another kind."""
    return [_post(block) for block in _blocks(_parsed(html))]


def stated_username(html: str, labels: set[str]) -> str | None:
    """The value that stands beside one of ``labels`` in a page of personal information."""
    texts = [text for element in _walk(_parsed(html)) if (text := _own_text(element))]
    return next((after for label, after in pairwise(texts) if label.lower() in labels), None)


def _parsed(html: str) -> _Element:
    tree = _Tree()
    tree.feed(html)
    tree.close()
    return tree.root


def _walk(element: _Element) -> Iterator[_Element]:
    stack = [element]
    while stack:
        one = stack.pop()
        yield one
        stack.extend(reversed(one.elements()))


def _blocks(root: _Element) -> Iterator[_Element]:
    """The smallest elements that hold pictures and, after them, a line with a date."""
    stack = [root]
    while stack:
        element = stack.pop()
        if _is_block(element):
            yield element
        else:
            stack.extend(reversed(element.elements()))


def _is_block(element: _Element) -> bool:
    children = element.elements()
    with_media = [at for at, child in enumerate(children) if _media_in(child)]
    if len(children) < 2 or not with_media or with_media[-1] == len(children) - 1:
        return False
    last = _text(children[-1])
    return len(last) <= 60 and any(character.isdigit() for character in last)


def _post(block: _Element) -> PostReading:
    children = block.elements()
    first = next(at for at, child in enumerate(children) if _media_in(child))
    caption = "\n".join(text for child in children[:first] if (text := _text(child)))
    written = _text(children[-1])
    taken_at = parse_time(written)
    return PostReading(
        caption=repaired(caption) or None,
        taken_at=taken_at,
        unread_time=None if taken_at else written[:40],
        kind=kind_of_media(list(dict.fromkeys(path for child in children for path in _media_in(child)))),
    )


def _media_in(element: _Element) -> list[str]:
    """The paths of pictures and videos in an element."""
    addresses = (one.attributes.get(name, "") for one in _walk(element) for name in ("href", "src"))
    return [address for address in addresses if _MEDIA.search(address) and not address.startswith(("http", "//"))]


def _text(element: _Element) -> str:
    """All text of an element, with the line breaks that it shows."""
    parts: list[str] = []
    stack: list[_Element | str] = [element]
    while stack:
        one = stack.pop()
        if isinstance(one, str):
            parts.append(re.sub(r"[ \t\r\n]+", " ", one))
        elif one.tag == "br":
            parts.append("\n")
        else:
            stack.extend(reversed(one.children))
    return re.sub(r" *\n *", "\n", "".join(parts)).strip()


def _own_text(element: _Element) -> str:
    return " ".join("".join(child for child in element.children if isinstance(child, str)).split())
