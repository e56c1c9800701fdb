"""The part of the Results page that draws an audit sample and takes it back filled in."""

from pathlib import Path

import streamlit as st

from core.errors import AgeScopeError
from core.evaluation.audit import FEWEST_DRAWN, draw_sample, keep_audit
from core.evaluation.share_records import AuditRecord
from core.privacy.roles import Action
from core.reporting.run_results import RunAtThreshold, audited_in_words
from core.statistics.audit import accounts_needed, variance_left
from core.storage.age_answers import UNTOLD
from core.storage.audit_file import Design, sample_as_csv
from core.utils.formatting import count, number, plain
from pages.parts.sign_in import act, acting, may

DESIGNS: dict[Design, str] = {"simple": "at random", "stratified": "at random, evenly over all probabilities"}
MOST_KEPT_MB = 20


def show_audit(view: RunAtThreshold, kept_at: Path) -> None:
    """A share that needs no belief in the model: how many accounts it takes, the draw, and what came back."""
    st.markdown("**A share that needs no belief in the model: the audit sample**")
    st.caption(
        "Accounts are drawn at random, a person finds out their ages, and the model only makes the answer more exact. "
        "The interval holds whatever the model is worth. It is about all accounts of these predictions, those without "
        "captions included."
    )
    found = view.run.audited
    if isinstance(found, str):
        st.warning(plain(found))
    elif found is not None:
        show_audited(found)
    if may(Action.DOWNLOAD_ROWS) and len(view.run.predictions) >= FEWEST_DRAWN["simple"]:
        plan_and_draw(view)
    if may(Action.CHANGE_STUDY):
        take_back(view, kept_at)


def show_audited(found: AuditRecord) -> None:
    """The audited share in words, with what is unusual about the sample."""
    st.success(plain(audited_in_words(found)))
    for note in found["notes"]:
        st.caption(plain(note))


def plan_and_draw(view: RunAtThreshold) -> None:
    """How many accounts the wished width takes, and the file to fill in."""
    total = len(view.run.predictions)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        width = st.slider(
            "Wished width of the interval, in points",
            4,
            50,
            20,
            2,
            key="audit_width",
            width=300,
            help="20 is 10 points to either side.",
        )
        alone = accounts_needed(width / 100, total)
        size = st.number_input("Accounts to draw", 2, total, alone, key=f"audit_size_{alone}", width=140)
        design: Design = st.selectbox("Drawn", DESIGNS, format_func=DESIGNS.__getitem__, key="audit_design", width=300)
        seed = st.number_input("Seed", 0, value=2021, key="audit_seed", width=110, help="The same one draws the same.")
        draw_button(view, int(size), int(seed), design)
    st.caption(plain(needed_in_words(view, width, alone)))


def needed_in_words(view: RunAtThreshold, width: int, alone: int) -> str:
    """How many accounts a width takes, without the model and with it."""
    total = len(view.run.predictions)
    text = f"An interval of {width} points takes at most {count(alone, 'account')} of {number(total)} to label"
    if view.judged is None:
        return f"{text}, whatever the share and the model."
    left = variance_left(view.judged.known.at_least, view.judged.known.probability)
    helped = accounts_needed(width / 100, total, left=left)
    return (
        f"{text}, whatever the share and the model; about {number(helped)} if the model is as good on these accounts "
        "as on the labelled ones. A larger sample with the same seed holds the smaller one, so that one can go on."
    )


def draw_button(view: RunAtThreshold, size: int, seed: int, design: Design) -> None:
    """Gives the sample away; it names accounts, or nobody could look them up."""

    def drawn() -> str:
        draw, names = draw_sample(view.run.predictions, size, seed, design)
        return sample_as_csv(names, draw)

    is_small = size < FEWEST_DRAWN[design]
    st.download_button(
        "Draw and download",
        acting(Action.DOWNLOAD_ROWS, f"an audit sample of {view.run.name}, names and no captions", drawn),
        f"audit-{view.run.name}-{size}.csv",
        "text/csv",
        icon=":material/casino:",
        disabled=is_small,
        help=f"This way of drawing needs at least {FEWEST_DRAWN[design]} accounts." if is_small else None,
        on_click="ignore",
    )


def take_back(view: RunAtThreshold, kept_at: Path) -> None:
    """Upload a sample with ages, which is kept with the predictions and takes the place of an earlier one."""
    upload = st.file_uploader(
        "The sample, filled in",
        type=["csv", "tsv", "txt"],
        max_upload_size=MOST_KEPT_MB,
        key="audit_upload",
        help=f"Ages as 24 or 24.5, at least 21, under 21, 18-24, or {UNTOLD}. It takes the place of an earlier one.",
    )
    if upload is None or st.session_state.get("audit_taken") == (upload.file_id, view.run.name):
        return
    act(Action.CHANGE_STUDY, f"uploaded an audit sample of {view.run.name}")
    try:
        keep_audit(view.run.predictions, upload.getvalue(), upload.name, view.cutoff, kept_at)
    except AgeScopeError as error:
        st.error(plain(error))
        return
    st.session_state.audit_taken = (upload.file_id, view.run.name)
    st.rerun()
