"""What a removal of accounts is asked to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from core.utils.options import CommandArguments, Option


@dataclass(frozen=True)
class ForgetArguments(CommandArguments):
    """Whom to remove: the options of ``forget``."""

    COMMAND: ClassVar[str] = "forget"

    usernames: Annotated[Sequence[str], Option("The accounts to remove.", metavar="USERNAME...", is_positional=True)]
