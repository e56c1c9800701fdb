"""Files that several processes read, for a large study that is taken in for the first time."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson
import pyarrow as pa

from core.index.ingest import Rows, read_rows
from core.index.scan import FoundFile
from core.scale.engine import EngineOptions, Watch
from core.scale.processes import Processes
from core.settings import Settings


@dataclass(frozen=True)
class _Reading:
    """What a worker does: it reads a batch, and writes what it holds as files of Arrow.

    Attributes:
        data_dir: of the files.
        batches: the files of each number.
        folder: where to write; the reasons come last, and say that a batch is read.
    """

    data_dir: Path
    batches: Sequence[Sequence[FoundFile]]
    folder: Path

    def __call__(self, number: int) -> None:
        rows = read_rows(self.data_dir, self.batches[number])
        for name, table in rows.tables.items():
            with pa.OSFile(str(self._table(number, name)), "wb") as sink, pa.ipc.new_file(sink, table.schema) as to:
                to.write_table(table)
        part = self._reasons(number).with_suffix(".part")
        part.write_bytes(orjson.dumps({"tables": list(rows.tables), "reasons": rows.reasons}))
        part.replace(self._reasons(number))

    def is_done(self, number: int) -> bool:
        return self._reasons(number).is_file()

    def take(self, number: int) -> Rows:
        """What a batch holds, once; its files are deleted."""
        told = orjson.loads(self._reasons(number).read_bytes())
        rows = Rows(reasons=told["reasons"])
        for name in told["tables"]:
            with pa.OSFile(str(self._table(number, name)), "rb") as source:
                rows.tables[name] = pa.ipc.open_file(source).read_all()
            self._table(number, name).unlink()
        return rows

    def _table(self, number: int, name: str) -> Path:
        return self.folder / f"{number}-{name}.arrow"

    def _reasons(self, number: int) -> Path:
        return self.folder / f"{number}.json"


def read_by_workers(
    settings: Settings,
    batches: Sequence[Sequence[FoundFile]],
    workers: int,
    take: Callable[[Sequence[FoundFile], Rows], None],
) -> None:
    """Read batches in processes of this machine.

    Args:
        settings: of the study; whoever calls has its index to himself.
        batches: each of one kind, few enough to be read at once.
        workers: how many processes.
        take: told of each batch and what it holds, in the order in which they are read; what it raises ends all.

    Raises:
        AgeScopeError: no process could be had.
    """
    folder = settings.cache_dir / "index-reading"  # in the study: what a killed run leaves, `forget` finds
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    reading = _Reading(settings.data_dir, batches, folder)

    def taken(number: int) -> None:
        take(batches[number], reading.take(number))

    watch = Watch(reading.is_done, check=lambda: None, done=taken, waiting=lambda what: None)
    try:
        failed = Processes(EngineOptions("local", workers)).run(reading, range(len(batches)), watch)
        for number in failed:  # their worker died three times
            take(batches[number], read_rows(settings.data_dir, batches[number]))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
