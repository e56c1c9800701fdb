"""Names that tell nobody whose they are but the holder of a key.

A pseudonym is the beginning of HMAC-SHA256 (RFC 2104) of an account's canonical name under a secret
key of 32 random bytes. The same name has the same pseudonym in every file of a study, so that files
can be joined; without the key it cannot be computed from a guessed name, as a mere hash could.

The key lies in a file apart from the study's folder, which people copy and share, readable by its
owner alone. Whoever deletes it makes the pseudonyms that were given away nobody's for good.
"""

import base64
import hmac
import os
import re
import secrets
from collections.abc import Iterable
from pathlib import Path

import platformdirs

from core.errors import AgeScopeError
from core.privacy.study_settings import identified_study, say_once
from core.settings import Settings
from core.storage.usernames import canonical_username

PREFIX = "p-"
"""No Instagram username holds a hyphen, so no pseudonym can be taken for one and collected."""
_FORM = re.compile(r"p-[a-z2-7]{16}")
_BYTES = 10
_KEY_BYTES = 32


def is_pseudonym(name: str) -> bool:
    """Whether a name looks like one that :class:`Pseudonyms` gave."""
    return bool(_FORM.fullmatch(name))


class Pseudonyms:
    """Pseudonyms under one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, name: str) -> str:
        """The pseudonym of a name, in whatever form it is written: ``p-`` and 16 letters and digits.

        80 bits: among a million names the chance that any two share one is 4e-13. A pseudonym stays what it is.
        """
        if is_pseudonym(name):
            return name
        digest = hmac.digest(self._key, canonical_username(name).encode(errors="surrogatepass"), "sha256")
        return PREFIX + base64.b32encode(digest[:_BYTES]).decode().lower()

    def of_all(self, names: Iterable[str]) -> dict[str, str]:
        """Name -> pseudonym.

        Raises:
            AgeScopeError: two accounts would share one.
        """
        known = {name: self.of(name) for name in names}
        accounts = {canonical_username(name) for name in known}
        if len(set(known.values())) < len(accounts):
            raise AgeScopeError(
                "Two accounts would share a pseudonym, so nothing was written. Make a new key: take the old one away "
                "and remove key_check from study.json; pseudonyms given away before are then others."
            )
        return known

    @property
    def check(self) -> str:
        """By which the key is recognised; tells nothing of it."""
        return hmac.digest(self._key, b"which key is this?", "sha256").hex()[:16]


def key_file(settings: Settings) -> Path:
    """Where the key of a study is.

    Raises:
        AgeScopeError: it would lie in the study's own folder.
    """
    if settings.pseudonym_key is None:
        folder = platformdirs.user_data_path("agescope", appauthor=False) / "keys"
        return folder / f"{identified_study(settings).id}.key"
    if settings.pseudonym_key.is_relative_to(settings.data_dir):
        raise AgeScopeError(
            "AGESCOPE_PSEUDONYM_KEY lies in the study's folder, with which it would be copied and shared. "
            "Name a file elsewhere."
        )
    return settings.pseudonym_key


def open_pseudonyms(settings: Settings) -> Pseudonyms:
    """The pseudonyms of a study, whose key is made when it is first needed.

    Raises:
        AgeScopeError: the key is missing although pseudonyms were made with one, is another one, is
            readable by others, or cannot be written.
    """
    path, study = key_file(settings), identified_study(settings)
    try:
        if not path.exists():
            if study.key_check:
                raise AgeScopeError(
                    f"The key of this study's pseudonyms is not here. Bring it from the machine where it was made, to "
                    f"{path}. If it is lost, remove key_check from study.json to begin with a new one; pseudonyms "
                    "given away before then belong to nobody."
                )
            _make_key(path)
        pseudonyms = Pseudonyms(_read_key(path))
    except OSError as error:
        raise AgeScopeError(
            f"The key of pseudonyms {path} cannot be read or written: {error.strerror}. Correct the permissions, or "
            "name another file with AGESCOPE_PSEUDONYM_KEY."
        ) from error
    if not study.key_check:
        study = say_once(settings, key_check=pseudonyms.check)
    if study.key_check != pseudonyms.check:
        raise AgeScopeError(f"{path} is not the key that this study's pseudonyms were made with. Bring the right one.")
    return pseudonyms


def _make_key(path: Path) -> None:
    """Write a new key, whole or not at all; where another process is quicker, its key stays."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(_KEY_BYTES) + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()


def _read_key(path: Path) -> bytes:
    if path.stat().st_mode & 0o077:
        raise AgeScopeError(f"The key of pseudonyms {path} can be read by others. Correct that: chmod 600 {path}")
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii"))
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise AgeScopeError(f"{path} holds no key of pseudonyms. Put it back from a copy.")
    return key
