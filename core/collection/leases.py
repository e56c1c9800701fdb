"""Leases: which of several machines has an account in hand, as files of the folder that they share.

A lease is a file beside the account's, whose number tells it from earlier leases of the account; the one of the
highest number holds. The file system lets only one machine make it. Its holder changes what it holds as long as it
lives; whoever has seen it unchanged for :data:`LEASE_S`, by its own clock, may make the next. Nobody compares
clocks, locks a file, or removes another's lease.

The leases lie in the folder of the accounts themselves, because a network file system that makes a file in a
folder learns what others have changed there.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Self

from core.errors import AgeScopeError
from core.instagram.steady_clock import since_start_ms
from core.storage.account_files import file_name
from core.utils.machine import machine_name

LEASE_S = 120.0
"""How long a lease is seen unchanged before it is over."""
_RENEWED_PER_LEASE = 8
_TRUSTED = 0.5
"""For this share of a lease its holder need not ask whether it is still his."""


class TakenOver(AgeScopeError):
    """Another machine has the account in hand, because this one gave no sign of life."""


class Leases:
    """The leases that this machine takes in a folder, one at a time; renewed until they are given back.

    Args:
        folder: of the accounts, which all machines share.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._name = f"{machine_name()} {os.getpid()} {token_hex(8)}"
        self._seen: dict[Path, tuple[bytes, float]] = {}
        self._current: Lease | None = None
        self._closed = threading.Event()
        self._renewing = threading.Thread(target=self._renew, name="leases", daemon=True)

    def __enter__(self) -> Self:
        self._renewing.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._renewing.join()

    @contextmanager
    def taken(self, username: str) -> Iterator["Lease | None"]:
        """Hold an account; None where another machine holds it.

        Raises:
            AgeScopeError: the folder cannot be written.
        """
        try:
            lease = self._taken(self._folder / f".{file_name(username)}")
        except OSError as error:
            raise _unusable(self._folder, error) from error
        self._current = lease
        try:
            yield lease
        finally:
            self._current = None
            if lease:
                lease.give_back()

    def _taken(self, base: Path) -> "Lease | None":
        number, last = 1, b""
        while (content := _content(_lease_file(base, number))) is not None:
            number, last = number + 1, content
        before = _lease_file(base, number - 1)
        if number > 1 and not self._is_over(before, last):
            return None
        lease = Lease(base, number, self._name)
        if not lease.make():
            return None  # another was quicker
        # a lease may have been given back, and a lower number taken, since it was looked at
        if _content(_lease_file(base, number + 1)) is not None or (number > 1 and _content(before) != last):
            lease.give_back()
            return None
        return lease

    def _is_over(self, lease: Path, content: bytes) -> bool:
        now = _steady_s()
        seen, since = self._seen.get(lease, (None, now))
        if seen != content:
            self._seen[lease] = (content, now)
            return False
        return now - since >= LEASE_S

    def _renew(self) -> None:
        while not self._closed.wait(LEASE_S / _RENEWED_PER_LEASE):
            if lease := self._current:
                lease.renew()


class Lease:
    """An account in hand.

    Args:
        base: path of its leases, without a number.
        number: of this lease.
        holder: who takes it.
    """

    def __init__(self, base: Path, number: int, holder: str) -> None:
        self._base = base
        self._numbers = [number]
        self._holder = holder
        self._renewals = 0
        self._renewed = 0.0
        self._lost = False
        self._lock = threading.Lock()

    def make(self) -> bool:
        """Take it; False where another was quicker.

        Raises:
            OSError: the folder cannot be written.
        """
        began = _steady_s()
        try:
            handle = os.open(_lease_file(self._base, self._numbers[-1]), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            return False
        self._write(handle)
        self._renewed = began
        return True

    def renew(self) -> None:
        """Tell that its holder lives."""
        with self._lock:
            began = _steady_s()
            if self._lost or not self._is_fresh():
                return  # another may have it: `check` finds out
            with suppress(OSError):  # the folder may come back before the lease is over
                self._write(os.open(_lease_file(self._base, self._numbers[-1]), os.O_WRONLY))
                if self._is_fresh():
                    self._renewed = began

    def check(self) -> None:
        """Do nothing while nobody else can have it.

        Raises:
            TakenOver: another machine may have it.
            AgeScopeError: the folder cannot be written.
        """
        with self._lock:
            if not self._lost and not self._is_fresh():  # suspended, or cut off: who takes the next number has it
                self._numbers.append(self._numbers[-1] + 1)
                try:
                    self._lost = not self.make()
                except OSError as error:
                    self._lost = True
                    raise _unusable(self._base.parent, error) from error
                finally:
                    if self._lost:
                        self._numbers.pop()
            if self._lost:
                raise TakenOver("Another machine has the account in hand.")

    def give_back(self) -> None:
        """Let others have it.

        Where another may have the next already, its files stay: numbers below one that is held are not to come again.
        """
        with self._lock:
            if not self._lost and self._is_fresh():
                for number in reversed(self._numbers):
                    with suppress(OSError):  # it ends by itself
                        _lease_file(self._base, number).unlink()
            self._lost = True

    def _is_fresh(self) -> bool:
        return _steady_s() - self._renewed < LEASE_S * _TRUSTED

    def _write(self, handle: int) -> None:
        self._renewals += 1
        try:
            os.write(handle, f"{self._holder} {self._renewals:09d}\n".encode())
        finally:
            os.close(handle)


def _lease_file(base: Path, number: int) -> Path:
    return base.with_name(f"{base.name}.lease-{number}")


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _steady_s() -> float:
    return since_start_ms() / 1000


def _unusable(folder: Path, error: OSError) -> AgeScopeError:
    return AgeScopeError(
        f"{folder} cannot be written: {error.strerror}. Bring it back (is the disk mounted?) or correct its "
        "permissions, then start again."
    )
