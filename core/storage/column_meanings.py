"""What the columns and fields of a source mean: which is the caption, the time, the id and so on of its posts.

The names that tools use (:mod:`core.storage.field_names`) overlap: a ``caption`` may be what Instagram's image
recognition says, a ``timestamp`` the moment of scraping. So :func:`choose_fields` looks at what stands in the
columns as well, and says what it took. What a single record then says of a post, :mod:`core.storage.post_parsing`
reads.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from core.storage.field_names import FIELDS, USUAL_NAMES, Field, core_name, plain_name
from core.storage.field_values import ADDRESS, flattened, text_of
from core.storage.moments import parse_time
from core.storage.usernames import canonical_username, instagram_username_error

SAMPLE = 100
"""How many records are enough to judge what stands in a field."""
_WEAK_CAPTIONS = {"title", "content", "post", "excerpt"}
"""Names that are the caption only where no better one is there."""
_PHANTOMBUSTER = {"post_url", "query"}
"""Names that only Phantombuster's tables have together; their ``timestamp`` is the moment of scraping."""
FACEPAGER = frozenset(("id", "parent_id", "object_id", "query_time"))
"""Names that only Facepager's tables have together; their ``id`` is the number of a row."""
_SEEN_IN_PICTURE = re.compile(
    r"may be (an? )?(image|\w+ of|\w+ and|closeup|cartoon|text|meme|\d)|image may contain|no photo description"
    r"|(könnte|kann) (ein bild|\w+) (von|sein|enthalten)|peut être une image|puede ser una imagen|pode ser uma imagem"
    r"|potrebbe essere un'immagine|afbeelding zijn van|kan vara en bild|kan være et bilde|может быть изображение",
    re.IGNORECASE,
)
_PICTURE_BY = re.compile(
    r"(photo|video|image|reel|post|foto|vidéo|vídeo|imagen)( \w+)? (by|von|par|de|di|door|av|af) .{1,80}? "
    r"(on|in|am|le|el|em|il|op|den) .{0,12}\d",
    re.IGNORECASE,
)
_NO_PROSE = re.compile(r"[\d.,\s-]+|true|false|yes|no", re.IGNORECASE)
"""What stands in a column that counts captions, or tells whether there are some."""
_NO_CAPTION_NAME = re.compile(
    r"accessib|(^|_)alt(_|$)|name|bio|(url|link|id|ids|token|key|path|src|uri|query|agent|location|address)(_|$)"
    r"|hashtag|tag|mention|date|time|_at$|type|lang|comment|reply|context|headline|caption_is|error|version"
)


@dataclass(frozen=True)
class FieldChoice:
    """Which names of a source stand for which field of a post, the first asked first.

    Attributes:
        names: by field, names as the source writes them.
        passed_over: names that looked like a field and are none, and what they are.
    """

    names: Mapping[Field, tuple[str, ...]]
    passed_over: Mapping[str, str] = field(default_factory=dict)

    def in_words(self) -> str:
        """What was taken for what: ``caption from 'description', taken_at from 'pubDate'``."""
        taken = [f"{wanted} from {names[0][:40]!r}" for wanted, names in self.names.items() if names]
        passed = [f"{name[:40]!r} is {what}" for name, what in self.passed_over.items()]
        taken += [] if self.names["taken_at"] else ["no time of posting"]
        return ", ".join(taken) + (f" ({'; '.join(passed)})" if passed else "")


def choose_fields(
    names: Iterable[str],
    samples: Sequence[Mapping[str, object]] = (),
    chosen: Mapping[Field, str] | None = None,
) -> FieldChoice:
    """Decide which name stands for which field.

    Args:
        names: all names of the source, flat (see :func:`flattened`).
        samples: its first records, to judge by what stands in them; without any, names alone decide.
        chosen: what a person said, by field; it counts for more than anything found.
    """
    plain = _by_plain_name(sorted(names, key=lambda name: not _filled([name], samples)) if samples else names)
    passed_over: dict[str, str] = {}
    found = {wanted: _called(USUAL_NAMES[wanted], plain) for wanted in FIELDS}
    found["username"] = [name for name in found["username"] if not _is_owner_number(name, bool(samples))]
    found["caption"] = _captions(found["caption"], samples, passed_over)
    found["taken_at"] = _times(found["taken_at"], plain, samples, passed_over)
    if plain.keys() >= FACEPAGER:
        found["id"] = [name for name in found["id"] if name != plain["id"]]
        passed_over[plain["id"]] = "Facepager's number of the row"
    if samples:
        found["username"] = _users(found["username"], samples, passed_over)
    for wanted, name in (chosen or {}).items():
        found[wanted] = [name]
    return FieldChoice({wanted: tuple(found[wanted]) for wanted in FIELDS}, passed_over)


def _by_plain_name(names: Iterable[str]) -> dict[str, str]:
    """The names of a source by their plain form, and by its core where no other name is that."""
    plain: dict[str, str] = {}
    for name in names:
        plain.setdefault(plain_name(name), name)
    for name, written in list(plain.items()):
        plain.setdefault(core_name(name), written)
    return plain


def _called(usual: Iterable[str], plain: Mapping[str, str]) -> list[str]:
    """The names of a source that are usual for a field, each once, the best first."""
    return list(dict.fromkeys(plain[name] for name in usual if name in plain))


@lru_cache(maxsize=1_024)
def fields_by_name(names: tuple[str, ...]) -> FieldChoice:
    """Which name stands for which field of a single record, by the names alone."""
    return choose_fields(names)


def is_accessibility_text(text: str) -> bool:
    """Whether it is what Instagram says of a picture for those who do not see it, and nobody's caption."""
    return bool(_SEEN_IN_PICTURE.match(text) or (_PICTURE_BY.match(text) and _SEEN_IN_PICTURE.search(text)))


def is_text_like(name: str, value: object) -> bool:
    """Whether a value reads like a text that somebody wrote, by its name and its words."""
    if not isinstance(value, str) or "." in name or _NO_CAPTION_NAME.search(plain_name(name)):
        return False
    words = value.split()
    return len(words) >= 3 and len(value) >= 12 and parse_time(value) is None and not _looks_generated(value)


class UntoldCaptions:
    """Notices a source whose posts have hardly any caption while text stands in other fields."""

    _FEWEST, _NAMES = 0.02, 500

    def __init__(self) -> None:
        self._posts = self._with_caption = 0
        self._texts: dict[str, int] = {}

    def see(self, record: Mapping[str, Any], has_caption: bool) -> None:
        """Take a record into account."""
        self._posts += 1
        if has_caption:
            self._with_caption += 1
            return
        for name, value in flattened(record).items():
            if name in self._texts or len(self._texts) < self._NAMES:
                self._texts[name] = self._texts.get(name, 0) + is_text_like(name, value)

    def in_words(self) -> str | None:
        """What was noticed, or None."""
        if self._with_caption > self._FEWEST * self._posts:
            return None
        names = [name for name, times in self._texts.items() if times > 0.3 * self._posts]
        if not names:
            return None
        shown = ", ".join(repr(name[:40]) for name in names[:8])
        return f"hardly any of its {self._posts:,} posts has a caption, while text stands in {shown}"


def _captions(names: list[str], samples: Sequence[Mapping[str, object]], passed_over: dict[str, str]) -> list[str]:
    """The one name that holds captions; without samples, all that may."""
    strong = [name for name in names if plain_name(name) not in _WEAK_CAPTIONS]
    if not samples:
        return strong or names[:1]
    kept = []
    for name in names:
        texts = [text for record in samples if (text := text_of(record.get(name)))]
        if what := _no_captions(texts):
            passed_over[name] = what
        elif texts:
            kept.append((name, all(_NO_PROSE.fullmatch(text.strip()) for text in texts)))
    best = next((name for name, is_number in kept if not is_number), None)
    if best and kept[0][0] != best:
        passed_over[kept[0][0]] = "numbers, or yes and no"
    return [best] if best else [name for name in names if name not in passed_over][:1]


def _users(names: list[str], samples: Sequence[Mapping[str, object]], passed_over: dict[str, str]) -> list[str]:
    """The one name that holds accounts: the first that is filled, but for another where it holds people's names."""
    filled = _filled(names, samples)
    texts = {name: [text for record in samples if (text := text_of(record.get(name)))] for name in filled}
    if not filled or sum(" " in text.strip() for text in texts[filled[0]]) * 2 < len(texts[filled[0]]):
        return filled[:1] or names[:1]
    others = (name for name in filled[1:] if not plain_name(name).endswith("id"))
    several = min(len(set(texts[filled[0]])), 2)
    for name in others:
        are_accounts = all(instagram_username_error(canonical_username(text)) is None for text in texts[name])
        if are_accounts and len(set(texts[name])) >= several:
            passed_over[filled[0]] = "people's names, with blanks"
            return [name]
    return filled[:1]


def _no_captions(texts: Sequence[str]) -> str | None:
    """What a field holds that is no captions, or None where it may."""
    if texts and sum(_looks_generated(text) for text in texts) > 0.5 * len(texts):
        return "an accessibility text"
    if texts and all(ADDRESS.match(text.strip()) for text in texts):
        return "an address"
    return None


def _looks_generated(text: str) -> bool:
    return bool(_SEEN_IN_PICTURE.search(text) or _PICTURE_BY.match(text))


def _times(
    names: list[str], plain: Mapping[str, str], samples: Sequence[Mapping[str, object]], passed_over: dict[str, str]
) -> list[str]:
    """The one name that holds the moment of posting; without samples, all that may."""
    if plain.keys() >= _PHANTOMBUSTER and "timestamp" in plain:
        names = [name for name in names if plain_name(name) != "timestamp"]
        passed_over[plain["timestamp"]] = "the time of scraping"
    if not samples:
        return names
    filled = _filled(names, samples)
    read = [name for name in filled if any(parse_time(record.get(name)) for record in samples)]
    for name in read[1:]:
        if _is_earlier(name, read[0], samples):
            passed_over[read[0]] = "a later moment, such as that of scraping"
            return [name]
    return (read or filled or names)[:1]


def _is_earlier(name: str, than: str, samples: Sequence[Mapping[str, object]]) -> bool:
    """Whether a field tells moments days before those of another, as a post is made before it is fetched."""
    pairs = [(parse_time(record.get(name)), parse_time(record.get(than))) for record in samples]
    before = [(other - moment).total_seconds() for moment, other in pairs if moment and other]
    return (
        len(before) * 2 > len(samples) and min(before) >= 0 and sum(lead > 86_400 for lead in before) * 2 > len(before)
    )


def _filled(names: Sequence[str], samples: Sequence[Mapping[str, object]]) -> list[str]:
    return [name for name in names if any(text_of(record.get(name)) for record in samples)]


def _is_owner_number(name: str, in_table: bool) -> bool:
    """Whether it is the number of an account, which stands for its name at most in a table of somebody's own."""
    return plain_name(name).endswith("id") and ("." in name or not in_table)
