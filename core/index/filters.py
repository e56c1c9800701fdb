"""What a page asks to see, and the SQL conditions that say so; values are always bound, never written in."""

import re
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, Literal

LabelState = Literal["any", "labelled", "unlabelled", "under", "at_least"]
AccountSort = Literal["username", "posts", "captions", "collected_at", "first_at", "last_at", "age", "outcome"]
PostSort = Literal["taken_at", "likes", "comments", "username"]

_ACCOUNT_ORDER: dict[AccountSort, str] = {
    name: f"a.{name}" for name in ("username", "posts", "captions", "collected_at", "first_at", "last_at", "outcome")
} | {"age": "g.age"}
_POST_ORDER: dict[PostSort, str] = {name: f"p.{name}" for name in ("taken_at", "likes", "comments", "username")}


@dataclass(frozen=True)
class Filter:
    """Which accounts, and which of their posts. Empty fields let everything pass.

    Accounts are filtered by the first group of fields; where one of the second is given too, an
    account passes when at least one of its posts does. Posts pass when they and their account do.

    Attributes:
        username: text that the username contains, in any letter case.
        account: one username, exactly.
        outcomes: outcomes of the collection.
        sources: "web", "import:csv", ...
        languages: ISO 639 codes of what the account mostly writes in, and "unknown".
        label: whether the account's age is known, and on which side of ``cutoff`` it lies.
        cutoff: age in years, for ``label``.
        min_posts: at least so many posts are stored.
        max_posts: at most so many posts are stored.
        collected_on: the day (UTC) on which the account was collected.
        words: all of these occur in the caption, in any letter case, also within longer words;
            words in double quotes belong together.
        since: first day (UTC) of a post.
        until: last day (UTC) of a post.
    """

    username: str = ""
    account: str = ""
    outcomes: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    label: LabelState = "any"
    cutoff: float = 21
    min_posts: int | None = None
    max_posts: int | None = None
    collected_on: date | None = None

    words: str = ""
    since: date | None = None
    until: date | None = None

    @property
    def terms(self) -> list[str]:
        """The words and quoted phrases of ``words``, in lower case; what a page marks as hits."""
        found = re.findall(r'"([^"]+)"|([^\s"]+)', self.words.lower())
        return [" ".join((phrase or word).split()) for phrase, word in found if (phrase or word).strip()]


@dataclass
class Conditions:
    """Conditions of a WHERE clause with their values."""

    parts: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def add(self, part: str, *values: Any) -> None:
        """Add a condition; ``part`` is text of ours with a ``?`` for each value."""
        self.parts.append(part)
        self.values.extend(values)

    @property
    def where(self) -> str:
        """The WHERE clause, or nothing."""
        return f"WHERE {' AND '.join(self.parts)}" if self.parts else ""


def account_conditions(chosen: Filter) -> Conditions:
    """Conditions on ``accounts a LEFT JOIN ages g``, those on posts included."""
    conditions = _own_account_conditions(chosen)
    posts = _own_post_conditions(chosen)
    if posts.parts:
        conditions.add(f"a.account_id IN (SELECT p.account_id FROM posts p {posts.where})", *posts.values)  # noqa: S608
    return conditions


def post_conditions(chosen: Filter, account_id: int | None) -> Conditions:
    """Conditions on ``posts p``, those on their accounts included.

    Args:
        chosen: the filter.
        account_id: the one account meant by ``chosen.account``: a plain number lets DuckDB skip all others.
    """
    conditions = _own_post_conditions(chosen)
    if account_id is not None:
        conditions.add("p.account_id = ?", account_id)
    accounts = _own_account_conditions(chosen)
    if accounts.parts:
        conditions.add(
            "p.account_id IN (SELECT a.account_id FROM accounts a LEFT JOIN ages g USING (username) "  # noqa: S608
            f"{accounts.where})",
            *accounts.values,
        )
    return conditions


def account_order(sort: AccountSort, descending: bool) -> str:
    """The ORDER BY clause of a table of accounts."""
    return f"ORDER BY {_ACCOUNT_ORDER[sort]} {_direction(descending)}, a.username"


def post_order(sort: PostSort, descending: bool) -> str:
    """The ORDER BY clause of a table of posts."""
    return f"ORDER BY {_POST_ORDER[sort]} {_direction(descending)}, p.rowid"


def _direction(descending: bool) -> str:
    return "DESC NULLS LAST" if descending else "ASC NULLS LAST"


def _own_account_conditions(chosen: Filter) -> Conditions:
    conditions = Conditions()
    if chosen.username.strip():
        conditions.add("contains(lower(a.username), ?)", chosen.username.strip().removeprefix("@").lower())
    if chosen.account:
        conditions.add("a.username = ?", chosen.account)
    if chosen.outcomes:
        conditions.add("a.outcome IN (SELECT unnest(?))", list(chosen.outcomes))
    if chosen.sources:
        conditions.add("a.source IN (SELECT unnest(?))", list(chosen.sources))
    if chosen.languages:
        conditions.add("a.language IN (SELECT unnest(?))", list(chosen.languages))
    if chosen.min_posts is not None:
        conditions.add("a.posts >= ?", chosen.min_posts)
    if chosen.max_posts is not None:
        conditions.add("a.posts <= ?", chosen.max_posts)
    if chosen.collected_on:
        _add_day(conditions, chosen.collected_on)
    _add_label(conditions, chosen.label, chosen.cutoff)
    return conditions


def _own_post_conditions(chosen: Filter) -> Conditions:
    conditions = Conditions()
    for term in chosen.terms:
        conditions.add("contains(p.caption_lower, ?)", term)
    if chosen.since:
        conditions.add("p.taken_at >= ?", datetime.combine(chosen.since, time.min))
    if chosen.until:
        conditions.add("p.taken_at < ?", datetime.combine(chosen.until + timedelta(days=1), time.min))
    return conditions


def _add_day(conditions: Conditions, day: date) -> None:
    begin = datetime.combine(day, time.min)
    conditions.add("a.collected_at >= ? AND a.collected_at < ?", begin, begin + timedelta(days=1))


def _add_label(conditions: Conditions, label: LabelState, cutoff: float) -> None:
    if label == "labelled":
        conditions.add("g.age IS NOT NULL")
    elif label == "unlabelled":
        conditions.add("g.age IS NULL")
    elif label == "under":
        conditions.add("g.age < ?", cutoff)
    elif label == "at_least":
        conditions.add("g.age >= ?", cutoff)
