"""Names inside of texts that are kept: they become pseudonyms as the names beside the texts do.

What counts as a name: mentions, mail and web addresses, telephone numbers, Instagram's short codes and
the names of the study's own accounts. What a person tells of himself in words stays, and a hashtag too:
a text without names is not anonymous, and can often be found again by searching for its words.
"""

import re
from collections.abc import Collection

from core.privacy.pseudonyms import Pseudonyms
from core.storage.usernames import canonical_username

_MAIL = r"[\w.+-]+\s?[@＠]\s?[\w-]+(?:\.[\w-]+)+"
_WEB = r"(?i:https?://|www\.)\S+|\b[\w-]+(?:\.[\w-]+)*\.(?i:com|org|net|app|link|bio|info|[a-z]{2})/\S*"
_MENTION = r"[@＠][\w.]{1,64}"
_TELEPHONE = r"(?<![\w.])\+?\d(?:[\s()./-]{0,2}\d){6,14}(?!\w)"
_SHORT_CODE = r"(?<![\w-])(?=[\w-]*\d)(?=[\w-]*[a-z])(?=[\w-]*[A-Z])[A-Za-z0-9_-]{11}(?![\w-])"
_KINDS = re.compile(
    f"(?P<mail>{_MAIL})|(?P<web>{_WEB})|(?P<mention>{_MENTION})|(?P<code>{_SHORT_CODE})|(?P<telephone>{_TELEPHONE})"
)
_WORD = re.compile(r"[\w.-]+")
_FEWEST_LETTERS = 4
"""An account's name that is shorter, or that is written without a mention, may be any word."""


def without_names(text: str, pseudonyms: Pseudonyms, known: Collection[str] = frozenset()) -> str:
    """``text`` with pseudonyms where names stood.

    Args:
        text: what somebody wrote.
        pseudonyms: of the study.
        known: canonical names of accounts, which are names also where no @ stands before them.
    """
    marked = _KINDS.sub(lambda match: _pseudonym_of(match, pseudonyms), text)
    if not known:
        return marked
    if canonical_username(marked) in known:
        return pseudonyms.of(marked)
    return _WORD.sub(lambda match: _pseudonym_of_word(match[0], pseudonyms, known), marked)


def _pseudonym_of(match: "re.Match[str]", pseudonyms: Pseudonyms) -> str:
    text = match[0]
    if match.lastgroup != "mention":
        return pseudonyms.of(text)
    name = text[1:].rstrip(".")
    return f"@{pseudonyms.of(name)}{text[1 + len(name) :]}" if name else text


def _pseudonym_of_word(word: str, pseudonyms: Pseudonyms, known: Collection[str]) -> str:
    name = word.rstrip(".-")
    if len(name) < _FEWEST_LETTERS or canonical_username(name) not in known:
        return word
    return pseudonyms.of(name) + word[len(name) :]
