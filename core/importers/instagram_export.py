"""Instagram's "Download your information", as its owner gives it: a zip archive, a folder, or ``posts_1.json``.

Only the posts and the username are read. Messages, contacts and whatever else is in an export are
not even opened.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import orjson

from core.errors import InputError
from core.importers.archives import Piece
from core.importers.results import Context, Found, Ignored, NotUnderstood, account, with_ids
from core.storage.models import Post
from core.storage.moments import parse_time

LOOKED_FOR = "the posts of an export (a list with media, uri, creation_timestamp)"

_POSTS = re.compile(r"(posts|reels)(_\d+)?\.json")
_INNER_FOLDERS = {"your_instagram_activity", "content", "media", "posts"}
_ROOT_NAME = re.compile(r"instagram-([a-z0-9._]{1,30}?)-\d{4}-\d{2}-\d{2}(?=\D|$)")
_USERNAME_LABELS = {
    *("username", "user name", "benutzername", "nom d’utilisateur", "nom d'utilisateur", "nombre de usuario"),
    *("nome utente", "nome de usuário", "nome de utilizador", "gebruikersnaam", "brukernavn", "brugernavn"),
    *("användarnamn", "käyttäjänimi", "nazwa użytkownika", "kullanıcı adı", "имя пользователя", "ユーザーネーム"),
}


def accounts(document: Any, context: Context) -> list[Found] | None:
    """The account of a file of posts, or None where it is of another kind."""
    posts = _posts(document)
    if not posts:
        return None
    name = context.username or _name_in(context.name.split("/"))
    return [account("export", name, with_ids(posts), context)]


def split_off(pieces: Sequence[Piece], username: str | None) -> tuple[list[Found], list[Piece]]:
    """Read the exports among files that lie together, and say which files belong to none."""
    roots = {root for piece in pieces if (root := _root(piece)) is not None}
    found: list[Found] = []
    rest = list(pieces)
    for root in sorted(roots, key=len, reverse=True):
        inside = [piece for piece in rest if piece.parts[: len(root)] == root]
        rest = [piece for piece in rest if piece.parts[: len(root)] != root]
        posts = [piece for piece in inside if _root(piece) == root]
        found += _of_one_export(root, inside, posts, username)
        found += [Ignored(piece.name) for piece in inside if piece not in posts]
    return found, rest


def repaired(text: str) -> str:
    """Text whose UTF-8 bytes were written as single characters, as exports do; other text as it is."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def _of_one_export(
    root: tuple[str, ...], inside: Sequence[Piece], posts: Iterable[Piece], username: str | None
) -> Iterator[Found]:
    name = username or _stated_username(inside) or _name_in(root)
    everything: list[Post] = []
    for piece in posts:
        try:
            part = _posts(orjson.loads(piece.whole()))
        except (InputError, orjson.JSONDecodeError) as error:
            yield NotUnderstood(piece.name, f"it cannot be read ({error})")
            continue
        if part is None:
            yield NotUnderstood(piece.name, f"it is not what its name says; looked for {LOOKED_FOR}")
        everything += part or []
    yield account("export", name, with_ids(everything), Context("/".join(root)))


def _root(piece: Piece) -> tuple[str, ...] | None:
    """The folder of the export whose posts a file holds, or None where it is no such file."""
    if not _POSTS.fullmatch(piece.parts[-1]):
        return None
    root = piece.parts[:-1]
    while root and root[-1] in _INNER_FOLDERS:
        root = root[:-1]
    return root if root != piece.parts[:-1] else None


def _posts(document: Any) -> list[Post] | None:
    if isinstance(document, dict) and isinstance(document.get("ig_reels_media"), list):
        document = document["ig_reels_media"]
    if not isinstance(document, list) or not all(_is_post(item) for item in document):
        return None
    return [_post(item) for item in document]


def _is_post(item: Any) -> bool:
    media = item.get("media") if isinstance(item, dict) else None
    return isinstance(media, list) and all(isinstance(one, dict) and "uri" in one for one in media)


def _post(item: dict[str, Any]) -> Post:
    """A post; its caption is its own title, or that of its only medium."""
    media = item["media"]
    first = media[0] if media else {}
    title = item.get("title") or (first.get("title") if len(media) == 1 else "")
    moment = item.get("creation_timestamp") or first.get("creation_timestamp")
    video = str(first.get("uri", "")).lower().endswith((".mp4", ".mov"))
    return Post(
        id="",
        taken_at=parse_time(moment),
        caption=(repaired(title) or None) if isinstance(title, str) else None,
        kind="carousel" if len(media) > 1 else "video" if video else "image" if media else "unknown",
    )


def _stated_username(inside: Iterable[Piece]) -> str | None:
    """The username that the export's personal information states."""
    for piece in inside:
        if piece.parts[-1] in ("personal_information.json", "profile_information.json"):
            try:
                document = orjson.loads(piece.whole())
            except (InputError, orjson.JSONDecodeError):
                continue  # the name of the archive may still tell it
            for label, value in _labelled(document):
                if repaired(label).strip().lower() in _USERNAME_LABELS:
                    return value
    return None


def _labelled(document: Any) -> Iterator[tuple[str, str]]:
    """Every labelled value of a document: ``{"Username": {"value": "anna"}}`` or ``{"label": ..., "value": ...}``."""
    stack = [document]
    while stack:
        value = stack.pop()
        if isinstance(value, list):
            stack.extend(value)
        elif isinstance(value, dict):
            if isinstance(value.get("label"), str) and isinstance(value.get("value"), str):
                yield value["label"], value["value"]
            for label, inner in value.items():
                if isinstance(inner, dict) and isinstance(inner.get("value"), str):
                    yield label, inner["value"]
            stack.extend(value.values())


def _name_in(parts: Iterable[str]) -> str | None:
    """The username in the name that Instagram gives an archive: ``instagram-anna-2026-10-01-x7Yz.zip``."""
    names = [found[1] for part in parts if (found := _ROOT_NAME.search(part.lower()))]
    return names[-1] if names else None
