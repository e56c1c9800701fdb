"""Ten tasks on the pages with a stopwatch: ``python -m bench.ten_tasks``; the synthetic sample only.

A browser does each task from the overview, as somebody would who knows the way: clicks and fields that were typed
into are counted, and the seconds from the first of them until the answer is on the screen or in a file. What a person
adds by reading and looking about is not in them.
"""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Locator, Page, expect, sync_playwright

from bench.screenshots import PATIENCE_MS, make_batch, make_predictions
from core.maintenance.sample import load_sample
from core.settings import Settings
from tests.browser.conftest import ARGUMENTS, CHROMIUM, free_port, start_dashboard, stop_dashboard


class Hand:
    """Clicks and types in a page, and counts it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.clicks = 0
        self.typed = 0

    def go(self, page: str) -> None:
        """Open a page by the navigation."""
        self.click(self.page.get_by_role("link", name=page, exact=True).first)
        expect(self.page.get_by_role("heading", name=page, exact=True).first).to_be_visible()

    def click(self, target: Locator) -> None:
        """Click what is there, or comes."""
        self.clicks += 1
        target.click()

    def write(self, field: Locator, text: str) -> None:
        """Type into a field, and Enter."""
        self.typed += 1
        field.fill(text)
        field.press("Enter")

    def tab(self, name: str) -> None:
        """Open a tab of the page."""
        self.click(self.page.get_by_role("tab", name=name, exact=True))

    def sees(self, text: str) -> None:
        """Wait until it stands on the screen."""
        expect(self.page.get_by_text(text).filter(visible=True).first).to_be_visible()

    def download(self, button: str) -> None:
        """Press a button and wait for its file."""
        with self.page.expect_download() as started:
            self.click(self.page.get_by_role("button", name=button, exact=True).first)
        if not started.value.path().stat().st_size:
            raise SystemExit(f"{button}: an empty file")


def _posts_with_a_word(hand: Hand) -> None:
    hand.go("Posts")
    hand.tab("Posts")
    hand.click(hand.page.get_by_text("Filters", exact=True).first)
    hand.write(hand.page.get_by_role("textbox", name="Words in captions"), "school")
    hand.sees("posts found")


def _an_account(hand: Hand) -> None:
    hand.go("Posts")
    hand.click(hand.page.get_by_text("Filters", exact=True).first)
    hand.write(hand.page.get_by_role("textbox", name="Account", exact=True), "sample_dov_04")
    hand.page.wait_for_url("**user=sample_dov_04**")
    hand.click(hand.page.get_by_role("heading", name="Posts", exact=True).first)  # the keys are the list's again
    hand.page.keyboard.press("j")
    hand.page.wait_for_url("**account=sample_dov_04**")
    hand.sees("Close")


def _the_share(hand: Hand) -> None:
    hand.go("Results")
    hand.tab("Share")
    hand.sees("Text for a methods section")


def _how_often_wrong(hand: Hand) -> None:
    hand.go("Results")
    hand.tab("How good")
    hand.sees("A click on a count lists its accounts.")


def _surest_errors(hand: Hand) -> None:
    hand.go("Results")
    hand.click(hand.page.get_by_text("Only where known age and prediction differ"))
    hand.page.wait_for_url("**wrong=true**")
    hand.download("Export list")


def _the_report(hand: Hand) -> None:
    hand.go("Results")
    hand.tab("Download")
    hand.download("Download report")


def _one_label(hand: Hand) -> None:
    hand.go("Label")
    hand.write(hand.page.get_by_role("textbox", name="Your name"), "kim")
    hand.sees("0 of 30 labelled by you")
    hand.write(hand.page.get_by_role("textbox", name="Age or year of birth"), "24")
    hand.sees("1 of 30 labelled by you")


def _which_command(hand: Hand) -> None:
    hand.go("Jobs")
    hand.click(hand.page.get_by_text("Log, command, events").first)
    hand.click(hand.page.get_by_role("tab", name="Command").first)
    hand.sees("The same work in a shell")


def _what_would_go(hand: Hand) -> None:
    hand.go("Erase")
    hand.page.get_by_role("textbox", name="Accounts, one a line").fill("sample_dov_04")
    hand.typed += 1
    hand.click(hand.page.get_by_role("button", name="Show what would go"))
    hand.sees("In the study main")


def _limits_of_a_collection(hand: Hand) -> None:
    hand.go("Collect")
    hand.sees("Limits, all of them together")


@dataclass(frozen=True)
class Task:
    """What is asked, on which page it is done, and how."""

    asked: str
    page: str
    do: Callable[[Hand], None]


TASKS = (
    Task("Which limits would a collection keep?", "Collect", _limits_of_a_collection),
    Task("Find the posts that speak of school", "Posts", _posts_with_a_word),
    Task("Read the posts of one account", "Posts", _an_account),
    Task("Label one account", "Label", _one_label),
    Task("What share is at least 21, with its interval?", "Results, Share", _the_share),
    Task("How often is the model wrong?", "Results, How good", _how_often_wrong),
    Task("Who is told most surely wrong? A list for a colleague", "Results, Accounts", _surest_errors),
    Task("A report of the study, as a file", "Results, Download", _the_report),
    Task("Which command repeats the prediction?", "Jobs", _which_command),
    Task("What would go if this person asked?", "Erase", _what_would_go),
)


def main() -> None:
    """Make the study, walk, print a table."""
    with tempfile.TemporaryDirectory() as folder:
        study = Settings(data_dir=Path(folder) / "study")
        load_sample(study)
        make_predictions(study)
        make_batch(study)
        dashboard = start_dashboard(study.data_dir, "http://127.0.0.1:9", Path(folder) / "log", free_port())
        try:
            walk(dashboard.url)
        finally:
            stop_dashboard(dashboard)


def walk(url: str) -> None:
    """Do each task from the overview and print its row."""
    expect.set_options(timeout=PATIENCE_MS)
    print("| task | where | clicks | fields | seconds |\n|---|---|---|---|---|")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True).new_page()
        for task in TASKS:
            page.goto(url)
            expect(page.get_by_text("Study folder")).to_be_visible()
            hand, began = Hand(page), time.monotonic()
            task.do(hand)
            seconds = time.monotonic() - began
            print(f"| {task.asked} | {task.page} | {hand.clicks} | {hand.typed} | {seconds:.1f} |", flush=True)
        browser.close()


if __name__ == "__main__":
    main()
