"""Files spoiled in every way that a person, a disk or somebody with bad intentions might."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

GONE = object()
VALUES: tuple[Any, ...] = (
    GONE,
    None,
    True,
    -1,
    0,
    10**12,
    2**70,
    1.5,
    1e308,
    "",
    "x",
    "../../x.pth",
    [],
    [1],
    {},
    {"a": 1},
)


def places(content: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something can be exchanged in a document, its root first."""
    yield path
    inner = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in inner:
        yield from places(value, (*path, key))


def exchanged(content: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy of ``content`` with another value at ``path``, or without it."""
    if not path:
        return None if value is GONE else value
    copy = dict(content) if isinstance(content, dict) else list(content)
    if len(path) == 1 and value is GONE:
        del copy[path[0]]
    else:
        copy[path[0]] = exchanged(content[path[0]], path[1:], value)
    return copy


def of_json(path: Path, number: int, seed: int = 2026, under: str = "") -> Iterator[tuple[str, bytes]]:
    """``number`` mutations of a JSON file: what was done, and the bytes.

    Args:
        path: the file.
        number: how many.
        seed: of the choice among them.
        under: only at and below this key of the document.
    """
    content = orjson.loads(path.read_bytes())
    chance = random.Random(seed)
    # the long lists of a tokenizer are all alike; the upper storeys are where the decisions are
    where = [place for place in places(content) if len(place) <= 3 and (not under or place[:1] == (under,))]
    for _ in range(number):
        place, value = chance.choice(where), chance.choice(VALUES)
        yield (
            f"{path.name} {place} = {'(gone)' if value is GONE else value!r}",
            _dumped(exchanged(content, place, value)),
        )


def of_bytes(path: Path, number: int, seed: int = 2026) -> Iterator[tuple[str, bytes]]:
    """``number`` mutations of any file: cut short, bits turned, pieces doubled, zeroed, nothing left."""
    whole = path.read_bytes()
    chance = random.Random(seed)
    yield f"{path.name} empty", b""
    yield f"{path.name} a page in its place", b"<html><body>not found</body></html>"
    for _ in range(number - 2):
        at, length = chance.randrange(len(whole)), chance.randint(1, 64)
        kind = chance.choice(("cut", "turned", "doubled", "zeroed"))
        cut = {
            "cut": whole[:at],
            "turned": whole[:at] + bytes(255 - byte for byte in whole[at : at + length]) + whole[at + length :],
            "doubled": whole[:at] + whole[at : at + length] + whole[at:],
            "zeroed": whole[:at] + bytes(length) + whole[at + length :],
        }[kind]
        yield f"{path.name} {kind} at {at}", cut


def _dumped(content: Any) -> bytes:
    try:
        return orjson.dumps(content)
    except TypeError:  # more than 64 bits
        import json

        return json.dumps(content).encode()
