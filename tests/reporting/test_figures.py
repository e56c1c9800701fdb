"""Figures for a paper: a column wide, with their data, named so that every system takes the names."""

import io
import re
import zipfile

import pandas as pd

from core.reporting import charts
from core.reporting.figures import COLUMN_MM, as_png, as_svg, figures_as_zip, file_name
from core.reporting.run_results import Chart

COUNTS = charts.histogram(pd.DataFrame({"probability": [0.1, 0.9, 0.9], "age": [15, 30, None]}), 21)
CHART = Chart("Probabilities of all, those that made it among them", charts.probabilities(COUNTS, 21, 0.5), "", COUNTS)


def test_a_figure_is_as_wide_as_a_column_with_its_axes() -> None:
    width = float(re.search(r'<svg[^>]* width="([0-9.]+)', as_svg(CHART.drawn))[1])  # type: ignore[index]
    assert abs(width - COLUMN_MM * 72 / 25.4) < 2


def test_a_picture_has_300_dots_an_inch() -> None:
    across = int.from_bytes(as_png(CHART.drawn)[16:20], "big")
    assert abs(across - COLUMN_MM / 25.4 * 300) < 5


def test_each_chart_is_there_as_pictures_and_as_data() -> None:
    with zipfile.ZipFile(io.BytesIO(figures_as_zip([CHART]))) as archive:
        name = "probabilities-of-all-those-that-made-it-among-them"
        assert sorted(archive.namelist()) == [f"{name}.csv", f"{name}.png", f"{name}.svg"]
        assert archive.read(f"{name}.png").startswith(b"\x89PNG")
        back = pd.read_csv(archive.open(f"{name}.csv"))
    assert back["size"].sum() == 3 and list(back.columns) == list(COUNTS.columns)


def test_a_file_name_holds_letters_figures_and_hyphens() -> None:
    assert file_name("Accuracy, by known age (95 %)") == "accuracy-by-known-age-95"
