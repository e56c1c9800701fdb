"""Who may do what: two roles, and every action of the dashboard with those who may do it."""

import getpass
from dataclasses import dataclass
from enum import Enum

from core.errors import AgeScopeError
from core.settings import Role


class Action(Enum):
    """What somebody may do on the dashboard; the value is how the log tells of it."""

    SEE_SHARES = "saw shares and charts"
    DOWNLOAD_FIGURES = "downloaded figures or a report"
    SEE_ACCOUNTS = "opened an account"
    QUERY = "asked a query"
    DOWNLOAD_ROWS = "downloaded rows"
    CHANGE_STUDY = "changed the study"
    COLLECT = "started a collection"
    IMPORT = "started an import"
    TRAIN = "started a training"
    PREDICT = "started a prediction"
    CONTROL_JOBS = "changed a job"
    MAINTAIN = "maintained the study"
    FORGET = "removed accounts"
    MAP_PSEUDONYMS = "asked whose pseudonyms are whose"


VIEWER_ACTIONS = frozenset({Action.SEE_SHARES, Action.DOWNLOAD_FIGURES})
"""What a viewer may do: nothing that names an account or shows what it wrote."""


class NotAllowedError(AgeScopeError):
    """Somebody asked for what their role does not have."""


@dataclass(frozen=True)
class Person:
    """Who is at the dashboard.

    Attributes:
        name: the mail address they signed in with; what stands for it where nobody signs in.
        role: what they may do.
    """

    name: str
    role: Role

    def may(self, action: Action) -> bool:
        """Whether their role has ``action``."""
        return self.role == "operator" or action in VIEWER_ACTIONS

    def require(self, action: Action) -> None:
        """Let them pass or not.

        Raises:
            NotAllowedError: their role does not have ``action``.
        """
        if not self.may(action):
            raise NotAllowedError(
                f"A {self.role} of this study may not do this. Ask whoever runs it for the role operator."
            )


def at_command_line() -> Person:
    """Whoever types a command here."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # a container's number without a name
        name = "somebody"
    return Person(f"{name}, command line", "operator")


LOCAL = Person("this computer", "operator")
"""Whoever sits at a dashboard without a sign-in, which listens on this computer only."""
