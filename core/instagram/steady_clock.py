"""A clock for the limits that goes on evenly when the computer's own is set forward or back.

It counts from the start of the computer, sleep included, so that every process reads the same. What it says is near
the real time: what the difference was when the limits were first asked about since that start is kept in a file.
"""

import time
from pathlib import Path

from core.instagram.patient_lock import PatientLock, Wait
from core.utils.io import find_json_object, write_json
from core.utils.machine import boot_id


def since_start_ms() -> int:
    """Milliseconds since the computer started, whatever its clock was set to meanwhile."""
    # only Linux has it; a Mac's monotonic clock goes on while it sleeps
    return time.clock_gettime_ns(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)) // 1_000_000


class SteadyClock:
    """A clock that all processes with the same file share, until the computer starts anew.

    Where the system does not tell one start from another (macOS), each process goes by the time at its own start.

    Args:
        file: what they share.
        wait: for the file's lock, which another process may hold.

    Raises:
        OSError: the file cannot be read or written.
    """

    def __init__(self, file: Path, wait: Wait) -> None:
        boot = boot_id()
        if not boot:
            self._offset_ms = _difference_ms()
            return
        with PatientLock(f"{file}.lock", wait):
            kept = find_json_object(file)
            offset = kept.get("offset_ms")
            if kept.get("boot") != boot or not isinstance(offset, int):
                offset = _difference_ms()
                write_json(file, {"boot": boot, "offset_ms": offset})
        self._offset_ms = offset

    def now_ms(self) -> int:
        """Milliseconds since 1970, as the clock was set when the limits were first asked about."""
        return since_start_ms() + self._offset_ms


def _difference_ms() -> int:
    return time.time_ns() // 1_000_000 - since_start_ms()
