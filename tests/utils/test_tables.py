"""Downloads of other people's words."""

import io

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from core.utils.tables import parquet, safe_csv


def test_no_cell_and_no_heading_is_a_formula() -> None:
    table = pd.DataFrame({"=1+1": ["@SUM(A1)", "-2", "fine"], "number": [-1, 2, 3], "list": [["=a"], None, ["b"]]})
    lines = safe_csv(table).decode("utf-8-sig").splitlines()
    assert lines[0].startswith("'=1+1")
    assert [line[0] for line in lines[1:]] == ["'", "'", "f"]
    assert lines[1].split(",")[1] == "-1"  # a number stays a number


def test_words_of_all_languages_come_back() -> None:
    back = pd.read_csv(io.BytesIO(safe_csv(pd.DataFrame({"caption": ["žluťoučký 🐎", None]}))))
    assert back["caption"][0] == "žluťoučký 🐎" and pd.isna(back["caption"][1])


def test_parquet_holds_texts_as_they_are() -> None:
    table = pa.table({"caption": ["=1+1", None]})
    assert pq.read_table(io.BytesIO(parquet(table))).equals(table)


def test_whole_years_are_written_without_a_point() -> None:
    table = pd.DataFrame({"known_age": [20.0, 20.5, None], "probability": [1.0, 0.5, None]})
    lines = safe_csv(table).decode("utf-8-sig").splitlines()
    assert lines[1:] == ["20,1.0", "20.5,0.5", ","]
