"""What a study takes on the disk, and what of it can be made again."""

import os
import shutil
from pathlib import Path

from core.errors import AgeScopeError
from core.settings import Settings

IN_USE = "index"
"""The folder in the cache that the open index writes to."""


def disk_use(settings: Settings) -> dict[str, int]:
    """Bytes by what they hold: accounts, models, predictions, jobs, trash, caches, index."""
    return {
        "accounts": _size(settings.accounts_dir),
        "models": _size(settings.models_dir),
        "predictions": _size(settings.predictions_dir),
        "jobs": _size(settings.jobs_dir),
        "trash": _size(settings.data_dir / "trash"),
        "caches": _size(settings.cache_dir),
        "index": sum(_size(path) for path in settings.data_dir.glob(f"{settings.index_file.name}*")),
    }


def clear_caches(settings: Settings) -> None:
    """Delete what can be computed again: encoded accounts, uploads that were imported.

    Raises:
        AgeScopeError: something cannot be deleted.
    """
    if not settings.cache_dir.is_dir():
        return
    try:
        for path in settings.cache_dir.iterdir():
            if path.name == IN_USE:
                continue
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    except OSError as error:
        raise AgeScopeError(
            f"The caches cannot be cleared: {error.strerror}. Correct the permissions of {settings.cache_dir}."
        ) from error


def _size(path: Path) -> int:
    if not path.is_dir():
        return path.stat().st_size if path.is_file() else 0
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                total += os.lstat(os.path.join(folder, name)).st_size  # noqa: PTH118 -- a hundred thousand of them
            except FileNotFoundError:  # a temporary file, gone meanwhile
                continue
    return total
