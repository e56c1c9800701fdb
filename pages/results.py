import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from core.encoder.devices import devices
from core.errors import InputError
from core.evaluation.audit import AUDIT_FILE
from core.evaluation.evaluate import arrays
from core.evaluation.groups import columns_with_groups
from core.evaluation.holdout import HoldoutSet
from core.evaluation.likeness import Likeness
from core.evaluation.prevalence import predicted_accounts
from core.evaluation.share_records import PrevalenceRecord
from core.jobs.job import Job, active_jobs
from core.models.folder import TEST_FILE, UNSEEN_FILE, VALIDATION_FILE, ModelInfo, list_models, model_name
from core.prediction.arguments import PredictArguments
from core.privacy.roles import Action
from core.reporting import charts
from core.reporting.account_lists import (
    AccountFilter,
    Label,
    accounts_passing,
    bar_clicked,
    bin_clicked,
    cell_clicked,
    errors_in_words,
)
from core.reporting.exclusions import flow_chart
from core.reporting.group_tables import group_differences, group_shares
from core.reporting.methods_text import methods_with_references
from core.reporting.run_comparison import RunComparison, compare, with_method
from core.reporting.run_results import CALIBRATION, Chart, Run, RunAtThreshold, baselines
from core.reporting.study_facts import study_facts
from core.reporting.subgroup_table import subgroup_table
from core.statistics.drift import Drift
from core.statistics.estimate import Estimate
from core.statistics.metrics import accuracy_interval, metrics, share_interval
from core.storage.listed import read_named_list
from core.storage.own_names import called
from core.storage.predictions_file import cutoffs_file, predictions_in, read_cutoff
from core.storage.run_record import RunRecord, run_record_of
from core.utils.formatting import count, moment, number, percent, percent_with_interval, plain
from pages.parts.account_lists import OPENED, behind, list_accounts, opens_here, show_behind
from pages.parts.audit import show_audit
from pages.parts.clicks import BEHIND, clickable_chart
from pages.parts.components import (
    choose_in_address,
    chosen_in,
    empty_state,
    folded_on_phones,
    in_frame,
    table_key,
    tabs_in_address,
    unfold_on_phones,
)
from pages.parts.index_access import the_store
from pages.parts.job_widgets import command_to_copy, draw_progress, start_job
from pages.parts.own_names import edit_own_name, show_removed
from pages.parts.results_details import show_account, show_downloads, show_drift
from pages.parts.sign_in import may
from pages.parts.study import cached, kept, the_settings

in_frame()

SETTINGS = the_settings()
MOST_POINTS = 5_000
YOUNGEST, OLDEST = 5, 120
NO_FILTERS: dict[str, Any] = {
    "find": "",
    "result_label": "any",
    "between": (0.0, 1.0),
    "age_from": None,
    "age_to": None,
    "wrong": False,
}
"""What each field holds while it lets every account pass."""
CARD_WIDTH = 150
ENOUGH_FOR_A_BAND = 150
"""Labelled accounts; of fewer the band of uncertainty hangs on one or two of them."""
COUNTS_WIDTHS = (98, 128, 128)
"""Of the columns of the confusion: all three stand on a phone."""
NARROW = """<style>
.st-key-shares :is(td:nth-child(2), td:nth-child(3)) * { white-space: nowrap; }
@media (max-width: 640px) {
  [data-testid=stMetricValue] { font-size: 1.15rem; }
  [data-testid=stMetric] p { white-space: normal !important; }
  [data-testid=stMetric] > div { padding: 0.6rem; }
  .st-key-shares tr { display: grid; grid-template-columns: 1fr auto auto; }
  .st-key-shares th:nth-child(n + 4) { display: none; }
  .st-key-shares td:nth-child(n + 4) { grid-column: 1 / -1; border: none; padding-top: 0; font-size: 0.75rem; }
  .st-key-compared table { font-size: 0.75rem; }
}
</style>"""
"""On a phone two figures fit in a row; of whom a share is, and what is to say of it, stands below its interval."""
LABELS: dict[Label, str] = {
    "any": "any",
    "labelled": "known",
    "unlabelled": "not known",
    "at_least": "at least",
    "under": "under",
}
store = the_store()


def predict_now(models: Sequence[ModelInfo], busy: bool) -> None:
    """Choose a model and predict for every account of the study, in the background."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        model = st.selectbox("Model", models, format_func=lambda model: model.title, key="model", width=320)
        usable = [device.name for device in devices() if device.available]
        lists = choose_lists("predict_for")
        device = st.segmented_control("Device", usable, default=usable[-1], key="predict_device", required=True)
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        name = re.sub(r"^\d{8}-\d{6}-", "", model.name)  # when it was made says nothing of these predictions
        output = SETTINGS.predictions_dir / f"{stamp}-{name}"[:100] / "predictions.csv"
        arguments = PredictArguments(
            SETTINGS.accounts_dir,
            finetuned_model_path=model.folder,
            prediction_output_file=output,
            user_file=list_files(lists),
            device=device,
        )
        if st.button("Predict now", type="primary", icon=":material/insights:", disabled=busy):
            start_job("predict", f"Prediction with {model.name}", arguments.to_argv(), [output])
            st.rerun()
        command_to_copy(arguments)


def offer_the_newest(models: Sequence[ModelInfo], runs: pd.DataFrame) -> bool:
    """Where a model was made after all predictions, say so and offer to predict with it; whether that is so."""
    newest = max(models, key=lambda model: model.training.created_at, default=None)
    if newest is None or predictions_under_way() or not may(Action.PREDICT):
        return False
    predicted_at = runs["created_at"].dropna().dt.tz_localize(UTC)
    if predicted_at.empty or predicted_at.max() > newest.training.created_at:
        return False
    with st.container(border=True, key="newest"):
        st.markdown(f"**{plain(newest.title)}** is newer than all predictions. What stands below is of another model.")
        predict_now(models, busy=False)
    return True


def predictions_under_way() -> list[Job]:
    return [job for job in active_jobs(SETTINGS.jobs_dir) if job.record.kind == "predict"]


def wait_for_predictions() -> None:
    """Look often while a prediction runs, else seldom: two runs after it was made, Streamlit throws a download away."""
    st.fragment(follow_predictions, run_every=2.0 if predictions_under_way() else 10.0)()


def follow_predictions() -> None:
    """Follow a prediction that runs, and show its results as soon as they are there."""
    active = predictions_under_way()
    if st.session_state.get("predicting") and not active:
        st.session_state.predicting = False
        st.session_state.predicted = st.session_state.get("predicted", 0) + 1  # closes what "Predict again" opened
        store.refresh()
        show_the_latest()
        st.rerun()
    st.session_state.predicting = bool(active)
    for job in active:
        draw_progress(job)


def show_the_latest() -> None:
    """Forget which run was chosen, and its threshold."""
    for key in ("run", "threshold", "cutoff"):
        st.session_state.pop(key, None)
    st.query_params.pop("run", None)


@kept(max_entries=4, show_spinner="Reading the predictions …")
def read_run(
    name: str,
    version: int,
    cutoff: float,
    _model: ModelInfo | None,
    made_at: str,
    audit: bytes | None,
    lists: tuple[str, ...],
    _record: RunRecord,
) -> Run:
    """What does not depend on the threshold: shared by all who look at the run, and changed by nobody."""
    predictions, own = store.all_predictions(name), _record.age_cutoff or cutoff
    likeness = Likeness(
        _model, own, Drift.recorded(_record.drift), predicted_accounts(predictions), SETTINGS.accounts_dir
    )
    run = Run(name, predictions, _model, own, likeness, audit, gone=_record.gone(len(predictions)))
    if cutoff != own:
        run = run.at_cutoff(cutoff, read_cutoff(predictions_of(name), cutoff))
    return run.of_list(read_named_list(list_files(lists)), SETTINGS.accounts_dir) if lists else run


def predictions_of(run: str) -> Path:
    """The predictions file of a run."""
    return predictions_in(SETTINGS.predictions_dir / run)


def list_files(lists: Iterable[str]) -> tuple[Path, ...]:
    """The files of lists and imports, by their names."""
    places = ((SETTINGS.imports_dir / f"{name}.csv", SETTINGS.lists_dir / f"{name}.csv") for name in lists)
    return tuple(imported if imported.is_file() else listed for imported, listed in places)


def choose_lists(key: str) -> tuple[str, ...]:
    """Of whom a share is meant: of lists and imports of the study, put together, or of everybody."""
    folders = (SETTINGS.lists_dir, SETTINGS.imports_dir)
    saved = [name for folder in folders for name in sorted(path.stem for path in folder.glob("*.csv"))]
    if not saved:
        return ()
    return tuple(
        st.multiselect(
            "Of whom",
            saved,
            key=key,
            placeholder="all accounts",
            width=320,
            help="A share is of the accounts of a list or an import, or of several put together. Without one it is of "
            "everybody that was collected or imported.",
        )
    )


@cached(max_entries=8, show_spinner="Computing intervals …")
def measured(labelled: pd.DataFrame) -> dict[str, Estimate]:
    """What does not depend on the threshold."""
    return metrics(*arrays(labelled.assign(prediction=float("nan"))))


def draw(chart: Chart, clicked: Callable[[Mapping[str, Any]], str] | None = None) -> None:
    """A chart in its card; with ``clicked``, a click on a mark puts what that makes of it into the address."""
    with st.container(border=True):
        st.markdown(f"**{chart.title}**")
        specification = charts.stable_spec(chart.drawn)
        if clicked is None:
            st.vega_lite_chart(specification, alt=chart.alt)
        else:
            clickable_chart(specification, chart.alt, chart.title, clicked)


def show_figures(view: RunAtThreshold) -> None:
    """The most important numbers first: the share, counted and corrected, and how sure the model is."""
    found = view.prevalence
    with st.grid(4, min_column_width=CARD_WIDTH):
        show_counted_share(view)
        show_corrected_share(view)
        show_uncertain(view)
        show_accuracy(view)
    with folded_on_phones("of_whom"):
        st.caption(plain(f"Shares: {decapitalize(view.run.counted_in_words)} {errors_known_from(found, view.cutoff)}"))
    if (everybody := view.known_and_corrected) is not None:
        share = percent_with_interval(everybody["value"], everybody["low"], everybody["high"], 1)
        st.markdown(plain(f"Of everybody of known age or with captions, {share} are at least {view.cutoff:g}."))
    for warning in [] if isinstance(found, str) else found["warnings"]:
        st.warning(plain(warning))
    if view.withheld and may(Action.SEE_ACCOUNTS):  # a viewer has no such pages
        show_ways_out()


def show_counted_share(view: RunAtThreshold) -> None:
    at_least, predicted = view.counted
    low, high = share_interval(at_least, predicted)
    st.metric(
        f"Share at least {view.cutoff:g}, counted",
        percent_with_interval(at_least / predicted if predicted else None, low, high, 0),
        border=True,
        delta="no estimate of the share" if view.withheld else None,
        delta_color="off",
        delta_arrow="off",
        help=f"{number(at_least)} of {count(predicted, 'account')} at or above the threshold. The interval is "
        "that of sampling alone; the model's errors come on top.",
    )


def show_corrected_share(view: RunAtThreshold) -> None:
    corrected = view.corrected
    why_not = view.prevalence if isinstance(view.prevalence, str) else None
    note = plain(corrected["note"] or "The tab Share has all estimates, and says which this is.") if corrected else None
    st.metric(
        "Corrected for the model's errors",
        percent_with_interval(corrected["value"], corrected["low"], corrected["high"], 0) if corrected else "–",
        border=True,
        help=why_not or note,
    )


def show_uncertain(view: RunAtThreshold) -> None:
    _, predicted = view.counted
    told = "No band reaches the accuracy that is asked for, or no labelled account can tell."
    if view.band and view.judged:
        accuracy = percent_with_interval(view.band.accuracy, view.band.accuracy_low, view.band.accuracy_high, 0)
        told = (
            f"Between {view.band.low:.2f} and {view.band.high:.2f}. Outside of it {accuracy} of the labelled "
            f"accounts are right; only {number(len(view.judged.table))} tell, so the band can jump."
        )
    share = percent(view.counted_uncertain / predicted) if view.band and predicted else "–"
    few = len(view.judged.table) if view.judged and view.band else ENOUGH_FOR_A_BAND
    st.metric(
        "Uncertain",
        share,
        border=True,
        delta=f"told by {count(few, 'account')}: may jump" if few < ENOUGH_FOR_A_BAND else None,
        delta_color="off",
        delta_arrow="off",
        help=told,
    )


def show_accuracy(view: RunAtThreshold) -> None:
    hits, accounts = view.judged.right_at(view.threshold) if view.judged else (0, 0)
    low, high = accuracy_interval(hits, accounts)
    st.metric(
        "Accuracy",
        percent_with_interval(hits / accounts if accounts else None, low, high, 0),
        border=True,
        delta="threshold chosen by these accounts" if view.judged and view.is_moved else None,
        delta_color="off",
        delta_arrow="off",
        help=f"{number(hits)} of {number(accounts)} right. {view.judged.basis}"
        if view.judged
        else "No labelled account was kept from training, so nobody knows.",
    )


def show_ways_out() -> None:
    """Where labels of the accounts that the share is about are made and used."""
    st.page_link("pages/label.py", label="Label a random sample of these accounts", icon=":material/edit_note:")
    st.page_link("pages/train.py", label="Train on labelled accounts of this kind", icon=":material/model_training:")


def errors_known_from(found: PrevalenceRecord | str, cutoff: float) -> str:
    """On how many accounts that were kept aside the correction's error rates rest, or why there is no correction."""
    if isinstance(found, str):
        return found
    rates = found["error_rates"]
    at_least, under = rates["labelled_at_least"], rates["labelled_under"]
    part = {TEST_FILE: "testing", VALIDATION_FILE: "choosing"}.get(found["error_rates_from"], "testing or choosing")
    corrected = found[found["recommended"]]
    told = f"kept aside for {part} it"
    if found["error_rates_from"] == UNSEEN_FILE:
        told = "each told by a model that had not seen it"
    return (
        f"The correction knows the model's errors from {count(at_least + under, 'labelled account')}, {told}: "
        f"{number(at_least)} at least {cutoff:g}, {number(under)} under."
    ) + (
        f" There is no corrected share: {(corrected['note'] or '').rstrip('.')}."
        if corrected["value"] is None and not found["withheld"]  # then a warning says why
        else ""
    )


def decapitalize(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def show_quality(view: RunAtThreshold, judged: HoldoutSet) -> None:
    """How good the model is, at the threshold and over all of them."""
    st.caption(f"{plain(judged.basis)} Intervals are 95 %.")
    figures = measured(judged.table)
    with st.grid(4, min_column_width=CARD_WIDTH):
        st.metric("AUC", figures["auc"].in_words(2), border=True)
        st.metric("Average precision", figures["average_precision"].in_words(2), border=True)
        st.metric(
            "Calibration error",
            figures["calibration_error"].in_words(2),
            border=True,
            help=plain(figures["calibration_error"].note or ""),
        )
        st.metric(
            "Right by guessing",
            number(figures["majority_share"].value, 2),
            border=True,
            help="The majority share: how often one is right who always says the side that has more accounts.",
        )
    st.markdown("**At the threshold**")
    show_confusion(view)
    show_baselines(view)
    drawn = [*view.quality_charts(), *view.error_charts()]
    for left, right in zip(drawn[::2], [*drawn[1::2], None], strict=False):
        columns = st.columns(2)
        for column, chart in zip(columns, (left, right), strict=True):
            if chart:
                with column:
                    draw(chart, (lambda dot: bin_clicked(int(dot["bin"]))) if chart.title == CALIBRATION else None)
        if CALIBRATION in {chart.title for chart in (left, right) if chart}:
            show_behind(view, "calibration")
    show_subgroups(view)


def show_subgroups(view: RunAtThreshold) -> None:
    """The figures of every group of accounts that is large enough."""
    st.markdown("**By groups of accounts**")
    table, left_out = subgroup_table(view, store.label_columns())
    if table.empty:
        st.caption(plain(left_out) or "No labelled accounts of these predictions, or none in groups large enough.")
        return
    shown = table[["accuracy", "AUC", "sensitivity", "specificity", "accounts"]].copy()
    shown.insert(0, "group", table["by"] + ": " + table["group"])
    st.dataframe(
        shown,
        hide_index=True,
        column_config={"group": st.column_config.TextColumn(width=150)},
        alt="Figures by language, captions used and columns of the labels file",
    )
    st.caption(plain(f"{left_out} Many groups are compared: one interval in twenty misses by chance.".strip()))


def show_confusion(view: RunAtThreshold) -> None:
    """The confusion at the threshold; a click on one of its four counts lists the accounts."""
    key, errors = table_key("confusion"), view.errors
    counts = errors.iloc[:, :3]
    st.dataframe(
        counts,
        hide_index=True,
        on_select=lambda: take_cell(key, view),
        selection_mode="single-cell",
        key=key,
        width="content",
        column_config={
            str(name): st.column_config.Column(str(name).replace("predicted", "pred."), width=width)
            for name, width in zip(counts, COUNTS_WIDTHS, strict=True)
        },
        alt="Confusion at the threshold; a click on a count lists its accounts",
    )
    rates = [f"{row['in error']} of those {row['label']} ({row['95 % interval']})" for row in errors.to_dict("records")]
    st.caption(plain(f"Wrong: {'; '.join(rates)}. A click on a count lists its accounts."))
    show_behind(view, "confusion")


def take_cell(key: str, view: RunAtThreshold) -> None:
    """Put the count that was clicked into the address."""
    chosen = chosen_in(key)
    for row, column in chosen.cells if chosen else ():
        predicted = [*view.errors.columns].index(column) - 1
        if predicted in (0, 1):
            st.query_params[BEHIND] = cell_clicked(row, predicted)


def show_baselines(view: RunAtThreshold) -> None:
    """The model beside the baselines that learnt from the same accounts."""
    st.markdown("**Beside the baselines**")
    table = baselines(view.run.model, view.cutoff) if view.run.model else pd.DataFrame()
    if table.empty:
        st.caption("Train with *compare all* to have the model measured beside the baselines, on the same accounts.")
        return
    st.dataframe(table, hide_index=True, alt="This model and the baselines, on the same accounts")


def show_accounts(view: RunAtThreshold) -> None:
    """The accounts of the run by probability, and one by one; a click opens what speaks for its probability."""
    if not may(Action.SEE_ACCOUNTS):
        show_distribution(view)
        st.info("Single accounts are for the operators of this study.")
        return
    asked, found = st.query_params.get("why"), behind(view)
    is_behind = found is not None and found.figure == "probability" and opens_here(found)
    by_address = asked != st.session_state.get(OPENED)
    if asked and by_address and not is_behind:  # whoever followed a link sees the answer first
        show_account(asked, view)
    show_distribution(view)
    chosen = choose_accounts()
    accounts = accounts_passing(view, chosen)
    if asked and not by_address and not is_behind:
        show_account(asked, view)
    if few := view.too_few_in_words:
        st.caption(plain(few))
    if of_whom := errors_in_words(view, chosen):
        st.caption(plain(of_whom))
    if accounts.empty:
        st.info("No account passes these filters.")
        return
    st.markdown(f"**{count(len(accounts), 'account')}** · click one to see which of its captions moved its probability")
    list_accounts(view, accounts, "predictions")


def choose_accounts() -> AccountFilter:
    """Which accounts to list; all of it stands in the address."""
    with folded_on_phones("filters"), st.container(horizontal=True, vertical_alignment="bottom"):
        username = st.text_input("Account", key="find", bind="query-params", width=180)
        label = st.selectbox(
            "Known age",
            LABELS,
            format_func=lambda it: LABELS[it],
            key="result_label",
            width=150,
            bind="query-params",
        )
        between = st.slider("Probability", 0.0, 1.0, (0.0, 1.0), 0.01, key="between", width=260, bind="query-params")
        first, last = (
            st.number_input(
                name,
                YOUNGEST,
                OLDEST,
                None,
                key=key,
                placeholder="any",
                width=130,
                bind="query-params",
                help="in years",
            )
            for name, key in (("Age from", "age_from"), ("Age to", "age_to"))
        )
        wrong = st.toggle("Only where known age and prediction differ", key="wrong", bind="query-params")
        if any(st.session_state.get(key, nothing) != nothing for key, nothing in NO_FILTERS.items()):
            st.button("Clear filters", icon=":material/filter_alt_off:", type="tertiary", on_click=clear_filters)
    ages = None if first is None and last is None else (first or YOUNGEST, last or OLDEST)
    return AccountFilter(username, label, between, ages, wrong)


def clear_filters() -> None:
    """Let every account pass again; the address follows."""
    st.session_state.update(NO_FILTERS)


def show_distribution(view: RunAtThreshold) -> None:
    """The accounts by probability: those that made the model flatter it, and are shown on request alone."""
    are_known = not view.run.is_new.all() and bool(view.run.is_new.any())
    everybody = are_known and st.toggle(
        "With the accounts that made the model",
        key="everybody",
        bind="query-params",
        help="The model learnt from them, was chosen by them or tested on them; it parts them better than others.",
    )
    draw(
        view.distribution(everybody),
        lambda bar: bar_clicked(float(bar["start"]), str(bar["group"]), view.cutoff),
    )
    st.caption("A click on a bar lists its accounts; the fields below choose from the list alone.")
    show_behind(view, "probability")


def show_groups(view: RunAtThreshold, lists: tuple[str, ...]) -> None:
    """The groups of a column of the lists, or the lists themselves, side by side."""
    columns = columns_with_groups(list_files(lists))
    if not columns:
        return
    by = st.selectbox("Groups side by side", columns, index=None, key="by", placeholder="none", width=320)
    if by is None:
        return
    found = view.groups(list_files(lists), by)
    st.dataframe(
        group_shares(found),
        hide_index=True,
        placeholder="",
        alt="Shares of the groups with intervals",
        column_order=["group", "corrected", "counted", "accounts", "listed", "note"],
    )
    st.markdown("**Differences**")
    st.dataframe(group_differences(found), hide_index=True, placeholder="", alt="Differences of the groups' shares")


def show_shares(view: RunAtThreshold, lists: tuple[str, ...]) -> None:
    """Every estimate of the share, whom it is about, and what to write of it."""
    st.markdown(f"The share of accounts at least {view.cutoff:g}. {plain(view.run.counted_in_words)}")
    if (chart := view.shares_chart()) is not None:
        draw(chart)
    with st.container(key="shares"):
        st.table(view.shares.fillna("").astype(str).map(plain), hide_index=True)
    st.caption(plain(view.answer_in_words))
    show_groups(view, lists)
    facts = study_facts(store, SETTINGS)
    with st.expander("Text for a methods section", icon=":material/edit_note:"):
        st.code(methods_with_references(view, facts), language=None, wrap_lines=True)
    with st.expander("Flow of accounts", icon=":material/account_tree:"):
        draw(flow_chart(view, facts.counts))


def show_comparison(view: RunAtThreshold, names: list[str]) -> None:
    """Where another run disagrees, and which of the two was better on accounts that made neither."""
    others = [name for name in names if name != view.run.name]
    if not others:
        st.info("There is only one prediction run. Predict with another model to compare the two.")
        return
    other = choose_of_runs("Compare with", others, "other", names)
    titles = titles_of_runs(names)
    table = both_runs(view, other)
    if table is None:
        st.info(f"{plain(titles[other])} does not tell who is at least {view.cutoff:g}, so the two cannot be compared.")
        return
    if table.empty:
        st.info("No account has a probability in both runs.")
        return
    threshold = threshold_of_run(other, view.cutoff)
    differ = table[(table["first"] >= view.threshold) != (table["second"] >= threshold)]
    st.markdown(
        f"**{count(len(differ), 'account')} of {number(len(table))}** fall on different sides of the threshold "
        f"({percent(len(differ) / len(table), 1)}), each run at its own. The correlation of the probabilities is "
        f"{number(table['first'].corr(table['second']), 2)}."
    )
    both = (view.run.name, view.run.model), (other, model_of(other))
    called_both = [with_method(titles[run], model) for run, model in both]
    show_which_is_better(view, table, threshold, (called_both[0], called_both[1]))
    if may(Action.SEE_ACCOUNTS):
        show_furthest_apart(view, table, (titles[view.run.name], titles[other]))


def both_runs(view: RunAtThreshold, other: str) -> pd.DataFrame | None:
    """Accounts with a probability in both runs at the cutoff: username, first, second, age; None where one lacks it."""
    second = store.all_predictions(other)
    row = runs[runs["run"] == other].iloc[0]
    if pd.notna(row["cutoff"]) and float(row["cutoff"]) != view.cutoff:
        try:
            second["probability"] = second["username"].map(read_cutoff(predictions_of(other), view.cutoff))
        except InputError:
            return None
    joined = view.run.predictions[["username", "probability", "age"]].merge(
        second[["username", "probability"]], on="username", suffixes=("_first", "_second")
    )
    table = joined.rename(columns={"probability_first": "first", "probability_second": "second"})
    table = table.dropna(subset=["first", "second"])[["username", "first", "second", "age"]]
    return table.iloc[(table["second"] - table["first"]).abs().argsort(kind="stable")[::-1]]


def model_of(run: str) -> ModelInfo | None:
    """The model of a run; None where it is gone."""
    name = model_name(Path(str(runs.set_index("run").loc[run, "model"])))
    return next((model for model in models if model.name == name), None)


def threshold_of_run(run: str, cutoff: float) -> float:
    """The threshold of a run's own model at a cutoff."""
    row = runs[runs["run"] == run].iloc[0]
    own = float(row["cutoff"]) if pd.notna(row["cutoff"]) else cutoff
    return threshold_of(row, model_of(run), own, cutoff)


@cached(max_entries=8, show_spinner="Computing intervals …")
def compared(
    known: pd.DataFrame, cutoff: float, thresholds: tuple[float, float], names: tuple[str, str]
) -> RunComparison | None:
    """See :func:`compare`."""
    return compare(known, cutoff, thresholds, names)


def show_which_is_better(view: RunAtThreshold, table: pd.DataFrame, threshold: float, names: tuple[str, str]) -> None:
    """Both side by side on the labelled accounts that made neither model."""
    made = {username for run in (view.run.model, model_of(st.session_state.other)) if run for username in run.made_from}
    known = table[table["age"].notna() & ~table["username"].isin(made)]
    known = known.sort_index()  # in the order of the run, so that intervals are those of the other tabs
    found = compared(known, view.cutoff, (view.threshold, threshold), names)
    if found is None:
        st.info("No labelled accounts on both sides of the cutoff made neither model, so none can be called better.")
        return
    st.markdown(f"**{plain(found.verdict)}** On {count(len(known), 'labelled account')} that made neither model.")
    with st.container(key="compared"):
        st.table(found.table.map(plain).rename(columns=plain), hide_index=True)
    test = found.test
    st.caption(
        f"Only the first is right on {number(test.only_first_right)}, only the second on "
        f"{number(test.only_second_right)} (McNemar's test, {test.method}: p = {test.p_value:.2g}). "
        "A difference is the second less the first; intervals are 95 %."
    )


def show_furthest_apart(view: RunAtThreshold, table: pd.DataFrame, titles: tuple[str, str]) -> None:
    """The accounts of which the two runs say the most different things; ``titles`` are what the runs are called."""
    shown = table if len(table) <= MOST_POINTS else table.sample(MOST_POINTS, random_state=0)
    left, right = st.columns(2)
    left.altair_chart(
        charts.disagreement(shown, view.cutoff, titles),
        alt="Accounts by the probabilities of both runs",
    )
    right.markdown("**Furthest apart**")
    right.caption(plain(f"first: {titles[0]}; second: {titles[1]}"))
    right.dataframe(
        table.head(200),
        hide_index=True,
        placeholder="–",
        alt="Accounts on which the two runs differ most",
        column_config={
            "username": st.column_config.TextColumn("account", width=132),
            "first": st.column_config.NumberColumn("first", format="%.3f", width=70, help=titles[0]),
            "second": st.column_config.NumberColumn("second", format="%.3f", width=70, help=titles[1]),
            "age": st.column_config.NumberColumn("known age", width=86, help="in years"),
        },
    )


@st.fragment
def results(run: str, about: pd.Series, model: ModelInfo | None, names: list[str], lists: tuple[str, ...]) -> None:
    """Everything that the threshold moves; in a fragment, so that only this is drawn anew."""
    own = float(about["cutoff"]) if pd.notna(about["cutoff"]) else 21.0
    with folded_on_phones("threshold_chosen"), st.container(horizontal=True, gap="large", vertical_alignment="bottom"):
        cutoff = choose_cutoff(run, model, own)
        threshold, wanted, fewest = choose_threshold(threshold_of(about, model, own, cutoff), cutoff)
    made_at = str(model.training.created_at) if model else "gone"
    record = run_record_of(about["details"])
    kept_at = audit_file(run, lists)
    audit = kept_at.read_bytes() if kept_at.is_file() else None
    try:
        read = read_run(run, store.version, cutoff, model, made_at, audit, lists, record)
    except InputError as error:
        st.warning(plain(error))
        return
    view = RunAtThreshold(read, threshold, wanted, fewest)
    show_figures(view)
    show_tabs(view, names, record, kept_at, lists)


def choose_cutoff(run: str, model: ModelInfo | None, own: float) -> float:
    """The age in question: any that the model knows, where the run has the probabilities of all."""
    known = model.settings.age_cutoffs if model else ()
    if own not in known or len(known) < 2:
        return own
    if not cutoffs_file(predictions_of(run)).is_file():
        st.caption("The model knows further cutoffs, of which these predictions say nothing: predict again for them.")
        return own
    if st.session_state.get("cutoff", own) not in known:  # of another run
        st.session_state.cutoff = own
    return float(
        st.select_slider(
            "Cutoff",
            known,
            own,
            format_func=lambda cutoff: f"{cutoff:g}",
            key="cutoff",
            width=260,
            bind="query-params",
            on_change=lambda: st.session_state.pop("threshold", None),
            help="The model knows all of these, each with a threshold and error rates of its own.",
        )
    )


def threshold_of(about: pd.Series, model: ModelInfo | None, own: float, cutoff: float) -> float:
    """The model's own threshold at a cutoff."""
    if cutoff == own or model is None:
        return own_threshold(about)
    return model.settings.thresholds[model.settings.age_cutoffs.index(cutoff)]


def choose_threshold(its_own: float, cutoff: float) -> tuple[float, float, int]:
    """The threshold, the accuracy wanted outside of the band, and the fewest captions that tell anything."""
    threshold = st.slider(
        "Threshold",
        0.0,
        1.0,
        its_own,
        0.01,
        key="threshold",
        bind="query-params",
        help=f"Predicted at least {cutoff:g} from here on.",
        width=360,
    )
    with st.popover("Who is uncertain", icon=":material/tune:"):
        wanted = st.slider(
            "Sure enough from",
            0.5,
            0.99,
            0.9,
            0.01,
            key="wanted",
            bind="query-params",
            help="The accuracy wanted: accounts too near to the threshold to be right that often are called uncertain.",
            width=360,
        )
        fewest = st.number_input(
            "Least captions",
            1,
            100,
            3,
            key="fewest",
            bind="query-params",
            help="With fewer captions an account is called by neither side: one caption tells little.",
            width=130,
        )
    return threshold, wanted, int(fewest)


def show_tabs(
    view: RunAtThreshold, names: list[str], record: RunRecord, audit_kept_at: Path, lists: tuple[str, ...]
) -> None:
    """One tab is open, and only that one is computed."""
    tabs = tabs_in_address(["Accounts", "How good", "Share", "Compare", "Download"], "view")
    accounts, good, share, compare, download = tabs
    if accounts.open:
        with accounts:
            show_accounts(view)
    if good.open:
        with good:
            if view.judged:
                show_quality(view, view.judged)
            else:
                st.info("No labelled account was kept from training, so nothing says how good the model is on others.")
    if share.open:
        with share:
            show_shares(view, lists)
            if record.age_cutoff in (None, view.cutoff):
                show_audit(view, audit_kept_at)
            else:
                st.caption(f"An audit sample belongs to the cutoff of these predictions, {record.age_cutoff:g}.")
            show_drift(view)
    if compare.open:
        with compare:
            show_comparison(view, names)
    if download.open:
        with download:
            show_downloads(view, record)


def audit_file(run: str, lists: tuple[str, ...]) -> Path:
    """Where the filled-in audit sample of a run is kept; each choice of lists has one of its own."""
    names = "+".join(sorted(lists))
    return SETTINGS.predictions_dir / run / (f"audit-{names[:150]}.csv" if names else AUDIT_FILE)


def own_threshold(about: pd.Series) -> float:
    """The threshold of a run's own model."""
    return float(about["threshold"]) if pd.notna(about["threshold"]) else 0.5


def begin_at_its_threshold() -> None:
    """Another run begins at the threshold of its own model."""
    st.session_state.pop("cutoff", None)
    st.session_state.threshold = own_threshold(runs[runs["run"] == st.session_state.run].iloc[0])


def choose_of_runs(
    label: str, names: list[str], key: str, known: Sequence[str], changed: Callable[[], None] | None = None
) -> str:
    """The run that the address has under ``key``, else the first of ``names``; ``known`` are all that there are."""
    titles, missing = titles_of_runs(known), "There are no predictions called {} here. Others are shown."
    return choose_in_address(label, names, key, titles, missing, changed=changed, width=480)


def titles_of_runs(names: Sequence[str]) -> dict[str, str]:
    """What people call each run, with its folder's name where two are called alike."""
    titles = {name: called(SETTINGS.predictions_dir / name) for name in names}
    alike = Counter(titles.values())
    return {name: title if alike[title] == 1 else f"{title} ({name})" for name, title in titles.items()}


st.html(NARROW)
models = list_models(SETTINGS.models_dir)
runs = store.runs()
if not models and runs.empty:
    empty_state("There is no model yet to predict with.", "pages/train.py", "Train a model")
    st.stop()

if runs.empty:
    if not predictions_under_way():
        st.info("No predictions yet. Choose a model and press *Predict now*.")
        if may(Action.PREDICT):
            predict_now(models, busy=False)
    wait_for_predictions()
    st.stop()

offered = offer_the_newest(models, runs)
unfold_on_phones("Choose predictions, threshold, accounts", "run_chosen", "threshold_chosen", "of_whom", "filters")
with folded_on_phones("run_chosen"), st.container(horizontal=True, vertical_alignment="bottom"):
    every_run = runs["run"].tolist()
    run = choose_of_runs("Predictions", every_run, "run", every_run, begin_at_its_threshold)
    lists = choose_lists("of")
    if models and may(Action.PREDICT) and not offered:
        again = f"again_{st.session_state.get('predicted', 0)}"
        with st.popover("Predict again", icon=":material/insights:", key=again):
            predict_now(models, busy=bool(predictions_under_way()))
wait_for_predictions()
about = runs[runs["run"] == run].iloc[0]
used_model = model_name(Path(str(about["model"])))
its_title = called(SETTINGS.models_dir / used_model)
created = f" · {moment(about['created_at'].to_pydatetime())}" if pd.notna(about["created_at"]) else ""
st.caption(
    f"{count(int(about['predicted']), 'account')} predicted, "
    f"{number(int(about['accounts'] - about['predicted']))} without captions · model {plain(its_title)}{created}"
)
results(run, about, next((model for model in models if model.name == used_model), None), every_run, lists)
if may(Action.CHANGE_STUDY):
    with st.expander("Name, note, removal", key="own_name"):
        edit_own_name(SETTINGS.predictions_dir / run)
    show_removed("predictions")
