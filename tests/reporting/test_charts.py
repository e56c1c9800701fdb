"""Charts: what moves with a slider is data, and nothing else."""

import pandas as pd
import pytest

from core.reporting import charts
from core.reporting.figures import as_svg

MONTHS = pd.DataFrame({"month": pd.to_datetime(["2026-09-01", "2026-11-01"]), "posts": [2, 3]})
PREDICTIONS = pd.DataFrame({"probability": [0.1, 0.5, 0.9], "age": [16, 30, None]})


def test_a_moved_threshold_changes_the_data_of_a_chart_alone() -> None:
    counts = charts.histogram(PREDICTIONS, 21)
    before = charts.stable_spec(charts.probabilities(counts, 21, 0.5, (0.4, 0.6)))
    after = charts.stable_spec(charts.probabilities(counts, 21, 0.7, (0.4, 0.8)))
    band, bars, threshold = before.pop("datasets").values()
    moved_band, same_bars, moved_threshold = after.pop("datasets").values()
    assert before == after
    assert bars == same_bars
    assert (threshold, moved_threshold) == ([{"threshold": 0.5}], [{"threshold": 0.7}])
    assert (band[0]["high"], moved_band[0]["high"]) == (0.6, 0.8)


@pytest.mark.parametrize(
    ("unit", "bars", "shown"), [("month", "yearmonth", "%b %Y"), ("day", "yearmonthdate", "%-d %b %Y")]
)
def test_bars_are_labelled_by_what_they_are(unit: str, bars: str, shown: str) -> None:
    x = charts.over_time(MONTHS.rename(columns={"month": unit}), unit, "posts", "posts").to_dict()["encoding"]["x"]
    assert x["timeUnit"] == bars
    assert x["axis"]["tickCount"] == {"interval": unit, "step": 1}
    assert shown in x["axis"]["labelExpr"]


def test_the_axis_of_a_histogram_ends_above_its_highest_bar() -> None:
    counts = charts.histogram(pd.DataFrame({"probability": [0.9] * 300, "age": [16.0] * 100 + [None] * 200}), 21)
    assert charts.probabilities(counts, 21, 0.5).to_dict()["layer"][0]["encoding"]["y"]["scale"]["domain"][1] > 300


@pytest.mark.slow
def test_a_withheld_estimate_is_named_and_has_no_point() -> None:
    table = pd.DataFrame(
        {"estimate": ["Counted", "Corrected"], "value": [0.6, None], "low": [0.5, None], "high": [0.7, None]}
    )
    picture = as_svg(charts.estimates(table, "share at least 21"))
    assert "Corrected" in picture and picture.count("withheld") >= 1
    assert "withheld" not in as_svg(charts.estimates(table[:1], "share at least 21"))
