"""What a study says of itself: ``study.json`` in its folder, with the date until which its data are kept."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from secrets import token_hex
from typing import Annotated

from filelock import FileLock
from pydantic import Field, ValidationError, field_validator

from core.errors import InputError
from core.settings import STUDY_FILE, Settings, read_people
from core.utils.records import Record, read_record_if_any, write_record

_LOCK_FILE = ".study.lock"
_ADVICE = (
    "Mend it, or put it back from a copy: it says which key the pseudonyms are made with. "
    "Only where no pseudonym was given away yet can it be deleted."
)
_Text = Annotated[str, Field(max_length=2_000)]


class Study(Record):
    """What the people who run a study say of it; every field may be empty.

    Attributes:
        id: by which its key of pseudonyms is found; made once.
        key_check: by which a wrong or missing key of pseudonyms is recognised; tells nothing of the key.
        question: what it wants to find out.
        cutoff: the age that it asks about, in years; None leaves 21.
        people: who may see it, as AGESCOPE_PEOPLE says it; "" are all whom that lets in. It can only leave out people,
            and make viewers of operators.
        keep_until: after this day nothing of the people in the data should be left.
    """

    id: str = Field("", pattern=r"^[0-9a-f]*$", max_length=32)
    key_check: str = Field("", max_length=64)
    title: _Text = ""
    question: _Text = ""
    cutoff: float | None = Field(None, gt=5, lt=120)
    people: _Text = ""
    institution: _Text = ""
    responsible: _Text = ""
    contact: _Text = ""
    purpose: _Text = ""
    legal_basis: _Text = ""
    review_board: _Text = ""
    keep_until: date | None = None

    @field_validator("people")
    @classmethod
    def _with_roles(cls, value: str) -> str:
        read_people(value)
        return value


def read_study(settings: Settings) -> Study:
    """What is said of the study; a study of which nothing is said has no file.

    Raises:
        InputError: the file is damaged.
    """
    return read_record_if_any(Study, settings.data_dir / STUDY_FILE, _ADVICE) or Study()


def change_study(settings: Settings, **values: object) -> Study:
    """Say something else of the study, and return all that is said.

    Args:
        settings: whose study.
        values: field -> what is said.

    Raises:
        InputError: a value cannot be used, or the file is damaged.
        AgeScopeError: the file cannot be written.
    """
    return _change(settings, values)


def say_once(settings: Settings, **values: object) -> Study:
    """Like :func:`change_study`, where nothing is said yet: of several who say it at once, the first is right."""
    return _change(settings, values, where_empty=True)


def _change(settings: Settings, values: Mapping[str, object], where_empty: bool = False) -> Study:
    path = settings.data_dir / STUDY_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(_lock(path)):
        try:
            said = read_study(settings).model_dump()
            new = {name: value for name, value in values.items() if not (where_empty and said[name])}
            study = Study.model_validate({**said, **new})
        except ValidationError as error:
            first = error.errors()[0]
            said_why = first["msg"].removeprefix("Value error, ")
            raise InputError(f"{first['loc'][0]} cannot be used: {said_why}.") from error
        write_record(path, study)
    return study


def identified_study(settings: Settings) -> Study:
    """The study with an id, which it is given now if it has none."""
    study = read_study(settings)
    return study if study.id else say_once(settings, id=token_hex(8))


def _lock(path: Path) -> Path:
    return path.with_name(_LOCK_FILE)
