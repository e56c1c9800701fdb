"""The predictions file: ``username,probability,prediction,posts``."""

import csv
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import orjson

from core.errors import AgeScopeError, InputError
from core.utils.io import write_atomically
from core.utils.spreadsheets import csv_text, plain_name, safe_name

HEADER = ("username", "probability", "prediction", "posts")
DECIMALS = 6


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


def run_file(predictions: Path) -> Path:
    """Where it is written what made a predictions file."""
    return predictions.with_name(f"{predictions.stem}.run.json")


def cutoffs_file(predictions: Path) -> Path:
    """Where the probabilities at every cutoff of a model are, where it has several."""
    return predictions.with_name(f"{predictions.stem}.cutoffs.csv")


def read_cutoff(predictions: Path, cutoff: float) -> dict[str, float]:
    """Username -> probability at another cutoff of the model than the one of the predictions file.

    Raises:
        InputError: there is no file of the cutoffs, or it lacks this one or is damaged.
    """
    path, column = cutoffs_file(predictions), f"probability_{cutoff:g}"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return {plain_name(row["username"]): float(row[column]) for row in csv.DictReader(file)}
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path.name} does not tell the probabilities at {cutoff:g}. Predict again with a model of that cutoff."
        ) from error


def prediction(
    username: str, probability: float, threshold: float, posts: int, by_cutoff: Iterable[float] = ()
) -> Prediction:
    """The row of an account; ``probability`` is NaN where there is no caption."""
    if math.isnan(probability):
        return Prediction(username, None, None, posts)
    rounded = round(probability, DECIMALS)  # so that the file agrees with itself
    return Prediction(username, rounded, int(rounded >= threshold), posts, tuple(by_cutoff))


class PartialPredictions:
    """A predictions file in the making: ``<output>.part``, to which rows are added as they come.

    Used as a context manager. Where ``<output>.part`` of an interrupted run with the same
    ``identity`` lies there, its whole rows are kept. Where ``cutoffs`` are several, their probabilities
    go to a file beside it (:func:`cutoffs_file`).

    Attributes:
        usernames: the accounts that have a row.
    """

    def __init__(self, output: Path, identity: Mapping[str, object], cutoffs: Sequence[float] = ()) -> None:
        self.output = output
        self._part = output.with_name(output.name + ".part")
        self._identity_file = output.with_name(output.name + ".part.json")
        self._identity = orjson.dumps(identity)
        self._cutoffs = [*cutoffs] if len(cutoffs) > 1 else []
        self._cutoffs_part = cutoffs_file(output).with_name(cutoffs_file(output).name + ".part")
        self.usernames: set[str] = set()

    def __enter__(self) -> Self:
        if self._is_resumable():
            content = self._part.read_bytes()
            os.truncate(self._part, content.rfind(b"\n") + 1)  # a row cut off by a kill
            self.usernames = {row.username for row in read_rows(self._part)}
            if self._cutoffs:
                told = self._cutoffs_part.read_bytes()
                os.truncate(self._cutoffs_part, told.rfind(b"\n") + 1)
        else:
            write_atomically(self._part, ",".join(HEADER) + "\n")
            if self._cutoffs:
                header = ["username", *(f"probability_{cutoff:g}" for cutoff in self._cutoffs)]
                write_atomically(self._cutoffs_part, ",".join(header) + "\n")
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

    def finish(self) -> list[Prediction]:
        """Move the file to its place, and return its rows."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._finish_cutoffs()
        self._part.replace(self.output)
        self._identity_file.unlink(missing_ok=True)
        return [*read_rows(self.output)]

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
        with self._cutoffs_part.open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        write_atomically(cutoffs_file(self.output), csv_text(header, {row[0]: row for row in rows}.values()))
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
    """
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            known = row["probability"] != ""
            yield Prediction(
                plain_name(row["username"]),
                float(row["probability"]) if known else None,
                int(row["prediction"]) if known else None,
                int(row["posts"]),
            )


def _cells(row: Prediction) -> tuple[object, ...]:
    probability = "" if row.probability is None else f"{row.probability:.{DECIMALS}f}"
    return safe_name(row.username), probability, "" if row.prediction is None else row.prediction, row.posts
