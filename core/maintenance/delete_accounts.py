"""Remove accounts from a study: because their owners ask for it, or because the time is over for which they are kept.

Nothing is believed: after a removal, :mod:`core.maintenance.prove_forgotten` searches every file that the
program ever wrote, and what it finds is said.
"""

import csv
import shutil
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any

import duckdb
import orjson
from filelock import FileLock

from core.collection.folder_use import nobody_collects
from core.collection.outcome_log import LEDGER_NAME
from core.errors import AgeScopeError, InputError
from core.index.database import anew_file, holder_of, is_held
from core.jobs.job import ACTIVE, list_jobs
from core.labelling.batches import list_batches, save_batch
from core.labelling.records import LOCK_FILE, RECORDS_FILE
from core.maintenance.arguments import ForgetArguments
from core.maintenance.disk_usage import clear_caches
from core.maintenance.exported_accounts import predicted_names, remove_exported
from core.maintenance.prove_forgotten import ENCODER_FILES, Remains, name_pattern, search, words_of
from core.maintenance.trash import empty_trash
from core.models.folder import CONFIG_FILE, ModelInfo, list_models
from core.models.method_names import ALIKE
from core.privacy.action_log import record
from core.privacy.roles import Action, at_command_line
from core.settings import Settings
from core.storage.account_files import account_files, file_name, read_account
from core.storage.lease_files import leases_of
from core.storage.own_names import OWN_NAME_FILE
from core.storage.predictions_file import leave_out
from core.storage.usernames import canonical_username
from core.utils.formatting import count, number
from core.utils.io import parse_json_object, remove_leftovers, write_atomically
from core.utils.spreadsheets import csv_text, plain_name

VOCABULARY_FILE = "vocabulary.json"
_NOT_OF_PEOPLE = ENCODER_FILES | {CONFIG_FILE, VOCABULARY_FILE}
_SHOWN = 10
_DASHBOARD_S = 20.0
"""How long a dashboard is waited for, which looks at its files every few seconds."""


def accounts_to_forget(arguments: ForgetArguments, settings: Settings) -> set[str]:
    """The canonical names of those whom ``forget`` is asked to remove.

    Raises:
        InputError: nobody is named, or both names and an age of the data are given.
    """
    if bool(arguments.usernames) == (arguments.older_than is not None):
        raise InputError("Name the accounts to remove, or say with --older-than how many days accounts are kept.")
    if arguments.older_than is not None:
        return older_accounts(settings, arguments.older_than)
    return {canonical_username(username) for username in arguments.usernames}


def older_accounts(settings: Settings, days: float) -> set[str]:
    """The accounts that were collected or imported more than ``days`` days ago; damaged files are left."""
    before = datetime.now(UTC) - timedelta(days=days)
    if not settings.accounts_dir.is_dir():
        return set()
    found = set()
    for path in account_files(settings.accounts_dir):
        try:
            account = read_account(path)
        except InputError:  # the index names it; nobody knows its age
            continue
        at = account.collected_at
        if (at if at.tzinfo else at.replace(tzinfo=UTC)) < before:
            found.add(account.username)
    return found


def forget(
    usernames: Iterable[str],
    settings: Settings,
    *,
    really: bool = True,
    make_index_anew: Callable[[], object] | None = None,
) -> list[str]:
    """Remove accounts from the account files, lists, labels, predictions, models' records and reports of jobs.

    Caches are emptied, because they hold uploads and vectors of texts, and the index, where it held
    anything of them, is made anew from the files. A model cannot unlearn: models that
    learnt from an account are named, to be trained again or deleted; their lists no longer name it.

    Args:
        usernames: of the accounts.
        settings: whose study.
        really: without it nothing is changed, and the sentences say what would go.
        make_index_anew: does so with the index, where it is open in this process.

    Returns:
        One sentence for each thing that was removed, or could not be, and what a search found afterwards.

    Raises:
        AgeScopeError: a file cannot be written, or a job, a collection or another machine may write an account
            down again.
    """
    names = {canonical_username(username) for username in usernames}
    if not names:
        return ["No account is that old."]
    work = _Removal(names, settings, really)
    if not really:
        return [*work.absent(), *filter(None, work.steps())]
    _refuse_while_jobs_run(settings)
    with nobody_collects(settings.accounts_dir):
        return _forget(work, make_index_anew)


def _forget(work: "_Removal", make_index_anew: Callable[[], object] | None) -> list[str]:
    settings = work.settings
    record(settings, at_command_line(), Action.FORGET, count(len(work.names), "account"))
    words, absent = work.own_words(), work.absent()
    done = [*filter(None, work.steps())]
    clear_caches(settings)
    if removed := empty_trash(settings):
        done.append(f"What was removed before is deleted for good: {count(removed, 'folder')}.")
    if done or anew_file(settings.index_file).exists():
        done.append(_renew_index(settings, make_index_anew))
    return [*absent, *filter(None, done), *_proof(search(settings, work.names, words), settings)]


def _refuse_while_jobs_run(settings: Settings) -> None:
    running = [job for job in list_jobs(settings.jobs_dir) if job.state in ACTIVE and job.record.kind != "check"]
    if running:
        raise AgeScopeError(
            f"{running[0].record.title} is running and may write an account down again. Stop it, or wait for its end."
        )


class _Removal:
    """The steps of one removal, each of which gives sentences, done or only told."""

    def __init__(self, names: set[str], settings: Settings, really: bool) -> None:
        self.names, self.settings, self.really = names, settings, really
        self.pattern = name_pattern(names)
        self.new_names = {name: f"forgotten-{token_hex(4)}" for name in names}
        self.there = {name for name in names if (settings.accounts_dir / file_name(name)).is_file()}

    def absent(self) -> list[str]:
        """A sentence for each account without a file."""
        return [f"There is no file of {name}." for name in sorted(self.names - self.there)]

    def own_words(self) -> set[str]:
        """The words of the accounts' captions, by which a search for them goes."""
        texts: list[str] = []
        for name in self.there:
            try:
                texts += read_account(self.settings.accounts_dir / file_name(name)).captions
            except InputError:  # damaged: what it held is gone with it
                continue
        return words_of(texts)

    def steps(self) -> Iterator[str]:
        """Everything that names the accounts; their files last, so that a removal that was cut off can be repeated."""
        settings = self.settings
        tables = (settings.lists_dir, "list"), (settings.labels_dir, "labels"), (settings.imports_dir, "import")
        for folder, what in tables:
            for path in sorted(folder.glob("*.csv")):
                yield self._rows(path, f"the {what} {path.stem}")
            for path in sorted(folder.glob("*.left-out.jsonl")):
                self._lines(path, lambda line: not self.pattern.search(line))
        yield from self._predictions()
        for path in sorted(self.settings.predictions_dir.glob("*/*.json*")):
            self._json(path, drop=True)
        for folder in (self.settings.predictions_dir, self.settings.models_dir):
            for path in sorted(folder.rglob(OWN_NAME_FILE)):
                self._texts(path)
        for folder in sorted(self.settings.predictions_dir.glob("*/*.shards")):
            yield self._shards(folder)
        yield from remove_exported(settings, self.names, really=self.really)
        for folder in sorted(self.settings.jobs_dir.glob("*/")):  # those of damaged jobs too
            yield self._job(folder)
        yield from self._batches()
        yield from self._models()
        yield from self._account_files()

    def _predictions(self) -> Iterator[str]:
        """Remove the rows of predictions, as CSV and as Parquet, finished and under way."""
        for path in sorted(self.settings.predictions_dir.glob("*/*.csv*")):
            yield self._rows(path, f"the predictions {path.parent.name}")
        for path in sorted(self.settings.predictions_dir.glob("*/*.parquet")):
            gone = leave_out(path, lambda name: canonical_username(name) in self.names, really=self.really)
            yield self._of_rows(gone, f"the predictions {path.parent.name}")

    def _shards(self, folder: Path) -> str:
        """Remove the unfinished shards of a prediction that name the accounts, which can be made again."""
        files = {file_name(name).encode() for name in self.names}
        listed = any(name in path.read_bytes() for path in folder.glob("*.files.json") for name in files)
        if not listed and not self.names & predicted_names(folder):
            return ""
        if self.really:
            shutil.rmtree(folder)
        return f"The unfinished shards of the predictions {folder.parent.name} {self._went('were')} removed."

    def _account_files(self) -> Iterator[str]:
        for name in sorted(self.there):
            yield f"The file of {name} {self._went('was')} removed."
            if self.really:
                (self.settings.accounts_dir / file_name(name)).unlink()
        yield self._leases()
        files = {file_name(name) for name in self.names}
        self._lines(
            self.settings.accounts_dir / LEDGER_NAME, lambda line: parse_json_object(line).get("file") not in files
        )
        if self.really:
            remove_leftovers(self.settings.data_dir)

    def _leases(self) -> str:
        """Remove what says which of several machines had the accounts in hand; machines that were killed leave it."""
        found = [path for name in self.names for path in leases_of(self.settings.accounts_dir, name)]
        if self.really:
            for path in found:
                path.unlink(missing_ok=True)
        was = self._went("was" if len(found) == 1 else "were")
        return f"{count(len(found), 'lease')} of machines that collected together {was} removed." if found else ""

    def _went(self, verb: str) -> str:
        return verb if self.really else "would be"

    def _write(self, path: Path, content: bytes | str) -> None:
        if self.really:
            write_atomically(path, content)

    def _rows(self, path: Path, what: str) -> str:
        """Remove the rows of a CSV whose ``username`` is one of the names."""
        header, rows, at = _table(path)
        if at is None:
            return ""
        kept = [row for row in rows if not self._is_theirs(row, at)]
        if len(kept) < len(rows):
            self._write(path, _as_csv(header, kept))
        return self._of_rows(len(rows) - len(kept), what)

    def _of_rows(self, gone: int, what: str) -> str:
        """A sentence about rows that went; "" where none did."""
        return f"{count(gone, 'row')} {self._went('was' if gone == 1 else 'were')} removed from {what}." if gone else ""

    def _is_theirs(self, row: list[str], at: int) -> bool:
        return len(row) > at and canonical_username(plain_name(row[at])) in self.names

    def _batches(self) -> Iterator[str]:
        """Take the accounts out of the batches that people label, and what coders said of them."""
        for batch in list_batches(self.settings.coding_dir):
            folder = self.settings.coding_dir / batch.name
            with FileLock(folder / LOCK_FILE):
                gone = self._lines(
                    folder / RECORDS_FILE, lambda line: parse_json_object(line).get("username") not in self.names
                )
            if self.really and self.names & {*batch.usernames}:
                save_batch(self.settings.coding_dir, batch.without(self.names))
            yield self._rows(folder / "audit.csv", f"the audit sample of the batch {batch.name}")
            if gone:
                yield f"{count(gone, 'answer')} of the batch {batch.name} {self._went('were')} removed."

    def _models(self) -> Iterator[str]:
        """Put other names where models name the accounts, so that figures stay; say which models learnt from them."""
        models = list_models(self.settings.models_dir)
        known = [(model, self.names & {*model.training.known_accounts}) for model in models]
        for path in sorted(self.settings.models_dir.rglob("*.csv")):
            self._rename_rows(path)
        for path in sorted(self.settings.models_dir.rglob("*.json*")):
            if path.name not in _NOT_OF_PEOPLE:
                self._json(path, drop=False)
        for model, theirs in known:
            yield from self._of_model(model, theirs)

    def _of_model(self, model: ModelInfo, theirs: set[str]) -> Iterator[str]:
        """What accounts were to a model: learnt from, which no model forgets, or only what its figures rest on."""
        split, name = model.training.split, model.folder.name
        measuring = {*split["test"], *(split["validation"] if model.training.method in ALIKE else ())}
        if measured := theirs & measuring:
            yield (
                f"The model {name} was measured on {len(measured)} of these accounts and did not learn from them; its "
                "figures still rest on them."
            )
        if made := theirs - measuring:
            named = "It names them no more, but it" if self.really else "It"
            yield (
                f"The model {name} was made with {len(made)} of these accounts. {named} cannot unlearn: train it "
                "again, and delete it."
            )

    def _rename_rows(self, path: Path) -> None:
        header, rows, at = _table(path)
        if at is None or not any(self._is_theirs(row, at) for row in rows):
            return
        for row in rows:
            if self._is_theirs(row, at):
                row[at] = self.new_names[canonical_username(plain_name(row[at]))]
        self._write(path, _as_csv(header, rows))

    def _json(self, path: Path, drop: bool) -> None:
        """Take the names out of the lists of a JSON file, and out of what it says of their files."""
        try:
            content = orjson.loads(path.read_bytes())
        except orjson.JSONDecodeError:
            return
        changed = self._without_names(content, drop)
        if changed != content:
            self._write(path, orjson.dumps(changed, option=orjson.OPT_INDENT_2))

    def _without_names(self, value: Any, drop: bool) -> Any:
        files = {file_name(name) for name in self.names}
        if isinstance(value, dict):
            kept = {key: each for key, each in value.items() if key not in files}
            return {key: self._without_names(each, drop) for key, each in kept.items()}
        if isinstance(value, list):
            return [
                self.new_names.get(each, each) if isinstance(each, str) else self._without_names(each, drop)
                for each in value
                if not (drop and isinstance(each, str) and each in self.names)
            ]
        return value

    def _job(self, folder: Path) -> str:
        """Take the names out of what a job was asked, says and reports."""
        gone = self._lines(folder / "events.jsonl", lambda line: not self.pattern.search(line))
        self._lines(folder / "log.txt", lambda line: not self.pattern.search(line))
        for path in sorted(folder.glob("*.json")):
            self._texts(path)
        return f"{gone} entries of the job {folder.name} {self._went('were')} removed." if gone else ""

    def _texts(self, path: Path) -> None:
        """Put another name into the texts that a job's file has for people, and into the options that name somebody."""
        content = parse_json_object(path.read_bytes())
        changed = {
            key: self._of_text(value)
            if key in ("title", "message", "waiting_reason", "name", "note")
            else self._of_arguments(value)
            if key == "arguments"
            else value
            for key, value in content.items()
        }
        if changed != content:
            self._write(path, orjson.dumps(changed, option=orjson.OPT_INDENT_2))

    def _of_text(self, value: Any) -> Any:
        return self.pattern.sub(b"forgotten", value.encode()).decode() if isinstance(value, str) else value

    def _of_arguments(self, words: Any) -> Any:
        if not isinstance(words, list):
            return words
        return [
            self.new_names.get(canonical_username(word), word) if before == "--username" else word
            for before, word in zip(["", *words], words, strict=False)
        ]

    def _lines(self, path: Path, wanted: Callable[[bytes], bool]) -> int:
        """Rewrite a file of lines with those that are wanted; return how many went."""
        if not path.is_file():
            return 0
        lines = path.read_bytes().splitlines(keepends=True)
        kept = [line for line in lines if wanted(line)]
        if len(kept) < len(lines):
            self._write(path, b"".join(kept))
        return len(lines) - len(kept)


def _proof(remains: Remains, settings: Settings) -> list[str]:
    """What a search after the removal found, and what to do about it."""
    searched = f"{count(remains.searched, 'file')} of the study and of its state were searched"
    said = []
    if remains.names:
        said.append(f"Still named in {_listed(remains.names, settings)}: delete what is not needed, or rename it.")
    of_models = {path for path in remains.words if path.is_relative_to(settings.models_dir)}
    for folder in sorted({path.parent for path in of_models}):
        said.append(
            f"The model {folder.name} holds words that only these accounts used: train it again, and delete it."
        )
    if others := remains.words.keys() - of_models:
        said.append(f"Words that only these accounts used stand in {_listed(sorted(others), settings)}: delete them.")
    if remains.unreadable:
        said.append(f"Nobody could look into {_listed(remains.unreadable, settings)}.")
    if remains.mentions:
        said.append(f"{count(remains.mentions, 'other account')} mention these in captions of their own, which stay.")
    if not (remains.names or remains.words or remains.unreadable):
        return [*said, f"{searched}: no name is left, and no word that only these accounts used."]
    return [*said, f"{searched}."]


def _listed(paths: Collection[Path], settings: Settings) -> str:
    shown = [
        str(path.relative_to(settings.data_dir) if path.is_relative_to(settings.data_dir) else path)
        for path in [*paths][:_SHOWN]
    ]
    more = f" and {number(len(paths) - _SHOWN)} more" if len(paths) > _SHOWN else ""
    return ", ".join(shown) + more


def _renew_index(settings: Settings, make_anew: Callable[[], object] | None) -> str:
    """Let nothing be left of the index's file, in whose free blocks deleted text would stay for a while."""
    if make_anew:
        make_anew()
        return _MADE_ANEW
    if not settings.index_file.is_file():
        return ""
    marker = anew_file(settings.index_file)
    write_atomically(marker, b"")
    try:
        duckdb.connect(settings.index_file, read_only=True).close()
    except (duckdb.IOException, duckdb.ConnectionException) as error:
        if not is_held(error):
            raise
        return _MADE_ANEW if _is_gone(marker) else _NOT_MADE_ANEW.format(holder_of(error))
    except duckdb.Error:
        pass  # damaged, and about to be removed
    for path in settings.data_dir.glob(f"{settings.index_file.name}*"):
        path.unlink()
    return "The index was removed; the dashboard makes it anew."


_MADE_ANEW = "The open dashboard has made its index anew without them."
_NOT_MADE_ANEW = (
    "The index is open in {}, which has not made it anew, and still holds the text: press Rebuild the index on the "
    "Overview page there, or close it, and run this command again."
)


def _is_gone(path: Path) -> bool:
    """Wait for a file to be removed, as a dashboard does that has made its index anew."""
    until = time.monotonic() + _DASHBOARD_S
    while path.exists() and time.monotonic() < until:
        time.sleep(0.05)
    return not path.exists()


def _table(path: Path) -> tuple[list[str], list[list[str]], int | None]:
    """A CSV's header, rows, and where its usernames stand; None where it has none, or is no CSV."""
    if not path.is_file() or path.suffix == ".json":
        return [], [], None
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        try:
            header, *rows = [*csv.reader(file)] or [[]]
        except csv.Error:
            return [], [], None
    return header, rows, header.index("username") if "username" in header else None


def _as_csv(header: list[str], rows: Iterable[list[str]]) -> bytes:
    return csv_text(header, rows).encode(errors="surrogateescape")
