"""An account is forgotten while another process has the index open: nothing of it is left there, or it is said."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.index.database import anew_file
from core.maintenance import delete_accounts
from core.maintenance.delete_accounts import forget
from core.settings import Settings, get_settings
from core.storage.account_files import write_account
from core.storage.models import Account, Post
from tests.faults.nursery import Nursery, nursery

pytestmark = pytest.mark.slow

RARE = "brontophobe"


@pytest.fixture(scope="module")
def born(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    with nursery(tmp_path_factory.mktemp("nursery")) as started:
        yield started


@pytest.fixture
def study(data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    settings = get_settings()
    for name, word in (("anna", RARE), ("bob", "hello")):
        write_account(settings.accounts_dir, Account(username=name, posts=[Post(id="1", caption=f"a {word} there")]))
    return settings


@contextmanager
def dashboard(born: Nursery, folder: Path, interval: str) -> Iterator[None]:
    """A process that has the index open."""
    own = born.at(folder).calling("tests.faults.following:follow")
    ready = folder / "ready"
    process = own.start([ready, interval])
    give_up = time.monotonic() + 20
    while not ready.exists():
        assert time.monotonic() < give_up, own.log.read_text()
        threading.Event().wait(0.01)
    try:
        yield
    finally:
        os.kill(process, signal.SIGTERM)
        assert own.ended() in (0, -signal.SIGTERM), own.log.read_text()


def held(settings: Settings) -> bytes:
    return b"".join(path.read_bytes() for path in settings.data_dir.glob("index.duckdb*"))


def test_a_dashboard_makes_its_index_anew_and_forget_waits_for_it(
    born: Nursery, study: Settings, tmp_path: Path
) -> None:
    with dashboard(born, tmp_path, "0.05"):
        assert RARE.encode() in held(study)
        with study.index_file.open("rb") as before:
            told = forget(["anna"], study)
            assert os.fstat(before.fileno()).st_nlink == 0
        assert "The open dashboard has made its index anew without them." in told
        assert RARE.encode() not in held(study)
        assert "no name is left" in told[-1]
    assert not anew_file(study.index_file).exists()


def test_a_dashboard_that_does_not_answer_is_named_with_what_to_do(
    born: Nursery, study: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delete_accounts, "_DASHBOARD_S", 0.1)
    with dashboard(born, tmp_path, ""):
        [sentence] = [each for each in forget(["anna"], study) if "is open in process" in each]
        assert "press Rebuild the index" in sentence and RARE.encode() in held(study)
    [again] = [each for each in forget(["anna"], study) if "index" in each]
    assert "was removed" in again and held(study) == b""
