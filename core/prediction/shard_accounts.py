"""Where the accounts of a prediction's shards come from: files of a folder, or Parquet at an address."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pydantic import TypeAdapter, ValidationError

from core.errors import InputError
from core.prediction.arguments import PredictArguments
from core.storage.account_files import AccountFile, account_files, read_accounts
from core.storage.account_shards import AccountShards
from core.storage.listed import NamedList, is_wanted, read_named_list, wanted_files
from core.utils.io import write_json
from core.utils.iteration import batched

_FILES = TypeAdapter(list[str])
_ACCOUNTS_A_SHARD = 1_000
_SHARDS_A_WORKER = 4


@dataclass(frozen=True)
class Cut:
    """How accounts were cut into shards.

    Attributes:
        shards: how many there are.
        accounts: files in them.
        wanted: of these, accounts that are asked for, at most.
    """

    shards: int
    accounts: int
    wanted: int


class ShardAccounts(Protocol):
    """The accounts of a prediction, by the number of their shard."""

    @property
    def fingerprint(self) -> str:
        """A hash of what is in them, where that can be told without reading them; else ""."""

    def cut(self, shards: int | None, workers: int) -> Cut:
        """Cut them where they are not cut already, into ``shards``, or so many that ``workers`` have enough to do.

        Raises:
            InputError: there are none.
        """

    def size(self, shard: int) -> int:
        """How many files a shard has."""

    def read(self, shard: int) -> Iterator[AccountFile]:
        """The files of a shard, a few in memory at a time.

        Raises:
            InputError: the shard cannot be used.
        """

    def without(self, shard: int, reason: str) -> dict[str, str]:
        """What has no row where a shard failed, with the reason."""

    def late(self, accounts: int) -> int:
        """How many files came after ``accounts`` had been cut into shards."""


@dataclass(frozen=True)
class FolderAccounts:
    """Files of a folder; which are in which shard, ``00012.files.json`` beside the shard's rows says.

    Attributes:
        shards_folder: where these lie.
        input_dir: of the accounts' files.
        of: the list whose accounts alone are wanted.
    """

    shards_folder: Path
    input_dir: Path
    of: NamedList | None = None

    @property
    def fingerprint(self) -> str:
        """See :class:`ShardAccounts`."""
        return ""

    def cut(self, shards: int | None, workers: int) -> Cut:
        """See :class:`ShardAccounts`."""
        names = self._names()
        if not names:
            raise InputError(f"{self.input_dir} holds no account files to predict for. Collect or import them first.")
        count = shards or max(workers * _SHARDS_A_WORKER, -(-len(names) // _ACCOUNTS_A_SHARD))
        parts = [*batched(names, -(-len(names) // count))]
        for number, part in enumerate(parts):
            write_json(self._list(number), part)
        return Cut(len(parts), len(names), len(names))

    def size(self, shard: int) -> int:
        """See :class:`ShardAccounts`."""
        return len(self._files(shard))

    def read(self, shard: int) -> Iterator[AccountFile]:
        """See :class:`ShardAccounts`."""
        return read_accounts(self.input_dir / name for name in self._files(shard))

    def without(self, shard: int, reason: str) -> dict[str, str]:
        """See :class:`ShardAccounts`."""
        return dict.fromkeys(self._files(shard), reason)

    def late(self, accounts: int) -> int:
        """See :class:`ShardAccounts`."""
        return max(0, len(self._names()) - accounts)

    def _names(self) -> list[str]:
        return [path.name for path in wanted_files(account_files(self.input_dir), self.of)]

    def _list(self, shard: int) -> Path:
        return self.shards_folder / f"{shard:05}.files.json"

    def _files(self, shard: int) -> list[str]:
        path = self._list(shard)
        try:
            return _FILES.validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise InputError(f"{path} cannot be read. Remove the folder, then run predict again.") from error


class ExportedAccounts:
    """Accounts that export-shards has written; a shard of theirs is a shard of the prediction."""

    def __init__(self, address: str, of: NamedList | None) -> None:
        self._shards, self._of = AccountShards(address), of
        self._is_wanted = is_wanted(of) if of else None

    @property
    def fingerprint(self) -> str:
        """See :class:`ShardAccounts`."""
        return self._shards.manifest.fingerprint

    def cut(self, shards: int | None, workers: int) -> Cut:
        """See :class:`ShardAccounts`."""
        manifest = self._shards.manifest
        if not manifest.rows:
            raise InputError(f"{self._shards.folder.address} holds no accounts. Export some, then predict.")
        return Cut(len(manifest.shards), manifest.rows, len(self._of.usernames) if self._of else manifest.rows)

    def size(self, shard: int) -> int:
        """See :class:`ShardAccounts`."""
        return self._shards.manifest.shards[shard].rows

    def read(self, shard: int) -> Iterator[AccountFile]:
        """See :class:`ShardAccounts`."""
        return (file for file in self._shards.read(shard) if self._is_wanted is None or self._is_wanted(file.name))

    def without(self, shard: int, reason: str) -> dict[str, str]:
        """See :class:`ShardAccounts`."""
        return {self._shards.address(shard): reason}

    def late(self, accounts: int) -> int:
        """See :class:`ShardAccounts`."""
        return 0


def accounts_of_shards(arguments: PredictArguments, shards_folder: Path, of: NamedList | None) -> ShardAccounts:
    """The accounts that ``arguments`` ask for; ``of`` is their list, read.

    Raises:
        InputError: no installed package leads to their address.
    """
    if arguments.shards_from is None:
        return FolderAccounts(shards_folder, arguments.folder, of)
    return ExportedAccounts(arguments.shards_from, of)


def list_of(arguments: PredictArguments) -> NamedList | None:
    """The list whose accounts alone are asked for.

    Raises:
        InputError: it cannot be read.
    """
    return read_named_list(arguments.user_file) if arguments.user_file else None
