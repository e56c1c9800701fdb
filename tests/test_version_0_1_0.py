"""What version 0.1.0 wrote is still read, means the same, and is gone on with; see tests/fixtures/v0_1_0/README.md."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.in_process import core
from tests.pages.run_page import run
from tests.pages.test_pages import metric, study, words
from tests.stand_in import StandIn

WRITTEN = Path(__file__).parent / "fixtures" / "v0_1_0" / "data"
MODELS = {
    "compared-majority": ("compared/majority", 21),
    "compared-tfidf": ("compared/tfidf", 21),
    "compared-frozen": ("compared/frozen", 21),
    "compared-finetuned": ("compared/finetuned", 21),
    "compared-combined": ("compared/combined", 21),
    "several-18": ("several", 18),
    "several-21": ("several/several.safetensors", 21),
}
TOLERANCE = 1e-4

__all__ = ["study"]  # the pages' data folder, which every test here has


@pytest.fixture(autouse=True)
def data(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder of version 0.1.0, under the path that its files know it by."""
    shutil.copytree(WRITTEN, data_dir)
    monkeypatch.chdir(data_dir.parent)
    return Path("data")


def rows(predictions: Path) -> dict[str, dict[str, str]]:
    with predictions.open(encoding="utf-8", newline="") as file:
        return {row["username"]: row for row in csv.DictReader(file)}


def answer(*arguments: str | float | Path) -> dict[str, Any]:
    """What a command prints as JSON."""
    done = core(*arguments)
    assert done.status == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", MODELS)
def test_every_model_predicts_what_it_predicted(data: Path, name: str) -> None:
    model, cutoff = MODELS[name]
    output = Path("now.csv")
    given = ("--input-dir", data / "accounts", "--finetuned-model-path", data / "models" / model)
    done = core("predict", *given, "--prediction-output-file", output, "--age-cutoff", cutoff)
    assert done.status == 0, done.stderr
    before, now = rows(data / "predictions" / name / "predictions.csv"), rows(output)
    assert now.keys() == before.keys() and len(now) == 26
    for username, row in before.items():
        assert [now[username][column] for column in ("prediction", "posts")] == [row["prediction"], row["posts"]]
        assert float(now[username]["probability"] or -1) == pytest.approx(
            float(row["probability"] or -1), abs=TOLERANCE
        )


def test_the_run_file_of_a_prediction_has_every_key_that_it_had(data: Path) -> None:
    given = ("--input-dir", data / "accounts", "--finetuned-model-path", data / "models" / "several")
    assert core("predict", *given, "--prediction-output-file", "now.csv", "--age-cutoff", 21).status == 0
    before = json.loads((data / "predictions" / "several-21" / "predictions.run.json").read_bytes())
    now = json.loads(Path("now.run.json").read_bytes())
    assert before.keys() <= now.keys()
    same = before.keys() - {"created_at", "seconds", "versions", "drift"}
    assert {key: now[key] for key in same} == {key: before[key] for key in same}


@pytest.mark.parametrize("name", ["compared-combined", "compared-tfidf", "several-21"])
def test_predictions_are_evaluated_without_the_accounts_that_made_their_model(data: Path, name: str) -> None:
    predictions, labels = data / "predictions" / name / "predictions.csv", data / "labels" / "labels.csv"
    found = answer("evaluate", "--predictions", predictions, "--labels", labels)
    assert (found["accounts"]["made_the_model"], found["accounts"]["evaluated"]) == (1, 24)
    ages = {username: float(row["age"]) for username, row in rows(labels).items()}
    new = [row for username, row in rows(predictions).items() if username.startswith("new_")]
    right = sum((ages[row["username"]] >= 21) == (row["prediction"] == "1") for row in new)
    assert found["metrics"]["accuracy"]["value"] == pytest.approx(right / 24)


@pytest.mark.parametrize("name", ["compared-combined", "several-21"])
def test_the_count_is_what_it_was_and_a_share_that_nothing_vouches_for_is_withheld(data: Path, name: str) -> None:
    folder = data / "predictions" / name
    model = data / "models" / MODELS[name][0].removesuffix("/several.safetensors")
    found = answer("prevalence", "--predictions", folder / "predictions.csv", "--model", model, "--age-cutoff", 21)
    before = json.loads((folder / "prevalence.json").read_bytes())
    assert found["accounts"] == before["accounts"]
    figures = [found["raw"][key] for key in ("value", "low", "high")]
    assert figures == pytest.approx([before["raw"][key] for key in ("value", "low", "high")], abs=TOLERANCE)
    assert found["rogan_gladen"]["value"] is None
    assert "made by an older version" in found["rogan_gladen"]["note"]


def test_a_collection_goes_on_where_version_0_1_0_was_stopped(data: Path, stand_in: StandIn) -> None:
    stand_in.account("bob")  # of whom it is asked by the number that version 0.1.0 was given
    [job] = (data / "jobs").glob("*-collect-*")
    done = core(*json.loads((job / "job.json").read_bytes())["arguments"])
    assert done.status == 0, done.stderr
    assert {seen.about for seen in stand_in.seen if seen.route == "profile"} == {"anna"}
    bob = json.loads((data / "collected" / "bob.json").read_bytes())
    before = json.loads((WRITTEN / "collected" / "bob.json").read_bytes())
    assert (bob["outcome"], len(bob["posts"])) == ("collected", 30)
    assert bob["posts"][:12] == before["posts"]


@pytest.mark.slow
def test_the_pages_show_its_models_predictions_and_jobs() -> None:
    [models] = [table.value for table in run("train").dataframe if "learnt from" in table.value]
    assert sorted(zip(models["model"], models["cutoff"], strict=True)) == [
        ("compared-combined", 21),
        ("compared-finetuned", 21),
        ("compared-frozen", 21),
        ("compared-majority", 21),
        ("compared-tfidf", 21),
        ("several", 18),
        ("several", 21),
    ]
    jobs = words(run("jobs"))
    for title in ("Collection of 5 accounts", "Training of several", "Prediction with compared\\-combined"):
        assert title in jobs
    overview = run("overview")
    assert [metric(overview, step) for step in ("Collected", "Models", "Predicted")] == ["26", "6", "25"]


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_the_results_of_every_run_open_with_the_reasons_of_an_account(name: str) -> None:
    app = run("results", run=name, why="new_00")
    assert not app.error
    assert r"new\_00" in words(app)
