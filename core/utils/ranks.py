"""Which of several processes of one command this is, as ``torchrun`` tells it.

Torch is not needed to know it. ``RANK`` alone tells nothing: queues of clusters set it for reasons of their own.
"""

import os


def processes() -> int:
    """How many ``torchrun`` has started for this command; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1")) if "TORCHELASTIC_RUN_ID" in os.environ else 1


def process_number() -> int:
    """This process's number among them, from 0; the first is the one that writes and speaks."""
    return int(os.environ["RANK"]) if processes() > 1 else 0
