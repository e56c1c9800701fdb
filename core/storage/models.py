"""An account, its posts, and the JSON file that keeps them.

:func:`parse_post` understands every shape in which Instagram, its export and the tools around it
write down a post, so that collectors and readers share one reading of them.
"""

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, unquote

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import InputError
from core.utils.io import write_atomically

Kind = Literal["image", "video", "carousel", "unknown"]
Outcome = Literal["collected", "partial", "private", "not_found", "empty", "failed"]

FINAL_OUTCOMES: frozenset[Outcome] = frozenset({"collected", "private", "not_found", "empty"})
"""Outcomes that a later run leaves alone; ``partial`` goes on, ``failed`` is tried again."""

_MAX_FILE_NAME = 200
_MEDIA_TYPES: dict[object, Kind] = {1: "image", 2: "video", 8: "carousel"}
_TYPE_NAMES: dict[str, Kind] = {
    "image": "image",
    "photo": "image",
    "video": "video",
    "clip": "video",
    "reel": "video",
    "sidecar": "carousel",
    "carousel": "carousel",
    "carousel_album": "carousel",
}


class Post(BaseModel):
    """One public post; ``caption`` is None where the post has none."""

    model_config = ConfigDict(extra="ignore")

    id: str
    shortcode: str | None = None
    taken_at: datetime | None = None
    caption: str | None = None
    kind: Kind = "unknown"
    likes: int | None = None
    comments: int | None = None


class Account(BaseModel):
    """What is known of one account: the content of its file.

    Attributes:
        username: canonical name (see :func:`core.storage.user_lists.canonical_username`).
        source: what brought it: "web", "graph", "instaloader", or "import:<format>".
        complete: nothing further is to be had at the number of posts that was asked for.
        post_count: how many posts the account says it has.
        reason: why an account is partial or failed, in a sentence.
        cursor: where a later run goes on; its keys belong to the source.
    """

    model_config = ConfigDict(extra="ignore")

    username: str
    user_id: str | None = None
    source: str = "web"
    collected_at: datetime = Field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))
    complete: bool = True
    outcome: Outcome = "collected"
    post_count: int | None = None
    reason: str | None = None
    cursor: dict[str, Any] | None = None
    posts: list[Post] = Field(default_factory=list)

    @property
    def captions(self) -> list[str]:
        """The captions that hold text, in the order of the posts."""
        return [post.caption for post in self.posts if post.caption and post.caption.strip()]


def file_name(username: str) -> str:
    """The name of an account's file: the percent-encoded username, shortened by a hash where too long."""
    encoded = quote(username, safe="")
    if len(encoded) > _MAX_FILE_NAME:
        encoded = encoded[:150] + "~" + hashlib.sha256(username.encode()).hexdigest()[:16]
    return encoded + ".json"


def account_files(folder: Path) -> Iterator[Path]:
    """The account files of a folder, sorted by name.

    Raises:
        InputError: ``folder`` is no folder.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder. Give the folder that holds one JSON file per account.")
    yield from sorted(path for path in folder.iterdir() if path.suffix == ".json" and path.is_file())


def write_account(folder: Path, account: Account) -> Path:
    """Write an account's file, atomically, and return its path."""
    path = folder / file_name(account.username)
    write_atomically(path, orjson.dumps(account.model_dump(mode="json", exclude_none=True)))
    return path


def read_account(path: Path) -> Account:
    """Read an account's file: AgeScope's own form, or the older ``edge_owner_to_timeline_media`` form.

    Raises:
        InputError: the file cannot be read, or holds neither form.
    """
    try:
        content = orjson.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    except orjson.JSONDecodeError as error:
        raise InputError(f"{path} is not valid JSON ({error}). Remove it, or collect the account again.") from error
    try:
        if isinstance(content, dict) and "edge_owner_to_timeline_media" in content:
            return older_account(content, unquote(path.stem))
        return Account.model_validate(content)
    except (ValidationError, AttributeError, TypeError, ValueError) as error:
        raise InputError(
            f"{path} is not an account's file: it needs 'username' and 'posts', or 'edge_owner_to_timeline_media'."
        ) from error


def older_account(content: dict[str, Any], username: str) -> Account:
    """The account of a document of the older form, whose name only its file bears."""
    media = content["edge_owner_to_timeline_media"]
    posts = [parse_post(edge["node"]) for edge in media.get("edges", [])]
    more = bool((media.get("page_info") or {}).get("has_next_page"))
    return Account(
        username=username,
        source="import:older",
        complete=not more,
        post_count=media.get("count"),
        outcome="collected" if posts else "empty",
        posts=[post for post in posts if post],
    )


def parse_post(node: dict[str, Any]) -> Post | None:
    """Read one post in any of the shapes of Instagram's answers, exports and the tools around it.

    Returns:
        The post, or None where the object carries neither an id nor a short code.
    """
    shortcode = node.get("shortcode") or node.get("code") or node.get("shortCode") or _shortcode_of_url(node)
    identifier = node.get("pk") or node.get("id") or shortcode
    if not identifier:
        return None
    return Post(
        id=re.sub(r"^(\d+)_\d+$", r"\1", str(identifier)),
        shortcode=str(shortcode) if shortcode else None,
        taken_at=parse_time(_first(node, "taken_at", "taken_at_timestamp", "date", "timestamp", "creation_timestamp")),
        caption=parse_caption(node),
        kind=_kind(node),
        likes=_count(node, "edge_liked_by", "edge_media_preview_like", "like_count", "likesCount"),
        comments=_count(node, "edge_media_to_comment", "comment_count", "comments_count", "commentsCount"),
    )


def parse_caption(node: dict[str, Any]) -> str | None:
    """The caption of a post: under ``edge_media_to_caption``, or ``caption`` as text, object or null."""
    edges = node.get("edge_media_to_caption")
    if isinstance(edges, dict):
        found = edges.get("edges")
        first = found[0] if isinstance(found, list) and found else None
        inner = first.get("node") if isinstance(first, dict) else None
        text = inner.get("text") if isinstance(inner, dict) else None
    else:
        text = node.get("caption")
        if isinstance(text, dict):
            text = text.get("text")
    return text if isinstance(text, str) and text else None


def parse_time(value: object) -> datetime | None:
    """A moment in UTC from seconds (or milliseconds) since 1970 or an ISO 8601 text; None if it is neither."""
    if isinstance(value, str) and re.fullmatch(r"\d{9,13}(\.\d+)?", value):
        value = float(value)
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            seconds = value / 1000 if value > 1e11 else value
            return datetime.fromtimestamp(seconds, UTC).replace(microsecond=0)
        if isinstance(value, str) and value.strip():
            moment = datetime.fromisoformat(value.strip())
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def _first(node: dict[str, Any], *keys: str) -> Any:
    return next((node[key] for key in keys if node.get(key) not in (None, "")), None)


def _count(node: dict[str, Any], *keys: str) -> int | None:
    value = _first(node, *keys)
    if isinstance(value, dict):
        value = value.get("count")
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _kind(node: dict[str, Any]) -> Kind:
    media_type = node.get("media_type")
    if isinstance(media_type, int) and media_type in _MEDIA_TYPES:
        return _MEDIA_TYPES[media_type]
    name = str(node.get("__typename") or media_type or node.get("type") or "")
    name = re.sub(r"^(Polaris|XDT)?(Graph)?", "", name).lower()
    if name in _TYPE_NAMES:
        return _TYPE_NAMES[name]
    if "is_video" in node:
        return "video" if node["is_video"] else "image"
    return "unknown"


def _shortcode_of_url(node: dict[str, Any]) -> str | None:
    address = node.get("permalink") or node.get("url") or ""
    found = (
        re.search(r"instagram\.com/(?:[\w.]+/)?(?:p|reel|tv)/([\w-]+)", address) if isinstance(address, str) else None
    )
    return found.group(1) if found else None
