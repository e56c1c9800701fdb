"""Prediction on several workers: cut into shards, done by an engine, put together in the list's order."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
from filelock import FileLock, Timeout

from core.errors import AgeScopeError, InputError
from core.jobs.job import shell_command
from core.jobs.progress import Progress
from core.models.folder import locate_model
from core.prediction.arguments import PredictArguments, PredictShardArguments
from core.prediction.predict import PredictionRun, PredictSummary
from core.prediction.shard_accounts import ShardAccounts, accounts_of_shards, list_of
from core.prediction.shards import (
    MANIFEST_FILE,
    Manifest,
    Shards,
    ShardWorker,
    lay_down,
    shards_beside,
    with_absolute_paths,
)
from core.scale.engine import EngineOptions, Watch
from core.scale.opening import open_engine
from core.settings import get_settings
from core.storage.listed import NamedList
from core.storage.predictions_file import check_output, first_of_each, write_table
from core.utils.formatting import count

_NAMED = 5


def predict_shards(arguments: PredictArguments, progress: Progress) -> PredictSummary:
    """Predict for every account by several workers; the same call goes on, by another engine too.

    Raises:
        InputError: the folder, the model or a setting cannot be used, or the engine is not installed.
        AgeScopeError: shards failed three times, or wait for a queue; the text says how to go on.
        Stopped: asked to stop; shards that are done stay.
    """
    arguments = with_absolute_paths(arguments)
    check_output(arguments.prediction_output_file)
    engine = open_engine(engine_options(arguments)) if arguments.engine != "array" else None
    of = list_of(arguments)
    shards = shards_beside(arguments.prediction_output_file)
    accounts = accounts_of_shards(arguments, shards.folder, of)
    with _claimed(shards):
        manifest = lay_down(shards, arguments, accounts)
        missing = [shard for shard in range(manifest.shards) if not shards.is_done(shard)]
        failed: dict[int, str] = {}
        if missing and engine is None:
            raise AgeScopeError(_how_to_submit(shards, manifest, len(missing)))
        if missing and engine is not None:
            sizes = {shard: accounts.size(shard) for shard in missing}
            watch = _Watching(shards, sizes, manifest.accounts, progress)
            keeps = arguments.cache and arguments.engine == "local"
            worker = ShardWorker(shards.folder, get_settings().cache_dir if keeps else None)
            failed = engine.run(worker, missing, watch.as_watch())
        if failed and not arguments.leave_out_failed:
            raise AgeScopeError(_what_failed(failed, manifest))
        summary = _put_together(shards, manifest, arguments, accounts, of, failed, progress)
        late = accounts.late(manifest.accounts)
    shutil.rmtree(shards.folder)
    return replace(summary, warnings=[*summary.warnings, *_of_failed(failed), *_of_late(late)])


def predict_some_shards(arguments: PredictShardArguments, progress: Progress) -> str:
    """Do one shard of a manifest, or every n-th; what an array's task runs.

    Returns:
        What was done, in words.

    Raises:
        AgeScopeError: see :class:`core.prediction.shards.ShardWorker`.
    """
    shards = Shards(arguments.manifest.absolute().parent)
    last = shards.manifest.shards
    step = arguments.step or last
    todo = [shard for shard in range(arguments.shard, last, step) if not shards.is_done(shard)]
    if arguments.shard >= last and arguments.step is None:
        raise InputError(f"There is no shard {arguments.shard}: they are numbered from 0 to {last - 1}.")
    worker = ShardWorker(shards.folder)
    progress.update(0, len(todo), unit="shards", message="predicting")
    for done, shard in enumerate(todo, 1):
        progress.check()
        worker(shard)
        progress.update(done)
    return (
        f"{count(len(todo), 'shard')} done here; {shards.folder} has the rows. Run predict again to put them together."
    )


def engine_options(arguments: PredictArguments) -> EngineOptions:
    """Which engine is asked for, and how much of it."""
    return EngineOptions(
        engine=arguments.engine,
        workers=arguments.workers,
        address=arguments.address,
        partition=arguments.partition,
        gpus=1.0 if arguments.device == "cuda" else 0.0,
        cpus=arguments.worker_cpus,
    )


@contextmanager
def _claimed(shards: Shards) -> Iterator[None]:
    """Hold the shards for one driver."""
    shards.folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(shards.folder.with_name(f".{shards.folder.name}.lock"), timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise AgeScopeError(
            f"Another prediction is writing {shards.folder}. Let it end, or stop it, before this one."
        ) from error
    try:
        yield
    finally:
        lock.release()
        Path(lock.lock_file).unlink(missing_ok=True)


class _Watching:
    """Tells how far the shards are, in accounts."""

    def __init__(self, shards: Shards, sizes: dict[int, int], total: int, progress: Progress) -> None:
        self._shards, self._progress, self._total = shards, progress, total
        self._sizes = sizes
        self._before = self._done = total - sum(sizes.values())
        self._started = time.monotonic()
        progress.update(self._done, self._total, message="predicting")

    def as_watch(self) -> Watch:
        """For an engine."""
        return Watch(self._shards.is_done, self._progress.check, self._note, self._wait)

    def _note(self, shard: int) -> None:
        self._done += self._sizes[shard]
        each = (time.monotonic() - self._started) / max(1, self._done - self._before)
        left = round(each * (self._total - self._done), 1)
        self._progress.update(self._done, seconds_left=left, message="predicting")

    def _wait(self, reason: str) -> None:
        self._progress.update(message=f"predicting, waiting for {reason}")


def _put_together(
    shards: Shards,
    manifest: Manifest,
    arguments: PredictArguments,
    accounts: ShardAccounts,
    of: NamedList | None,
    failed: dict[int, str],
    progress: Progress,
) -> PredictSummary:
    """Write the output from the shards, in the list's order, and what made it."""
    located = locate_model(arguments.finetuned_model_path, arguments.model_name_or_path)
    length = arguments.max_seq_len or located.settings.max_seq_len
    run = PredictionRun(arguments, replace(located.settings, max_seq_len=length), of)
    numbers: dict[str, None] = {}
    precisions: dict[str, None] = {}
    progress.update(message="putting the shards together")
    tables = []
    for shard in range(manifest.shards):
        progress.check()
        if shard in failed:
            run.unreadable |= accounts.without(shard, f"its shard failed: {failed[shard]}")
            continue
        table, notes = shards.read(shard, manifest.key)
        tables.append(table)
        run.unreadable |= notes.unreadable
        run.outcomes |= notes.outcomes
        numbers[notes.numbers] = precisions[notes.precision] = None
        for captions in notes.sample:
            run.sample.add(captions)
    if not any(map(len, tables)):
        where = arguments.shards_from or arguments.input_dir
        whose = f"no account of {' and '.join(of.names)}" if of else "no account that can be used"
        raise InputError(f"{where} holds {whose}. Nothing was predicted.")
    rows = first_of_each(pa.concat_tables(tables))
    write_table(arguments.prediction_output_file, rows, located.settings.age_cutoffs)
    run.numbers, run.precision = ", ".join(numbers), ", ".join(precisions)
    run.started_at = manifest.created_at
    return run.summary(rows)


def _how_to_submit(shards: Shards, manifest: Manifest, missing: int) -> str:
    path = shards.folder / MANIFEST_FILE
    return (
        f"{count(missing, 'shard')} of {manifest.shards} are to be done. Submit them, for example with\n"
        f"  sbatch --array=0-{min(manifest.shards, 100) - 1} deploy/slurm_array.sh {path}\n"
        f"  qsub -t 1-{min(manifest.shards, 100)} deploy/grid_engine_array.sh {path}\n"
        f"or do one here: {shell_command(['predict-shard', '--manifest', str(path), '--shard', '0'])}\n"
        "When they are done, run the same command again: it puts them together."
    )


def _what_failed(failed: dict[int, str], manifest: Manifest) -> str:
    return (
        f"{_named(failed)} The other {manifest.shards - len(failed)} of {manifest.shards} are done and kept. Run the "
        "same command again to try only these, or with --leave-out-failed to do without their accounts, which the run "
        "file then names."
    )


def _named(failed: dict[int, str]) -> str:
    told = " ".join(f"Shard {shard} failed three times: {reason}" for shard, reason in [*failed.items()][:_NAMED])
    more = f" And {count(len(failed) - _NAMED, 'further shard')}." if len(failed) > _NAMED else ""
    return told + more


def _of_failed(failed: dict[int, str]) -> list[str]:
    return [f"{_named(failed)} Their accounts have no row."] if failed else []


def _of_late(late: int) -> list[str]:
    if late <= 0:
        return []
    return [f"{count(late, 'account file')} came after the shards were cut and have no row. Predict again for them."]
