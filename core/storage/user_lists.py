"""User lists and labels: read what people have, and explain line by line what cannot be used."""

import csv
import io
import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from core.errors import InputError
from core.storage.predictions_file import plain_name, safe_name
from core.utils.io import decode_text, read_text, write_atomically

INSTAGRAM_USERNAME = re.compile(r"[a-z0-9._]{1,30}")
MAX_NAME_LENGTH = 64
AGE_RANGE = (5, 120)

_USER_COLUMNS = ("username", "user", "user.name", "user_name", "handle", "account")
_AGE_COLUMNS = ("age", "labeled age", "labelled age", "labeled_age", "labelled_age")
_PROFILE_HOSTS = ("instagram.com", "www.instagram.com", "m.instagram.com")
_NOT_CLOSED = "a quotation mark is not closed"


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
        extra: further columns of a labels file by username (for example gender or language).
    """

    usernames: list[str] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    duplicates: int = 0
    ages: dict[str, float] = field(default_factory=dict)
    extra: dict[str, dict[str, str]] = field(default_factory=dict)


class Row(NamedTuple):
    """A line of a list or a table: its number, its text, its cells by column, and why these cannot be read."""

    line: int
    text: str
    cells: dict[str, str]
    fault: str | None


def canonical_username(text: str) -> str:
    """The one form of an account's name that files, labels and predictions share.

    ``@Name``, ``https://www.instagram.com/Name/?hl=en`` and `` name `` are all ``name``. What could
    not be an Instagram username (a participant's code such as ``P-017``) keeps its letter case.
    """
    name = unicodedata.normalize("NFC", text.strip().strip("\u200b\ufeff"))
    if "instagram.com/" in name.lower():
        name = _name_of_profile_url(name)
    name = name.removeprefix("@").strip()
    lowered = name.lower()
    return lowered if INSTAGRAM_USERNAME.fullmatch(lowered) else name


def why_not_instagram(name: str) -> str | None:
    """Why ``name`` (canonical) cannot be an Instagram username, or None if it can."""
    if not name:
        return "no username on this line"
    if not INSTAGRAM_USERNAME.fullmatch(name):
        if len(name) > 30:
            return "longer than the 30 characters of an Instagram username"
        return "an Instagram username has only letters a-z, digits, dots and underscores"
    return None


def why_not_a_name(name: str) -> str | None:
    """Why ``name`` (canonical) cannot name an imported account, or None if it can."""
    if not name:
        return "no username on this line"
    if len(name) > MAX_NAME_LENGTH:
        return f"longer than {MAX_NAME_LENGTH} characters"
    if any(unicodedata.category(character).startswith("C") for character in name):
        return "contains a control character"
    return None


def read_user_list(source: Path | bytes, name: str = "the list") -> UserList:
    """Read a user list: one username per line, or a CSV with a username column.

    Args:
        source: a path, or the bytes of an upload.
        name: what messages call the upload.

    Raises:
        InputError: the file as a whole cannot be used (missing, empty, binary, no usable column).
    """
    users = UserList()
    seen: set[str] = set()
    for row in _rows(source, name):
        username = "" if row.fault else canonical_username(row.cells["username"])
        if reason := row.fault or why_not_instagram(username):
            users.rejected.append(Rejected(row.line, row.text if row.fault else row.cells["username"], reason))
        elif username in seen:
            users.duplicates += 1
        else:
            seen.add(username)
            users.usernames.append(username)
    return users


def read_labels(source: Path | bytes, name: str = "the labels") -> UserList:
    """Read labels: a CSV with a username and an age column; further columns are kept.

    A line whose age is no number from 5 to 120 is rejected. An account that stands twice with
    different ages is rejected whole, on each of its lines, because nobody can know which is right.

    Raises:
        InputError: the file as a whole cannot be used, or it has no age column.
    """
    return _labels(_rows(source, name, need_age=True), why_not_a_name)


def _labels(rows: Iterable[Row], why_not: Callable[[str], str | None]) -> UserList:
    """The labels of ``rows``, whose names ``why_not`` judges; see :func:`read_labels`."""
    users = UserList()
    lines: dict[str, list[Row]] = {}
    for row in rows:
        username = "" if row.fault else canonical_username(row.cells["username"])
        if reason := row.fault or why_not(username) or why_not_an_age(row.cells["age"]):
            users.rejected.append(Rejected(row.line, _as_written(row), reason))
            continue
        age = float(row.cells["age"])
        lines.setdefault(username, []).append(row)
        if username not in users.ages:
            users.usernames.append(username)
            users.ages[username] = age
            users.extra[username] = {k: v for k, v in row.cells.items() if k not in (*_USER_COLUMNS, *_AGE_COLUMNS, "")}
        elif users.ages[username] == age:
            users.duplicates += 1
        else:
            users.ages[username] = float("nan")
    for username in [u for u, age in users.ages.items() if age != age]:
        for row in lines[username]:
            users.rejected.append(Rejected(row.line, _as_written(row), "this account is labelled with different ages"))
        users.usernames.remove(username)
        del users.ages[username], users.extra[username]
    users.rejected.sort(key=lambda rejected: rejected.line)
    return users


def _as_written(row: Row) -> str:
    return row.text if row.fault else f"{row.cells['username']}, {row.cells['age']}"


class NoAgeColumn(InputError):
    """A table has no column that holds ages."""


def labels_in_list(source: Path | bytes, name: str = "the list") -> UserList | None:
    """The labels that a user list holds in an age column, and its ages that cannot be used.

    Only accounts that :func:`read_user_list` takes are looked at, which tells of the others; an
    account without an age is no fault in a list.

    Returns:
        None where there is no such column, or nothing in it.

    Raises:
        InputError: as :func:`read_user_list`.
    """
    try:
        rows = _rows(source, name, need_age=True)
    except NoAgeColumn:
        return None
    listed = (row for row in rows if not row.fault and not why_not_instagram(canonical_username(row.cells["username"])))
    labels = _labels((row for row in listed if row.cells["age"]), why_not_instagram)
    return labels if labels.usernames or labels.rejected else None


def why_not_an_age(text: str) -> str | None:
    """Why ``text`` cannot be an age in years, or None if it can; does not repeat it, as it may be anything."""
    try:
        age = float(text)
    except ValueError:
        return "the age is not a number" if text.strip() else "no age on this line"
    if not AGE_RANGE[0] <= age <= AGE_RANGE[1]:
        return f"the age is outside {AGE_RANGE[0]} to {AGE_RANGE[1]}"
    return None


def why_rejected(users: UserList) -> dict[str, int]:
    """How many lines were rejected for each reason, most frequent first."""
    return dict(Counter(rejected.reason for rejected in users.rejected).most_common())


def write_user_list(path: Path, users: UserList) -> None:
    """Write the usable part of a list as a CSV that :func:`read_user_list` reads back, atomically.

    The names and further columns of labels may be anything; none of them runs as a formula in a spreadsheet.
    """
    write_atomically(path, _as_csv(users))


def free_stem(stem: str, *wanted: tuple[Path, UserList]) -> str:
    """``stem``, or the first of ``stem-2``, ``stem-3``, …, under which no folder holds another list than its own."""
    for at in itertools.count(1):
        name = stem if at == 1 else f"{stem}-{at}"
        if all(_is_free(folder / f"{name}.csv", users) for folder, users in wanted):
            return name
    raise AssertionError("counting does not end")


def _is_free(path: Path, users: UserList) -> bool:
    return not path.exists() or path.read_bytes() == _as_csv(users).encode()


def _as_csv(users: UserList) -> str:
    buffer = io.StringIO()
    columns = sorted({key for extra in users.extra.values() for key in extra})
    header = ["username"] + (["age", *columns] if users.ages else [])
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(map(safe_name, header))
    for username in users.usernames:
        row = [username]
        if users.ages:
            row += [f"{users.ages[username]:g}", *(users.extra[username].get(column, "") for column in columns)]
        writer.writerow(map(safe_name, row))
    return buffer.getvalue()


def _rows(source: Path | bytes, name: str, need_age: bool = False) -> Iterator[Row]:
    """The lines of a list or a table, without its header and without blank ones."""
    text = decode_text(source, name) if isinstance(source, bytes) else read_text(source)
    name = name if isinstance(source, bytes) else source.name
    lines = io.StringIO(text, newline=None).read().split("\n")  # as an editor numbers them
    at = next(at for at, line in enumerate(lines) if line.strip())
    first = lines[at]
    delimiter = max(",;\t", key=first.count)
    cells, end = _record(lines, at, delimiter) or (first.split(delimiter), at + 1)
    header = [plain_name(cell.strip().strip('"')).lower() for cell in cells]
    columns = {
        "username": next((header.index(column) for column in _USER_COLUMNS if column in header), None),
        "age": next((header.index(column) for column in _AGE_COLUMNS if column in header), None),
    }
    without_age = need_age and columns["age"] is None
    if columns["username"] is None and (need_age or len(header) > 1):
        raise (NoAgeColumn if without_age else InputError)(
            f"{name} has no username column: its first line is {first[:80]!r}. "
            f"Name one column 'username'{' and one ' + repr('age') if need_age else ''}."
        )
    if without_age:
        raise NoAgeColumn(f"{name} has no age column. Name the column with the age in years 'age'.")
    if columns["username"] is None:
        return (_name_alone(at, line.strip()) for at, line in enumerate(lines, start=1) if line.strip())
    return _table_rows(lines, end, delimiter, header, {k: v for k, v in columns.items() if v is not None})


def _name_alone(at: int, line: str) -> Row:
    """A line of a list without columns."""
    is_open = line.startswith('"') and (len(line) == 1 or not line.endswith('"'))
    return Row(at, line, {"username": plain_name(line.strip('"'))}, _NOT_CLOSED if is_open else None)


def _table_rows(lines: list[str], at: int, delimiter: str, header: list[str], columns: dict[str, int]) -> Iterator[Row]:
    """The records of a table from line ``at`` on; one whose quotation mark is not closed is its line alone."""
    further = set(range(len(header))) - set(columns.values())
    while at < len(lines):
        line, number = lines[at], at + 1
        found = _record(lines, at, delimiter, further)
        cells, at = found or ([line], number)
        if not any(cell.strip() for cell in cells):
            continue
        row = {column: plain_name(cell.strip()) for column, cell in zip(header, cells, strict=False)}
        row |= {key: plain_name(cells[place].strip()) if place < len(cells) else "" for key, place in columns.items()}
        yield Row(number, line.strip(), row, None if found else _NOT_CLOSED)


def _record(lines: list[str], at: int, delimiter: str, may_break: Collection[int] = ()) -> tuple[list[str], int] | None:
    """The cells of the record that begins at line ``at``, and where the next one begins.

    Returns:
        None where a quotation mark is not closed: neither before the end of the file, nor in one of
        the cells that ``may_break`` into several lines, so that it would swallow the records after it.
    """
    if '"' not in lines[at]:
        return lines[at].split(delimiter), at + 1
    whole = _first_record((f"{lines[further]}\n" for further in range(at, len(lines))), delimiter, strict=True)
    if whole and not any("\n" in cell for place, cell in enumerate(whole[0]) if place not in may_break):
        return whole[0], at + whole[1]
    alone = _first_record((lines[at], ""), delimiter, strict=False)  # as people write them: "anna"_k
    return (alone[0], at + 1) if alone and alone[1] == 1 else None


def _first_record(lines: Iterable[str], delimiter: str, strict: bool) -> tuple[list[str], int] | None:
    """The first record of ``lines`` and how many of them it takes; None where it cannot be read."""
    reader = csv.reader(lines, delimiter=delimiter, strict=strict)
    try:
        return next(reader), reader.line_num
    except csv.Error:
        return None


def _name_of_profile_url(text: str) -> str:
    parts = urlsplit(text if "://" in text else f"https://{text}")
    if parts.hostname not in _PROFILE_HOSTS:
        return text
    return parts.path.strip("/").split("/")[0]
