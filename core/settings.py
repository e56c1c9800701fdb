"""Where things lie, and the secrets: read from ``AGESCOPE_*`` environment variables."""

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
        "with =viewer after it, one sees shares and charts only",
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
        read_people(value)
        return value

    @field_validator("pseudonym_key")
    @classmethod
    def _absolute_key(cls, value: Path | None) -> Path | None:
        return value and value.expanduser().resolve()

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


def read_people(text: str) -> dict[str, Role]:
    """Who may use the dashboard: ``ada@example.org, bo@example.org=viewer``; without a word, an operator.

    Raises:
        ValueError: a role or an address cannot be one, or somebody is there with two roles.
    """
    roles: dict[str, Role] = {}
    for entry in filter(None, (part.strip().lower() for part in text.split(","))):
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
    """The settings of this process; read once.

    Raises:
        InputError: an environment variable holds a value that cannot be used.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "AGESCOPE_" + str(first["loc"][0]).upper()
        raise InputError(f"The setting {name} cannot be used: {first['msg'].removeprefix('Value error, ')}.") from error
