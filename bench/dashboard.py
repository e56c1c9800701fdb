"""Measure the dashboard in a real browser, on a study of 100,000 accounts and 10,000,000 posts.

    python -m bench.make_store FOLDER && python -m bench.index FOLDER && python -m bench.dashboard FOLDER

It starts a dashboard of its own, clicks through the pages, searches all captions, moves the threshold,
lets five people work at once, and moves 20,000 newly collected accounts in while somebody clicks on.
Times are from the click until the page's own content stands and nothing of an earlier one is left.
The folder must be one that bench.make_store made; what is added to it is removed again.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import cycle
from pathlib import Path

import orjson
import psutil
from playwright.sync_api import Browser, Page, sync_playwright

from bench import make_store
from core.collection.outcome_log import LEDGER_NAME, Entry
from core.settings import Settings
from tests.browser.conftest import ARGUMENTS, CHROMIUM, Dashboard, free_port, start_dashboard, stop_dashboard

NEW_ACCOUNTS = 20_000
PEOPLE = 5
CONTENT = {
    "Overview": "Latest predictions",
    "Collect": "Start collecting",
    "Posts": "accounts found",
    "Train": "at least 21, ",
    "Results": "Corrected for the model's errors",
    "Jobs": "Nothing has run in the background yet.",
    "Settings": "Gather a diagnostic file",
}
"""Page -> a text of its content that no other page has."""
STANDS = """([heading, text]) => {
    const main = document.querySelector('[data-testid=stMain]');
    return main && main.querySelector('h1')?.innerText.trim() === heading && main.innerText.includes(text)
        && !main.querySelector('[data-stale=true], [data-testid=stSkeleton]');
}"""
CHANGED = """before => {
    const now = document.querySelector('[data-testid=stMetricValue]');
    return now && now.innerText !== before && !document.querySelector('[data-stale=true]');
}"""
FOUND = """words => {
    const table = document.querySelector('[data-testid=stTable]');
    return table && [...table.querySelectorAll('span')].some(span => span.innerText.toLowerCase() === words)
        && !document.querySelector('[data-stale=true]');
}"""
PATIENCE_MS = 120_000


@dataclass
class Person:
    """Somebody at the dashboard, and how long each of their clicks took in seconds."""

    tab: Page
    took: dict[str, list[float]] = field(default_factory=dict)

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """Add the time of the block."""
        started = time.perf_counter()
        yield
        self.took.setdefault(what, []).append(time.perf_counter() - started)

    def stands(self, heading: str, text: str) -> None:
        """Wait until a page with this heading shows this text, and nothing of before."""
        self.tab.wait_for_function(STANDS, arg=[heading, text], polling="raf", timeout=PATIENCE_MS)

    def visit(self, name: str) -> None:
        """Click a page in the navigation and wait for its content."""
        self.tab.bring_to_front()  # a browser draws what lies behind only now and then
        with self.timed(name):
            self.tab.get_by_role("link", name=name, exact=True).first.click()
            self.stands(name, CONTENT[name])

    def search(self, words: str) -> None:
        """Search all captions for words that nobody has asked for yet."""
        box = self.tab.get_by_role("textbox", name="Words in captions")
        box.fill(words)
        with self.timed("search in all captions"):
            box.press("Enter")
            self.tab.wait_for_function(FOUND, arg=words, polling="raf", timeout=PATIENCE_MS)

    def move_threshold(self) -> None:
        """One step of the slider, until the share has changed."""
        before = self.tab.locator("[data-testid=stMetricValue]").first.inner_text()
        slider = self.tab.get_by_role("slider", name="Threshold")
        with self.timed("threshold moved"):
            slider.press("ArrowRight")
            self.tab.wait_for_function(CHANGED, arg=before, polling="raf", timeout=PATIENCE_MS)


def report(took: dict[str, list[float]]) -> None:
    """A row for each thing that was done."""
    print("| | times | median | 95th percentile | longest |\n|---|---|---|---|---|")
    for what, seconds in took.items():
        ordered = sorted(seconds)
        high = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
        figures = " | ".join(f"{1000 * value:.0f} ms" for value in (statistics.median(ordered), high, ordered[-1]))
        print(f"| {what} | {len(ordered)} | {figures} |")


def arrive(browser: Browser, dashboard: Dashboard) -> Person:
    """Open the dashboard as somebody who was not there yet."""
    person = Person(browser.new_context(viewport={"width": 1280, "height": 900}).new_page())
    with person.timed("opened by somebody new"):
        person.tab.goto(dashboard.url)
        person.stands("Overview", CONTENT["Overview"])
    return person


def memory(dashboard: Dashboard) -> str:
    """Resident memory of the server."""
    return f"{psutil.Process(dashboard.process.pid).memory_info().rss / 1e6:,.0f} MB"


def one_person(browser: Browser, dashboard: Dashboard, rounds: int) -> None:
    """Everything that one person does."""
    person = arrive(browser, dashboard)
    for _ in range(rounds):
        for name in CONTENT:
            person.visit(name)
    person.visit("Posts")
    person.tab.get_by_role("tab", name="Posts").click()
    person.stands("Posts", "posts found")
    for words in words_to_search(rounds):
        person.search(words)
    person.visit("Results")
    for _ in range(rounds):
        person.move_threshold()
    report(person.took)
    person.tab.context.close()


def words_to_search(number: int) -> list[str]:
    """Words of the made captions, frequent ones and rare ones."""
    words = list(make_store._words(make_store.random.Random(make_store.SEED)))
    return [words[7 + at * at * 150] for at in range(min(number, 11))]


def several_people(browser: Browser, dashboard: Dashboard, rounds: int) -> None:
    """Five people, each on another page, one click after the other."""
    people = [arrive(browser, dashboard) for _ in range(PEOPLE)]
    names = list(CONTENT)
    for at in range(rounds * len(names)):
        for number, person in enumerate(people):
            person.visit(names[(at + number) % len(names)])
    print(f"{PEOPLE} people: the server takes {memory(dashboard)}")
    for person in people:
        person.tab.context.close()


def new_accounts(browser: Browser, dashboard: Dashboard, settings: Settings, staged: Path) -> None:
    """Move newly collected accounts in, and click on until the index has them all."""
    person = arrive(browser, dashboard)
    shown = f"{100_000 + NEW_ACCOUNTS:,}"
    started = time.perf_counter()
    move_in(staged, settings.accounts_dir)
    others = cycle(name for name in CONTENT if name != "Overview")
    person.visit("Overview")
    while shown not in person.tab.get_by_test_id("stMain").inner_text():
        person.visit(next(others))
        person.visit("Overview")
    print(f"{NEW_ACCOUNTS:,} new accounts taken in after {time.perf_counter() - started:.0f} s, meanwhile:")
    report(person.took)
    print(f"The server takes {memory(dashboard)}")
    person.tab.context.close()


def move_in(staged: Path, folder: Path) -> None:
    """Put account files into a study and write down their outcomes, as a collection does."""
    with (folder / LEDGER_NAME).open("ab") as ledger:
        for path in staged.iterdir():
            entry = Entry("collected", 100, more=False, at=time.time(), changed=path.stat().st_mtime_ns)
            ledger.write(b"\n" + orjson.dumps({"file": path.name, **asdict(entry)}))
            path.rename(folder / path.name)


def cold_start(folder: Path, log: Path, use: Callable[[Browser, Dashboard], None]) -> None:
    """Start a dashboard and a browser, and say how long both take until the first page stands."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        started = time.perf_counter()
        dashboard = start_dashboard(folder, "http://127.0.0.1:9", log, free_port())
        try:
            first = Person(browser.new_context().new_page())
            first.tab.goto(dashboard.url)
            first.stands("Overview", "Next")
            shown = time.perf_counter() - started
            first.stands("Overview", CONTENT["Overview"])
            print(f"cold start: first figures after {shown:.1f} s, shares after {time.perf_counter() - started:.1f} s")
            first.tab.context.close()
            use(browser, dashboard)
        finally:
            stop_dashboard(dashboard)
            browser.close()


def main(folder: Path, rounds: int, parts: list[str]) -> None:
    """Measure one study."""
    settings = Settings(data_dir=folder)
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        log = Path(temporary) / "streamlit.log"
        if "one" in parts:
            cold_start(folder, log, lambda browser, dashboard: one_person(browser, dashboard, rounds))
        if "several" in parts:
            cold_start(folder, log, lambda browser, dashboard: several_people(browser, dashboard, 2))
        if "new" in parts:
            staged = Settings(data_dir=Path(temporary) / "staged")
            make_store.main(staged.data_dir, NEW_ACCOUNTS, 100, 100_000)
            try:
                cold_start(
                    folder, log, lambda browser, board: new_accounts(browser, board, settings, staged.accounts_dir)
                )
            finally:
                make_store.remove(settings, 100_000, NEW_ACCOUNTS)
    print(f"load of the machine (1 is one core busy): {psutil.getloadavg()[0]:.1f}, cores: {psutil.cpu_count()}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--parts", nargs="*", default=["one", "several", "new"])
    options = parser.parse_args()
    main(options.folder.resolve(), options.rounds, options.parts)
