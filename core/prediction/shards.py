"""Shards: a prediction cut into parts that any worker can do, on any machine that sees the folder.

Beside the output lies ``<output>.shards`` with ``manifest.json`` (what to compute, and a hash of model, list and
options), for each shard ``00012.files.json`` (its accounts' files, unless these come from Parquet) and, as soon as it
is done, ``00012.parquet`` (its rows, whole or not at all). Going on, by whatever engine, is leaving out what is there.
"""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from core.encoder.vector_cache import VectorCache
from core.errors import InputError
from core.models.folder import locate_model
from core.prediction.account_rows import ACCOUNTS_AT_ONCE, AccountPredictor, AccountReader, load_account_predictor
from core.prediction.arguments import PredictArguments
from core.prediction.predict import DRIFT_SAMPLE, labelled_accounts, model_folder
from core.prediction.shard_accounts import ShardAccounts, accounts_of_shards, list_of
from core.storage.models import Account
from core.storage.predictions_file import SCHEMA, Prediction
from core.utils.addresses import absolute_address
from core.utils.io import write_atomically
from core.utils.iteration import batched, prefetch
from core.utils.machine import machine_name
from core.utils.records import Record, read_record, utc_now, write_record

MANIFEST_FILE = "manifest.json"
_ADVICE = "Remove the folder, then run predict again."
_SCHEMA = SCHEMA.append(pa.field("by_cutoff", pa.list_(pa.float64())))


class Manifest(Record):
    """``manifest.json``: what is computed.

    Attributes:
        key: a hash of the model's weights, the list of accounts and the options that matter.
        arguments: the command.
        accounts: files in all shards.
        shards: how many there are.
        sample_share: of accounts whose captions are compared with those that the model learnt from.
        created_at: when the accounts were listed; later ones are not in it.
        fingerprint: a hash of exported accounts; "" of files.
    """

    key: str
    arguments: tuple[str, ...]
    accounts: int
    shards: int
    sample_share: float
    created_at: datetime
    fingerprint: str = ""


class ShardNotes(Record):
    """What a shard tells besides its rows.

    Attributes:
        key: of its manifest.
        unreadable: why files have no row.
        outcomes: what became of listed accounts without captions, where they come from no file.
        sample: captions of some accounts that did not make the model.
        numbers: in which the encoder computed.
        precision: at which it was predicted.
        seconds: that it took, without loading the model.
        host: the machine that did it.
    """

    key: str
    unreadable: dict[str, str]
    outcomes: dict[str, str] = Field(default_factory=dict)
    sample: list[list[str]]
    numbers: str
    precision: str
    seconds: float
    host: str


@dataclass(frozen=True)
class Shards:
    """The folder of a prediction's shards."""

    folder: Path

    @property
    def manifest(self) -> Manifest:
        """What is computed.

        Raises:
            InputError: there is none.
        """
        return read_record(Manifest, self.folder / MANIFEST_FILE, _ADVICE)

    def result(self, shard: int) -> Path:
        """Where a shard's rows are once it is done."""
        return self.folder / f"{shard:05}.parquet"

    def is_done(self, shard: int) -> bool:
        """Whether a shard's rows are there."""
        return self.result(shard).is_file()

    def read(self, shard: int, key: str) -> tuple[pa.Table, ShardNotes]:
        """A shard's rows, with ``by_cutoff`` besides the columns of a predictions file, and what else it tells.

        Raises:
            InputError: it is damaged, or belongs to another manifest.
        """
        path = self.result(shard)
        try:
            table = pq.read_table(path)
            notes = ShardNotes.model_validate_json(table.schema.metadata[b"agescope"])
            table = table.replace_schema_metadata().cast(_SCHEMA)
        except (OSError, pa.ArrowException, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path} is damaged. Remove it, then run the same command again.") from error
        if notes.key != key:
            raise InputError(f"{path} belongs to another prediction. Remove it, then run the same command again.")
        return table, notes

    def write(self, shard: int, rows: Sequence[Prediction], notes: ShardNotes) -> None:
        """Write a shard's rows, whole or not at all."""
        columns = {name: [getattr(row, name) for row in rows] for name in _SCHEMA.names}
        table = pa.table(columns, schema=_SCHEMA.with_metadata({b"agescope": notes.model_dump_json().encode()}))
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink)
        write_atomically(self.result(shard), sink.getvalue().to_pybytes())


def shards_beside(output: Path) -> Shards:
    """The shards of a predictions file."""
    return Shards(output.with_name(f"{output.name}.shards"))


def lay_down(shards: Shards, arguments: PredictArguments, accounts: ShardAccounts) -> Manifest:
    """Cut the accounts into shards and write the manifest, or take up the one that is there.

    Args:
        shards: where.
        arguments: the command; its paths are absolute.
        accounts: for whom to predict.

    Raises:
        InputError: there are no accounts, or the shards that are there are those of another model, list or options.
    """
    key = _key(arguments, accounts.fingerprint)
    if (shards.folder / MANIFEST_FILE).is_file():
        manifest = shards.manifest
        if manifest.key != key:
            raise InputError(
                f"{shards.folder} holds what an interrupted prediction with another model, list or options has done. "
                "Run that command to its end, choose another output file, or remove the folder."
            )
        return manifest
    shards.folder.mkdir(parents=True, exist_ok=True)
    cut = accounts.cut(arguments.shards, arguments.workers)
    manifest = Manifest(
        key=key,
        arguments=tuple(arguments.to_argv()),
        accounts=cut.accounts,
        shards=cut.shards,
        sample_share=min(1.0, DRIFT_SAMPLE / max(1, cut.wanted)),
        fingerprint=accounts.fingerprint,
        created_at=utc_now(),
    )
    write_record(shards.folder / MANIFEST_FILE, manifest)  # last: without it nothing counts
    return manifest


def _key(arguments: PredictArguments, fingerprint: str) -> str:
    """A hash of everything that the rows and their columns depend on, but for account files themselves."""
    digest = hashlib.sha256(orjson.dumps([arguments.what_is_computed(), fingerprint, _SCHEMA.names]))
    located = locate_model(arguments.finetuned_model_path, arguments.model_name_or_path)
    digest.update(orjson.dumps(located.settings.as_dict()))
    with located.weights_file.open("rb") as file:
        digest.update(hashlib.file_digest(file, "sha256").digest())
    for path in arguments.user_file:
        digest.update(path.read_bytes())
    return digest.hexdigest()


@dataclass
class ShardWorker:
    """Does shards; loads the model at the first, and keeps it.

    Attributes:
        folder: of the shards.
        cache_dir: where users' vectors are kept on this machine's disk; None computes them each time.
    """

    folder: Path
    cache_dir: Path | None = None
    _loaded: tuple[Manifest, PredictArguments, ShardAccounts, AccountPredictor] | None = field(default=None, repr=False)

    def __call__(self, shard: int) -> None:
        """Do one shard, unless it is done.

        Raises:
            AgeScopeError: the model or the shard cannot be used, or the folder cannot be written.
        """
        shards = Shards(self.folder)
        if shards.is_done(shard):
            return
        manifest, arguments, source, model = self._model(shards)
        if not 0 <= shard < manifest.shards:
            raise InputError(f"There is no shard {shard}: they are numbered from 0 to {manifest.shards - 1}.")
        started = time.monotonic()
        found = _Found(manifest, keep_outcomes=bool(arguments.user_file and arguments.shards_from))
        labelled = labelled_accounts(model_folder(arguments.finetuned_model_path))
        reader = AccountReader(found.offer, labelled, found.leave_out)
        seen: set[str] = set()
        batches = (reader.read(some, seen) for some in batched(source.read(shard), ACCOUNTS_AT_ONCE[arguments.device]))
        rows = [row for accounts in prefetch(batches) for row in model.rows(found.noted(accounts))]
        settings = model.predictor.settings
        notes = ShardNotes(
            key=manifest.key,
            unreadable=found.unreadable,
            outcomes=found.outcomes,
            sample=found.sample,
            numbers=settings.numbers,
            precision=settings.precision,
            seconds=round(time.monotonic() - started, 3),
            host=machine_name(),
        )
        shards.write(shard, rows, notes)

    def _model(self, shards: Shards) -> tuple[Manifest, PredictArguments, ShardAccounts, AccountPredictor]:
        if self._loaded is None:
            manifest = shards.manifest
            arguments = PredictArguments.from_argv(manifest.arguments)
            source = accounts_of_shards(arguments, shards.folder, list_of(arguments) if arguments.shards_from else None)
            if source.fingerprint != manifest.fingerprint:
                raise InputError(f"{arguments.shards_from} holds other accounts than when this prediction began.")
            # never closed: the worker's end is the cache's
            cache = VectorCache(self.cache_dir) if self.cache_dir else None
            self._loaded = manifest, arguments, source, load_account_predictor(arguments, cache)
        return self._loaded

    def __getstate__(self) -> dict[str, object]:
        return {"folder": self.folder, "cache_dir": self.cache_dir, "_loaded": None}


class _Found:
    """What reading a shard's files brings besides accounts."""

    def __init__(self, manifest: Manifest, *, keep_outcomes: bool) -> None:
        self._share, self._keep_outcomes = manifest.sample_share, keep_outcomes
        self.unreadable: dict[str, str] = {}
        self.outcomes: dict[str, str] = {}
        self.sample: list[list[str]] = []

    def offer(self, account: Account) -> None:
        """Take some accounts' captions, the same on whatever machine."""
        hashed = int.from_bytes(hashlib.sha256(account.username.encode(errors="replace")).digest()[:8])
        if account.captions and hashed < self._share * 2**64:
            self.sample.append(account.captions)

    def noted(self, accounts: list[Account]) -> list[Account]:
        """``accounts``, once it is noted what became of those without captions."""
        if self._keep_outcomes:
            self.outcomes |= {account.username: account.outcome for account in accounts if not account.captions}
        return accounts

    def leave_out(self, name: str, reason: str) -> None:
        """Note why a file has no row."""
        self.unreadable[name] = reason


def with_absolute_paths(arguments: PredictArguments) -> PredictArguments:
    """The same for workers that stand in another folder."""
    named = arguments.model_name_or_path
    return replace(
        arguments,
        input_dir=arguments.input_dir and arguments.input_dir.absolute(),
        shards_from=arguments.shards_from and absolute_address(arguments.shards_from),
        finetuned_model_path=arguments.finetuned_model_path.absolute(),
        prediction_output_file=arguments.prediction_output_file.absolute(),
        user_file=tuple(path.absolute() for path in arguments.user_file),
        model_name_or_path=str(Path(named).absolute()) if named and Path(named).is_dir() else named,
    )
