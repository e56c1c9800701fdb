"""What may name an account, and the one form of it that all files share."""

import re
import unicodedata
from urllib.parse import parse_qs, unquote, urlsplit

INSTAGRAM_USERNAME = re.compile(r"[a-z0-9._]{1,30}")
MAX_NAME_LENGTH = 64

_ADDRESS = re.compile(
    r"(?:[a-z][a-z0-9+.-]*:)?(?://)?(?:[\w-]+\.)*(?:instagram\.com|instagr\.am|ig\.me)\.?(?::\d+)?(?=[/?#\\]|$)"
    r"|instagram://",
    re.IGNORECASE | re.ASCII,
)
_PROFILE_HOSTS = re.compile(
    r"(?:(?:www|m|mobile|[a-z]{2}|[a-z]{2}-[a-z]{2})\.)?(?:instagram\.com|instagr\.am|ig\.me)\.?"
)
_POSTS = frozenset(("p", "reel", "reels", "tv"))
_RESERVED = _POSTS | {
    *("stories", "explore", "accounts", "direct", "about", "developer", "developers", "legal", "web", "api", "graphql"),
    *("challenge", "oauth", "session", "emails", "share", "directory", "nametag", "invites", "locations", "popular"),
    *("help", "privacy", "terms", "press", "jobs", "topics", "tags", "hashtag", "lite", "ads", "create", "static"),
    *(
        "your_activity",
        "account",
        "login",
        "logout",
        "signup",
        "settings",
        "archive",
        "audio",
        "rsrc.php",
        "favicon.ico",
    ),
}
"""First parts of Instagram's own addresses, which name no account."""
_RESERVED_BEFORE_MORE = frozenset(
    ("s", "ar", "n", "_n", "u", "_u", "j", "a", "music", "data", "qr", "fragment", "embed")
)
"""Parts that are Instagram's own where more follows; alone, they may be an account's."""
_AROUND = " \t\r\n\f\v\xa0\u200b\u200e\u200f\u202a\u202c\u2060\ufeff"
_TURNING = "\u202d\u202e"
_LEADS_ON = re.compile(r"(?:[?&](?:u|q|url|to|target)=|/web/\d+[a-z_]*/)(https?(?::|%3a)[^&\s]+)", re.IGNORECASE)
"""Where an address of another place has the one that it leads to."""
_OTHER_ADDRESS = re.compile(r"https?://|www\.", re.IGNORECASE)
_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_TELEPHONE = re.compile(r"(?=.*[+\s()/-])\+?[\d\s()/-]{7,}")
_BEFORE_A_NAME = frozenset(("stories", "_u", "u", "m"))


def canonical_username(text: str) -> str:
    """The one form of an account's name that files, labels and predictions share.

    ``@Name``, ``https://www.instagram.com/Name/?hl=en`` and `` name `` are all ``name``, and so are the
    addresses of its posts and stories that name it. What could not be an Instagram username (a participant's
    code such as ``P-017``, the address of a post that does not say whose it is) keeps its letter case.
    """
    name = unicodedata.normalize("NFC", text.strip(_AROUND))
    address = name.strip("<>(),;\"'")
    if _OTHER_ADDRESS.match(address) and (further := _LEADS_ON.search(address)):
        address = unquote(further[1])
    if _ADDRESS.match(address):
        return _name_in_address(address) or name
    meant = _as_meant(name)
    return meant if INSTAGRAM_USERNAME.fullmatch(meant) else name.removeprefix("@").strip(_AROUND)


def _as_meant(name: str) -> str:
    """A name without what keyboards and copying put into it: signs of double width, invisible ones, a comma after.

    Signs that turn the direction of writing stay, and make the name unusable: it does not read as it is.
    """
    signs = unicodedata.normalize("NFKC", name)
    visible = "".join(sign for sign in signs if unicodedata.category(sign) != "Cf" or sign in _TURNING)
    return visible.strip().lstrip("@").rstrip(",;:").strip().lower()


def instagram_username_error(name: str) -> str | None:
    """Why ``name`` (canonical) cannot be an Instagram username, or None if it can."""
    if not name:
        return "no username on this line"
    if _ADDRESS.match(name):
        return _address_error(name)
    if name in _RESERVED:
        return "a part of Instagram's own addresses, which no account bears as its name"
    if reason := _other_error(name):
        return reason
    if not INSTAGRAM_USERNAME.fullmatch(name):
        if len(name) > 30:
            return "longer than the 30 characters of an Instagram username"
        return "an Instagram username has only letters a-z, digits, dots and underscores"
    return None


def _other_error(name: str) -> str | None:
    """What a name is that people write where an account was asked for; None where it is nothing of the kind."""
    if _OTHER_ADDRESS.match(name):
        return "an address that leads to no account of Instagram; write the account's name instead"
    if _MAIL.fullmatch(name):
        return "an e-mail address, and no account's name"
    return "a telephone number, and no account's name" if _TELEPHONE.fullmatch(name) else None


def username_error(name: str) -> str | None:
    """Why ``name`` (canonical) cannot name an imported account, or None if it can."""
    if not name:
        return "no username on this line"
    if _ADDRESS.match(name):
        return _address_error(name)
    if len(name) > MAX_NAME_LENGTH:
        return f"longer than {MAX_NAME_LENGTH} characters"
    if any(unicodedata.category(character).startswith("C") for character in name):
        return "contains a control character"
    return None


def _parts_of(address: str) -> tuple[str, list[str], str]:
    """The host, the parts of the path and the query of an address, with or without a scheme."""
    try:
        parts = urlsplit(address if "://" in address else f"https://{address.removeprefix('//')}")
        host = parts.hostname or ""
    except ValueError:
        return "", [], ""
    return host, [part for part in unquote(parts.path).split("/") if part], parts.query


def _name_in_address(address: str) -> str | None:
    """Whose profile, post or story an address of Instagram leads to; None where it does not say."""
    host, parts, query = _parts_of(address)
    if address.lower().startswith("instagram://"):
        return _username(parse_qs(query).get("username", [""])[0])
    if not _PROFILE_HOSTS.fullmatch(host):
        return None
    first = parts[0].lower() if parts else ""
    if first == "accounts" and (further := parse_qs(query).get("next")):
        _, parts, _ = _parts_of(further[0] if "://" in further[0] else f"instagram.com/{further[0]}")
        first = parts[0].lower() if parts else ""
    if len(parts) > 1 and first in _BEFORE_A_NAME and (first != "m" or host.endswith("ig.me")):
        return None if parts[1] == "highlights" else _username(parts[1])
    is_own = first in _RESERVED or (len(parts) > 1 and first in _RESERVED_BEFORE_MORE)
    return None if is_own or not parts else _username(parts[0])


def _username(text: str) -> str | None:
    name = text.removeprefix("@").strip(_AROUND).lower()
    return name if INSTAGRAM_USERNAME.fullmatch(name) and not _ADDRESS.match(name) else None


def _address_error(address: str) -> str:
    _, parts, _ = _parts_of(address)
    first = parts[0].lower() if parts else ""
    if first in _POSTS:
        return "the address of a post, which does not say whose it is; write the account's name instead"
    if first == "stories":
        return "the address of a story, which does not say whose it is; write the account's name instead"
    return "an address of Instagram that leads to no account; write the account's name instead"
