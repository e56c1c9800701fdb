"""What holds the index open in a process of its own, as a dashboard does."""

import signal
from pathlib import Path

from core.index import Store
from core.settings import get_settings


def follow(ready: str, interval: str) -> None:
    """Open the index and take everything in, say so by a file, and follow the files until SIGTERM, or not ("")."""
    with Store(get_settings()) as store:
        store.refresh()
        if interval:
            store.start(float(interval))
        Path(ready).touch()
        signal.sigwait({signal.SIGTERM})
