"""Fixtures: import them into a test module."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.settings import get_settings
from tests.stand_in.server import StandIn


@pytest.fixture
def stand_in(data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """A running stand-in, with every setting, folder and memory of this test's own."""
    with StandIn() as server:
        monkeypatch.setenv("AGESCOPE_INSTAGRAM_URL", server.url)
        monkeypatch.setenv("AGESCOPE_GRAPH_URL", server.url)
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        for name in ("AGESCOPE_INSTAGRAM_SESSION", "AGESCOPE_GRAPH_TOKEN", "AGESCOPE_GRAPH_USER_ID"):
            monkeypatch.delenv(name, raising=False)
        get_settings.cache_clear()
        yield server


def set_secrets(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    """Set secrets by the names that the settings have for them."""
    for name, value in values.items():
        monkeypatch.setenv(f"AGESCOPE_{name.upper()}", value)
    get_settings.cache_clear()
