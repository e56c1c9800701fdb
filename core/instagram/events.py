"""What is kept of answers that were not posts."""

from typing import Literal

from core.jobs.events import Event


class RefusalEvent(Event):
    """An answer of Instagram's that was not posts.

    Attributes:
        username: who was asked about.
        route: how; see :mod:`core.instagram.routes`.
        error: the class of :mod:`core.instagram.errors`.
        answer: its status and first words.
        meaning, advice: what that is, and what to do.
    """

    kind: Literal["refusal"] = "refusal"
    username: str
    route: str
    error: str
    answer: str
    meaning: str
    advice: str
