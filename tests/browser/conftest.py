"""A real dashboard on loopback, driven by a real headless Chromium."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

from core.settings import PROJECT_DIR
from tests.stand_in import StandIn

expect.set_options(timeout=30_000)

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@dataclass
class Dashboard:
    """A running dashboard: its address, its data folder, its process, and what that prints."""

    url: str
    data_dir: Path
    process: "subprocess.Popen[bytes]"
    log: Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_dashboard(
    data_dir: Path,
    instagram_url: str,
    log: Path,
    port: int,
    further: Mapping[str, str] | None = None,
    folder: Path = PROJECT_DIR,
) -> Dashboard:
    """Start the one in ``folder`` and wait until it answers; ``further`` is added to its environment."""
    own = {"AGESCOPE_DATA_DIR": str(data_dir), "AGESCOPE_INSTAGRAM_URL": instagram_url}
    own["XDG_DATA_HOME"] = str(data_dir.parent / "home")  # where keys of pseudonyms lie
    own["PYTHONFAULTHANDLER"] = "1"  # one that does not stop says where it stands
    environment = {**os.environ, **own, **(further or {})}
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=output,
        )
    url = f"http://localhost:{port}"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"{url}/_stcore/health", timeout=1).close()
            return Dashboard(url, data_dir, process, log)
        except (urllib.error.URLError, TimeoutError):
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
    raise AssertionError(log.read_text())


def stop_dashboard(dashboard: Dashboard) -> None:
    """End it as a person does.

    Raises:
        AssertionError: it does not end; with what each of its threads does.
    """
    dashboard.process.terminate()
    try:
        dashboard.process.wait(60)
    except subprocess.TimeoutExpired:
        dashboard.process.send_signal(signal.SIGABRT)
        dashboard.process.wait(60)
        raise AssertionError(dashboard.log.read_text()) from None


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For the tests of one file: as long as it is there, no test in the same process can run a loop of its own."""
    if CHROMIUM is None:
        pytest.skip("no Chromium or Chrome is installed")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def port() -> int:
    """Of every dashboard of one file, so that the browser keeps the program's scripts from one to the next."""
    return free_port()


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(accept_downloads=True)
    made.set_default_timeout(30_000)
    yield made
    made.close()


@pytest.fixture
def tab(context: BrowserContext) -> Iterator[Page]:
    """An empty tab of somebody who has not been here before."""
    context.clear_cookies()
    opened = context.new_page()
    opened.set_viewport_size({"width": 1280, "height": 900})
    yield opened
    opened.close()


@pytest.fixture
def dashboard(tmp_path: Path, stand_in: StandIn, port: int) -> Iterator[Dashboard]:
    running = start_dashboard(tmp_path / "data", stand_in.url, tmp_path / "streamlit.log", port)
    yield running
    stop_dashboard(running)


@pytest.fixture
def page(tab: Page, dashboard: Dashboard) -> Page:
    """A tab with the dashboard."""
    tab.goto(dashboard.url)
    return tab


def downloaded(page: Page, button: str, holds: bytes = b"") -> bytes:
    """What a button gives away, as soon as it holds what the page shows.

    Right after a click elsewhere the page still offers what it offered before, and Streamlit throws a file away that
    was made two runs ago: then one clicks again, as a person does.
    """
    deadline = time.monotonic() + 60
    while True:
        with page.expect_download() as started:
            page.get_by_role("button", name=button, exact=True).click()
        broken = started.value.failure()
        content = b"" if broken else Path(started.value.path()).read_bytes()
        if content and holds in content:
            return content
        assert time.monotonic() < deadline, broken or content[:1000]


def clicked(target: Locator, shows: Locator) -> None:
    """Click until what the click is to bring is there: a chart that is just drawn anew takes no notice of one."""
    deadline = time.monotonic() + 60
    while True:
        target.click()
        try:
            return expect(shows).to_be_visible(timeout=5_000)
        except AssertionError:
            if time.monotonic() > deadline:
                raise
