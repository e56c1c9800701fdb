"""The report: complete in itself, safe, and with the figures that were given."""

import re

import pandas as pd

from core.reporting import charts
from core.reporting.html_report import Section, html_report

COUNTS = charts.histogram(pd.DataFrame({"probability": [0.1, 0.9, 0.9], "age": [15, 30, None]}), 21)


def test_it_needs_nothing_else_and_runs_nothing() -> None:
    chart = charts.probabilities(COUNTS, 21, 0.5, (0.4, 0.6))
    page = html_report("A study", [Section("Probabilities", chart=chart, alt="Accounts by probability")])
    assert "<svg" in page and 'aria-label="Accounts by probability"' in page
    assert "<script" not in page
    assert not re.search(r"""(src|href)\s*=\s*["'](?!#)(https?:)?//""", page)


def test_what_people_wrote_stays_text() -> None:
    hostile = '<img src=x onerror="alert(1)">'
    sections = [
        Section(hostile, [hostile], pd.DataFrame({hostile: [hostile]})),
        Section("Card", markdown=f"# Model\n\n{hostile}\n\n[x](javascript:alert(1))"),
    ]
    page = html_report(hostile, sections)
    assert "<img" not in page
    assert 'href="javascript' not in page
    assert page.count("&lt;img") >= 5


def test_tables_and_text_are_there() -> None:
    table = pd.DataFrame({"what": ["counted", "corrected"], "share": ["62 %", None]})
    page = html_report("A study", [Section("Share", ["An estimate."], table)])
    assert "<p>An estimate.</p>" in page
    assert "<td>62 %</td>" in page and "<td>–</td>" in page
