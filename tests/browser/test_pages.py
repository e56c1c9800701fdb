"""What a person does on each page, in a real browser, and whether everybody can: axe at two widths, in both themes."""

import io
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import orjson
import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import FloatRect, Page, expect

from core.collection.events import AccountEvent
from core.encoder.age_classifier import AgeClassifier
from core.encoder.names import OFFLINE_ENCODER
from core.encoder.pretrained import load_encoder, load_tokenizer
from core.models.predictor import EncoderPredictor
from core.models.settings import ModelSettings
from core.settings import Settings
from core.storage.account_files import write_account
from core.storage.models import Account, Post
from tests.browser.conftest import Dashboard, clicked, downloaded, start_dashboard, stop_dashboard
from tests.made_study import add_ended_job, add_model, add_predictions
from tests.tiny_models import tiny_encoder

pytestmark = pytest.mark.browser

PLACES = {
    "": "Overview",
    "collect": "Collect",
    "collect?source=Import+files": "Collect",
    "posts": "Posts",
    "posts?show=Posts&words=school": "Posts",
    "posts?account=sample_dov_04": "Posts",
    "posts?show=SQL": "Posts",
    "label": "Label",
    "train": "Train",
    "results": "Results",
    "results?view=How+good": "Results",
    "results?view=Compare": "Results",
    "jobs": "Jobs",
    "settings": "Settings",
}
"""Address -> heading."""
LOOKS = ((1280, "light"), (390, "dark"))
"""Width and theme: each of them once, since a width shows no other colours."""
SERIOUS = {"serious", "critical"}
# Streamlit draws tables on a canvas, and its own header; what of it fails is not ours to mend.
NOT_OURS = [["[data-testid=stDataFrame]"], ["[data-testid=stHeader]"], ["[data-testid=stToolbar]"]]


@pytest.fixture(scope="module")
def predicted(tmp_path_factory: pytest.TempPathFactory, sample_data: Path, port: int) -> Iterator[Dashboard]:
    """A dashboard on the sample with predictions and a small model that can be asked for reasons."""
    folder = Path(tmp_path_factory.mktemp("study"))
    study = Settings(data_dir=folder / "data")
    shutil.copytree(sample_data, study.data_dir)
    settings = ModelSettings(tiny_encoder(folder / "encoder"), "weights.pth")
    model = AgeClassifier(load_encoder(settings.encoder))
    EncoderPredictor(model, load_tokenizer(OFFLINE_ENCODER), settings).save(study.models_dir / "tiny")
    add_model(study.models_dir / "tiny", settings)
    add_predictions(study.data_dir, study.models_dir / "tiny")
    running = start_dashboard(study.data_dir, "http://127.0.0.1:9", folder / "streamlit.log", port)
    yield running
    stop_dashboard(running)


def drawn(page: Page, heading: str) -> None:
    """Wait until the page stands still."""
    expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
    expect(page.locator("[data-stale=true]")).to_have_count(0)


def switch_on(page: Page, *toggles: str) -> None:
    """Have downloads hold what they leave out unless asked."""
    for toggle in toggles:
        page.get_by_text(toggle, exact=True).click()
        expect(page.get_by_role("switch", name=toggle)).to_be_checked()


def test_every_page_is_accessible_and_fits(tab: Page, predicted: Dashboard) -> None:
    problems = []
    for address, heading in PLACES.items():
        tab.goto(f"{predicted.url}/{address}")
        for width, theme in LOOKS:
            tab.set_viewport_size({"width": width, "height": 900})
            tab.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            drawn(tab, heading)
            expect(tab.get_by_test_id("stApp")).to_have_css("color-scheme", theme)
            assert tab.evaluate("document.documentElement.scrollWidth") <= width, f"{address} is wider than {width}"
            problems += [(address, width, theme, *problem) for problem in serious_problems(tab)]
    assert not problems


def serious_problems(page: Page) -> list[tuple[str, list[str]]]:
    found = Axe().run(page, context={"exclude": NOT_OURS}, options={"resultTypes": ["violations"]})
    return [
        (violation["id"], [node["html"][:200] for node in violation["nodes"]])
        for violation in found.response["violations"]
        if violation["impact"] in SERIOUS
    ]


def place_of(page: Page, table: int = 0) -> FloatRect:
    """Where a table in sight lies, once it lies still: what is drawn above it moves it down."""
    shown = page.locator("[data-testid=stDataFrame]:visible").nth(table)
    expect(shown).to_be_visible()
    before = None
    while before is None or before != shown.bounding_box():
        before = shown.bounding_box()
        page.wait_for_timeout(200)
    return before


def click_first_cell(page: Page, table: int = 0, right: int = 30) -> None:
    """Click the first cell of a table, which is drawn on a canvas; ``right`` of boxes to tick there are some."""
    shown = page.get_by_test_id("stDataFrame").nth(table)
    shown.scroll_into_view_if_needed()
    box = shown.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + right, box["y"] + 52)


def test_a_person_asks_why_and_a_reload_shows_the_same(tab: Page, predicted: Dashboard) -> None:
    tab.goto(f"{predicted.url}/results?find=sample_dov_04")
    drawn(tab, "Results")
    expect(tab.get_by_text("1 account", exact=True)).to_be_visible()
    click_first_cell(tab)
    expect(tab.get_by_text("It explains the model, not the person.")).to_be_visible()
    expect(tab).to_have_url(re.compile("why=sample_dov_04"))
    tab.reload()
    expect(tab.get_by_text(re.compile(r"from \d+ captions"))).to_be_visible()


def test_a_name_is_clicked_and_the_word_that_was_searched_for_is_marked(tab: Page, predicted: Dashboard) -> None:
    tab.goto(f"{predicted.url}/posts?words=school")
    drawn(tab, "Posts")
    click_first_cell(tab)
    expect(tab.get_by_test_id("stMetric").filter(has_text="Known age")).to_be_visible()
    expect(tab).to_have_url(re.compile(r"account=\w+"))
    expect(tab.get_by_test_id("stTable").get_by_text("school", exact=True).first).to_be_visible()
    tab.get_by_role("button", name="Close", exact=True).click()
    expect(tab.get_by_test_id("stMetric").filter(has_text="Known age")).to_have_count(0)
    expect(tab).not_to_have_url(re.compile("account="))
    click_first_cell(tab)
    expect(tab.get_by_test_id("stMetric").filter(has_text="Known age")).to_be_visible()


def test_the_posts_that_were_found_are_downloaded_and_no_cell_of_them_is_a_formula(
    tab: Page, predicted: Dashboard
) -> None:
    post = Post(id="1", caption="=1+1 qwertz")
    path = write_account(predicted.data_dir / "accounts", Account(username="yva", posts=[post]))
    tab.goto(f"{predicted.url}/posts?show=Posts&words=qwertz")
    drawn(tab, "Posts")
    more = tab.get_by_role("button", name="Show what is new")
    expect(more.or_(tab.get_by_text("1 post found"))).to_be_visible()
    if more.is_visible():
        more.click()
    expect(tab.get_by_text("1 post found")).to_be_visible()
    tab.get_by_role("button", name="Download", exact=True).click()
    shared = pd.read_csv(io.BytesIO(downloaded(tab, "These posts as CSV")))
    assert "caption" not in shared and shared["username"][0].startswith("p-")
    switch_on(tab, "Names in the file", "Captions in the file")
    drawn(tab, "Posts")
    table = pd.read_csv(io.BytesIO(downloaded(tab, "These posts as CSV", holds=b"yva,,'=1+1")))
    assert table[["username", "caption"]].to_numpy().tolist() == [["yva", "'=1+1 qwertz"]]
    path.unlink()


def test_an_account_is_opened_in_sight_on_a_small_screen(tab: Page, predicted: Dashboard) -> None:
    tab.goto(f"{predicted.url}/posts")
    drawn(tab, "Posts")
    click_first_cell(tab)
    expect(tab.get_by_role("heading", name=re.compile("^sample_"))).to_be_in_viewport()
    expect(tab.get_by_test_id("stMetric").first).to_be_in_viewport()
    tab.get_by_role("link", name="Why?").click()
    drawn(tab, "Results")
    expect(tab).to_have_url(re.compile("results.*why=sample_"))


def test_what_came_in_meanwhile_is_offered_and_not_forced_upon_a_reader(tab: Page, predicted: Dashboard) -> None:
    tab.goto(f"{predicted.url}/posts?show=Posts&user=zoe")
    drawn(tab, "Posts")
    expect(tab.get_by_text("0 posts found")).to_be_visible()
    post = Post(id="1", caption="hello")
    path = write_account(predicted.data_dir / "accounts", Account(username="zoe", posts=[post]))
    more = tab.get_by_role("button", name="Show what is new")
    expect(more).to_be_visible()
    expect(tab.get_by_text("0 posts found")).to_be_visible()
    more.click()
    expect(tab.get_by_text("1 post found")).to_be_visible()
    path.unlink()


def test_a_model_is_clicked_and_its_card_read(tab: Page, predicted: Dashboard) -> None:
    tab.goto(f"{predicted.url}/train")
    drawn(tab, "Train")
    tab.get_by_test_id("stDataFrame").first.scroll_into_view_if_needed()
    click_first_cell(tab, right=100)
    expect(tab.get_by_role("heading", name="Who is at least 21?")).to_be_visible()


def test_settings_of_a_training_are_still_there_after_a_look_at_another_page(tab: Page, predicted: Dashboard) -> None:
    tab.goto(f"{predicted.url}/train")
    drawn(tab, "Train")
    tab.get_by_text("frozen encoder", exact=True).click()
    expect(tab.get_by_text("Only the head learns.")).to_be_visible()
    tab.get_by_role("link", name="Jobs", exact=True).first.click()
    drawn(tab, "Jobs")
    tab.get_by_role("link", name="Train", exact=True).first.click()
    expect(tab.get_by_text("Only the head learns.")).to_be_visible()


def test_the_accounts_of_a_run_are_filtered_and_downloaded(tab: Page, predicted: Dashboard) -> None:
    accounts = [
        AccountEvent(username=f"user_{n}", outcome="failed" if n % 3 else "collected", posts=n, requests=1).model_dump()
        for n in range(9_000)
    ]
    add_ended_job(predicted.data_dir, "collect", accounts, {"collected": 3_000, "failed": 6_000})
    tab.goto(f"{predicted.url}/collect")
    drawn(tab, "Collect")
    expect(tab.get_by_role("button", name="Try 6,000 failed accounts again")).to_be_visible()
    tab.get_by_text("Accounts of this run").click()
    tab.get_by_role("button", name="collected", exact=True).click()
    expect(tab.get_by_text("The latest 500 of 3,000")).to_be_visible()
    drawn(tab, "Collect")
    table = pd.read_csv(io.BytesIO(downloaded(tab, "Download these", holds=b"collected")))
    assert len(table) == 3_000 and set(table["outcome"]) == {"collected"}


def test_enter_in_the_second_date_field_filters(tab: Page, predicted: Dashboard) -> None:
    tab.goto(f"{predicted.url}/posts?show=Posts")
    drawn(tab, "Posts")
    tab.get_by_text("Filters", exact=True).first.click()
    tab.get_by_test_id("stDateInput").nth(1).get_by_role("spinbutton").first.click()
    tab.keyboard.type("20250301")
    tab.keyboard.press("Enter")
    expect(tab).to_have_url(re.compile("until=2025-03-01"))


def test_the_log_of_a_job_is_read_and_the_job_removed(tab: Page, predicted: Dashboard) -> None:
    folder = add_ended_job(predicted.data_dir, "import", [], {})
    tab.goto(f"{predicted.url}/jobs")
    drawn(tab, "Jobs")
    job = tab.locator(f".st-key-ended_{folder.name}")
    job.get_by_text("Log, command, events").click()
    expect(job.get_by_text("last line")).to_be_visible()
    job.get_by_role("tab", name="Command").click()
    expect(job.get_by_text("-m core scrape-users")).to_be_visible()
    job.get_by_role("button", name="Remove from this list").click()
    expect(job).to_have_count(0)
    assert not folder.exists()


def test_a_bar_is_clicked_and_its_accounts_are_listed_kept_by_a_reload_exported_and_labelled(
    tab: Page, predicted: Dashboard
) -> None:
    tab.goto(f"{predicted.url}/results?run=run-1")
    drawn(tab, "Results")
    chart = tab.get_by_test_id("stVegaLiteChart").first
    clicked(chart.locator("path[aria-roledescription=bar]").last, tab.get_by_text("with a probability from 0."))
    expect(tab).to_have_url(re.compile(r"behind=probability"))
    listed = tab.get_by_text(re.compile(r"^[\d,]+ accounts? · .*new to")).inner_text()
    tab.reload()
    drawn(tab, "Results")
    expect(tab.get_by_text(listed, exact=True)).to_be_visible()
    click_first_cell(tab)
    expect(tab.get_by_role("link", name="Open its posts")).to_be_visible()
    expect(tab.get_by_text("It explains the model, not the person.")).to_be_visible()
    drawn(tab, "Results")
    with tab.expect_download() as started:
        tab.get_by_role("button", name="Export these", exact=True).click()
    table = pd.read_csv(started.value.path())
    assert f"{len(table)} account" in listed and table["probability"].between(0, 1).all()
    tab.get_by_role("tab", name="How good").click()
    expect(tab.get_by_text("At the threshold", exact=True)).to_be_visible()
    drawn(tab, "Results")
    box = place_of(tab)
    tab.mouse.click(box["x"] + 280, box["y"] + 52)
    expect(tab.get_by_text("Known to be under 21, predicted")).to_be_visible()
    drawn(tab, "Results")
    tab.get_by_role("button", name="Label these").click()
    expect(tab.get_by_role("heading", name="Label", exact=True)).to_be_visible()
    expect(tab.get_by_role("combobox", name="Batch")).to_have_value(re.compile("chosen from a list"))


def test_the_threshold_is_moved_and_the_run_is_downloaded(tab: Page, predicted: Dashboard) -> None:
    tab.goto(f"{predicted.url}/results?view=Download")
    drawn(tab, "Results")
    before = tab.get_by_test_id("stMetric").first.inner_text()
    tab.get_by_role("slider", name="Threshold").press("End")
    expect(tab.get_by_test_id("stMetric").first).not_to_have_text(before, use_inner_text=True)
    expect(tab.get_by_text("at the threshold of 1.00")).to_be_visible()
    expect(tab).to_have_url(re.compile(r"threshold=1"))
    drawn(tab, "Results")
    table = pd.read_csv(io.BytesIO(downloaded(tab, "Download CSV")))
    assert [*table.columns[:4]] == ["username", "probability", "prediction", "posts"]
    assert {"known_age", "part", "called", "cutoff", "threshold", "run", "model"} <= {*table.columns}
    assert table["prediction"].sum() == 0
    assert "uncertain" in pd.read_parquet(io.BytesIO(downloaded(tab, "Download Parquet")))
    assert b"<svg" in downloaded(tab, "Download report")


def test_a_query_is_typed_and_its_answer_downloaded(tab: Page, predicted: Dashboard) -> None:
    tab.goto(f"{predicted.url}/posts?show=SQL")
    tab.get_by_role("textbox", name="Query").fill("SELECT '=1+1' AS cell FROM accounts LIMIT 2")
    tab.get_by_role("button", name="Run", exact=True).click()
    expect(tab.get_by_text("2 rows")).to_be_visible()
    assert b"=1+1" not in downloaded(tab, "Answer as CSV")
    switch_on(tab, "Captions in the file")
    drawn(tab, "Posts")
    assert downloaded(tab, "Answer as CSV", holds=b"'=1+1")


def test_the_diagnostic_file_is_gathered(tab: Page, predicted: Dashboard) -> None:
    tab.goto(f"{predicted.url}/settings")
    drawn(tab, "Settings")
    tab.get_by_role("button", name="Gather a diagnostic file").click()
    assert orjson.loads(downloaded(tab, "Diagnostic file"))["counts"]["labelled"] == 340
