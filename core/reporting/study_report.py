"""The report of a study, section by section."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from core.index import Counts
from core.models.folder import CARD_FILE
from core.reporting.html_report import Section, html_report
from core.reporting.methods_text import NO_ESTIMATE, methods_section
from core.reporting.run_results import Chart, RunAtThreshold, drift_in_words
from core.statistics.metrics import share_interval
from core.storage.run_record import RunRecord
from core.utils.formatting import count, day, moment, number, percent, percent_interval


def report(view: RunAtThreshold, counts: Counts, record: RunRecord, per_day: pd.DataFrame | None = None) -> str:
    """The study as one HTML page; it names no account.

    Args:
        view: the run.
        counts: where the study stands.
        record: what made the run.
        per_day: how many accounts were collected on which ``day``, in order.
    """
    sections = [
        Section(
            "The study",
            [_study_in_words(counts), *_days_in_words(per_day)],
            _pairs(counts.outcomes, "outcome"),
        ),
        Section(f"Share at least {view.cutoff:g}", _share_in_words(view), view.shares),
        *(_section(chart) for chart in (view.shares_chart(), view.distribution()) if chart is not None),
    ]
    if view.judged is not None:
        sections.append(Section("Errors at the threshold", [view.judged.basis], view.errors))
    sections += [_section(chart) for chart in (*view.quality_charts(), *view.error_charts())]
    if view.run.drift is not None:
        title = "Do these accounts look like those that the model learnt from?"
        sections.append(Section(title, drift_in_words(view.run.drift)))
    card = view.run.model.folder / CARD_FILE if view.run.model else None
    if card and card.is_file():
        sections.append(Section("The model", markdown=card.read_text(encoding="utf-8")))
    sections.append(Section("For a methods section", [methods_section(view)]))
    sections.append(Section("How it was predicted", table=_pairs(_settings(view, record), "setting", "value")))
    return html_report(f"Accounts at least {view.cutoff:g}", sections)


def _section(chart: Chart) -> Section:
    return Section(chart.title, chart=chart.drawn, alt=chart.alt)


def _study_in_words(counts: Counts) -> str:
    return (
        f"{count(counts.listed, 'account')} listed, {number(counts.collected)} collected, "
        f"{number(counts.with_posts)} with captions ({count(counts.posts, 'post')} in all), "
        f"{number(counts.labelled)} with a known age."
    )


def _days_in_words(per_day: pd.DataFrame | None) -> list[str]:
    if per_day is None or per_day.empty:
        return []
    first, last = (day(per_day["day"].iloc[at].to_pydatetime()) for at in (0, -1))
    return [f"Collected on {first}." if first == last else f"Collected from {first} to {last}."]


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
    return [*text, found] if isinstance(found, str) else [*text, *found["warnings"]]


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
