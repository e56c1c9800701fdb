"""The whole way, as a person walks it: a real dashboard, a real browser, a stand-in for Instagram."""

import csv
import io
import re

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.browser.conftest import Dashboard, clicked, downloaded

pytestmark = pytest.mark.browser

MINUTES = 60_000


def go(page: Page, name: str) -> None:
    page.get_by_role("link", name=name, exact=True).first.click()
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()


def test_a_newcomer_walks_the_whole_way_with_the_sample(page: Page, dashboard: Dashboard, encoder: str) -> None:
    page.get_by_role("button", name="Load the sample").click()
    expect(page.get_by_text("Train a model on the labelled accounts.")).to_be_visible()

    go(page, "Posts")
    page.get_by_text("Filters", exact=True).click()
    page.get_by_role("textbox", name="Words in captions").fill("coffee")
    page.keyboard.press("Enter")
    expect(page.get_by_text(re.compile(r"\d+ accounts? found"))).to_be_visible()

    go(page, "Train")
    page.get_by_text("published", exact=True).click()
    chosen = page.get_by_role("combobox", name="Encoder")
    chosen.fill(encoder)  # a small one: the way is walked here, and what is learnt on it is not looked at
    chosen.press("Enter")
    expect(page.get_by_text("or a folder on this machine.")).to_be_visible()
    page.get_by_text("Hyperparameters").click()
    epochs = page.get_by_role("spinbutton", name="Epochs")
    epochs.fill("1")
    epochs.press("Enter")
    captions = page.get_by_role("spinbutton", name="Captions per account")
    captions.fill("2")
    captions.press("Enter")
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.get_by_role("link", name="Predict with a model")).to_be_visible(timeout=8 * MINUTES)

    go(page, "Results")
    page.get_by_role("button", name="Predict now").click()
    expect(page.get_by_text("Share at least 21").first).to_be_visible(timeout=4 * MINUTES)
    clicked(page.get_by_role("tab", name="Download"), page.get_by_role("button", name="Download CSV"))
    rows = list(csv.DictReader(io.StringIO(downloaded(page, "Download CSV").decode("utf-8-sig"))))
    assert len(rows) >= 50
    assert all(0 <= float(row["probability"]) <= 1 for row in rows if row["probability"])

    go(page, "Jobs")
    expect(page.get_by_text("done").first).to_be_visible()


def test_a_list_is_collected_stopped_and_gone_on_with(page: Page, dashboard: Dashboard) -> None:
    names = [f"user_{number}" for number in range(12)]
    content = "\n".join(["username", *names, "../../etc/passwd", f"@{names[0].upper()}"])

    go(page, "Collect")
    page.locator("input[type=file]").set_input_files(
        {"name": "users.csv", "mimeType": "text/csv", "buffer": content.encode()}
    )
    expect(page.get_by_text("12 usable accounts")).to_be_visible()
    expect(page.get_by_text("1 line not usable")).to_be_visible()
    page.get_by_role("button", name="Keep this list").click()
    expect(page.get_by_text(re.compile("12 accounts at 60 requests an hour"))).to_be_visible()
    page.get_by_role("button", name="Start collecting").click()
    expect(page.get_by_text(re.compile("waiting until")).first).to_be_visible()

    page.reload()
    expect(page.get_by_text(re.compile(r"\d+ of 12 accounts")).first).to_be_visible()
    page.get_by_role("button", name="Stop collecting").click()
    expect(page.get_by_text("Stopped as asked")).to_be_visible()

    go(page, "Jobs")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text(re.compile("waiting until")).first).to_be_visible()
    page.get_by_role("button", name="End at once").click()
    expect(page.get_by_text("interrupted")).to_be_visible()
    assert len(list((dashboard.data_dir / "accounts").glob("*.json"))) >= 1


def test_files_are_imported_and_what_is_not_understood_is_named(page: Page, dashboard: Dashboard) -> None:
    page.goto(f"{dashboard.url}/collect?source=Import+files")
    table = b"username,caption\nanna,hello\nP-017,good morning\n"
    files: list[FilePayload] = [
        {"name": "posts of anna.csv", "mimeType": "text/csv", "buffer": table},
        {"name": "notes.json", "mimeType": "application/json", "buffer": b'{"a": 1}'},
    ]
    page.locator("input[type=file]").set_input_files(files)
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("2 accounts with 2 new posts")).to_be_visible(timeout=MINUTES)
    expect(page.get_by_text("1 account with a name that cannot be an Instagram username")).to_be_visible()
    latest = page.get_by_role("listitem").filter(has_text="took username from 'username', caption from 'caption'")
    expect(latest.last).to_contain_text("posts of anna.csv")
    page.get_by_text("Names in the file", exact=True).click()
    expect(page.get_by_role("switch", name="Names in the file")).to_be_checked()
    assert downloaded(page, "Download this list", holds=b"\nnotes.json,")
