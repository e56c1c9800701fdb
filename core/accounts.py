"""User lists and labels: read what people have, and explain line by line what cannot be used."""

import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from core.errors import InputError
from core.files import decode_text, read_text, write_atomically

INSTAGRAM_USERNAME = re.compile(r"[a-z0-9._]{1,30}")
MAX_NAME_LENGTH = 64
AGE_RANGE = (5, 120)

_USER_COLUMNS = ("username", "user", "user.name", "user_name", "handle", "account")
_AGE_COLUMNS = ("age", "labeled age", "labelled age", "labeled_age", "labelled_age")
_PROFILE_HOSTS = ("instagram.com", "www.instagram.com", "m.instagram.com")


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
    for line, row in _rows(source, name):
        text = row["username"]
        username = canonical_username(text)
        reason = why_not_instagram(username)
        if reason:
            users.rejected.append(Rejected(line, text, reason))
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
    users = UserList()
    lines: dict[str, list[tuple[int, str]]] = {}
    for line, row in _rows(source, name, need_age=True):
        username = canonical_username(row["username"])
        reason, text = why_not_a_name(username), row["username"]
        if not reason:
            reason, text = why_not_an_age(row["age"]), f"{text}, {row['age']}"
        if reason:
            users.rejected.append(Rejected(line, text, reason))
            continue
        age = float(row["age"])
        lines.setdefault(username, []).append((line, row["username"]))
        if username not in users.ages:
            users.usernames.append(username)
            users.ages[username] = age
            users.extra[username] = {k: v for k, v in row.items() if k not in (*_USER_COLUMNS, *_AGE_COLUMNS, "")}
        elif users.ages[username] == age:
            users.duplicates += 1
        else:
            users.ages[username] = float("nan")
    for username in [u for u, age in users.ages.items() if age != age]:
        for line, text in lines[username]:
            users.rejected.append(Rejected(line, text, "this account is labelled with different ages"))
        users.usernames.remove(username)
        del users.ages[username], users.extra[username]
    users.rejected.sort(key=lambda rejected: rejected.line)
    return users


class NoAgeColumn(InputError):
    """A table has no column that holds ages."""


def labels_in_list(source: Path | bytes, name: str = "the list") -> UserList | None:
    """The labels that a user list holds in an age column; None where it has no such column or no usable age.

    Raises:
        InputError: as :func:`read_user_list`.
    """
    try:
        labels = read_labels(source, name)
    except NoAgeColumn:
        return None
    return labels if labels.usernames else None


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
    """Write the usable part of a list as a CSV that :func:`read_user_list` reads back, atomically."""
    buffer = io.StringIO()
    columns = sorted({key for extra in users.extra.values() for key in extra})
    header = ["username"] + (["age", *columns] if users.ages else [])
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    for username in users.usernames:
        row = [username]
        if users.ages:
            row += [f"{users.ages[username]:g}", *(users.extra[username].get(column, "") for column in columns)]
        writer.writerow(row)
    write_atomically(path, buffer.getvalue())


def _rows(source: Path | bytes, name: str, need_age: bool = False) -> Iterator[tuple[int, dict[str, str]]]:
    """The lines of a list or table as (line number, {"username": ..., "age": ..., ...})."""
    text = decode_text(source, name) if isinstance(source, bytes) else read_text(source)
    name = name if isinstance(source, bytes) else source.name
    first = next(line for line in text.splitlines() if line.strip())
    delimiter = max(",;\t", key=first.count)
    header = [column.strip().strip('"').lower() for column in first.split(delimiter)]
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
        lines = enumerate(text.splitlines(), start=1)
        return ((number, {"username": line.strip().strip('"')}) for number, line in lines if line.strip())
    return _table_rows(text, name, delimiter, header, {k: v for k, v in columns.items() if v is not None})


def _table_rows(
    text: str, name: str, delimiter: str, header: list[str], columns: dict[str, int]
) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    try:
        rows = (cells for cells in reader if any(cell.strip() for cell in cells))
        next(rows)  # the header
        for cells in rows:
            row = {column: cell.strip() for column, cell in zip(header, cells, strict=False)}
            row |= {key: cells[at].strip() if at < len(cells) else "" for key, at in columns.items()}
            yield reader.line_num, row
    except csv.Error as error:
        raise InputError(f"{name}, line {reader.line_num}: not a valid CSV file ({error}).") from error


def _name_of_profile_url(text: str) -> str:
    parts = urlsplit(text if "://" in text else f"https://{text}")
    if parts.hostname not in _PROFILE_HOSTS:
        return text
    return parts.path.strip("/").split("/")[0]
