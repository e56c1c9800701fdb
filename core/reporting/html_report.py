"""A whole study as one HTML file that needs nothing else, prints well, and names no account."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import altair as alt
import pandas as pd
import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup

from core import __version__
from core.utils.formatting import moment

_CHART_WIDTH = 640
_CONFIG = {
    "font": "sans-serif",
    "background": "white",
    "axis": {"labelFontSize": 11, "titleFontSize": 12, "titleFontWeight": "normal", "gridColor": "#E3EAEA"},
    "view": {"stroke": None},
    "legend": {"titleFontWeight": "normal"},
}


@dataclass(frozen=True)
class Section:
    """A part of the report.

    Attributes:
        title: its heading.
        text: paragraphs of plain text.
        table: a small table.
        chart: an Altair chart.
        alt: what the chart shows, for those who cannot see it.
        markdown: Markdown of ours, such as a model card; HTML in it is shown, not run.
    """

    title: str
    text: list[str] = field(default_factory=list)
    table: pd.DataFrame | None = None
    chart: alt.TopLevelMixin | None = None
    alt: str = ""
    markdown: str = ""


def html_report(title: str, sections: list[Section], made_at: datetime | None = None) -> str:
    """The report as HTML; charts are drawn into it as SVG, and no script is in it."""
    environment = Environment(
        loader=PackageLoader("core.reporting", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"svg": svg, "rows": _rows, "markdown": _markdown}
    return environment.get_template("report.html").render(
        title=title, sections=sections, version=__version__, made_at=moment(made_at or datetime.now(UTC))
    )


def svg(chart: alt.TopLevelMixin) -> Markup:
    """A chart as SVG; its texts are escaped by the renderer."""
    specification = chart.properties(width=_CHART_WIDTH).to_dict()
    drawn: str = vl_convert.vegalite_to_svg(specification, config=_CONFIG)
    return Markup(drawn)  # noqa: S704


def _rows(table: pd.DataFrame) -> list[list[Any]]:
    return [["–" if pd.isna(cell) else cell for cell in row] for row in table.itertuples(index=False)]


def _markdown(text: str) -> Markup:
    return Markup(MarkdownIt("commonmark", {"html": False}).enable("table").render(text))  # noqa: S704
