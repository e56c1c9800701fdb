"""What nobody foresaw is told in our words, wherever it happens, and is not sent anywhere."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from core.settings import PROJECT_DIR
from tests.browser.conftest import Dashboard, start_dashboard, stop_dashboard

pytestmark = pytest.mark.browser

BROKEN_FRAME = """
import streamlit as st

from core.errors import InputError

def draw_frame():
    @st.fragment
    def part():
        if st.button("Break a part"):
            raise ValueError("caption of somebody")
        if st.button("Refuse in a part"):
            raise InputError("Choose *another* file.")

    def break_callback():
        raise ValueError("caption of somebody")

    st.title("Frame")
    part()
    st.button("Break a callback", on_click=break_callback)
    st.button("Only a rerun", on_click=st.session_state.update, args=({"again": True},))
    if st.session_state.pop("again", False):
        st.session_state.done = True
        st.rerun()
    if "done" in st.session_state:
        st.text("It was run again.")
        st.stop()
    if st.button("Break the page"):
        raise ValueError("caption of somebody")
"""


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[Dashboard]:
    """app.py and its configuration, around a frame that breaks on demand."""
    here = tmp_path_factory.mktemp("broken")
    folder = here / "project"
    shutil.copytree(PROJECT_DIR / ".streamlit", folder / ".streamlit")
    shutil.copy(PROJECT_DIR / "app.py", folder)
    (folder / "core").symlink_to(PROJECT_DIR / "core")
    (folder / "pages" / "parts").mkdir(parents=True)
    for part in (PROJECT_DIR / "pages" / "parts").glob("*.py"):
        if part.name != "frame.py":
            (folder / "pages" / "parts" / part.name).symlink_to(part)
    (folder / "pages" / "parts" / "frame.py").write_text(BROKEN_FRAME)
    running = start_dashboard(here / "data", "http://127.0.0.1:9", here / "streamlit.log", port, folder=folder)
    yield running
    stop_dashboard(running)


def test_an_error_is_a_sentence_with_a_next_step_and_no_link(page: Page, dashboard: Dashboard) -> None:
    for place in ("page", "part", "callback"):
        page.reload()
        page.get_by_role("button", name=f"Break {'the' if place == 'page' else 'a'} {place}").click()
        expect(page.get_by_text("Something went wrong")).to_be_visible()
        expect(page.get_by_text("Reload the page.")).to_be_visible()
        expect(page.get_by_test_id("stException")).to_have_count(0)
        expect(page.get_by_text("caption of somebody")).to_have_count(0)
        expect(page.get_by_text("Ask ")).to_have_count(0)
    assert (dashboard.data_dir.parent / "streamlit.log").read_text().count("caption of somebody") >= 3


def test_a_refusal_in_a_part_of_a_page_keeps_its_words_and_control_flow_is_no_error(
    page: Page, dashboard: Dashboard
) -> None:
    page.get_by_role("button", name="Refuse in a part").click()
    expect(page.get_by_text("Choose *another* file.")).to_be_visible()
    page.get_by_role("button", name="Only a rerun").click()
    expect(page.get_by_text("It was run again.")).to_be_visible()
    expect(page.get_by_test_id("stAlert")).to_have_count(0)
