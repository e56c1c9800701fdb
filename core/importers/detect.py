"""Which reader understands a file; decided by its content."""

from collections.abc import Callable, Iterator
from pathlib import Path

from core.errors import InputError
from core.importers import export_html, instagram_export, table
from core.importers.archives import Piece, is_zip, never_stop, opened
from core.importers.export_posts import FORMAT as EXPORT
from core.importers.instaloader import InstaloaderFiles
from core.importers.json_values import Value, json_values, looks_like_json
from core.importers.records import read_values
from core.importers.results import Context, Found, Ignored, NotUnderstood, ReadingChoices, account, with_ids
from core.storage.models import Account
from core.storage.post_parsing import post_of
from core.storage.workbooks import LOCKED_OR_OLD
from core.utils.encodings import is_binary
from core.utils.page_scripts import json_scripts

_MARK = b"\xef\xbb\xbf"
_TEXT_ENDINGS = (".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".html", ".htm", ".gz", ".xz")
"""Of a file so named, people are told why it is not read, rather than that it is no text."""
_BLANK = b" \t\r\n"
_UNPACK = "unpack it and give the folder"
_AS_CSV = "save its table as CSV (UTF-8)"
_FOREIGN = {
    b"7z\xbc\xaf'\x1c": f"a 7z archive; {_UNPACK}",
    b"Rar!\x1a\x07": f"a rar archive; {_UNPACK}",
    b"\x28\xb5\x2f\xfd": f"packed with zstd; {_UNPACK}",
    LOCKED_OR_OLD: "a file of Office before 2007, or locked with a password; save it as .xlsx without one, or as CSV",
    b"SQLite format 3": "a database; export its table of posts as CSV",
    **dict.fromkeys((b"RDX", b"X\n\x00\x00\x00"), "a file of R's own; write its table with write.csv()"),
    **dict.fromkeys((b"\x80\x03", b"\x80\x04", b"\x80\x05"), "a pickle of Python; write its table as CSV or Parquet"),
    b"ARROW1": "a Feather file; write its table as CSV or Parquet",
    b"$FL2": f"a file of SPSS; {_AS_CSV}",
    b"<stata_dta>": f"a file of Stata; {_AS_CSV}",
    b"\x89HDF": f"an HDF5 file; {_AS_CSV}",
}
"""How files begin that may hold posts and are not read, and what they are."""


def read(source: Path, username: str | None = None, choices: ReadingChoices | None = None) -> Iterator[Account]:
    """The accounts of a file, a folder or an archive; one whose posts lie in several places comes several times.

    Args:
        source: what to read.
        username: whose posts they are, where the source does not say.
        choices: what a person said of it otherwise.

    Raises:
        InputError: there is nothing that is understood; it says what was looked for.
    """
    nothing = True
    reasons = []
    for found in find(source, username, choices):
        if isinstance(found, Account):
            nothing = False
            yield found
        elif isinstance(found, NotUnderstood):
            reasons.append(f"{found.name}: {found.reason}.")
    if nothing:
        raise InputError("\n".join([f"{source} holds no posts that are understood.", *reasons[:10]]))


def find(
    source: Path,
    username: str | None = None,
    choices: ReadingChoices | None = None,
    check: Callable[[], None] = never_stop,
) -> Iterator[Found]:
    """Everything that is found: accounts, labels, and files that are not understood or left alone.

    Args:
        source: what to read.
        username: whose posts they are, where the source does not say.
        choices: what a person said of it otherwise.
        check: called at every portion that is read; raises where reading is to end.

    Raises:
        InputError: ``source`` is not there.
    """
    files = InstaloaderFiles()
    for together in opened(source, check):
        if isinstance(together, NotUnderstood):
            yield together
            continue
        shadows = [piece for piece in together if "__MACOSX" in piece.parts or piece.parts[-1].startswith("._")]
        yield from (Ignored(piece.name) for piece in shadows)  # what a Mac keeps of a file beside it
        in_exports, others = instagram_export.split_off([each for each in together if each not in shadows], username)
        yield from in_exports
        ignored, others = files.split_off(others, username)
        yield from ignored
        for piece in others:
            context = Context(piece.name, username, piece.folder, piece.stem, choices or ReadingChoices())
            try:
                yield from _of_piece(piece, context, files)
            except InputError as error:
                yield NotUnderstood(piece.name, str(error))
            if files.is_full:
                yield from files.found()
    yield from files.found()


def _of_piece(piece: Piece, context: Context, files: InstaloaderFiles) -> Iterator[Found]:
    head = piece.head()
    start = head.removeprefix(_MARK).lstrip(_BLANK)
    if not start:
        raise InputError("it is empty")
    if head.startswith(b"PAR1"):
        return table.read_parquet(piece, context)
    _refuse_foreign(piece, head, start)
    if is_zip(head):
        return table.read_sheet(piece, context)
    if start.startswith(b"<"):
        return _of_page(piece, context, files)
    if looks_like_json(head):
        return read_values(json_values(piece, context.choices.encoding), context, files)
    if is_binary(head) and not piece.parts[-1].lower().endswith(_TEXT_ENDINGS):
        return iter([Ignored(context.name)])  # a picture, a video
    return table.read_text_table(piece, context)


def _refuse_foreign(piece: Piece, head: bytes, start: bytes) -> None:
    """Say what a file is that may hold posts and is not read.

    Raises:
        InputError: it is one.
    """
    if head[257:262] == b"ustar":
        raise InputError("it is a tar archive; unpack it and give the folder")
    if named := next((name for start, name in _FOREIGN.items() if head.startswith(start)), None):
        raise InputError(f"it is {named}")
    if is_zip(head) and piece.parts[-1].lower().endswith((".gz", ".xz", ".bz2")):
        raise InputError(f"it is an archive that was packed again; {_UNPACK}")
    if start.startswith(b"<?xml") and b"<html" not in head.lower():
        raise InputError(f"it is XML; {_AS_CSV}, or as JSON")


def _of_page(piece: Piece, context: Context, files: InstaloaderFiles) -> Iterator[Found]:
    """A saved page of Instagram, which has posts in its scripts, or a page of an export."""
    html = instagram_export.read_page(piece)
    if exported := export_html.posts_of_html(html):
        yield account(EXPORT, None, with_ids(post_of(reading) for reading in exported), context)
        yield from instagram_export.unread_times(context.name, exported)
        return
    scripts = [Value(f"script {at}", script) for at, script in enumerate(json_scripts(html), 1)]
    found = list(read_values(scripts, context, files))
    if any(isinstance(one, Account) for one in found):
        yield from found
    else:
        yield NotUnderstood(context.name, "it is a web page without posts in its scripts")
