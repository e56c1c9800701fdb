"""Predictions as CSV and as Parquet: the same rows, and nothing of a stranger's file is believed."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.errors import InputError
from core.evaluation.evaluate import read_predictions
from core.storage.predictions_file import (
    SCHEMA,
    PartialPredictions,
    Prediction,
    leave_out,
    predictions_in,
    read_cutoff,
    read_rows,
    read_table,
    usernames_in,
    write_table,
)

NAMES = ["=cmd|' /C calc'!A0", "'=1", "'tis", "+1", 'a,"b"', "zoë", "two\nlines", "silent"]
ROWS = [Prediction(name, 0.123456, 0, at + 1) for at, name in enumerate(NAMES[:-1])] + [
    Prediction("silent", None, None, 0)
]


def table(rows: list[Prediction] = ROWS) -> pa.Table:
    columns = {name: [getattr(row, name) for row in rows] for name in SCHEMA.names}
    return pa.table(columns, schema=SCHEMA).append_column(
        "by_cutoff", pa.array([[0.5000004, 0.25] if row.posts else [] for row in rows], pa.list_(pa.float64()))
    )


@pytest.mark.parametrize("name", ["p.csv", "p.parquet"])
def test_every_row_comes_back_as_it_was(tmp_path: Path, name: str) -> None:
    write_table(tmp_path / name, table(), (18, 21))
    assert [*read_rows(tmp_path / name)] == ROWS
    assert read_cutoff(tmp_path / name, 18) == dict.fromkeys(NAMES[:-1], 0.5)
    read = read_predictions(tmp_path / name)
    assert set(read["username"]) == {*NAMES} and read["probability"].isna().sum() == 1
    write_table(tmp_path / name, table(), (21,))
    with pytest.raises(InputError, match="probabilities at 18"):
        read_cutoff(tmp_path / name, 18)


def test_both_forms_are_one_table(tmp_path: Path) -> None:
    for name in ("p.csv", "p.parquet"):
        write_table(tmp_path / name, table())
    assert read_table(tmp_path / "p.csv").equals(read_table(tmp_path / "p.parquet"))
    pd.testing.assert_frame_equal(
        read_predictions(tmp_path / "p.csv"), read_predictions(tmp_path / "p.parquet"), check_dtype=False
    )


def test_only_the_csv_hides_names_from_spreadsheets(tmp_path: Path) -> None:
    for name in ("p.csv", "p.parquet"):
        write_table(tmp_path / name, table())
    assert not [line for line in (tmp_path / "p.csv").read_text().splitlines() if line.startswith(("=", "+", '"='))]
    assert pq.read_table(tmp_path / "p.parquet")["username"].to_pylist() == NAMES


def test_rows_that_are_added_one_by_one_become_parquet_at_the_end(tmp_path: Path) -> None:
    output = tmp_path / "p.parquet"
    with PartialPredictions(output, {"a": 1}) as written:
        written.add(ROWS[:2])
    with (tmp_path / "p.parquet.csv.part").open("a") as file:
        file.write("half a r")  # killed
    with PartialPredictions(output, {"a": 1}) as written:
        assert written.usernames == {*NAMES[:2]}
        written.add(ROWS[2:])
        written.finish()
    assert [*read_rows(output)] == ROWS
    assert [path.name for path in tmp_path.iterdir()] == ["p.parquet"]


def test_what_pandas_wrote_is_read(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    frame = pd.DataFrame({"posts": [3, 0], "username": ["anna", "bob"], "probability": [0.9, float("nan")]})
    frame.assign(prediction=[1.0, float("nan")], extra="x").to_parquet(path)
    assert [*read_rows(path)] == [Prediction("anna", 0.9, 1, 3), Prediction("bob", None, None, 0)]


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"username": ["a"], "probability": [0.5], "posts": [1]}, "no column 'prediction'"),
        ({"username": [1], "probability": [0.5], "prediction": [1], "posts": [1]}, "'username' holds no texts"),
        (
            {"username": ["a"], "probability": ["0.5"], "prediction": [1], "posts": [1]},
            "no numbers",
        ),
        ({"username": ["a"], "probability": [0.5], "prediction": [[1]], "posts": [1]}, "no numbers"),
        ({"username": ["a"], "probability": [0.5], "prediction": [1], "posts": [2**40]}, "not a predictions file"),
        ({"username": [None, "a"], "probability": [0.5, 1], "prediction": [1, 1], "posts": [1, 1]}, "no username"),
    ],
)
def test_what_is_no_predictions_file_is_named_with_the_reason(
    tmp_path: Path, columns: dict[str, list[object]], reason: str
) -> None:
    path = tmp_path / "p.parquet"
    pq.write_table(pa.table(columns), path)
    with pytest.raises(InputError, match=reason):
        read_table(path)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + bytes(100) + b"PAR1", b"username,probability\n"])
def test_what_is_no_parquet_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "p.parquet").write_bytes(content)
    with pytest.raises(InputError, match=r"p\.parquet is not a predictions file"):
        read_table(tmp_path / "p.parquet")
    assert usernames_in(tmp_path / "p.parquet") == set()
    assert leave_out(tmp_path / "p.parquet", lambda name: True, really=True) == 0


def test_a_long_text_a_million_times_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path, rows = tmp_path / "p.parquet", 1_000_000
    name = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array(["x" * 1_000_000]))
    zeros = pa.array([0] * rows)
    pq.write_table(pa.table({"username": name, "probability": zeros, "prediction": zeros, "posts": zeros}), path)
    assert path.stat().st_size < 3_000_000  # a terabyte once it is unpacked
    with pytest.raises(InputError, match="usernames are no names"):
        read_table(path)


def test_a_wrong_row_is_named(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    for second, reason in ((Prediction("b", 1.5, 1, 1), "row 2.*between 0 and 1"), (ROWS[0], "row 2.*stands twice")):
        write_table(path, table([ROWS[0], second]))
        with pytest.raises(InputError, match=reason):
            read_predictions(path)


def test_the_folder_of_a_run_has_one_predictions_file(tmp_path: Path) -> None:
    assert predictions_in(tmp_path).name == "predictions.csv"
    write_table(tmp_path / "predictions.parquet", table())
    assert predictions_in(tmp_path).name == "predictions.parquet"
