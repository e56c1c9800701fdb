"""An audit sample as a file: accounts drawn at random, of whom a person finds out the age.

``username,age,audit``: the age is left empty for the person. ``audit`` says in every row how the
sample was drawn and from what, so that the same draw can be made again: which accounts belong to it
is never taken from the file, which may have lost or won rows on its way through a spreadsheet. The
file says nothing of what a model thinks of an account, so that whoever fills it in is blind to that.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self, get_args

from core.errors import InputError
from core.storage.age_answers import FORMS, AgeAnswer, read_age_answer
from core.storage.csv_records import ListRows, Row
from core.storage.usernames import canonical_username
from core.utils.spreadsheets import csv_text, safe_name

HEADER = ("username", "age", "audit")

Design = Literal["simple", "stratified"]
"""How accounts are drawn: each with the same chance, or the same from each part of the range of probabilities."""

_EDITION = "audit1"
_SHOWN_LINES = 3


@dataclass(frozen=True)
class Draw:
    """How a sample was drawn; with the population itself, this says which accounts are in it.

    Attributes:
        design: simple or stratified.
        size: accounts asked for.
        seed: of the draw.
        population: :func:`fingerprint` of what it was drawn from.
    """

    design: Design
    size: int
    seed: int
    population: str

    def __str__(self) -> str:
        return f"{_EDITION} {self.design} {self.size} {self.seed} {self.population}"

    @classmethod
    def read(cls, text: str) -> Self | None:
        """The draw that :meth:`__str__` wrote; None where ``text`` is none."""
        found = re.fullmatch(rf"{_EDITION} ({'|'.join(get_args(Design))}) (\d+) (-?\d+) ([0-9a-f]+)", text.strip())
        return cls(found[1], int(found[2]), int(found[3]), found[4]) if found else None  # type: ignore[arg-type]


@dataclass(frozen=True)
class FilledSample:
    """An audit sample as it came back.

    Attributes:
        draw: how it was drawn.
        answers: what is written of each account that the file names; None where nothing is.
        written: the same in the words of the file.
    """

    draw: Draw
    answers: dict[str, AgeAnswer | None] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)

    def as_csv(self) -> str:
        """The file again, in the form that :func:`sample_as_csv` gives it."""
        return _as_csv(self.written, self.draw)


def fingerprint(usernames: Iterable[str], probabilities: Iterable[float | None]) -> str:
    """Tells one population of predicted accounts from another; the order of the accounts does not matter."""
    lines = sorted(
        f"{username}\t{'' if p is None or p != p else f'{p:.6f}'}"
        for username, p in zip(usernames, probabilities, strict=True)
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def drawing_order(usernames: Sequence[str], seed: int) -> list[int]:
    """The places of ``usernames`` in random order.

    Each account's random number comes from its name and the seed (permanent random numbers: Ohlsson
    1995). So the draw is the same on every machine, a larger sample with the same seed holds the
    smaller one, and one drawn anew after a few accounts have gone is nearly the same.
    """

    def number(at: int) -> bytes:
        return hashlib.sha256(f"{seed}\n{usernames[at]}".encode()).digest()

    return sorted(range(len(usernames)), key=number)


def sample_as_csv(usernames: Iterable[str], draw: Draw) -> str:
    """The file to fill in."""
    return _as_csv(dict.fromkeys(usernames, ""), draw)


def _as_csv(written: Mapping[str, str], draw: Draw) -> str:
    return csv_text(HEADER, ((safe_name(name), safe_name(text), str(draw)) for name, text in written.items()))


def read_filled_sample(source: Path | bytes, name: str = "the audit sample") -> FilledSample:
    """Read an audit sample that a person has filled in, as a spreadsheet may have saved it.

    Args:
        source: a path, or the bytes of an upload.
        name: what messages call the upload.

    Raises:
        InputError: it is no audit sample, or a line cannot be understood; the text names the lines.
    """
    name = source.name if isinstance(source, Path) else name
    rows = list(ListRows(source, name, need_age=True))
    draws = {draw for row in rows if (draw := _draw_of(row))}
    if not draws:
        raise InputError(
            f"{name} does not say from what it was drawn: no column holds what audit-sample wrote into 'audit'. "
            "Fill in a file that audit-sample has written, and keep that column."
        )
    if len(draws) > 1:
        raise InputError(
            f"{name} holds accounts of {len(draws)} different audit samples. Give each in a file of its own."
        )
    written = {canonical_username(row.cells["username"]): row.cells["age"] for row in rows if not row.fault}
    return FilledSample(draws.pop(), _answers(rows, name), written)


def _draw_of(row: Row) -> Draw | None:
    return next(filter(None, map(Draw.read, row.cells.values())), None)  # the column may bear another name by now


def _answers(rows: Iterable[Row], name: str) -> dict[str, AgeAnswer | None]:
    answers: dict[str, AgeAnswer | None] = {}
    faults: list[str] = []
    for row in rows:
        username = "" if row.fault else canonical_username(row.cells["username"])
        try:
            answer = _answer(row, username)
        except ValueError as error:
            faults.append(f"line {row.line}: {error}")
            continue
        if answer != answers.get(username, answer):
            faults.append(f"line {row.line}: this account stands twice with different ages")
        answers[username] = answer
    if faults:
        more = f" and {len(faults) - _SHOWN_LINES} more" if len(faults) > _SHOWN_LINES else ""
        raise InputError(
            f"{name} cannot be used as it is: {'; '.join(faults[:_SHOWN_LINES])}{more}. Where an age is asked for, "
            f"write {FORMS}, or leave it empty."
        )
    return answers


def _answer(row: Row, username: str) -> AgeAnswer | None:
    """What is written in a row.

    Raises:
        ValueError: the row cannot be understood, which the text explains.
    """
    if row.fault or not username:
        raise ValueError(row.fault or "no username on this line")
    answer = read_age_answer(row.cells["age"])
    if answer is not None and _draw_of(row) is None:
        raise ValueError("its 'audit' cell is missing or changed, so the row was added, or has a comma too many")
    return answer
