"""The index: it follows the files, answers the pages, and can be thrown away."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from core.errors import AgeScopeError, Stopped
from core.index import Filter, Store
from core.jobs.progress import no_progress
from core.settings import Settings
from core.storage.account_files import file_name, write_account
from core.storage.models import Account, Post


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    with Store(settings) as store:
        yield store


def collect(settings: Settings, username: str, *captions: str | None, **more: Any) -> Path:
    """Write an account with one post a month from January 2026 on."""
    posts = [
        Post(id=f"{username}-{n}", caption=caption, taken_at=datetime(2026, 1 + n, 1, 12, tzinfo=UTC), likes=n)
        for n, caption in enumerate(captions)
    ]
    account = Account(username=username, posts=posts, **more)
    settings.accounts_dir.mkdir(parents=True, exist_ok=True)
    path = settings.accounts_dir / file_name(username)
    part = path.with_suffix(".part")
    part.write_bytes(orjson.dumps(account.model_dump(mode="json", exclude_none=True)))
    return part.replace(path)  # as write_account does, but without waiting for the disk


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def predict(settings: Settings, run: str, rows: str, **details: Any) -> None:
    folder = settings.predictions_dir / run
    put(folder / "predictions.csv", f"username,probability,prediction,posts\n{rows}")
    put(folder / "predictions.run.json", orjson.dumps(details).decode())


def names(store: Store, **chosen: Any) -> list[str]:
    found = list(store.accounts(Filter(**chosen))["username"])
    assert store.count_accounts(Filter(**chosen)) == len(found)
    return found


def captions(store: Store, **chosen: Any) -> list[str]:
    found = list(store.posts(Filter(**chosen))["caption"])
    assert store.count_posts(Filter(**chosen)) == len(found)
    return found


# --- following the files


def test_an_empty_study_has_an_empty_index(store: Store) -> None:
    store.refresh()
    counts = store.counts()
    assert (counts.listed, counts.collected, counts.posts, counts.outcomes) == (0, 0, 0, {})
    assert store.accounts().empty
    assert store.posts().empty
    assert store.account("anna") is None


def test_the_overview_counts_each_station(store: Store, settings: Settings) -> None:
    collect(settings, "anna", "hello", None, " \u00a0\n")
    collect(settings, "bob", outcome="private")
    collect(settings, "cleo", "hi", outcome="partial")
    put(settings.lists_dir / "one.csv", "username\nanna\nbob\nzoe\n")
    put(settings.lists_dir / "two.csv", "username\nzoe\nyan\nanna\n")
    put(settings.labels_dir / "ages.csv", "username,age\nanna,20\nbob,30\nzoe,40\n")
    predict(settings, "run", "anna,0.75,1,1\nbob,,,0\n")
    store.refresh()
    counts = store.counts()
    assert (counts.listed, counts.missing, counts.collected, counts.with_posts) == (4, 2, 3, 2)
    assert (counts.posts, counts.captions) == (4, 2)
    assert (counts.labelled, counts.labelled_with_posts, counts.predicted, counts.runs) == (3, 1, 1, 1)
    assert counts.outcomes == {"collected": 1, "partial": 1, "private": 1}


def test_accounts_are_found_by_the_day_on_which_they_were_collected(store: Store, settings: Settings) -> None:
    for name, at in (
        ("anna", "2026-11-02T00:00:00Z"),
        ("bob", "2026-11-02T23:59:59Z"),
        ("cleo", "2026-11-03T00:00:00Z"),
    ):
        collect(settings, name, "hello", collected_at=datetime.fromisoformat(at))
    store.refresh()
    assert names(store, collected_on=date(2026, 11, 2)) == ["anna", "bob"]
    assert names(store, collected_on=date(2026, 11, 4)) == []


def test_accounts_to_label_are_drawn_from_those_with_captions_and_without_a_known_age(
    store: Store, settings: Settings
) -> None:
    for at in range(20):
        collect(settings, f"user{at}", "hello")
    collect(settings, "silent", None)
    put(settings.labels_dir / "ages.csv", "username,age\nuser0,30\n")
    rows = "".join(f"user{at},{at / 20},1,1\n" for at in range(20)) + "silent,,,0\n"
    predict(settings, "run", rows)
    store.refresh()
    drawn = store.random_accounts(10, 1)
    assert len(set(drawn)) == 10 and not {"silent", "user0"} & {*drawn} and drawn == store.random_accounts(10, 1)
    assert drawn != store.random_accounts(10, 2)
    assert len(store.random_accounts(100, 1)) == 19
    least_sure = store.least_sure("run", 0.5, 3)
    assert least_sure[0] == "user10" and {*least_sure[1:]} == {"user9", "user11"}
    assert store.with_captions(["user1", "silent", "nobody"]) == {"user1"}


def test_new_changed_and_removed_files_are_followed_and_the_rest_is_left_alone(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    collect(settings, "anna", "one")
    bob = collect(settings, "bob", "one")
    collect(settings, "cleo", "one")
    store.refresh()
    read: list[Path] = []
    whole = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read.append(path) or whole(path))  # type: ignore[func-returns-value]
    collect(settings, "anna", "one", "two")
    collect(settings, "dan", "new")
    bob.unlink()
    store.refresh()
    assert {path.stem for path in read} == {"anna", "dan"}
    assert names(store) == ["anna", "cleo", "dan"]
    assert captions(store, account="anna") == ["two", "one"]
    assert store.counts().posts == 4


def test_what_has_not_changed_costs_no_new_version(store: Store, settings: Settings) -> None:
    collect(settings, "anna", "one")
    store.refresh()
    before = store.version
    store.refresh()
    assert store.version == before


@pytest.mark.parametrize(
    "username", [".anna", "a.b_c", "Zoë & co", "P-017", "../../etc/passwd", 'x"; DROP TABLE posts;--']
)
def test_any_legal_name_is_indexed(store: Store, settings: Settings, username: str) -> None:
    collect(settings, username, "hello")
    store.refresh()
    assert names(store, username=username) == [username]
    detail = store.account(username)
    assert detail is not None
    assert detail.posts == 1


def test_half_written_and_foreign_files_are_passed_over(store: Store, settings: Settings) -> None:
    put(settings.accounts_dir / ".anna.json.x1.part", "{")
    put(settings.accounts_dir / "notes.txt", "x")
    (settings.accounts_dir / "folder.json").mkdir()
    store.refresh()
    assert store.damaged().empty
    assert store.counts().collected == 0


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.json", "", "not valid JSON"),
        ("a.json", "[]", "not an account"),
        ("a.json", '{"username": "a", "posts": [{"caption": "no id"}]}', "not an account"),
        ("a.json", '{"username": "a", "posts": [null]}', "not an account"),
        ("a.json", '{"username": "b", "posts": []}', "Rename it to b.json"),
        ("a.json", '{"username": "a", "posts": []}{"username": "a", "posts": []}', "not valid JSON"),
        ("a.json", '{"username": "a", "posts": [{"id": "1", "likes": 9999999999999999999}]}', "out of range"),
    ],
)
def test_a_damaged_account_is_listed_with_its_reason_and_stops_nobody(
    store: Store, settings: Settings, name: str, content: str, reason: str
) -> None:
    collect(settings, "anna", "hello")
    put(settings.accounts_dir / name, content)
    collect(settings, "zoe", "hello")
    store.refresh()
    assert names(store) == ["anna", "zoe"]
    damaged = store.damaged()
    assert list(damaged["path"]) == [f"accounts/{name}"]
    assert reason in damaged["reason"][0]
    collect(settings, "a", "mended")
    store.refresh()
    assert store.damaged().empty
    assert names(store) == ["a", "anna", "zoe"]


def test_bytes_that_are_no_text_make_a_file_damaged(store: Store, settings: Settings) -> None:
    settings.accounts_dir.mkdir(parents=True)
    (settings.accounts_dir / "a.json").write_bytes(b'{"username": "a", "posts": [{"id": "1", "caption": "\xff"}]}')
    store.refresh()
    assert list(store.damaged()["path"]) == ["accounts/a.json"]


def test_older_indented_and_zoneless_files_are_read_like_any_other(store: Store, settings: Settings) -> None:
    media = {
        "count": 1,
        "edges": [{"node": {"id": "5", "edge_media_to_caption": {"edges": [{"node": {"text": "old"}}]}}}],
    }
    put(settings.accounts_dir / "older.json", orjson.dumps({"edge_owner_to_timeline_media": media}).decode())
    content = {"username": "wide", "posts": [{"id": "1", "caption": "wide", "taken_at": "2026-03-01T10:00:00"}]}
    put(settings.accounts_dir / "wide.json", orjson.dumps(content, option=orjson.OPT_INDENT_2).decode())
    collect(settings, "anna", "plain")
    store.refresh()
    assert store.damaged().empty
    assert captions(store) == ["wide", "plain", "old"]
    assert store.posts(Filter(account="wide"))["taken_at"][0] == datetime(2026, 3, 1, 10)


def test_damaged_labels_and_predictions_are_listed(store: Store, settings: Settings) -> None:
    put(settings.labels_dir / "ages.csv", "name,years\nanna,3\n")
    put(settings.lists_dir / "empty.csv", "")
    put(settings.predictions_dir / "run" / "predictions.csv", "user,p\nanna,3\n")
    put(settings.predictions_dir / "run" / "predictions.run.json", "[]")
    store.refresh()
    assert sorted(store.damaged()["kind"]) == ["labels", "list", "predictions", "run"]


def test_more_files_than_a_batch_holds_are_all_taken_in(store: Store, settings: Settings) -> None:
    for number in range(600):
        collect(settings, f"user_{number:03}", "hello")
    store.refresh()
    assert store.counts().posts == 600
    assert (store.following.done, store.following.total, store.following.busy) == (600, 600, False)
    for path in list(settings.accounts_dir.iterdir())[:590]:
        path.unlink()
    store.refresh()
    assert store.counts().posts == 10


def test_a_refresh_can_be_stopped_and_goes_on_where_it_was(store: Store, settings: Settings) -> None:
    for number in range(600):
        collect(settings, f"user_{number:03}")
    with no_progress() as progress:
        progress.request_stop()
        with pytest.raises(Stopped):
            store.refresh(progress)
    assert 0 < store.counts().collected < 600
    store.refresh()
    assert store.counts().collected == 600


def test_the_index_can_be_rebuilt_and_deleted(settings: Settings) -> None:
    collect(settings, "anna", "hello")
    with Store(settings) as store:
        store.refresh()
        store.rebuild()
        assert names(store) == ["anna"]
    settings.index_file.unlink()
    with Store(settings) as store:
        store.refresh()
        assert captions(store) == ["hello"]


def test_an_index_that_several_processes_read_for_is_the_same(settings: Settings) -> None:
    for number in range(600):  # more than one batch
        collect(settings, f"user_{number}", f"coffee {number}", None)
    (settings.accounts_dir / "broken.json").write_text("{")

    def held(store: Store) -> tuple[Any, ...]:
        posts = sorted(store.posts(Filter(), limit=2_000)["caption"].fillna("-"))
        return store.counts(), posts, list(store.damaged()["path"])

    with Store(settings) as store:
        store.refresh()
        alone = held(store)
        store.rebuild(workers=2)
        assert held(store) == alone and len(alone[1]) == 1_200
    assert not list(settings.cache_dir.glob("index-reading"))


def test_what_was_indexed_is_there_after_a_restart(settings: Settings) -> None:
    collect(settings, "anna", "hello")
    with Store(settings) as store:
        store.refresh()
    with Store(settings) as store:
        assert captions(store) == ["hello"]


@pytest.mark.parametrize("content", [b"", b"not a database", b"\0" * 20_000])
def test_a_damaged_index_is_built_anew(settings: Settings, content: bytes) -> None:
    collect(settings, "anna", "hello")
    settings.index_file.write_bytes(content)
    with Store(settings) as store:
        store.refresh()
        assert names(store) == ["anna"]


def test_an_index_of_another_layout_is_built_anew(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    collect(settings, "anna", "hello")
    with Store(settings) as store:
        store.refresh()
    monkeypatch.setattr("core.index.database.SCHEMA_VERSION", 99)
    with Store(settings) as store:
        assert names(store) == []
        store.refresh()
        assert names(store) == ["anna"]


def test_an_index_that_another_process_holds_is_said_and_left_alone(settings: Settings) -> None:
    settings.data_dir.mkdir()
    script = "import sys, duckdb; held = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", script, str(settings.index_file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(AgeScopeError, match=f"is open in process {other.pid}"):
            Store(settings)
        other.communicate("")
    with Store(settings) as store:
        store.refresh()


def test_an_index_that_is_open_in_this_process_is_said(settings: Settings) -> None:
    with Store(settings), pytest.raises(AgeScopeError, match="is open in"):
        Store(settings)


def test_a_folder_that_cannot_be_read_keeps_the_index(store: Store, settings: Settings) -> None:
    path = collect(settings, "anna", "hello")
    store.refresh()
    path.unlink()
    settings.accounts_dir.rmdir()
    settings.accounts_dir.write_text("a file where the folder should be")
    with pytest.raises(AgeScopeError, match="cannot be read"):
        store.refresh()
    assert names(store) == ["anna"]


def test_the_files_are_followed_in_the_background(settings: Settings) -> None:
    with Store(settings) as store:
        store.start(interval_s=0.01)
        collect(settings, "anna", "hello")
        assert _until(lambda: store.counts().collected == 1)
        collect(settings, "bob", "hello")
        assert _until(lambda: store.counts().collected == 2)
        assert store.following.error is None


def test_the_background_says_what_is_wrong_and_goes_on(settings: Settings) -> None:
    settings.data_dir.mkdir()
    settings.accounts_dir.write_text("a file where the folder should be")
    with Store(settings) as store:
        store.start(interval_s=0.01)
        assert _until(lambda: store.following.error is not None)
        settings.accounts_dir.unlink()
        collect(settings, "anna", "hello")
        assert _until(lambda: store.counts().collected == 1)
        assert _until(lambda: store.following.error is None)


def test_many_threads_may_ask_while_files_are_taken_in(store: Store, settings: Settings) -> None:
    for number in range(300):
        collect(settings, f"user_{number:03}", "hello", "world")
    wrong: list[object] = []

    def ask() -> None:
        for _ in range(20):
            counts = store.counts()
            if counts.posts != 2 * counts.collected:
                wrong.append(counts)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    store.refresh()
    for thread in threads:
        thread.join()
    assert not wrong


def _until(condition: Any, seconds: float = 10) -> bool:
    waiting = threading.Event()
    for _ in range(int(seconds * 100)):
        if condition():
            return True
        waiting.wait(0.01)
    return False


# --- asking


@pytest.fixture
def study(store: Store, settings: Settings) -> Store:
    collect(settings, "anna", "Beach day 🌊", "exam week", "PARTY night at the beach", source="web")
    collect(settings, "bob", "my kids", "the office party", source="import:csv")
    collect(settings, "cleo", outcome="private")
    collect(settings, "dora_x", "Éclair à la crème", "100% sure_thing")
    put(settings.labels_dir / "ages.csv", "username,age,gender\nanna,17,f\nbob,41,m\nzoe,30,f\n")
    store.refresh()
    return store


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("beach", ["PARTY night at the beach", "Beach day 🌊"]),
        ("party BEACH", ["PARTY night at the beach"]),
        ('"party night"', ["PARTY night at the beach"]),
        ('"night party"', []),
        ("🌊", ["Beach day 🌊"]),
        ("ÉCLAIR", ["Éclair à la crème"]),
        ("100% sure_", ["100% sure_thing"]),
        ("sureXthing", []),
        ("%", ["100% sure_thing"]),
        ("' OR 1=1 --", []),
    ],
)
def test_words_are_searched_in_all_captions(study: Store, words: str, found: list[str]) -> None:
    assert captions(study, words=words) == found


def test_accounts_are_filtered_by_what_is_known_of_them(study: Store) -> None:
    assert names(study, username="A") == ["anna", "dora_x"]
    assert names(study, username="@anna") == ["anna"]
    assert names(study, username="_") == ["dora_x"]
    assert names(study, outcomes=("private", "failed")) == ["cleo"]
    assert names(study, sources=("import:csv",)) == ["bob"]
    assert names(study, label="labelled") == ["anna", "bob"]
    assert names(study, label="unlabelled") == ["cleo", "dora_x"]
    assert names(study, label="under", cutoff=21) == ["anna"]
    assert names(study, label="at_least", cutoff=41) == ["bob"]
    assert names(study, min_posts=2, max_posts=2) == ["bob", "dora_x"]


def test_accounts_and_posts_are_filtered_by_what_is_mostly_written_in(store: Store, settings: Settings) -> None:
    collect(settings, "anna", "Heute war ein schöner Tag am See mit allen meinen Freunden aus der Schule")
    collect(settings, "bob", "What a beautiful day it was at the lake with all of my friends from school", "ok")
    collect(settings, "cleo", None)
    store.refresh()
    assert store.languages().to_dict("list") == {"language": ["de", "en"], "accounts": [1, 1]}
    assert names(store, languages=("de",)) == ["anna"]
    assert captions(store, languages=("en",)) == [
        "ok",
        "What a beautiful day it was at the lake with all of my friends from school",
    ]
    assert names(store, languages=("de", "en")) == ["anna", "bob"]
    cleo = store.account("cleo")
    assert cleo is not None and cleo.language is None


def test_accounts_are_filtered_by_their_posts(study: Store) -> None:
    assert names(study, words="party") == ["anna", "bob"]
    assert names(study, words="party", until=date(2026, 2, 1)) == ["bob"]
    assert names(study, since=date(2026, 3, 1)) == ["anna"]
    assert names(study, since=date(2026, 3, 2)) == []


def test_posts_are_filtered_by_account_and_day(study: Store) -> None:
    assert captions(study, account="bob") == ["the office party", "my kids"]
    assert captions(study, account="nobody") == []
    assert captions(study, label="under", words="exam") == ["exam week"]
    assert captions(study, since=date(2026, 2, 1), until=date(2026, 2, 1), sources=("import:csv",)) == [
        "the office party"
    ]


def test_accounts_are_sorted_and_paged(study: Store) -> None:
    by_posts = study.accounts(sort="posts", descending=True)
    assert list(by_posts["username"]) == ["anna", "bob", "dora_x", "cleo"]
    assert list(study.accounts(sort="age", limit=2)["username"]) == ["anna", "bob"]
    assert list(study.accounts(limit=2, offset=2)["username"]) == ["cleo", "dora_x"]


def test_a_search_gives_how_many_and_a_page_at_once(study: Store) -> None:
    for chosen in (Filter(words="e"), Filter(), Filter(words="e", username="a"), Filter(words="nowhere")):
        for sort in ("taken_at", "likes", "username"):
            for offset in (0, 1, 1_000):
                found, page = study.search_posts(chosen, sort, False, 2, offset)
                assert found == len(study.posts(chosen, limit=100))
                assert page.equals(study.posts(chosen, sort, False, 2, offset))
        for offset in (0, 1, 1_000):
            found, page = study.search_accounts(chosen, "posts", True, 2, offset)
            assert found == len(study.accounts(chosen, limit=100))
            assert page.equals(study.accounts(chosen, "posts", True, 2, offset))


def test_pages_of_posts_fit_together(store: Store, settings: Settings) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    for name in ("anna", "bob"):
        posts = [Post(id=f"{name}{n}", caption=f"{name}{n}", taken_at=moment) for n in range(30)]
        write_account(settings.accounts_dir, Account(username=name, posts=posts))
    store.refresh()
    pages = [list(store.posts(limit=7, offset=at)["id"]) for at in range(0, 60, 7)]
    assert len({identifier for page in pages for identifier in page}) == 60


def test_an_account_is_shown_with_all_that_is_known(study: Store, settings: Settings) -> None:
    put(settings.lists_dir / "list.csv", "username\nanna\n")
    predict(settings, "old", "anna,0.25,0,3\n", model="first", age_cutoff=21, created_at="2026-01-01T00:00:00Z")
    predict(settings, "new", "anna,0.5,1,3\n", model="second", age_cutoff=21, created_at="2026-02-01T00:00:00Z")
    study.refresh()
    anna = study.account("anna")
    assert anna is not None
    assert (anna.age, anna.extra, anna.listed, anna.posts, anna.source) == (17, {"gender": "f"}, True, 3, "web")
    assert (anna.first_at, anna.last_at) == (datetime(2026, 1, 1, 12), datetime(2026, 3, 1, 12))
    assert list(anna.predictions["model"]) == ["second", "first"]
    cleo = study.account("cleo")
    assert cleo is not None
    assert (cleo.age, cleo.extra, cleo.listed, cleo.outcome) == (None, {}, False, "private")
    assert list(study.activity("anna")["posts"]) == [1, 1, 1]


def test_accounts_by_day_and_source(study: Store, settings: Settings) -> None:
    collect(settings, "eve", "x", collected_at=datetime(2026, 5, 5, 23, 59, tzinfo=UTC))
    study.refresh()
    days = study.collected_per_day()
    assert days["day"][0] == datetime(2026, 5, 5)
    assert (days["accounts"][0], days["posts"][0]) == (1, 1)
    assert dict(study.sources().itertuples(index=False)) == {"web": 4, "import:csv": 1}


def test_the_newest_label_counts(study: Store, settings: Settings) -> None:
    newer = put(settings.labels_dir / "corrected.csv", "username,age\nanna,22\nbob,41\n")
    os.utime(newer, ns=(2**62, 2**62))
    study.refresh()
    assert names(study, label="under", cutoff=40) == ["anna"] and names(study, label="at_least", cutoff=41) == ["bob"]
    assert set(study.label_columns()["username"]) == {"anna", "bob", "zoe"}


def test_prediction_runs_are_listed_and_read(study: Store, settings: Settings) -> None:
    predict(settings, "a", "anna,0.9,1,3\nbob,0.8,1,2\ncleo,,,0\n", model="m1", age_cutoff=21, threshold=0.5)
    predict(settings, "b", "anna,0.2,0,3\nbob,0.7,1,2\n", model="m2", age_cutoff=21, created_at="2026-02-01T00:00:00Z")
    study.refresh()
    runs = study.runs()
    assert list(runs["run"]) == ["b", "a"]
    assert list(runs["accounts"]) == [2, 3]
    assert list(runs["predicted"]) == [2, 2]
    predictions = study.all_predictions("a").set_index("username")
    assert list(predictions.index) == ["anna", "bob", "cleo"]
    assert predictions["probability"].dropna().to_dict() == {"anna": 0.9, "bob": 0.8}


def test_names_that_predictions_hide_from_spreadsheets_are_found_again(study: Store, settings: Settings) -> None:
    predict(settings, "run", "'=1+1,0.5,1,3\n'tis,0.5,1,3\n")
    study.refresh()
    assert sorted(study.all_predictions("run")["username"]) == ["'tis", "=1+1"]


def test_a_run_that_is_still_being_written_is_shown_as_far_as_it_is(study: Store, settings: Settings) -> None:
    put(
        settings.predictions_dir / "run" / "predictions.csv",
        "username,probability,prediction,posts\nanna,0.9,1,3\nbob,0.",
    )
    study.refresh()
    assert list(study.all_predictions("run")["username"]) == ["anna"]
    assert study.damaged().empty


def test_a_rebuilt_index_is_another_file_while_others_read_on(store: Store, settings: Settings) -> None:
    collect(settings, "anna", "hello")
    store.refresh()
    over, faults = threading.Event(), list[Exception]()

    def read() -> None:
        while not over.is_set() and not faults:
            try:
                store.counts()
            except AgeScopeError as error:
                faults.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        with settings.index_file.open("rb") as first:
            for _ in range(3):
                store.rebuild()
            assert os.fstat(first.fileno()).st_nlink == 0
    finally:
        over.set()
        for reader in readers:
            reader.join()
    assert faults == [] and store.counts().posts == 1
    assert store.sql("SELECT count(*) AS n FROM posts").frame["n"].tolist() == [1]
