"""What accounts say of an age in their captions: found, dated, and told apart by whose age it is.

A find is evidence for a person to confirm, never a label: people joke, quote and round. What is counted
as the account's own has been measured (``bench/selfreports.py``); rather is one missed than one made up.
"""

import re
from bisect import bisect_left
from dataclasses import dataclass
from datetime import date, timedelta

from core.labelling.age_patterns import NUMBER_WORDS, RULES, TRIGGERS, Language, Moment, Pattern, Rule, Whose

AGES = (10, 99)
"""An own age outside of these is a slip or a joke."""

_RECENT = 31  # days that a birthday lies back which "turned 19" tells of
_CLAUSE = 40  # characters before a match that may refute it
_USUAL_AGES = {"school": (17, 20), "degree": (17, 24)}
"""At the end of the year in which school, or school or a first degree, ends."""

_CLAUSE_ENDS = re.compile(r"[.!?;:,()\n]")
_QUOTES = re.compile(r"[\"“”„«»]")
_QUOTED_FROM = re.compile(r"\bRT\s?:?\s?@|@\w{1,30}:")
_DIGITS = re.compile(r"\d")
_ALL_WORDS = sorted({word for words in NUMBER_WORDS.values() for word in words})


@dataclass(frozen=True)
class SelfReport:
    """A place in a caption that tells an age.

    Attributes:
        start: where it begins in the caption, in characters; ``end`` is behind its last one.
        text: what stands there.
        pattern: by which kind of phrase.
        language: the ISO 639 code of the phrase.
        whose: the account's own age, somebody else's, or not to be told.
        born: the first and last day on which the person may have been born; None where the post has no
            date and the phrase names no year.
    """

    start: int
    end: int
    text: str
    pattern: Pattern
    language: Language
    whose: Whose
    born: tuple[date, date] | None

    def age_on(self, day: date) -> tuple[int, int] | None:
        """The least and the greatest age in whole years on ``day``; None where it cannot be told."""
        if self.born is None:
            return None
        first, last = self.born
        return max(0, _whole_years(last, day)), max(0, _whole_years(first, day))


def find_self_reports(caption: str, taken_at: date | None = None) -> list[SelfReport]:
    """The ages that a caption tells of, in the order of the text.

    Args:
        caption: of one post, as it is; time grows with its length alone.
        taken_at: the day of the post; without one, an age of then says nothing of an age today.
    """
    if not _may_hold_an_age(caption):
        return []
    context = _Context(caption)
    taken = bytearray(len(caption))
    found = []
    absent = {language for language, words in TRIGGERS.items() if not words.search(caption)}
    for rule in RULES:
        if rule.language in absent:
            continue
        for match in rule.expression.finditer(caption):
            if any(taken[match.start() : match.end()]):
                continue
            report = _report(rule, match, context, taken_at)
            if report is not None:
                taken[match.start() : match.end()] = b"\1" * (match.end() - match.start())
                found.append(report)
    return sorted(found, key=lambda report: report.start)


def _may_hold_an_age(caption: str) -> bool:
    """Whether there is a number at all; most captions have none, and are done with here."""
    if _DIGITS.search(caption):
        return True
    lower = caption.lower()
    return any(word in lower for word in _ALL_WORDS)


def mask_self_reports(caption: str) -> str:
    """``caption`` without what tells of an age, whosever it is; a space stands in its place."""
    pieces, at = [], 0
    for report in find_self_reports(caption):
        pieces += [caption[at : report.start], " "]
        at = report.end
    return "".join([*pieces, caption[at:]]) if pieces else caption


class _Context:
    """What stands around a place in a caption."""

    def __init__(self, caption: str) -> None:
        self.caption = caption
        self._quotes = [mark.start() for mark in _QUOTES.finditer(caption)]
        cited = _QUOTED_FROM.search(caption)
        self._cited_from = cited.start() if cited else len(caption)

    def clause_before(self, start: int) -> str:
        """The words before ``start``, as far as they belong to the same clause."""
        return _CLAUSE_ENDS.split(self.caption[max(0, start - _CLAUSE) : start])[-1]

    def is_quoted(self, start: int) -> bool:
        """Whether these are, or may be, somebody else's words."""
        return start > self._cited_from or bisect_left(self._quotes, start) % 2 == 1


def _report(rule: Rule, match: re.Match[str], context: _Context, taken_at: date | None) -> SelfReport | None:
    """The find, or None where its surroundings say that it is no age of now."""
    if rule.whose == "own":
        if rule.refuted.search(context.clause_before(match.start())) or rule.unless.match(context.caption, match.end()):
            return None
        if context.is_quoted(match.start()):
            return None
    born = _born(rule, match, taken_at)
    if rule.whose == "own" and not _is_plausible(rule, match, born, taken_at):
        return None
    return SelfReport(match.start(), match.end(), match[0], rule.pattern, rule.language, rule.whose, born)


def _number(rule: Rule, match: re.Match[str]) -> int:
    if rule.moment in ("born", "school", "degree"):
        return int(match["y"])
    return int(match["n"]) if match["n"].isdigit() else NUMBER_WORDS[rule.language][match["n"].lower()]


def _born(rule: Rule, match: re.Match[str], taken_at: date | None) -> tuple[date, date] | None:
    number = _number(rule, match)
    if rule.moment == "born":
        return date(number, 1, 1), date(number, 12, 31)
    if rule.moment in _USUAL_AGES:
        youngest, oldest = _USUAL_AGES[rule.moment]
        return date(number - oldest, 1, 1), date(number - youngest, 12, 31)
    return _born_by_age(rule.moment, number, taken_at) if taken_at else None


def _born_by_age(moment: Moment, number: int, taken_at: date) -> tuple[date, date]:
    """When somebody was born who says so on the day ``taken_at``."""
    youngest, oldest = number, number + 1  # the least age, and the age that is not reached yet
    if moment == "ahead":
        youngest, oldest = number - 1, number
    elif moment == "grade":
        youngest, oldest = number + 5, number + 7
    first, last = _years_before(taken_at, oldest) + timedelta(days=1), _years_before(taken_at, youngest)
    return (last - timedelta(days=_RECENT), last) if moment == "today" else (first, last)


def _is_plausible(rule: Rule, match: re.Match[str], born: tuple[date, date] | None, taken_at: date | None) -> bool:
    if rule.moment in ("now", "today", "ahead"):
        return AGES[0] <= _number(rule, match) <= AGES[1]
    if born is None or taken_at is None:
        return True
    return _whole_years(born[0], taken_at) >= AGES[0] - 2 and _whole_years(born[1], taken_at) <= AGES[1]


def _years_before(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year - years)
    except ValueError:  # 29 February
        return day.replace(year=day.year - years, day=28)


def _whole_years(born: date, day: date) -> int:
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))
