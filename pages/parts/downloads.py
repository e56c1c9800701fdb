"""What leaves the dashboard as a file of rows: pseudonyms for names and no captions, unless somebody asks for them."""

from collections.abc import Callable
from functools import partial
from typing import Literal

import pandas as pd
import streamlit as st

from core.privacy.exports import Content, shareable
from core.privacy.pseudonyms import open_pseudonyms
from core.privacy.roles import Action
from core.utils.formatting import count
from core.utils.tables import safe_csv
from pages.parts.index_access import the_store
from pages.parts.sign_in import act, acting, may
from pages.parts.study import the_settings

HELP = (
    "Of what is downloaded; the page shows names in any case. Pseudonyms are the same in every file of the study; "
    "`python -m core pseudonyms` tells whoever has the study's key whose they are. Names and captions are personal "
    "data: they should not leave the study without need."
)


def choose_content(key: str, has_captions: bool = False) -> Content:
    """Whether files hold names and captions; ``key`` tells the fields of several places apart."""
    names = st.toggle("Names in the file", key=f"{key}_names", help=HELP)
    captions = has_captions and st.toggle(
        "Captions in the file",
        key=f"{key}_captions",
        help="Without names, mentions, addresses, telephone numbers and short codes in captions become pseudonyms. "
        "Who has a caption can still search for its words.",
    )
    return Content(names, captions)


def in_words(content: Content) -> str:
    """What a file holds, for the log."""
    return " and ".join(["names" if content.names else "pseudonyms", "captions" if content.captions else "no captions"])


def download_table(
    label: str,
    make: Callable[[], pd.DataFrame],
    file_name: str,
    content: Content,
    *,
    as_file: Callable[[pd.DataFrame], bytes] = safe_csv,
    mime: str = "text/csv",
    icon: str = ":material/table:",
    type: Literal["primary", "secondary", "tertiary"] = "secondary",
    help: str | None = None,
    at_once: bool = False,
) -> None:
    """A button that gives a table away, for those who may have it; made when it is pressed.

    Args:
        label: of the button.
        make: the whole table.
        file_name: without a name of an account.
        content: what of the table may be in the file.
        as_file: how a table becomes a file.
        mime: its kind.
        icon: of the button.
        type: of the button.
        help: of the button.
        at_once: make it when the button is drawn. In a fragment that is drawn anew by itself, Streamlit may throw
            away what it makes later before the browser has fetched it.
    """
    if not may(Action.DOWNLOAD_ROWS):
        return

    def file() -> bytes:
        return as_file(allowed_of(make(), content))

    about = f"{label.lower()}, {in_words(content)}"
    st.download_button(
        label,
        file() if at_once else acting(Action.DOWNLOAD_ROWS, about, file),
        file_name,
        mime,
        icon=icon,
        type=type,
        help=help,
        on_click=partial(act, Action.DOWNLOAD_ROWS, about) if at_once else "ignore",
    )


def allowed_of(table: pd.DataFrame, content: Content) -> pd.DataFrame:
    """The part of a table that may leave with ``content``."""
    needs_names = content.captions and not content.names
    known = the_store().usernames() if needs_names else frozenset[str]()
    return shareable(table, content, open_pseudonyms(the_settings()), known)


def left_out(table: pd.DataFrame, content: Content) -> str:
    """Which columns a file will not hold, as a sentence; nothing where it holds all."""
    kept = allowed_of(table.head(1000), content).columns
    gone = [str(column) for column in table.columns if column not in kept]
    return f"The files leave out {count(len(gone), 'column')}: {', '.join(gone)}." if gone else ""
