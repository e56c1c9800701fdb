"""The JSON file that keeps an account: its name, and how it is written and read."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import orjson
from pydantic import ValidationError

from core.errors import InputError
from core.storage.models import Account
from core.storage.post_parsing import parse_post
from core.utils.io import write_atomically

_MAX_FILE_NAME = 200


def file_name(username: str) -> str:
    """The name of an account's file: the percent-encoded username, shortened by a hash where too long."""
    encoded = quote(username, safe="")
    if len(encoded) > _MAX_FILE_NAME:
        encoded = encoded[:150] + "~" + hashlib.sha256(username.encode()).hexdigest()[:16]
    return encoded + ".json"


def account_files(folder: Path) -> Iterator[Path]:
    """The account files of a folder, sorted by name.

    Raises:
        InputError: ``folder`` is no folder.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder. Give the folder that holds one JSON file per account.")
    yield from sorted(path for path in folder.iterdir() if path.suffix == ".json" and path.is_file())


def write_account(folder: Path, account: Account) -> Path:
    """Write an account's file, atomically, and return its path."""
    path = folder / file_name(account.username)
    write_atomically(path, orjson.dumps(account.model_dump(mode="json", exclude_none=True)))
    return path


def read_account(path: Path) -> Account:
    """Read an account's file: AgeScope's own form, or the older ``edge_owner_to_timeline_media`` form.

    Raises:
        InputError: the file cannot be read, or holds neither form.
    """
    try:
        content = orjson.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    except orjson.JSONDecodeError as error:
        raise InputError(f"{path} is not valid JSON ({error}). Remove it, or collect the account again.") from error
    try:
        if isinstance(content, dict) and "edge_owner_to_timeline_media" in content:
            return older_account(content, unquote(path.stem))
        return Account.model_validate(content)
    except (ValidationError, AttributeError, TypeError, ValueError) as error:
        raise InputError(
            f"{path} is not an account's file: it needs 'username' and 'posts', or 'edge_owner_to_timeline_media'."
        ) from error


@dataclass(frozen=True)
class AccountFile:
    """An account's file that was read, or why it holds none.

    Attributes:
        name: of the file.
        account: what it holds; None where it is damaged.
        fault: what is wrong with it, in a sentence; "" where nothing is.
    """

    name: str
    account: Account | None = None
    fault: str = ""


def read_accounts(paths: Iterable[Path]) -> Iterator[AccountFile]:
    """Read accounts' files one after the other; a damaged one ends nothing."""
    for path in paths:
        try:
            yield AccountFile(path.name, read_account(path))
        except InputError as error:
            yield AccountFile(path.name, fault=str(error))


def older_account(content: dict[str, Any], username: str) -> Account:
    """The account of a document of the older form, whose name only its file bears."""
    media = content["edge_owner_to_timeline_media"]
    posts = [parse_post(edge["node"]) for edge in media.get("edges", [])]
    more = bool((media.get("page_info") or {}).get("has_next_page"))
    return Account(
        username=username,
        source="import:older",
        complete=not more,
        post_count=media.get("count"),
        outcome="collected" if posts else "empty",
        posts=[post for post in posts if post],
    )
