"""Accounts as Parquet files: for machines that do not see the folder of account files, and for very many accounts.

At an address lie ``00000.parquet`` and so on, with a row for each account file, and ``manifest.json``, which is
written last: without it the shards count for nothing. A file's name is its number, so that nothing in a manifest
leads anywhere else. What no model reads (times, likes, ids) stays at home.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import IO, Annotated, Literal

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field, ValidationError

from core.errors import InputError
from core.storage.account_files import AccountFile
from core.storage.models import Account, Post
from core.utils.addresses import Folder
from core.utils.records import Record

MANIFEST_FILE = "manifest.json"
SCHEMA_VERSION = 1
MOST_ACCOUNTS = 100_000
"""Of a shard."""
_SCHEMA = pa.schema(
    [
        ("file", pa.string()),  # of the account, by name
        ("username", pa.string()),  # null, as all that follows but the fault, where the file holds no account
        ("outcome", pa.string()),
        ("captions", pa.list_(pa.string())),
        ("fault", pa.string()),  # why the file holds no account
    ]
)
_ROWS, _CAPTIONS, _BYTES = 64, 100_000, 8_000_000
"""At which a row group, which is read at once, is full."""
_MOST_CAPTIONS, _MOST_BYTES = 2**20, 2**26
"""Of one account; no row group has twice that."""
_MOST_MANIFEST_BYTES = 2**25
_MOST_SHARD_BYTES = 2**36
_PIECE = 2**20
_ADVICE = "Export the accounts again, into an empty folder."

Count = Annotated[int, Field(ge=0, le=MOST_ACCOUNTS)]


class ShardRecord(Record):
    """What the manifest says of one shard.

    Attributes:
        rows: account files in it.
        damaged: of these, files that hold no account.
        bytes: its length.
        sha256: of its content.
    """

    rows: Count
    damaged: Count
    bytes: Annotated[int, Field(ge=0, le=_MOST_SHARD_BYTES)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class AccountsManifest(Record):
    """``manifest.json``: which shards there are.

    Attributes:
        kind: tells it from other files of that name.
        schema_version: of the columns.
        key: a hash of the list of files and how it was cut; shards that bear another one do not belong here.
        created_at: when the last shard was written.
        shards: in their order.
    """

    kind: Literal["agescope accounts"] = "agescope accounts"
    schema_version: int = SCHEMA_VERSION
    key: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    created_at: datetime
    shards: tuple[ShardRecord, ...]

    @property
    def rows(self) -> int:
        """Account files in all shards."""
        return sum(shard.rows for shard in self.shards)

    @property
    def damaged(self) -> int:
        """Of these, files that hold no account."""
        return sum(shard.damaged for shard in self.shards)

    @cached_property
    def fingerprint(self) -> str:
        """A hash of what is in the shards."""
        return hashlib.sha256("".join(shard.sha256 for shard in self.shards).encode()).hexdigest()


def key_of(folder: str, names: Iterable[str], accounts_per_shard: int) -> str:
    """The key of the files of a folder, cut into shards."""
    digest = hashlib.sha256(orjson.dumps([SCHEMA_VERSION, folder, accounts_per_shard]))
    for name in names:
        digest.update(name.encode(errors="surrogateescape") + b"\n")
    return digest.hexdigest()


@dataclass(frozen=True)
class WrittenShard:
    """A shard that is there and whole.

    Attributes:
        record: for the manifest.
        faults: why files hold no account, by name.
    """

    record: ShardRecord
    faults: dict[str, str]


class AccountShards:
    """The shards at an address.

    Raises:
        InputError: no installed package leads there.
    """

    def __init__(self, address: str) -> None:
        self.folder = Folder(address)

    def has_manifest(self) -> bool:
        """Whether all of it was written."""
        return self.folder.has(MANIFEST_FILE)

    @cached_property
    def manifest(self) -> AccountsManifest:
        """Which shards there are.

        Raises:
            InputError: there is none, or it is damaged or of a later version.
            AgeScopeError: the storage cannot be reached.
        """
        where = self.folder / MANIFEST_FILE
        if not self.has_manifest():
            raise InputError(f"{where} is not there: export-shards has written none, or was not finished.")
        content = self.folder.read(MANIFEST_FILE, _MOST_MANIFEST_BYTES)
        try:
            found = AccountsManifest.model_validate_json(content)
        except ValidationError as error:
            raise InputError(f"{where} is not the manifest of exported accounts, or damaged. {_ADVICE}") from error
        if found.schema_version != SCHEMA_VERSION:
            raise InputError(
                f"{where} is of version {found.schema_version} of the shards; this AgeScope reads {SCHEMA_VERSION}. "
                "Take the AgeScope that wrote them, or export the accounts again."
            )
        return found

    def address(self, number: int) -> str:
        """Where a shard is, for people to read."""
        return self.folder / _name(number)

    def read(self, number: int) -> Iterator[AccountFile]:
        """The account files of a shard in their order, a row group at a time, once its hash was compared.

        Raises:
            InputError: it is not there, not what the manifest says, or not of the expected form.
            AgeScopeError: the storage cannot be reached.
        """
        said = self.manifest.shards[number]
        with self.folder.opened(_name(number), _MOST_SHARD_BYTES) as file:
            if _sha256(file) != said.sha256:
                raise InputError(
                    f"{self.address(number)} is not what the manifest says: it was damaged, or written after it. "
                    "Run the same export-shards again."
                )
            with self._parquet(file, number) as parquet:
                if parquet.metadata.num_rows != said.rows:
                    raise self._damaged(number, f"it has {parquet.metadata.num_rows:,} rows, not {said.rows:,}")
                yield from self._rows(parquet, number)

    def whole(self, number: int, key: str) -> WrittenShard | None:
        """A shard that an interrupted export has written; None where it is not there, or damaged.

        Raises:
            InputError: it is another file, or was exported from other accounts.
            AgeScopeError: the storage cannot be reached.
        """
        if not self.folder.has(_name(number)):
            return None
        with self.folder.opened(_name(number), _MOST_SHARD_BYTES) as file:
            digest, size = _sha256(file), file.seek(0, 2)
            try:
                with self._parquet(file, number) as parquet:
                    if (parquet.schema_arrow.metadata or {}).get(b"agescope") != key.encode():
                        raise _OfOthers
                    rows = [*self._rows(parquet, number)]
            except _OfOthers:
                raise InputError(
                    f"{self.address(number)} holds other accounts, or the same cut otherwise. Choose another folder, "
                    "or empty this one."
                ) from None
            except InputError:
                return None
        return _written(rows, size, digest)

    def write(self, number: int, files: Iterable[AccountFile], key: str) -> WrittenShard:
        """Write a shard, whole or not at all.

        Raises:
            AgeScopeError: it cannot be written.
        """
        rows = [_within_limits(file) for file in files]
        content = self._packed(rows, key)
        self.folder.write(_name(number), content)
        return _written(rows, len(content), hashlib.sha256(content).hexdigest())

    def leave_out(self, number: int, is_theirs: Callable[[AccountFile], bool]) -> None:
        """Write a shard anew without some accounts, and the manifest where there is one.

        The manifest goes first: cut off in between, the same call finds the accounts again.

        Raises:
            InputError: the shard or the manifest is damaged.
            AgeScopeError: the folder cannot be written.
        """
        with (
            self.folder.opened(_name(number), _MOST_SHARD_BYTES) as file,
            self._parquet(file, number) as parquet,
        ):
            key = (parquet.schema_arrow.metadata or {}).get(b"agescope", b"").decode()
            rows = [row for row in self._rows(parquet, number) if not is_theirs(row)]
        content = self._packed(rows, key)
        if self.has_manifest():
            records = [*self.manifest.shards]
            records[number] = _written(rows, len(content), hashlib.sha256(content).hexdigest()).record
            self.manifest = self.manifest.model_copy(update={"shards": tuple(records)})
            self.finish(self.manifest)
        self.folder.write(_name(number), content)

    def _packed(self, rows: Sequence[AccountFile], key: str) -> bytes:
        """Parquet of accounts; no statistics, which would repeat some of their texts."""
        sink = pa.BufferOutputStream()
        schema = _SCHEMA.with_metadata({b"agescope": key.encode()})
        with pq.ParquetWriter(
            sink,
            schema,
            compression="zstd",
            use_dictionary=False,
            write_statistics=False,
            write_page_checksum=True,
        ) as writer:
            for group in _groups(rows):
                writer.write_table(_table(group, schema), row_group_size=len(group))
        packed: bytes = sink.getvalue().to_pybytes()
        return packed

    def finish(self, manifest: AccountsManifest) -> None:
        """Write the manifest, after which the shards count.

        Raises:
            AgeScopeError: it cannot be written.
        """
        self.folder.write(MANIFEST_FILE, orjson.dumps(manifest.model_dump(mode="json"), option=orjson.OPT_INDENT_2))

    @contextmanager
    def _parquet(self, file: IO[bytes], number: int) -> Iterator[pq.ParquetFile]:
        """A shard opened, nothing of it that is long read yet."""
        file.seek(0)
        try:
            with pq.ParquetFile(file, buffer_size=_PIECE, page_checksum_verification=True) as parquet:
                if not parquet.schema_arrow.remove_metadata().equals(_SCHEMA):
                    raise self._damaged(number, "its columns are others than export-shards writes")
                yield parquet
        except (pa.ArrowException, OSError) as error:
            raise self._damaged(number, "it is no Parquet file, or cut off") from error

    def _rows(self, parquet: pq.ParquetFile, number: int) -> Iterator[AccountFile]:
        groups = range(parquet.metadata.num_row_groups)
        if fault := next(filter(None, (_group_fault(parquet.metadata.row_group(at)) for at in groups)), None):
            raise self._damaged(number, fault)
        for at in groups:
            try:
                table = parquet.read_row_group(at, use_threads=False)
                found = [_account_file(row) for row in table.to_pylist()]
            except (pa.ArrowException, OSError, ValueError, TypeError) as error:
                raise self._damaged(number, f"its row group {at} cannot be read") from error
            yield from found

    def _damaged(self, number: int, why: str) -> InputError:
        return InputError(f"{self.address(number)} cannot be used: {why}. {_ADVICE}")


def names_in_shard(path: Path) -> list[AccountFile] | None:
    """Whose accounts a shard on this machine holds, without their captions; None where the file is no such shard."""
    try:
        with pq.ParquetFile(path) as parquet:
            if not parquet.schema_arrow.remove_metadata().equals(_SCHEMA):
                return None
            table = parquet.read(columns=["file", "username", "fault"], use_threads=False)
    except (pa.ArrowException, OSError):
        return None
    return [
        AccountFile(
            str(row["file"]), Account(username=row["username"]) if row["username"] else None, row["fault"] or ""
        )
        for row in table.to_pylist()
    ]


def shards_below(folder: Path) -> Iterator[tuple[Path, list[AccountFile]]]:
    """Every shard of exported accounts in a folder and its folders, with whose accounts it holds."""
    for path in sorted(folder.rglob("[0-9]*.parquet")):
        if path.is_file() and (found := names_in_shard(path)) is not None:
            yield path, found


class _OfOthers(Exception):
    """A shard is of another export."""


def _name(number: int) -> str:
    return f"{number:05}.parquet"


def _sha256(file: IO[bytes]) -> str:
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # any file can be read into


def _written(rows: Sequence[AccountFile], size: int, digest: str) -> WrittenShard:
    faults = {row.name: row.fault for row in rows if row.account is None}
    return WrittenShard(ShardRecord(rows=len(rows), damaged=len(faults), bytes=size, sha256=digest), faults)


def _within_limits(file: AccountFile) -> AccountFile:
    """The file, or why no reader would take it."""
    if file.account is None:
        return file
    if _captions(file) <= _MOST_CAPTIONS and _bytes(file) <= _MOST_BYTES:
        return file
    return AccountFile(file.name, fault=f"{file.name} holds more text than an account has; it was not exported.")


def _captions(file: AccountFile) -> int:
    return len(file.account.captions) if file.account else 0


def _bytes(file: AccountFile) -> int:
    return sum(len(caption.encode()) for caption in file.account.captions) if file.account else len(file.fault)


def _groups(files: Sequence[AccountFile]) -> Iterator[list[AccountFile]]:
    """At most so many files that a row group of them can be read at once."""
    group, captions, size = list[AccountFile](), 0, 0
    for file in files:
        its_captions, its_size = _captions(file), _bytes(file)
        if group and (len(group) == _ROWS or captions + its_captions > _CAPTIONS or size + its_size > _BYTES):
            yield group
            group, captions, size = [], 0, 0
        group.append(file)
        captions, size = captions + its_captions, size + its_size
    if group:
        yield group


def _table(files: Sequence[AccountFile], schema: pa.Schema) -> pa.Table:
    accounts = [file.account for file in files]
    columns = {
        "file": [file.name for file in files],
        "username": [account and account.username for account in accounts],
        "outcome": [account and account.outcome for account in accounts],
        "captions": [account and account.captions for account in accounts],
        "fault": [None if file.account else file.fault for file in files],
    }
    return pa.table(columns, schema=schema)


def _group_fault(group: pq.RowGroupMetaData) -> str | None:
    """Why a row group is not read: what is written here is never as long, nor packed so that a little becomes much."""
    columns = [group.column(at) for at in range(group.num_columns)]
    if group.num_rows > _ROWS:
        return f"a row group has {group.num_rows:,} rows"
    if sum(column.total_uncompressed_size for column in columns) > 2 * _MOST_BYTES:
        return f"{group.num_rows} of its rows are longer than {2 * _MOST_BYTES:,} bytes, which no account is"
    if any(column.num_values > 2 * _MOST_CAPTIONS for column in columns):
        return "a row holds more captions than an account has"
    if any("DICTIONARY" in encoding for column in columns for encoding in column.encodings):
        return "it is packed otherwise than export-shards does"
    return None


def _account_file(row: dict[str, object]) -> AccountFile:
    """A row as the file that it was.

    Raises:
        ValueError: it lacks what every row has.
    """
    if not isinstance(row["file"], str):
        raise ValueError("a row without a file")
    if row["fault"] is not None:
        return AccountFile(row["file"], fault=str(row["fault"]))
    texts = row["captions"] if isinstance(row["captions"], list) else []
    posts = [Post(id=str(at), caption=text) for at, text in enumerate(texts)]
    account = Account.model_validate({"username": row["username"], "outcome": row["outcome"], "posts": posts})
    return AccountFile(row["file"], account)
