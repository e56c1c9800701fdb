"""Charts as figures for a paper: SVG and PNG at a journal's column width, with their data beside them."""

import io
import re
import zipfile
from collections.abc import Iterable
from typing import Protocol

import altair as alt
import pandas as pd
import vl_convert

COLUMN_MM = 85
"""The width of one column of most journals."""
DOTS_PER_INCH = 300

_POINTS_PER_MM = 72 / 25.4
_SHORT_SIDE = 0.62
_CONFIG = {
    "font": "sans-serif",
    "background": "white",
    "axis": {"labelFontSize": 7, "titleFontSize": 8, "titleFontWeight": "normal", "gridColor": "#E3EAEA"},
    "legend": {"labelFontSize": 7, "titleFontSize": 8, "titleFontWeight": "normal", "symbolSize": 40},
    "text": {"fontSize": 7},
    "view": {"stroke": None},
}


class Drawn(Protocol):
    """What a figure is made of."""

    @property
    def title(self) -> str:
        """What it shows."""

    @property
    def drawn(self) -> alt.TopLevelMixin:
        """The chart."""

    @property
    def data(self) -> pd.DataFrame:
        """What is drawn."""


def as_svg(chart: alt.TopLevelMixin, width_mm: float = COLUMN_MM) -> str:
    """A chart as SVG whose size, axes and legend included, is ``width_mm`` across; a unit is a point (1/72 inch)."""
    return str(vl_convert.vegalite_to_svg(_sized(chart, width_mm), config=_CONFIG))


def as_png(chart: alt.TopLevelMixin, width_mm: float = COLUMN_MM) -> bytes:
    """A chart as PNG of 300 dots an inch, ``width_mm`` across."""
    return bytes(vl_convert.vegalite_to_png(_sized(chart, width_mm), config=_CONFIG, ppi=DOTS_PER_INCH))


def figures_as_zip(charts: Iterable[Drawn]) -> bytes:
    """Each chart as SVG, PNG and the CSV of its data, named by its title."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for chart in charts:
            name = file_name(chart.title)
            archive.writestr(f"{name}.csv", chart.data.to_csv(index=False))
            archive.writestr(f"{name}.svg", as_svg(chart.drawn))
            archive.writestr(f"{name}.png", as_png(chart.drawn))
    return buffer.getvalue()


def file_name(title: str) -> str:
    """A title as the name of a file: small letters and figures, joined by hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _sized(chart: alt.TopLevelMixin, width_mm: float) -> dict[str, object]:
    width = width_mm * _POINTS_PER_MM
    sized = chart.properties(width=width, height=width * _SHORT_SIDE, autosize={"type": "fit", "contains": "padding"})
    specification: dict[str, object] = sized.to_dict()
    return specification
