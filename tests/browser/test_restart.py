"""Tabs that were open while the dashboard was started anew say that it is gone, and come back as they were."""

from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.conftest import start_dashboard, stop_dashboard

pytestmark = pytest.mark.browser


def test_open_tabs_survive_a_restart(context: BrowserContext, port: int, tmp_path: Path) -> None:
    pages = ("Train", "Posts")
    first = start_dashboard(tmp_path / "data", "http://127.0.0.1:9", tmp_path / "log", port)
    tabs = [context.new_page() for _ in pages]
    for tab, name in zip(tabs, pages, strict=True):
        tab.goto(f"{first.url}/{name.lower()}")
        expect(tab.get_by_role("heading", name=name, exact=True)).to_be_visible()
    stop_dashboard(first)
    gone = tabs[0].get_by_text("The dashboard does not answer")
    expect(gone).to_be_visible()
    again = start_dashboard(tmp_path / "data", "http://127.0.0.1:9", tmp_path / "log", port)
    probe = context.new_page()
    probe.goto(f"{again.url}/settings")
    expect(probe.get_by_role("heading", name="Settings", exact=True)).to_be_visible()
    expect(gone).to_be_hidden()
    for tab, name in zip(tabs, pages, strict=True):
        expect(tab.get_by_role("heading", name=name, exact=True)).to_be_visible()
        expect(tab.get_by_test_id("stException")).to_have_count(0)
        expect(tab.get_by_test_id("stSidebar")).to_have_count(0)
    stop_dashboard(again)
