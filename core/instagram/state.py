"""What is worth knowing after a restart: a session's tokens, and which routes are open.

It lies with the record of past requests in the user's own state folder, not in the study's data
folder, which people copy and share: the tokens are secrets.
"""

import math
import time
from pathlib import Path

import platformdirs
from pydantic import JsonValue, TypeAdapter, ValidationError

from core.errors import AgeScopeError
from core.utils.io import remove_leftovers, write_atomically
from core.utils.machine import machine_name
from core.utils.records import Record


class Kept(Record):
    """A value, and when it was kept, in seconds since 1970."""

    value: JsonValue
    at: float


_EVERYTHING = TypeAdapter(dict[str, dict[str, Kept]])
"""Place -> name -> value: what the file holds."""


def state_dir() -> Path:
    """The folder of this user and machine (``XDG_STATE_HOME/agescope`` on Linux).

    Raises:
        AgeScopeError: it cannot be made.
    """
    # a home folder is often shared by the nodes of a cluster, an outgoing address is not
    folder = platformdirs.user_state_path("agescope", appauthor=False) / machine_name()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise AgeScopeError(
            f"{folder} cannot be made: {error.strerror}. Set XDG_STATE_HOME to a folder that can be written."
        ) from error
    return folder


class StateFile:
    """A few values by name for one place (a base address, and who asks), in a file only this user can read.

    Several processes may use it; the last to write a value wins, which costs a request at most.
    """

    def __init__(self, place: str, file: Path | None = None) -> None:
        self._file = file or state_dir() / "memory.json"
        self._place = place

    def get(self, name: str, max_age_s: float = math.inf) -> JsonValue:
        """The value kept under ``name``, or None if there is none or it is older than ``max_age_s``."""
        kept = self._read().get(self._place, {}).get(name)
        return kept.value if kept and 0 <= time.time() - kept.at < max_age_s else None

    def keep(self, name: str, value: JsonValue) -> None:
        """Keep ``value`` under ``name``."""
        everything = self._read()
        everything.setdefault(self._place, {})[name] = Kept(value=value, at=time.time())
        self._write(everything)

    def drop(self, name: str) -> None:
        """Forget ``name``."""
        everything = self._read()
        if everything.get(self._place, {}).pop(name, None) is not None:
            self._write(everything)

    def _read(self) -> dict[str, dict[str, Kept]]:
        try:
            return _EVERYTHING.validate_json(self._file.read_bytes())
        except (OSError, ValidationError):
            return {}

    def _write(self, everything: dict[str, dict[str, Kept]]) -> None:
        remove_leftovers(self._file.parent)
        write_atomically(self._file, _EVERYTHING.dump_json(everything), is_secret=True)
