"""Ten accounts labelled with keys alone, by two coders who do not see each other, and what comes of it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.index import Store
from core.labelling.batches import Batch, create_batch
from core.labelling.records import read_records
from core.settings import Settings
from core.storage.account_files import write_account
from core.storage.models import Account, Post
from tests.browser.conftest import Dashboard, start_dashboard, stop_dashboard
from tests.browser.test_pages import drawn

pytestmark = pytest.mark.browser

NAMES = tuple(f"user{at}" for at in range(10))
FIRST = ("24\n", "19\n", "u", "a", "t", "1990\n", "a", "u", "a", "u")
SECOND = ("y", "18\n", "u", "u", "t", "a", "a", "u", "a", "u")


@pytest.fixture(scope="module")
def labelling(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[Dashboard]:
    """Ten accounts, in a batch for each test; the first one says its age."""
    folder = tmp_path_factory.mktemp("labelling")
    study = Settings(data_dir=folder / "data")
    for at, name in enumerate(NAMES):
        caption = "I just turned 24" if at == 0 else f"coffee number {at}"
        post = Post(id="1", caption=caption, taken_at=datetime(2026, 11, 1, 10, tzinfo=UTC))
        write_account(study.accounts_dir, Account(username=name, posts=[post]))
    for batch in ("ten", "notes", "names"):
        create_batch(study.coding_dir, Batch(name=batch, purpose="random", cutoff=21, usernames=NAMES))
    with Store(study) as store:
        store.refresh()
    running = start_dashboard(study.data_dir, "http://127.0.0.1:9", folder / "streamlit.log", port)
    yield running
    stop_dashboard(running)


def label_with_keys(tab: Page, answers: tuple[str, ...], already: int = 0) -> None:
    """Press the keys of each answer; nothing is clicked."""
    drawn(tab, "Label")
    for at, keys in enumerate(answers, start=already + 1):
        press(tab, keys)
        said = tab.get_by_text(f"{at} of 10 labelled by you")
        if at == already + 1:  # the page is drawn a moment before it listens to keys
            try:
                expect(said).to_be_visible(timeout=10_000)
            except AssertionError:
                press(tab, keys)
        expect(said).to_be_visible()
        drawn(tab, "Label")


def press(tab: Page, keys: str) -> None:
    for key in keys:
        tab.keyboard.press("Enter" if key == "\n" else key)


def test_the_first_key_after_a_name_is_an_answer_and_no_part_of_the_name(tab: Page, labelling: Dashboard) -> None:
    tab.goto(f"{labelling.url}/label?batch=names")
    drawn(tab, "Label")
    tab.get_by_role("textbox", name="Your name").fill("mia")
    tab.keyboard.press("Enter")
    expect(tab.get_by_role("heading", name="user0", exact=True)).to_be_visible()
    drawn(tab, "Label")
    label_with_keys(tab, ("u",))
    records = read_records(Settings(data_dir=labelling.data_dir).coding_dir / "names")
    assert [(record.coder, record.answer) for record in records] == [("mia", "under 21")]


def kill_and_start_anew(running: Dashboard, log: Path) -> None:
    """End the server with the signal that nothing can catch, and start it where it was."""
    running.process.kill()
    running.process.wait()
    port = int(running.url.rsplit(":", 1)[1])
    running.process = start_dashboard(running.data_dir, "http://127.0.0.1:9", log, port).process


def test_two_coders_label_ten_accounts_with_keys_and_see_how_far_they_agree(
    tab: Page, labelling: Dashboard, tmp_path: Path
) -> None:
    tab.goto(f"{labelling.url}/label?batch=ten&coder=kim")
    expect(tab.get_by_role("heading", name="user0", exact=True)).to_be_visible()
    label_with_keys(tab, FIRST[:5])
    tab.goto("about:blank")  # the browser is closed half way, and opened again; in between the server was killed
    kill_and_start_anew(labelling, tmp_path / "streamlit.log")
    tab.goto(f"{labelling.url}/label?batch=ten&coder=kim")
    expect(tab.get_by_role("heading", name="user5", exact=True)).to_be_visible()
    label_with_keys(tab, FIRST[5:], already=5)
    expect(tab.get_by_text("You have labelled every account")).to_be_visible()

    tab.goto(f"{labelling.url}/label?batch=ten&coder=lee")
    expect(tab.get_by_text("0 of 10 labelled by you")).to_be_visible()
    expect(tab.get_by_role("heading", name="user0", exact=True)).to_be_visible()
    expect(tab.get_by_text("You said")).to_have_count(0)
    label_with_keys(tab, SECOND)

    records = read_records(labelling.data_dir / "coding" / "ten")
    said = {coder: [r.answer for r in records if r.coder == coder] for coder in ("kim", "lee")}
    assert said["kim"] == [
        "24",
        "19",
        "under 21",
        "at least 21",
        "cannot tell",
        "35-36",
        *["at least 21", "under 21"] * 2,
    ]
    assert said["lee"][:2] == ["24", "18"] and records[10].evidence == "self-report"

    tab.get_by_role("tab", name="Agreement").click()
    expect(tab.get_by_text("90 %")).to_be_visible()
    expect(tab.get_by_text("1 account to settle")).to_be_visible()
    tab.get_by_role("textbox", name="Settled answer").fill("22")
    tab.get_by_role("button", name="Settle", exact=True).click()
    expect(tab.get_by_text("1 account to settle")).to_have_count(0)
    tab.get_by_role("button", name="Keep as labels").click()
    expect(tab.get_by_text("Train finds them as ten")).to_be_visible()
    assert (labelling.data_dir / "labels" / "ten.csv").read_text().count("\n") == 10


def test_a_note_is_written_with_keys_and_one_can_go_back(tab: Page, labelling: Dashboard) -> None:
    tab.goto(f"{labelling.url}/label?batch=notes&coder=kim")
    expect(tab.get_by_role("heading", name="user0", exact=True)).to_be_visible()
    drawn(tab, "Label")
    tab.keyboard.press("n")
    tab.keyboard.type("a student, u and 7")
    tab.keyboard.press("Enter")
    tab.keyboard.press("u")  # as quickly as can be: the Enter has left the note already
    expect(tab.get_by_text("1 of 10 labelled by you")).to_be_visible()
    drawn(tab, "Label")
    tab.keyboard.press("s")
    expect(tab.get_by_role("heading", name="user2", exact=True)).to_be_visible()
    drawn(tab, "Label")
    tab.keyboard.press("b")
    expect(tab.get_by_role("heading", name="user1", exact=True)).to_be_visible()
    records = read_records(labelling.data_dir / "coding" / "notes")
    assert [(r.username, r.answer, r.note) for r in records] == [
        ("user0", "under 21", "a student, u and 7"),
        ("user1", "", ""),
    ]
