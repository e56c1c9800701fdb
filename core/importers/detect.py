"""Which reader understands a file; decided by its content."""

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import orjson

from core.errors import InputError
from core.importers import agescope, apify, arc298, graph_api, instagram_answers, instagram_export, instaloader, table
from core.importers.archives import Piece, opened
from core.importers.results import Context, Found, Ignored, NotUnderstood
from core.storage.models import Account

_DOCUMENT_READERS = (agescope, instaloader, arc298, apify, graph_api, instagram_export, instagram_answers)
_MARK = b"\xef\xbb\xbf"
_BLANK = b" \t\r\n"
_LINES_AT_A_TIME = 10_000
_LOOKED_FOR = "; ".join(
    [*(reader.LOOKED_FOR for reader in _DOCUMENT_READERS), "a list of objects with a user and a text"]
)


def read(source: Path, username: str | None = None) -> Iterator[Account]:
    """The accounts of a file, a folder or an archive; one whose posts lie in several places comes several times.

    Args:
        source: what to read.
        username: whose posts they are, where the source does not say.

    Raises:
        InputError: there is nothing that is understood; it says what was looked for.
    """
    nothing = True
    reasons = []
    for found in find(source, username):
        if isinstance(found, Account):
            nothing = False
            yield found
        elif isinstance(found, NotUnderstood):
            reasons.append(f"{found.name}: {found.reason}.")
    if nothing:
        raise InputError("\n".join([f"{source} holds no posts that are understood.", *reasons[:10]]))


def find(source: Path, username: str | None = None) -> Iterator[Found]:
    """Everything that is found: accounts, labels, and files that are not understood or left alone.

    Raises:
        InputError: ``source`` is not there.
    """
    for together in opened(source):
        if isinstance(together, NotUnderstood):
            yield together
            continue
        in_exports, others = instagram_export.split_off(together, username)
        yield from in_exports
        for piece in others:
            context = Context(piece.name, username, piece.folder, piece.stem)
            try:
                yield from _of_piece(piece, context)
            except InputError as error:
                yield NotUnderstood(piece.name, str(error))


def _of_piece(piece: Piece, context: Context) -> Iterator[Found]:
    head = piece.head()
    start = head.removeprefix(_MARK).lstrip(_BLANK)
    if not start:
        raise InputError("it is empty")
    if head.startswith(b"PAR1"):
        return table.read_parquet(piece, context)
    if start.startswith((b"{", b"[")):
        return _of_json(piece, start, context)
    if start.startswith(b"<"):
        html = piece.whole().decode("utf-8", "replace")
        found = instagram_answers.accounts_of_page(html, context)
        return iter(found or [NotUnderstood(context.name, "it is a web page without posts in its scripts")])
    if b"\x00" in head and not table.is_utf16(head):
        return iter([Ignored(context.name)])  # a picture, a video
    return table.read_text_table(piece, context)


def _of_json(piece: Piece, start: bytes, context: Context) -> Iterator[Found]:
    if _is_lines(start):
        return _of_lines(piece, context)
    try:
        return iter(_of_document(orjson.loads(piece.whole().removeprefix(_MARK)), context))
    except orjson.JSONDecodeError as error:
        if start.startswith(b"{") and "after" in str(error):  # a second document: lines longer than the head
            return _of_lines(piece, context)
        raise InputError(f"it is not valid JSON ({error}); fetch it again") from error


def _is_lines(start: bytes) -> bool:
    """Whether a file is JSON lines: its first line is an object, and there is a second."""
    first, _, rest = start.partition(b"\n")
    if not (first.startswith(b"{") and rest.lstrip(_BLANK).startswith(b"{")):
        return False
    try:
        orjson.loads(first)
    except orjson.JSONDecodeError:
        return False
    return True


def _of_lines(piece: Piece, context: Context) -> Iterator[Found]:
    records = table.json_lines(piece)
    first = next(records)
    records = chain([first], records)
    if _understood(first, context) is not None:
        for record in records:
            yield from _of_document(record, context)
    elif _understood([first], context) is not None:
        while part := list(islice(records, _LINES_AT_A_TIME)):
            yield from _of_document(part, context)
    else:
        yield from table.read_records(records, context, "json-lines")


def _of_document(document: Any, context: Context) -> Iterator[Found] | list[Found]:
    found = _understood(document, context)
    if found is not None:
        return found
    if isinstance(document, list) and document and all(isinstance(item, dict) for item in document):
        return table.read_records(document, context, "json")
    return [NotUnderstood(context.name, f"it is JSON of an unknown form; looked for {_LOOKED_FOR}")]


def _understood(document: Any, context: Context) -> list[Found] | None:
    return next(
        (found for reader in _DOCUMENT_READERS if (found := reader.accounts(document, context)) is not None), None
    )
