"""Whose turn an account of the list is: one run's alone, or that of several machines which share the list."""

from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import Protocol

from core.collection.leases import Lease, Leases
from core.collection.outcome_log import Entry, Ledger
from core.errors import InputError
from core.jobs.progress import Progress
from core.storage.account_files import file_name, read_account
from core.utils.formatting import count

UNFINISHED = "not finished yet"
"""The reason that stands in the file of an account which is in hand."""
LOOK_AGAIN_S = 10.0


class Turns(Protocol):
    """The accounts of a list, as they become this run's."""

    by_others: int
    """How many accounts others have asked about since this run began."""

    def of(self, usernames: Iterable[str], report: Callable[[], None]) -> Generator[str]:
        """Each account that this run is to ask about, while nobody else does; close it when the run ends.

        Args:
            usernames: of the accounts that are left.
            report: called where others may have gone on meanwhile.
        """

    def check(self) -> None:
        """Do nothing while the current account is this run's.

        Raises:
            TakenOver: it is not any more.
            AgeScopeError: the folder cannot be written.
        """

    def news(self) -> list[tuple[Entry | None, Entry]]:
        """What others have found since this was asked last: what was known of an account, and what is."""


class OnlyRun:
    """The turns of a run that has the folder to itself."""

    by_others = 0

    def of(self, usernames: Iterable[str], report: Callable[[], None]) -> Generator[str]:
        """All of them."""
        yield from usernames

    def check(self) -> None:
        """Nobody takes anything over."""

    def news(self) -> list[tuple[Entry | None, Entry]]:
        """There are no others."""
        return []


class SharedTurns:
    """The turns of one of several runs that share a folder; see :mod:`core.collection.leases`.

    Args:
        folder: of the accounts.
        ledger: of this run.
        progress: shows waits for others.
    """

    def __init__(self, folder: Path, ledger: Ledger, progress: Progress) -> None:
        self.by_others = 0
        self._folder = folder
        self._ledger = ledger
        self._progress = progress
        self._lease: Lease | None = None
        self._open: dict[str, str] = {}  # file -> account that nobody has asked about yet, as far as is known
        self._news: list[tuple[Entry | None, Entry]] = []

    def of(self, usernames: Iterable[str], report: Callable[[], None]) -> Generator[str]:
        """Those that nobody else asks about; in the end those whose holder has gone."""
        # known before the first turn: what others tell until then is neither asked for again nor left uncounted
        self._open = {file_name(username): username for username in usernames}
        return self._down_the_list(report)

    def _down_the_list(self, report: Callable[[], None]) -> Generator[str]:
        with Leases(self._folder) as leases:
            while self._open:
                for username in list(self._open.values()):
                    yield from self._turn(leases, username)
                if self._open:
                    others = f"other machines, which have {count(len(self._open), 'account')} in hand"
                    self._progress.wait(LOOK_AGAIN_S, others)
                    report()

    def check(self) -> None:
        """See :meth:`Turns.check`."""
        if self._lease:
            self._lease.check()

    def news(self) -> list[tuple[Entry | None, Entry]]:
        """See :meth:`Turns.news`."""
        self._take_in_lines()
        found, self._news = self._news, []
        return found

    def _turn(self, leases: Leases, username: str) -> Generator[str]:
        name = file_name(username)
        if name not in self._open:
            return  # asked about by another while this run went down the list
        with leases.taken(username) as lease:
            if lease is None or self._asked_by_another(username):
                return
            self._lease, before = lease, self._ledger.get(username)
            yield username
            self._lease = None
            if self._ledger.get(username) != before:  # else another has it, and is waited for
                self._open.pop(name, None)

    def _asked_by_another(self, username: str) -> bool:
        """Whether the account's file says so, where the ledger's line of it has not come."""
        known, account = self._ledger.get(username), self._ledger.look_again(username)
        now = self._ledger.get(username)
        if account is None or account.reason == UNFINISHED or now is None:
            return False
        self._note(file_name(username), known, now)
        return True

    def _take_in_lines(self) -> None:
        for name, before, now in self._ledger.news():
            if now.outcome != "partial" or not self._is_unfinished(name):
                self._note(name, before, now)

    def _is_unfinished(self, name: str) -> bool:
        """Whether another has it in hand: a machine that begins meanwhile writes a line of what it finds."""
        try:
            return read_account(self._folder / name).reason == UNFINISHED
        except (InputError, OSError):
            return False

    def _note(self, name: str, before: Entry | None, now: Entry) -> None:
        if self._open.pop(name, None) is not None:
            self.by_others += 1
            self._news.append((before, now))
