"""Which machine this is, by a name that lasts."""

import hashlib
import socket
import sys
import uuid
from contextlib import suppress
from functools import cache
from pathlib import Path


def machine_name() -> str:
    """The name by which jobs and the record of requests know this machine.

    It is the host's name, but for a Mac: that takes another one from each network it is in, and would forget
    what it has asked of Instagram and which jobs are its own. It is known by its hardware, as a hash.
    """
    if sys.platform == "darwin":
        return "mac-" + hashlib.sha256(uuid.getnode().to_bytes(6)).hexdigest()[:12]
    return socket.gethostname()


@cache
def numbering_place() -> str:
    """Within what a process is known by its number: this machine, and on Linux the container, as 8 hexadecimal digits.

    Containers may have their host's name and number their processes anew.
    """
    container = ""
    with suppress(OSError):
        container = str(Path("/proc/self/ns/pid").readlink())
    return hashlib.sha256(f"{machine_name()} {container}".encode()).hexdigest()[:8]


@cache
def boot_id() -> str:
    """What tells this start of the computer from every other; "" where the system does not say (macOS)."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def start_of(pid: int) -> str:
    """What tells a process from a later one of its number, however the clock is set; "" where it cannot be told."""
    with suppress(OSError, IndexError):
        # the 22nd field; the second, the command's name, may hold anything but ends with the last bracket
        ticks = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[19]
        return f"{boot_id()} {ticks}"
    return ""
