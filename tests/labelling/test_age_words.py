"""Words that hint at an age are found in each language, and nothing else is."""

import pytest

from core.labelling.age_words import LANGUAGES, find_age_words

HINTS = {
    "en": ("so much homework, senior year is hard", ["homework", "senior year"]),
    "es": ("mañana exámenes y luego el cumple de mi hija", ["exámenes", "cumple", "mi hija"]),
    "pt": ("passei no vestibular! minha mãe chorou", ["vestibular", "minha mãe"]),
    "de": ("Abitur geschafft, danach Ausbildung", ["Abitur", "Ausbildung"]),
    "fr": ("dernier jour de lycée avant la retraite de mon père", ["lycée", "retraite", "mon père"]),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_of_a_stage_of_life_are_found_in_each_language(language: str) -> None:
    caption, words = HINTS[language]
    assert [caption[start:end] for start, end in find_age_words(caption)] == words


@pytest.mark.parametrize("caption", ["", "coffee at the lake", "unique unicorns", "abide by rules", "we sat on stage"])
def test_parts_of_other_words_are_no_hints(caption: str) -> None:
    assert find_age_words(caption) == []
