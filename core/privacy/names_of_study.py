"""Every name that a study knows, from its files, and which pseudonym is whose."""

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote

from core.errors import InputError
from core.privacy.pseudonyms import Pseudonyms
from core.settings import Settings
from core.storage.account_files import account_files, read_account
from core.storage.csv_records import USER_COLUMNS
from core.storage.lease_files import account_of, all_leases
from core.storage.usernames import canonical_username
from core.utils.io import read_text
from core.utils.spreadsheets import csv_text, plain_name, safe_name


def names_of_study(settings: Settings) -> set[str]:
    """The canonical names of all accounts that are collected or about to be, listed, labelled or predicted."""
    from core.storage.predictions_file import usernames_in  # loads pyarrow, which no start should wait for

    names = {*_of_accounts(settings.accounts_dir), *_of_leases(settings.accounts_dir)}
    folders = (settings.lists_dir, settings.labels_dir, settings.imports_dir)
    tables = [path for folder in folders for path in folder.glob("*.csv")]
    for path in (*tables, *settings.predictions_dir.glob("*/*.csv")):
        names.update(names_in_table(path))
    for path in settings.predictions_dir.glob("*/*.parquet"):
        names.update(map(canonical_username, usernames_in(path)))
    return names


def key_table(settings: Settings, pseudonyms: Pseudonyms) -> str:
    """A CSV of all names of a study with their pseudonyms.

    Raises:
        AgeScopeError: two accounts would share one.
    """
    known = pseudonyms.of_all(names_of_study(settings))
    return csv_text(("username", "pseudonym"), ((safe_name(name), its) for name, its in sorted(known.items())))


def renamed(table: Path, new_name: Callable[[str], str]) -> str:
    """A CSV with other names in its column of users, and everything else as it was.

    Args:
        table: of which one column is called as :data:`core.storage.csv_records.USER_COLUMNS` are; or predictions as
            Parquet, which become a CSV.
        new_name: gives a canonical name its new one.

    Raises:
        InputError: the file cannot be read, or has no such column.
    """
    from core.storage.predictions_file import as_csv, is_parquet, read_rows  # loads pyarrow

    text = as_csv(read_rows(table)) if is_parquet(table) else read_text(table)
    header, *rows = [*csv.reader(io.StringIO(text))] or [[]]
    at = _place(header)
    if at is None:
        raise InputError(f"{table} has no column username. Give a CSV with a header, and commas between.")
    for number, row in enumerate(rows, 2):
        if row and len(row) != len(header):
            raise InputError(f"{table}, row {number}: it has {len(row)} cells, the header {len(header)}. Mend the row.")
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    for row in filter(None, rows):
        name = new_name(canonical_username(plain_name(row[at])))
        writer.writerow([*row[:at], safe_name(name), *row[at + 1 :]])
    return buffer.getvalue()


def _place(header: list[str]) -> int | None:
    return next((at for at, cell in enumerate(header) if cell.strip().lower() in USER_COLUMNS), None)


def _of_accounts(folder: Path) -> Iterator[str]:
    if not folder.is_dir():
        return
    for path in account_files(folder):
        if "~" in path.stem:  # a long name, of which the file's holds the beginning only
            try:
                yield read_account(path).username
            except InputError:  # damaged: nobody can say whose it was
                continue
        else:
            yield unquote(path.stem)


def _of_leases(folder: Path) -> Iterator[str]:
    """Accounts that one of several machines has, or had, in hand: of some there is no file yet."""
    for name in map(account_of, all_leases(folder)):
        if "~" not in name:
            yield unquote(name.removesuffix(".json"))


def names_in_table(path: Path) -> Iterator[str]:
    """The canonical names in the column of users of a CSV; none where it has no such column or is damaged."""
    try:
        header, *rows = [*csv.reader(io.StringIO(read_text(path)))] or [[]]
    except (InputError, csv.Error):  # damaged, which the index tells of
        return
    at = _place(header)
    if at is not None:
        yield from (canonical_username(plain_name(row[at])) for row in rows if len(row) > at)
