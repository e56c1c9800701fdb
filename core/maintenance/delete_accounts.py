"""Remove an account from a study, for example when its owner asks for it."""

import csv
import io
from collections.abc import Callable, Iterable
from pathlib import Path

import duckdb
import orjson

from core.collection.outcome_log import LEDGER_NAME
from core.maintenance.disk_usage import clear_caches
from core.models.folder import list_models
from core.settings import Settings
from core.storage.account_files import file_name
from core.storage.usernames import canonical_username
from core.utils.io import write_atomically
from core.utils.spreadsheets import plain_name


def forget(usernames: Iterable[str], settings: Settings) -> list[str]:
    """Remove accounts from the account files, lists, labels, predictions and the reports of jobs.

    Caches are emptied, because they hold uploads and vectors of texts, and the index, where it held
    anything of them, is deleted, to be made anew from the files. A model cannot unlearn: models that
    learnt from an account are named, to be trained again or deleted.

    Returns:
        One sentence for each thing that was removed, or could not be.

    Raises:
        AgeScopeError: a file cannot be written.
    """
    names = {canonical_username(username) for username in usernames}
    absent = [name for name in sorted(names) if not (settings.accounts_dir / file_name(name)).is_file()]
    removed = [_delete(settings.accounts_dir / file_name(name), name) for name in sorted(names.difference(absent))]
    files = {file_name(name) for name in names}
    ledger = settings.accounts_dir / LEDGER_NAME
    _keep_lines(ledger, lambda line: _read(line).get("file") not in files)
    for folder, what in ((settings.lists_dir, "list"), (settings.labels_dir, "labels")):
        removed += [_drop_rows(path, names, f"the {what} {path.stem}") for path in sorted(folder.glob("*.csv"))]
    for path in sorted(settings.predictions_dir.glob("*/*.csv")):
        removed.append(_drop_rows(path, names, f"the predictions {path.parent.name}"))
    for path in sorted(settings.jobs_dir.glob("*/events.jsonl")):
        gone = _keep_lines(path, lambda line: canonical_username(str(_read(line).get("username", ""))) not in names)
        removed.append(f"{gone} entries of the job {path.parent.name} were removed." if gone else "")
    for model in list_models(settings.models_dir):
        learnt = names & model.training.known_accounts
        if learnt:
            removed.append(
                f"The model {model.folder.name} was made with {len(learnt)} of these accounts and cannot unlearn: "
                "train it again, and delete it."
            )
    clear_caches(settings)
    removed = [sentence for sentence in removed if sentence]
    if removed:
        removed.append(_delete_index(settings))
    return [f"There is no file of {name}." for name in absent] + [sentence for sentence in removed if sentence]


def _delete_index(settings: Settings) -> str:
    """Remove the index, in whose free blocks deleted text would stay for a while."""
    if not settings.index_file.is_file():
        return ""
    try:
        duckdb.connect(settings.index_file).close()
    except duckdb.IOException:  # the dashboard has it open
        return (
            "The open dashboard takes the account out of its index, whose free space may keep the text for a while: "
            "press Rebuild the index on the Overview page."
        )
    for path in settings.data_dir.glob(f"{settings.index_file.name}*"):
        path.unlink()
    return "The index was removed; the dashboard makes it anew."


def _delete(path: Path, name: str) -> str:
    path.unlink()
    return f"The file of {name} was removed."


def _drop_rows(path: Path, names: set[str], what: str) -> str:
    """Remove the rows of a CSV whose ``username`` is one of ``names``."""
    with path.open(newline="") as file:
        header, *rows = [*csv.reader(file)] or [[]]
    if "username" not in header:
        return ""
    at = header.index("username")
    kept = [row for row in rows if canonical_username(plain_name(row[at])) not in names]
    if len(kept) == len(rows):
        return ""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([header, *kept])
    write_atomically(path, buffer.getvalue())
    return f"{len(rows) - len(kept)} rows were removed from {what}."


def _keep_lines(path: Path, wanted: Callable[[bytes], bool]) -> int:
    """Rewrite a file of lines with those that are wanted; return how many went."""
    if not path.is_file():
        return 0
    lines = path.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if wanted(line)]
    if len(kept) < len(lines):
        write_atomically(path, b"".join(kept))
    return len(lines) - len(kept)


def _read(line: bytes) -> dict[str, object]:
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return record if isinstance(record, dict) else {}
