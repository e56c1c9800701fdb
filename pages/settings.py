import re
import unicodedata
from datetime import date
from typing import TypedDict

import orjson
import pandas as pd
import streamlit as st

from core.encoder.devices import devices
from core.encoder.pretrained import available_encoders
from core.errors import AgeScopeError
from core.maintenance.arguments import NewStudyArguments
from core.maintenance.diagnostics import OPTIONAL, PACKAGES, diagnostics, installed, settings_in_words
from core.maintenance.pack_study import packed_study
from core.maintenance.studies import list_studies, new_study
from core.models.settings import DEFAULT_CUTOFF
from core.privacy.action_log import first_changed_line, latest
from core.privacy.roles import LOCAL, Action
from core.privacy.study_settings import Study, change_study, read_study
from core.reporting.protocol import protocol, study_facts
from core.utils.formatting import count, number, plain, size
from pages.parts.components import in_frame
from pages.parts.index_access import the_store
from pages.parts.sign_in import act, acting, allowed, require, sign_out, who_is_in
from pages.parts.study import cached, the_settings
from pages.parts.study_menu import offer_studies

in_frame()

SETTINGS = the_settings()


@cached(max_entries=2, ttl=60, show_spinner="Gathering …")
def gathered(version: int, folder: str) -> bytes:
    return orjson.dumps(diagnostics(SETTINGS, the_store().counts()), option=orjson.OPT_INDENT_2)


def show_log() -> None:
    """Who did what, the latest first, and whether the log is as it was written."""
    changed = first_changed_line(SETTINGS)
    if changed is not None:
        st.warning(f"Line {number(changed)} does not follow on the one before: something in the log was changed.")
    columns = ["at", "who", "role", "did", "about"]
    entries = pd.DataFrame([entry.model_dump() for entry in latest(SETTINGS)], columns=columns)
    st.dataframe(entries, hide_index=True, height=320, placeholder="", alt="Actions, the latest first")
    st.caption(
        "Lines are only ever added to it. Accounts stand there by their pseudonyms, so that it outlives their removal."
    )


FIELDS = {
    "title": "Title of the study",
    "question": "Question",
    "institution": "Institution",
    "responsible": "Responsible people",
    "contact": "Contact for the people in the data",
    "purpose": "Purpose",
    "legal_basis": "Legal basis",
    "review_board": "Review board and number",
}
AT_LENGTH = ("question", "purpose", "legal_basis")
PEOPLE_HELP = (
    "Mail addresses with commas between, =viewer after one who sees shares and charts only. It can only leave out "
    "people of those who may sign in, and make viewers of operators. Empty: all who may sign in."
)


class Said(TypedDict, total=False):
    """What of a study only these two fields ask: the age, and who may see it."""

    cutoff: float | None
    people: str


def cutoff_and_people(study: Study) -> Said:
    """The age that the study asks about, and who may see it; the latter only where people can be told apart."""
    cutoff = st.number_input(
        "Cutoff (years)", 6.0, 119.0, study.cutoff, 1.0, format="%g", placeholder=f"{DEFAULT_CUTOFF:g}", width=160
    )
    if person is LOCAL:
        return {"cutoff": cutoff}
    return {"cutoff": cutoff, "people": st.text_area("Who may see it", study.people, max_chars=2_000, help=PEOPLE_HELP)}


def save_study(said: dict[str, object]) -> None:
    """Keep what is said, unless whoever says it would shut themselves out."""
    act(Action.CHANGE_STUDY, "said something else of the study")
    try:
        left = allowed(person, str(said.get("people", "")))
    except ValueError as error:
        st.error(f"This cannot be kept: {plain(error)}.")
        return
    if left is None or left.role != "operator":
        st.error("You would no longer be an operator of this study. Name your own address as well.")
        return
    change_study(SETTINGS, **said)
    st.toast("Saved", icon=":material/check:")


def begin_study() -> None:
    """Make a study beside the others, and lead there."""
    with st.form("new_study", border=False):
        title = st.text_input("Title", max_chars=2_000, key="new_title")
        name = st.text_input(
            "Name of its folder",
            max_chars=60,
            placeholder="made of the title",
            help="Small letters, digits, - and _; it stands in the addresses of its pages.",
        )
        question = st.text_area("Question", max_chars=2_000, key="new_question")
        cutoff = st.number_input("Cutoff (years)", 6.0, 119.0, DEFAULT_CUTOFF, 1.0, format="%g", width=160)
        until = st.date_input("Data are kept until", None, key="new_until")
        people = "" if person is LOCAL else st.text_area("Who may see it", person.name, help=PEOPLE_HELP)
        copies = st.checkbox("Take over the settings of this study", help="Institution, people, legal basis, routes …")
        if not st.form_submit_button("Make the study", type="primary", icon=":material/create_new_folder:"):
            return
    act(Action.CHANGE_STUDY, "made another study")
    day = until.isoformat() if until else ""
    source = SETTINGS.study if copies else ""
    folder = name.strip() or folder_of(title)
    try:
        made = new_study(NewStudyArguments(folder, title, question, cutoff, people, day, source))
    except AgeScopeError as error:
        st.error(plain(error))
        return
    st.success("The study is made.")
    offer_studies([made.study])


def folder_of(title: str) -> str:
    """The name of a folder made of a title: ``Pilot 2027`` becomes ``pilot-2027``."""
    letters = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", letters)[:60].strip("-")


def show_studies() -> None:
    """Every study that there is, with the way into each, and a form for a new one."""
    rows = [study for study in list_studies() if who_is_in(study.name)]
    table = [(each.title, each.study.question, each.study.keep_until, each.running, each.name) for each in rows]
    columns = ["study", "question", "kept until", "running", "folder"]
    st.dataframe(pd.DataFrame(table, columns=columns), hide_index=True, placeholder="–", alt="All studies")
    if len(rows) > 1:
        offer_studies()
    offer_packed()
    st.markdown("**A new study**")
    begin_study()


def offer_packed() -> None:
    """The study at hand in one file, for somebody who checks it."""
    st.markdown("**For somebody who checks this study**")
    st.caption(
        "One file with settings, splits, predictions, figures, versions and digests: pseudonyms for names, no "
        "captions. `python -m core unpack-study` checks that nothing in it was changed, and counts its runs again."
    )
    if not st.button("Pack this study", icon=":material/folder_zip:"):
        return
    act(Action.DOWNLOAD_ROWS, "packed the study")
    with st.spinner("Packing …"):
        content, files = packed_study(SETTINGS)
    st.download_button(
        "Download the packed study",
        content,
        f"agescope-{SETTINGS.study}-packed-{date.today():%Y-%m-%d}.zip",
        "application/zip",
        icon=":material/download:",
        help=f"{count(files, 'file')}, {size(len(content))}",
        on_click="ignore",
    )


def edit_study() -> None:
    """What the study's people say of it, until when its data are kept, and the drafts that come of it."""
    study = read_study(SETTINGS)
    with st.form("study", border=False):
        said = {
            name: (st.text_area if name in AT_LENGTH else st.text_input)(label, getattr(study, name), max_chars=2_000)
            for name, label in FIELDS.items()
        }
        said |= cutoff_and_people(study)
        until = st.date_input(
            "Data are kept until",
            study.keep_until,
            help="From 30 days before, Overview reminds of it. Nothing is removed by itself.",
        )
        if st.form_submit_button("Save", icon=":material/save:"):
            save_study(said | {"keep_until": until})
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

with st.expander(
    "Studies: pack this one for somebody who checks it, or make another",
    icon=":material/folder_open:",
    key="all_studies",
    on_change="rerun",
) as studies:
    if studies.open:
        show_studies()

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
