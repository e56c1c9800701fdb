"""The SQL tab: one SELECT over the index, and nothing else."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from core.errors import InputError
from core.index import Store, sql_worker
from core.settings import Settings
from core.storage.account_files import write_account
from core.storage.models import Account, Post
from core.utils.tables import parquet, safe_csv


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("study")


@pytest.fixture(scope="module")
def store(folder: Path) -> Iterator[Store]:
    settings = Settings(data_dir=folder / "data")
    for name in ("anna", "bob"):
        posts = [Post(id=f"{name}{n}", caption=f"caption {n}") for n in range(120)]
        write_account(settings.accounts_dir, Account(username=name, posts=posts))
    (folder / "secret.csv").write_text("a,b\n1,2\n")
    with Store(settings) as store:
        store.refresh()
        yield store


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT username, count(*) AS n FROM posts GROUP BY 1 ORDER BY 1", 2),
        ("FROM posts", 240),
        ("WITH a AS (SELECT * FROM accounts) SELECT * FROM a JOIN posts USING (account_id);  -- done", 240),
        ("SELECT 'a;b' UNION ALL SELECT 'COPY posts TO x'", 2),
        ("DESCRIBE posts", 10),
        ("SUMMARIZE accounts", 15),
        ("VALUES (1), (2)", 2),
        ("SELECT unnest([1, 2, 3])", 3),
    ],
)
def test_a_select_is_answered(store: Store, query: str, rows: int) -> None:
    answer = store.sql(query)
    assert (answer.table.num_rows, answer.cut) == (rows, None)


HOSTILE = [
    "DELETE FROM posts",
    "INSERT INTO lists VALUES ('x', 'y')",
    "UPDATE accounts SET username = 'x'",
    "DROP TABLE posts",
    "CREATE TABLE x AS SELECT 1",
    "CREATE TEMP TABLE x AS SELECT 1",
    "CREATE MACRO m() AS 1",
    "WITH gone AS (DELETE FROM posts RETURNING *) SELECT * FROM gone",
    "WITH new AS (INSERT INTO lists VALUES ('x', 'y') RETURNING *) SELECT * FROM new",
    "WITH new AS (UPDATE accounts SET username = 'x' RETURNING *) SELECT * FROM new",
    "SELECT 1; DELETE FROM posts",
    "SELECT 1; SELECT 2",
    "COPY posts TO '{folder}/out.csv'",
    "COPY (SELECT * FROM posts) TO '{folder}/out.parquet'",
    "EXPORT DATABASE '{folder}/out'",
    "ATTACH '{folder}/out.db' AS out",
    "DETACH index",
    "USE memory",
    "SELECT * FROM read_csv('{folder}/secret.csv')",
    "SELECT * FROM '{folder}/secret.csv'",
    'SELECT * FROM "{folder}/secret.csv"',
    "SELECT * FROM read_text('{folder}/secret.csv')",
    "SELECT * FROM glob('{folder}/*')",
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM query_table('posts')",
    "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
    "SELECT (SELECT count(*) FROM read_blob('{folder}/secret.csv'))",
    "SELECT * FROM posts WHERE id IN (SELECT content FROM main.Read_Text('{folder}/secret.csv'))",
    "SELECT * FROM arrow_scan(1, 2, 3)",
    "SELECT * FROM pandas_scan(1)",
    "SELECT * FROM seq_scan('posts')",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM checkpoint()",
    "SELECT repeat('x', 100000000) FROM posts",
    "SELECT len(range(1000000000))",
    "INSTALL httpfs",
    "LOAD httpfs",
    "PRAGMA database_list",
    "PRAGMA threads = 64",
    "SET memory_limit = '100GB'",
    "RESET memory_limit",
    "SET VARIABLE x = 1",
    "CALL force_checkpoint()",
    "CHECKPOINT",
    "BEGIN",
    "EXPLAIN ANALYZE DELETE FROM posts",
    "PREPARE p AS DELETE FROM posts",
    "VACUUM",
    "SELECT * FROM settings",
    "SELECT $1",
    "SELECT 1 +",
    "",
    "  -- nothing",
    "\x00",
]


@pytest.mark.parametrize("query", HOSTILE)
def test_anything_else_is_refused_with_a_sentence_and_changes_nothing(store: Store, folder: Path, query: str) -> None:
    before = sorted(path.name for path in folder.rglob("*"))
    with pytest.raises(InputError) as refused:
        store.sql(query.format(folder=folder))
    assert str(refused.value)
    assert store.counts().posts == 240
    assert store.sql("SELECT 1").table.num_rows == 1
    assert sorted(path.name for path in folder.rglob("*")) == before


@pytest.fixture
def copy(store: Store, tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The index as the process that answers has it."""
    store._database.copy(tmp_path / "index.duckdb")
    with sql_worker.open_copy(tmp_path / "index.duckdb", tmp_path) as connection:
        yield connection


@pytest.mark.parametrize(
    "query", ["DELETE FROM posts", "SELECT * FROM read_csv('{folder}/secret.csv')", "SET threads = 1", "LOAD httpfs"]
)
def test_the_database_itself_would_refuse_what_the_check_overlooked(
    copy: duckdb.DuckDBPyConnection, folder: Path, query: str
) -> None:
    with pytest.raises(duckdb.Error):
        sql_worker.fetch(copy, query.format(folder=folder), 10, 1000)


def test_the_answer_ends_at_ten_thousand_rows(store: Store) -> None:
    answer = store.sql("SELECT a.caption FROM posts a, posts b")
    assert answer.table.num_rows == 10_000
    assert "10,000" in (answer.cut or "")


def test_an_answer_that_is_too_large_is_cut(copy: duckdb.DuckDBPyConnection) -> None:
    table, cut = sql_worker.fetch(copy, "SELECT caption FROM posts", 10_000, 1000)
    assert 0 < table.num_rows < 240
    assert cut


@pytest.mark.parametrize(
    "query",
    [
        "SELECT count(*) FROM posts a, posts b, posts c, posts d, posts e, posts f",
        "WITH RECURSIVE t(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM t) SELECT max(i) FROM t",
        "WITH RECURSIVE t(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM t) SELECT i FROM t WHERE i < 0",
    ],
)
def test_a_query_without_end_is_stopped(store: Store, query: str) -> None:
    with pytest.raises(InputError, match="was stopped"):
        store.sql(query, max_seconds=0.2)
    assert store.counts().posts == 240


def test_a_query_that_takes_too_much_memory_is_stopped(store: Store) -> None:
    query = "WITH RECURSIVE t(s) AS (SELECT 'x' UNION ALL SELECT s || s FROM t) SELECT length(s) FROM t"
    with pytest.raises(InputError, match="memory"):
        store.sql(query)
    assert store.counts().posts == 240


def test_the_schema_names_every_table(store: Store) -> None:
    schema = {table: columns for table, _, columns in store.schema()}
    assert set(schema) == {"accounts", "posts", "lists", "labels", "ages", "predictions", "runs", "files"}
    assert schema["ages"] == ["username", "age", "extra"]


def test_columns_of_one_name_are_told_apart(store: Store) -> None:
    query = "SELECT 1 AS a, 2 AS a, 3 AS a_2, 4 AS a, a.username, b.username FROM accounts a, accounts b LIMIT 3"
    answer = store.sql(query)
    assert answer.table.column_names == ["a", "a_3", "a_2", "a_4", "username", "username_2"]
    assert list(answer.frame.columns) == answer.table.column_names
    assert parquet(answer.table) and safe_csv(answer.frame)


@pytest.mark.parametrize("query", ["SELECT INTERVAL 1 DAY", "SELECT DATE '200000-01-01'", "SELECT union_value(a := 1)"])
def test_what_cannot_be_shown_is_refused_with_a_way_out(store: Store, query: str) -> None:
    with pytest.raises(InputError, match="VARCHAR"):
        store.sql(query)
    assert store.sql(f"SELECT ({query})::VARCHAR").table.num_rows == 1


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELECT nonsense FROM posts", "There is no such column. Binder Error: .*Candidate bindings"),
        ("SELECT * FROM nonsense", "There is no such table or function."),
        ("SELECT username, count(*) FROM posts", "The database could not understand this: "),
        ("SELECT FROM WHERE", "The database could not understand this: "),
    ],
)
def test_a_mistake_is_told_in_our_words_first(store: Store, query: str, words: str) -> None:
    with pytest.raises(InputError, match=f"(?s)^{words}") as refused:
        store.sql(query)
    assert "LINE 1" not in str(refused.value)
