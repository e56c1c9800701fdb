"""JSON as tools leave it, value by value and in bounded memory.

One document, a list of records, a record a line, pretty-printed objects one after another: all are values in
a row. What Python writes and the standard does not know (``NaN``, half an emoji) is read; a place that is no
JSON costs the value that it stands in, and is told.
"""

import codecs
import io
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from core.importers.archives import Piece
from core.importers.lenient_json import decoded_leniently
from core.utils.encodings import TextEncoding, text_encoding
from core.utils.formatting import count

MAX_VALUE = 60_000_000
"""Bytes in memory of the largest value that is read, before it is understood."""

_MAX_OBJECTS = 200_000_000
_CHUNK = 1 << 18
_WINDOW = 1 << 15
_AT_ONCE = 1 << 19
_FURTHEST = 50_000_000
_LONGEST_IDLE = 20_000_000
_TRIES, _VAIN_TRIES = 100, 200
_SCALARS = re.compile(
    r'(?:[\s,;)\x1e\ufeff\d.eE+-]+|true|false|null|NaN|-?Infinity|"[^"\\\n]*"(?!\s*:)|//[^\n]*\n|/\*(?:[^*]|\*(?!/))*\*/)*'
)
_BEGINNING = re.compile(
    r"(?:\s|//[^\n]*\n|/\*(?:[^*]|\*(?!/))*\*/|\#[^\n]*\n)*"
    r"(?:(?:(?:var|let|const)\s+)?[\w.$\[\]\"']{1,80}\s*=\s*|[\w.$]{1,60}\(\s*|for\s*\(;;\);)?(?=[\[{])"
)
"""What stands before the first value: comments, and the words of a script that assigns or hands it over."""
_INNER_LIST = re.compile(
    r'"(?P<name>data|items|posts|results|result|records|rows|medias|GraphImages|latestPosts)"\s*:\s*\[\s*(?=\{)'
)
"""Where the list of a document begins that is too large or damaged, so that its records are read one by one."""
_NEXT_SIBLING = re.compile(r"\}\s*,\s*(?=\{)")
_LINE_OF_OBJECT = re.compile(r"\n([ \t]*)(?:[\[,][ \t]*)?(?=\{)")
_STRAY_BYTES = re.compile("[\udc80-\udcff]")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class Value:
    """A value and where it stands: ``line 2``, or ``record 5`` where all stand in one line."""

    place: str
    content: Any


@dataclass(frozen=True)
class Damage:
    """A place that is no JSON: where, why, and the beginning of what stands there."""

    place: str
    reason: str
    text: str


@dataclass(frozen=True)
class Remark:
    """What a person should know of how a file was read, in a sentence."""

    text: str


def looks_like_json(head: bytes) -> bool:
    """Whether a text is JSON by its first bytes, be its first line the end of one that was cut."""
    text = head.replace(b"\x00", b"").decode("utf-8", "replace").lstrip("\ufeff\ufffd\x1e \t\r\n")
    if _BEGINNING.match(text) or re.match(r'"\s*[\[{]', text):
        return True
    lines = [line for line in text.split("\n")[1:6] if line.strip()]
    return bool(lines) and lines[0].startswith('{"') and all(line.startswith(("{", "[")) for line in lines)


def json_values(piece: Piece, said_encoding: str | None = None) -> Iterator[Value | Damage | Remark]:
    """The values of a file, in order: the items of a list, or the documents that stand one after another.

    Args:
        piece: the file.
        said_encoding: the encoding that a person said it is in.

    Raises:
        InputError: the file cannot be read or unpacked, nothing tells its encoding, or it is not in the one said.
    """
    encoding = text_encoding(piece.open, piece.parts[-1], said_encoding) if said_encoding else _encoding(piece)
    yield from map(Remark, encoding.remarks)
    with piece.open() as content:
        errors = "surrogateescape" if encoding.codec.startswith("utf-8") else "replace"
        scanner = _Scanner(io.TextIOWrapper(content, encoding.codec, errors, newline=""))
        yield from scanner.values()
    if scanner.stray_bytes and not encoding.remarks:
        yield Remark(f"It is in UTF-8 with {count(scanner.stray_bytes, 'byte')} that are not; a \ufffd stands there.")


def _encoding(piece: Piece) -> TextEncoding:
    """How a file is written: nearly always in UTF-8, which its beginning tells."""
    head = piece.head()
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return text_encoding(piece.open, piece.parts[-1])
    return text_encoding(piece.open, piece.parts[-1]) if b"\x00" in head else TextEncoding("utf-8-sig")


class _Scanner:
    """Goes through a text and keeps of it what is not read yet."""

    def __init__(self, source: IO[str]) -> None:
        self.stray_bytes = 0
        self._source = source
        self._text = ""
        self._at = 0
        self._line = 1
        self._counted = 0
        self._records = 0
        self._ended = False
        self._in_list = False
        self._vain_tries = 0
        self._names: set[str] = set()
        self._around: dict[str, Any] | None = None
        self._list_name = ""

    def values(self) -> Iterator[Value | Damage | Remark]:
        self._more()
        if begins := _BEGINNING.match(self._text.lstrip("\ufeff")):
            self._at = begins.end() + self._text.startswith("\ufeff")
        while self._to_next_value():
            place = self._place()
            try:
                content, end = self._decoded()
            except RecursionError:
                yield Damage(place, "it is nested too deeply", self._beginning())
                return
            except ValueError as error:
                reason, beginning = _reason(error), self._beginning()
                is_entered = self._enter_list()
                yield Remark(_BY_RECORD) if is_entered and reason == _TOO_LARGE else Damage(place, reason, beginning)
                if not is_entered and not self._skip_damage(error):
                    return
                continue
            self._records += 1
            self._names = set(content) if isinstance(content, dict) else self._names
            yield Value(place, content if self._around is None else {**self._around, self._list_name: [content]})
            self._at = end
        if self._in_list and self._records:
            yield Damage(self._place(), "its list is not closed, so that its end may be missing", "")

    def _enter_list(self) -> bool:
        """Go into the list of the document at this place, of which each record is then read with what stood before."""
        found = _INNER_LIST.search(self._text, self._at, self._at + _WINDOW)
        if found is None or self._around is not None:
            return False
        try:
            before = json.loads(f"{self._text[self._at : found.end()]}]}}")
        except (ValueError, RecursionError):
            return False
        self._around, self._list_name = before, found["name"]
        self._at, self._in_list = found.end(), True
        return True

    def _to_next_value(self) -> bool:
        """Go to where an object, a list or rubbish begins; single numbers and texts between are passed over."""
        idle = 0
        while idle < _LONGEST_IDLE:
            idle -= self._at
            self._at = _SCALARS.match(self._text, self._at).end()  # type: ignore[union-attr]  # it matches anywhere
            idle += self._at
            if self._at >= len(self._text) - 64 and not self._ended:
                self._more()
                continue
            if self._at >= len(self._text):
                return False
            sign = self._text[self._at]
            if sign == "]" and self._around is not None:
                self._in_list = False
                return False
            if sign == "]" or (sign == "[" and not self._in_list):
                self._in_list = sign == "["
                self._at += 1
                continue
            return True
        return False

    def _decoded(self) -> tuple[Any, int]:
        """The value at this place and where it ends.

        Raises:
            ValueError: it is no JSON, or too large.
        """
        if self._text[self._at] == '"':
            return self._decoded_in_string()
        if self._text[self._at] not in "{[":
            raise json.JSONDecodeError("Expecting a value", self._text, self._at)
        if len(self._text) - self._at <= _AT_ONCE and (found := self._decoded_in_place()):
            return found
        window = _WINDOW
        while True:
            part = self._text[self._at : self._at + window]
            if window > _WINDOW and (sys.getsizeof(part) > MAX_VALUE or _memory(part) > _MAX_OBJECTS):
                raise ValueError(_TOO_LARGE)
            try:
                content, end = _DECODER.raw_decode(part)
                return content, self._at + end
            except json.JSONDecodeError as error:
                is_cut = error.msg.startswith("Unterminated string") or error.pos > len(part) - 16
                if not is_cut or (self._ended and self._at + len(part) >= len(self._text)):
                    raise
            window *= 2
            if window > 2 * MAX_VALUE:
                raise ValueError(_TOO_LARGE)
            while len(self._text) - self._at < window and not self._ended:
                self._more()

    def _decoded_in_place(self) -> tuple[Any, int] | None:
        """The value at this place, for which nothing is copied; None where it may go on beyond what was read.

        Raises:
            ValueError: it is no JSON.
        """
        try:
            return _DECODER.raw_decode(self._text, self._at)
        except json.JSONDecodeError as error:
            if error.msg.startswith("Unterminated string") or error.pos > len(self._text) - 16:
                return None
            if found := self._decoded_leniently():
                return found
            raise

    def _decoded_leniently(self) -> tuple[Any, int] | None:
        """The value at this place, if it is JSON but for comments and the like; tried so often and no more."""
        if self._vain_tries > _VAIN_TRIES:
            return None
        found = decoded_leniently(self._text, self._at)
        self._vain_tries += found is None
        return found

    def _decoded_in_string(self) -> tuple[Any, int]:
        """The value that a text holds, as where JSON was written as JSON a second time.

        Raises:
            ValueError: it holds none, or is too large.
        """
        while len(self._text) - self._at < MAX_VALUE:
            try:
                content, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError:
                if self._ended:
                    raise
                self._more()
                continue
            if isinstance(content, str) and content.lstrip().startswith(("{", "[")):
                return json.loads(content), end
            raise json.JSONDecodeError("Expecting a value", self._text, self._at)
        raise ValueError(_TOO_LARGE)

    def _skip_damage(self, error: ValueError) -> bool:
        """Go to the next value that is a sibling of the damaged one; False where there is none."""
        start, gone = self._at, 0
        indent = self._text[self._text.rfind("\n", 0, start) + 1 : start]
        indent = indent if not indent.strip() else ""
        while True:
            if self._to_sibling_in_line(start):
                return True
            if self._to_line_of_object(start, len(indent)):
                return True
            if self._ended or gone > _FURTHEST:
                return False
            gone += len(self._text) - start
            self._at = start = max(start, len(self._text) - 1_000)
            self._more()
            start = self._at

    def _to_sibling_in_line(self, start: int) -> bool:
        end = self._text.find("\n", start)
        limit = len(self._text) if end < 0 else end
        for _, found in zip(range(_TRIES), _NEXT_SIBLING.finditer(self._text, start, limit), strict=False):
            try:
                content, _ = _DECODER.raw_decode(self._text, found.end())
            except (ValueError, RecursionError):
                continue
            if isinstance(content, dict) and len(self._names & content.keys()) * 2 >= len(self._names or content):
                self._at = found.end()
                return True
        return False

    def _to_line_of_object(self, start: int, indent: int) -> bool:
        for found in _LINE_OF_OBJECT.finditer(self._text, start):
            if len(found[1]) <= indent:
                self._at = found.end()
                return True
        return False

    def _beginning(self) -> str:
        return self._text[self._at : self._at + 300].split("\n", 1)[0]

    def _more(self) -> None:
        """Read on, and forget what was read already."""
        self._line += self._text.count("\n", self._counted, self._at)
        kept = self._text[self._at :]
        chunk = self._source.read(max(_CHUNK, len(kept) // 4))
        self._ended = not chunk
        chunk = chunk.replace("\x00", "") if "\x00" in chunk else chunk
        self.stray_bytes += 0 if chunk.isascii() else len(_STRAY_BYTES.findall(chunk))
        self._text, self._at, self._counted = kept + chunk, 0, 0

    def _place(self) -> str:
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        in_one_line = self._in_list and self._line == 1
        return f"record {self._records + 1:,}" if in_one_line else f"line {self._line:,}"


_BY_RECORD = "It is too large to be read at once; its list was read record by record, and nothing after it."
_TOO_LARGE = "it is too large to be read at once; save its records one a line (with jq: jq -c '.[]')"


def _reason(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"it is not valid JSON ({error.msg[0].lower()}{error.msg[1:]})"
    return str(error) if str(error) == _TOO_LARGE else "it holds a number that is too large"


def _memory(text: str) -> int:
    """About how many bytes the objects of a text take, so that ``[[],[],[], ...`` is not tried."""
    return len(text) + 100 * (text.count("{") + text.count("[")) + 75 * text.count(",")
