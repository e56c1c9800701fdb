from datetime import date
from pathlib import Path

import pandas as pd
import streamlit as st

from core.evaluation.share_records import PrevalenceRecord, ShareRecord
from core.index import Counts
from core.jobs.job import active_jobs
from core.maintenance.sample import load_sample
from core.models.folder import ModelInfo, list_models, model_name
from core.privacy.retention import reminder
from core.privacy.roles import Action
from core.privacy.study_settings import read_study
from core.statistics.estimate import Estimate
from core.storage.run_record import run_record_of
from core.utils.formatting import count, day, moment, number, percent, percent_interval, plain
from pages.parts.components import in_frame
from pages.parts.index_access import the_store
from pages.parts.sign_in import act, may
from pages.parts.study import cached, the_settings

in_frame()

SETTINGS = the_settings()
LIVE_S = 5.0


def next_step(counts: Counts, models: int, running: int) -> tuple[str, str, str, str]:
    """The one thing to do next: a sentence, the page, the label and the icon of its link."""
    if running:
        return "Something is running in the background.", "pages/jobs.py", "See how far it is", "list_alt"
    if not counts.collected:
        return "Upload a user list, or import posts that you have.", "pages/collect.py", "Collect", "download"
    if not counts.with_posts:
        return "None of the accounts has posts yet.", "pages/collect.py", "Collect", "download"
    if counts.missing:
        return (
            f"{count(counts.missing, 'account')} still to be collected.",
            "pages/collect.py",
            "Go on collecting",
            "download",
        )
    if not counts.labelled:
        return "Give the ages that you know: a CSV of usernames and ages.", "pages/train.py", "Add labels", "label"
    if not models:
        return "Train a model on the labelled accounts.", "pages/train.py", "Train", "model_training"
    if not counts.predicted:
        return "Predict for every collected account.", "pages/results.py", "Predict", "insights"
    return "Everything collected is predicted.", "pages/results.py", "See the results", "insights"


def pipeline(counts: Counts, models: int) -> None:
    """Where the study stands, from left to right."""
    steps = [
        ("Listed", counts.listed, "list_alt", "different accounts on the uploaded user lists"),
        (
            "Collected",
            counts.collected,
            "download_done",
            "accounts that were asked for or imported, whatever came of it: those without posts count as well",
        ),
        ("With posts", counts.with_posts, "article", f"accounts with captions; {number(counts.posts)} posts in all"),
        (
            "Labelled",
            counts.labelled,
            "label",
            f"accounts of known age; {number(counts.labelled_with_posts)} with posts",
        ),
        ("Models", models, "model_training", "trained models"),
        ("Predicted", counts.predicted, "insights", "accounts with a probability, in any run"),
    ]
    with st.grid(6, min_column_width=130):
        for at, (label, value, icon, meaning) in enumerate(steps):
            arrow = "→ " if at else ""
            st.metric(arrow + label, number(value), border=True, icon=f":material/{icon}:", help=meaning)


def show_next(counts: Counts, models: int, running: int) -> None:
    sentence, page, label, icon = next_step(counts, models, running)
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="next"):
        st.markdown(f"**Next** · {sentence}", width="stretch")
        st.page_link(page, label=label, icon=f":material/{icon}:")


def offer_sample() -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="sample"):
        st.markdown(
            "**New here?** The sample is synthetic: invented accounts and captions, with which you can walk the whole "
            "way in five minutes without asking Instagram for anything.",
            width="stretch",
        )
        if st.button("Load the sample", icon=":material/science:"):
            act(Action.MAINTAIN, "loaded the sample")
            load_sample(SETTINGS)
            store.refresh()
            st.rerun()


def show_collected(counts: Counts) -> None:
    from core.reporting import charts  # Altair, which an empty study does not need
    from core.reporting.charts import OUTCOME_NAMES
    from core.reporting.collected_lists import day_clicked, outcome_clicked
    from pages.parts.clicks import BEHIND, clickable_chart
    from pages.parts.collected_list import show_collected_behind

    left, right = st.columns(2)
    with left.container(border=True, height="stretch"):
        st.markdown("**Outcomes**")
        names = {name: OUTCOME_NAMES.get(name, name) for name in counts.outcomes}
        tally = "; ".join(f"{number(found)} {names[name]}" for name, found in counts.outcomes.items())
        clickable_chart(
            charts.stable_spec(charts.clickable(charts.outcomes(counts.outcomes), "outcome")),
            f"Collected accounts by outcome: {tally}",
            "outcomes",
            lambda bar: outcome_clicked(str(bar["outcome"])),
        )
        is_listed = st.query_params.get(BEHIND, "").startswith("outcome")
        st.caption(
            f"{plain(tally)}. {'The accounts are listed below.' if is_listed else 'A click lists the accounts.'}"
        )
        damaged = store.damaged()
        if len(damaged) and may(Action.SEE_ACCOUNTS):
            with st.expander(f"{count(len(damaged), 'file')} could not be read"):
                st.dataframe(damaged, hide_index=True, alt="Files that could not be read, with the reason")
    with right.container(border=True, height="stretch"):
        st.markdown("**Accounts collected per day**")
        per_day = store.collected_per_day()
        if len(per_day) > 1:
            bars = charts.over_time(per_day, "day", "accounts", "accounts")
            clickable_chart(
                charts.stable_spec(charts.clickable(bars, "date")),
                "Accounts collected per day; a click on a day lists them",
                "days",
                lambda bar: day_clicked(str(bar["date"])),
            )
        else:
            accounts = f"All {number(counts.collected)}" if counts.collected > 1 else "The one account"
            st.markdown(f"{accounts} on {day(per_day['day'].iloc[0].to_pydatetime())}.")
    show_collected_behind()


@cached(max_entries=4, show_spinner=False)
def figures_of(
    run: str, version: int, cutoff: float, threshold: float, _model: ModelInfo | None, _details: str | None
) -> tuple[tuple[int, int], str, PrevalenceRecord | str]:
    """How many accounts are at least at the cutoff, of how many; of whom shares are, in words; the corrected share."""
    from core.evaluation.likeness import Likeness  # these here for the reason of show_latest
    from core.evaluation.prevalence import predicted_accounts
    from core.reporting.run_results import Run, RunAtThreshold
    from core.statistics.drift import Drift

    predictions, record = store.all_predictions(run), run_record_of(_details)
    recorded = Drift.recorded(record.drift)
    likeness = Likeness(_model, cutoff, recorded, predicted_accounts(predictions), SETTINGS.accounts_dir)
    gone = record.gone(len(predictions))
    view = RunAtThreshold(Run(run, predictions, _model, cutoff, likeness, gone=gone), threshold)
    said = f"Shares: {view.run.counted_in_words[:1].lower()}{view.run.counted_in_words[1:]}"
    if (everybody := view.known_and_corrected) is not None:
        share = f"{percent(everybody['value'], 1)} ({percent_interval(everybody['low'], everybody['high'])})"
        said += f" Of everybody of known age or with captions, {share} are at least {cutoff:g}."
    return view.counted, said, view.prevalence


def show_latest(latest: pd.Series, models: list[ModelInfo]) -> None:
    """The share that the latest predictions tell, and how good their model is."""
    from core.statistics.metrics import share_interval  # here, so that the first page of all need not wait for scipy

    name = model_name(Path(str(latest["model"])))
    model = next((model for model in models if model.name == name), None)
    cutoff = float(latest["cutoff"]) if pd.notna(latest["cutoff"]) else 21.0
    threshold = float(latest["threshold"]) if pd.notna(latest["threshold"]) else 0.5
    (at_least, counted), of_whom, found = figures_of(
        latest["run"], store.version, cutoff, threshold, model, latest["details"]
    )
    low, high = share_interval(at_least, counted)
    withheld = not isinstance(found, str) and bool(found["withheld"])
    with st.container(border=True):
        created = f" · {moment(latest['created_at'].to_pydatetime())}" if pd.notna(latest["created_at"]) else ""
        st.markdown(f"**Latest predictions** · {count(int(latest['predicted']), 'account')}{created}")
        with st.grid(3):
            st.metric(
                f"Share at least {cutoff:g}, counted",
                percent(at_least / counted if counted else None),
                delta="no estimate of the share" if withheld else f"{percent_interval(low, high)} for sampling alone",
                delta_color="off",
                delta_arrow="off",
            )
            corrected: ShareRecord = {"value": None, "low": None, "high": None, "note": str(found)}
            if not isinstance(found, str):
                corrected = found[found["recommended"]]
            is_known = corrected["value"] is not None
            st.metric(
                "Corrected for the model's errors",
                percent(corrected["value"]) if is_known else "–",
                delta=percent_interval(corrected["low"], corrected["high"])
                if is_known
                else "withheld"
                if withheld
                else "not known",
                delta_color="off",
                delta_arrow="off",
                help=plain(corrected["note"]) if corrected["note"] else None,
            )
            auc = quality(model, cutoff)
            st.metric(
                "Model, AUC",
                number(auc.value, 2) if auc else "–",
                delta=f"{number(auc.low, 2)} to {number(auc.high, 2)}" if auc else "not known",
                delta_color="off",
                delta_arrow="off",
                help="On accounts that it did not learn from.",
            )
        st.caption(plain(of_whom))
        st.page_link("pages/results.py", label="See the results", icon=":material/arrow_forward:")


def quality(model: ModelInfo | None, cutoff: float) -> Estimate | None:
    """The AUC that a model's record holds: of its test where there was one, else of its validation."""
    return model.training.figures.get(f"{cutoff:g}", {}).get("auc") if model else None


def remind_of_the_end(accounts: int) -> None:
    """Say so when the day comes until which the data are kept."""
    if not may(Action.MAINTAIN):
        return
    said = reminder(read_study(SETTINGS), accounts, date.today())
    if said:
        st.warning(said, icon=":material/event_busy:")


@st.fragment(run_every=LIVE_S)
def standing() -> None:
    """Everything that changes while something runs; drawn anew by itself."""
    counts, models = store.counts(), list_models(SETTINGS.models_dir)
    active = active_jobs(SETTINGS.jobs_dir)
    pipeline(counts, len(models))
    if may(Action.MAINTAIN):
        show_next(counts, len(models), len(active))
        if not counts.collected and not active:
            offer_sample()
    remind_of_the_end(counts.collected)
    latest, collected = st.container(), st.container()
    if counts.outcomes:
        with collected:
            show_collected(counts)
    runs = store.runs()
    if len(runs):
        with latest:
            show_latest(runs.iloc[0], models)


def offer_to_rebuild() -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"Study folder: {plain(SETTINGS.data_dir)}", width="content")
        if st.button(
            "Rebuild the index", icon=":material/refresh:", help="The index of the files can be made anew at any time."
        ):
            act(Action.MAINTAIN, "rebuilt the index")
            with st.spinner("Reading every file anew …"):
                store.rebuild()
            st.rerun()


store = the_store()
standing()
if may(Action.MAINTAIN):
    offer_to_rebuild()
