"""Settings: where things lie, and what is refused."""

from pathlib import Path

import pytest

from core.errors import InputError
from core.settings import PROJECT_DIR, Settings, default_data_dir, get_settings


def test_everything_lies_in_the_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AGESCOPE_DATA_DIR", str(tmp_path / "study"))
    settings = get_settings()
    places = (settings.accounts_dir, settings.models_dir, settings.jobs_dir, settings.index_file, settings.cache_dir)
    assert all(place.is_relative_to(tmp_path / "study") for place in places)


def test_a_checkout_keeps_its_study_wherever_the_shell_stands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AGESCOPE_DATA_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    assert get_settings().data_dir == PROJECT_DIR / "data"


def test_an_installed_agescope_keeps_the_study_where_the_shell_stands(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert default_data_dir(tmp_path / "lib" / "site-packages") == tmp_path / "data"


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:8000", "http://localhost:8000/", "http://[::1]:8000", "https://example.org"]
)
def test_loopback_may_be_plain_http(address: str) -> None:
    assert Settings(instagram_url=address).instagram_url == address.rstrip("/")


@pytest.mark.parametrize("address", ["http://www.instagram.com", "http://10.0.0.1", "ftp://localhost", "localhost", ""])
def test_other_addresses_need_https(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("AGESCOPE_INSTAGRAM_URL", address)
    with pytest.raises(InputError, match=r"AGESCOPE_INSTAGRAM_URL.*https"):
        get_settings()


def test_secrets_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGESCOPE_INSTAGRAM_SESSION", "s3cret-cookie")
    assert "s3cret" not in repr(get_settings()) + str(get_settings().model_dump())


def test_what_settings_are_is_said_in_plain_text_since_tables_show_it_as_it_stands() -> None:
    assert not [name for name, field in Settings.model_fields.items() if "`" in (field.description or "")]
