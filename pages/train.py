from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypedDict

import pandas as pd
import streamlit as st

from core.encoder.devices import devices
from core.encoder.names import DEFAULT_ENCODER, OFFLINE_ENCODER
from core.encoder.pretrained import available_encoders, preferred_encoder
from core.jobs.job import ACTIVE, RESUMABLE, Job, list_jobs
from core.models.folder import CARD_FILE, TRAINING_FILE, ModelInfo, list_models, model_name
from core.models.method_names import NAMES, method_name
from core.models.settings import DEFAULT_CUTOFF
from core.reporting import charts
from core.statistics.estimate import Estimate
from core.statistics.prevalence import FEWEST_PER_CLASS
from core.storage.own_names import MOST_LETTERS, own_name_of
from core.storage.user_lists import UserList, read_labels
from core.training.arguments import TrainArguments
from core.training.dataset import labels_needed, planned_split
from core.training.events import EpochEvent, StepEvent
from core.training.splits import PARTS
from core.utils.formatting import count, number, percent, plain
from core.utils.tables import safe_csv
from pages.parts.components import clicked_row, close, empty_state, in_frame, show_rejected, table_key
from pages.parts.index_access import the_store
from pages.parts.job_widgets import (
    command_to_copy,
    draw_progress,
    go_on_button,
    link_to_job,
    read_back,
    start_job,
    stop_job,
)
from pages.parts.list_upload import upload_list, with_left_out
from pages.parts.option_fields import number_field
from pages.parts.own_names import STAR, edit_own_name, show_removed
from pages.parts.study import cached, the_settings, the_study

in_frame()

SETTINGS = the_settings()
MODEL = "model"
"""Of the address: the model whose card is open."""
WIDEST, SUGGESTED = (10, 40), (16, 25)
"""Ages from which further cutoffs are chosen, and those that are suggested."""
METHODS = {
    "best": NAMES["combined"],
    "published": NAMES["finetuned"],
    "frozen": NAMES["frozen"],
    "compare": "compare all",
}


class MethodOptions(TypedDict, total=False):
    """The options of a training that tell one method from another."""

    recipe: Literal["published", "best"]
    freeze_encoder: bool
    compare: bool


METHOD_OPTIONS: dict[str, MethodOptions] = {
    "best": {"recipe": "best"},
    "published": {"recipe": "published"},
    "frozen": {"freeze_encoder": True},
    "compare": {"compare": True},
}
EXPLAINED = {
    "best": (
        "Words, letters and the encoder's vectors in one calibrated linear model: the best known here, in minutes. "
        "Accounts set aside choose nothing of it; they only measure it."
    ),
    "published": (
        "The published method, see the README: BERT or another encoder is fine-tuned, and the [CLS] vectors of its "
        "last four layers, averaged over an account's captions, tell the age. The epoch that is best on the "
        "validation accounts is kept. On a processor it takes its time."
    ),
    "frozen": (
        "Only the head learns. The accounts are encoded once; after that it takes seconds. The epoch that is best on "
        "the validation accounts is kept."
    ),
    "compare": (
        f"{NAMES['majority'].capitalize()}, {NAMES['tfidf']}, {NAMES['frozen']}, {NAMES['finetuned']} and "
        f"{NAMES['combined']} on the same accounts, and one table of them."
    ),
}


@cached(max_entries=8)
def read_saved(path: Path, changed_ns: int) -> UserList:
    """Kept labels, with what was left out of them when they were kept."""
    return with_left_out(read_labels(path), path)


def choose_labels() -> tuple[Path, UserList] | None:
    """The labels to learn from; none while others wait to be kept."""
    waiting = upload_list(
        "Labels", "A table with the columns `username` and `age` (years).", is_labels=True, chosen=choose_kept
    )
    if waiting:
        st.caption("Keep them, or take the file away, to go on.")
        return None
    saved = sorted(SETTINGS.labels_dir.glob("*.csv"), key=lambda path: path.stat().st_mtime, reverse=True)
    if not saved:
        st.info("Drop a CSV with the columns username and age: the accounts whose age you know.")
        return None
    path = st.selectbox("Or use earlier labels", saved, format_func=lambda path: path.stem, key="labels", width=400)
    labels = read_saved(path, path.stat().st_mtime_ns)
    show_rejected(labels)
    return path, labels


def choose_kept(path: Path) -> None:
    st.session_state.labels = path


def choose_cutoffs() -> tuple[float, tuple[float, ...]]:
    """The age in question, and all ages at which the model can be asked, that one among them; rising."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        cutoff = st.number_input(
            "Cutoff (years)",
            6,
            100,
            int(the_study().cutoff or TrainArguments.options()["age_cutoff"].default),
            key="cutoff",
            width=160,
            bind="query-params",
        )
        several = st.toggle(
            "Further cutoffs",
            key="several",
            bind="query-params",
            help="One model that can be asked at each of several ages, with a threshold and error rates of its own at "
            "each. Results then has a slider for the cutoff. The best method learns each of them in turn.",
        )
    if not several:
        return cutoff, (cutoff,)
    first, last = st.slider("Every age from, to", *WIDEST, SUGGESTED, key="cutoffs", width=420, bind="query-params")
    return cutoff, tuple(sorted({cutoff, *range(first, last + 1)}))


def cutoffs_in_words(cutoffs: Sequence[float]) -> str:
    """``21``, or ``16 to 25`` of several."""
    return f"{cutoffs[0]:g}" if len(cutoffs) == 1 else f"{cutoffs[0]:g} to {cutoffs[-1]:g}"


def groups(labels: UserList, cutoff: float, cutoffs: Sequence[float]) -> bool:
    """Say what there is to learn from, and whether it is enough at every one of the cutoffs."""
    told = labels.ages_for(cutoffs)
    known = the_store().with_captions([*told])
    ages = pd.Series({name: age for name, age in told.items() if name in known}, dtype=float)
    at_least, below = int((ages >= cutoff).sum()), int((ages < cutoff).sum())
    share = percent(at_least / len(ages)) if len(ages) else "–"
    st.markdown(
        f"**{number(len(told))} labelled** · {number(len(ages))} with captions · "
        f"{number(at_least)} at least {cutoff:g}, {number(below)} under ({share} at least {cutoff:g})"
    )
    if missing := the_store().not_collected([*told]):
        st.caption(
            f"{number(missing)} of {count(len(told), 'labelled account')} {'is' if missing == 1 else 'are'} not "
            "collected, and take no part until they are."
        )
    if at_least and below:
        st.caption(plan(at_least, below))
    fewest = {years: min(int((ages >= years).sum()), int((ages < years).sum())) for years in cutoffs}
    if poor := [f"{years:g}" for years, accounts in fewest.items() if accounts < FEWEST_PER_CLASS]:
        of_which = f"the cutoff {', '.join(poor)}" if len(cutoffs) > 1 else "the cutoff"
        st.warning(
            f"Fewer than {FEWEST_PER_CLASS} accounts with captions on one side of {of_which}: no model can be judged "
            "on so few. Label more accounts, or choose another cutoff."
        )
    return min(fewest.values()) > 0


@cached(max_entries=8)
def plan(at_least: int, below: int) -> str:
    """How the accounts will be divided, and what that is too few for."""
    parts = planned_split(at_least, below)
    learn, choose, test = (number(sum(parts[part])) for part in PARTS)
    text = f"That gives about {learn} to learn from, {choose} for validation and {test} to test with."
    if min(at_least, below) >= 2 * FEWEST_PER_CLASS:
        text += " The model's errors are told by all of them (each by a model that had not seen it), except with the "
        text += "methods published and frozen encoder, whose errors the test accounts tell."
    if min(parts["test"]) >= FEWEST_PER_CLASS:
        return text
    return (
        f"{text} With fine-tuning, the corrected share (Results) wants {FEWEST_PER_CLASS} of each side in the test "
        f"part: about {count(labels_needed(FEWEST_PER_CLASS, at_least, below), 'labelled account')} in all."
    )


def choose_settings(asked: TrainArguments) -> tuple[str, TrainArguments]:
    """How to train: the method, and what was asked with it and with its settings."""
    method = st.segmented_control(
        "Method",
        METHODS,
        format_func=METHODS.__getitem__,
        default="best",
        key="method",
        persist_state="session",
        required=True,
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
    for found in offered.values():
        if not found.available:
            st.caption(f"{found.name} is not offered: {plain(found.note)}")
    with st.expander("Hyperparameters"):
        asked = hyperparameters(method, asked)
    return method, replace(asked, **METHOD_OPTIONS[method], model_name_or_path=encoder, device=device)


def hyperparameters(method: str, asked: TrainArguments) -> TrainArguments:
    """The settings that the method has."""
    with st.container(horizontal=True):
        asked = replace(
            asked,
            seed=number_field(TrainArguments, "seed", "Seed", least=0, most=2**31 - 1, key="seed", width=120),
            max_posts=number_field(
                TrainArguments, "max_posts", "Captions per account", placeholder="all", key="max_posts", width=190
            ),
        )
    asked = replace(
        asked,
        mask_self_reports=st.checkbox(
            "Mask what tells an age",
            key="mask",
            persist_state="session",
            help="Phrases such as “turned 19 today” are taken out of the captions, here and whenever the model "
            "predicts, so that it does not learn only to read them: most accounts have none.",
        ),
    )
    with st.container(horizontal=True):
        if method == "best":
            return asked
        length = number_field(TrainArguments, "max_seq_len", "Tokens per caption", most=512, key="length", width=170)
        asked = replace(asked, max_seq_len=length)
        if method != "frozen":
            asked = fine_tuning(asked)
    st.caption("The defaults are those of the published method.")
    return asked


def fine_tuning(asked: TrainArguments) -> TrainArguments:
    """The settings that only a method with an encoder that learns has."""
    return replace(
        asked,
        learn_rate=number_field(
            TrainArguments,
            "learn_rate",
            "Learning rate",
            least=1e-7,
            most=0.1,
            number_format="%.1e",
            key="rate",
            width=150,
        ),
        epoch_num=number_field(TrainArguments, "epoch_num", "Epochs", key="epochs", width=120),
        accumulation_steps=number_field(
            TrainArguments, "accumulation_steps", "Accounts per step", key="steps", width=160
        ),
    )


@st.fragment(run_every=2.0)
def running(job: Job) -> None:
    """How far a training run is, on what it computes, and its curves as they come."""
    if job.state not in ACTIVE:
        st.rerun()
    draw_progress(job)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Stop, keep the best so far" if job.events(EpochEvent) else "Stop",
            icon=":material/stop:",
            on_click=stop_job,
            args=(job,),
            disabled=job.stopping,
            key="stop",
        )
        if asked := read_back(job, TrainArguments):
            st.caption(f"Computing on {plain(asked.device)}, {plain(asked.model_name_or_path)}")
    curves(job)


def show_outcome(job: Job, models: list[ModelInfo]) -> None:
    """What an ended run has come to, and the next step."""
    made = [model for model in models if made_by(job, model)]
    if job.state == "done" and made:
        st.success(ready(made), icon=":material/check_circle:")
        show_unused_labels(made[0])
    elif job.state == "done":
        st.info("It is done, but its model is no longer where it was written.")
    else:
        message = job.end_message or f"It was {'ended as asked' if job.ended_as_asked else 'cut off'}."
        st.warning(plain(message), title=f"{plain(job.record.title)}: {job.state}")
    with st.container(horizontal=True, vertical_alignment="center"):
        if job.state in RESUMABLE:
            go_on_button(job)
        if made:
            link_to_results(made)
        link_to_job(job)


def link_to_results(made: list[ModelInfo]) -> None:
    """The way to the latest predictions of a new model, or to where it makes the first."""
    run = latest_runs().get(made[0].name) if len(made) == 1 else None
    st.page_link(
        "pages/results.py",
        label="Its predictions on Results" if run else "Predict with it on Results",
        icon=":material/arrow_forward:",
        query_params={"run": run} if run else {},
    )


def show_unused_labels(model: ModelInfo) -> None:
    """Which of the labelled accounts took no part in a training, and why."""
    labels = model.training.labels
    if labels.not_collected:
        are = "was" if labels.not_collected == 1 else "were"
        whole = count(labels.labelled, "labelled account")
        st.caption(f"{number(labels.not_collected)} of {whole} {are} not collected, and took no part.")
    for problem in labels.problems:
        if "collected" not in problem:
            st.caption(plain(problem))


def made_by(job: Job, model: ModelInfo) -> bool:
    """Whether a run has made a model, alone or with others that it compares."""
    outputs = [Path(output) for output in job.record.outputs]
    return model.folder in outputs or model.folder.parent in outputs


def ready(made: list[ModelInfo]) -> str:
    """That a model is ready and what it got right; or of several, how many they are."""
    if len(made) > 1:
        return f"The {number(len(made))} models that were compared are ready; the table shows what each is worth."
    [model] = made
    asked = the_study().cutoff or DEFAULT_CUTOFF
    cutoff = min(model.training.figures, key=lambda it: abs(float(it) - asked))
    at = f" at the cutoff {cutoff}" if len(model.training.figures) > 1 else ""
    accuracy = model.training.figures[cutoff]["accuracy"]
    return f"The model **{plain(model.title)}** is ready: right on {right(model, accuracy)} accounts{at}."


def right(model: ModelInfo, accuracy: Estimate) -> str:
    """On how many accounts a model was right: ``6 of 7 test``."""
    accounts = model.training.measured_accounts
    return f"{number((accuracy.value or 0) * accounts)} of {number(accounts)} {model.training.measured_on}"


def curves(job: Job) -> None:
    """Loss and validation AUC by epoch, once there are some."""
    epochs = pd.DataFrame([event.model_dump(mode="json") for event in job.events(EpochEvent)])
    if epochs.empty:
        for step in job.events(StepEvent)[-1:]:
            st.caption(f"Loss {number(step.loss, 3)}; the curves begin after the first epoch.")
        return
    st.markdown("**Training, epoch by epoch**")
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
    return pd.DataFrame([model_row(model, cutoff) for model in models for cutoff in model.training.figures])


def model_row(model: ModelInfo, cutoff: str) -> dict[str, object]:
    """What the table of models says of one of them."""
    figures, own = model.training.figures[cutoff], own_name_of(model.folder)
    return {
        "★": STAR if own.starred else "",
        "model": model.title,
        "AUC": figures["auc"].in_words(),
        "right on": right(model, figures["accuracy"]),
        "method": method_name(model.training.method),
        "cutoff": float(cutoff),
        "accuracy": figures["accuracy"].in_words(),
        "calibration error": figures["calibration_error"].in_words(),
        "labels": model.training.labels.labelled,
        "learnt from": len(model.training.split["train"]),
        "seconds": round(model.training.seconds),
        "MB": folder_size(model.folder, (model.folder / TRAINING_FILE).stat().st_mtime_ns) / 1e6,
        "encoder": model.settings.encoder,
        "made": model.training.created_at,
        "note": own.note,
        "folder": model.name,
    }


@cached(max_entries=64, show_spinner=False)
def folder_size(folder: Path, changed_ns: int) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def prepare(is_active: bool) -> None:
    """Labels, settings and the button, in three steps."""
    st.subheader("1 · Labels")
    chosen = choose_labels()
    if not chosen:
        return
    labels_path, labels = chosen
    cutoff, cutoffs = choose_cutoffs()
    can_train = groups(labels, cutoff, cutoffs)
    st.subheader("2 · What")
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    folder = SETTINGS.models_dir / f"{stamp}-at-least-{cutoffs_in_words(cutoffs).replace(' ', '-')}"
    method, asked = choose_settings(TrainArguments(SETTINGS.accounts_dir, labels_path, folder, age_cutoff=cutoffs))
    if method != "compare":
        name = st.text_input("Name, if you like", key="model_name", max_chars=MOST_LETTERS, width=320)
        asked = replace(asked, name=" ".join(name.split()))
    command_to_copy(asked)
    st.subheader("3 · Train")
    if asked.model_name_or_path == DEFAULT_ENCODER and preferred_encoder() != DEFAULT_ENCODER:
        st.caption(f"Where no model hub can be reached, choose {OFFLINE_ENCODER}.")
    if st.button("Train", type="primary", icon=":material/model_training:", disabled=not can_train or is_active):
        title = f"Training, {METHODS[method]}, cutoff {cutoffs_in_words(cutoffs)}"
        if start_job("train", title, asked.to_argv(), [folder]):
            st.rerun()


def show_models(models: list[ModelInfo]) -> None:
    """All models in one table; a click opens a model's card."""
    show_removed("models")
    if not models:
        return
    st.subheader("Models")
    st.caption(
        "Figures are of the test accounts, which took no part in training, or, where there were none, of the "
        "validation accounts, which may have chosen the model as well; with 95 % intervals. The latest is first; a "
        "click on a column's name sorts by it. Click a model to read its card, to name it, or to remove it; tick two "
        "to compare what they say of the same accounts."
    )
    rows, key = model_rows(models), table_key("models")
    event = st.dataframe(
        rows,
        hide_index=True,
        on_select=lambda: open_model(key, rows),
        selection_mode=["multi-row", "single-cell"],
        key=key,
        alt="Trained models with their figures",
        column_config={
            "★": st.column_config.TextColumn("★", width=36),
            "right on": st.column_config.TextColumn("right on", width=130),
            "learnt from": st.column_config.NumberColumn("learnt from", format="localized"),
            "labels": st.column_config.NumberColumn("labels", format="localized"),
            "MB": st.column_config.NumberColumn("MB", format="%.1f"),
            "made": st.column_config.DatetimeColumn("made (UTC)", format="D MMM YYYY, HH:mm"),
        },
    )
    offer_comparison(models, list(dict.fromkeys(rows["folder"].iloc[event.selection.rows])))
    st.page_link("pages/results.py", label="Predict with a model", icon=":material/arrow_forward:")
    show_card(models)


def open_model(key: str, rows: pd.DataFrame) -> None:
    """Put the model of the cell that was clicked into the address."""
    row = clicked_row(key)
    if row is not None:
        st.query_params[MODEL] = rows["folder"].iloc[row]


def offer_comparison(models: list[ModelInfo], ticked: list[str]) -> None:
    """The way to the comparison of two models' latest predictions, once two are ticked."""
    if len(ticked) > 2:
        st.caption("Two can be compared at a time: take the ticks of the others away.")
    if len(ticked) != 2:
        return
    titles = {model.name: model.title for model in models}
    latest = latest_runs()
    if lacking := [titles[name] for name in ticked if name not in latest]:
        st.info(f"Predict with {plain(' and '.join(lacking))} on Results first: predictions are what is compared.")
        return
    st.page_link(
        "pages/results.py",
        label=f"Compare {plain(titles[ticked[0]])} with {plain(titles[ticked[1]])}",
        icon=":material/compare_arrows:",
        query_params={"run": latest[ticked[0]], "other": latest[ticked[1]], "view": "Compare"},
    )


def latest_runs() -> dict[str, str]:
    """Model -> its latest prediction run."""
    runs = the_store().runs()[::-1]  # they come newest first, and the last to be put in stays
    return {model_name(Path(str(model))): run for model, run in zip(runs["model"], runs["run"], strict=True)}


def show_card(models: list[ModelInfo]) -> None:
    """What the model of the address says of itself."""
    asked = st.query_params.get(MODEL)
    if not asked:
        return
    model = next((model for model in models if model.name == asked), None)
    if model is None:
        st.warning(f"There is no model called {plain(asked[:100])} here.")
        return
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{plain(model.title)}**", width="stretch")
            st.button(
                "Close", icon=":material/close:", type="tertiary", key="close_model", on_click=close, args=(MODEL,)
            )
        edit_own_name(model.folder)
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

models = list_models(SETTINGS.models_dir)
trainings = [job for job in list_jobs(SETTINGS.jobs_dir) if job.record.kind == "train"]
latest = next((job for job in trainings if job.state in ACTIVE), trainings[0] if trainings else None)
is_active = latest is not None and latest.state in ACTIVE
if latest and is_active:
    st.subheader("Training")
    running(latest)
elif latest:
    st.subheader("The latest run")
    show_outcome(latest, models)
show_models(models)
if latest and not is_active:
    curves(latest)
with st.expander("Prepare another training", key="another", expanded=not latest) if latest else st.container():
    prepare(is_active)
