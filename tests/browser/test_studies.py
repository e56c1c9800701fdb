"""Two studies in two tabs of one browser, and what a person does in them: one walk, since each costs a dashboard."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from core.settings import STUDY_FILE, Settings
from core.storage.account_files import write_account
from core.storage.models import Account, Post
from tests.browser.conftest import Dashboard, clicked, start_dashboard, stop_dashboard
from tests.browser.test_pages import drawn
from tests.made_study import add_model, add_predictions

pytestmark = pytest.mark.browser


@pytest.fixture
def two_studies(sample_study: Path, tmp_path: Path, port: int) -> Iterator[Dashboard]:
    """A dashboard on the sample with predictions, and on a second study with one account."""
    main = Settings(data_dir=sample_study)
    add_model(main.models_dir / "the-model")
    add_predictions(main.data_dir, main.models_dir / "the-model")
    second = main.studies_folder / "second"
    second.mkdir(parents=True)
    (second / STUDY_FILE).write_text('{"title": "Second study"}')
    write_account(second / "accounts", Account(username="only_here", posts=[Post(id="1", caption="hello")]))
    running = start_dashboard(main.data_dir, "http://127.0.0.1:9", tmp_path / "streamlit.log", port)
    yield running
    stop_dashboard(running)


@pytest.fixture
def tabs(tab: Page, context: BrowserContext, two_studies: Dashboard) -> Iterator[tuple[Page, Page]]:
    second = context.new_page()
    yield tab, second
    second.close()


def test_two_tabs_in_two_studies(tabs: tuple[Page, Page], two_studies: Dashboard) -> None:
    first, second = tabs
    first.goto(f"{two_studies.url}/posts")
    second.goto(f"{two_studies.url}/posts?study=second")
    drawn(first, "Posts")
    drawn(second, "Posts")
    expect(first.get_by_text("420 accounts found")).to_be_visible()
    expect(second.get_by_text("1 account found")).to_be_visible()
    expect(second).to_have_title("Posts · Second study · AgeScope")
    goes_through_accounts_by_keys(first)
    goes_back_to_the_tab_before(first)
    keeps_its_study_from_page_to_page(second)
    renames_removes_and_brings_back(first, two_studies)
    lists_an_outcome_that_is_clicked(first, two_studies)
    goes_to_the_other_study(first)


def lists_an_outcome_that_is_clicked(page: Page, dashboard: Dashboard) -> None:
    page.goto(dashboard.url)
    drawn(page, "Overview")
    bar = page.get_by_label(re.compile("accounts by outcome")).locator("path[aria-roledescription=bar]").first
    clicked(bar, page.get_by_text(re.compile(r"^[\d,]+ accounts? · Outcome")))
    expect(page).to_have_url(re.compile("behind=outcome"))
    drawn(page, "Overview")


def goes_through_accounts_by_keys(page: Page) -> None:
    opened = page.locator(".st-key-opened_account")
    expect(page.get_by_role("button", name="Next Shortcut J")).to_be_enabled()
    drawn(page, "Posts")
    page.keyboard.press("j")
    name = opened.get_by_role("heading")
    expect(name).to_be_visible()
    before = name.inner_text()
    drawn(page, "Posts")
    page.keyboard.press("j")
    expect(name).not_to_have_text(before)
    drawn(page, "Posts")
    page.keyboard.press("k")
    expect(name).to_have_text(before)
    drawn(page, "Posts")
    page.keyboard.press("Enter")
    expect(opened).to_have_count(0)
    drawn(page, "Posts")


def goes_back_to_the_tab_before(page: Page) -> None:
    page.get_by_role("tab", name="SQL").click()
    expect(page).to_have_url(re.compile("show=SQL"))
    drawn(page, "Posts")
    page.go_back()
    expect(page.get_by_role("tab", name="Accounts")).to_have_attribute("aria-selected", "true")


def keeps_its_study_from_page_to_page(page: Page) -> None:
    page.get_by_role("link", name="Jobs", exact=True).first.click()
    drawn(page, "Jobs")
    expect(page).to_have_url(re.compile(r"jobs\?study=second"))
    page.get_by_role("link", name="Overview", exact=True).first.click()
    drawn(page, "Overview")
    expect(page.get_by_text("All 420")).to_have_count(0)
    expect(page.get_by_test_id("stMetric").filter(has_text="Collected")).to_contain_text("1")


def renames_removes_and_brings_back(page: Page, dashboard: Dashboard) -> None:
    page.goto(f"{dashboard.url}/results?run=run-1")
    drawn(page, "Results")
    page.get_by_text("Name, note, removal").click()
    page.get_by_label("Name", exact=True).fill("The one")
    page.get_by_label("Name", exact=True).press("Enter")
    drawn(page, "Results")
    page.get_by_role("button", name="Save name and note").click()
    expect(page.get_by_text("The one").first).to_be_visible()
    drawn(page, "Results")
    page.get_by_role("button", name="Remove", exact=True).click()
    expect(page.get_by_text("The one is removed.")).to_be_visible()
    assert not (dashboard.data_dir / "predictions" / "run-1").exists()
    drawn(page, "Results")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("The one is removed.")).to_have_count(0)
    assert (dashboard.data_dir / "predictions" / "run-1" / "predictions.csv").is_file()


def goes_to_the_other_study(page: Page) -> None:
    page.get_by_test_id("stPopoverButton").first.click()
    page.get_by_role("link", name="Second study").click()
    expect(page).to_have_title("Overview · Second study · AgeScope")
    expect(page).to_have_url(re.compile("study=second"))
