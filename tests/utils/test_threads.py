"""A wait that a signal interrupts at any moment ends all the same."""

import subprocess
import sys

from core.settings import PROJECT_DIR

SHOWERED = """
import signal, threading
from core.utils import threads
threads._LOOK_S = 0.0005
signal.signal(signal.SIGALRM, lambda number, frame: None)
signal.setitimer(signal.ITIMER_REAL, 0.0003, 0.00031)
for _ in range(20):
    try:
        threads.call_with_deadline(threading.Event().wait, lambda: None, 0.05)
    except TimeoutError:
        pass
signal.setitimer(signal.ITIMER_REAL, 0)
"""


def test_a_shower_of_signals_makes_no_wait_endless() -> None:
    """With ``SimpleQueue``, whose ``get`` waits for ever where a signal comes as it times out, this hung at once."""
    subprocess.run([sys.executable, "-c", SHOWERED], cwd=PROJECT_DIR, timeout=30, check=True)
