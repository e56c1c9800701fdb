"""What an import is asked to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from core.errors import InputError
from core.storage.date_order import DateOrder
from core.storage.field_names import FIELDS, Field
from core.utils.encodings import codec_of
from core.utils.options import CommandArguments, Option

_OTHER_NAMES = {"user": "username", "text": "caption", "time": "taken_at", "date": "taken_at"}

ColumnChoice = tuple[Field, str]
"""A field, and the name of the column that is it."""


def column_choice(text: str) -> ColumnChoice:
    """What ``caption=description`` says.

    Raises:
        InputError: it is of another form, or there is no such field.
    """
    said, _, name = text.partition("=")
    said = _OTHER_NAMES.get(said.strip().lower(), said.strip().lower())
    wanted = next((each for each in FIELDS if each == said), None)
    if wanted is None or not name.strip():
        raise InputError(
            f"{text[:60]!r} does not say which column is what. Write it as caption=NAME; before the = stands one of "
            f"{', '.join(FIELDS)}."
        )
    return wanted, name.strip()


def known_encoding(text: str) -> str:
    """The name of an encoding, as it was written.

    Raises:
        InputError: there is none of that name.
    """
    codec_of(text)
    return text.strip()


@dataclass(frozen=True)
class ImportArguments(CommandArguments):
    """What to take in, and where to: the options of ``import``."""

    COMMAND: ClassVar[str] = "import"

    source_path: Annotated[
        Path, Option("A file or a folder, recognised by its content.", exists=True, is_positional=True)
    ]
    output_dir: Annotated[Path, Option("Where the accounts' files go.", path="folder")]
    username: Annotated[str | None, Option("Whose posts they are, where the source does not say.")] = None
    column: Annotated[
        Sequence[ColumnChoice],
        Option(
            f"Which column or field is what, such as caption=description; repeatable. One of {', '.join(FIELDS)}.",
            metavar="FIELD=NAME",
            read=column_choice,
            write="=".join,
        ),
    ] = ()
    encoding: Annotated[
        str | None,
        Option(
            "In which encoding the texts are, such as cp1252 or mac_cyrillic, where that is not recognised.",
            metavar="NAME",
            read=known_encoding,
        ),
    ] = None
    date_order: Annotated[
        DateOrder | None,
        Option("What stands first in dates such as 01/05/2024, where no date shows it."),
    ] = None
    dry_run: Annotated[bool, Option("Only say what would be kept, and write nothing.")] = False
