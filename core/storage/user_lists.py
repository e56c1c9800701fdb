"""User lists and labels: read what people have, and explain line by line what cannot be used."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from core.errors import InputError
from core.storage.age_answers import AgeAnswer, age_error, age_of, read_age_answer
from core.storage.csv_records import ListChoices, ListLayout, ListRows, NoAgeColumn, Row
from core.storage.usernames import canonical_username, instagram_username_error, username_error
from core.utils.io import write_atomically
from core.utils.spreadsheets import csv_text, safe_name

MAX_LEFT_OUT = 100_000
"""Lines that are kept of those which a list leaves out."""

MAX_CELLS = 2_000_000
"""Cells of labels beside usernames and ages."""

_KEPT_TEXT = 300
_LONG_NUMBER = 7


@dataclass(frozen=True)
class Rejected:
    """A line that cannot be used, and why."""

    line: int
    text: str
    reason: str


@dataclass
class UserList:
    """What a user list holds.

    Attributes:
        usernames: usable names in the order of the file, each once.
        rejected: the lines that cannot be used.
        duplicates: how many further lines name an account that is already there.
        ages: age in years by username, where the file has an age column; see :func:`read_labels`.
        ranges: by username, where the age cell says "under 21", "at least 21" or "18-24" instead of an age.
        extra: further columns of a labels file by username (for example gender or language).
        remarks: what was decided about the file (its encoding, its columns), in sentences.
        layout: what the file is, and which of its columns were taken.
    """

    usernames: list[str] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    duplicates: int = 0
    ages: dict[str, float] = field(default_factory=dict)
    ranges: dict[str, AgeAnswer] = field(default_factory=dict)
    extra: dict[str, dict[str, str]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    layout: ListLayout = field(default_factory=ListLayout)

    def ages_for(self, cutoffs: Sequence[float]) -> dict[str, float]:
        """The ages, and of the ranges that lie on one side of every cutoff an age that stands for them.

        That age is on the right side of these cutoffs, and says nothing else.
        """
        decided = {
            username: answer.low or answer.high - 1
            for username, answer in self.ranges.items()
            if all(answer.at_least(cutoff) is not None for cutoff in cutoffs)
        }
        return self.ages | decided


def read_user_list(source: Path | bytes, name: str = "the list", choices: ListChoices | None = None) -> UserList:
    """Read a user list: one username per line, or a CSV with a username column.

    Args:
        source: a path, or the bytes of an upload.
        name: what messages call the upload.
        choices: what a person said of its columns and its encoding.

    Raises:
        InputError: the file as a whole cannot be used (missing, empty, binary, no usable column).
    """
    users = UserList()
    seen: set[str] = set()
    rows = ListRows(source, name, choices=choices)
    for row in rows:
        username = "" if row.fault else canonical_username(row.cells["username"])
        if reason := row.fault or instagram_username_error(username):
            users.rejected.append(Rejected(row.line, row.text if row.fault else row.cells["username"], reason))
        elif username in seen:
            users.duplicates += 1
        else:
            seen.add(username)
            users.usernames.append(username)
    users.remarks, users.layout = [*rows.remarks, *_of_numbers(users.usernames)], rows.layout
    return users


def _of_numbers(usernames: Iterable[str]) -> Iterator[str]:
    """That names may be none, in a sentence, where they are long numbers."""
    if numbers := [name for name in usernames if name.isdigit() and len(name) >= _LONG_NUMBER]:
        are = "name is a long number" if len(numbers) == 1 else "names are long numbers"
        yield (
            f"{len(numbers):,} {are} (such as {numbers[0]}), as ids of accounts and telephone numbers are: leave those "
            "out that are no names."
        )


def read_labels(source: Path | bytes, name: str = "the labels", choices: ListChoices | None = None) -> UserList:
    """Read labels: a CSV with a username and an age column; further columns are kept.

    An age may have decimals after a point or a comma. A line whose age is no number from 5 to 120, nor a range such as
    "under 21", is rejected; of one that may be a year of birth, it is asked. An account that stands twice with
    different ages is rejected whole, on each of its lines, because nobody can know which is right.

    Raises:
        InputError: the file as a whole cannot be used, or it has no age column.
    """
    rows = ListRows(source, name, need_age=True, choices=choices)
    labels = _labels(rows, username_error)
    labels.remarks, labels.layout = rows.remarks, rows.layout
    return labels


def _labels(rows: Iterable[Row], name_error: Callable[[str], str | None]) -> UserList:
    """The labels of ``rows``, whose names ``name_error`` judges; see :func:`read_labels`."""
    users = UserList()
    told: dict[str, AgeAnswer] = {}
    lines: dict[str, list[Rejected]] = {}
    contradicted: set[str] = set()
    cells = 0
    for row in rows:
        username = "" if row.fault else canonical_username(row.cells["username"])
        answer = None if row.fault else _age_or_range(row.cells["age"])
        if reason := row.fault or name_error(username) or (age_error(row.cells["age"]) if answer is None else None):
            users.rejected.append(Rejected(row.line, _as_written(row), reason))
            continue
        assert answer is not None
        lines.setdefault(username, []).append(Rejected(row.line, _as_written(row), _CONTRADICTED))
        if username not in told:
            told[username] = answer
            users.extra[username] = {k: v for k, v in row.cells.items() if k not in ("username", "age", "")}
            cells += len(users.extra[username])
            _check_cells(cells)
        elif told[username] != answer or username in contradicted:
            contradicted.add(username)
        else:
            users.duplicates += 1
    for username in contradicted:
        users.rejected += lines[username]
        del told[username], users.extra[username]
    users.ages = {username: answer.low for username, answer in told.items() if answer.low == answer.high}
    users.ranges = {username: answer for username, answer in told.items() if username not in users.ages}
    users.usernames = [*users.ages]
    users.rejected.sort(key=lambda rejected: rejected.line)
    return users


def _check_cells(cells: int) -> None:
    if cells > MAX_CELLS:
        raise InputError(
            f"The labels hold more than {MAX_CELLS:,} cells beside usernames and ages, which are all kept in memory. "
            "Leave out the columns that you do not need."
        )


_CONTRADICTED = "this account is labelled with different ages"


def _age_or_range(cell: str) -> AgeAnswer | None:
    """What a cell of ages tells; None where that is nothing that can be used."""
    if age_error(cell) is None:
        return AgeAnswer(age_of(cell), age_of(cell))
    try:
        answer = read_age_answer(cell)
    except ValueError:
        return None
    return None if answer == AgeAnswer() else answer


def _as_written(row: Row) -> str:
    return row.text if row.fault else f"{row.cells['username']}, {row.cells['age']}"


def labels_in_list(source: Path | bytes, name: str = "the list", choices: ListChoices | None = None) -> UserList | None:
    """The labels that a user list holds in an age column, and its ages that cannot be used.

    Only accounts that :func:`read_user_list` takes are looked at, which tells of the others; an
    account without an age is no fault in a list.

    Returns:
        None where there is no such column, or nothing in it.

    Raises:
        InputError: as :func:`read_user_list`.
    """
    try:
        rows = ListRows(source, name, need_age=True, choices=choices)
        labels = _labels(_aged(rows), instagram_username_error)
    except NoAgeColumn:
        return None
    labels.layout = rows.layout
    return labels if labels.usernames or labels.ranges or labels.rejected else None


def _aged(rows: Iterable[Row]) -> Iterator[Row]:
    """The rows of a list's accounts that have an age."""
    for row in rows:
        if (
            not row.fault
            and row.cells["age"]
            and not instagram_username_error(canonical_username(row.cells["username"]))
        ):
            yield row


def why_rejected(users: UserList) -> dict[str, int]:
    """How many lines were rejected for each reason, most frequent first."""
    return dict(Counter(rejected.reason for rejected in users.rejected).most_common())


def write_user_list(path: Path, users: UserList) -> None:
    """Write the usable part of a list as a CSV that :func:`read_user_list` reads back, atomically.

    What is left out of it lies beside it with its line numbers, for :func:`read_left_out`. The names and further
    columns of labels may be anything; none of them runs as a formula in a spreadsheet.
    """
    lines = [orjson.dumps([each.line, each.text[:_KEPT_TEXT], each.reason]) for each in users.rejected[:MAX_LEFT_OUT]]
    if lines or left_out_file(path).exists():
        write_atomically(left_out_file(path), b"\n".join([*lines, b""]))
    write_atomically(path, _as_csv(users))


def left_out_file(path: Path) -> Path:
    """Where the lines that a kept list leaves out are kept."""
    return path.with_suffix(".left-out.jsonl")


def read_left_out(path: Path) -> list[Rejected]:
    """The lines that were left out when the list at ``path`` was kept; none where that is not known."""
    try:
        lines = left_out_file(path).read_bytes().splitlines()
        return [Rejected(int(line), str(text), str(reason)) for line, text, reason in map(orjson.loads, lines)]
    except (OSError, ValueError, TypeError):
        return []


def remove_user_list(path: Path) -> None:
    """Delete a kept list and what is kept beside it.

    Raises:
        OSError: it cannot be deleted.
    """
    left_out_file(path).unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def available_name(stem: str, *wanted: tuple[Path, UserList]) -> str:
    """``stem``, or the first of ``stem-2``, ``stem-3``, …, under which no folder holds another list than its own."""
    for at in itertools.count(1):
        name = stem if at == 1 else f"{stem}-{at}"
        if all(_is_free(folder / f"{name}.csv", users) for folder, users in wanted):
            return name
    raise AssertionError("counting does not end")


def _is_free(path: Path, users: UserList) -> bool:
    return not path.exists() or path.read_bytes() == _as_csv(users).encode()


def _as_csv(users: UserList) -> str:
    columns = sorted({key for extra in users.extra.values() for key in extra})
    header = ["username"] + (["age", *columns] if users.ages or users.ranges else [])
    told = {username: f"{age:g}" for username, age in users.ages.items()}
    told |= {username: str(answer) for username, answer in users.ranges.items()}
    rows = []
    for username in [*users.usernames, *users.ranges]:
        more = [told[username], *(users.extra[username].get(column, "") for column in columns)] if told else []
        rows.append(map(safe_name, [username, *more]))
    return csv_text(map(safe_name, header), rows)
