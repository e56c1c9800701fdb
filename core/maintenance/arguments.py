"""What a removal of accounts is asked to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from core.utils.options import CommandArguments, Option


@dataclass(frozen=True)
class ForgetArguments(CommandArguments):
    """Whom to remove: the options of ``forget``."""

    COMMAND: ClassVar[str] = "forget"

    usernames: Annotated[
        Sequence[str], Option("The accounts to remove.", metavar="USERNAME...", is_positional=True)
    ] = ()
    older_than: Annotated[
        float | None, Option("Remove those collected more than this many days ago instead.", metavar="DAYS", min=0)
    ] = None
    dry_run: Annotated[bool, Option("Only say what would go.")] = False
    yes: Annotated[bool, Option("With --older-than: do not ask.")] = False


@dataclass(frozen=True)
class PseudonymsArguments(CommandArguments):
    """Whose pseudonyms to tell: the options of ``pseudonyms``."""

    COMMAND: ClassVar[str] = "pseudonyms"

    table: Annotated[
        Path | None,
        Option("A CSV whose usernames are to become pseudonyms. Default: list all of the study.", exists=True),
    ] = None
    reverse: Annotated[bool, Option("Turn the table's pseudonyms back into names.")] = False
    names: Annotated[
        Path | None, Option("A CSV of further names that pseudonyms may belong to, with --reverse.", exists=True)
    ] = None
    output: Annotated[Path | None, Option("The CSV to write. Default: print it.", path="file")] = None
