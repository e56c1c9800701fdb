from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import streamlit as st

from core import charts, jobs
from core.encoders import devices
from core.evaluate import arrays
from core.metrics import Estimate, metrics, share_interval
from core.model_folder import ModelInfo, list_models
from core.predictions import as_csv, prediction
from core.settings import get_settings
from core.store import PredictionFilter
from core.wording import count, moment, number, percent, plain
from pages.shared import command_to_copy, draw_progress, empty_state, start_job, the_store

SETTINGS = get_settings()
PAGE_ROWS = 50
LABELS = {"any": "any", "labelled": "has a label", "unlabelled": "no label", "at_least": "at least", "under": "under"}
store = the_store()


def predict_now(models: list[ModelInfo], busy: bool) -> None:
    """Choose a model and predict for every account of the study, in the background."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        model = st.selectbox("Model", models, format_func=lambda model: model.folder.name, key="model", width=320)
        usable = [device.name for device in devices() if device.available]
        device = st.segmented_control("Device", usable, default=usable[-1], key="predict_device", required=True)
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        output = SETTINGS.predictions_dir / f"{stamp}-{model.folder.name}"[:100] / "predictions.csv"
        arguments = [
            *("predict", "--input-dir", str(SETTINGS.accounts_dir), "--finetuned-model-path", str(model.folder)),
            *("--prediction-output-file", str(output), "--device", device),
        ]
        if st.button("Predict now", type="primary", icon=":material/insights:", disabled=busy):
            start_job("predict", f"Prediction with {model.folder.name}", arguments, [output])
            st.rerun()
        command_to_copy(arguments)


@st.fragment(run_every=2.0)
def wait_for_predictions() -> None:
    """Follow a prediction that runs, and show its results as soon as they are there."""
    active = [job for job in jobs.active_jobs(SETTINGS.jobs_dir) if job.record["kind"] == "predict"]
    if st.session_state.get("predicting") and not active:
        st.session_state.predicting = False
        store.refresh()
        st.rerun()
    st.session_state.predicting = bool(active)
    for job in active:
        draw_progress(job)


@st.cache_data(max_entries=8, show_spinner="Computing intervals …")
def measured(labelled: pd.DataFrame, cutoff: float, threshold: float) -> dict[str, Estimate]:
    joined = labelled.assign(at_least=labelled["age"] >= cutoff)
    return metrics(*arrays(joined, threshold), resamples=1000)


def accounts_seen(name: str, models: list[ModelInfo]) -> set[str]:
    """The accounts that made a model: those it learnt from, and those that chose its best epoch."""
    split = next((model.training["split"] for model in models if model.folder.name == name), {})
    return {username for part in ("train", "validation") for username in split.get(part, [])}


@st.cache_data(max_entries=8)
def download(run: str, threshold: float, version: int) -> str:
    """The run as the command line writes it, with the predictions at the threshold that is set."""
    rows = store.all_predictions(run).itertuples()
    return as_csv(prediction(row.username, row.probability, threshold, int(row.posts)) for row in rows)


def in_words(estimate: Estimate, digits: int = 2) -> str:
    """A figure with its interval, as ``0.94 (0.92 to 0.96)``."""
    if estimate.value is None:
        return "–"
    return f"{estimate.value:.{digits}f} ({number(estimate.low, digits)} to {number(estimate.high, digits)})"


def show_accuracy(table: pd.DataFrame, seen: set[str], cutoff: float, threshold: float) -> None:
    """How good the model is on labelled accounts, those it was trained on left out."""
    labelled = table.dropna(subset=["age", "probability"])
    unseen = labelled[~labelled["username"].isin(seen)]
    if unseen.empty:
        st.caption(
            "No labelled account was kept from training, so nothing here says how good the model is on others."
            if len(labelled)
            else "No predicted account has a label, so the accuracy is unknown."
        )
        return
    found = measured(unseen, cutoff, threshold)
    trained_on = len(labelled) - len(unseen)
    left_out = f"; the {count(trained_on, 'account')} it learnt from are left out" if trained_on else ""
    basis = f"On {count(len(unseen), 'labelled account')}, with 95 % intervals{left_out}."
    st.metric("Accuracy", in_words(found["accuracy"]), border=True, help=basis)
    st.metric("AUC", in_words(found["auc"]), border=True, help=basis)
    st.metric("Majority share", number(found["majority_share"].value, 2), border=True, help="What guessing gives.")


def show_accounts(run: str, table: pd.DataFrame, cutoff: float, threshold: float) -> None:
    """The accounts of the run; a selected row opens its posts."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        username = st.text_input("Account", key="find", bind="query-params", width=180)
        label = st.selectbox("Label", LABELS, format_func=LABELS.get, key="result_label", width=150)
        low, high = st.slider("Probability", 0.0, 1.0, (0.0, 1.0), 0.01, key="between", width=260)
        wrong = st.toggle("Only where label and prediction differ", key="wrong")
    chosen = PredictionFilter(
        username=username,
        label=label,
        cutoff=cutoff,
        min_probability=low if low > 0 else None,
        max_probability=high if high < 1 else None,
        wrong=wrong,
    )
    found = store.count_predictions(run, chosen)
    st.markdown(f"**{count(found, 'account')}**")
    pages = max(1, -(-found // PAGE_ROWS))
    page = st.pagination(pages, key="results_page") if pages > 1 else 1
    rows = store.predictions(run, chosen, limit=PAGE_ROWS, offset=(page - 1) * PAGE_ROWS)
    rows["prediction"] = (rows["probability"] >= threshold).map(
        {True: f"at least {cutoff:g}", False: f"under {cutoff:g}"}
    )
    rows["prediction"] = rows["prediction"].where(rows["probability"].notna(), "no captions")
    event = st.dataframe(
        rows,
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key=f"predictions_{run}_{page}",
        alt="Predicted accounts, most probable first",
        column_config={
            "username": st.column_config.TextColumn("account"),
            "probability": st.column_config.ProgressColumn(
                f"probability of at least {cutoff:g}", format="%.3f", min_value=0, max_value=1
            ),
            "age": st.column_config.NumberColumn("label", help="known age in years"),
            "posts": st.column_config.NumberColumn("captions used"),
        },
    )
    if event.selection.rows:
        name = rows["username"].iloc[event.selection.rows[0]]
        st.page_link(
            "pages/posts.py",
            label=f"Open the posts of {plain(name)}",
            icon=":material/arrow_forward:",
            query_params={"account": name},
        )


models = list_models(SETTINGS.models_dir)
runs = store.runs()
if not models and runs.empty:
    empty_state("There is no model yet to predict with.", "pages/train.py", "Train a model")
    st.stop()

if models:
    predict_now(models, busy=bool(st.session_state.get("predicting")))
wait_for_predictions()

if runs.empty:
    st.info("No predictions yet. Choose a model and press *Predict now*.")
    st.stop()

titles = {
    row.run: f"{moment(row.created_at.to_pydatetime())} · {Path(str(row.model)).name}" if row.created_at else row.run
    for row in runs.itertuples()
}
run = st.selectbox("Predictions", titles, format_func=titles.get, key="run", bind="query-params", width=480)
about = runs.set_index("run").loc[run]
cutoff = float(about["cutoff"]) if pd.notna(about["cutoff"]) else 21.0
model_name = Path(str(about["model"])).name
own_threshold = float(about["threshold"]) if pd.notna(about["threshold"]) else 0.5
created = "" if pd.isna(about["created_at"]) else f" · {moment(about['created_at'].to_pydatetime())}"
st.caption(
    f"{count(int(about['predicted']), 'account')} predicted, "
    f"{number(int(about['accounts'] - about['predicted']))} without captions · "
    f"model {plain(model_name)} · cutoff {cutoff:g}{created}"
)

table = store.all_predictions(run)
known = table.dropna(subset=["probability"])
threshold = st.slider(
    "Threshold",
    0.0,
    1.0,
    own_threshold,
    0.01,
    key=f"threshold_{run}",
    help="predicted at least from here on",
    width=420,
)
at_least = int((known["probability"] >= threshold).sum())
low, high = share_interval(at_least, len(known))
with st.container(horizontal=True):
    st.metric(
        f"Share at least {cutoff:g}, counted",
        f"{percent(at_least / len(known))} ({number(100 * low)} to {percent(high)})" if len(known) else "–",
        border=True,
        help=f"{number(at_least)} of {number(len(known))} accounts. The interval is that of sampling alone; "
        "the model's errors come on top.",
    )
    show_accuracy(table, accounts_seen(model_name, models), cutoff, threshold)
st.altair_chart(charts.probabilities(table, cutoff, threshold), alt="Accounts by probability, with the threshold")
st.download_button(
    "Download CSV",
    data=download(run, threshold, store.version),
    file_name=f"{run}.csv",
    mime="text/csv",
    icon=":material/download:",
)

st.subheader("Accounts")
show_accounts(run, table, cutoff, threshold)
