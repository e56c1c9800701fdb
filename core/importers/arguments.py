"""What an import is asked to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal, get_args

from core.errors import InputError
from core.utils.options import CommandArguments, Option

Field = Literal["username", "caption", "taken_at", "id", "shortcode", "likes", "comments", "kind", "age"]
"""What a column may be; the same as in :mod:`core.storage.post_fields`, which loads too much for a start."""

FIELDS: tuple[Field, ...] = get_args(Field)
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
    dry_run: Annotated[bool, Option("Only say what would be kept, and write nothing.")] = False
