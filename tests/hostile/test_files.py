"""Files, names and settings of a study that nobody would write, unless to do harm: each is taken or named."""

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from core.errors import InputError
from core.index import Store
from core.instagram.routes import load_routes
from core.instagram.state import StateFile
from core.maintenance.delete_accounts import forget
from core.models.folder import read_model_info
from core.privacy.study_settings import read_study
from core.settings import Settings, get_settings
from core.storage import user_lists
from core.storage.account_files import file_name, read_account, write_account
from core.storage.models import Account, Post
from core.storage.user_lists import read_labels, read_user_list, write_user_list
from core.utils.io import find_json_object, read_text
from tests.in_process import core

NAMES = [
    "__proto__",
    "constructor",
    "..",
    "../evil",
    "a/b",
    "a\\b",
    "~root",
    "--help",
    "%2e%2e",
    "=1+1",
    "😀😀",
    "😀" * 64,
]
DEEP = {
    "lists": b"[" * 100_000 + b"]" * 100_000,
    "objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "not closed": b"[" * 100_000,
}


@pytest.fixture
def settings(data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return get_settings()


def test_a_name_is_only_a_name_wherever_it_goes(settings: Settings, tmp_path: Path) -> None:
    unseen = ["a\x00b", "\u202eanna", "a\u202db"]
    rows = [{"username": name, "id": str(at), "caption": "hello"} for at, name in enumerate([*NAMES, *unseen])]
    (tmp_path / "posts.jsonl").write_bytes(b"\n".join(map(orjson.dumps, rows)))
    done = core("import", tmp_path / "posts.jsonl", "--output-dir", settings.accounts_dir)
    assert done.status == 1 and "3 records left out" in done.stderr and "control character" in done.stderr
    assert {path.name for path in settings.accounts_dir.glob("*.json")} == {file_name(name) for name in NAMES}
    assert {path.name for path in tmp_path.iterdir()} <= {"posts.jsonl", "data", "home", "state"}
    with Store(settings) as store:
        store.refresh()
        assert store.counts().collected == len(NAMES)
    told = forget(NAMES, settings)
    assert all(f"The file of {name} was removed." in told for name in NAMES) and "no name is left" in told[-1]
    assert not list(settings.accounts_dir.glob("*.json"))


def test_a_zip_of_thousands_of_entries_with_names_that_lead_out_stays_inside(
    settings: Settings, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for name in (
            "../../evil.json",
            "/etc/evil.json",
            "x" * 5000 + ".json",
            "..",
            "\u202egnp.json",
            "__proto__.json",
        ):
            archive.writestr(name, orjson.dumps([{"username": "anna", "id": name[:9], "caption": "hello"}]))
        for number in range(600):
            archive.writestr(f"{number}.json", "{}")
    done = core("import", tmp_path / "many.zip", "--output-dir", settings.accounts_dir)
    assert done.status == 1 and len(done.stderr) < 20_000 and "more" in done.stderr
    assert [path.name for path in settings.accounts_dir.glob("*.json")] == ["anna.json"]
    assert {path.name for path in tmp_path.iterdir()} <= {"many.zip", "data", "home", "state"}


def readers(folder: Path) -> dict[str, Callable[[Path], object]]:
    """Everything that reads a file of a study, by the file's name."""
    settings = Settings(data_dir=folder)
    return {
        "anna.json": read_account,
        "study.json": lambda path: read_study(settings),
        "config.json": lambda path: read_model_info(folder),
        "progress.json": find_json_object,
        "memory.json": lambda path: StateFile("here", path).get("token"),
        "routes.toml": lambda path: load_routes(folder),
        "list.csv": read_user_list,
    }


@pytest.mark.parametrize("kind", DEEP)
@pytest.mark.parametrize("name", readers(Path()))
def test_what_is_nested_a_hundred_thousand_deep_is_refused_or_passed_over(tmp_path: Path, name: str, kind: str) -> None:
    path = tmp_path / name
    path.write_bytes((b"a = " if name.endswith("toml") else b"") + DEEP[kind])
    try:
        readers(tmp_path)[name](path)
    except InputError as error:
        assert str(error)


@pytest.mark.parametrize("said", ['"soon"', "1e300", "-1", '"2026-13-45"', "[1]", "true", "NaN", '"9" * 99', "1e999"])
def test_a_date_until_which_nothing_can_be_kept_is_named(settings: Settings, said: str) -> None:
    settings.data_dir.mkdir(parents=True)
    (settings.data_dir / "study.json").write_text(f'{{"keep_until": {said}}}')
    with pytest.raises(InputError, match="is damaged"):
        read_study(settings)


@pytest.mark.parametrize("days", ["1e300", "inf", "nan", "-1", "99999999999"])
def test_accounts_are_not_older_than_time(settings: Settings, days: str) -> None:
    assert core("forget", "--older-than", days, "--dry-run").status == 2


def test_labels_with_formulas_are_only_texts(tmp_path: Path) -> None:
    lines = [
        'username,age,"=HYPERLINK(""x"")",note',
        "anna,30,=1+1,\"=cmd|' /C calc'!A0\"",
        'bob,"=30",+1,-1',
        "=eve,20,,",
    ]
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    labels = read_labels(tmp_path / "labels.csv")
    assert labels.ages.get("anna") == 30 and "bob" not in labels.ages
    write_user_list(tmp_path / "kept.csv", labels)
    cells = [cell.strip('"') for line in (tmp_path / "kept.csv").read_text().splitlines() for cell in line.split(",")]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


def test_labels_with_a_million_columns_or_cells_are_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("username,age," + ",".join(map(str, range(1_000_000))) + "\nanna,30" + ",x" * 1_000_000)
    with pytest.raises(InputError, match="characters, which no header"):
        read_labels(path)
    monkeypatch.setattr(user_lists, "MAX_CELLS", 500)
    rows = [f"user{at},30" + ",x" * 90 for at in range(6)]
    path.write_text("\n".join(["username,age," + ",".join(f"c{at}" for at in range(90)), *rows]))
    with pytest.raises(InputError, match="more than 500 cells"):
        read_labels(path)


@pytest.mark.parametrize("read", [read_user_list, read_labels, read_text])
def test_what_has_no_end_is_no_file(tmp_path: Path, read: Callable[[Path], object]) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zeros").symlink_to("/dev/zero")
    for name in ("pipe", "zeros"):
        with pytest.raises(InputError, match="is not a file"):
            read(tmp_path / name)


def test_the_index_goes_on_beside_what_is_no_file(settings: Settings) -> None:
    write_account(settings.accounts_dir, Account(username="anna", posts=[Post(id="1", caption="hello")]))
    os.mkfifo(settings.accounts_dir / "pipe.json")
    (settings.accounts_dir / "zeros.json").symlink_to("/dev/zero")
    (settings.accounts_dir / "itself.json").symlink_to("itself.json")
    (settings.accounts_dir / "gone.json").symlink_to("nowhere.json")
    with Store(settings) as store:
        store.refresh()
        assert (store.counts().collected, store.counts().damaged) == (1, 0)


@pytest.mark.parametrize("path", ["@evil.example/", ".evil.example/", ":1@evil.example/", "evil", ""])
def test_a_route_leads_to_no_other_host(tmp_path: Path, path: str) -> None:
    (tmp_path / "routes.toml").write_text(f'[routes.profile]\npath = "{path}"\n')
    with pytest.raises(InputError, match=r"routes\.profile\.path"):
        load_routes(tmp_path)
