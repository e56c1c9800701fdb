"""One reading of a post in every shape that Instagram, its export and the tools around it give it."""

from typing import Any

from core.storage.models import Post
from core.storage.post_fields import FieldChoice, PostReading, read_record


def parse_post(node: dict[str, Any], choice: FieldChoice | None = None) -> Post | None:
    """Read one post in any of the shapes of Instagram's answers, exports and the tools around it.

    Returns:
        The post, or None where the object carries neither an id nor a short code.
    """
    reading = read_record(node, choice)
    return post_of(reading) if reading.id or reading.shortcode else None


def post_of(reading: PostReading) -> Post:
    """The post of a reading; its id is its short code where it has no other, and empty where it has neither."""
    return Post(
        id=reading.id or reading.shortcode or "",
        shortcode=reading.shortcode,
        taken_at=reading.taken_at,
        caption=reading.caption,
        kind=reading.kind,
        likes=reading.likes,
        comments=reading.comments,
    )
