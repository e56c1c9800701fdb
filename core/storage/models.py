"""An account and its posts: what is known of them, and what their files hold."""

from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

Kind = Literal["image", "video", "carousel", "unknown"]
Outcome = Literal["collected", "partial", "private", "not_found", "empty", "failed"]


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
        username: canonical name (see :func:`core.storage.usernames.canonical_username`).
        source: what brought it: "web", "graph", "instaloader", or "import:<format>".
        complete: nothing further is to be had at the number of posts that was asked for.
        post_count: how many posts the account says it has.
        reason: why an account is partial or failed, in a sentence.
        cursor: where a later run goes on; see ``core.collection.account_state``.
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
    cursor: dict[str, JsonValue] | None = None
    posts: list[Post] = Field(default_factory=list)

    @property
    def captions(self) -> list[str]:
        """The captions that hold text, in the order of the posts."""
        return [post.caption for post in self.posts if post.caption and post.caption.strip()]
