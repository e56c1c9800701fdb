"""The lines of user lists and labels: a table of text, a sheet of Excel, or names one per line."""

import io
import itertools
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

from core.errors import InputError
from core.storage.age_answers import is_age_cell
from core.storage.field_names import AGES_ELSEWHERE, USERS_ELSEWHERE, USUAL_NAMES
from core.storage.field_names import plain_name as plain_column
from core.storage.text_tables import MISSING, NOT_CLOSED, Table, open_table
from core.storage.usernames import canonical_username, instagram_username_error
from core.storage.workbooks import LOCKED_OR_OLD, SheetTable, is_workbook, open_sheet
from core.utils.io import check_is_file
from core.utils.spreadsheets import plain_name

USER_COLUMNS = ("username", "user", "user.name", "user_name", "handle", "account")
AGE_COLUMNS = ("age", "labeled age", "labelled age", "labeled_age", "labelled_age")

_USERS = dict.fromkeys(
    (
        *map(plain_column, USER_COLUMNS),
        *("instagram", "instagram_username", "instagram_handle", "instagram_account", "instagram_name"),
        *("instagram_url", "instagram_profile", "ig", "ig_username", "ig_handle", "ig_account", "insta"),
        *("account_name", "instagram_name", "ig_name", "insta_name", "link_to_profile", *USERS_ELSEWHERE),
        *(name for name in USUAL_NAMES["username"] if not name.endswith("id")),
        *("usernames", "users", "handles", "accounts", "profiles", "instagram_accounts", "instagram_usernames"),
        *("profile_link", "url", "urls", "link", "links"),
    )
)
"""What a column of accounts may be called, the best name first, in lower case with ``_`` between words."""
_BIRTHS = re.compile(r"birth|born|geburt|geb_?dat|naiss|nacim|nascim|nascita|geboorte|(^|_)dob(_|$)|bday|jahrgang")
_LIKE_USERS = re.compile(r"(^|_)(instagram|insta|ig)_.*(user|name|handle|account|profil|konto|nick)|user_?name|handle")
"""What else a column of accounts may be called, such as a question of a survey."""
_LIKE_AGES = re.compile(r"(^|_)ages?(_|$)|how_old|wie_alt|quel_âge|cuántos_años|quantos_anos|quanti_anni|hoe_oud")
_HEADERS_ALONE = frozenset(("name", "names", "namen", "nom", "nombre", "nome", "naam", "liste", "list"))
"""First lines that head a list of names, and would be a person's own name in a table."""
_BULLET = re.compile(r"(?:[•·*–-]|\d{1,4}[.)])\s+")
_MISSING = "NA, NULL, None and the like stand for a missing name; an account of that name is written in small letters"
_AGES = tuple(
    dict.fromkeys((*map(plain_column, AGE_COLUMNS), *AGES_ELSEWHERE, "age_years", "age_group", "age_range", "agegroup"))
)


class Row(NamedTuple):
    """A line of a list or a table: its number, its text, its cells by column, and why these cannot be read."""

    line: int
    text: str
    cells: dict[str, str]
    fault: str | None


@dataclass(frozen=True)
class ListChoices:
    """What a person said of a list: the columns of the accounts and of the ages by name, and its encoding."""

    username: str | None = None
    age: str | None = None
    encoding: str | None = None


@dataclass(frozen=True)
class ListLayout:
    """How a list was read.

    Attributes:
        form: what it is, in a few words.
        header: the names of its columns; none in a list of names alone.
        username, age: the columns that were taken for the accounts and the ages; None where there is none.
    """

    form: str = ""
    header: tuple[str, ...] = ()
    username: str | None = None
    age: str | None = None


class NoColumnError(InputError):
    """A table lacks a column that is needed.

    Attributes:
        header: the columns that it has.
    """

    def __init__(self, message: str, header: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.header = tuple(header)


class NoAgeColumn(NoColumnError):
    """A table has no column that holds ages."""


class ListRows:
    """The lines of a list or a table, without its header and without blank ones.

    Attributes:
        remarks: what was decided about the file, in sentences.
        layout: what it is and which columns were taken; known once its first row was asked for.
    """

    def __init__(
        self, source: Path | bytes, name: str, need_age: bool = False, choices: ListChoices | None = None
    ) -> None:
        """Look at the beginning of a file.

        Raises:
            InputError: it cannot be read, or has no column of usernames (or of ages, where these are needed).
        """
        self._source = source
        self._name = name if isinstance(source, bytes) else source.name
        self._need_age = need_age
        self._choices = choices or ListChoices()
        self.remarks: list[str] = []
        self.layout = ListLayout()

    def __iter__(self) -> Iterator[Row]:
        """The lines.

        Raises:
            InputError: the file as a whole cannot be used.
        """
        if isinstance(self._source, Path):
            check_is_file(self._source)
        try:
            with self._opened() as table:
                yield from self._rows(table)
        except OSError as error:
            raise InputError(f"{self._source!s} cannot be read: {error.strerror}.") from error

    def _opened(self) -> AbstractContextManager[Table | SheetTable]:
        if is_workbook(self._source):
            return open_sheet(self._source, self._name, self._is_known)
        with self._bytes() as content:
            if content.read(len(LOCKED_OR_OLD)) == LOCKED_OR_OLD:
                raise InputError(
                    f"{self._name} is a workbook from before 2007, or locked with a password. Save it as .xlsx without "
                    "one, or as CSV."
                )
        return open_table(self._bytes, self._name, self._is_known, self._choices.encoding)

    def _bytes(self) -> IO[bytes]:
        return io.BytesIO(self._source) if isinstance(self._source, bytes) else self._source.open("rb")

    def _rows(self, table: Table | SheetTable) -> Iterator[Row]:
        self._refuse_markup(table)
        self.remarks = table.remarks
        self.layout = ListLayout(table.form)
        if not table.header and not self._need_age and not self._is_table(table):
            yield from self._names_alone(table)
            return
        user_at, age_at = self._columns(table)
        self.layout = ListLayout(
            table.form, tuple(table.header), table.header[user_at], None if age_at is None else table.header[age_at]
        )
        if plain_column(table.header[user_at]) != "username":
            self.remarks.append(f"Usernames are taken from the column {table.header[user_at][:40]!r}.")
        one_line = [user_at] if age_at is None else [user_at, age_at]
        for row in table.rows(user_at, one_line):
            cells = {} if row.fault else _by_column(table.header, row.cells, user_at, age_at)
            yield Row(row.line, row.text.strip(), cells, row.fault)
        if table.short:
            rows = "1 row has" if table.short == 1 else f"{table.short:,} rows have"
            self.remarks.append(f"{rows} fewer cells than the header; the first is on line {table.first_short:,}.")

    def _refuse_markup(self, table: Table | SheetTable) -> None:
        """Say that a file is JSON or a web page, whatever names stand in it.

        Raises:
            InputError: it is.
        """
        first = (table.header[0] if table.header else self._first_line(table)).lstrip()
        what = "JSON" if first.startswith(("{", "[")) else "a web page or XML" if first.startswith("<") else None
        if what:
            raise InputError(
                f"{self._name} is {what}, and no list. Write one name a line, or a CSV with a column 'username'."
            )

    def _names_alone(self, table: Table | SheetTable) -> Iterator[Row]:
        """The names of a list without columns: one a line, or several in a single line."""
        is_one_line = _is_line_of_names(table)
        for at, row in enumerate(table.rows()):
            text = row.text.strip()
            if at == 0 and plain_column(text) in _HEADERS_ALONE:
                self.remarks.append(f"Its first line, {text!r}, is taken for a header.")
            else:
                yield from (_name_alone(row.line, name) for name in (_names_in(text) if is_one_line else [text]))

    def _is_table(self, table: Table | SheetTable) -> bool:
        first = next((row for row in table.sample() if row.text.strip()), None)
        has_cells = first is not None and re.search(r"[,;\t]", first.text.strip().rstrip(",;")) is not None
        return has_cells and not _is_line_of_names(table)

    def _columns(self, table: Table | SheetTable) -> tuple[int, int | None]:
        """Where the usernames and the ages stand, by what the columns are called and hold."""
        sample = [row.cells for row in table.sample() if not row.fault]
        said = {name: self._said(table, name) for name in (self._choices.username, self._choices.age) if name}
        names = [plain_column(name.strip('"')) for name in table.header]
        ages = [at for wanted in _AGES for at, name in enumerate(names) if name in (wanted, f"{wanted}_2")]
        ages = ages or self._likely_ages(table.header, names, sample)
        age_at = said.get(self._choices.age or "", max(ages, key=lambda at: _share_of_ages(sample, at), default=None))
        called = sorted((list(_USERS).index(name), at) for at, name in enumerate(names) if name in _USERS)
        called = called or [(0, at) for at, name in enumerate(names) if _LIKE_USERS.search(name)]
        users = [at for _, at in called if at != age_at]
        user_at = said.get(
            self._choices.username or "", max(users, key=lambda at: _share_of_names(sample, at), default=None)
        )
        without_age = self._need_age and age_at is None
        if user_at is None:
            raise (NoAgeColumn if without_age else NoColumnError)(self._no_users(table), _header(table))
        if without_age:
            raise NoAgeColumn(self._no_ages(table), table.header)
        return user_at, age_at

    def _likely_ages(
        self, header: Sequence[str], names: Sequence[str], sample: Sequence[Sequence[str | None]]
    ) -> list[int]:
        """The column that holds ages by its name and its cells, where none is called as such columns mostly are."""
        like = [at for at, name in enumerate(names) if _LIKE_AGES.search(name) and not _BIRTHS.search(name)]
        found = [at for at in like if _share_of_ages(sample, at)]
        if len(found) > 1 and self._need_age and not self._choices.age:
            several = ", ".join(repr(header[at][:40]) for at in found)
            raise NoAgeColumn(f"{self._name} has several columns that may hold the age: {several}. Say which.", header)
        return found if len(found) == 1 else []

    def _said(self, table: Table | SheetTable, name: str) -> int:
        """Where the column stands that a person named."""
        if name not in table.header:
            there = ", ".join(repr(each[:30]) for each in _header(table)[:12])
            raise NoColumnError(f"{self._name} has no column {name[:40]!r}; it has {there}.", _header(table))
        return table.header.index(name)

    def _no_users(self, table: Table | SheetTable) -> str:
        first = ", ".join(repr(name[:30]) for name in table.header[:8]) or repr(self._first_line(table))
        return (
            f"{self._name} has no username column: its first line is {first}. "
            f"Name one column 'username'{' and one ' + repr('age') if self._need_age else ''}."
        )

    def _no_ages(self, table: Table | SheetTable) -> str:
        told = f"{self._name} has no age column. Name the column with the age in years 'age'."
        births = [name for name in table.header if _BIRTHS.search(plain_column(name))]
        return (
            f"{told} {births[0][:40]!r} seems to tell when people were born: reckon the age from it."
            if births
            else told
        )

    def _is_known(self, name: str) -> bool:
        plain = plain_column(name.strip('"'))
        is_usual = plain in _USERS or plain in _AGES or (_is_phrase(name) and bool(_LIKE_USERS.search(plain)))
        return is_usual or name in (self._choices.username, self._choices.age)

    def _first_line(self, table: Table | SheetTable) -> str:
        return next((row.text.strip()[:80] for row in table.sample()), "")


def _header(table: Table | SheetTable) -> list[str]:
    """The names of the columns, or what stands in the first line where none of them is known."""
    return table.header or next(([cell or "" for cell in row.cells] for row in table.sample() if row.cells), [])


def _share_of_ages(rows: Sequence[Sequence[str | None]], at: int) -> float:
    """The share of a column's cells that say an age, of all rows."""
    return sum(is_age_cell(row[at] or "") for row in rows if at < len(row)) / max(len(rows), 1)


def _share_of_names(rows: Sequence[Sequence[str | None]], at: int) -> float:
    """The share of cells of a column that could be accounts; half a cell more or less is no difference."""
    cells = [cell for row in rows if at < len(row) and (cell := row[at]) and cell.strip()]
    good = sum(instagram_username_error(canonical_username(plain_name(cell.strip()))) is None for cell in cells)
    return round(2 * good / len(cells)) if cells else 0


def _by_column(header: Sequence[str], cells: Sequence[str | None], user_at: int, age_at: int | None) -> dict[str, str]:
    """The cells of a row by the name of their column; ``username`` and ``age`` are called so."""
    texts = [plain_name((cell or "").strip()) for cell in cells]
    row = {
        plain_name(name.strip('"')).lower(): texts[at]
        for at, name in enumerate(header)
        if at not in (user_at, age_at) and at < len(texts)
    }
    row["username"] = texts[user_at] if user_at < len(texts) else ""
    if age_at is not None:
        row["age"] = texts[age_at] if age_at < len(texts) else ""
    return row


def _is_phrase(name: str) -> bool:
    """Whether it is words with blanks between them, which no account and no address is."""
    return " " in name.strip() and "/" not in name


def _names_in(line: str) -> list[str]:
    return [name for name in re.split(r"[,;\s]+", line) if name]


def _is_line_of_names(table: Table | SheetTable) -> bool:
    """Whether a list is a single line with several names in it."""
    rows = [row.text.strip() for row in itertools.islice(table.sample(), 2) if row.text.strip()]
    names = _names_in(rows[0]) if len(rows) == 1 else []
    return len(names) > 1 and all(
        not name.isdigit() and instagram_username_error(canonical_username(name)) is None for name in names
    )


def _name_alone(at: int, line: str) -> Row:
    """A line of a list without columns."""
    line = _BULLET.sub("", line, count=1) if _BULLET.match(line) else line
    is_open = line.startswith('"') and (len(line) == 1 or not line.endswith('"'))
    name = plain_name(line.strip('"'))
    fault = NOT_CLOSED if is_open else _MISSING if line in MISSING - {"nan"} else None
    return Row(at, line, {"username": name}, fault)
