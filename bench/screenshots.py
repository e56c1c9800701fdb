"""Draw the pictures of the README and the user guide: ``python -m bench.screenshots``; the synthetic sample only.

It walks the sample's way (load, train, predict, a batch to label), starts a dashboard of its own on it, and writes
one file for each of :data:`PICTURES` into ``docs/``.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from core.encoder.names import OFFLINE_ENCODER
from core.jobs import control
from core.jobs.job import ACTIVE
from core.jobs.records import Kind
from core.labelling.batches import Batch, create_batch
from core.maintenance.sample import load_sample
from core.settings import PROJECT_DIR, Settings
from core.storage.user_lists import read_user_list
from tests.browser.conftest import ARGUMENTS, CHROMIUM, free_port, start_dashboard, stop_dashboard

LARGEST = 150_000
PATIENCE_MS = 60_000
COLOURS = 128


@dataclass(frozen=True)
class Picture:
    """What is drawn of a page.

    Attributes:
        address: of the page.
        text: is there once the page is.
        theme: light or dark.
        before: what a person does there first.
    """

    address: str
    text: str
    theme: str = "light"
    before: Callable[[Page], None] = lambda page: None


def ask_what_would_go(page: Page) -> None:
    """Name an account on Erase."""
    page.get_by_role("textbox", name="Accounts, one a line").fill("sample_dov_04")
    page.get_by_role("button", name="Show what would go").click()
    expect(page.get_by_text("In the study main")).to_be_visible()


PICTURES = {
    "overview": Picture("", "Study folder"),
    "collect": Picture("collect", "Upload"),
    "posts": Picture("posts?show=Posts&words=school", "posts found"),
    "label": Picture("label?batch=first&coder=kim", "0 of 30 labelled by you"),
    "train": Picture("train?model=at-least-21", "Who is at least 21?"),
    "results": Picture("results?view=How+good", "Calibration error", "dark"),
    "share": Picture("results?view=Share", "Share at least 21"),
    "jobs": Picture("jobs", "Train on the sample"),
    "erase": Picture("erase", "Accounts, one a line", before=ask_what_would_go),
}


def main() -> None:
    """Make the study, draw, stop."""
    with tempfile.TemporaryDirectory() as folder:
        study = Settings(data_dir=Path(folder) / "study")
        load_sample(study)
        make_predictions(study)
        make_batch(study)
        dashboard = start_dashboard(study.data_dir, "http://127.0.0.1:9", Path(folder) / "log", free_port())
        try:
            draw(dashboard.url)
        finally:
            stop_dashboard(dashboard)


def make_predictions(study: Settings) -> None:
    """What the pages do with the sample where nothing is changed."""
    model, predictions = study.models_dir / "at-least-21", study.predictions_dir / "first" / "predictions.csv"
    train = f"train --input-dir {study.accounts_dir} --labels {study.labels_dir}/sample.csv --model-output-dir {model}"
    predict = f"predict --input-dir {study.accounts_dir} --finetuned-model-path {model}"
    run(
        study,
        "train",
        "Train on the sample",
        f"{train} --model-name-or-path {OFFLINE_ENCODER} --recipe best".split(),
        model,
    )
    run(
        study, "predict", "Predict the sample", f"{predict} --prediction-output-file {predictions}".split(), predictions
    )


def run(study: Settings, kind: Kind, title: str, arguments: Sequence[str], output: Path) -> None:
    """Do it as a job, and wait for its end."""
    job = control.start(study.jobs_dir, kind, title, arguments, [output])
    while job.state in ACTIVE:
        time.sleep(1)
    if job.state != "done":
        raise SystemExit(f"{title}: {job.state}. {job.end_message}")


def make_batch(study: Settings) -> None:
    """Thirty accounts to label."""
    listed = read_user_list(study.lists_dir / "sample.csv").usernames
    create_batch(study.coding_dir, Batch(name="first", purpose="random", cutoff=21, usernames=tuple(listed[:30])))


def draw(url: str) -> None:
    """Write one file a picture."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        for name, picture in PICTURES.items():
            page.emulate_media(color_scheme="dark" if picture.theme == "dark" else "light")
            page.goto(f"{url}/{picture.address}")
            expect(page.get_by_text(picture.text).first).to_be_visible()
            picture.before(page)
            expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
            page.wait_for_timeout(2_000)  # charts grow into their place
            path = PROJECT_DIR / "docs" / f"{name}.png"
            page.screenshot(path=path)
            with Image.open(path) as drawn:
                drawn.convert("RGB").quantize(COLOURS).save(path, optimize=True)
            print(f"{path.relative_to(PROJECT_DIR)}: {path.stat().st_size / 1000:.0f} KB")
            if path.stat().st_size > LARGEST:
                raise SystemExit(f"{path.name} is larger than {LARGEST / 1000:.0f} KB")
        browser.close()


if __name__ == "__main__":
    main()
