"""Fixtures that every test may use."""

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import psutil
import pytest

from core.maintenance.sample import load_sample
from core.settings import Settings, get_settings
from tests.stand_in.fixtures import stand_in

__all__ = ["stand_in"]


WORKER_BYTES = 2**31
"""What a worker and the processes that its tests start take at most, with torch and a dashboard loaded."""


SLOW_ROOMS = ("pages", "hostile", "faults")
"""What draws whole pages, builds bombs or kills processes is for the gate, and for who works on just that."""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two more than there are cores: a browser or another process is mostly waited for, quick tests do not wait."""
    cores = os.cpu_count() or 1
    room = int(psutil.virtual_memory().total) // WORKER_BYTES
    return max(1, min(cores if config.option.markexpr == "not slow" else cores + 2, room))


def pytest_configure(config: pytest.Config) -> None:
    """Tests that run beside each other share the cores, instead of each asking for all of them."""
    config.option.loadscopereorder = False  # the order below is better than one by the number of tests
    hypothesis.settings.register_profile("any machine", deadline=None)  # a loaded one takes longer, and is not wrong
    hypothesis.settings.load_profile("any machine")
    beside = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if beside > 1:
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // beside)))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What drives a browser is ``slow``; files with the most slow tests begin, so that none is left for the end."""
    slow: Counter[Path] = Counter()
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker("slow")
        slow[item.path] += item.get_closest_marker("slow") is not None
        if item.path.parent.name in SLOW_ROOMS:
            item.add_marker("slow")
    items.sort(key=lambda item: -slow[item.path])


@pytest.fixture(scope="session", autouse=True)
def no_wait_for_the_disk() -> Iterator[None]:
    """Nothing waits until it would outlive a crash of the machine: no test pulls the plug."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", lambda handle: None)
        yield


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Each test has a data folder of its own."""
    monkeypatch.setenv("AGESCOPE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))  # where keys of pseudonyms lie
    get_settings.cache_clear()
    yield tmp_path / "data"
    get_settings.cache_clear()


@pytest.fixture(scope="session")
def sample_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder into which the sample was loaded; to be copied, not to be changed."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("sample"))
    load_sample(settings)
    return settings.data_dir


@pytest.fixture
def sample_study(sample_data: Path, data_dir: Path) -> Path:
    """The test's data folder, with the sample in it."""
    return Path(shutil.copytree(sample_data, data_dir, dirs_exist_ok=True))


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of an encoder that is small and knows nothing."""
    from tests.tiny_models import tiny_encoder  # loads torch, which most tests do without

    return tiny_encoder(tmp_path_factory.mktemp("encoder"))
