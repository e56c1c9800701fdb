"""What accounts say of an age: found, whose it is, how old that makes them today, and in time."""

import time
from datetime import date
from re import _parser  # type: ignore[attr-defined]  # how Python itself reads a pattern

import pytest

from core.labelling.age_patterns import RULES
from core.labelling.self_reports import find_self_reports, mask_self_reports

POSTED = date(2024, 6, 15)
TODAY = date(2026, 11, 25)

OWN = {
    "I'm 19 and still eat cereal for dinner": (21, 22),
    "I am a 34 year old nurse from Leeds": (36, 37),
    "turned 19 today!!": (21, 21),
    "I just turned 21 🎂": (21 + 2, 21 + 2),
    "I'm turning 18 next week": (18 + 1, 18 + 2),
    "tomorrow is my 30th": (30 + 1, 30 + 2),
    "Today is my 16th birthday": (18, 18),
    "happy 40th birthday to me": (42, 42),
    "I was born in 1999": (26, 27),
    "we are the proud class of 2027": (15, 23),
    "hoy cumplo 30 años": (32, 32),
    "tengo 17 años y me gusta bailar": (19, 20),
    "acabo de cumplir dieciocho años": (20, 20),
    "nací en 2001": (24, 25),
    "hoje eu faço 25": (27, 27),
    "tenho 16 anos e amo cantar": (18, 19),
    "nasci em 1998": (27, 28),
    "Ich bin 17 Jahre alt": (19, 20),
    "heute werde ich 40!": (42, 42),
    "Heute ist mein 30. Geburtstag": (32, 32),
    "ich bin Jahrgang 1990": (35, 36),
    "J'ai 17 ans et demi": (19, 20),
    "je viens d'avoir 18 ans": (20, 20),
    "je suis née en 2003": (22, 23),
}
"""Caption -> the account's own age, at least and at most, on TODAY."""

OTHERS = [
    "my son turned 5",
    "happy 21st to my sister",
    "My grandma's 80th birthday was lovely",
    "he is 12 years old",
    "mi hija cumple 15 años",
    "feliz 30 años hermano",
    "minha filha fez 10 anos",
    "mein Sohn wird 7",
    "ma fille a 12 ans",
]

NOT_OWN = [
    "when I'm 31 I want a dog",
    "I'm 98% sure",
    "I'm 45 minutes late",
    "I feel like I'm 80 today",
    "until I am 65 and retired",
    "i turned 18 in 1980",
    '"I\'m 19 years old," said the witness',
    "RT @someone: I'm 19 years old",
    "they think I'm 25",
    "I am 5'11",
    "I'm 20, 30 people came",
    "hace 15 años",
    "tengo 20 años de experiencia",
    "tengo 10 años viviendo aquí",
    "llevo 12 años juntos",
    "no tengo 18 años",
    "cumplo 10 años con mi cuenta",
    "faz 10 anos que moro aqui",
    "tenho 20 anos de carreira",
    "ich bin 30 Minuten zu spät",
    "als ich 17 war",
    "j'ai 20 ans d'expérience",
    "quand j'aurai 60 ans",
    "call 0800 21 21 21",
    "chapter 19, page 21",
]


@pytest.mark.parametrize(("caption", "ages"), OWN.items(), ids=OWN)
def test_an_own_age_is_found_and_turned_into_an_age_today(caption: str, ages: tuple[int, int]) -> None:
    [report] = [found for found in find_self_reports(caption, POSTED) if found.whose == "own"]
    assert report.age_on(TODAY) == ages
    assert caption[report.start : report.end] == report.text


@pytest.mark.parametrize("caption", OTHERS)
def test_somebody_elses_age_is_said_to_be_somebody_elses(caption: str) -> None:
    assert {found.whose for found in find_self_reports(caption, POSTED)} == {"other"}


@pytest.mark.parametrize("caption", NOT_OWN)
def test_a_number_that_is_no_age_of_now_is_not_taken_for_one(caption: str) -> None:
    assert "own" not in {found.whose for found in find_self_reports(caption, POSTED)}


@pytest.mark.parametrize(
    "caption", ["#21stbirthday", "17 años 🎂", "mi mamá dice que a mis quince", "class of 2027", "#abi2027"]
)
def test_what_does_not_say_whose_age_it_is_is_shown_as_unclear(caption: str) -> None:
    assert {found.whose for found in find_self_reports(caption, POSTED)} == {"unclear"}


def test_a_post_without_a_date_tells_no_age_today_but_a_year_does() -> None:
    [undated] = find_self_reports("I just turned 19")
    [born] = find_self_reports("I was born in 1999")
    assert undated.age_on(TODAY) is None
    assert born.age_on(TODAY) == (26, 27)


def test_a_birthday_ahead_is_a_year_less_until_then() -> None:
    [report] = find_self_reports("I'm turning 18 next week", POSTED)
    assert report.age_on(POSTED) == (17, 17)


def test_one_phrase_is_found_once_and_several_in_their_order() -> None:
    found = find_self_reports("my brother is 30 years old. I'm 21 years old. Happy 60th birthday to my dad", POSTED)
    assert [report.whose for report in found] == ["other", "own", "other"]


def test_masking_takes_out_whatever_tells_an_age_and_nothing_else() -> None:
    masked = mask_self_reports("Hello, I'm 19 years old. My son turned 5 today. #21stbirthday yay")
    assert masked.split() == ["Hello,", ".", "My", ".", "yay"]
    assert mask_self_reports("no age in here, 3 cats") == "no age in here, 3 cats"


def test_no_pattern_of_a_phrase_repeats_without_a_bound() -> None:
    for rule in RULES:
        for pattern in (rule.expression, rule.unless):
            assert "MAXREPEAT" not in str(_parser.parse(pattern.pattern)), pattern.pattern


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece",
    ["i'm ", "i am now only ", "my son ", " ", "1", "21 ", '"', "turned 21 ", "cumplo 20 años con ", "\n", "a" * 9],
)
def test_hostile_text_takes_time_in_proportion_to_its_length(piece: str) -> None:
    def seconds(characters: int) -> float:
        text = (piece * characters)[:characters] + " i'm 21"
        began = time.process_time()
        find_self_reports(text, POSTED)
        return time.process_time() - began

    short, long = (min(seconds(size) for _ in range(2)) for size in (10_000, 40_000))
    assert long < 12 * short + 0.05
