"""Pseudonyms: the same in every file, nobody's without the key, and the key where it is not shared."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.errors import AgeScopeError
from core.privacy.pseudonyms import Pseudonyms, key_file, open_pseudonyms
from core.privacy.study_settings import read_study
from core.settings import Settings
from core.storage.usernames import instagram_username_error


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data")


def test_a_name_has_one_pseudonym_however_it_is_written(settings: Settings) -> None:
    pseudonyms = open_pseudonyms(settings)
    written = {pseudonyms.of(name) for name in ("anna", "@Anna", "https://www.instagram.com/anna/", " ANNA ")}
    assert len(written) == 1
    assert open_pseudonyms(settings).of("anna") in written
    assert pseudonyms.of("anna.b") not in written


def test_a_pseudonym_is_no_username_that_could_be_collected(settings: Settings) -> None:
    assert instagram_username_error(open_pseudonyms(settings).of("anna"))


def test_another_key_gives_other_pseudonyms() -> None:
    assert Pseudonyms(b"a" * 32).of("anna") != Pseudonyms(b"b" * 32).of("anna")


def test_two_studies_do_not_share_pseudonyms(tmp_path: Path) -> None:
    one, other = (open_pseudonyms(Settings(data_dir=tmp_path / name)) for name in ("one", "other"))
    assert one.of("anna") != other.of("anna")


def test_the_key_lies_outside_of_the_study_and_only_its_owner_reads_it(settings: Settings) -> None:
    open_pseudonyms(settings)
    path = key_file(settings)
    assert not path.is_relative_to(settings.data_dir)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    key = path.read_text().strip()
    assert all(key not in file.read_text() for file in settings.data_dir.rglob("*") if file.is_file())


def test_a_key_in_the_study_is_refused(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, pseudonym_key=tmp_path / "secret" / "key")
    with pytest.raises(AgeScopeError, match="Name a file elsewhere"):
        open_pseudonyms(settings)


def test_a_lost_key_is_said_and_no_new_one_is_made_unasked(settings: Settings) -> None:
    open_pseudonyms(settings)
    path = key_file(settings)
    path.unlink()
    with pytest.raises(AgeScopeError, match="Bring it from the machine"):
        open_pseudonyms(settings)
    assert not path.exists()


def test_the_key_of_another_study_is_refused(tmp_path: Path, settings: Settings) -> None:
    open_pseudonyms(settings)
    other = Settings(data_dir=tmp_path / "other")
    open_pseudonyms(other)
    key_file(settings).write_bytes(key_file(other).read_bytes())
    with pytest.raises(AgeScopeError, match="not the key"):
        open_pseudonyms(settings)


@pytest.mark.parametrize(("content", "mode", "said"), [("", 0o600, "holds no key"), (None, 0o644, "chmod 600")])
def test_a_key_that_is_damaged_or_open_to_others_is_refused(
    settings: Settings, content: str | None, mode: int, said: str
) -> None:
    open_pseudonyms(settings)
    path = key_file(settings)
    if content is not None:
        path.write_text(content)
    path.chmod(mode)
    with pytest.raises(AgeScopeError, match=said):
        open_pseudonyms(settings)


def test_several_who_need_the_first_key_at_once_get_the_same(settings: Settings) -> None:
    with ThreadPoolExecutor(8) as threads:
        found = {future.result().of("anna") for future in [threads.submit(open_pseudonyms, settings) for _ in range(8)]}
    assert len(found) == 1 and read_study(settings).key_check


def test_two_accounts_that_would_share_a_pseudonym_are_not_merged(monkeypatch: pytest.MonkeyPatch) -> None:
    pseudonyms = Pseudonyms(b"a" * 32)
    assert len(set(pseudonyms.of_all(["anna", "bob", "Anna"]).values())) == 2
    monkeypatch.setattr(Pseudonyms, "of", lambda self, name: "p-same")
    with pytest.raises(AgeScopeError, match="share a pseudonym"):
        pseudonyms.of_all(["anna", "bob"])
