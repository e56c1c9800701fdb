"""A search through every file that the program ever wrote for what should be gone: names, and words of theirs alone.

Compressed files are unpacked, long ones read in pieces. Left out are the encoder's own vocabulary, which is the
same for everybody, and the files of the other accounts, whose captions may mention a name: those are counted.
"""

import gzip
import json
import re
import unicodedata
import zipfile
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import quote

import orjson
import pyarrow.parquet as pq

from core.instagram.state import state_dir
from core.settings import Settings
from core.storage.account_files import file_name
from core.storage.account_shards import names_in_shard

ENCODER_FILES = frozenset(
    {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt", "vocab.json", "merges.txt"}
)
WEIGHTS = frozenset({".pth", ".safetensors", ".pt", ".npz", ".npy", ".sqlite"})
"""Files of numbers, in which names are looked for but no words."""
_PIECE = 8_000_000
_OVERLAP = 1_024
_WORD = re.compile(r"[^\W\d_]{6,}")


@dataclass
class Remains:
    """What a search has found.

    Attributes:
        searched: how many files.
        names: files that hold a name, in their content or in their own.
        words: files that hold words, with these.
        mentions: how many other accounts' files mention a name.
        unreadable: files that could not be looked into.
    """

    searched: int = 0
    names: list[Path] = field(default_factory=list)
    words: dict[Path, set[str]] = field(default_factory=dict)
    mentions: int = 0
    unreadable: list[Path] = field(default_factory=list)


def words_of(texts: Iterable[str]) -> set[str]:
    """The words of at least six letters in texts, as they are compared."""
    return {word for text in texts for word in _WORD.findall(_folded(text))}


def search(settings: Settings, names: Collection[str], words: Collection[str]) -> Remains:
    """Look for names and words in everything that the program wrote, here and in the user's state folder.

    Args:
        settings: whose study.
        names: canonical names of accounts.
        words: as :func:`words_of` gives them; those that another account uses as well are no finding.
    """
    remains, pattern = Remains(), name_pattern(names)
    for path in _files(settings):
        remains.searched += 1
        try:
            _look_into(path, settings, pattern, set(words), remains)
        except (OSError, EOFError, zipfile.BadZipFile, ValueError):
            remains.unreadable.append(path)
    _drop_words_of_others(settings, remains)
    return remains


def name_pattern(names: Collection[str]) -> re.Pattern[bytes]:
    """Finds names in bytes, however a file writes them, and not as a part of longer ones."""
    forms = {form for name in names for form in _forms(name)}
    either = b"|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True))
    ending = rb"(?=\.(?:json|csv|zip|html|txt|part)\b)|(?!\.?[A-Za-z0-9_])"
    return re.compile(rb"(?<![A-Za-z0-9_])(?<![A-Za-z0-9_]\.)(?:" + either + rb")(?:" + ending + rb")", re.IGNORECASE)


def _forms(name: str) -> Iterator[bytes]:
    """A name as UTF-8, as JSON writes it, with and without escapes, and as a file's name, also a shortened one."""
    yield name.encode(errors="replace")
    yield orjson.dumps(name)[1:-1]
    yield json.dumps(name)[1:-1].encode()
    yield quote(name, safe="").encode()
    yield file_name(name).removesuffix(".json").encode()


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def _files(settings: Settings) -> Iterator[Path]:
    others = settings.studies_folder  # each is a study of its own, in which one is forgotten by itself
    for folder in (settings.data_dir, state_dir()):
        for path in sorted(folder.rglob("*")):
            in_another = path.is_relative_to(others) and not settings.data_dir.is_relative_to(others)
            if path.is_file() and path.name not in ENCODER_FILES and not in_another:
                yield path


def _look_into(path: Path, settings: Settings, pattern: re.Pattern[bytes], words: set[str], remains: Remains) -> None:
    is_accounts = path.parent == settings.accounts_dir and path.suffix == ".json" and not path.name.startswith(".")
    exported = names_in_shard(path) if path.suffix == ".parquet" else None
    named = [str(path.relative_to(path.anchor)).encode(errors="replace").rpartition(b"/")[2]]
    named += [f"{file.name} {file.account and file.account.username} {file.fault}".encode() for file in exported or ()]
    if any(map(pattern.search, named)):
        remains.names.append(path)
        return
    has_name, found = False, set[str]()
    for piece in _pieces(path):
        has_name = has_name or bool(pattern.search(piece))
        if words and not is_accounts and path.suffix not in WEIGHTS:
            found |= words.intersection(_WORD.findall(_folded(piece.decode(errors="replace"))))
    if has_name and is_accounts:
        remains.mentions += 1
    elif has_name and exported is None:  # of these it stands in captions, of accounts that are counted as files
        remains.names.append(path)
    if found:
        remains.words[path] = found


def _pieces(path: Path) -> Iterator[bytes]:
    """What a file holds, unpacked, in pieces that overlap."""
    with path.open("rb") as file:
        head = file.read(4)
    if head[:2] == b"\x1f\x8b":
        with gzip.open(path) as packed:
            yield from _read(packed)
    elif head == b"PK\x03\x04":
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                yield member.filename.encode()
                with archive.open(member) as inside:
                    yield from _read(inside)
    elif head == b"PAR1":
        for batch in pq.ParquetFile(path).iter_batches():
            yield orjson.dumps(batch.to_pylist(), default=str)
    with path.open("rb") as file:
        yield from _read(file)


def _read(file: IO[bytes] | gzip.GzipFile) -> Iterator[bytes]:
    kept = b""
    while piece := file.read(_PIECE):
        yield kept + piece
        kept = piece[-_OVERLAP:]


def _drop_words_of_others(settings: Settings, remains: Remains) -> None:
    """Leave only words that no account uses any more: the others are not the forgotten ones' alone."""
    left = {word for words in remains.words.values() for word in words}
    if not left or not settings.accounts_dir.is_dir():
        return
    for path in settings.accounts_dir.glob("*.json"):
        left -= set(_WORD.findall(_folded(_text_of(path))))
        if not left:
            break
    remains.words = {path: words & left for path, words in remains.words.items() if words & left}


def _text_of(path: Path) -> str:
    """An account's file with its escapes undone."""
    content = path.read_bytes()
    try:
        return str(orjson.loads(content))
    except orjson.JSONDecodeError:
        return content.decode(errors="replace")
