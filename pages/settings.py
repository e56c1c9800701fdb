import orjson
import pandas as pd
import streamlit as st

from core.encoder.devices import devices
from core.encoder.pretrained import available_encoders
from core.maintenance.diagnostics import OPTIONAL, PACKAGES, diagnostics, installed, settings_in_words
from core.privacy.action_log import first_changed_line, latest
from core.privacy.roles import LOCAL, Action
from core.privacy.study_settings import change_study, read_study
from core.reporting.protocol import protocol, study_facts
from core.settings import get_settings
from core.utils.formatting import number, plain
from pages.parts.components import in_frame
from pages.parts.index_access import the_store
from pages.parts.sign_in import act, acting, require, sign_out

in_frame()

SETTINGS = get_settings()


@st.cache_data(max_entries=2, ttl=60, show_spinner="Gathering …")
def gathered(version: int, folder: str) -> bytes:
    return orjson.dumps(diagnostics(SETTINGS, the_store().counts()), option=orjson.OPT_INDENT_2)


def show_log() -> None:
    """Who did what, the latest first, and whether the log is as it was written."""
    changed = first_changed_line(SETTINGS)
    if changed is not None:
        st.warning(f"Line {number(changed)} does not follow on the one before: something in the log was changed.")
    entries = pd.DataFrame(latest(SETTINGS), columns=["at", "who", "role", "did", "about"])
    st.dataframe(entries, hide_index=True, height=320, placeholder="", alt="Actions, the latest first")
    st.caption(
        "Lines are only ever added to it. Accounts stand there by their pseudonyms, so that it outlives their removal."
    )


FIELDS = {
    "title": "Title of the study",
    "institution": "Institution",
    "responsible": "Responsible people",
    "contact": "Contact for the people in the data",
    "purpose": "Purpose",
    "legal_basis": "Legal basis",
    "review_board": "Review board and number",
}
AT_LENGTH = ("purpose", "legal_basis")


def edit_study() -> None:
    """What the study's people say of it, until when its data are kept, and the drafts that come of it."""
    study = read_study(SETTINGS)
    with st.form("study", border=False):
        said = {
            name: (st.text_area if name in AT_LENGTH else st.text_input)(label, getattr(study, name), max_chars=2_000)
            for name, label in FIELDS.items()
        }
        until = st.date_input(
            "Data are kept until",
            study.keep_until,
            help="From 30 days before, Overview reminds of it. Nothing is removed by itself.",
        )
        if st.form_submit_button("Save", icon=":material/save:"):
            act(Action.CHANGE_STUDY, "said something else of the study")
            change_study(SETTINGS, **said, keep_until=until)
            st.toast("Saved", icon=":material/check:")
    st.download_button(
        "Drafts for a review board and of an impact assessment",
        acting(Action.DOWNLOAD_FIGURES, "drafts", lambda: protocol(study_facts(SETTINGS))),
        "protocol.md",
        "text/markdown",
        icon=":material/gavel:",
        help="From what stands above and what the study's files say; the rest is left as questions. No legal advice.",
        on_click="ignore",
    )


person = require(Action.SEE_SHARES)
if person is not LOCAL:
    st.markdown("**Signed in**")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.text(f"{person.name}, {person.role}")
        sign_out()
if not person.may(Action.MAINTAIN):
    st.caption("The settings of the study are for its operators.")
    st.stop()

st.markdown("**Study folder**")
st.code(str(SETTINGS.data_dir), language=None, wrap_lines=True)

with st.expander("About this study", icon=":material/edit_note:", key="about", on_change="rerun") as about:
    if about.open:
        edit_study()

st.subheader("Environment")
st.caption(
    "Read from environment variables when the dashboard starts; secrets also from .streamlit/secrets.toml. "
    "Of secrets only whether they are set is shown."
)
st.dataframe(pd.DataFrame(settings_in_words(SETTINGS)), hide_index=True, alt="Settings with their values")

left, right = st.columns(2, gap="large")
with left:
    st.subheader("Devices and encoders")
    for device in devices():
        if device.available:
            st.badge(device.name, icon=":material/check:", color="green")
        else:
            st.caption(f"{device.name} is not offered: {plain(device.note)}")
    encoders = pd.DataFrame(
        [(choice.name, choice.note) for choice in available_encoders()], columns=["encoder", "note"]
    )
    st.dataframe(encoders, hide_index=True, alt="Encoders that can be chosen")
with right:
    st.subheader("Versions")
    rows = [(name, installed(name) or "not installed", OPTIONAL.get(name, "")) for name in (*PACKAGES, *OPTIONAL)]
    st.dataframe(
        pd.DataFrame(rows, columns=["package", "version", "needed for"]),
        hide_index=True,
        height="content",
        alt="Versions of packages",
    )

st.subheader("When something does not work")
st.caption(
    "The file holds versions, counts and states of jobs; no secrets, names, captions, logs or paths. Look into it."
)
if st.button("Gather a diagnostic file", icon=":material/troubleshoot:"):
    act(Action.MAINTAIN, "gathered a diagnostic file")
    st.download_button(
        "Diagnostic file",
        data=gathered(the_store().version, str(SETTINGS.data_dir)),
        file_name="agescope-diagnostics.json",
        mime="application/json",
        icon=":material/download:",
        on_click="ignore",
    )

with st.expander("Who did what", icon=":material/history:", key="log", on_change="rerun") as log:
    if log.open:
        show_log()
