"""Words that hint at an age without telling one, marked for a person who labels: "lycée", "my grandkids", "Abitur".

They are no evidence, and nothing is derived from them: they only say where to look. All languages are looked
for at once, since a caption is often too short to tell which it is in. The words stand in ``age_words.toml``.
"""

import re
import tomllib
from pathlib import Path

_WORDS: dict[str, str] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
_EXPRESSION = re.compile(
    rf"(?<![\w'’])(?:{'|'.join(_WORDS.values())})(?![\w'’])".replace(" ", r"[ \t\n\u00a0]{1,3}"), re.IGNORECASE
)

LANGUAGES = tuple(_WORDS)
"""ISO 639 codes of the languages whose words are known."""


def find_age_words(caption: str) -> list[tuple[int, int]]:
    """Where such words begin and end in a caption, in characters; time grows with its length alone."""
    return [match.span() for match in _EXPRESSION.finditer(caption)]
