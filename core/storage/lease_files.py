"""The files that say which of several machines has an account in hand; :mod:`core.collection.leases` is their use."""

from pathlib import Path

from core.storage.account_files import file_name


def leases_of(folder: Path, username: str) -> list[Path]:
    """The leases of an account that lie in a folder, also those of machines that are gone."""
    return [path for path in all_leases(folder) if account_of(path) == file_name(username)]


def all_leases(folder: Path) -> list[Path]:
    """The leases of all accounts that lie in a folder."""
    return sorted(folder.glob(".*.lease-*"))


def account_of(lease: Path) -> str:
    """The name of the file of the account that a lease is of."""
    return lease.name.removeprefix(".").rpartition(".lease-")[0]
