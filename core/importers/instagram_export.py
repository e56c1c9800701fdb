"""Instagram's "Download your information", as its owner gives it: a zip archive, a folder, in JSON or HTML.

Only the posts and the username are read. Messages, contacts and whatever else is in an export are
not even opened, and no path of theirs is told: it would name other people.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from core.errors import InputError
from core.importers import export_html
from core.importers.archives import Piece
from core.importers.export_posts import FORMAT, LOOKED_FOR, posts_of_export, repaired
from core.importers.json_values import Damage, Remark, Value, json_values
from core.importers.results import Context, Found, Ignored, LeftOutRecords, NotUnderstood, Recognised, account, with_ids
from core.storage.post_parsing import PostReading, post_of
from core.utils.formatting import count

_POSTS = re.compile(r"(posts|reels|igtv_videos|media)(_\d+)?\.(json|html)")
_INNER_FOLDERS = {"your_instagram_activity", "content", "media", "posts"}
_ONLY_IN_EXPORTS = {
    *("your_instagram_activity", "followers_and_following", "personal_information", "logged_information"),
    *("security_and_login_information", "ads_information", "apps_and_websites_off_of_instagram", "inbox"),
    *("start_here.html", "connections", "messages", "message_requests"),
}
"""Names that tell an export wherever they stand."""
_PARTS = _ONLY_IN_EXPORTS | {
    *("content", "media", "comments", "likes", "preferences", "files", "contacts", "saved", "stories", "archived"),
    *("recent_searches", "settings", "index.html", "ads_and_topics", "ads_and_businesses", "account_information"),
    *("login_and_account_creation", "device_information", "monetization", "shopping", "story_sticker_interactions"),
    *("media.json", "messages.json", "comments.json", "likes.json", "connections.json", "contacts.json"),
    *("profile.json", "searches.json", "seen_content.json", "saved.json", "settings.json", "devices.json"),
}
"""Names that lie beside those in an export."""
_OLD_EXPORT = {"media.json", "messages.json", "connections.json", "likes.json", "comments.json"}
_ROOT_NAME = re.compile(r"instagram-([a-z0-9._]{1,30}?)-\d{4}-\d{2}-\d{2}(?=\D|$)|^([a-z0-9._]{1,30})_20\d{6}(?=\D|$)")
_ABOUT = re.compile(r"(personal_information|profile_information|profile)\.(json|html)")
_MOST_HTML = 40_000_000
_USERNAME_LABELS = {
    *("username", "user name", "benutzername", "nom d’utilisateur", "nom d'utilisateur", "nombre de usuario"),
    *("nome utente", "nome de usuário", "nome de utilizador", "gebruikersnaam", "brukernavn", "brugernavn"),
    *("användarnamn", "käyttäjänimi", "nazwa użytkownika", "kullanıcı adı", "имя пользователя", "ユーザーネーム"),
}

Root = tuple[str, ...]


def split_off(pieces: Sequence[Piece], username: str | None) -> tuple[Iterator[Found], list[Piece]]:
    """The exports among files that lie together, and which files belong to none."""
    roots = _roots(pieces)
    inside: dict[Root, list[Piece]] = {root: [] for root in roots}
    rest: list[Piece] = []
    for piece in pieces:
        root = next((root for root in roots if _belongs(piece, root)), None)
        (rest if root is None else inside[root]).append(piece)
    found = (item for root, members in inside.items() if members for item in _of_one_export(root, members, username))
    return found, rest


def _roots(pieces: Sequence[Piece]) -> list[Root]:
    """The folders or archives that are exports, the innermost first."""
    names: dict[Root, set[str]] = {}
    roots: set[Root] = set()
    for piece in pieces:
        names.setdefault(piece.parts[:-1], set()).add(piece.parts[-1])
        if (root := _root_of_posts(piece)) is not None:
            roots.add(root)
        at = next((at for at, part in enumerate(piece.parts) if part in _ONLY_IN_EXPORTS), None)
        if at is not None:
            roots.add(piece.parts[:at])
    roots |= {folder for folder, inside in names.items() if len(inside & _OLD_EXPORT) >= 2 and "media.json" in inside}
    return sorted(roots, key=len, reverse=True)


def _root_of_posts(piece: Piece) -> Root | None:
    """The folder of the export whose posts a file holds, or None where it is no such file."""
    if not _POSTS.fullmatch(piece.parts[-1]):
        return None
    root = piece.parts[:-1]
    while root and root[-1] in _INNER_FOLDERS:
        root = root[:-1]
    return root if root != piece.parts[:-1] else None


def _belongs(piece: Piece, root: Root) -> bool:
    """Whether a file is of an export: all of an archive is, in a folder what an export has there."""
    if piece.parts[: len(root)] != root:
        return False
    is_named = bool(root) and bool(_ROOT_NAME.search(root[-1].lower()))
    is_archive = piece.archive is not None and len(root) >= piece.depth
    return is_named or is_archive or piece.parts[len(root)] in _PARTS


def _of_one_export(root: Root, inside: Sequence[Piece], username: str | None) -> Iterator[Found]:
    posts = [piece for piece in inside if _holds_posts(piece, root)]
    name = username or _stated_username(inside) or _name_in(root)
    place = "/".join(root) or "the export"
    yield from (Ignored(place) for piece in inside if piece not in posts)
    if not posts:
        reason = "it is an export, or a part of one, without posts; give the part that holds your_instagram_activity"
        yield NotUnderstood(place, f"{reason}/media or content")
        return
    readings: list[PostReading] = []
    faults: list[str] = []
    for piece in posts:
        yield from _read_posts(piece, f"{place}/{piece.parts[-1]}", readings, faults)
    kept = with_ids(post_of(reading) for reading in readings)
    yield account(FORMAT, name, kept, Context(place), "; ".join(faults[:3]) or None)
    yield from unread_times(place, readings)


def _holds_posts(piece: Piece, root: Root) -> bool:
    """Whether a file holds posts that were public: not what was archived, deleted or only a story."""
    between = piece.parts[len(root) : -1]
    return bool(_POSTS.fullmatch(piece.parts[-1])) and all(part in _INNER_FOLDERS for part in between)


def _read_posts(piece: Piece, name: str, readings: list[PostReading], faults: list[str]) -> Iterator[Found]:
    """Add the posts of a file to those of its export; what cannot be read is told, under a name without a path."""
    left_out = LeftOutRecords(name)
    before = len(readings)
    try:
        read = _of_html(piece) if piece.parts[-1].endswith(".html") else _of_json(piece)
        for place, reading, why in read:
            if reading:
                readings.append(reading)
            else:
                left_out.add(why, place)
    except InputError as error:
        faults.append(str(error))
        yield NotUnderstood(name, str(error))
    missing = list(left_out.found())
    faults += [f"{count(item.number, 'record')} of {piece.parts[-1]} could not be read" for item in missing]
    yield from missing
    if len(readings) > before:
        yield Recognised(name, FORMAT)
    elif missing:
        yield NotUnderstood(name, f"it is not what its name says; looked for {LOOKED_FOR}")


def _of_json(piece: Piece) -> Iterator[tuple[str, PostReading | None, str]]:
    for value in json_values(piece):
        if isinstance(value, Remark):
            continue
        if isinstance(value, Damage):
            yield value.place, None, f"because {value.reason}"
            continue
        found = posts_of_export(value.content)
        if found is None and value.content not in ([], {}):
            yield value.place, None, "because they have not the form of a post"
        for reading in found or []:
            yield value.place, reading, "because they have not the form of a post"


def _of_html(piece: Piece) -> Iterator[tuple[str, PostReading | None, str]]:
    found = export_html.posts_of_html(read_page(piece))
    if not found:
        raise InputError(f"it holds no posts that are understood; looked for {export_html.LOOKED_FOR}")
    yield from ((f"post {at:,}", reading, "") for at, reading in enumerate(found, start=1))


def read_page(piece: Piece) -> str:
    """The text of a page.

    Raises:
        InputError: it cannot be read, or is too large.
    """
    with piece.open() as content:
        data = content.read(_MOST_HTML + 1)
    if len(data) > _MOST_HTML:
        raise InputError(f"it is larger than {_MOST_HTML // 1_000_000} MB; ask Instagram for the export as JSON")
    return data.decode("utf-8-sig", "replace")


def unread_times(place: str, readings: Iterable[PostReading]) -> Iterator[NotUnderstood]:
    """How many times of an export in HTML are in a language that is not read."""
    unread = [reading.unread_time for reading in readings if reading.unread_time]
    if unread:
        are = "time is" if len(unread) == 1 else "times are"
        reason = f"{len(unread):,} {are} in an unknown form (such as {unread[0]!r}) and left empty"
        yield NotUnderstood(place, f"{reason}; the export as JSON has them in every language")


def _stated_username(inside: Iterable[Piece]) -> str | None:
    """The username that the export's personal information states."""
    for piece in inside:
        if not _ABOUT.fullmatch(piece.parts[-1]):
            continue
        try:
            found = _stated_in_html(piece) if piece.parts[-1].endswith(".html") else _stated_in_json(piece)
        except InputError:
            continue  # the name of the archive may still tell it
        if found:
            return found
    return None


def _stated_in_html(piece: Piece) -> str | None:
    return export_html.stated_username(read_page(piece), _USERNAME_LABELS)


def _stated_in_json(piece: Piece) -> str | None:
    for value in json_values(piece):
        document = value.content if isinstance(value, Value) else None
        if isinstance(document, dict) and isinstance(document.get("username"), str):  # until 2021
            return str(document["username"])
        for label, stated in _labelled(document):
            if repaired(label).strip().lower() in _USERNAME_LABELS:
                return stated
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
    names = [found[1] or found[2] for part in parts if (found := _ROOT_NAME.search(part.lower()))]
    return names[-1] if names else None
