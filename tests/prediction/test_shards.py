"""Shards: several workers say what one machine says, and nothing that is done is done again."""

import os
from pathlib import Path
from typing import Any

import orjson
import pytest

from core.errors import AgeScopeError, InputError
from core.jobs.progress import no_progress
from core.prediction.arguments import PredictArguments, PredictShardArguments
from core.prediction.predict import PredictSummary, predict
from core.prediction.predict_shards import predict_shards, predict_some_shards
from core.prediction.shards import ShardWorker, shards_beside
from core.storage.account_files import write_account
from core.storage.models import Account
from core.storage.predictions_file import read_cutoff, read_rows
from tests.prediction.test_predict import make_model, run
from tests.scale.test_engines import ENGINES
from tests.tiny_models import study


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = study(tmp_path_factory.mktemp("study"), accounts=30)[0]
    write_account(folder, Account(username="silent"))
    (folder / "broken.json").write_text("{")
    return folder


@pytest.fixture(scope="module")
def model(encoder: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(encoder, tmp_path_factory.mktemp("models") / "one", (21.0,), (0.5,))


@pytest.fixture(scope="module")
def alone(accounts: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process says."""
    output = tmp_path_factory.mktemp("alone") / "p.csv"
    with no_progress() as progress:
        predict(
            PredictArguments(accounts, finetuned_model_path=model, prediction_output_file=output, cache=False), progress
        )
    return output


def run_shards(accounts: Path, model: Path, output: Path, **options: Any) -> PredictSummary:
    with no_progress() as progress:
        return predict_shards(
            PredictArguments(
                accounts, finetuned_model_path=model, prediction_output_file=output, **{"shards": 4, **options}
            ),
            progress,
        )


def do_here(accounts: Path, model: Path, output: Path, *shards: int) -> None:
    """Lay the shards down and do some, as tasks of an array."""
    with pytest.raises(AgeScopeError, match="sbatch"):
        run_shards(accounts, model, output, engine="array")
    for shard in shards:
        with no_progress() as progress:
            manifest = shards_beside(output).folder / "manifest.json"
            predict_some_shards(PredictShardArguments(manifest, shard), progress)


def same(output: Path, other: Path) -> None:
    """Whose rows these are: which accounts a batch has moves the last digit of 32 bits."""
    ours, theirs = [*read_rows(output)], [*read_rows(other)]
    assert [row.username for row in ours] == [row.username for row in theirs]
    for row, expected in zip(ours, theirs, strict=True):
        assert (row.posts, row.prediction) == (expected.posts, expected.prediction)
        assert row.probability == (expected.probability and pytest.approx(expected.probability, abs=1e-5))


@pytest.mark.slow
@pytest.mark.parametrize("engine", [ENGINES[0], ENGINES[2]])  # on Ray: tests/scale/test_two_nodes.py
def test_several_workers_say_what_one_machine_says(
    engine: str, accounts: Path, model: Path, alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))
    output = tmp_path / "p.csv"
    summary = run_shards(accounts, model, output, engine=engine, workers=2, partition="local", worker_cpus=0.5)
    same(output, alone)
    ours, theirs = (orjson.loads(path.with_name("p.run.json").read_bytes()) for path in (output, alone))
    differing = {"created_at", "seconds"}
    assert {k: v for k, v in ours.items() if k not in differing} == {
        k: v for k, v in theirs.items() if k not in differing
    }
    assert set(summary.unreadable) == {"broken.json"}
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "data") == ["p.csv", "p.run.json"]


def test_going_on_leaves_out_what_is_there_whoever_did_it(
    accounts: Path, model: Path, alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "p.csv"
    do_here(accounts, model, output, 0, 2)
    before = {shard: shards_beside(output).result(shard).stat().st_mtime_ns for shard in (0, 2)}
    with no_progress() as progress:
        manifest = shards_beside(output).folder / "manifest.json"
        predict_some_shards(PredictShardArguments(manifest, 0, step=1), progress)
    assert {shard: shards_beside(output).result(shard).stat().st_mtime_ns for shard in (0, 2)} == before
    monkeypatch.setattr(ShardWorker, "__call__", lambda *_: pytest.fail("it was all done"))
    run_shards(accounts, model, output)
    same(output, alone)
    assert not shards_beside(output).folder.exists()


@pytest.mark.slow
def test_a_model_of_several_cutoffs_tells_the_probability_at_each_as_one_machine_does(
    accounts: Path, encoder: str, tmp_path: Path
) -> None:
    model = make_model(encoder, tmp_path / "two", (18.0, 21.0), (0.5, 0.25))
    output, other = tmp_path / "shards" / "p.csv", tmp_path / "alone" / "p.csv"
    do_here(accounts, model, output, 0, 1, 2, 3)
    run_shards(accounts, model, output)
    run(accounts, model, other)
    same(output, other)
    for cutoff in (18, 21):
        ours, theirs = read_cutoff(output, cutoff), read_cutoff(other, cutoff)
        assert [*ours] == [*theirs] and [*ours.values()] == pytest.approx([*theirs.values()], abs=1e-4)


def test_shards_of_another_model_or_option_are_refused_and_kept(
    accounts: Path, model: Path, encoder: str, tmp_path: Path
) -> None:
    output = tmp_path / "p.csv"
    do_here(accounts, model, output, 0)
    other = make_model(encoder, tmp_path / "other", (21.0,), (0.4,))
    for given, options in ((model, {"max_seq_len": 12}), (other, {})):
        with pytest.raises(InputError, match="another model, list or options"):
            run_shards(accounts, given, output, **options)
    assert shards_beside(output).is_done(0)


def test_an_account_that_came_later_is_said_to_have_no_row(model: Path, tmp_path: Path) -> None:
    accounts, output = study(tmp_path / "study", accounts=6)[0], tmp_path / "p.csv"
    do_here(accounts, model, output, 0, 1, 2)
    write_account(accounts, Account(username="late"))
    summary = run_shards(accounts, model, output)
    assert "1 account file came after the shards were cut" in str(summary)
    assert summary.accounts == 6


class FailingEngine:
    """Does all shards but one, as if that had failed three times."""

    def run(self, work: Any, tasks: Any, watch: Any) -> dict[int, str]:
        for task in tasks[1:]:
            work(task)
            watch.done(task)
        return {tasks[0]: "its worker died (killed)."}


def test_a_shard_that_failed_is_named_and_kept_from_the_output_unless_one_says_so(
    accounts: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.prediction.predict_shards.open_engine", lambda _: FailingEngine())
    output = tmp_path / "p.csv"
    with pytest.raises(AgeScopeError, match=r"Shard 0 failed three times: its worker died.*other 3 of 4") as error:
        run_shards(accounts, model, output)
    assert error.value.exit_status == 1
    assert not output.exists()
    summary = run_shards(accounts, model, output, leave_out_failed=True)
    assert "Their accounts have no row" in str(summary)
    record = orjson.loads(summary.run_file.read_bytes())
    named = [name for name, reason in record["unreadable"].items() if "its shard failed" in reason]
    assert len(named) == 8
    assert summary.accounts + len(summary.unreadable) == 32


@pytest.mark.slow
def test_a_damaged_shard_is_named_and_not_put_in(accounts: Path, model: Path, tmp_path: Path) -> None:
    output = tmp_path / "p.csv"
    do_here(accounts, model, output, 0, 1, 2, 3)
    path = shards_beside(output).result(1)
    os.truncate(path, 100)
    with pytest.raises(InputError, match=r"00001\.parquet is damaged"):
        run_shards(accounts, model, output)
    path.unlink()
    with no_progress() as progress:
        predict_some_shards(PredictShardArguments(shards_beside(output).folder / "manifest.json", 1), progress)
    run_shards(accounts, model, output)


def test_pseudonyms_and_shards_do_not_go_together(accounts: Path, model: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="pseudonyms --table"):
        run(accounts, model, tmp_path / "p.csv", pseudonymise=True, shards=2)
