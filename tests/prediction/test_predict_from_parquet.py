"""Exported accounts are predicted as their files are, on every engine, and what is damaged is named."""

import os
from pathlib import Path
from typing import Any

import orjson
import pytest

from core.errors import AgeScopeError, InputError
from core.jobs.progress import no_progress
from core.prediction.arguments import ExportShardsArguments, PredictArguments, PredictShardArguments
from core.prediction.export_shards import export_shards
from core.prediction.predict import PredictSummary, predict
from core.prediction.predict_shards import predict_shards, predict_some_shards
from core.prediction.shards import shards_beside
from core.storage.account_files import write_account
from core.storage.models import Account
from core.storage.predictions_file import read_cutoff
from tests.in_process import core
from tests.prediction.test_predict import make_model
from tests.prediction.test_shards import same
from tests.tiny_models import study


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = study(tmp_path_factory.mktemp("study"), accounts=30)[0]
    write_account(folder, Account(username="silent", outcome="private"))
    (folder / "broken.json").write_text("{")
    return folder


@pytest.fixture(scope="module")
def model(encoder: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(encoder, tmp_path_factory.mktemp("models") / "two", (18.0, 21.0), (0.5, 0.25))


@pytest.fixture
def exported(accounts: Path, tmp_path: Path) -> Path:
    export(accounts, tmp_path / "exported")
    return tmp_path / "exported"


def export(accounts: Path, folder: Path) -> None:
    with no_progress() as progress:
        export_shards(ExportShardsArguments(accounts, str(folder), accounts_per_shard=10), progress)


def arguments(model: Path, output: Path, **options: Any) -> PredictArguments:
    return PredictArguments(finetuned_model_path=model, prediction_output_file=output, cache=False, **options)


def from_files(accounts: Path, model: Path, output: Path, **options: Any) -> PredictSummary:
    with no_progress() as progress:
        return predict(arguments(model, output, input_dir=accounts, **options), progress)


def from_parquet(exported: Path, model: Path, output: Path, **options: Any) -> PredictSummary:
    """In this process: the array's tasks, one after the other, and then their rows together."""
    asked = arguments(model, output, shards_from=str(exported), engine="array", **options)
    with pytest.raises(AgeScopeError, match="sbatch"), no_progress() as progress:
        predict_shards(asked, progress)
    with no_progress() as progress:
        manifest = shards_beside(output).folder / "manifest.json"
        predict_some_shards(PredictShardArguments(manifest, 0, step=1), progress)
        return predict_shards(asked, progress)


def record(summary: PredictSummary) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(summary.run_file.read_bytes())
    return {key: value for key, value in found.items() if key not in ("created_at", "seconds", "input_dir")}


def test_exported_accounts_have_the_rows_of_their_files(
    accounts: Path, exported: Path, model: Path, tmp_path: Path
) -> None:
    summary = from_parquet(exported, model, tmp_path / "a" / "p.csv")
    expected = from_files(accounts, model, tmp_path / "b" / "p.csv")
    same(tmp_path / "a" / "p.csv", tmp_path / "b" / "p.csv")
    told, alone = (read_cutoff(tmp_path / folder / "p.csv", 18) for folder in ("a", "b"))
    assert told == pytest.approx(alone, abs=1e-5)
    assert record(summary) == {**record(expected), "shards_from": str(exported)}
    assert [*summary.unreadable] == ["broken.json"]


@pytest.mark.slow  # on Ray: tests/scale/test_two_nodes.py
def test_workers_predict_from_parquet(accounts: Path, exported: Path, model: Path, tmp_path: Path) -> None:
    with no_progress() as progress:
        predict_shards(arguments(model, tmp_path / "a.csv", shards_from=str(exported), workers=2), progress)
    from_files(accounts, model, tmp_path / "b.csv")
    same(tmp_path / "a.csv", tmp_path / "b.csv")


def test_a_list_is_told_of_as_from_files(accounts: Path, exported: Path, model: Path, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("username\nuser_003\nuser_021\nsilent\nnobody\n")
    summary = from_parquet(exported, model, tmp_path / "a.csv", user_file=(path,))
    from_files(accounts, model, tmp_path / "b.csv", user_file=(path,))
    same(tmp_path / "a.csv", tmp_path / "b.csv")
    assert summary.flow is not None
    assert {step: at for step, at in summary.flow.steps.items() if at} == {
        "private": 1,
        "not_predicted": 1,
        "estimated": 2,
    }
    path.write_text("username\nnobody\n")
    with pytest.raises(InputError, match=r"holds no account of list\.csv"):
        from_parquet(exported, model, tmp_path / "c.csv", user_file=(path,))


class EngineHere:
    """Does shards in this process, one after the other, and tells which failed."""

    def run(self, work: Any, tasks: Any, watch: Any) -> dict[int, str]:
        failed = {}
        for task in tasks:
            try:
                work(task)
            except InputError as error:
                failed[task] = str(error)
            else:
                watch.done(task)
        return failed


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: path.unlink(), "is not there"),
        (lambda path: os.truncate(path, 99), "is not what the manifest says"),
    ],
)
def test_a_damaged_shard_is_named_with_its_reason_and_the_rest_goes_on(
    spoil: Any, said: str, accounts: Path, exported: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.prediction.predict_shards.open_engine", lambda _: EngineHere())
    spoil(exported / "00001.parquet")
    asked = {"shards_from": str(exported)}
    with no_progress() as progress:
        with pytest.raises(AgeScopeError, match=rf"Shard 1 failed .*00001\.parquet {said}.*other 3 of 4"):
            predict_shards(arguments(model, tmp_path / "p.csv", **asked), progress)
        summary = predict_shards(arguments(model, tmp_path / "p.csv", leave_out_failed=True, **asked), progress)
    assert summary.accounts == 21 and str(exported / "00001.parquet") in record(summary)["unreadable"]
    export(accounts, exported)  # mends it
    with no_progress() as progress:
        assert predict_shards(arguments(model, tmp_path / "p.csv", **asked), progress).accounts == 31


def test_accounts_that_changed_under_a_prediction_are_not_mixed_in(exported: Path, model: Path, tmp_path: Path) -> None:
    asked = arguments(model, tmp_path / "p.csv", shards_from=str(exported), engine="array")
    with pytest.raises(AgeScopeError, match="sbatch"), no_progress() as progress:
        predict_shards(asked, progress)
    manifest = exported / "manifest.json"
    content = orjson.loads(manifest.read_bytes())
    content["shards"][0]["sha256"] = "0" * 64
    manifest.write_bytes(orjson.dumps(content))
    with pytest.raises(InputError, match="holds other accounts than when"), no_progress() as progress:
        predict_some_shards(
            PredictShardArguments(shards_beside(tmp_path / "p.csv").folder / "manifest.json", 0), progress
        )
    with pytest.raises(InputError, match="another model, list or options"), no_progress() as progress:
        predict_shards(asked, progress)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "either --input-dir FOLDER or --shards-from ADDRESS"),
        (["--input-dir", ".", "--shards-from", "x"], "either --input-dir FOLDER or --shards-from ADDRESS"),
        (["--shards-from", "x", "--shards", "3"], "Leave --shards out"),
        (["--shards-from", "x", "--pseudonymise"], "pseudonyms --table"),
        (["--shards-from", "nothing-here"], "manifest.json is not there"),
        (["--shards-from", "s3://bucket/x"], "Install s3fs"),
    ],
)
def test_where_the_accounts_are_is_said_once(given: list[str], said: str, model: Path, tmp_path: Path) -> None:
    done = core("predict", "--finetuned-model-path", model, "--prediction-output-file", tmp_path / "p.csv", *given)
    assert done.status == 2 and said in " ".join(done.stderr.split())
