"""One account while it is being collected: what an answer brought, what is still missing, what to keep.

Whether an account is asked at all is decided in :mod:`core.collection.final_outcomes`.
"""

import hashlib

from pydantic import ValidationError

from core.instagram.errors import EndlessList, InstagramError
from core.instagram.source import Cursor, Page
from core.storage.models import Account, Outcome, Post
from core.utils.formatting import count
from core.utils.records import Record

_MOST_BARREN = 25


class Continuation(Record):
    """Where a later run goes on with an account: what its file keeps under ``cursor``.

    Attributes:
        next: what the source goes on from; None where it has come to its end.
        fresh: how many of the file's posts this collection brought, the first ones.
        anew: whether it began from the start although posts were known.
        surplus: posts it brought beyond those that were wanted.
    """

    next: Cursor | None
    fresh: int
    anew: bool
    surplus: tuple[Post, ...]


class AccountState:
    """The posts of one account as they come in.

    Args:
        username: the account.
        source: the name of the source that is asked.
        wanted: at most so many posts.
        known: what its file holds, if there is one.
        anew: collect it from the start; what is known is kept until that has come to its end.

    Attributes:
        posts: what this collection brought so far, each post once; may be more than wanted.
        cursor: what the source goes on from.
    """

    def __init__(self, username: str, source: str, wanted: int, known: Account | None, anew: bool) -> None:
        self.username = username
        self.posts: list[Post] = []
        self.cursor: Cursor | None = None
        self._source = source
        self._wanted = wanted
        self._done = False
        self._anew = anew
        self._user_id = known.user_id if known else None
        self._post_count = known.post_count if known else None
        self._older = known.posts if known else []
        self._seen: set[str] = set()
        self._barren = 0
        self._foreign = 0
        self._asked: set[bytes] = set()
        kept = _continuation(known) if known and known.source == source and not anew else None
        if known and kept:
            self._go_on(known, kept)
        elif self._user_id:
            self.cursor = Cursor(user_id=self._user_id)

    def _go_on(self, known: Account, kept: Continuation) -> None:
        """Take up an earlier collection where it ended."""
        self._anew = kept.anew
        self._older = known.posts[kept.fresh :]
        self._take([*known.posts[: kept.fresh], *kept.surplus])
        self.cursor = kept.next
        self._done = self.cursor is None

    @property
    def missing(self) -> int:
        """How many further posts are of use."""
        return max(0, self._wanted - len(self.posts))

    def wants_more(self) -> bool:
        """Whether there is something to ask for."""
        return not self._done and self.missing > 0

    def add(self, page: Page) -> None:
        """Take in what an answer brought.

        Raises:
            EndlessList: the next page is one that was read before, or nothing new has come for too long.
        """
        before = len(self.posts)
        self._take(page.posts)
        self._foreign += page.foreign
        self._user_id = page.user_id or self._user_id
        self._post_count = self._post_count if page.post_count is None else page.post_count
        # pages without anything new are usual for a while, but must not go on for ever
        self._barren = 0 if len(self.posts) > before else self._barren + 1
        self.cursor = page.cursor
        self._done = self.cursor is None
        if self.cursor is not None:
            self._check_for_a_circle(self.cursor)

    def _check_for_a_circle(self, cursor: Cursor) -> None:
        asked = hashlib.sha256(cursor.model_dump_json().encode()).digest()
        if asked in self._asked or self._barren >= _MOST_BARREN:
            self.cursor = None
            raise EndlessList("a page that was read before" if asked in self._asked else "nothing new in many pages")
        self._asked.add(asked)

    def finished(self) -> tuple[Outcome, str | None]:
        """The outcome where nothing went wrong."""
        if self.posts:
            return "collected", self._of_others()
        if self._post_count:
            return "failed", f"The account says it has {count(self._post_count, 'post')}, but none was sent."
        return "empty", None

    def _of_others(self) -> str | None:
        """What to say of posts that others wrote; None where there was none."""
        return f"{count(self._foreign, 'post')} of other accounts were left out." if self._foreign else None

    def broken_off(self, error: InstagramError) -> tuple[Outcome, str]:
        """The outcome where an error ended it."""
        have = len(self.posts) or len(self._older)
        if not have:
            return "failed", error.meaning
        return "partial", f"It ended after {count(have, 'post')}: {error.meaning}"

    def account(self, outcome: Outcome, reason: str | None = None) -> Account:
        """What to write into the account's file now."""
        kept, surplus = self.posts[: self._wanted], self.posts[self._wanted :]
        finished = outcome == "collected"
        older = [] if finished and self._anew else [post for post in self._older if not self._knows(post)]
        posts = kept + older
        goes_on = outcome in ("collected", "partial", "failed") and (surplus or self.cursor)
        cursor = Continuation(next=self.cursor, fresh=len(kept), anew=self._anew, surplus=tuple(surplus))
        return Account(
            username=self.username,
            user_id=self._user_id,
            source=self._source,
            complete=outcome not in ("partial", "failed"),
            outcome=outcome,
            post_count=self._post_count,
            reason=reason,
            cursor=cursor.model_dump(mode="json", exclude_defaults=True) if goes_on else None,
            posts=posts[: self._wanted] if finished else posts,
        )

    def _take(self, posts: list[Post]) -> None:
        for post in posts:
            if not self._knows(post):
                self.posts.append(post)
                self._seen |= {key for key in (post.id, post.shortcode) if key}

    def _knows(self, post: Post) -> bool:
        return post.id in self._seen or post.shortcode in self._seen


def _continuation(known: Account) -> Continuation | None:
    """Where to go on with a known account; None where that is not kept, or of another make."""
    try:
        return Continuation.model_validate(known.cursor) if known.cursor else None
    except ValidationError:
        return None
