"""The routes' data: paths, query ids and headers, with what the user's own file changes."""

import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import InputError

PACKAGE_FILE = Path(__file__).with_name("routes.toml")
OVERRIDE_NAME = "routes.toml"


class Route(BaseModel):
    """One way to ask.

    Attributes:
        number: its number in the documentation.
        path: below the base address; ``{username}`` and the like are filled in. It begins with a slash: behind a host's
            name, anything else makes another host of it, which would get the session.
        doc_id: the query id, which Instagram retires now and then.
        connection: the key under which the answer holds the posts.
        variables: what is sent along, besides what each request adds.
        headers: further headers.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    number: int
    path: str = Field(pattern=r"^/")
    doc_id: str | None = None
    connection: str = ""
    variables: dict[str, Any] = Field(default_factory=dict)
    headers: dict[str, str] = Field(default_factory=dict)


class Headers(BaseModel):
    """What AgeScope says of itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    user_agent: str
    accept_language: str
    app_id: str


class Proxies(BaseModel):
    """Where public proxies are listed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    list_url: str


class RouteData(BaseModel):
    """The whole of ``routes.toml``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    headers: Headers
    tokens: dict[str, str]
    routes: dict[str, Route]
    proxies: Proxies


def load_routes(data_dir: Path) -> RouteData:
    """The package's routes, changed by ``<data_dir>/routes.toml`` where there is one.

    Raises:
        InputError: the user's file cannot be used.
    """
    content = tomllib.loads(PACKAGE_FILE.read_text(encoding="utf-8"))
    override = data_dir / OVERRIDE_NAME
    if not override.is_file():
        return RouteData.model_validate(content)
    try:
        return RouteData.model_validate(_merged(content, tomllib.loads(override.read_text(encoding="utf-8"))))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"{override} cannot be read: {error}. Correct it, or remove it.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{override} cannot be used: {where}: {first['msg']}. Correct it, or remove it.") from error


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """``base`` with ``changes`` laid over it, table by table."""
    both = {key: _merged(base[key], value) for key, value in changes.items() if _tables(base.get(key), value)}
    return base | changes | both


def _tables(*values: object) -> bool:
    return all(isinstance(value, dict) for value in values)
