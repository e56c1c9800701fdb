"""Real commands fill a study, one account is forgotten, and every byte that is left is searched for it."""

import gzip
import io
import sqlite3
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest

from core.index import Store
from core.instagram.state import state_dir
from core.maintenance.delete_accounts import forget, older_accounts
from core.maintenance.prove_forgotten import name_pattern, search, words_of
from core.privacy.action_log import latest
from core.settings import Settings, get_settings
from core.storage.account_files import write_account
from core.storage.models import Account, Post
from tests.in_process import core
from tests.made_study import add_ended_job, add_running_job
from tests.tiny_models import study as captions_of_many

NAME, RARE, OTHER = "quetzalina.w", "brontophobe", "user_003"


def every_byte(folder: Path) -> bytes:
    """The content of all files with what is packed in them, and their names."""
    found = []
    for path in sorted(folder.rglob("*")):
        found.append(str(path.relative_to(folder)).encode())
        if path.is_file():
            found.append(unpacked(path.read_bytes()))
    return b"\n".join(found)


def unpacked(content: bytes) -> bytes:
    if content.startswith(b"\x1f\x8b"):
        return content + unpacked(gzip.decompress(content))
    if content.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            inside = b"".join(name.encode() + unpacked(archive.read(name)) for name in archive.namelist())
        return content + inside
    if content.startswith(b"PAR1"):
        return content + orjson.dumps(pq.read_table(io.BytesIO(content)).to_pylist(), default=str)
    return content


@pytest.fixture
def filled(data_dir: Path, tmp_path: Path, encoder: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A study in which the account went through everything: import, list, labels, two models, prediction, a job."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    accounts, labels = captions_of_many(tmp_path / "made", accounts=40)
    settings = get_settings()
    for path in accounts.glob("*.json"):
        (settings.accounts_dir / path.name).parent.mkdir(parents=True, exist_ok=True)
        (settings.accounts_dir / path.name).write_bytes(path.read_bytes())
    donated = settings.cache_dir / "uploads" / "1" / f"{NAME}.csv"
    donated.parent.mkdir(parents=True)
    rows = "".join(f"{NAME},word0 word{at} {RARE}\n" for at in range(4))
    donated.write_text(f"username,caption\n{rows}")
    assert core("import", donated, "--output-dir", settings.accounts_dir).status == 0
    kept = settings.labels_dir / "ages.csv"
    kept.parent.mkdir()
    kept.write_text(labels.read_text() + f"{NAME},16\n")
    (settings.lists_dir / "list.csv").parent.mkdir()
    (settings.lists_dir / "list.csv").write_text(f"username\n{NAME}\n{OTHER}\n")
    common: list[str | Path] = ["--input-dir", settings.accounts_dir, "--labels", kept, "--model-name-or-path", encoder]
    best = settings.models_dir / "best"
    assert core("train", *common, "--model-output-dir", best, "--recipe", "best").status == 0
    output = settings.predictions_dir / "run" / "predictions.csv"
    with (settings.accounts_dir / "damaged.json").open("w") as file:
        file.write("{")
    predicted = core(
        "predict",
        "--input-dir",
        settings.accounts_dir,
        "--finetuned-model-path",
        best,
        "--prediction-output-file",
        output,
    )
    assert predicted.status == 0
    (output.parent / "predictions.csv.part").write_bytes(output.read_bytes())
    fill_jobs(settings)
    with Store(settings) as store:
        store.refresh()
    core("pseudonyms")
    return settings


def fill_jobs(settings: Settings) -> None:
    events = [
        {"kind": "account", "username": NAME},
        {"kind": "not_understood", "name": f"ab/{NAME}.zip", "reason": "x"},
    ]
    folder = add_ended_job(settings.data_dir, "import", [*events, {"kind": "account", "username": OTHER}], {})
    record = orjson.loads((folder / "job.json").read_bytes())
    record |= {"title": f"Import of {NAME}", "arguments": ["import", "x", "--username", NAME]}
    (folder / "job.json").write_bytes(orjson.dumps(record))
    (folder / "log.txt").write_text(f"first\nWARNING {NAME}.json is damaged\nlast\n")
    result = orjson.loads((folder / "result.json").read_bytes())
    (folder / "result.json").write_bytes(orjson.dumps({**result, "message": f"Stopped at {NAME}."}))


@pytest.mark.slow
def test_after_a_removal_no_byte_of_a_name_or_a_rare_word_is_left(filled: Settings, tmp_path: Path) -> None:
    assert NAME.encode() in every_byte(filled.data_dir) and RARE.encode() in every_byte(filled.data_dir)
    told = core("forget", NAME, "--dry-run")
    assert NAME.encode() in every_byte(filled.data_dir)
    done = core("forget", NAME)
    assert done.status == 0 and "no name is left" in done.stdout, done.stderr
    for root in (filled.data_dir, tmp_path / "home", state_dir()):
        left = every_byte(root).lower()
        for gone in (NAME, RARE, NAME.replace(".", "%2e")):
            assert gone.encode() not in left, (root, gone)
    assert OTHER.encode() in every_byte(filled.data_dir)
    assert "cannot unlearn: train it again" in done.stdout and "cannot unlearn" in told.stdout
    assert "would be removed" in told.stdout and "was removed" not in told.stdout


@pytest.mark.slow
def test_a_model_still_works_and_keeps_its_figures_after_a_removal(filled: Settings) -> None:
    before = orjson.loads((filled.models_dir / "best" / "training.json").read_bytes())
    rows = (filled.models_dir / "best" / "validation.csv").read_text().count("\n")
    forget([NAME], filled)
    after = orjson.loads((filled.models_dir / "best" / "training.json").read_bytes())
    assert {part: len(names) for part, names in before.pop("split").items()} == {
        part: len(names) for part, names in after.pop("split").items()
    }
    assert before == after
    assert (filled.models_dir / "best" / "validation.csv").read_text().count("\n") == rows
    output = filled.predictions_dir / "again" / "predictions.csv"
    arguments: list[str | Path] = ["--input-dir", filled.accounts_dir, "--prediction-output-file", output]
    assert core("predict", *arguments, "--finetuned-model-path", filled.models_dir / "best").status == 0


@pytest.fixture
def small(data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    settings = get_settings()
    now = datetime.now(UTC)
    for name, days in (("anna", 400), ("bob", 10), (NAME, 366)):
        posts = [Post(id="1", caption=f"hello {RARE if name == NAME else 'there'}")]
        write_account(
            settings.accounts_dir, Account(username=name, collected_at=now - timedelta(days=days), posts=posts)
        )
    return settings


@pytest.mark.parametrize("suffix", ["json", "json.gz", "zip", "parquet", "txt"])
def test_what_is_left_anywhere_is_found_and_said(small: Settings, suffix: str) -> None:
    path = small.data_dir / "notes" / f"kept.{suffix}"
    path.parent.mkdir()
    content = orjson.dumps({"who": NAME, "what": RARE})
    if suffix == "json.gz":
        content = gzip.compress(content)
    elif suffix == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.json", content)
        content = path.read_bytes()
    elif suffix == "parquet":
        import pandas as pd

        pd.DataFrame({"who": [NAME] * 9, "what": [RARE] * 9}).to_parquet(path)
        content = path.read_bytes()
    path.write_bytes(content)
    said = forget([NAME], small)
    assert f"Still named in notes/kept.{suffix}" in "".join(said)
    assert f"only these accounts used stand in notes/kept.{suffix}" in "".join(said)
    assert "no name is left" not in said[-1]


def test_words_that_others_use_too_are_no_finding(small: Settings) -> None:
    write_account(small.accounts_dir, Account(username="carla", posts=[Post(id="1", caption=f"a {RARE.upper()} too")]))
    (small.models_dir / "m").mkdir(parents=True)
    (small.models_dir / "m" / "vocabulary.json").write_bytes(orjson.dumps({"word": [RARE]}))
    assert "no name is left" in forget([NAME], small)[-1]


def test_a_model_with_words_of_a_forgotten_account_alone_is_named(small: Settings) -> None:
    (small.models_dir / "m").mkdir(parents=True)
    (small.models_dir / "m" / "vocabulary.json").write_bytes(orjson.dumps({"word": [RARE, "hello"]}))
    assert "The model m holds words that only these accounts used" in "".join(forget([NAME], small))


def test_others_who_mention_a_forgotten_account_are_counted(small: Settings) -> None:
    write_account(small.accounts_dir, Account(username="carla", posts=[Post(id="1", caption=f"with @{NAME}!")]))
    assert "1 other account mention" in "".join(forget([NAME], small))


def test_a_database_is_searched_too(small: Settings) -> None:
    with sqlite3.connect(small.data_dir / "x.sqlite") as database:
        database.execute("CREATE TABLE t (a TEXT)")
        database.execute("INSERT INTO t VALUES (?)", (NAME,))
    assert search(small, {NAME}, set()).names == [small.accounts_dir / f"{NAME}.json", small.data_dir / "x.sqlite"]


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("anna", True),
        ("@Anna.", True),
        ("x/anna.json", True),
        ('"anna"', True),
        ("anna,30", True),
        ("joanna", False),
        ("anna.b", False),
        ("b.anna", False),
        ("anna_b", False),
        ("annabel", False),
    ],
)
def test_a_name_is_found_as_a_whole_only(text: str, is_found: bool) -> None:
    assert bool(name_pattern({"anna"}).search(text.encode())) == is_found


@pytest.mark.parametrize("text", ["Åsa Ö", '"\\u00c5sa \\u00d6"', "%C3%85sa%20%C3%96"])
def test_a_name_is_found_in_every_writing(text: str) -> None:
    assert name_pattern({"Åsa Ö"}).search(text.encode())


def test_words_are_compared_without_case() -> None:
    assert words_of(["A BrontoPhobe, 123456 short"]) == {"brontophobe"}


def test_what_is_older_goes_and_what_is_younger_stays(small: Settings) -> None:
    assert older_accounts(small, 365) == {"anna", NAME}
    done = core("forget", "--older-than", "365", "--yes")
    assert done.status == 0 and "Removed" not in done.stderr
    assert [path.name for path in small.accounts_dir.glob("*.json")] == ["bob.json"]
    assert core("forget", "--older-than", "365", "--yes").stdout == "No account is that old.\n"
    assert latest(small)[0].about == "2 accounts"


def test_what_would_go_is_told_before_it_goes(small: Settings) -> None:
    told = core("forget", "--older-than", "365", "--dry-run")
    assert "The file of anna would be removed." in told.stdout and told.status == 0
    asked = core("forget", "--older-than", "365")
    assert asked.status == 2 and "--yes" in asked.stderr and "The file of anna would be removed." in asked.stdout
    assert len([*small.accounts_dir.glob("*.json")]) == 3


@pytest.mark.parametrize("arguments", [[], ["anna", "--older-than", "3"]])
def test_whom_to_forget_must_be_said_in_one_way(small: Settings, arguments: list[str]) -> None:
    assert core("forget", *arguments).status == 2
    assert len([*small.accounts_dir.glob("*.json")]) == 3


def test_nothing_is_removed_while_a_job_could_write_it_down_again(small: Settings) -> None:
    add_running_job(small.data_dir, "predict", {})
    refused = core("forget", "anna")
    assert refused.status == 1 and "is running" in refused.stderr
    assert (small.accounts_dir / "anna.json").exists()
