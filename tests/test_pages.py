"""Every page, run by Streamlit itself without a browser, on an empty study and on the sample."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import AppTest

from core.sample import load_sample
from core.settings import PROJECT_DIR, get_settings

PAGES = ["overview", "collect", "posts", "train", "results", "jobs"]


@pytest.fixture(autouse=True)
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty data folder of this test's own, and no store left open after it."""
    monkeypatch.setenv("AGESCOPE_DATA_DIR", str(tmp_path / "data"))
    get_settings.cache_clear()
    # AppTest would run a page of a folder named pages/ without app.py around it; see pages/shared.py.
    monkeypatch.setattr(PagesManager, "uses_pages_directory", False)
    monkeypatch.setattr("streamlit.testing.v1.app_test.PagesManager", type("PagesManager", (PagesManager,), {}))
    yield tmp_path / "data"
    st.cache_resource.clear()
    st.cache_data.clear()
    get_settings.cache_clear()


@pytest.fixture
def sample(study: Path) -> Path:
    load_sample(get_settings())
    return study


def run(page: str) -> AppTest:
    app = AppTest.from_file(str(PROJECT_DIR / "app.py"), default_timeout=60)
    app.switch_page(f"pages/{page}.py").run()
    assert not app.exception, app.exception
    return app


def words(app: AppTest) -> str:
    elements = [*app.markdown, *app.caption, *app.info, *app.warning, *app.error, *app.success, *app.subheader]
    return "\n".join(str(element.value) for element in elements)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_on_an_empty_study(page: str) -> None:
    app = run(page)
    assert app.title[0].value.lower() == page
    assert not app.error


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_on_the_sample(sample: Path, page: str) -> None:
    assert not run(page).error
