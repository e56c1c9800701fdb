"""Pages in this process, without a browser; and the sample as a study with results, made once a worker and copied."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from core.index import Store
from core.settings import Settings
from tests.made_study import add_model, add_predictions


@pytest.fixture(autouse=True)
def one_process(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """AppTest runs a page with app.py around it, and no store stays open after a test.

    A folder named pages/ is Streamlit's older way of making apps; see pages/parts/components.py.
    """
    monkeypatch.setattr(PagesManager, "uses_pages_directory", False)
    monkeypatch.setattr("streamlit.testing.v1.app_test.PagesManager", type("PagesManager", (PagesManager,), {}))
    yield
    st.cache_resource.clear()
    st.cache_data.clear()


@pytest.fixture(scope="session")
def sample_template(tmp_path_factory: pytest.TempPathFactory, sample_data: Path) -> Path:
    """A data folder with the sample, two runs of a model, and the index of it all."""
    folder = Path(shutil.copytree(sample_data, tmp_path_factory.mktemp("results") / "data"))
    add_model(folder / "models" / "the-model")
    add_predictions(folder, folder / "models" / "the-model")
    with Store(Settings(data_dir=folder)) as store:
        store.refresh()
    return folder
