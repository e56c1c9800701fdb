"""How a tab comes to its study, and the way from one study to another."""

from html import escape
from urllib.parse import urlencode

import streamlit as st

from core.privacy.study_settings import read_study
from core.settings import get_settings, settings_of, study_names
from core.utils.formatting import plain
from pages.parts.sign_in import who_is_in
from pages.parts.study import PARAMETER, SESSION_KEY, study_title


def choose_study() -> None:
    """Settle which study the session is of: that of the address.

    Stops the page where the address names none that there is, or another than the session's.
    """
    first = get_settings().study
    asked = st.query_params.get(PARAMETER, st.session_state.get(SESSION_KEY, first))
    if asked not in study_names():
        st.error(f"There is no study {plain(asked[:60])} here.", icon=":material/folder_off:")
        offer_studies()
        st.stop()
    if st.session_state.setdefault(SESSION_KEY, asked) != asked:
        _begin_anew(asked)


def menu_of_studies() -> None:
    """The studies of whoever looks, behind the name of the one that they look at."""
    with st.popover(plain(study_title()), icon=":material/folder_open:", type="tertiary", key="studies"):
        st.caption("Studies")
        offer_studies()


def offer_studies(names: list[str] | None = None) -> None:
    """Links to studies, those that whoever looks may see; plain ones, since only these make the browser begin anew."""
    offered = [name for name in names or study_names() if who_is_in(name) is not None]
    if not offered:
        return
    rows = (f'<li><a href="./?study={escape(name)}">{escape(_title_of(name))}</a></li>' for name in offered)
    st.html(f"<ul>{''.join(rows)}</ul>")


def keep_in_address() -> None:
    """Keep the study in the address, whatever link is followed inside the dashboard."""
    st.text_input("Study", get_settings().study, key=PARAMETER, bind="query-params", label_visibility="collapsed")
    st.html(f"<style>.st-key-{PARAMETER} {{ display: none; }}</style>")


def _title_of(name: str) -> str:
    return read_study(settings_of(name)).title or name


def _begin_anew(study: str) -> None:
    """Make the browser open the other study, where nothing of this one is left."""
    place = f"?{urlencode({PARAMETER: study})}"
    st.html(f"<script>location.replace({place!r})</script>", unsafe_allow_javascript=True)
    st.stop()
