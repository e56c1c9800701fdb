"""Records that lie among posts or look like them and are none: comments, messages and stories.

They hold the words of third persons, or words that were to be gone after a day, so that no reader takes them for
somebody's posts, and nothing of their text is shown.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from core.storage.field_names import plain_name

COMMENTS = "that are comments"
MESSAGES = "that are messages"
STORIES = "that are stories"
NO_POSTS = frozenset((COMMENTS, MESSAGES, STORIES))

_OF_COMMENTS = {
    *("comment_id", "comment_url", "parent_comment_id", "comment_like_count", "child_comment_count", "comment_index"),
    *("is_liked_by_media_owner", "did_report_as_spam", "edge_threaded_comments", "is_hearted"),
    *("comment_date", "commented_at", "comment_created_at"),
}
_OF_INSTALOADERS_COMMENTS = {"answers", "likes_count", "text"}
_OF_MESSAGES = {
    *("item_type", "sender_name", "sender_id", "thread_path", "thread_title", "is_sent_by_viewer", "recipient_id"),
    *("recipient", "receiver"),
}
_OF_POSTS = {
    *("caption", "caption_text", "captions", "edge_media_to_caption", "description", "comment_count"),
    *("comments_count", "num_comments", "shortcode", "media_type", "taken_at", "taken_at_timestamp"),
}
"""Names by which a record is a post, whatever else it tells."""
_TYPES = {"comment": COMMENTS, "reply": COMMENTS, "message": MESSAGES, "story": STORIES, "storyitem": STORIES}
_KINDS = ("type", "content_type", "post_type", "product_type", "media_product_type", "subcategory")
_STORY_ADDRESS = re.compile(r"instagram\.com/(?:stories|s)/", re.IGNORECASE)
_ADDRESSES = ("post_url", "url", "permalink", "link")
_TELLING = {*_KINDS, *_ADDRESSES}


def kind_by_names(names: Iterable[str]) -> str | None:
    """What the records of a source are that has these names, if they are no posts; in words that go on from a number.

    Args:
        names: as the source writes them.
    """
    plain = {plain_name(name) for name in names}
    if plain & _OF_POSTS:
        return None
    if plain & _OF_COMMENTS or plain >= _OF_INSTALOADERS_COMMENTS:
        return COMMENTS
    return MESSAGES if plain & _OF_MESSAGES else None


def kind_by_values(record: Mapping[str, Any]) -> str | None:
    """What a single record says that it is, if it is no post."""
    texts = ((plain_name(name), value) for name, value in record.items() if isinstance(value, str))
    plain = {name: value for name, value in texts if name in _TELLING}
    said = (_TYPES.get(plain.get(kind, "").strip().lower()) for kind in _KINDS)
    if found := next(filter(None, said), None):
        return found
    if plain.get("subcategory") in ("stories", "highlights"):
        return STORIES
    return STORIES if any(_STORY_ADDRESS.search(plain.get(name, "")) for name in _ADDRESSES) else None
