"""Measure the index: taking in files, starting, searching, paging, and pages while files are taken in.

    python -m bench.make_store FOLDER && python -m bench.index FOLDER

Takes in what FOLDER holds if it is not indexed yet, asks what the pages ask, then makes 20,000
newly collected accounts and asks again while the background thread takes them in. Afterwards it
removes them. The folder must be one that bench.make_store made.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import psutil

from bench import make_store
from core.index import Filter, Store
from core.settings import Settings

NEW_ACCOUNTS = 20_000


def questions(store: Store) -> dict[str, Callable[[], object]]:
    """What the pages ask, by what a person does."""
    rare, frequent = _words(store)
    username = store.accounts(limit=1, offset=store.count_accounts() // 2)["username"][0]
    run = store.runs()["run"][0]
    month = Filter(since=date(2026, 10, 1), until=date(2026, 10, 31))
    return {
        "overview: all counts": store.counts,
        "accounts: first page": store.accounts,
        "accounts: the 1,000th page, by posts": lambda: store.accounts(sort="posts", offset=50_000),
        "accounts: name contains": lambda: store.accounts(Filter(username="mo.0")),
        "account: all that is known": lambda: store.account(username),
        "account: its posts": lambda: store.posts(Filter(account=username)),
        "posts: newest": store.posts,
        "posts: the 100,000th page": lambda: store.posts(offset=5_000_000),
        "posts: of one month": lambda: store.posts(month),
        "search: a rare word, posts": lambda: store.posts(Filter(words=rare)),
        "search: a rare word, how many": lambda: _uncached(store, Filter(words=rare)),
        "search: a frequent word, posts": lambda: store.posts(Filter(words=frequent)),
        "search: a frequent word, how many": lambda: _uncached(store, Filter(words=frequent)),
        "search: accounts that use a rare word": lambda: store.accounts(Filter(words=rare)),
        "results: a whole run, for the charts": lambda: store.all_predictions(run),
        "SQL: posts by account": lambda: store.sql("SELECT username, count(*) FROM posts GROUP BY 1 LIMIT 10"),
    }


def ask_all(store: Store, rounds: int) -> None:
    """Print the median and the longest time of each question."""
    for name, question in questions(store).items():
        seconds = [_timed(question) for _ in range(rounds)]
        print(f"  {name:40} {statistics.median(seconds) * 1000:7.0f} ms, at most {max(seconds) * 1000:.0f} ms")


def take_in(store: Store) -> None:
    """Take in what is not indexed yet, and print how long it took."""
    seconds = _timed(store.refresh)
    print(f"taking in {store.following.total:,} files: {seconds:.1f} s")
    print(f"looking for changes where there are none: {_timed(store.refresh):.2f} s")


def ask_while_files_come_in(store: Store, settings: Settings) -> None:
    """Ask while the background thread takes in newly collected accounts, then remove them."""
    first = store.count_accounts()
    make_store.main(settings.data_dir, NEW_ACCOUNTS, 100, first)
    try:
        started = time.perf_counter()
        store.start(interval_s=1)
        waits: list[float] = []
        slow = questions(store)
        pages = {name: slow[name] for name in slow if not name.startswith("search") and "100,000th" not in name}
        while store.count_accounts() < first + NEW_ACCOUNTS:
            waits += [_timed(question) for question in pages.values()]
        print(f"taking in {NEW_ACCOUNTS:,} new accounts meanwhile: {time.perf_counter() - started:.0f} s")
        slowest = sorted(waits)[int(len(waits) * 0.95)]
        usual = statistics.median(waits)
        print(f"a page's question meanwhile: median {usual * 1000:.0f} ms, 95 % below {slowest * 1000:.0f} ms")
    finally:
        make_store.remove(settings, first, NEW_ACCOUNTS)
    print(f"removing them again: {_timed(store.refresh):.1f} s")


def main(folder: Path) -> None:
    """Measure one study."""
    settings = Settings(data_dir=folder)
    with Store(settings) as store:
        take_in(store)
    started = time.perf_counter()
    with Store(settings) as store:
        store.counts()
        print(f"start with a full index, first figures shown: {time.perf_counter() - started:.2f} s")
        ask_all(store, rounds=5)
        ask_while_files_come_in(store, settings)
    memory = psutil.Process().memory_info().rss / 1e6
    print(f"memory {memory:.0f} MB, index {settings.index_file.stat().st_size / 1e6:.0f} MB")
    print(f"load of the machine (1 is one core busy): {psutil.getloadavg()[0]:.1f}, cores: {psutil.cpu_count()}")


def _uncached(store: Store, chosen: Filter) -> int:
    store._kept.clear()
    return store.count_posts(chosen)


def _words(store: Store) -> tuple[str, str]:
    found = store.sql("SELECT caption FROM posts WHERE account_id % 1000 = 1").table["caption"].to_pylist()
    counts: dict[str, int] = {}
    for word in " ".join(found).split():
        counts[word] = counts.get(word, 0) + 1
    words = sorted((word for word in counts if len(word) > 5), key=lambda word: counts[word])
    return words[0], words[-1]


def _timed(question: Callable[[], object]) -> float:
    started = time.perf_counter()
    question()
    return time.perf_counter() - started


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    main(parser.parse_args().folder.resolve())
