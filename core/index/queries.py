"""Every question the pages ask the index."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
import pandas as pd

from core.index.database import Database
from core.index.filters import (
    AccountSort,
    Conditions,
    Filter,
    LabelState,
    PostSort,
    account_conditions,
    account_order,
    post_conditions,
    post_order,
)

_FROM_ACCOUNTS = "FROM accounts a LEFT JOIN ages g USING (username)"
_FROM_POSTS = "FROM posts p"
_ACCOUNT_COLUMNS = (
    "a.username, a.outcome, a.posts, a.captions, a.first_at, a.last_at, a.collected_at, a.source, a.language, g.age"
)
_POST_COLUMNS = "p.username, p.taken_at, p.caption, p.kind, p.likes, p.comments, p.shortcode, p.id"
_COUNTS_KEPT = 64


@dataclass(frozen=True)
class Counts:
    """Where the study stands.

    Attributes:
        listed: different accounts on all lists.
        missing: listed accounts that have no file yet.
        collected: accounts that have a file, whatever the outcome.
        with_posts: accounts with at least one caption that holds text.
        posts: posts in all.
        captions: captions that hold text.
        labelled: accounts whose age is known.
        labelled_with_posts: those of them that have captions.
        predicted: different accounts with a probability in any run.
        runs: prediction runs.
        outcomes: accounts by outcome.
        damaged: files that cannot be used.
    """

    listed: int
    missing: int
    collected: int
    with_posts: int
    posts: int
    captions: int
    labelled: int
    labelled_with_posts: int
    predicted: int
    runs: int
    damaged: int
    outcomes: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class AccountDetail:
    """What the index knows of one account; times are UTC.

    Attributes:
        posts: stored posts; ``post_count`` is what the account says it has.
        captions: stored captions that hold text.
        language: what it mostly writes in, as an ISO 639 code, or "unknown"; None without text.
        age: the label, if there is one; ``extra`` are the label's further columns.
        listed: whether it stands on a list.
        path: its file, relative to the data folder.
        predictions: run, model, cutoff, probability, prediction, posts; newest run first.
    """

    username: str
    user_id: str | None
    source: str
    collected_at: datetime
    complete: bool
    outcome: str
    reason: str | None
    post_count: int | None
    posts: int
    captions: int
    first_at: datetime | None
    last_at: datetime | None
    language: str | None
    path: str
    age: float | None
    extra: dict[str, str]
    listed: bool
    predictions: pd.DataFrame


class Queries:
    """The questions; each may be asked from any thread. Times are UTC, without a zone."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: OrderedDict[tuple[Any, ...], int] = OrderedDict()

    @property
    def version(self) -> int:
        """Grows whenever the index changes; a key for caches."""
        raise NotImplementedError

    def counts(self) -> Counts:
        """The figures of the overview."""
        figures = self._database.record(
            """
            WITH listed AS (SELECT DISTINCT username FROM lists)
            SELECT
                (SELECT count(*) FROM listed) AS listed,
                (SELECT count(*) FROM listed ANTI JOIN accounts USING (username)) AS missing,
                count(*) AS collected, count(*) FILTER (captions > 0) AS with_posts,
                coalesce(sum(posts), 0)::BIGINT AS posts, coalesce(sum(captions), 0)::BIGINT AS captions,
                (SELECT count(*) FROM ages) AS labelled,
                (SELECT count(*) FROM ages SEMI JOIN (FROM accounts WHERE captions > 0) USING (username))
                    AS labelled_with_posts,
                (SELECT count(DISTINCT username) FROM predictions WHERE probability IS NOT NULL) AS predicted,
                (SELECT count(DISTINCT run) FROM predictions) AS runs,
                (SELECT count(*) FROM files WHERE reason IS NOT NULL) AS damaged
            FROM accounts
            """
        )
        assert figures is not None
        outcomes = self._database.frame(
            "SELECT outcome, count(*) AS accounts FROM accounts GROUP BY outcome ORDER BY accounts DESC, outcome"
        )
        return Counts(**figures, outcomes=dict(zip(outcomes["outcome"], map(int, outcomes["accounts"]), strict=True)))

    def accounts(
        self,
        chosen: Filter | None = None,
        sort: AccountSort = "username",
        descending: bool = False,
        limit: int = 50,
        offset: int = 0,
    ) -> pd.DataFrame:
        """Accounts: username, outcome, posts, captions, first_at, last_at, collected_at, source, language, age."""
        conditions = account_conditions(chosen or Filter())
        return self._page(
            f"SELECT {_ACCOUNT_COLUMNS} {_FROM_ACCOUNTS} {conditions.where} {account_order(sort, descending)}",
            conditions,
            limit,
            offset,
        )

    def search_accounts(
        self, chosen: Filter, sort: AccountSort = "username", descending: bool = False, limit: int = 50, offset: int = 0
    ) -> tuple[int, pd.DataFrame]:
        """How many accounts pass a filter, and a page of them as :meth:`accounts` gives it; from one look."""
        conditions = account_conditions(chosen)
        table = self._page(
            f"SELECT {_ACCOUNT_COLUMNS}, count(*) OVER () AS found {_FROM_ACCOUNTS} {conditions.where} "
            f"{account_order(sort, descending)}",
            conditions,
            limit,
            offset,
        )
        found = int(table["found"].iloc[0]) if len(table) else self.count_accounts(chosen) if offset else 0
        return found, table.drop(columns="found")

    def count_accounts(self, chosen: Filter | None = None) -> int:
        """How many accounts pass a filter."""
        conditions = account_conditions(chosen or Filter())
        return self._count(f"{_FROM_ACCOUNTS} {conditions.where}", conditions)

    def posts(
        self,
        chosen: Filter | None = None,
        sort: PostSort = "taken_at",
        descending: bool = True,
        limit: int = 50,
        offset: int = 0,
    ) -> pd.DataFrame:
        """Posts: username, taken_at, caption, kind, likes, comments, shortcode, id."""
        conditions = self._post_conditions(chosen or Filter())
        order = post_order(sort, descending)
        # sorting row numbers only, and fetching captions for one page, is ten times as fast
        return self._database.frame(
            f"""
            WITH page AS MATERIALIZED (
                SELECT p.rowid AS number {_FROM_POSTS} {conditions.where} {order} LIMIT ? OFFSET ?
            )
            SELECT {_POST_COLUMNS} FROM posts p JOIN page ON p.rowid = page.number {order}
            """,  # noqa: S608
            [*conditions.values, limit, offset],
        )

    def search_posts(
        self, chosen: Filter, sort: PostSort = "taken_at", descending: bool = True, limit: int = 50, offset: int = 0
    ) -> tuple[int, pd.DataFrame]:
        """How many posts pass a filter, and a page of them as :meth:`posts` gives it.

        Where words are searched for, both come from one look through all captions.
        """
        conditions = self._post_conditions(chosen)
        key = self._count_key(f"{_FROM_POSTS} {conditions.where}", conditions)
        if not chosen.terms or key in self._kept:
            return self.count_posts(chosen), self.posts(chosen, sort, descending, limit, offset)
        order = post_order(sort, descending)
        found = self._database.frame(
            f"""
            WITH found AS MATERIALIZED (SELECT p.rowid AS rowid, p.{sort} {_FROM_POSTS} {conditions.where}),
                page AS MATERIALIZED (SELECT p.rowid AS number FROM found p {order} LIMIT ? OFFSET ?)
            SELECT {_POST_COLUMNS}, (SELECT count(*) FROM found) AS found
            FROM posts p JOIN page ON p.rowid = page.number {order}
            """,  # noqa: S608
            [*conditions.values, limit, offset],
        )
        if found.empty and offset:
            return self.count_posts(chosen), found.drop(columns="found")
        self._keep_count(key, int(found["found"].iloc[0]) if len(found) else 0)
        return self._kept[key], found.drop(columns="found")

    def count_posts(self, chosen: Filter | None = None) -> int:
        """How many posts pass a filter."""
        conditions = self._post_conditions(chosen or Filter())
        return self._count(f"{_FROM_POSTS} {conditions.where}", conditions)

    def account(self, username: str) -> AccountDetail | None:
        """One account, or None if there is no file of it."""
        known = self._database.record(
            """
            SELECT a.username, user_id, source, collected_at, complete, outcome, reason, post_count, posts, captions,
                first_at, last_at, language, path, age, g.extra,
                EXISTS (FROM lists l WHERE l.username = a.username) AS listed
            FROM accounts a LEFT JOIN ages g USING (username) WHERE a.username = ?
            """,
            [username],
        )
        if known is None:
            return None
        known["extra"] = orjson.loads(known["extra"] or "{}")
        return AccountDetail(**known, predictions=self._predictions_of(username))

    def activity(self, username: str) -> pd.DataFrame:
        """Posts of an account by month: month, posts."""
        account_id = self._account_id(username)
        return self._database.frame(
            "SELECT date_trunc('month', taken_at) AS month, count(*) AS posts FROM posts "
            "WHERE account_id = ? AND taken_at IS NOT NULL GROUP BY month ORDER BY month",
            [account_id],
        )

    def collected_per_day(self) -> pd.DataFrame:
        """Accounts and posts by the day (UTC) they were collected: day, accounts, posts."""
        return self._database.frame(
            "SELECT date_trunc('day', collected_at) AS day, count(*) AS accounts, sum(posts)::BIGINT AS posts "
            "FROM accounts GROUP BY day ORDER BY day"
        )

    def period(self) -> tuple[datetime, datetime] | None:
        """When the first and the last post were made (UTC); None where no post has a time."""
        row = self._database.row("SELECT min(first_at), max(last_at) FROM accounts", [])
        return (row[0], row[1]) if row and row[0] is not None else None

    def sources(self) -> pd.DataFrame:
        """Where the accounts come from: source, accounts."""
        return self._database.frame(
            "SELECT source, count(*) AS accounts FROM accounts GROUP BY source ORDER BY accounts DESC, source"
        )

    def languages(self) -> pd.DataFrame:
        """What the accounts mostly write in, most frequent first: language, accounts."""
        return self._database.frame(
            "SELECT language, count(*) AS accounts FROM accounts WHERE language IS NOT NULL "
            "GROUP BY language ORDER BY accounts DESC, language"
        )

    def label_counts(self, cutoff: float) -> dict[LabelState, int]:
        """How many collected accounts each state of a known age has, with ``cutoff`` between the sides."""
        found = self._database.frame(
            "SELECT count(*) AS every, count(g.age) AS labelled, count(*) FILTER (g.age >= ?) AS at_least "
            f"{_FROM_ACCOUNTS}",
            [cutoff],
        ).iloc[0]
        every, labelled, at_least = (int(found[name]) for name in ("every", "labelled", "at_least"))
        return {
            "any": every,
            "labelled": labelled,
            "unlabelled": every - labelled,
            "at_least": at_least,
            "under": labelled - at_least,
        }

    def usernames(self) -> frozenset[str]:
        """Every account that the study knows: collected, listed, of known age or predicted."""
        tables = ("accounts", "lists", "labels", "predictions")
        union = " UNION ".join(f"SELECT username FROM {table}" for table in tables)  # noqa: S608
        return frozenset(self._database.frame(union)["username"])

    def damaged(self) -> pd.DataFrame:
        """Files that cannot be used: path, kind, reason."""
        return self._database.frame("SELECT path, kind, reason FROM files WHERE reason IS NOT NULL ORDER BY kind, path")

    def label_columns(self) -> pd.DataFrame:
        """Accounts of known age: username, language (None where nothing is collected), the labels' further columns."""
        table = self._database.frame(
            "SELECT g.username, a.language, g.extra FROM ages g LEFT JOIN accounts a USING (username) "
            "ORDER BY g.username"
        )
        extra = pd.DataFrame([orjson.loads(cell or "{}") for cell in table["extra"]], index=table.index, dtype=object)
        own = [name for name in extra if name not in ("username", "language")]
        return pd.concat([table[["username", "language"]], extra[own]], axis=1)

    def with_captions(self, usernames: Sequence[str]) -> set[str]:
        """Those of ``usernames`` of whom captions are stored."""
        frame = self._database.frame(
            "SELECT username FROM accounts SEMI JOIN (SELECT unnest(?) AS username) USING (username) "
            "WHERE captions > 0",
            [list(usernames)],
        )
        return set(frame["username"])

    def not_collected(self, usernames: Sequence[str]) -> int:
        """How many of ``usernames`` have no account file."""
        row = self._database.row(
            "SELECT count(*) FROM (SELECT unnest(?) AS username) ANTI JOIN accounts USING (username)",
            [list(usernames)],
        )
        return int(row[0]) if row else 0

    def random_accounts(self, limit: int, seed: int) -> list[str]:
        """Accounts with captions and without a known age, drawn at random; the same ones for the same seed."""
        frame = self._database.frame(
            "SELECT username FROM accounts ANTI JOIN ages USING (username) WHERE captions > 0 "
            "ORDER BY md5(concat(username, chr(10), ?)) LIMIT ?",
            [str(seed), limit],
        )
        return list(frame["username"])

    def least_sure(self, run: str, threshold: float, limit: int) -> list[str]:
        """Accounts of a run without a known age, those nearest to the threshold first."""
        frame = self._database.frame(
            "SELECT username FROM predictions ANTI JOIN ages USING (username) "
            "WHERE run = ? AND probability IS NOT NULL ORDER BY abs(probability - ?), username LIMIT ?",
            [run, threshold, limit],
        )
        return list(frame["username"])

    def runs(self) -> pd.DataFrame:
        """Prediction runs, newest first.

        Columns: run, model, cutoff, threshold, created_at, accounts, predicted (those with a
        probability), details (the whole of ``predictions.run.json``).
        """
        return self._database.frame(
            """
            SELECT run, model, cutoff, threshold, created_at, coalesce(accounts, 0) AS accounts,
                coalesce(predicted, 0) AS predicted, details
            FROM runs FULL JOIN (
                SELECT run, count(*) AS accounts, count(probability) AS predicted FROM predictions GROUP BY run
            ) USING (run)
            ORDER BY created_at DESC NULLS LAST, run DESC
            """
        )

    def all_predictions(self, run: str) -> pd.DataFrame:
        """A whole run, for charts and downloads: username, probability, prediction, posts, age."""
        return self._database.frame(
            "SELECT r.username, r.probability, r.prediction, r.posts, g.age "
            "FROM predictions r LEFT JOIN ages g USING (username) WHERE r.run = ? ORDER BY r.username",
            [run],
        )

    def _predictions_of(self, username: str) -> pd.DataFrame:
        return self._database.frame(
            "SELECT p.run, model, cutoff, probability, prediction, p.posts "
            "FROM predictions p LEFT JOIN runs r USING (run) WHERE username = ? "
            "ORDER BY created_at DESC NULLS LAST, p.run DESC",
            [username],
        )

    def _account_id(self, username: str) -> int:
        row = self._database.row("SELECT account_id FROM accounts WHERE username = ?", [username])
        return int(row[0]) if row else -1

    def _post_conditions(self, chosen: Filter) -> Conditions:
        return post_conditions(chosen, self._account_id(chosen.account) if chosen.account else None)

    def _page(self, query: str, conditions: Conditions, limit: int, offset: int) -> pd.DataFrame:
        return self._database.frame(f"{query} LIMIT ? OFFSET ?", [*conditions.values, limit, offset])

    def _count_key(self, rest: str, conditions: Conditions) -> tuple[Any, ...]:
        return (self.version, rest, *map(str, conditions.values))

    def _keep_count(self, key: tuple[Any, ...], value: int) -> None:
        self._kept[key] = value
        while len(self._kept) > _COUNTS_KEPT:
            self._kept.popitem(last=False)

    def _count(self, rest: str, conditions: Conditions) -> int:
        key = self._count_key(rest, conditions)
        known = self._kept.get(key)
        if known is None:
            row = self._database.row(f"SELECT count(*) {rest}", conditions.values)
            known = int(row[0]) if row else 0
            self._keep_count(key, known)
        return known
