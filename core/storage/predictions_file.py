"""The predictions file: ``username,probability,prediction,posts``, as CSV, or as Parquet where it is called so.

Both hold the same rows with the same figures. In the CSV a name that a spreadsheet would take for a formula has an
apostrophe before it; Parquet, which no spreadsheet opens, has every name as it is.
"""

import csv
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from core.errors import AgeScopeError, InputError
from core.utils.io import atomic_file, write_atomically
from core.utils.iteration import batched
from core.utils.spreadsheets import csv_text, plain_name, safe_name

SCHEMA = pa.schema(
    [("username", pa.string()), ("probability", pa.float64()), ("prediction", pa.int8()), ("posts", pa.int32())]
)
HEADER = tuple(SCHEMA.names)
DECIMALS = 6
FILE_NAMES = ("predictions.csv", "predictions.parquet")
"""What the predictions of a study's runs are called; a run has one of them."""

_ROWS_AT_ONCE = 100_000
_MOST_ROWS = 100_000_000
_LONGEST_NAME = 1_000  # bytes; names of 64 letters are the longest that AgeScope writes


@dataclass(frozen=True)
class Prediction:
    """One account's row.

    Attributes:
        username: as in the account's file.
        probability: of being at least at the cutoff; None where the account has no caption.
        prediction: 1 where the probability reaches the threshold, else 0; None as above.
        posts: how many captions were used.
        by_cutoff: the probability at each cutoff of the model, rising; none where it has one, or there is no caption.
    """

    username: str
    probability: float | None
    prediction: int | None
    posts: int
    by_cutoff: tuple[float, ...] = ()


def is_parquet(path: Path) -> bool:
    """Whether a file of that name holds Parquet, and not CSV."""
    return path.suffix == ".parquet"


def predictions_in(folder: Path) -> Path:
    """The predictions of a run's folder, in whichever form they are; as CSV where there are none."""
    paths = [folder / name for name in FILE_NAMES]
    return next((path for path in paths if path.is_file()), paths[0])


def run_file(predictions: Path) -> Path:
    """Where it is written what made a predictions file."""
    return predictions.with_name(f"{predictions.stem}.run.json")


def cutoffs_file(predictions: Path) -> Path:
    """Where the probabilities at every cutoff of a model are, where it has several; in the form of the predictions."""
    return predictions.with_name(f"{predictions.stem}.cutoffs{'.parquet' if is_parquet(predictions) else '.csv'}")


def check_output(output: Path) -> None:
    """Make sure that predictions in the other form, whose run file would be overwritten, do not lie there.

    Raises:
        InputError: they do.
    """
    other = output.with_suffix(".csv" if is_parquet(output) else ".parquet")
    if other != output and other.is_file() and run_file(output).is_file():
        raise InputError(
            f"{other} is there, and {run_file(output).name} says what made it. Choose another folder or name for "
            f"{output.name}, or remove those predictions first."
        )


def read_cutoff(predictions: Path, cutoff: float) -> dict[str, float]:
    """Username -> probability at another cutoff of the model than the one of the predictions file.

    Raises:
        InputError: there is no file of the cutoffs, or it lacks this one or is damaged.
    """
    path, column = cutoffs_file(predictions), f"probability_{cutoff:g}"
    schema = pa.schema([("username", pa.string()), (column, pa.float64())])
    try:
        table = _from_parquet(path, schema) if is_parquet(path) else _from_csv(path, schema)
    except (OSError, KeyError, ValueError, pa.ArrowException) as error:
        raise InputError(
            f"{path.name} does not tell the probabilities at {cutoff:g}. Predict again with a model of that cutoff."
        ) from error
    return dict(zip(table["username"].to_pylist(), table[column].to_pylist(), strict=True))


def prediction(
    username: str, probability: float, threshold: float, posts: int, by_cutoff: Iterable[float] = ()
) -> Prediction:
    """The row of an account; ``probability`` is NaN where there is no caption."""
    if math.isnan(probability):
        return Prediction(username, None, None, posts)
    rounded = round(probability, DECIMALS)  # so that the file agrees with itself
    return Prediction(username, rounded, int(rounded >= threshold), posts, tuple(by_cutoff))


class PartialPredictions:
    """A predictions file in the making: a CSV ``<output>.part``, to which rows are added as they come.

    Used as a context manager. Where ``<output>.part`` of an interrupted run with the same
    ``identity`` lies there, its whole rows are kept. Where ``cutoffs`` are several, their probabilities
    go to a file beside it (:func:`cutoffs_file`).

    Attributes:
        usernames: the accounts that have a row.
    """

    def __init__(self, output: Path, identity: Mapping[str, object], cutoffs: Sequence[float] = ()) -> None:
        self.output = output
        self._part = _part_of(output)
        self._identity_file = output.with_name(output.name + ".part.json")
        self._identity = orjson.dumps(identity)
        self._cutoffs = [*cutoffs] if len(cutoffs) > 1 else []
        self._cutoffs_part = _part_of(cutoffs_file(output))
        self.usernames: set[str] = set()

    def __enter__(self) -> Self:
        if self._is_resumable():
            content = self._part.read_bytes()
            os.truncate(self._part, content.rfind(b"\n") + 1)  # a row cut off by a kill
            self.usernames = {*_from_csv(self._part, SCHEMA)["username"].to_pylist()}
            if self._cutoffs:
                told = self._cutoffs_part.read_bytes()
                os.truncate(self._cutoffs_part, told.rfind(b"\n") + 1)
        else:
            write_atomically(self._part, ",".join(HEADER) + "\n")
            if self._cutoffs:
                write_atomically(self._cutoffs_part, ",".join(_cutoffs_schema(self._cutoffs).names) + "\n")
            write_atomically(self._identity_file, self._identity)
        self._file = self._part.open("a", encoding="utf-8", newline="")
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            self._file.close()
        except OSError:  # a full disk, which has been reported if something was being written
            if kind is None:
                raise

    def add(self, rows: Iterable[Prediction]) -> None:
        """Append rows; they are on their way to the disk when this returns.

        Raises:
            AgeScopeError: the disk is full or the folder gone; what was written before stays.
        """
        rows = [*rows]
        try:
            self._add_cutoffs(rows)
            csv.writer(self._file, lineterminator="\n").writerows(_cells(row) for row in rows)
            self._file.flush()
        except OSError as error:
            raise AgeScopeError(
                f"{self._part} cannot be written: {error.strerror}. Make room, then start again to go on from there."
            ) from error
        self.usernames |= {row.username for row in rows}

    def finish(self) -> pa.Table:
        """Move the file to its place, and return its rows as :func:`read_table` does."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._finish_cutoffs()
        table = _from_csv(self._part, SCHEMA)
        if is_parquet(self.output):
            _write_parquet(self.output, table)
            self._part.unlink()
        else:
            self._part.replace(self.output)
        self._identity_file.unlink(missing_ok=True)
        return table

    def _add_cutoffs(self, rows: Sequence[Prediction]) -> None:
        """Before the rows themselves, so that no row stands without them; a kill in between leaves one twice."""
        if not self._cutoffs:
            return
        with self._cutoffs_part.open("a", encoding="utf-8", newline="") as file:
            told = [(safe_name(row.username), *(f"{p:.{DECIMALS}f}" for p in row.by_cutoff)) for row in rows]
            csv.writer(file, lineterminator="\n").writerows(cells for cells in told if len(cells) > 1)

    def _finish_cutoffs(self) -> None:
        """Each account once, in its place; or nothing where the model has one cutoff, be it after one of several."""
        if not self._cutoffs:
            cutoffs_file(self.output).unlink(missing_ok=True)
            return
        told = _from_csv(self._cutoffs_part, _cutoffs_schema(self._cutoffs))
        last = {name: row for row, name in enumerate(told["username"].to_pylist())}
        _write_cutoffs(cutoffs_file(self.output), told.take([*last.values()]))
        self._cutoffs_part.unlink()

    def _is_resumable(self) -> bool:
        try:
            has_cutoffs = not self._cutoffs or self._cutoffs_part.stat().st_size > 0
            same = self._identity_file.read_bytes() == self._identity
            return same and has_cutoffs and self._part.stat().st_size > 0
        except OSError:
            return False


def as_csv(rows: Iterable[Prediction]) -> str:
    """A whole predictions file as text, for a download."""
    return csv_text(HEADER, map(_cells, rows))


def read_rows(path: Path) -> Iterator[Prediction]:
    """The rows of a file that AgeScope wrote.

    ``core.evaluation.evaluate.read_predictions`` also checks what people edited.

    Raises:
        InputError: see :func:`read_table`.
    """
    return rows_of(read_table(path))


def rows_of(table: pa.Table) -> Iterator[Prediction]:
    """The rows of a table of predictions, one after the other."""
    for batch in table.to_batches(_ROWS_AT_ONCE):
        for row in batch.to_pylist():
            yield Prediction(**row)


def read_table(path: Path) -> pa.Table:
    """A predictions file as a table of the columns of :data:`SCHEMA`; names are as the accounts have them.

    A row of a CSV that is being written is left out.

    Raises:
        InputError: the file cannot be read, or is no predictions file.
    """
    try:
        return _from_parquet(path, SCHEMA) if is_parquet(path) else _from_csv(path, SCHEMA)
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        if isinstance(error, OSError) and error.strerror:  # Parquet's own errors are OSErrors without one
            raise InputError(f"{path} cannot be read: {error.strerror}.") from error
        raise InputError(f"{path} is not a predictions file ({error}). Predict again into another folder.") from error


def write_table(output: Path, table: pa.Table, cutoffs: Sequence[float] = ()) -> None:
    """Write predictions that are all there, each file whole or not at all.

    Args:
        output: CSV, or Parquet where it is called so.
        table: the columns of :data:`SCHEMA`, and ``by_cutoff`` where the cutoffs are several.
        cutoffs: of the model.

    Raises:
        AgeScopeError: the folder cannot be written, or the disk is full.
    """
    if len(cutoffs) > 1:
        told = table.filter(pc.is_valid(table["probability"]))
        columns = [pc.list_element(told["by_cutoff"], at) for at in range(len(cutoffs))]
        schema = _cutoffs_schema(cutoffs)
        _write_cutoffs(cutoffs_file(output), pa.table([told["username"], *map(_rounded, columns)], schema=schema))
    else:
        cutoffs_file(output).unlink(missing_ok=True)
    table = table.select(SCHEMA.names)
    if is_parquet(output):
        _write_parquet(output, table)
    else:
        _write_csv(output, HEADER, (_cells(row) for row in rows_of(table)))


def first_of_each(table: pa.Table) -> pa.Table:
    """The rows of a table whose ``username`` does not stand in an earlier one."""
    if pc.count_distinct(table["username"]).as_py() == len(table):
        return table
    numbered = table.select(["username"]).append_column("row", pa.array(range(len(table)), pa.int64()))
    first = numbered.group_by("username", use_threads=False).aggregate([("row", "min")])["row_min"]
    return table.take(first.take(pc.sort_indices(first)))


def usernames_in(path: Path) -> set[str]:
    """The names in a Parquet file that has a column ``username``; none where it has none, or is damaged."""
    try:
        return {*_from_parquet(path, pa.schema([SCHEMA.field("username")]))["username"].to_pylist()}
    except (OSError, pa.ArrowException, KeyError, ValueError):  # damaged, which the index tells of
        return set()


def leave_out(path: Path, is_theirs: Callable[[str], bool], *, really: bool) -> int:
    """Write a Parquet file anew without the rows of some usernames; returns how many they are.

    Args:
        path: of the file; one that is damaged, or without such a column, is left as it is.
        is_theirs: of a username, whether its rows go.
        really: without it nothing is changed.

    Raises:
        AgeScopeError: the folder cannot be written.
    """
    theirs = {name for name in usernames_in(path) if is_theirs(name)}
    if not theirs:
        return 0
    table = pq.read_table(path)
    keep = pc.invert(pc.is_in(table["username"].cast(pa.string()), value_set=pa.array(sorted(theirs), pa.string())))
    kept = table.filter(keep)
    if really:
        _write_parquet(path, kept)
    return len(table) - len(kept)


def _part_of(path: Path) -> Path:
    """Where a file's rows are while they come: as CSV, to which one can add, and called so."""
    return path.with_name(f"{path.name}{'.csv' if is_parquet(path) else ''}.part")


def _cutoffs_schema(cutoffs: Sequence[float]) -> pa.Schema:
    return pa.schema([("username", pa.string()), *((f"probability_{cutoff:g}", pa.float64()) for cutoff in cutoffs)])


def _rounded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Figures as a CSV has them, so that both forms say the same."""
    return pc.round(column, ndigits=DECIMALS)


def _from_csv(path: Path, schema: pa.Schema) -> pa.Table:
    content = path.read_bytes()
    whole_lines = content[: content.rfind(b"\n") + 1]  # a run under way may be writing the last one
    types = {field.name: field.type for field in schema}
    table = pyarrow.csv.read_csv(
        pa.BufferReader(whole_lines),
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=types, include_columns=[*types], strings_can_be_null=False
        ),
    )
    names = table["username"]
    if pc.any(pc.starts_with(names, "'")).as_py():
        table = table.set_column(0, "username", pa.array(map(plain_name, names.to_pylist()), pa.string()))
    return table


def _from_parquet(path: Path, schema: pa.Schema) -> pa.Table:
    """Its columns of ``schema``, without trusting it: names are looked at while each stands there once.

    Raises:
        OSError, pa.ArrowException, KeyError, ValueError: it cannot be read, or is no such file.
    """
    with pq.ParquetFile(path, read_dictionary=["username"]) as parquet:
        if parquet.metadata.num_rows > _MOST_ROWS:
            raise ValueError(f"it has more than {_MOST_ROWS:,} rows")
        for field in schema:
            _check_column(parquet.schema_arrow, field)
        table = parquet.read(columns=schema.names).select(schema.names)
    for chunk in table["username"].chunks:
        if chunk.null_count:
            raise ValueError("a row has no username")
        if (pc.max(pc.binary_length(chunk.dictionary)).as_py() or 0) > _LONGEST_NAME:
            raise ValueError("its usernames are no names")
    table = table.cast(schema)
    for at, field in enumerate(schema):
        if pa.types.is_floating(field.type):  # what other programs write for nothing
            column = table[field.name]
            blank = pc.is_nan(column)
            table = table.set_column(at, field, pc.if_else(blank, pa.scalar(None, field.type), column))
    return table


def _check_column(found: pa.Schema, field: pa.Field) -> None:
    """Raise ValueError where a column is not there, or of a kind that could hold more than a cell a row."""
    if field.name not in found.names:
        raise ValueError(f"it has no column {field.name!r}")
    kind = found.field(field.name).type
    if pa.types.is_string(field.type):
        if not (pa.types.is_dictionary(kind) and pa.types.is_string(kind.value_type)):
            raise ValueError(f"its column {field.name!r} holds no texts")
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_null(kind)):
        raise ValueError(f"its column {field.name!r} holds no numbers")


def _write_parquet(path: Path, table: pa.Table) -> None:
    with atomic_file(path) as file:
        pq.write_table(table, file, row_group_size=_ROWS_AT_ONCE, compression="zstd", write_statistics=False)


def _write_cutoffs(path: Path, table: pa.Table) -> None:
    if is_parquet(path):
        _write_parquet(path, table)
        return
    rows = (row.values() for batch in table.to_batches(_ROWS_AT_ONCE) for row in batch.to_pylist())
    cells = ([safe_name(name), *(f"{value:.{DECIMALS}f}" for value in its)] for name, *its in rows)
    _write_csv(path, table.schema.names, cells)


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    """Write a CSV a part at a time; millions of rows would need gigabytes as texts."""
    with atomic_file(path) as file:
        file.write(csv_text(header, []).encode())
        for some in batched(rows, _ROWS_AT_ONCE):
            file.write(csv_text(some[0], some[1:]).encode())


def _cells(row: Prediction) -> tuple[object, ...]:
    probability = "" if row.probability is None else f"{row.probability:.{DECIMALS}f}"
    return safe_name(row.username), probability, "" if row.prediction is None else row.prediction, row.posts
