from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import streamlit as st

from core import charts, jobs
from core.accounts import UserList, read_labels, write_user_list
from core.encoders import DEFAULT_ENCODER, OFFLINE_ENCODER, available_encoders, devices, preferred_encoder
from core.errors import InputError
from core.jobs import Job
from core.model_folder import CARD_FILE, ModelInfo, list_models
from core.settings import get_settings
from core.tables import safe_csv
from core.wording import count, duration, moment, number, percent, plain
from pages.shared import (
    command_to_copy,
    draw_progress,
    empty_state,
    in_frame,
    safe_stem,
    show_rejected,
    start_job,
    the_store,
)

in_frame()

SETTINGS = get_settings()
FEWEST_PER_GROUP = 20
ENCODER = "--model-name-or-path"
METHODS = {"best": "best", "published": "published", "frozen": "frozen encoder", "compare": "compare all"}
METHOD_OPTIONS = {
    "best": ["--recipe", "best"],
    "published": ["--recipe", "published"],
    "frozen": ["--freeze-encoder"],
    "compare": ["--compare"],
}
EXPLAINED = {
    "best": "Words, letters and the encoder's vector in one calibrated linear model: the best known here, in minutes.",
    "published": "The published method: encoder and head learn together. On a processor it takes its time.",
    "frozen": "Only the head learns. The accounts are encoded once; after that it takes seconds.",
    "compare": "Majority, TF-IDF, frozen, fine-tuned and best on the same accounts, and one table of them.",
}


@st.cache_data(max_entries=8, show_spinner="Reading the labels …")
def read_upload(content: bytes, name: str) -> UserList:
    return read_labels(content, name)


@st.cache_data(max_entries=8)
def read_saved(path: Path, changed_ns: int) -> UserList:
    return read_labels(path)


def choose_labels() -> tuple[Path, UserList] | None:
    """The labels to learn from: uploaded now, or earlier."""
    upload = st.file_uploader(
        "Labels",
        type=["csv", "tsv", "txt"],
        max_upload_size=100,
        help="A CSV with the columns `username` and `age` (years).",
    )
    if upload is not None:
        try:
            labels = read_upload(upload.getvalue(), upload.name)
        except InputError as error:
            st.error(plain(error))
            return None
        show_rejected(labels)
        if not labels.usernames:
            st.error("None of the lines holds a usable username and age.")
            return None
        path = SETTINGS.labels_dir / f"{safe_stem(upload.name, 'labels')}.csv"
        if st.session_state.get("saved_labels") != upload.file_id:
            write_user_list(path, labels)
            the_store().refresh()
            st.session_state.saved_labels = upload.file_id
        return path, labels
    saved = sorted(SETTINGS.labels_dir.glob("*.csv"), key=lambda path: path.stat().st_mtime, reverse=True)
    if not saved:
        return None
    path = st.selectbox("Or use earlier labels", saved, format_func=lambda path: path.stem, key="labels", width=400)
    return path, read_saved(path, path.stat().st_mtime_ns)


def groups(labels: UserList, cutoff: float) -> bool:
    """Say what there is to learn from, and whether it is enough."""
    known = the_store().labels()
    known = set(known.loc[known["captions"] > 0, "username"])
    ages = pd.Series({name: age for name, age in labels.ages.items() if name in known}, dtype=float)
    at_least, below = int((ages >= cutoff).sum()), int((ages < cutoff).sum())
    share = percent(at_least / len(ages)) if len(ages) else "–"
    st.markdown(
        f"**{number(len(labels.usernames))} labelled** · {number(len(ages))} with posts · "
        f"{number(at_least)} at least {cutoff:g}, {number(below)} under ({share} at least {cutoff:g})"
    )
    if min(at_least, below) < FEWEST_PER_GROUP:
        st.warning(
            f"Fewer than {FEWEST_PER_GROUP} accounts with posts on one side of the cutoff: no model can be judged "
            "on so few. Label more accounts, or choose another cutoff."
        )
    return min(at_least, below) > 0


def choose_settings() -> list[str]:
    """How to train, as the command takes it."""
    method = st.segmented_control(
        "Method", METHODS, format_func=METHODS.get, default="best", key="method", persist_state="session", required=True
    )
    st.caption(EXPLAINED[method])
    choices = available_encoders()
    notes = {choice.name: choice.note for choice in choices}
    names = list(notes)
    with st.container(horizontal=True):
        encoder = st.selectbox(
            "Encoder",
            names,
            index=names.index(preferred_encoder()),
            key="encoder",
            persist_state="session",
            accept_new_options=True,
            width=320,
            help="Any BERT-like encoder by its hub name or folder.",
        )
        offered = {device.name: device for device in devices()}
        usable = [name for name, device in offered.items() if device.available]
        device = st.segmented_control(
            "Device", usable, default=usable[-1], key="device", persist_state="session", required=True
        )
    st.caption(plain(notes.get(encoder, "From the model hub, or a folder on this machine.")))
    if not offered["cuda"].available:
        st.caption(f"cuda is not offered: {plain(offered['cuda'].note)}")
    with st.expander("Hyperparameters"):
        options = hyperparameters(method)
    return [*METHOD_OPTIONS[method], ENCODER, encoder, "--device", device, *options]


def hyperparameters(method: str) -> list[str]:
    """The settings that the method has, with their defaults."""
    with st.container(horizontal=True):
        seed = st.number_input("Seed", 0, 2**31 - 1, 2021, key="seed", persist_state="session", width=120)
        posts = st.number_input(
            "Captions per account",
            1,
            None,
            None,
            key="max_posts",
            persist_state="session",
            placeholder="all",
            width=190,
        )
        options = ["--seed", str(seed), *(("--max-posts", str(posts)) if posts else ())]
        if method == "best":
            return options
        length = st.number_input("Tokens per caption", 3, 512, 18, key="length", persist_state="session", width=170)
        options += ["--max-seq-len", str(length)]
        if method != "frozen":
            rate = st.number_input(
                "Learning rate", 1e-7, 1e-1, 2e-5, format="%.1e", key="rate", persist_state="session", width=150
            )
            epochs = st.number_input("Epochs", 1, 1000, 10, key="epochs", persist_state="session", width=120)
            steps = st.number_input("Accounts per step", 1, 1000, 10, key="steps", persist_state="session", width=160)
            options += ["--learn-rate", f"{rate:g}", "--epoch-num", str(epochs), "--accumulation-steps", str(steps)]
    st.caption("The defaults are those of the published method.")
    return options


@st.fragment(run_every=2.0)
def running(job: Job) -> None:
    """How far a training run is, on what it computes, and its curves as they come."""
    is_active = job.state in jobs.ACTIVE
    if st.session_state.get("training_active", is_active) != is_active:
        st.session_state.training_active = is_active
        st.rerun()
    st.session_state.training_active = is_active
    if is_active:
        draw_progress(job)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                "Stop, keep the best so far",
                icon=":material/stop:",
                on_click=jobs.cancel,
                args=(job,),
                disabled=job.stopping,
                key="stop",
            )
            st.caption(f"Computing on {plain(option(job, '--device', 'cpu'))}, {plain(option(job, ENCODER, '?'))}")
    elif job.state != "done":
        st.warning(f"{job.state.capitalize()}. {plain(job.result.get('message', ''))}")
        st.page_link("pages/jobs.py", label="Log, and go on", icon=":material/arrow_forward:")
    curves(job)


def option(job: Job, name: str, otherwise: str) -> str:
    """What a job's command says for one of its options."""
    arguments = job.record["arguments"]
    return arguments[arguments.index(name) + 1] if name in arguments else otherwise


def curves(job: Job) -> None:
    """Loss and validation AUC by epoch, once there are some."""
    epochs = pd.DataFrame(job.events("epoch"))
    if epochs.empty:
        steps = pd.DataFrame(job.events("step"))
        if not steps.empty:
            st.caption(f"Loss {number(float(steps['loss'].iloc[-1]), 3)}; the curves begin after the first epoch.")
        return
    loss, quality = st.columns(2)
    loss.altair_chart(charts.training_curve(epochs, "loss", "loss"), alt="Loss by epoch")
    quality.altair_chart(charts.training_curve(epochs, "auc", "validation AUC"), alt="Validation AUC by epoch")
    st.download_button(
        "Download these figures",
        safe_csv(epochs),
        f"epochs-{job.id}.csv",
        "text/csv",
        icon=":material/table:",
        type="tertiary",
        on_click="ignore",
    )


def model_rows(models: list[ModelInfo]) -> pd.DataFrame:
    """A row for each model and cutoff, with its figures."""
    return pd.DataFrame(
        [
            {
                "when": moment(model.training["created_at"]),
                "model": model.name,
                "method": model.training["method"],
                "encoder": model.settings.encoder,
                "cutoff": float(cutoff),
                "AUC": with_interval(figures["auc"]),
                "accuracy": with_interval(figures["accuracy"]),
                "calibration error": with_interval(figures["calibration_error"]),
                "measured on": "test" if model.training["test"] else "validation",
                "accounts": len(model.training["split"]["train"]),
                "time": duration(model.training["seconds"]),
            }
            for model in models
            for cutoff, figures in (model.training["test"] or model.training["validation"]).items()
        ]
    )


def with_interval(figure: dict[str, float | None]) -> str:
    """A figure of ``training.json`` as ``0.940 (0.920 to 0.960)``."""
    return f"{number(figure['value'], 3)} ({number(figure['low'], 3)} to {number(figure['high'], 3)})"


def prepare(is_active: bool) -> None:
    """Labels, settings and the button, in three steps."""
    st.subheader("1 · Labels")
    chosen = choose_labels()
    if not chosen:
        st.info("Drop a CSV with the columns username and age: the accounts whose age you know.")
        return
    labels_path, labels = chosen
    cutoff = st.number_input("Cutoff (years)", 6, 100, 21, key="cutoff", width=160, bind="query-params")
    can_train = groups(labels, cutoff)
    st.subheader("2 · What")
    options = choose_settings()
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    folder = SETTINGS.models_dir / f"{stamp}-at-least-{cutoff:g}"
    arguments = [
        *("train", "--input-dir", str(SETTINGS.accounts_dir), "--labels", str(labels_path)),
        *("--model-output-dir", str(folder), "--age-cutoff", f"{cutoff:g}", *options),
    ]
    command_to_copy(arguments)
    st.subheader("3 · Train")
    if DEFAULT_ENCODER in options and preferred_encoder() != DEFAULT_ENCODER:
        st.caption(f"Where no model hub can be reached, choose {OFFLINE_ENCODER}.")
    if st.button("Train", type="primary", icon=":material/model_training:", disabled=not can_train or is_active):
        title = f"Training on {count(len(labels.usernames), 'labelled account')}, cutoff {cutoff:g}"
        if start_job("train", title, arguments, [folder]):
            st.rerun()


def show_models(models: list[ModelInfo]) -> None:
    """All models in one table; a click opens a model's card."""
    st.subheader("Models")
    st.caption(
        "Figures are of the test accounts, which took no part in training, or, where there were none, of the "
        "validation accounts, which also chose the model; with 95 % intervals. *Accounts* are those it learnt from. "
        "Click a model to read its card."
    )
    rows = model_rows(models)
    event = st.dataframe(
        rows,
        hide_index=True,
        on_select="rerun",
        selection_mode="single-cell",
        key="models",
        alt="Trained models with their figures",
        column_config={"accounts": st.column_config.NumberColumn("accounts", format="localized")},
    )
    st.page_link("pages/results.py", label="Predict with a model", icon=":material/arrow_forward:")
    if event.selection.cells:
        show_card(models, rows["model"].iloc[event.selection.cells[0][0]])


def show_card(models: list[ModelInfo], name: str) -> None:
    """What a model says of itself."""
    model = next(model for model in models if model.name == name)
    with st.container(border=True):
        try:
            st.markdown((model.folder / CARD_FILE).read_text(encoding="utf-8"))
        except OSError:
            st.info("This model has no card. Train it anew to have one written.")
        st.caption(f"Its folder: {plain(model.folder)}")


store = the_store()
if not store.counts().with_posts:
    empty_state(
        "There are no posts to learn from yet. Collect or import some, or load the sample on the overview page.",
        "pages/collect.py",
        "Collect",
    )
    st.stop()

training_jobs = [job for job in jobs.list_jobs(SETTINGS.jobs_dir) if job.record["kind"] == "train"]
is_active = bool(training_jobs) and training_jobs[0].state in jobs.ACTIVE
if is_active:
    st.subheader("Training")
    running(training_jobs[0])
with st.expander("Prepare another training", key="another") if is_active else st.container():
    prepare(is_active)
if training_jobs and not is_active:
    st.subheader("The latest run")
    running(training_jobs[0])
models = list_models(SETTINGS.models_dir)
if models:
    show_models(models)
