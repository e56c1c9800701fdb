"""The report of a study, section by section."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from core.models.folder import CARD_FILE
from core.reporting.exclusions import flow_chart
from core.reporting.html_report import Section, html_report
from core.reporting.methods_text import NO_ESTIMATE, methods_section
from core.reporting.references import references_in
from core.reporting.run_results import Chart, RunAtThreshold, drift_in_words
from core.reporting.study_facts import StudyFacts, ages_in_words
from core.reporting.subgroup_table import subgroup_table
from core.statistics.metrics import share_interval
from core.storage.run_record import RunRecord
from core.utils.formatting import count, moment, percent, percent_interval


def report(
    view: RunAtThreshold, facts: StudyFacts, record: RunRecord, label_columns: pd.DataFrame | None = None
) -> str:
    """The study as one HTML page; it names no account.

    Args:
        view: the run.
        facts: of the study.
        record: what made the run.
        label_columns: by what labelled accounts are grouped, as the index gives it; None groups none.
    """
    sections = [
        Section(
            "The study", [*facts.in_words(), ages_in_words(view.run.model)], _pairs(facts.counts.outcomes, "outcome")
        ),
        _section(flow_chart(view, facts.counts)),
        Section(f"Share at least {view.cutoff:g}", _share_in_words(view), view.shares),
        *_of_shares(view),
        _section(view.distribution()),
    ]
    if view.judged is not None:
        sections.append(Section("Errors at the threshold", [view.judged.basis], view.errors))
    sections += [_section(chart) for chart in (*view.quality_charts(), *view.error_charts())]
    if label_columns is not None:
        table, left_out = subgroup_table(view, label_columns)
        if len(table):
            sections.append(Section("By groups of accounts", [left_out] if left_out else [], table))
    if view.run.drift is not None:
        title = "Do these accounts look like those that the model learnt from?"
        sections.append(Section(title, drift_in_words(view.run.drift)))
    card = view.run.model.folder / CARD_FILE if view.run.model else None
    if card and card.is_file():
        sections.append(Section("The model", markdown=card.read_text(encoding="utf-8")))
    text = methods_section(view, facts)
    sections.append(Section("For a methods section", [text]))
    sections.append(Section("References", references_in(text)))
    sections.append(Section("How it was predicted", table=_pairs(_settings(view, record), "setting", "value")))
    named = f": {facts.title}" if facts.title else ""
    return html_report(f"Accounts at least {view.cutoff:g}{named}", sections)


def _of_shares(view: RunAtThreshold) -> list[Section]:
    """The estimates as a picture, which here stands below a section of its own title."""
    chart = view.shares_chart()
    return [] if chart is None else [Section("The estimates side by side", chart=chart.drawn, alt=chart.alt)]


def _section(chart: Chart) -> Section:
    return Section(chart.title, chart=chart.drawn, alt=chart.alt)


def _share_in_words(view: RunAtThreshold) -> list[str]:
    at_least, predicted = view.counted
    low, high = share_interval(at_least, predicted)
    counted = percent(at_least / predicted, 1) if predicted else "–"
    text = [
        view.run.counted_in_words,
        f"{at_least:,} of {predicted:,} ({counted}, {percent_interval(low, high)}) are at or above the threshold of "
        f"{view.threshold:.2f}, that is, predicted to be at least {view.cutoff:g}.",
    ]
    if view.band is not None:
        text.append(f"{count(view.counted_uncertain, 'account')} of these lie in the band of uncertainty.")
    if view.withheld:
        text.append(NO_ESTIMATE)
    found = view.prevalence
    said = [found] if isinstance(found, str) else found["warnings"]
    return [*text, *said, view.answer_in_words]


def _settings(view: RunAtThreshold, record: RunRecord) -> dict[str, object]:
    shown = {
        "created at": moment(record.created_at) if record.created_at else None,
        "encoder": record.encoder,
        "precision": record.precision,
        "max seq len": record.max_seq_len,
    }
    known = {name: value for name, value in shown.items() if value is not None}
    band = f"{view.band.low:.2f} to {view.band.high:.2f}" if view.band else "none"
    versions = {f"version of {name}": value for name, value in record.versions.items()}
    return {
        "run": view.run.name,
        "threshold": f"{view.threshold:.2f}",
        "band of uncertainty": band,
        **known,
        **versions,
    }


def _pairs(values: Mapping[str, Any], first: str, second: str = "accounts") -> pd.DataFrame:
    return pd.DataFrame([(key.replace("_", " "), str(value)) for key, value in values.items()], columns=[first, second])
