"""Predictions kept as Parquet: made, read, shown, packed and forgotten as a CSV is."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from core.errors import InputError
from core.index import Store
from core.maintenance.arguments import PackStudyArguments, UnpackStudyArguments
from core.maintenance.delete_accounts import forget
from core.maintenance.pack_study import pack_study, unpack_study
from core.privacy.names_of_study import names_of_study, renamed
from core.settings import Settings, get_settings
from core.storage.account_files import write_account
from core.storage.models import Account, Post
from core.storage.predictions_file import cutoffs_file, read_cutoff, read_rows, read_table
from tests.prediction.test_predict import make_model, run
from tests.prediction.test_shards import do_here, run_shards
from tests.tiny_models import study

HER = "=dora.the_9th"


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = study(tmp_path_factory.mktemp("study"), accounts=12)[0]
    write_account(folder, Account(username=HER, posts=[Post(id="1", caption="some words")]))
    write_account(folder, Account(username="silent"))
    return folder


@pytest.fixture(scope="module")
def model(encoder: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(encoder, tmp_path_factory.mktemp("models") / "two", (18.0, 21.0), (0.5, 0.25))


@pytest.fixture
def settings(data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return get_settings()


def test_the_same_rows_as_in_a_csv_by_one_process_and_by_shards(accounts: Path, model: Path, tmp_path: Path) -> None:
    made: dict[str, Any] = {name: run(accounts, model, tmp_path / name) for name in ("a.csv", "b.parquet")}
    do_here(accounts, model, tmp_path / "c.parquet", 0, 1, 2, 3)
    made["c.parquet"] = run_shards(accounts, model, tmp_path / "c.parquet")
    rows = {name: [*read_rows(tmp_path / name)] for name in made}
    assert rows["a.csv"] == rows["b.parquet"]
    assert [row.username for row in rows["c.parquet"]] == [row.username for row in rows["a.csv"]]
    for name, rows_of_it in rows.items():
        for row, expected in zip(rows_of_it, rows["a.csv"], strict=True):
            assert (row.posts, row.prediction) == (expected.posts, expected.prediction)
            assert row.probability == (expected.probability and pytest.approx(expected.probability, abs=1e-5))
        assert read_cutoff(tmp_path / name, 18) == pytest.approx(read_cutoff(tmp_path / "a.csv", 18), abs=1e-5)
        assert (made[name].accounts, made[name].without_captions) == (14, 1)
        assert made[name].at_least == sum(row.prediction or 0 for row in rows["a.csv"])
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {
        f"{stem}{ending}"
        for stem, suffix in (("a", ".csv"), ("b", ".parquet"), ("c", ".parquet"))
        for ending in (suffix, f".cutoffs{suffix}", ".run.json")
    }


def test_predictions_in_the_other_form_are_not_left_without_their_record(
    accounts: Path, model: Path, tmp_path: Path
) -> None:
    run(accounts, model, tmp_path / "p.csv")
    before = (tmp_path / "p.run.json").read_bytes()
    for options in ({}, {"shards": 2}):
        with pytest.raises(InputError, match=r"p\.csv is there.*Choose another folder or name"):
            (run_shards if options else run)(accounts, model, tmp_path / "p.parquet", **options)
    assert (tmp_path / "p.run.json").read_bytes() == before
    run(accounts, model, tmp_path / "p.csv")


def predicted(settings: Settings, accounts: Path, model: Path) -> Path:
    """A study of which a run's predictions are Parquet."""
    for path in accounts.iterdir():
        settings.accounts_dir.mkdir(parents=True, exist_ok=True)
        (settings.accounts_dir / path.name).write_bytes(path.read_bytes())
    output = settings.predictions_dir / "run" / "predictions.parquet"
    run(settings.accounts_dir, model, output)
    return output


def test_the_index_takes_them_in_and_follows_them(settings: Settings, accounts: Path, model: Path) -> None:
    output = predicted(settings, accounts, model)
    with Store(settings) as store:
        store.refresh()
        assert store.runs()[["run", "accounts", "predicted"]].to_numpy().tolist() == [["run", 14, 13]]
        shown = store.all_predictions("run").set_index("username")["probability"]
        assert shown.dropna().to_dict() == {row.username: row.probability for row in read_rows(output) if row.posts}
        output.write_bytes(b"PAR1")
        store.refresh()
        assert store.damaged()["path"].tolist() == ["predictions/run/predictions.parquet"]


def test_whoever_is_forgotten_is_in_no_predictions_any_more(settings: Settings, accounts: Path, model: Path) -> None:
    output = predicted(settings, accounts, model)
    rows = read_table(output)
    told = forget([HER], settings, really=False)
    assert "1 row would be removed from the predictions run." in " ".join(told)
    assert read_table(output).equals(rows)
    said = forget([HER], settings)
    assert "1 row was removed from the predictions run." in said and "no name is left" in said[-1]
    for path in (output, cutoffs_file(output)):
        assert HER not in pq.read_table(path)["username"].to_pylist()
    assert len(read_table(output)) == len(rows) - 1


def test_a_search_finds_a_name_that_was_left_in_one(
    settings: Settings, accounts: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predicted(settings, accounts, model)
    monkeypatch.setattr("core.maintenance.delete_accounts.leave_out", lambda *of, **how: 0)
    assert "Still named in predictions/run/predictions" in " ".join(forget([HER], settings))


def test_a_packed_study_has_them_by_pseudonym(settings: Settings, accounts: Path, model: Path, tmp_path: Path) -> None:
    output = predicted(settings, accounts, model)
    pack_study(PackStudyArguments(tmp_path / "study.zip"), settings)
    said = unpack_study(UnpackStudyArguments(tmp_path / "study.zip", tmp_path / "check"))
    assert "run: accounts 14, predicted 13" in said[-1] and "as its record says" in said[-1]
    packed = (tmp_path / "check" / "predictions" / "run" / "predictions.csv").read_text()
    assert packed.count("\np-") == 14 and "dora" not in packed
    assert renamed(output, lambda name: f"p-{name}").count("\np-") == 14


def test_who_is_known_from_them_alone_is_known(settings: Settings, accounts: Path, model: Path) -> None:
    predicted(settings, accounts, model)
    for path in settings.accounts_dir.glob("*.json"):
        path.unlink()
    assert len(names_of_study(settings)) == 14
