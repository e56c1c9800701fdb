"""Collecting: a list of accounts and a source in, one file for each account out.

A run can be ended at any moment, even by ``kill -9``, and started again with the same command: each
answer is kept before the next is asked for, so at most the answer in flight is lost.
"""

import logging
import time
from collections import Counter
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

from core.collection.account_state import AccountState
from core.collection.arguments import CollectArguments
from core.collection.events import AccountEvent
from core.collection.final_outcomes import begins_anew, is_wanted
from core.collection.folder_use import only_one_run, take_part
from core.collection.leases import TakenOver
from core.collection.outcome_log import Ledger
from core.collection.turns import UNFINISHED, OnlyRun, SharedTurns, Turns
from core.errors import AgeScopeError, InputError
from core.instagram.errors import (
    AccountNotFound,
    AccountPrivate,
    FatalError,
    ImplausibleAnswersError,
    InstagramError,
    NoRouteError,
    TooManyRequests,
    TransientError,
)
from core.instagram.factory import open_source
from core.instagram.rate_limit import requests_per_second, why_hasty
from core.instagram.shared_record import RequestFolder
from core.instagram.source import PUBLIC_ACCOUNT, Page, Source
from core.jobs.progress import Progress
from core.settings import Settings, get_settings
from core.storage.account_files import file_name, read_account, write_account
from core.storage.csv_records import ListChoices
from core.storage.models import Account, Outcome
from core.storage.user_lists import read_user_list, why_rejected
from core.utils.formatting import count

logger = logging.getLogger(__name__)

FAILURES_BEFORE_WAITING = 3
MOST_WALLS = 12
MOST_FAULTS = 144
MOST_ABSENT = 10
"""So many accounts in a row that do not exist are doubted."""
_REQUESTS_NAME = ".requests"


@dataclass
class CollectSummary:
    """What a run has done.

    Attributes:
        accounts: usable accounts on the list.
        rejected: lines of the list that could not be used.
        skipped: accounts that had a final outcome already.
        by_others: accounts that other machines have asked about meanwhile.
        outcomes: outcomes of this run, by kind.
        posts: posts that this run brought.
        requests: requests of this run, by route.
    """

    accounts: int
    rejected: int = 0
    skipped: int = 0
    by_others: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    posts: int = 0
    requests: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        done = ", ".join(f"{count:,} {outcome.replace('_', ' ')}" for outcome, count in self.outcomes.most_common())
        parts = [
            f"{sum(self.outcomes.values()):,} of {self.accounts:,} accounts in this run"
            + (f" ({done})" if done else ""),
            f"{self.by_others:,} by other machines" if self.by_others else "",
            f"{self.skipped:,} were done before" if self.skipped else "",
            f"{count(self.rejected, 'line')} of the list cannot be used" if self.rejected else "",
            f"{count(self.posts, 'post')} with {count(sum(self.requests.values()), 'request')}",
        ]
        return "; ".join(part for part in parts if part) + "."


def collect(arguments: CollectArguments, progress: Progress, settings: Settings | None = None) -> CollectSummary:
    """Collect every account of the list that has no final outcome yet.

    Raises:
        InputError: the list, a setting or a file cannot be used.
        FatalError: Instagram's answer allows no further request; the text says how to go on.
        AgeScopeError: another run uses the folder, or it cannot be written.
        Stopped: asked to stop; a later run goes on from there.
    """
    settings = settings or get_settings()
    if hasty := why_hasty(arguments.pace.limits):
        logger.warning(hasty)
    users = read_user_list(arguments.user_file, choices=ListChoices(arguments.column))
    if not users.usernames:
        reasons = "; ".join(why_rejected(users)) or "it holds no names"
        raise InputError(f"{arguments.user_file} holds no usable username: {reasons}.")
    if arguments.shared:
        take_part(arguments.output_dir)
    with nullcontext() if arguments.shared else only_one_run(arguments.output_dir):
        progress.update(message="looking at what is there")  # before that, nobody knows how much is done
        ledger = Ledger(arguments.output_dir, progress)
        entries = {name: ledger.get(name) for name in users.usernames}
        todo = [name for name, entry in entries.items() if is_wanted(entry, arguments)]
        summary = CollectSummary(len(entries), len(users.rejected), len(entries) - len(todo))
        outcomes = Counter(str(entry.outcome) for entry in entries.values() if entry)
        if todo:
            turns = SharedTurns(arguments.output_dir, ledger, progress) if arguments.shared else OnlyRun()
            source = open_source(
                arguments.source,
                arguments.pace,
                settings,
                progress,
                useproxies=arguments.useproxies,
                proxy_list=arguments.proxy_list,
                record=_record(arguments),
                permitted=turns.check,
            )
            try:
                Collector(arguments, source, ledger, progress, summary, outcomes, turns).run(todo)
            finally:
                source.close()
    return summary


def _record(arguments: CollectArguments) -> RequestFolder | None:
    """The record of requests that all share who share the list."""
    if not arguments.shared:
        return None
    folder = arguments.output_dir / _REQUESTS_NAME
    return RequestFolder(folder, arguments.pace.limits, own_address=arguments.own_address)


class Collector:
    """Goes down a list of accounts, one answer at a time."""

    def __init__(
        self,
        arguments: CollectArguments,
        source: Source,
        ledger: Ledger,
        progress: Progress,
        summary: CollectSummary,
        outcomes: Counter[str],
        turns: Turns,
    ) -> None:
        self._arguments = arguments
        self._folder = arguments.output_dir
        self._source = source
        self._ledger = ledger
        self._progress = progress
        self._summary = summary
        self._outcomes = outcomes
        self._turns = turns
        self._faults = 0
        self._walls = 0
        self._absent: list[str] = []
        self._doubtful = MOST_ABSENT
        self._begun = time.monotonic()
        self._spent = 0  # requests for accounts that are finished

    def run(self, usernames: list[str]) -> None:
        """Collect the accounts in turn; see :func:`collect`."""
        try:
            with closing(self._turns.of(usernames, self._report)) as turns:
                self._report()
                for username in turns:
                    self._progress.check()
                    with suppress(TakenOver):  # what is missing of it is asked for by whoever has it now
                        self._collect(username)
                    self._report()
            self._report()
        finally:
            self._summary.requests = self._source.requests_made()

    def _collect(self, username: str) -> None:
        """Collect one account and write down its outcome."""
        before = self._requests()
        draft = self._draft(username)
        had = draft.missing
        outcome, reason = self._ask_until_done(draft)
        account = draft.account(outcome, reason)
        self._keep(account)
        self._count(account, had - draft.missing, self._requests() - before)
        self._walls = self._walls if outcome == "failed" else 0
        if outcome == "not_found":
            self._doubt(username)
        elif outcome != "failed":
            self._absent.clear()

    def _keep(self, account: Account) -> None:
        earlier = self._ledger.get(account.username)
        self._ledger.record(account, self._write(account))
        self._outcomes.update([account.outcome])
        self._outcomes.subtract([earlier.outcome] if earlier else [])

    def _doubt(self, username: str) -> None:
        """Many accounts in a row do not exist: see whether one does that must, lest a changed route fool us."""
        self._absent.append(username)
        if len(self._absent) < self._doubtful:
            return
        self._doubtful *= 2
        try:
            self._source.page(PUBLIC_ACCOUNT, None, 1)
        except AccountNotFound as error:
            for name in self._absent:
                self._take_back(name)
            raise ImplausibleAnswersError(error.answer, error.route) from error
        except FatalError:
            raise
        except InstagramError:
            return  # whatever is wrong, it is not that

    def _take_back(self, username: str) -> None:
        """Mark an account as failed that was marked as not found."""
        known = self._known(self._folder / file_name(username))
        if known:
            changes = {"outcome": "failed", "complete": False, "reason": ImplausibleAnswersError.meaning}
            self._keep(known.model_copy(update=changes))

    def _ask_until_done(self, draft: AccountState) -> tuple[Outcome, str | None]:
        """Ask for page after page; return the outcome, and the reason where it is no good one."""
        had = draft.missing
        try:
            while draft.wants_more():
                draft.add(self._page(draft))
                if draft.wants_more():
                    self._write(draft.account("partial", UNFINISHED))
                self._report(in_hand=had - draft.missing)
        except AccountNotFound as error:
            return "not_found", error.meaning
        except AccountPrivate as error:
            return "private", error.meaning
        except FatalError:
            raise
        except InstagramError as error:
            if not draft.posts and not isinstance(error, TransientError):
                self._count_wall(error)
            return draft.broken_off(error)
        return draft.finished()

    def _page(self, draft: AccountState) -> Page:
        """The next page; asks again after "too many requests" and, where the line is down, after faults."""
        while True:
            try:
                page = self._source.page(draft.username, draft.cursor, draft.missing)
            except TooManyRequests:
                continue  # the line waits, longer each time, and gives up at last with StillRefused
            except TransientError as error:
                self._faults += 1
                if self._faults <= FAILURES_BEFORE_WAITING:
                    raise
                self._wait_out(error)
            except InstagramError:
                self._faults = 0
                raise
            else:
                self._faults = 0
                return page

    def _wait_out(self, error: TransientError) -> None:
        """Several accounts in a row failed: it is the line, not the account."""
        if self._faults > MOST_FAULTS:
            raise NoRouteError(error.answer, error.route) from error
        self._progress.wait(
            self._arguments.pace.wait_after_fault(self._faults), "Instagram cannot be reached; trying again"
        )

    def _count_wall(self, error: InstagramError) -> None:
        """Stop where nobody's posts are shown any more."""
        self._walls += 1
        if self._walls >= MOST_WALLS:
            raise NoRouteError(f"{self._walls} accounts in a row: {error.answer}", error.route) from error

    def _draft(self, username: str) -> AccountState:
        path = self._folder / file_name(username)
        known = self._known(path) if path.exists() else None
        anew = known is not None and begins_anew(known.outcome, known.collected_at.timestamp(), self._arguments)
        return AccountState(username, self._source.name, self._arguments.posts_per_user, known, anew)

    def _known(self, path: Path) -> Account | None:
        try:
            return read_account(path)
        except InputError:
            # it may be all that is left of something; what is collected now must not overwrite it
            path.replace(path.with_name(path.name + ".damaged"))
            return None

    def _write(self, account: Account) -> Path:
        self._turns.check()
        if not self._folder.is_dir():
            raise AgeScopeError(f"{self._folder} has vanished. Bring it back (is the disk mounted?), then start again.")
        return write_account(self._folder, account)

    def _requests(self) -> int:
        return sum(self._source.requests_made().values())

    def _count(self, account: Account, posts: int, requests: int) -> None:
        self._spent += requests
        self._summary.outcomes[account.outcome] += 1
        self._summary.posts += posts
        self._progress.event(
            AccountEvent(
                username=account.username,
                outcome=account.outcome,
                posts=len(account.posts),
                requests=requests,
                reason=account.reason,
            )
        )

    def _report(self, in_hand: int = 0) -> None:
        """Tell where the run stands; the outcomes are those of the whole list.

        Args:
            in_hand: posts that this run has brought of the account which is not finished yet.
        """
        for before, now in self._turns.news():
            self._outcomes.update([now.outcome])
            self._outcomes.subtract([before.outcome] if before else [])
        self._summary.by_others = self._turns.by_others
        self._progress.update(
            done=self._summary.skipped + self._summary.outcomes.total() + self._summary.by_others,
            total=self._summary.accounts,
            message="collecting",
            by_others=self._summary.by_others or None,
            requests=self._requests(),
            requests_by_route=self._source.requests_made(),
            outcomes={name: count for name, count in self._outcomes.items() if count},
            posts=self._summary.posts + in_hand,
            seconds_left=self._seconds_left(),
        )

    def _seconds_left(self) -> float | None:
        """From the requests that an account took so far, at the pace so far or the limits' where that is slower."""
        finished = self._summary.outcomes.total()
        if not finished or not self._requests():
            return None
        slowest = 1 / requests_per_second(self._arguments.pace.limits, self._arguments.jitter)
        pace = max((time.monotonic() - self._begun) / self._requests(), slowest)
        together = finished + self._summary.by_others
        own_share = finished / together
        left = (self._summary.accounts - self._summary.skipped - together) * own_share
        return round(left * self._spent / finished * pace, 1)
