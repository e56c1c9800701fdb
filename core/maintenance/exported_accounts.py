"""Accounts that were exported as Parquet: removed where the study's folder holds them, named where it does not."""

from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from core.errors import AgeScopeError
from core.settings import Settings
from core.storage.account_files import AccountFile, file_name
from core.storage.account_shards import AccountShards, shards_below
from core.storage.noted_exports import noted_exports
from core.storage.predictions_file import usernames_in
from core.storage.usernames import canonical_username
from core.utils.addresses import Folder
from core.utils.formatting import count


def remove_exported(settings: Settings, names: Collection[str], *, really: bool) -> Iterator[str]:
    """Remove accounts from the shards in a study's folder, and say where others may hold them.

    Args:
        settings: whose study.
        names: canonical names.
        really: without it nothing is changed.

    Raises:
        AgeScopeError: a shard that names them cannot be written anew.
    """
    is_theirs, removed = _is_of(names), "Removed" if really else "Would be removed"
    for path, found in shards_below(settings.data_dir):
        theirs = sum(map(is_theirs, found))
        if not theirs or _is_of_another_study(path, settings):
            continue
        if really:
            AccountShards(str(path.parent)).leave_out(int(path.stem), is_theirs)
        yield f"{removed} from {path.relative_to(settings.data_dir)}: {count(theirs, 'exported account')}."
    for noted in noted_exports(settings.data_dir):
        yield _elsewhere(noted.address, f"{noted.at:%Y-%m-%d}", is_theirs)


def predicted_names(shards: Path) -> set[str]:
    """The names in what is done of an unfinished prediction; one that is damaged counts for nothing."""
    return {canonical_username(name) for path in shards.glob("*.parquet") for name in usernames_in(path)}


def _elsewhere(address: str, day: str, is_theirs: Callable[[AccountFile], bool]) -> str:
    """What a person has to do about accounts that left the study; "" where nothing."""
    advice = "Export the accounts that are left into an empty folder, and delete this one with every copy of it."
    try:
        folder = Folder(address).path
    except AgeScopeError:  # what leads there is not installed here
        folder = None
    if folder is None:
        return f"Accounts were exported to {address} on {day}, where nothing is removed from here. {advice}"
    theirs = sum(is_theirs(file) for _, found in shards_below(folder) for file in found)
    return f"{count(theirs, 'exported account')} of theirs are in {folder}. {advice}" if theirs else ""


def _is_of(names: Collection[str]) -> Callable[[AccountFile], bool]:
    files, wanted = {file_name(name) for name in names}, {*names}

    def is_theirs(file: AccountFile) -> bool:
        return file.name in files or (file.account is not None and canonical_username(file.account.username) in wanted)

    return is_theirs


def _is_of_another_study(path: Path, settings: Settings) -> bool:
    others = settings.studies_folder
    return path.is_relative_to(others) and not settings.data_dir.is_relative_to(others)
