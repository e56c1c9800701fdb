"""What stands around every page: who may see it, the navigation, the title, and what runs now."""

import math
from contextlib import suppress
from typing import Any

import streamlit as st

from core.errors import AgeScopeError
from core.privacy.roles import Action
from core.settings import PROJECT_DIR, study_names
from pages.parts.job_widgets import running_work
from pages.parts.sign_in import here, may, require, sign_in
from pages.parts.study import study_title
from pages.parts.study_menu import choose_study, keep_in_address, menu_of_studies, offer_studies

GONE = """<style>
.gone { display: none; }
body:has([data-testid=stConnectionStatus]) .gone {
  display: block; visibility: hidden; animation: gone 0s 3s forwards;
  position: fixed; inset: auto 0 0 0; z-index: 2000000;
  padding: 0.75rem 1rem; background: #7A2E0B; color: #FFFFFF; text-align: center;
}
@keyframes gone { to { visibility: visible; } }
body:has([data-testid=stConnectionStatus]) [role=dialog] pre { display: none; }
</style>
<div class="gone" role="status">The dashboard does not answer: it was stopped, or the network is gone. What was
collected and computed is safe, and jobs go on. Start it again as it was started (streamlit run app.py); this page then
comes back by itself.</div>"""
"""Shown by the browser once the server has been gone for three seconds; Streamlit alone names a script of its own."""

PHONES = """@media (max-width: 640px) {
  [data-testid=stToolbar] > div > div:last-child { min-width: 0; }
}"""
"""Streamlit keeps 200 pixels for its menu, for the last of which a phone has no room."""

FOR_EVERYBODY = frozenset({"Overview", "Results", "Settings"})
"""Pages that a viewer has too, and that leave out by themselves what one may not see; any other is an operator's."""

WHOLE_NUMBERS = ("cutoff", "least", "age_from", "age_to")
"""Of the address."""

PAGES = (
    ("overview", "home", "Where the study stands, what runs now, and the next step."),
    ("collect", "download", "Upload a user list and collect public posts, or import files."),
    ("posts", "article", "Browse and search the collected accounts and their posts."),
    ("label", "edit_note", "Read accounts one at a time and say their ages, alone or with others."),
    ("train", "model_training", "Upload labels and train a classifier."),
    ("results", "insights", "Predict, and see accuracy, distributions and every account."),
    ("jobs", "list_alt", "Everything that runs or ran in the background."),
    ("erase", "person_remove", "Erase a person who asks for it, from everything."),
    ("settings", "settings", "Where things lie, what is installed, and a diagnostic file."),
)
"""File, icon and help of every page, in their order; a page's title is the name of its file."""


def draw_frame() -> None:
    """Draw the frame and, inside it, the page that was asked for."""
    st.set_page_config(page_title="AgeScope", page_icon=PROJECT_DIR / "docs" / "icon.svg", layout="wide")
    st.logo(PROJECT_DIR / "docs" / "logo.svg", size="large")
    # white, which Streamlit takes, is hard to read on the accent that can be read on a dark page
    st.html("<style>[data-testid^=stBaseButton-primary]:enabled { color: light-dark(#FFFFFF, #0B1519); }</style>")
    st.html(f"<style>{PHONES}</style>")
    st.html(GONE)
    leave_out_what_is_no_number()
    try:
        choose_study()
        shown = here() is not None
    except AgeScopeError as error:
        st.error(str(error), title="AgeScope cannot start", icon=":material/error:")
        st.stop()

    page = st.navigation(
        [page for page in all_pages() if page.title in FOR_EVERYBODY or not shown or may(Action.SEE_ACCOUNTS)],
        position="top" if shown else "hidden",
    )
    if not shown:
        sign_in()
        offer_studies()
        st.stop()

    st.session_state.framed = True  # see pages.parts.components.in_frame
    st.session_state.empty_at = None  # see pages.parts.components.empty_state
    draw_head(page.title)
    try:
        require(Action.SEE_SHARES if page.title in FOR_EVERYBODY else Action.SEE_ACCOUNTS)
        running_work(page.title)
        page.run()
    except AgeScopeError as error:
        st.error(str(error), title="This did not work", icon=":material/error:")


def leave_out_what_is_no_number() -> None:
    """Take out of the address what Streamlit would make a whole number of, and cannot: 1e999, nan."""
    for name in WHOLE_NUMBERS:
        with suppress(ValueError):
            if not math.isfinite(float(st.query_params.get(name, "0"))):
                del st.query_params[name]
                st.rerun()


def draw_head(title: str) -> None:
    """The page's title, with the other studies beside it where there are some; both are in the browser's title."""
    st.set_page_config(page_title=f"{title} · {study_title()} · AgeScope")
    if len(study_names()) == 1:
        st.title(title)
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title(title, width="stretch")
        menu_of_studies()
    keep_in_address()


def all_pages() -> list[Any]:
    """The pages, in their order; the first one is where the dashboard begins."""
    return [
        st.Page(f"pages/{file}.py", title=file.capitalize(), icon=f":material/{icon}:", help=about, default=at == 0)
        for at, (file, icon, about) in enumerate(PAGES)
    ]
