"""How long does Label let one wait? A thousand made-up accounts labelled by keys alone: ``python -m bench.labelling``.

A browser presses a key, and the time runs until the page shows that one more account is labelled and the name of
the next one. Prints the median and the 95th percentile, at the beginning and at the end of the batch.
"""

import argparse
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

from core.index import Store
from core.labelling.batches import Batch, create_batch
from core.labelling.records import RECORDS_FILE, read_records
from core.settings import Settings
from core.storage.account_files import write_account
from core.storage.models import Account, Post
from core.utils.formatting import number
from tests.browser.conftest import ARGUMENTS, CHROMIUM, free_port, start_dashboard, stop_dashboard
from tests.browser.test_pages import drawn

KEYS = ("a", "u", "t", "24\n", "a", "1990\n")
"""At least, under, cannot tell, an age and a year of birth, over and over."""


def make_study(study: Settings, accounts: int, captions: int) -> list[str]:
    """Accounts with captions, in a batch; their names."""
    names = [f"user{at:05d}" for at in range(accounts)]
    for name in names:
        posts = [
            Post(
                id=str(at), caption=f"coffee number {at} of {name}", taken_at=datetime(2026, 1 + at % 12, 1, tzinfo=UTC)
            )
            for at in range(captions)
        ]
        write_account(study.accounts_dir, Account(username=name, posts=posts))
    create_batch(study.coding_dir, Batch(name="many", purpose="random", cutoff=21, usernames=tuple(names)))
    with Store(study) as store:
        store.refresh()
    return names


def label(page: Page, names: list[str]) -> list[float]:
    """Press the keys of each account but the last; seconds until the next one is there."""
    took = []
    for at, following in enumerate(names[1:]):
        started = time.perf_counter()
        for key in KEYS[at % len(KEYS)]:
            page.keyboard.press("Enter" if key == "\n" else key)
        page.get_by_text(f"{number(at + 1)} of {number(len(names))} labelled by you").wait_for()
        page.get_by_role("heading", name=following, exact=True).wait_for()
        took.append(time.perf_counter() - started)
        drawn(page, "Label")
    return took


def main() -> None:
    """Make, label, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=1000)
    parser.add_argument("--captions", type=int, default=50, help="of each account")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        study = Settings(data_dir=Path(folder) / "study")
        names = make_study(study, given.accounts, given.captions)
        dashboard = start_dashboard(study.data_dir, "http://127.0.0.1:9", Path(folder) / "log", free_port())
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
                page = browser.new_page()
                page.goto(f"{dashboard.url}/label?batch=many&coder=kim")
                page.get_by_role("heading", name=names[0], exact=True).wait_for()
                drawn(page, "Label")
                took = label(page, names)
        finally:
            stop_dashboard(dashboard)
        kept = sum(len(read_records(path.parent)) for path in study.coding_dir.rglob(RECORDS_FILE))
    print(f"{len(took)} accounts labelled by keys alone, {kept} records kept")
    tenth = max(1, len(took) // 10)
    for when, part in (("the first tenth", took[:tenth]), ("the last tenth", took[-tenth:]), ("all", took)):
        print(f"{when}: {np.median(part):.2f} s from key to next account, 95 % within {np.quantile(part, 0.95):.2f} s")


if __name__ == "__main__":
    main()
