"""What may name an account, and the one form of it that all files share."""

import re
import unicodedata
from urllib.parse import urlsplit

INSTAGRAM_USERNAME = re.compile(r"[a-z0-9._]{1,30}")
MAX_NAME_LENGTH = 64

_PROFILE_HOSTS = ("instagram.com", "www.instagram.com", "m.instagram.com")


def canonical_username(text: str) -> str:
    """The one form of an account's name that files, labels and predictions share.

    ``@Name``, ``https://www.instagram.com/Name/?hl=en`` and `` name `` are all ``name``. What could
    not be an Instagram username (a participant's code such as ``P-017``) keeps its letter case.
    """
    name = unicodedata.normalize("NFC", text.strip().strip("\u200b\ufeff"))
    if "instagram.com/" in name.lower():
        name = _name_of_profile_url(name)
    name = name.removeprefix("@").strip()
    lowered = name.lower()
    return lowered if INSTAGRAM_USERNAME.fullmatch(lowered) else name


def instagram_username_error(name: str) -> str | None:
    """Why ``name`` (canonical) cannot be an Instagram username, or None if it can."""
    if not name:
        return "no username on this line"
    if not INSTAGRAM_USERNAME.fullmatch(name):
        if len(name) > 30:
            return "longer than the 30 characters of an Instagram username"
        return "an Instagram username has only letters a-z, digits, dots and underscores"
    return None


def username_error(name: str) -> str | None:
    """Why ``name`` (canonical) cannot name an imported account, or None if it can."""
    if not name:
        return "no username on this line"
    if len(name) > MAX_NAME_LENGTH:
        return f"longer than {MAX_NAME_LENGTH} characters"
    if any(unicodedata.category(character).startswith("C") for character in name):
        return "contains a control character"
    return None


def _name_of_profile_url(text: str) -> str:
    parts = urlsplit(text if "://" in text else f"https://{text}")
    if parts.hostname not in _PROFILE_HOSTS:
        return text
    return parts.path.strip("/").split("/")[0]
