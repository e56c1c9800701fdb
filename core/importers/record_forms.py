"""Which form a record of JSON has, and where in it the posts stand."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeGuard

from core.importers import agescope, apify, arc298, export_posts, graph_api, instagram_answers, instaloader
from core.importers.instagram_answers import Node
from core.importers.results import Context, NotUnderstood
from core.storage.column_meanings import fields_by_name
from core.storage.field_values import flattened, text_of
from core.storage.models import Account
from core.storage.not_posts import kind_by_names, kind_by_values
from core.storage.post_parsing import PostReading, read_record
from core.storage.usernames import canonical_username, instagram_username_error

FORMAT = "json"
"""The format of records that are posts by the names of their fields alone."""
LOOKED_FOR = "; ".join(
    [
        *(reader.LOOKED_FOR for reader in (agescope, instaloader, arc298, apify, graph_api)),
        *(export_posts.LOOKED_FOR, instagram_answers.LOOKED_FOR, "a list of objects with a user and a text"),
    ]
)
OF_OTHERS = "that an export tells of other people, or that are no posts"

_READERS = (arc298, apify, graph_api)
_DEEPEST = 5
_NO_POSTS = "that are no posts"
_LISTS = (
    *("data", "items", "posts", "results", "result", "records", "rows", "response", "medias", "edges", "node", "hits"),
    *("_source",),
)
_NOBODY = frozenset(
    (
        *("comments", "replies", "messages", "conversations", "threads", "inbox", "participants", "members", "likes"),
        *("followers", "following", "friends", "stories", "highlights", "saved", "tagged", "mentions", "users"),
        *("user", "owner", "author", "profile", "account", "meta", "metadata", "config", "caption", *_LISTS),
    )
)
"""Names of lists in which no accounts' posts lie under the accounts' names."""
_IN_OTHER_PARTS = {"participants", "string_list_data", "string_map_data", "label_values", "media_list_data"}
"""Names that only the other parts of an export have: messages, followers, comments, likes."""


@dataclass(frozen=True)
class PostRecord:
    """A post and where it stands.

    Attributes:
        place: of the value that it is, or is part of.
        owner: the username, where what stands around the post tells it.
        reading: what it says; None where that needs a choice of fields.
        record: the post as it came.
    """

    place: str
    format_name: str
    owner: str | None
    reading: PostReading | None
    record: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class NoPost:
    """A record, or a part of one, that gives no post, and why, in words that go on from a number of records."""

    place: str
    reason: str
    text: str = ""
    is_loss: bool = True


Item = PostRecord | NoPost | Account | NotUnderstood


def items_of(content: Any, place: str, context: Context) -> Iterator[Item]:
    """What a value holds."""
    if isinstance(content, dict) and (found := agescope.read_account_document(content, context)):
        yield found
    else:
        yield from _items(content, place, None, 0)


def _items(content: Any, place: str, owner: str | None, depth: int) -> Iterator[Item]:
    if isinstance(content, list):
        for item in content:
            if isinstance(item, dict | list) and depth < _DEEPEST:
                yield from _items(item, place, owner, depth + 1)
    elif isinstance(content, dict) and _is_odd(content):
        yield NoPost(place, _NO_POSTS, is_loss=False)
    elif isinstance(content, dict) and (what := kind_by_names(content) or kind_by_values(content)):
        yield NoPost(place, what, is_loss=False)
    elif isinstance(content, dict):
        yield from _of_known_form(content, place) or _of_unknown_form(content, place, owner, depth)


def is_header(content: object) -> bool:
    """Whether a value is the first of a table's rows, each a list: ``["username", "caption"]``."""
    if not isinstance(content, list) or len(content) < 2 or not all(isinstance(name, str) for name in content):
        return False
    names = fields_by_name(tuple(content)).names
    return bool(names["caption"] and names["username"])


def _is_odd(content: Node) -> bool:
    """Whether a record holds nothing inside it and has no name that any field of a post has: no reader is asked."""
    return not _holds_more(content) and not any(fields_by_name(tuple(content)).names.values())


def _holds_more(content: Node) -> bool:
    """Whether there are objects or lists inside a record, be they written as a text."""
    return any(isinstance(value, dict | list) or _is_json_text(value) for value in content.values())


def _of_known_form(content: Node, place: str) -> list[Item]:
    """The posts of a record that a known tool wrote; empty where none did."""
    for reader in _READERS:
        if (owned := reader.owned_posts(content)) is not None:
            return [_of_node(place, reader.FORMAT, owner, node) for owner, node in owned]
    if (exported := export_posts.posts_of_export(content)) is not None:
        unread = NoPost(place, "because their form is not that of an export's posts")
        return [PostRecord(place, export_posts.FORMAT, None, post) if post else unread for post in exported]
    if not _IN_OTHER_PARTS.isdisjoint(content):
        return [NoPost(place, OF_OTHERS, is_loss=False)]
    if _is_whole_record(content):
        return []
    owned = instagram_answers.owned_posts(content)
    return [_of_node(place, instagram_answers.FORMAT, owner, node) for owner, node in owned or ()]


def _of_unknown_form(content: Node, place: str, owner: str | None, depth: int) -> Iterator[Item]:
    """A record that is a post by the names of its fields, or those in the lists of a record that is none."""
    if rows := _rows_of_columns(content):
        yield from _items(rows, place, owner, depth + 1)
        return
    if depth < _DEEPEST and _is_by_name(content):
        for key, value in content.items():
            yield from _items(value, place, owner if key.isdigit() else key, depth + 1)
        return
    inner = [content[name] for name in _LISTS if isinstance(content.get(name), dict | list) and content[name]]
    inner = inner or [value for text in content.values() if (value := _json_in(text)) is not None]
    if inner and depth < _DEEPEST and not _is_whole_record(content):
        name = text_of(content.get("username")) or text_of(content.get("account")) or owner
        for value in inner:
            yield from _items(value, place, name, depth + 1)
    elif _may_be_post(content):
        yield PostRecord(place, FORMAT, owner, None, flattened(content))
    else:
        yield NoPost(place, _NO_POSTS, is_loss=False)


def _rows_of_columns(content: Node) -> list[Node]:
    """The rows of a table that pandas wrote column by column: ``{"caption": {"0": "...", "1": "..."}, ...}``."""
    named = {name: value for name, value in content.items() if isinstance(value, dict | list)}
    if len(named) < 2 or len(named) != len(content) or not fields_by_name(tuple(named)).names["caption"]:
        return _rows_of_split(content)
    columns = {name: value if isinstance(value, dict) else dict(enumerate(value)) for name, value in named.items()}
    keys = [column.keys() for column in columns.values()]
    if any(each != keys[0] for each in keys[1:]) or any(
        isinstance(value, dict | list) for column in columns.values() for value in column.values()
    ):
        return []
    return [{name: column[key] for name, column in columns.items()} for key in keys[0]]


def _is_by_name(content: Node) -> bool:
    """Whether posts lie under their numbers, as pandas writes them by row, or under the names of their accounts."""
    if not content or not all(isinstance(value, dict | list) and value for value in content.values()):
        return False
    is_of_names = all(
        instagram_username_error(canonical_username(name)) is None and name.lower() not in _NOBODY for name in content
    )
    return is_of_names and any(_holds_posts(value) for value in islice(content.values(), 20))


def _holds_posts(value: dict[str, Any] | list[Any]) -> bool:
    if isinstance(value, list):
        return _holds_records(value)
    return _may_be_post(value) or any(_holds_records(value.get(name)) for name in _LISTS)


def _rows_of_split(content: Node) -> list[Node]:
    """The rows of ``{"columns": [...], "data": [[...], ...]}``, or of ``{"values": [[...], ...]}`` with a header."""
    names, rows = content.get("columns"), content.get("data")
    if isinstance(values := content.get("values"), list) and values and not names:
        names, *rows = values
    if not (isinstance(names, list) and isinstance(rows, list) and all(isinstance(name, str) for name in names)):
        return []
    return [dict(zip(names, row, strict=False)) for row in rows if isinstance(row, list)]


def _json_in(text: object) -> Any:
    """The objects that stand in a text as JSON; None where it is any other text."""
    if not _is_json_text(text):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _is_json_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and value.lstrip().startswith(('{"', '[{"'))


def _of_node(place: str, format_name: str, owner: object, node: Node) -> PostRecord | NoPost:
    if what := kind_by_names(node) or kind_by_values(node):
        return NoPost(place, what, is_loss=False)
    reading = read_record(node)
    is_told = reading.caption or reading.taken_at or reading.unread_time
    if not is_told and instagram_answers.is_partial(node):
        return NoPost(place, "that were seen only in part, without caption and time", is_loss=False)
    return PostRecord(place, format_name, owner if isinstance(owner, str) else None, reading, node)


def _is_whole_record(content: Node) -> bool:
    """Whether a record says itself what was posted and by whom, so that what lies inside it is not looked for."""
    flat = flattened(content)
    names = fields_by_name(tuple(flat)).names
    has_owner = any(text_of(flat.get(name)) for name in names["username"])
    strong = [name for name in names["caption"] if name not in ("title", "content", "post")]
    return has_owner and bool(strong) and not any(_holds_records(content[name]) for name in content.keys() & _LISTS)


def _holds_records(value: object) -> bool:
    return isinstance(value, list) and any(isinstance(item, dict) and _may_be_post(item) for item in value[:5])


def _may_be_post(content: Node) -> bool:
    names = fields_by_name(tuple(flattened(content))).names
    return bool(names["caption"]) or bool((names["id"] or names["shortcode"]) and names["taken_at"])
