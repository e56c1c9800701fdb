"""Whoever is forgotten is removed from exported accounts in the study, and named where they lie elsewhere."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.jobs.progress import no_progress
from core.maintenance.delete_accounts import forget
from core.prediction.arguments import ExportShardsArguments
from core.prediction.export_shards import export_shards
from core.settings import Settings, get_settings
from core.storage.account_files import write_account
from core.storage.account_shards import AccountShards
from core.storage.models import Account, Post

NAME, RARE = "dora.the_9th", "brontophobically"


@pytest.fixture
def settings(data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    settings = get_settings()
    for name, text in (("anna", f"with @{NAME}"), ("bob", "hello"), (NAME, RARE), ("eve", "there")):
        write_account(settings.accounts_dir, Account(username=name, posts=[Post(id="1", caption=text)]))
    (settings.accounts_dir / f"{NAME}2.json").write_text("{")
    return settings


def export(settings: Settings, address: str | Path) -> AccountShards:
    with no_progress() as progress:
        export_shards(ExportShardsArguments(settings.accounts_dir, str(address), accounts_per_shard=3), progress)
    return AccountShards(str(address))


def names(shards: AccountShards) -> list[str]:
    return [file.name for number in range(len(shards.manifest.shards)) for file in shards.read(number)]


def test_nothing_of_a_forgotten_account_is_left_in_exported_accounts(settings: Settings) -> None:
    folder = settings.data_dir / "exported"
    export(settings, folder)
    untouched = (folder / "00001.parquet").read_bytes()
    told = forget([NAME], settings, really=False)
    assert "Would be removed from exported/00000.parquet: 1 exported account." in told
    assert f"{NAME}.json" in names(AccountShards(str(folder)))
    said = forget([NAME], settings)
    assert "Removed from exported/00000.parquet: 1 exported account." in said
    assert names(AccountShards(str(folder))) == ["anna.json", "bob.json", f"{NAME}2.json", "eve.json"]
    assert (folder / "00001.parquet").read_bytes() == untouched
    assert "no name is left, and no word that only these accounts used" in said[-1]
    assert any("1 other account mention" in sentence for sentence in said)


def test_a_removal_that_was_cut_off_between_shard_and_manifest_is_done_again(settings: Settings) -> None:
    folder = settings.data_dir / "exported"
    export(settings, folder)
    before = (folder / "00000.parquet").read_bytes()
    forget([NAME], settings)
    (folder / "00000.parquet").write_bytes(before)
    forget([NAME], settings)
    assert f"{NAME}.json" not in names(AccountShards(str(folder)))


def test_an_unfinished_export_is_cleared_too(settings: Settings) -> None:
    folder = settings.data_dir / "exported"
    export(settings, folder)
    (folder / "manifest.json").unlink()
    assert "no name is left" in forget([NAME], settings)[-1]
    assert not AccountShards(str(folder)).has_manifest()


def test_what_the_search_finds_in_a_shard_is_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    export(settings, settings.data_dir / "exported")
    monkeypatch.setattr("core.maintenance.delete_accounts.remove_exported", lambda *of, **how: iter(()))
    assert "Still named in exported/00000.parquet" in " ".join(forget([NAME], settings))


def test_exports_outside_of_the_study_are_named_with_what_to_do(settings: Settings, tmp_path: Path) -> None:
    export(settings, tmp_path / "elsewhere")
    export(settings, tmp_path / "elsewhere")
    export(settings, f"memory://{tmp_path}/bucket")
    said = forget([NAME], settings)
    [here] = [sentence for sentence in said if f"are in {tmp_path}/elsewhere" in sentence]
    assert here.startswith("1 exported account") and "delete this one" in here
    [there] = [sentence for sentence in said if f"memory://{tmp_path}/bucket" in sentence]
    assert "nothing is removed from here" in there
    assert f"{NAME}.json" in names(AccountShards(str(tmp_path / "elsewhere")))
    (tmp_path / "elsewhere" / "00000.parquet").unlink()
    assert not [sentence for sentence in forget(["bob"], settings) if f"are in {tmp_path}" in sentence]


def test_an_unfinished_prediction_from_exported_accounts_goes_where_it_names_somebody(settings: Settings) -> None:
    for run, name in (("of-her", NAME), ("of-others", "bob")):
        folder = settings.predictions_dir / run / "predictions.csv.shards"
        folder.mkdir(parents=True)
        pq.write_table(pa.table({"username": [name], "probability": [0.5]}), folder / "00000.parquet")
    assert "The unfinished shards of the predictions of-her were removed." in forget([NAME], settings)
    left = [path.parent.parent.name for path in settings.predictions_dir.rglob("*.parquet")]
    assert left == ["of-others"]
