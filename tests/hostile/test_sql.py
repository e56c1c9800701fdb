"""SQL that a person typed: whatever it is, the dashboard's own process neither grows nor stands still."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.errors import InputError
from core.index import Store, sql_console
from core.settings import Settings
from core.storage.account_files import write_account
from core.storage.models import Account, Post


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("study") / "data")
    for name in ("anna", "bob"):
        posts = [Post(id=f"{name}{n}", caption=f"caption {n}") for n in range(120)]
        write_account(settings.accounts_dir, Account(username=name, posts=posts))
    with Store(settings) as store:
        store.refresh()
        yield store


def grown(*lengths: int, function: str = "replace", more: str = "") -> str:
    """A text of ten letters, each of which becomes so many, again and again."""
    text = "'xxxxxxxxxx'"
    for length in lengths:
        text = f"{function}({text}, 'x', '{'x' * length}'{more})"
    return text


HUNDRED_THOUSAND = grown(10, 10, 10, 10)
HOSTILE = {
    "nested replace": f"SELECT length({grown(10, 10, 10, 36)}) FROM posts a, posts b",
    "nested replace of a terabyte": f"SELECT length({grown(10, 10, 10, 1000, 1000, 1000)})",
    "nested regexp_replace": "SELECT length({})".format(
        grown(10, 100, 100, 100, 100, function="regexp_replace", more=", 'g'")
    ),
    "levenshtein": f"WITH t AS (SELECT {HUNDRED_THOUSAND} AS s) SELECT levenshtein(s, s || 'y') FROM t",
    "format": "SELECT length(format('{:>1000000000}', 'x'))",
    "format, often": "SELECT sum(length(format('{:>100000000}', id))) FROM posts",
    "bitstring": "SELECT bit_count(bitstring('1', 2000000000))",
    "range join": "SELECT count(*) FROM posts a JOIN posts b ON a.id < b.id JOIN posts c ON b.id < c.id "
    "JOIN posts d ON c.id < d.id JOIN posts e ON d.id < e.id",
    "recursion": "WITH RECURSIVE t(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM t) SELECT max(i) FROM t",
    "recursion that doubles": "WITH RECURSIVE t(s) AS (SELECT 'x' UNION ALL SELECT s || s FROM t) "
    "SELECT max(length(s)) FROM t",
    "list_transform": f"SELECT list_transform(string_split({HUNDRED_THOUSAND}, 'x'), lambda x: {HUNDRED_THOUSAND})",
    "string_agg": "SELECT length(string_agg(a.caption || b.caption || c.caption, d.caption)) "
    "FROM posts a, posts b, posts c, posts d",
    "nested too deeply": "SELECT " + "(" * 50_000 + "1" + ")" * 50_000,
    "a long query": "SELECT " + " + ".join(["1"] * 200_000),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", HOSTILE)
def test_what_takes_too_much_ends_in_time_and_takes_nothing_along(store: Store, what: str) -> None:
    own = psutil.Process()
    before, began = own.memory_info().rss, time.monotonic()
    try:
        store.sql(HOSTILE[what], max_seconds=1)
    except InputError as error:
        assert str(error)
    assert time.monotonic() - began < 15  # of which a new process is most, where the machine is busy
    assert own.memory_info().rss - before < 100_000_000
    assert store.sql("SELECT count(*) AS n FROM posts").frame["n"].tolist() == [240]


def test_a_query_can_be_stopped(store: Store) -> None:
    store.sql("SELECT 1")
    running = store.start_sql(HOSTILE["recursion"])  # which counts for ever, in little memory
    assert not running.wait(0.1), running.result()
    began = time.monotonic()
    running.stop()
    with pytest.raises(InputError, match="as you asked"):
        running.result()
    assert time.monotonic() - began < 2
    assert store.sql("SELECT 1").table.num_rows == 1


def test_a_query_sees_what_has_been_taken_in_since_the_last(store: Store, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    with Store(settings) as own:
        own.refresh()
        assert own.sql("SELECT count(*) AS n FROM accounts").frame["n"].tolist() == [0]
        write_account(settings.accounts_dir, Account(username="carla", outcome="empty"))
        own.refresh()
        assert own.sql("SELECT username FROM accounts").frame["username"].tolist() == ["carla"]


def test_a_process_that_is_killed_is_replaced_and_none_is_left(store: Store, tmp_path: Path) -> None:
    with Store(Settings(data_dir=tmp_path / "data")) as own:
        own.sql("SELECT 1")
        assert own._console._worker
        process = own._console._worker._process
        process.kill()
        process.wait()
        assert own.sql("SELECT 1").table.num_rows == 1
        last = own._console._worker._process
    assert last.poll() is not None


def test_copies_of_the_index_do_not_stay(store: Store) -> None:
    store.sql("SELECT 1")
    folder = store._database.path.parent
    assert not list(folder.rglob("sql-*"))


def test_the_process_has_no_secrets(store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AGESCOPE_GRAPH_TOKEN", "very-secret")
    with Store(Settings(data_dir=tmp_path / "data")) as own:
        own.sql("SELECT 1")
        assert own._console._worker
        assert "very-secret" not in str(psutil.Process(own._console._worker._process.pid).environ())


def test_two_who_ask_at_once_are_answered_one_after_the_other(store: Store) -> None:
    found: list[int] = []

    def ask(n: int) -> None:
        found.append(store.sql(f"SELECT {n} AS n").frame["n"][0])

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(found) == [0, 1, 2, 3]


def test_where_the_system_heeds_no_limit_of_memory_the_watch_ends_what_grows(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As on macOS, which takes RLIMIT_AS and does not keep to it."""
    limited = sql_console._Worker._exchange

    def unlimited(worker: Any, question: Any, *given: Any) -> Any:
        asked: Any = {**question, "bytes": 2**45} if "bytes" in question else question
        return limited(worker, asked, *given)

    monkeypatch.setattr(sql_console._Worker, "_exchange", unlimited)
    monkeypatch.setattr(sql_console, "MAX_GROWTH", 300_000_000)
    with Store(Settings(data_dir=tmp_path / "data")) as own:
        with pytest.raises(InputError, match="more memory"):
            own.sql(HOSTILE["format"])
        assert own._console._worker and not own._console._worker.alive
        assert own.sql("SELECT 1 AS n").frame["n"].tolist() == [1]
