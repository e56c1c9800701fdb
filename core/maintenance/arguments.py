"""What commands that look after studies are asked to do."""

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
        float | None,
        Option("Remove those collected more than this many days ago instead.", metavar="DAYS", min=0, max=36_500),
    ] = None
    dry_run: Annotated[bool, Option("Only say what would go.")] = False
    yes: Annotated[bool, Option("With --older-than: do not ask.")] = False


@dataclass(frozen=True)
class ReindexArguments(CommandArguments):
    """How to rebuild the index: the options of ``reindex``."""

    COMMAND: ClassVar[str] = "reindex"

    workers: Annotated[int, Option("Processes that read files; worth it from some 100,000 accounts on.", min=1)] = 1


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


@dataclass(frozen=True)
class NewStudyArguments(CommandArguments):
    """The options of ``new-study``."""

    COMMAND: ClassVar[str] = "new-study"

    name: Annotated[str, Option("Its folder's name: small letters, digits, - and _.", is_positional=True)]
    title: Annotated[str, Option("What people call it.")] = ""
    question: Annotated[str, Option("What it wants to find out.")] = ""
    cutoff: Annotated[float | None, Option("The age that it asks about. Default: 21.")] = None
    people: Annotated[
        str, Option("Who of AGESCOPE_PEOPLE may see it, as that says it. Default: all of them.", metavar="ADDRESSES")
    ] = ""
    keep_until: Annotated[str, Option("The day until which its data are kept.", metavar="YYYY-MM-DD")] = ""
    settings_of: Annotated[str, Option("Another study whose settings it takes over.", metavar="STUDY")] = ""


@dataclass(frozen=True)
class PackStudyArguments(CommandArguments):
    """The options of ``pack-study``."""

    COMMAND: ClassVar[str] = "pack-study"

    file: Annotated[Path, Option("The ZIP to write.", path="file", is_positional=True)]


@dataclass(frozen=True)
class UnpackStudyArguments(CommandArguments):
    """The options of ``unpack-study``."""

    COMMAND: ClassVar[str] = "unpack-study"

    file: Annotated[Path, Option("What pack-study wrote.", path="file", exists=True, is_positional=True)]
    output_dir: Annotated[Path, Option("A new folder for what is in it.", path="folder")]
