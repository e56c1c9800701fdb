"""Where a study's accounts were exported to outside of its folder, so that they can be removed there too."""

from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from core.utils.io import write_atomically
from core.utils.records import Record, utc_now

EXPORTS_FILE = "exports.jsonl"


class NotedExport(Record):
    """A line of ``exports.jsonl``: an address, and when accounts first went there."""

    address: str
    at: datetime


def note_export(data_dir: Path, address: str) -> None:
    """Write down that accounts go to an address, unless it is known.

    Raises:
        AgeScopeError: the study's folder cannot be written.
    """
    noted = noted_exports(data_dir)
    if address not in {each.address for each in noted}:
        noted.append(NotedExport(address=address, at=utc_now()))
        write_atomically(data_dir / EXPORTS_FILE, "".join(f"{each.model_dump_json()}\n" for each in noted))


def noted_exports(data_dir: Path) -> list[NotedExport]:
    """The addresses in the order of their first use; a damaged line is left out."""
    path = data_dir / EXPORTS_FILE
    if not path.is_file():
        return []
    found = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            found.append(NotedExport.model_validate_json(line))
        except ValidationError:
            continue
    return found
