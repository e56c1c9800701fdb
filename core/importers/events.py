"""What an import tells of the files that it reads."""

from typing import Literal

from core.jobs.events import Event


class RecognisedEvent(Event):
    """What a file was taken for; see :class:`core.importers.results.Recognised`."""

    kind: Literal["recognised"] = "recognised"
    name: str
    format: str
    fields: str


class NotUnderstoodEvent(Event):
    """A file, or a part of one, that could not be used, and why."""

    kind: Literal["not_understood"] = "not_understood"
    name: str
    reason: str


class ImportedEvent(Event):
    """The import has ended: what it brought, a sentence each, and of how many files the columns were chosen."""

    kind: Literal["imported"] = "imported"
    summary: tuple[str, ...]
    files: int = 0
