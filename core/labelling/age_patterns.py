"""How people write an age of theirs, in five languages: the patterns that :mod:`core.labelling.self_reports` reads.

Every repetition in a pattern has an upper bound, so that the time a caption takes grows with its
length alone, whoever wrote it; a test holds this. ``n`` is an age, ``y`` a year, ``who`` the word
that may say whose age it is. The expressions themselves stand in ``age_patterns.toml``.
"""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, TypeAdapter

from core.utils.records import Record

Language = Literal["en", "es", "pt", "de", "fr"]
Pattern = Literal["statement", "turned", "birthday", "born", "graduation", "grade", "mention"]
Whose = Literal["own", "other", "unclear"]
Moment = Literal["now", "today", "ahead", "born", "school", "degree", "grade"]
"""What ``n`` or ``y`` is at the time of the post.

now: the age. today: the age since a few days. ahead: the age from the next birthday on. born: the year of
birth. school: the year that school ends. degree: the year that school or a first degree ends. grade: the
year at school.
"""


@dataclass(frozen=True)
class Rule:
    """One way of writing an age.

    Attributes:
        expression: with the group ``n`` or ``y``, and perhaps ``who``.
        whose: whose age it is; where ``who`` matched, :mod:`core.labelling.self_reports` looks at that word.
        refuted: what, shortly before the match and in the same clause, says that it is no age of now.
        unless: what, directly after the match, says the same.
    """

    pattern: Pattern
    language: Language
    expression: re.Pattern[str]
    moment: Moment
    whose: Whose
    refuted: re.Pattern[str]
    unless: re.Pattern[str]


class _Expressions(Record):
    """What the table has of a language; it says itself what each key holds."""

    numbers: dict[str, int]
    refuted: str
    unless: str
    rules: tuple[tuple[Pattern, Moment, Whose, str], ...]
    parts: dict[str, str] = Field(default_factory=dict)
    triggers: str | None = None


_FILE = Path(__file__).with_suffix(".toml")
_TABLE = TypeAdapter(dict[Language, _Expressions]).validate_python(tomllib.loads(_FILE.read_text(encoding="utf-8")))

NUMBER_WORDS: dict[Language, dict[str, int]] = {language: its.numbers for language, its in _TABLE.items()}

_SPACE = r"[ \t\n\u00a0]{1,3}"
_YEAR = r"(?P<y>(?:19|20)\d\d)(?!\d)"
_NO_NUMBER = r"(?![\d%])(?![.,:/'’\-–]\d)"
"""After an age: it is not the beginning of another number."""
_END = r"(?=[\x20\t]?(?:[.!,;)(…\n🎂🎉🥳🎈]|$))"
"""A bare number is an age only where the phrase ends with it."""

_HASH_N = r"(?P<n>[1-9]\d)"
_PART = re.compile(r"\{([a-z_]+)\}")
"""The name of a piece in an expression; how often something repeats has digits in its braces."""


def _n(language: Language) -> str:
    """An age from 1 to 109, in digits or as a word; never the end of another number."""
    words = "|".join(sorted(NUMBER_WORDS[language], key=len, reverse=True))
    digits = r"(?:10\d|[1-9]\d?)" + _NO_NUMBER
    number = rf"(?:{digits}|(?:{words})\b(?![\-–]))"
    return rf"(?<![\d.,/#:'’$€£&\-])(?P<n>{number})"


def _compile(expression: str) -> re.Pattern[str]:
    """``expression`` with every space standing for a little white space."""
    return re.compile(expression.replace(" ", _SPACE), re.IGNORECASE)


def _clause(words: str) -> re.Pattern[str]:
    """Any of ``words`` in the clause before a match."""
    return re.compile(rf"(?<![\w'’])(?:{words})(?![\w'’])", re.IGNORECASE)


def _rules(language: Language, its: _Expressions) -> list[Rule]:
    """The rules of a language."""
    parts = {"n": _n(language), "year": _YEAR, "end_of_phrase": _END, "hash_n": _HASH_N, **its.parts}

    def filled(expression: str) -> str:
        return _PART.sub(lambda part: filled(parts[part[1]]), expression)

    before, after = _clause(its.refuted), _compile(its.unless)
    return [
        Rule(pattern, language, _compile(filled(expression)), moment, whose, before, after)
        for pattern, moment, whose, expression in its.rules
    ]


RULES: list[Rule] = [rule for language, its in _TABLE.items() for rule in _rules(language, its)]
"""In the order of their precedence: of two that overlap, the first one counts, own ages before others'."""

TRIGGERS: dict[str, re.Pattern[str]] = {
    language: re.compile(its.triggers, re.IGNORECASE) for language, its in _TABLE.items() if its.triggers
}
"""What a caption holds that any rule of a language could match; most captions are done with four looks."""
