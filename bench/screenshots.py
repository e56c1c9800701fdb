"""Draw the README's screenshots anew: ``python -m bench.screenshots``; the synthetic sample only, never real accounts.

It walks the sample's way (load, train, predict), starts a dashboard of its own on it, and writes
``docs/overview.png``, ``docs/posts.png`` and ``docs/results.png``.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from core.encoder.names import OFFLINE_ENCODER
from core.maintenance.sample import load_sample
from core.settings import PROJECT_DIR, Settings
from tests.browser.conftest import ARGUMENTS, CHROMIUM, free_port, start_dashboard, stop_dashboard

PAGES = {
    "overview": ("", "Study folder", "light"),
    "posts": ("posts?show=Posts&words=school", "posts found", "light"),
    "results": ("results?view=How+good", "Calibration error", "dark"),
}
"""File -> its address, a text that is there once the page is, and the theme."""
LARGEST = 300_000


def main() -> None:
    """Start, draw, stop."""
    with tempfile.TemporaryDirectory() as folder:
        study = Settings(data_dir=Path(folder) / "study")
        load_sample(study)
        make_predictions(study)
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
    for command in (
        f"{train} --model-name-or-path {OFFLINE_ENCODER} --recipe best",
        f"{predict} --prediction-output-file {predictions}",
    ):
        subprocess.run([sys.executable, "-m", "core", *command.split()], cwd=PROJECT_DIR, check=True)


def draw(url: str) -> None:
    """Write one file a page."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        for name, (address, text, theme) in PAGES.items():
            page.emulate_media(color_scheme=theme)
            page.goto(f"{url}/{address}")
            expect(page.get_by_text(text).first).to_be_visible()
            expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
            page.wait_for_timeout(2_000)  # charts grow into their place
            path = PROJECT_DIR / "docs" / f"{name}.png"
            page.screenshot(path=path)
            print(f"{path.relative_to(PROJECT_DIR)}: {path.stat().st_size / 1000:.0f} KB")
            if path.stat().st_size > LARGEST:
                raise SystemExit(f"{path.name} is larger than {LARGEST / 1000:.0f} KB")
        browser.close()


if __name__ == "__main__":
    main()
