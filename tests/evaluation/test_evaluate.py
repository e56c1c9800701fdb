"""From a predictions file and a labels file to figures ready for JSON."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from transformers import BertConfig

from core.errors import InputError
from core.evaluation.evaluate import arrays, evaluate, join_labels, read_predictions
from core.models.folder import write_config
from core.models.settings import ModelSettings
from core.statistics.curves import calibration_curve, precision_recall_points, rates_by_threshold, roc_curve
from core.storage.user_lists import read_labels
from tests.made_model import finish_model
from tests.narrowing import present


def write(folder: Path, predictions: str, labels: str) -> tuple[Path, Path]:
    (folder / "predictions.csv").write_text("username,probability,prediction,posts\n" + predictions)
    (folder / "labels.csv").write_text(labels)
    return folder / "predictions.csv", folder / "labels.csv"


@pytest.fixture
def study(tmp_path: Path) -> tuple[Path, Path]:
    """Sixty accounts of ages 15 to 34, of which the 21-year-olds are the ones in error."""
    rows, labels = [], ["username,age,gender,city"]
    for number in range(60):
        age = 15 + number % 20
        probability = 0.3 if age == 21 else (0.9 if age > 21 else 0.2) - number / 1000
        rows.append(f"u{number},{probability:.3f},{int(probability >= 0.5)},{number + 1}")
        labels.append(f"U{number},{age},{'f' if number % 2 else 'm'},city {number}")
    return write(tmp_path, "\n".join([*rows, "silent,,,0", "stranger,0.7,1,3"]) + "\n", "\n".join([*labels, "lost,30"]))


def test_the_result_is_json_with_counts_metrics_and_tables(study: tuple[Path, Path]) -> None:
    result = json.loads(json.dumps(evaluate(*study, 21, resamples=100), allow_nan=False))
    assert result["accounts"] == {
        "predicted": 61,
        "without_captions": 1,
        "labelled": 61,
        "both": 60,
        "at_least_cutoff": 42,
        "labels_rejected": 0,
        "made_the_model": 0,
        "evaluated": 60,
    }
    assert result["metrics"]["accuracy"]["value"] == pytest.approx(57 / 60)
    assert result["confusion"]["at_least_predicted_under"] == 3
    assert result["confusion"]["under_predicted_at_least"] == 0


def test_the_tables_say_where_the_errors_sit(study: tuple[Path, Path]) -> None:
    result = evaluate(*study, 21, resamples=10)
    errors = {row["group"]: row["errors"] for row in result["by_age"]}
    assert list(errors) == list(range(15, 35))
    assert errors[21] == 3
    assert sum(errors.values()) == 3
    groups = {row["group"]: row["accounts"] for row in result["by_posts"]}
    assert groups == {"1": 1, "2 to 4": 3, "5 to 9": 5, "10 to 19": 10, "20 to 49": 30, "50 to 99": 11}
    assert [row["group"] for row in result["by"]["gender"]] == ["f", "m"]
    assert result["columns_left_out"] == ["city"]  # as many values as accounts


def name_the_model(predictions: Path, made_from: list[str]) -> None:
    """Write the run file of predictions, and the folder of a model made from some accounts."""
    model = predictions.parent / "model"
    write_config(model, BertConfig(), ModelSettings("all-MiniLM-L6-v2", "weights.pth"))
    finish_model(model, {"train": made_from, "test": ["u40"]})
    details = {"model": str(model), "threshold": 0.5, "age_cutoff": 21}
    predictions.with_name("predictions.run.json").write_text(json.dumps(details))


def test_accounts_that_made_the_model_are_left_out_unless_asked_for(study: tuple[Path, Path]) -> None:
    name_the_model(study[0], [f"u{number}" for number in range(20)])
    result = evaluate(*study, 21, resamples=10)
    assert (result["accounts"]["made_the_model"], result["accounts"]["evaluated"]) == (20, 40)
    assert sum(result["confusion"].values()) == 40
    assert result["warnings"] == []
    assert result["threshold"] == 0.5
    everybody = evaluate(*study, 21, resamples=10, include_training=True)
    assert sum(everybody["confusion"].values()) == 60
    assert "20 of these accounts made the model" in everybody["warnings"][0]


def test_where_all_labelled_accounts_made_the_model_it_says_so(study: tuple[Path, Path]) -> None:
    name_the_model(study[0], [f"u{number}" for number in range(60)])
    with pytest.raises(InputError, match=r"Every labelled account .* made the model"):
        evaluate(*study, 21, resamples=10)


def test_where_the_model_is_unknown_it_says_so(study: tuple[Path, Path]) -> None:
    assert "not known which accounts made the model" in evaluate(*study, 21, resamples=10)["warnings"][0]
    name_the_model(study[0], [])
    (study[0].parent / "model" / "training.json").unlink()
    assert "not known which accounts made the model" in evaluate(*study, 21, resamples=10)["warnings"][0]


def test_another_cutoff_than_that_of_the_predictions_is_said(study: tuple[Path, Path]) -> None:
    name_the_model(study[0], [])
    assert evaluate(*study, 18, resamples=10)["warnings"] == [
        "The predictions are about 21 years, these figures about 18."
    ]


def test_the_cutoff_and_the_threshold_are_the_callers(study: tuple[Path, Path]) -> None:
    older = evaluate(*study, 30, resamples=10)
    assert older["accounts"]["at_least_cutoff"] == 15
    strict = evaluate(*study, 21, threshold=0.95, resamples=10)
    assert strict["metrics"]["recall_at_least"]["value"] == 0
    assert strict["metrics"]["precision_at_least"]["value"] is None


def test_without_a_threshold_the_files_own_predictions_count(tmp_path: Path) -> None:
    files = write(tmp_path, "anna,0.6,0,5\nbob,0.7,1,5\n", "username,age\nanna,30\nbob,30\n")
    assert evaluate(*files, 21, resamples=10)["metrics"]["accuracy"]["value"] == 0.5


def test_names_are_matched_in_their_canonical_form(tmp_path: Path) -> None:
    files = write(tmp_path, "Anna,0.6,1,5\nP-017,0.2,0,5\n'=x,0.2,0,5\n", "user;age\n@anna;30\nP-017;15\n=x;15\n")
    assert evaluate(*files, 21, resamples=10)["accounts"]["both"] == 3


def test_one_class_only_gives_nulls_not_a_crash(tmp_path: Path) -> None:
    files = write(tmp_path, "anna,0.6,1,5\nbob,0.7,1,5\n", "username,age\nanna,30\nbob,40\n")
    result = evaluate(*files, 21, resamples=10)
    assert result["metrics"]["auc"]["value"] is None
    assert "at least the cutoff" in present(result["metrics"]["auc"]["note"])
    json.dumps(result, allow_nan=False)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "cannot be read as predictions"),
        ("username,age\nanna,3\n", "no column 'probability'"),
        ("username,probability,prediction,posts\nanna,0.5,1,1\nbob,7,1,1\n", "line 3: the probability"),
        ("username,probability,prediction,posts\nanna,high,1,1\n", "line 2: the probability"),
        ("username,probability,prediction,posts\nanna,0.5,1,many\n", "line 2: the posts"),
        ("username,probability,prediction,posts\nanna,0.5,1,1\nanna,0.6,1,1\n", "line 3: .* stands twice"),
    ],
)
def test_a_file_that_is_no_predictions_file_says_why(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "p.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=message):
        read_predictions(path)


def test_files_without_a_common_account_say_so(tmp_path: Path) -> None:
    files = write(tmp_path, "anna,0.6,1,5\nbob,,,0\n", "username,age\nbob,40\ncarla,30\n")
    with pytest.raises(InputError, match=r"No account of .* has a prediction"):
        evaluate(*files, 21)


def test_a_column_of_the_labels_cannot_take_the_place_of_our_own(tmp_path: Path) -> None:
    files = write(
        tmp_path,
        "anna,0.6,1,5\nbob,0.1,0,5\n",
        "username,age,probability,predicted,at_least\nanna,30,9,9,9\nbob,9,8,8,8\n",
    )
    result = evaluate(*files, 21, resamples=10)
    assert result["metrics"]["accuracy"]["value"] == 1
    assert result["by"] == {}


def test_curves_have_their_ends_and_agree_with_the_tables(study: tuple[Path, Path]) -> None:
    joined = join_labels(read_predictions(study[0]), read_labels(study[1]), 21)
    at_least, probability, predicted = arrays(joined)
    roc = roc_curve(at_least, probability)
    assert roc.iloc[[0, -1], :2].to_numpy().tolist() == [[0, 0], [1, 1]]
    assert np.trapezoid(roc["true_positive_rate"], roc["false_positive_rate"]) == pytest.approx(
        evaluate(*study, 21, resamples=1)["metrics"]["auc"]["value"]
    )
    assert precision_recall_points(at_least, probability)["recall"].iloc[-1] == 0
    calibration = calibration_curve(at_least, probability)
    assert calibration["accounts"].sum() == 60
    assert (calibration["low"] <= calibration["share"]).all()
    assert (calibration["share"] <= calibration["high"]).all()
    at_half = rates_by_threshold(at_least, probability).set_index("threshold").loc[0.5]
    assert at_half["accuracy"] == pytest.approx((predicted == at_least).mean())


def test_curves_of_one_class_are_empty_or_nan() -> None:
    nobody, probability = np.zeros(5, bool), np.linspace(0, 1, 5)
    assert roc_curve(nobody, probability).empty
    assert precision_recall_points(nobody, probability).empty
    assert rates_by_threshold(nobody, probability)["recall_at_least"].isna().all()
    assert isinstance(calibration_curve(nobody, probability), pd.DataFrame)
