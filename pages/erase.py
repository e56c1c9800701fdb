import streamlit as st

from core.errors import AgeScopeError
from core.maintenance.delete_accounts import forget
from core.maintenance.studies import studies_with
from core.privacy.roles import Action
from core.settings import settings_of
from core.storage.usernames import canonical_username
from core.utils.formatting import count, plain
from pages.parts.components import in_frame
from pages.parts.index_access import open_store
from pages.parts.sign_in import act, require, who_is_in

in_frame()


def names_asked() -> set[str]:
    """The canonical names of those who are to be erased."""
    text = st.text_area(
        "Accounts, one a line",
        key="whom",
        height=100,
        help="What their owners are called on Instagram, with or without @, or the addresses of their profiles.",
    )
    st.button("Show what would go", icon=":material/search:")  # leaving the field is what a press of it does
    return {canonical_username(line.strip().lstrip("@")) for line in text.splitlines() if line.strip()}


def studies_to_search(names: set[str]) -> list[str]:
    """The studies that know one of them, of those in which whoever looks may erase."""
    known = studies_with(names)
    mine = [name for name in known if (person := who_is_in(name)) and person.may(Action.FORGET)]
    if others := len(known) - len(mine):
        st.warning(f"{count(others, 'other study')} of other people know them as well. Ask whoever runs these.")
    return mine


def show_what_would_go(names: set[str], studies: list[str]) -> None:
    """Everything that would be changed, study by study, before anything is."""
    for study in studies:
        st.markdown(f"**In the study {plain(study)}**")
        for sentence in dict.fromkeys(forget(names, settings_of(study), really=False)):
            st.markdown(f"- {plain(sentence)}")


def erase(names: set[str], studies: list[str]) -> None:
    """Erase them in each study, and say what was done and what a search found afterwards."""
    act(Action.FORGET, count(len(names), "account"))
    for study in studies:
        st.markdown(f"**In the study {plain(study)}**")
        try:
            settings = settings_of(study)
            with st.spinner("Erasing, and searching for what is left …"):
                told = forget(names, settings, make_index_anew=open_store(settings).rebuild)
            for sentence in dict.fromkeys(told):  # a run's further cutoffs have a file beside it
                st.markdown(f"- {plain(sentence)}")
        except AgeScopeError as error:
            st.error(plain(error))


require(Action.FORGET)
st.markdown(
    "When a person asks for it, everything that names their account goes: its file, lists, labels, predictions, "
    "what coders said of it, models' records, reports of jobs, and what was removed before. Then every file is "
    "searched for the name and for words that only this account used, and what is found is said."
)
names = names_asked()
if names:
    studies = studies_to_search(names)
    if not studies:
        st.info("No study here knows them: there is nothing to erase.")
    else:
        plan = st.empty()  # gives its place to what was done
        with plan.container():
            show_what_would_go(names, studies)
            st.caption("Models cannot unlearn; those that learnt from them are named, to be trained again or removed.")
            sure = st.checkbox(f"Erase {count(len(names), 'account')} for good; this cannot be undone", key="sure")
            is_asked = st.button("Erase", type="primary", icon=":material/person_remove:", disabled=not sure)
        if is_asked:
            plan.empty()
            erase(names, studies)
