"""What a collection tells of each account."""

from typing import Literal

from core.jobs.events import Event
from core.storage.models import Outcome


class AccountEvent(Event):
    """An account was asked about.

    Attributes:
        username: whose.
        outcome: as in the account's file.
        posts: how many that file holds.
        requests: that it took.
        reason: of the outcome, where it is no good one.
    """

    kind: Literal["account"] = "account"
    username: str
    outcome: Outcome
    posts: int
    requests: int
    reason: str | None = None
