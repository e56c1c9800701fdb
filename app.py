"""AgeScope's dashboard: ``streamlit run app.py``."""

import streamlit as st
from streamlit import runtime

from core.errors import AgeScopeError
from core.utils.formatting import plain

UNFORESEEN = (
    "AgeScope met an error that nobody foresaw. Nothing that is collected, labelled or computed is lost, and jobs go "
    "on. Reload the page. Should it come again, the terminal in which the dashboard was started says why, and "
    "Settings has a diagnostic file for whoever mends it."
)


def in_our_words(error: Exception) -> bool:
    """Say what failed, and what to do, where Streamlit would show a box of its own.

    Streamlit has logged the traceback by then. Beside the pages, their fragments and callbacks
    end here too, of which no ``try`` around a page would know.
    """
    if isinstance(error, AgeScopeError):
        st.error(plain(error), title="This did not work", icon=":material/error:")
    else:
        st.error(UNFORESEEN, title="Something went wrong", icon=":material/error:")
    return True


if runtime.exists():  # a visitor's page is drawn
    from pages.parts.frame import draw_frame

    draw_frame()
else:  # the server is started, which then runs this file again for every visitor
    from starlette.middleware import Middleware

    from pages.parts.gate import Gate

    app = st.App("app.py", on_script_error=in_our_words, middleware=[Middleware(Gate)])
