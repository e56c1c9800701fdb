"""The predictions file: ``username,probability,prediction,posts``."""

import csv
import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import orjson

from core.errors import AgeScopeError
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
    """

    username: str
    probability: float | None
    prediction: int | None
    posts: int


def run_file(predictions: Path) -> Path:
    """Where it is written what made a predictions file."""
    return predictions.with_name(f"{predictions.stem}.run.json")


def prediction(username: str, probability: float, threshold: float, posts: int) -> Prediction:
    """The row of an account; ``probability`` is NaN where there is no caption."""
    if math.isnan(probability):
        return Prediction(username, None, None, posts)
    rounded = round(probability, DECIMALS)  # so that the file agrees with itself
    return Prediction(username, rounded, int(rounded >= threshold), posts)


class PartialPredictions:
    """A predictions file in the making: ``<output>.part``, to which rows are added as they come.

    Used as a context manager. Where ``<output>.part`` of an interrupted run with the same
    ``identity`` lies there, its whole rows are kept.

    Attributes:
        usernames: the accounts that have a row.
    """

    def __init__(self, output: Path, identity: dict[str, Any]) -> None:
        self.output = output
        self._part = output.with_name(output.name + ".part")
        self._identity_file = output.with_name(output.name + ".part.json")
        self._identity = orjson.dumps(identity)
        self.usernames: set[str] = set()

    def __enter__(self) -> Self:
        if self._is_resumable():
            content = self._part.read_bytes()
            os.truncate(self._part, content.rfind(b"\n") + 1)  # a row cut off by a kill
            self.usernames = {row.username for row in read_rows(self._part)}
        else:
            write_atomically(self._part, ",".join(HEADER) + "\n")
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
        self._part.replace(self.output)
        self._identity_file.unlink(missing_ok=True)
        return [*read_rows(self.output)]

    def _is_resumable(self) -> bool:
        try:
            return self._identity_file.read_bytes() == self._identity and self._part.stat().st_size > 0
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
