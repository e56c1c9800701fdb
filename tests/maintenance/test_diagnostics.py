"""The diagnostic file tells nothing about people; the caches can be cleared; sizes add up."""

from pathlib import Path

import orjson
import pytest
from pydantic import SecretStr

from core.index import Counts
from core.maintenance.diagnostics import diagnostics, settings_in_words
from core.maintenance.disk_usage import clear_caches, disk_use
from core.settings import Settings
from core.utils.io import write_atomically, write_json

COUNTS = Counts(1, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "study-of-jane", instagram_session=SecretStr("very-secret-cookie"))


def test_neither_secrets_nor_names_nor_paths_are_in_it(settings: Settings) -> None:
    job = settings.jobs_dir / "20261101-collect-0000"
    record = {"kind": "collect", "title": "List of jane", "arguments": ["--user-file", "/home/jane/x"], "attempts": 1}
    write_json(job / "job.json", {**record, "created_at": "2026-11-01T10:00:00+00:00"})
    write_json(job / "progress.json", {"done": 1, "message": "asking jane", "requests": 3})
    write_json(
        job / "result.json", {"exit_status": 1, "message": "jane failed", "ended_at": "2026-11-01T11:00:00+00:00"}
    )
    event = {"kind": "refusal", "route": "page", "error": "LoginRequired", "username": "jane"}
    event |= dict.fromkeys(("answer", "meaning", "advice"), "jane")
    write_atomically(job / "events.jsonl", orjson.dumps(event) + b"\n")
    write_atomically(job / "log.txt", "jane wrote something")
    text = orjson.dumps(diagnostics(settings, COUNTS)).decode()
    assert "jane" not in text and "very-secret" not in text
    assert '"page: LoginRequired":1' in text and '"requests":3' in text
    assert "AGESCOPE_INSTAGRAM_SESSION" in text


def test_a_secret_is_shown_as_set_only(settings: Settings) -> None:
    values = {row["variable"]: row["value"] for row in settings_in_words(settings)}
    assert values["AGESCOPE_INSTAGRAM_SESSION"] == "set" and values["AGESCOPE_GRAPH_TOKEN"] == "not set"
    assert values["AGESCOPE_DATA_DIR"].endswith("study-of-jane")


def test_sizes_and_clearing_the_caches(settings: Settings) -> None:
    write_atomically(settings.accounts_dir / "a.json", "1234")
    write_atomically(settings.cache_dir / "vectors.sqlite", "12345")
    write_atomically(settings.cache_dir / "uploads" / "x" / "file", "123")
    write_atomically(settings.cache_dir / "index" / "in-use", "1")
    used = disk_use(settings)
    assert used["accounts"] == 4 and used["caches"] == 9 and used["models"] == 0
    clear_caches(settings)
    assert disk_use(settings)["caches"] == 1
    assert disk_use(settings)["accounts"] == 4
