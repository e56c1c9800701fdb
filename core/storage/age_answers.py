"""What a person writes where an age is asked for: an age, a range of ages, or that it cannot be told."""

import math
import re
from dataclasses import dataclass

AGE_RANGE = (5, 120)

UNTOLD = "cannot tell"
"""How AgeScope writes that an age cannot be told."""

FORMS = f"24, 24.5, at least 21, under 21, 18-24, or {UNTOLD}"
"""What may be written, for messages."""

_UNTOLD = {
    UNTOLD,
    *("can't tell", "can’t tell", "cant tell", "cannot say", "can't say", "don't know", "do not know", "not known"),
    *("unknown", "unclear", "undecided", "unsure", "not sure", "n/a", "na", "none", "null", "nan"),
}
_UNITS = re.compile(
    r"(?<=\d) ?(?:years?|yrs?|y/?o|y|jahren?|jahre|años?|ans?|anni|anos|jaar|lat|lata|år|vuotta|yaş"
    r"|лет|года?|歳|岁|歲|세)"
    r"(?: (?:old|alt|of age|oud))?$"
)
_NUMBER = r"(\d{1,3}(?:[.,]\d+)?)"
_FROM = re.compile(
    r"(?:at least|from|over|older than|>=?|≥|ab|über|mindestens|älter als|mayor(?:es)? de|más de|plus de|au moins"
    rf"|mais de|più di|ouder dan) *{_NUMBER}|{_NUMBER} *\+|{_NUMBER} (?:or|and) (?:over|older)"
)
_BELOW = re.compile(
    r"(?:under|below|younger than|<|unter|jünger als|menor(?:es)? de|menos de|moins de|meno di|jonger dan)"
    rf" *{_NUMBER}"
)
_BIRTHDAY = re.compile(r"(?:19|20)\d\d[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./](?:19|20)\d\d")
_RANGE = re.compile(rf"{_NUMBER} *(?:-|–|—|to) *{_NUMBER}")


@dataclass(frozen=True)
class AgeAnswer:
    """The ages that an answer leaves open, in years: from ``low`` on and below ``high``; an age itself is both."""

    low: float = 0.0
    high: float = math.inf

    def at_least(self, cutoff: float) -> bool | None:
        """Whether the age is at least ``cutoff``; None where the answer leaves that open."""
        if self.low >= cutoff:
            return True
        return False if self.high <= cutoff else None

    def __str__(self) -> str:
        """In the words of :data:`FORMS`."""
        if self.low == self.high:
            return f"{self.low:g}"
        if math.isinf(self.high):
            return f"at least {self.low:g}" if self.low else UNTOLD
        return f"{self.low:g}-{self.high - 1:g}" if self.low else f"under {self.high:g}"


def read_age_answer(cell: str) -> AgeAnswer | None:
    """Read a cell as people and spreadsheets leave it: ``24,5`` is 24.5, ``?`` says that it cannot be told.

    Returns:
        None where nothing is written.

    Raises:
        ValueError: it is none of these; the text says why and does not repeat it.
    """
    text = _UNITS.sub("", " ".join(cell.split()).lower().rstrip("."))
    if not text:
        return None
    if text in _UNTOLD or not text.strip("?-–—"):
        return AgeAnswer()
    if found := _FROM.fullmatch(text):
        return AgeAnswer(low=_years(next(filter(None, found.groups()))))
    if found := _BELOW.fullmatch(text):
        return AgeAnswer(high=_years(found[1]))
    if found := _RANGE.fullmatch(text):
        return _range(_years(found[1]), _years(found[2]))
    age = _years(text)
    return AgeAnswer(age, age)


def is_age_cell(cell: str) -> bool:
    """Whether a cell says an age or a range of ages."""
    try:
        answer = read_age_answer(cell)
    except ValueError:
        return False
    return answer is not None and answer != AgeAnswer()


def age_of(text: str) -> float:
    """An age in years, with a point or a comma before its decimals.

    Raises:
        ValueError: it is none.
    """
    return float(re.sub(r"^(\d{1,3}),(\d{1,2})$", r"\1.\2", text.strip()))


def age_error(text: str) -> str | None:
    """Why ``text`` cannot be an age in years, or None if it can; does not repeat it, as it may be anything."""
    try:
        age = age_of(text)
    except ValueError:
        if _BIRTHDAY.match(text.strip()):
            return "this may be a date of birth; write the age in years"
        return "the age is not a number" if text.strip() else "no age on this line"
    if 1900 <= age <= 2030:
        return "this may be a year of birth; write the age in years"
    if not AGE_RANGE[0] <= age <= AGE_RANGE[1]:
        return f"the age is outside {AGE_RANGE[0]} to {AGE_RANGE[1]}"
    return None


def _years(text: str) -> float:
    plain = text.replace(",", ".", 1)
    if reason := age_error(plain):
        raise ValueError(reason)
    return float(plain)


def _range(first: float, last: float) -> AgeAnswer:
    if last < first:
        raise ValueError("the range of ages ends before it begins")
    return AgeAnswer(first, math.floor(last) + 1)  # 18-24 holds who is 24 and a half
