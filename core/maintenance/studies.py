"""Several studies beside each other: what each says of itself, and how a new one begins."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from core.errors import InputError
from core.jobs.job import active_jobs
from core.maintenance.arguments import NewStudyArguments
from core.privacy.names_of_study import names_of_study
from core.privacy.study_settings import Study, change_study, read_study
from core.settings import MAIN_STUDY, Settings, get_settings, is_study_name, settings_of, study_names
from core.utils.io import write_atomically

COPIED = ("institution", "responsible", "contact", "legal_basis", "review_board", "cutoff", "people", "keep_until")
"""What a new study takes over from another: never its title and question, nor what its pseudonyms are made with."""
COPIED_FILES = ("routes.toml",)


@dataclass(frozen=True)
class StudyInList:
    """A study as a list of them shows it.

    Attributes:
        name: of its folder, and in addresses; ``main`` is the data folder itself.
        study: what it says of itself.
        running: how many jobs run in it.
    """

    name: str
    study: Study
    running: int

    @property
    def title(self) -> str:
        """What people call it."""
        return self.study.title or self.name


def list_studies() -> list[StudyInList]:
    """All studies, main first.

    Raises:
        InputError: what a study says of itself is damaged.
    """
    everything = [(name, settings_of(name)) for name in study_names()]
    return [StudyInList(name, read_study(its), len(active_jobs(its.jobs_dir))) for name, its in everything]


def new_study(asked: NewStudyArguments) -> Settings:
    """Make an empty study beside the others, and return its settings.

    Raises:
        InputError: it cannot be called so, or there is one, or something that is said of it cannot be used.
        AgeScopeError: its folder cannot be made.
    """
    _check_name(asked.name)
    taken = settings_of(asked.settings_of) if asked.settings_of else None
    given = {field: getattr(read_study(taken), field) for field in COPIED} if taken else {}
    said = {field: value for field in ("title", "question", "cutoff", "people") if (value := getattr(asked, field))}
    if asked.keep_until:
        said["keep_until"] = _day(asked.keep_until)
    folder = get_settings().studies_folder / asked.name
    settings = get_settings().model_copy(update={"study": asked.name, "data_dir": folder})
    change_study(settings, **{**given, **said})
    for name in COPIED_FILES if taken else ():
        if taken and (source := taken.data_dir / name).is_file():
            write_atomically(folder / name, source.read_bytes())
    return settings


def studies_with(names: Iterable[str]) -> list[str]:
    """The studies in which at least one of these accounts is known, by their canonical names."""
    sought = set(names)
    return [study for study in study_names() if sought & names_of_study(settings_of(study))]


def _check_name(name: str) -> None:
    if not is_study_name(name):
        raise InputError(
            f"A study cannot be called {name[:60]!r}. Take small letters, digits, - and _, at most 60 of them, "
            f"beginning with a letter or digit; {MAIN_STUDY} is the data folder itself."
        )
    folder = get_settings().studies_folder / name
    if folder.exists():
        raise InputError(f"{folder} is there already. Give the study another name.")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{text[:40]!r} is no day. Write it as 2027-12-31.") from error
