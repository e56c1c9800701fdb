"""What a job's ``events.jsonl`` holds: one record a line, of everything that should be kept.

Which kinds there are says the ``events.py`` of each room whose work runs as a job.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import TypeVar

import orjson
from pydantic import Field, JsonValue, ValidationError

from core.utils.records import Record, utc_now

EVENTS_FILE = "events.jsonl"


class Event(Record):
    """Something that happened in the course of the work.

    Attributes:
        at: when.
        kind: what; each kind is a class of its own, with this as its default.
    """

    at: datetime = Field(default_factory=utc_now)
    kind: str


E = TypeVar("E", bound=Event)


def event_line(event: Event) -> bytes:
    """An event as its line."""
    return orjson.dumps(event.model_dump()) + b"\n"


def events_of(of: type[E], lines: bytes) -> Iterator[E]:
    """The events of one kind; a line that is cut off, or of another version, is passed over."""
    kind = b'"kind":' + orjson.dumps(of.model_fields["kind"].default)
    for line in lines.splitlines():
        if kind in line:  # most lines are of another kind, and need not be read
            try:
                yield of.model_validate_json(line)
            except ValidationError:
                continue


def rows_of(lines: bytes) -> Iterator[dict[str, JsonValue]]:
    """Events of all kinds as they stand, to be shown."""
    for line in lines.splitlines():
        if line.startswith(b"{") and line.endswith(b"}"):  # others are cut off
            yield orjson.loads(line)
