"""Dates with the name of their month, in the languages in which people and Instagram's export write them."""

import re

MONTHS: dict[str, tuple[str, ...]] = {
    "de": ("jan", "feb", "mär", "apr", "mai", "jun", "jul", "aug", "sep", "okt", "nov", "dez"),
    "fr": ("janv", "févr", "mars", "avr", "mai", "juin", "juil", "août", "sept", "oct", "nov", "déc"),
    "es": ("ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic"),
    "it": ("gen", "feb", "mar", "apr", "mag", "giu", "lug", "ago", "set", "ott", "nov", "dic"),
    "pt": ("jan", "fev", "mar", "abr", "mai", "jun", "jul", "ago", "set", "out", "nov", "dez"),
    "nl": ("jan", "feb", "mrt", "apr", "mei", "jun", "jul", "aug", "sep", "okt", "nov", "dec"),
    "sv, da, no": ("jan", "feb", "mar", "apr", "maj", "jun", "jul", "aug", "sep", "okt", "nov", "des"),
    "pl": ("sty", "lut", "mar", "kwi", "maj", "cze", "lip", "sie", "wrz", "paź", "lis", "gru"),
    "tr": ("oca", "şub", "mar", "nis", "may", "haz", "tem", "ağu", "eyl", "eki", "kas", "ara"),
    "ru": ("янв", "фев", "мар", "апр", "ма", "июн", "июл", "авг", "сен", "окт", "ноя", "дек"),
}
"""How the names of the months begin, January first."""

_CLOCK = (
    r"(?:,?\s*(?:um|à|a las|alle ore|às|om|kl\.?|o|saat|в)?\s*"
    r"(?P<clock>\d{1,2}[:.h]\d\d(?::\d\d)?)(?:\s*(?:(?P<half>[apAP])\.?\s?[mM]\.?|(?P<german_half>vorm|nachm)\.))?)?"
)
_FORMS = (
    re.compile(
        r"(?:\w+,\s*)?(?P<day>\d{1,2})\.?\s+(?:de\s+)?(?P<name>[^\W\d_]{3,12})\.?,?\s+(?:de\s+)?(?P<year>\d{4})"
        rf"(?:\s*г\.)?{_CLOCK}(?:\s+Uhr)?"
    ),
    re.compile(rf"(?P<name>[^\W\d_]{{3,12}})\.?\s+(?P<day>\d{{1,2}}),?\s+(?P<year>\d{{4}}){_CLOCK}"),
)
_EAST_ASIAN = re.compile(
    r"(?P<year>\d{4})\s*[年년]\s*(?P<month>\d{1,2})\s*[月월]\s*(?P<day>\d{1,2})\s*[日일]"
    r"(?:\s*(?P<half>上午|下午|午前|午後|오전|오후)?\s*(?P<clock>\d{1,2}:\d\d(?::\d\d)?))?"
)
_MORNINGS = ("上午", "午前", "오전")


def with_numbers(text: str) -> str | None:
    """A date with the month's number in place of its name: ``2024/5/1 10:00``.

    Returns:
        None where no month is named, or the name means several.
    """
    plain = text.replace("\u202f", " ").replace("\xa0", " ").strip()
    if found := _EAST_ASIAN.fullmatch(plain):
        half = " am" if found["half"] in _MORNINGS else " pm" if found["half"] else ""
        return f"{found['year']}/{found['month']}/{found['day']} {found['clock'] or '0:00'}{half}"
    match = next((match for form in _FORMS if (match := form.fullmatch(plain))), None)
    number = _month(match["name"]) if match else None
    if match is None or number is None:
        return None
    clock = re.sub(r"[.h](?=\d\d)", ":", match["clock"] or "0:00")
    said = match["half"] or {"vorm": "a", "nachm": "p"}.get(match["german_half"])
    half = f" {said}m" if said else ""
    return f"{match['year']}/{number}/{match['day']} {clock}{half}"


def _month(name: str) -> int | None:
    """The number of a month; None where its name is of no language here, or means several months."""
    lowered = name.lower()
    numbers = {
        number for names in MONTHS.values() for number, month in enumerate(names, start=1) if lowered.startswith(month)
    } - ({3} if lowered in ("мая", "май") else set())
    return numbers.pop() if len(numbers) == 1 else None
