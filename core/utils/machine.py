"""Which machine this is, by a name that lasts."""

import hashlib
import socket
import sys
import uuid


def machine_name() -> str:
    """The name by which jobs and the record of requests know this machine.

    It is the host's name, but for a Mac: that takes another one from each network it is in, and would forget
    what it has asked of Instagram and which jobs are its own. It is known by its hardware, as a hash.
    """
    if sys.platform == "darwin":
        return "mac-" + hashlib.sha256(uuid.getnode().to_bytes(6)).hexdigest()[:12]
    return socket.gethostname()
