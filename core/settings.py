"""Where things lie, and the secrets: read from ``AGESCOPE_*`` environment variables.

The data folder is a study, called ``main``. Further ones lie in the folder of studies, a folder each. A
command works in one of them; the dashboard, where every tab has its own, asks :func:`settings_of`.
"""

import re
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.errors import InputError

PROJECT_DIR = Path(__file__).resolve().parent.parent
SAMPLE_DIR = PROJECT_DIR / "data" / "sample"

MAIN_STUDY = "main"
"""What the study is called that is the data folder itself."""
STUDY_FILE = "study.json"
_STUDY_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")

Role = Literal["viewer", "operator"]
"""An operator may do everything; a viewer sees shares and charts."""


def default_data_dir(project: Path = PROJECT_DIR) -> Path:
    """The folder ``data`` of a checkout; of an installed AgeScope, the one in the folder that the shell stands in."""
    return (project if (project / "pyproject.toml").is_file() else Path.cwd()) / "data"


class Settings(BaseSettings):
    """Every setting, with its environment variable ``AGESCOPE_<NAME IN CAPITALS>``."""

    model_config = SettingsConfigDict(env_prefix="AGESCOPE_", frozen=True)

    data_dir: Path = Field(
        default_factory=default_data_dir, description="the folder of one study: all that the program writes"
    )
    studies_dir: Path | None = Field(
        None, description="the folder of further studies, one folder each; by default the folder studies of data_dir"
    )
    study: str = Field(MAIN_STUDY, description="the study to work in: main, which is data_dir, or another's name")
    instagram_url: str = Field(
        "https://www.instagram.com", description="base address of Instagram; plain http for loopback only"
    )
    graph_url: str = Field(
        "https://graph.facebook.com", description="base address of the Graph API; plain http for loopback only"
    )
    instagram_session: SecretStr | None = Field(None, description="secret: the value of the cookie named sessionid")
    graph_token: SecretStr | None = Field(None, description="secret: an access token of the Graph API")
    graph_user_id: SecretStr | None = Field(None, description="secret: the Instagram user id the token belongs to")
    cpu: Literal["", "avx2", "plain"] = Field(
        "", description="holds the processor to less than it can: avx2, or plain for torch's own products"
    )
    people: str = Field(
        "",
        description="mail addresses, with commas between, of those who may use the dashboard; "
        "with =viewer after it, one sees shares and charts only; or the path of a file with one on each line",
    )
    pseudonym_key: Path | None = Field(
        None, description="file of the key of pseudonyms; by default one for each study, outside of its folder"
    )

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().resolve()

    @field_validator("instagram_url", "graph_url")
    @classmethod
    def _secure(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
            return value.rstrip("/")
        raise ValueError("must begin with https:// (plain http is accepted for loopback only)")

    @field_validator("people")
    @classmethod
    def _with_roles(cls, value: str) -> str:
        people = _people_of_file(Path(value).expanduser()) if _is_a_path(value) else value
        read_people(people)
        return people

    @field_validator("pseudonym_key", "studies_dir")
    @classmethod
    def _absolute_where_given(cls, value: Path | None) -> Path | None:
        return value and value.expanduser().resolve()

    @property
    def studies_folder(self) -> Path:
        """Where further studies lie; in the settings of one of these, as in those of the data folder."""
        return self.studies_dir or self.data_dir / "studies"

    @property
    def roles(self) -> dict[str, Role]:
        """The role of everybody whom ``AGESCOPE_PEOPLE`` names, by address in small letters."""
        return read_people(self.people)

    @property
    def accounts_dir(self) -> Path:
        """One JSON file per collected or imported account."""
        return self.data_dir / "accounts"

    @property
    def lists_dir(self) -> Path:
        """Uploaded user lists, one CSV each."""
        return self.data_dir / "lists"

    @property
    def labels_dir(self) -> Path:
        """Uploaded labels (username, age, further columns), one CSV each."""
        return self.data_dir / "labels"

    @property
    def imports_dir(self) -> Path:
        """Whom each import brought, one list each, as a CSV."""
        return self.data_dir / "imports"

    @property
    def coding_dir(self) -> Path:
        """One folder per batch of accounts that people label, with what each coder said."""
        return self.data_dir / "coding"

    @property
    def models_dir(self) -> Path:
        """One folder per trained model."""
        return self.data_dir / "models"

    @property
    def predictions_dir(self) -> Path:
        """One folder per prediction run."""
        return self.data_dir / "predictions"

    @property
    def jobs_dir(self) -> Path:
        """One folder per background job."""
        return self.data_dir / "jobs"

    @property
    def cache_dir(self) -> Path:
        """What can be computed again: encoded users, uploads in transit."""
        return self.data_dir / "cache"

    @property
    def index_file(self) -> Path:
        """The DuckDB index; can be deleted at any time."""
        return self.data_dir / "index.duckdb"


def _is_a_path(people: str) -> bool:
    return people.startswith(("/", "~", "./", "../")) or bool(people.strip() and "@" not in people)


def _people_of_file(path: Path) -> str:
    """What a file of people says, without what stands behind a #.

    Raises:
        ValueError: it cannot be read, or names nobody: that would let in everybody.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise ValueError(f"it is neither mail addresses nor a file that can be read ({path}: {why})") from error
    people = ", ".join(filter(None, (line.partition("#")[0].strip(" ,\t") for line in lines)))
    if not people:
        raise ValueError(f"the file {path} names nobody, which would let in everybody who can sign in")
    return people


def read_people(text: str) -> dict[str, Role]:
    """Who may use the dashboard: ``ada@example.org, bo@example.org=viewer``; without a word, an operator.

    Raises:
        ValueError: a role or an address cannot be one, or somebody is there with two roles.
    """
    roles: dict[str, Role] = {}
    for entry in filter(None, (part.strip().lower() for part in re.split(r"[,\n]", text))):
        address, mark, word = (part.strip() for part in entry.rpartition("="))
        if not mark or "@" in word:  # an address may hold the sign itself
            address, word = entry, "operator"
        if "@" not in address:
            raise ValueError(f"{address!r} is no mail address")
        if word not in ("viewer", "operator"):
            raise ValueError(f"the role {word!r} of {address} must be viewer or operator")
        role: Role = "viewer" if word == "viewer" else "operator"
        if roles.setdefault(address, role) != role:
            raise ValueError(f"{address} stands there as viewer and as operator")
    return roles


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process, in the study that AGESCOPE_STUDY names; read once.

    Raises:
        InputError: an environment variable holds a value that cannot be used, or there is no such study.
    """
    found = _of_environment()
    return _in_study(found, found.study)


def settings_of(study: str) -> Settings:
    """The settings of this process, in another study.

    Raises:
        InputError: there is no such study, or an environment variable holds a value that cannot be used.
    """
    here = get_settings()
    if study == here.study:
        return here
    return _in_study(here if here.study == MAIN_STUDY else _of_environment(), study)


def study_names() -> list[str]:
    """The studies that there are, main first: of the folder of studies, each folder that holds ``study.json``."""
    return _studies_in(get_settings().studies_folder)


def study_of(data_dir: Path) -> str:
    """What the study is called whose data folder this is; main where it lies in no folder of studies."""
    is_one = data_dir.parent == get_settings().studies_folder and is_study_name(data_dir.name)
    return data_dir.name if is_one else MAIN_STUDY


def is_study_name(name: str) -> bool:
    """Whether a study beside main may be called so: a folder's name on every system, and a word in an address."""
    return name != MAIN_STUDY and bool(_STUDY_NAME.fullmatch(name))


def _of_environment() -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "AGESCOPE_" + str(first["loc"][0]).upper()
        raise InputError(f"The setting {name} cannot be used: {first['msg'].removeprefix('Value error, ')}.") from error


def _in_study(main: Settings, study: str) -> Settings:
    known = _studies_in(main.studies_folder)
    if study not in known:
        raise InputError(
            f"There is no study {study[:60]!r}. The studies here: {', '.join(known)}. "
            "A new one is made with: python -m core new-study NAME"
        )
    folder = main.data_dir if study == MAIN_STUDY else main.studies_folder / study
    return main.model_copy(update={"study": study, "data_dir": folder, "studies_dir": main.studies_folder})


def _studies_in(folder: Path) -> list[str]:
    found = (path.parent.name for path in folder.glob(f"*/{STUDY_FILE}"))
    return [MAIN_STUDY, *sorted(filter(is_study_name, found))]
