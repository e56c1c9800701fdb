"""What people call a model or a prediction run, beside what its folder is called: name, note, and whether it counts."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from core.errors import InputError
from core.utils.records import Record, find_record, write_record

OWN_NAME_FILE = "about.json"
MOST_LETTERS = 80
MOST_LETTERS_OF_NOTE = 2_000


class OwnName(Record):
    """``about.json``: what people say of a folder's content; every field may be empty.

    Attributes:
        name: what they call it.
        note: what they want to remember of it.
        starred: whether it is the one that counts.
    """

    name: Annotated[str, Field(max_length=MOST_LETTERS)] = ""
    note: Annotated[str, Field(max_length=MOST_LETTERS_OF_NOTE)] = ""
    starred: bool = False


def own_name_of(folder: Path) -> OwnName:
    """What people say of it; nothing where nobody has said anything that can be read."""
    return find_record(OwnName, folder / OWN_NAME_FILE) or OwnName()


def called(folder: Path) -> str:
    """What people call it, or else the folder's name."""
    return own_name_of(folder).name or folder.name


def say_of(folder: Path, **said: object) -> OwnName:
    """Say something else of it, and return all that is said.

    Raises:
        InputError: a name or note is too long.
        AgeScopeError: the folder cannot be written.
    """
    words = {
        key: " ".join(value.split()) if key == "name" else value
        for key, value in said.items()
        if isinstance(value, str)
    }
    try:
        new = OwnName.model_validate({**own_name_of(folder).model_dump(), **said, **words})
    except ValidationError as error:
        raise InputError(
            f"A name has at most {MOST_LETTERS} letters, a note {MOST_LETTERS_OF_NOTE:,}. Shorten it."
        ) from error
    write_record(folder / OWN_NAME_FILE, new)
    return new
