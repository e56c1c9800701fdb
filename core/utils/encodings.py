"""In which encoding a text is written, found by evidence; where there is too little of it, nothing is guessed.

UTF-8 and UTF-16 tell themselves. Everything else is a table of 128 signs that any bytes fit into, so that only
what comes out of it can speak for one: words of a known language for Western texts, and the models of
charset-normalizer for all others. A wrong guess would put signs into captions that nobody wrote.
"""

import codecs
import re
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import IO, TYPE_CHECKING

from core.errors import InputError
from core.utils.formatting import count

if TYPE_CHECKING:
    from charset_normalizer import CharsetMatch

_HEAD = 65_536
_CHUNK = 1_000_000
_SAMPLE = 32_768
_MARKS = (  # UTF-32 first: its little-endian mark begins like that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
_BINARY = re.compile(
    rb"\x89PNG|\xff\xd8\xff|GIF8|%PDF|PK\x03\x04|\x7fELF|RIFF....(?:WEBP|AVI)|....ftyp|SQLite format", re.DOTALL
)
_NO_TEXT = "is not a text file. Save it as CSV or plain text (UTF-8)."

_GERMAN, _FRENCH, _SPANISH, _NORDIC = "äöüß", "éèêëàâçîïôûùœæ", "áéíóúñü", "äöåéæø"
_PORTUGUESE, _ITALIAN, _DUTCH = "áâãàçéêíóôõúü", "àèéìíîòóù", "éëïöüèêáóí"
_POLISH, _CZECH, _HUNGARIAN, _ROMANIAN = "ąćęłńóśźż", "áčďéěíňóřšťúůýžľäô", "áéíóöőúüű", "ăâîşţ"
_CROATIAN, _TURKISH = "čćđšž", "çğıiöşüâî"
_ALPHABETS = {
    **dict.fromkeys(
        ("cp1252", "mac_roman", "cp850"), (_GERMAN, _FRENCH, _SPANISH, _NORDIC, _PORTUGUESE, _ITALIAN, _DUTCH)
    ),
    **dict.fromkeys(("cp1250", "iso8859_2"), (_GERMAN, _POLISH, _CZECH, _HUNGARIAN, _ROMANIAN, _CROATIAN)),
    "cp1254": (_GERMAN, _FRENCH, _TURKISH),
}
"""Which letters beyond ASCII stand together in a word, by encoding; the most frequent encoding first."""

_SIGNS = frozenset("“”„‘’‚«»‹›–—…•·€£°§¿¡©®™ªº²³´\xa0")
_SIGNS_IN_WORDS = frozenset("’…")
_MANY_BYTES = {
    **{"cp932": "Shift JIS", "euc_jp": "EUC-JP", "gb18030": "GB 18030", "big5": "Big5", "cp949": "Korean (CP949)"},
}
_TITLES = {
    **{"cp1252": "Windows-1252", "mac_roman": "Mac Roman", "cp850": "DOS 850", "cp1250": "Windows-1250"},
    **{"iso8859_2": "ISO 8859-2", "cp1251": "Windows-1251", "koi8_r": "KOI8-R", "cp866": "DOS 866"},
    **{"mac_cyrillic": "Mac Cyrillic", "cp1253": "Windows-1253", "cp1254": "Windows-1254", "cp1255": "Windows-1255"},
    **{"cp1256": "Windows-1256", "cp1257": "Windows-1257", **_MANY_BYTES},
}
_ENOUGH_COHERENCE, _ENOUGH_IN_MANY_BYTES, _MOST_CHAOS, _LEAD = 0.3, 0.1, 0.15, 0.1
_MOST_FOREIGN_WORDS = 0.1


_GARBLED = re.compile("[ÂÃâð][\x80-\xbf‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ€]")
_NO_TEXT_CODECS = frozenset(("idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape"))
_MOST_FAULTS = 0.02
OFFERED = (
    *("utf-8", "utf-16", "cp1252", "mac_roman", "cp1250", "cp1251", "koi8-r", "mac_cyrillic", "cp1253", "cp1254"),
    *("cp1255", "cp1256", "gb18030", "big5", "shift_jis", "euc_jp", "cp949"),
)
"""Encodings to choose from, the most usual first; any other that Python knows may be said as well."""


class UnknownEncodingError(InputError):
    """Nothing tells in which encoding a text is written; a person has to say it."""


@dataclass(frozen=True)
class TextEncoding:
    """How a text is written.

    Attributes:
        codec: Python's name of the encoding.
        errors: what becomes of bytes that do not belong there: ``replace``, or ``strict`` where there are none.
        remarks: what a person should know of the choice, in sentences; empty for sound UTF-8.
    """

    codec: str
    errors: str = "strict"
    remarks: tuple[str, ...] = ()


@dataclass
class _Evidence:
    """What the bytes of a text show.

    Attributes:
        letters: sequences of UTF-8 that stand for one sign beyond ASCII.
        faults: places that are no UTF-8.
        nuls: how many bytes are 0.
        sample: lines with bytes beyond ASCII.
    """

    letters: int = 0
    faults: int = 0
    nuls: int = 0
    sample: bytearray = field(default_factory=bytearray)

    def add(self, chunk: bytes) -> None:
        self.nuls += chunk.count(0)
        if chunk.isascii():
            return
        text = chunk.decode("utf-8", "replace")
        faults = text.count("\ufffd") - chunk.count(b"\xef\xbf\xbd")
        self.faults += faults
        self.letters += sum(not character.isascii() for character in text) - faults
        if faults and len(self.sample) < _SAMPLE:
            lines = (line[:_SAMPLE] for line in chunk.splitlines(keepends=True) if not line.isascii())
            for line in lines:
                self.sample += line
                if len(self.sample) >= _SAMPLE:
                    break


def text_encoding(
    opened: Callable[[], AbstractContextManager[IO[bytes]]], name: str, said: str | None = None
) -> TextEncoding:
    """The encoding of a text, for which all of it is gone through once, a portion at a time.

    Args:
        opened: opens the text from its beginning.
        name: what messages call it.
        said: the encoding that a person said it is in; nothing is guessed then.

    Raises:
        InputError: it is no text, nothing tells its encoding well enough, or it is not in the one that was said.
    """
    if said:
        return _as_said(opened, name, said)
    with opened() as content:
        head = content.read(_HEAD)
        if marked := next(((codec, title) for mark, codec, title in _MARKS if head.startswith(mark)), None):
            return _marked(*marked, head, content, name)
        if wide := _utf16_without_mark(head):
            return TextEncoding(wide, "replace", ("It is in UTF-16 without a mark.",))
        if _BINARY.match(head):
            raise InputError(f"{name} {_NO_TEXT}")
        evidence = _gathered(head, content)
    nuls = _of_nuls(evidence.nuls)
    if evidence.nuls and evidence.faults > evidence.letters:
        raise InputError(f"{name} {_NO_TEXT}")
    if not evidence.faults:
        return TextEncoding("utf-8", "strict", nuls)
    if evidence.letters >= evidence.faults:
        return TextEncoding("utf-8", "replace", (*nuls, _faulty(evidence.faults)))
    found = _by_words(bytes(evidence.sample), name)
    return replace(found, remarks=(*nuls, *found.remarks))


def codec_of(said: str) -> str:
    """Python's name of an encoding that a person has said.

    Raises:
        InputError: there is none of that name.
    """
    try:
        codec = codecs.lookup(said.strip()).name
        b"a".decode(codec, "replace")  # refuses what is no encoding of texts, such as base64
    except (LookupError, ValueError):
        codec = ""
    if not codec or codec.replace("-", "_") in _NO_TEXT_CODECS:
        raise InputError(f"There is no encoding {said[:40]!r}. Write one such as {', '.join(OFFERED[:9])}.")
    return "utf-8-sig" if codec == "utf-8" else codec


def _as_said(opened: Callable[[], AbstractContextManager[IO[bytes]]], name: str, said: str) -> TextEncoding:
    """The encoding that a person said, where the text can be in it."""
    codec = codec_of(said)
    decoder = codecs.getincrementaldecoder(codec)("replace")
    beyond = faults = 0
    with opened() as content:
        while chunk := content.read(_CHUNK):
            text = decoder.decode(chunk)
            beyond += 0 if text.isascii() else sum(not character.isascii() for character in text)
            faults += text.count("\ufffd")
    if faults > _MOST_FAULTS * beyond:
        raise InputError(
            f"{name} is not in {said[:40]}: {faults:,} of its {beyond:,} signs beyond ASCII do not exist in it. "
            "Say another encoding, or none."
        )
    return TextEncoding(codec, "replace", (f"It is read in the encoding {said[:40]}, as you said.",))


def looks_garbled(text: str) -> bool:
    """Whether a text in UTF-8 was taken for another encoding before it was kept: ``schÃ¶n`` for ``schön``."""
    if not _GARBLED.search(text):
        return False
    for codec in ("cp1252", "latin-1"):
        try:
            return bool(text.encode(codec).decode("utf-8"))
        except UnicodeError:
            continue
    return False


def is_binary(head: bytes) -> bool:
    """Whether a file that begins so is no text: a picture, a video, an archive."""
    if _BINARY.match(head):
        return True
    is_text = any(head.startswith(mark) for mark, _, _ in _MARKS) or _utf16_without_mark(head) is not None
    return b"\x00" in head and not is_text


def _marked(codec: str, title: str, head: bytes, content: IO[bytes], name: str) -> TextEncoding:
    if codec != "utf-8-sig":
        return TextEncoding(codec, "replace", (f"It is in {title}.",))
    evidence = _gathered(head, content)
    nuls = _of_nuls(evidence.nuls)
    faults = (_faulty(evidence.faults),) if evidence.faults else ()
    return TextEncoding(codec, "replace" if faults else "strict", nuls + faults)


def _of_nuls(nuls: int) -> tuple[str, ...]:
    were = "was" if nuls == 1 else "were"
    return (f"It holds {count(nuls, 'NUL byte')}, which no text has; {were} left out.",) if nuls else ()


def _faulty(faults: int) -> str:
    places = "1 place that is" if faults == 1 else f"{faults:,} places that are"
    return f"It is in UTF-8 with {places} not; a \ufffd stands there."


def _gathered(head: bytes, content: IO[bytes]) -> _Evidence:
    """The evidence of a whole text, in portions that end with a line or, in very long ones, with a sign."""
    evidence = _Evidence()
    carried = head
    while chunk := content.read(_CHUNK):
        carried += chunk
        end = carried.rfind(b"\n") + 1 or _last_start(carried)
        evidence.add(carried[:end])
        carried = carried[end:]
    evidence.add(carried)
    return evidence


def _last_start(data: bytes) -> int:
    """Where the last sign of UTF-8 in ``data`` begins."""
    return next((len(data) - back for back in range(1, 5) if data[-back] & 0xC0 != 0x80), len(data))


def _utf16_without_mark(head: bytes) -> str | None:
    """The name of UTF-16 where every other byte of a text's beginning is mostly 0; None where it is not."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    few, many, codec = (even, odd, "utf-16-le") if odd > even else (odd, even, "utf-16-be")
    if many < 4 or many < 3 * few or many * 20 < len(head):
        return None
    text = head[: len(head) // 2 * 2].decode(codec, "replace")
    return codec if "\x00" not in text and text.count("\ufffd") <= 1 else None


def _by_words(sample: bytes, name: str) -> TextEncoding:
    """The encoding that makes words of a sample.

    Raises:
        InputError: none does, or several do equally well and differently.
    """
    if codec := _by_alphabet(sample) or _by_language(sample):
        return TextEncoding(codec, "replace", (f"It is not in UTF-8; by its words it is {_TITLES[codec]}.",))
    raise UnknownEncodingError(
        f"{name} is not in UTF-8, and too little in it tells in which encoding it is. "
        "Save it as UTF-8 (in Excel: 'CSV UTF-8') and give it again, or say its encoding (--encoding NAME)."
    )


def _by_alphabet(sample: bytes) -> str | None:
    """The encoding in which nearly all words have letters of one language, and some have them in no other."""
    words = {word for word in re.findall(rb"[^\x00-\x40]+", sample) if not word.isascii()}
    foreign, evidence = Counter[str](), Counter[str]()
    for word in words:
        readings = {codec: word.decode(codec, "replace") for codec in _ALPHABETS}
        sensible = {codec: text for codec, text in readings.items() if _is_word(text, _ALPHABETS[codec])}
        foreign.update(readings.keys() - sensible.keys())
        evidence.update(list(sensible) if len(set(sensible.values())) == 1 else ())
    fitting = [codec for codec in _ALPHABETS if evidence[codec] and foreign[codec] <= len(words) * _MOST_FOREIGN_WORDS]
    return max(fitting, key=lambda codec: evidence[codec], default=None)


def _is_word(text: str, alphabets: tuple[str, ...]) -> bool:
    """Whether a text could be a word in one of several languages, with the signs around it."""
    foreign = {letter.lower() for letter in text if not letter.isascii()} - _SIGNS
    for before, letter, after in zip(" " + text, text, text[1:] + " ", strict=False):
        if not letter.isascii() and before.islower() and letter.isupper():
            return False
        if letter in _SIGNS - _SIGNS_IN_WORDS and before.isalpha() and after.isalpha():
            return False
    return any(foreign <= set(alphabet) for alphabet in alphabets)


def _by_language(sample: bytes) -> str | None:
    """The encoding that gives text of a known language, clearly before all others that give another text."""
    from charset_normalizer import from_bytes  # only here: it takes 0.1 s and hardly anybody needs it

    matches = list(from_bytes(sample, cp_isolation=list(_TITLES), threshold=_MOST_CHAOS))
    best = max(matches, key=_likelihood, default=None)
    if best is None or best.encoding not in _TITLES:
        return None
    enough = _ENOUGH_IN_MANY_BYTES if best.encoding in _MANY_BYTES else _ENOUGH_COHERENCE
    rivals = [other for other in matches if str(other) != str(best) and _likelihood(best) - _likelihood(other) < _LEAD]
    return None if rivals or best.coherence < enough else best.encoding


def _likelihood(match: "CharsetMatch") -> float:
    return match.coherence - match.chaos
