"""What several pages draw or need; the pages themselves are scripts read from top to bottom."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.elements.lib.mutable_tab_container import TabContainer
from streamlit.runtime.pages_manager import PagesManager

from core.privacy.exports import Content
from core.privacy.roles import Action
from core.storage.user_lists import UserList, why_rejected
from core.utils.formatting import count, number, plain
from pages.parts.downloads import download_table
from pages.parts.index_access import the_store
from pages.parts.sign_in import may

SHOWN_REJECTED = 1_000


def in_frame() -> None:
    """See to it that app.py runs around the page; every page calls it first.

    Until st.navigation has run once in a process, Streamlit takes a folder named pages/ for its older
    way of making apps, in which a first visitor to /collect, or a tab left open while the dashboard
    was started anew, would get that page alone.
    """
    if not st.session_state.get("framed"):
        PagesManager.uses_pages_directory = False
        st.rerun()


def safe_stem(upload_name: str, fallback: str) -> str:
    """The name of an upload without its ending and without anything a path could be made of."""
    return re.sub(r"[^\w-]+", "_", Path(upload_name).stem).strip("_")[:60] or fallback


def show_rejected(users: UserList, noun: str = "line", key: str = "") -> None:
    """The lines (or what else of them is a ``noun``) that cannot be used, with their reasons, behind a click.

    ``key`` tells it from another of that noun on the same page.
    """
    if not users.rejected:
        return
    with st.expander(f"{count(len(users.rejected), noun)} not usable: show why"):
        for reason, lines in why_rejected(users).items():
            st.markdown(f"- {count(lines, noun)}: {plain(reason)}")
        rows = [(rejected.line, rejected.text[:100], rejected.reason) for rejected in users.rejected[:SHOWN_REJECTED]]
        table = pd.DataFrame(rows, columns=["line", "text", "reason"])
        st.dataframe(table, hide_index=True, alt=f"Each {noun} that cannot be used, with the reason")
        if len(users.rejected) > SHOWN_REJECTED:
            st.caption(f"The first {number(SHOWN_REJECTED)} are shown.")
        download_left_out(pd.DataFrame(users.rejected, columns=["line", "text", "reason"]), key or noun)


def download_left_out(table: pd.DataFrame, key: str) -> None:
    """A button that gives away what was left out, with line numbers and reasons, and what stands there if asked for."""
    with st.container(horizontal=True, vertical_alignment="center"):
        is_whole = st.toggle("With what stands there", key=f"left_out_{key}", help="It may be names and captions.")
        content = Content(names=is_whole, captions=is_whole)
        download_table("Download what was left out", lambda: table, f"left-out-{key}.csv", content)


def empty_state(message: str, page: str, label: str) -> None:
    """Say what is missing and link to where it is made; the page comes back by itself when that is there."""
    st.session_state.empty_at = the_store().version
    with st.container(border=True, horizontal_alignment="center"):
        st.markdown(message, text_alignment="center", width="content")
        if may(Action.SEE_ACCOUNTS):  # a viewer has no such page
            st.page_link(page, label=label, icon=":material/arrow_forward:")


@contextmanager
def folded_on_phones(key: str) -> Iterator[None]:
    """What a phone shows only where :func:`unfold_on_phones` is switched on; wider screens show it always."""
    with st.container(key=f"{key}_{'shown' if st.session_state.get('unfolded') else 'folded'}"):
        yield


def unfold_on_phones(label: str, *keys: str) -> None:
    """A switch, on phones alone, for what is :func:`folded_on_phones` under these keys."""
    st.toggle(label, key="unfolded")
    folded = ", ".join(f".st-key-{key}_folded" for key in keys)
    on_phones = f"{folded} {{ display: none; }} .st-key-unfolded {{ display: flex; }}"
    st.html(f"<style>.st-key-unfolded {{ display: none; }} @media (max-width: 640px) {{ {on_phones} }}</style>")


def tabs_in_address(names: Sequence[str], key: str) -> Sequence[TabContainer]:
    """Tabs of which the open one stands in the address under ``key``; a change of tab is a step that Back undoes.

    Streamlit's own binding of widgets to the address replaces the step before.
    """
    asked = st.query_params.get(key, names[0])
    if asked not in names:
        st.warning(f"There is no tab {plain(asked[:40])} here.")
        del st.query_params[key]
    st.session_state[key] = asked if asked in names else names[0]
    return st.tabs(names, key=key, on_change=_tab_into_address, args=(key, names[0]))


def _tab_into_address(key: str, first: str) -> None:
    if st.session_state[key] == first:
        st.query_params.pop(key, None)
    else:
        st.query_params[key] = st.session_state[key]


def choose_in_address(
    label: str,
    names: Sequence[str],
    key: str,
    titles: Mapping[str, str],
    missing: str,
    *,
    changed: Callable[[], None] | None = None,
    width: int,
) -> str:
    """The one of ``names`` that the address has under ``key``, else the first; it stands there, for links.

    Streamlit's own binding of a field to the address writes the title there, and a link by name opens the first.

    Args:
        label: of the field.
        names: what to choose from, at least one.
        key: of the field, and in the address.
        titles: how each is called, of others too that are not to be chosen now.
        missing: said with the name in place of ``{}`` where the address asks for what has no title.
        changed: called when another is chosen.
        width: of the field in pixels.
    """
    asked = st.query_params.get(key)
    if asked in names:
        st.session_state[key] = asked
    elif asked:
        if asked not in titles:
            st.warning(missing.format(plain(asked[:100])))
        st.query_params.pop(key)
    if st.session_state.get(key) not in names:
        st.session_state[key] = names[0]
    name: str = st.selectbox(
        label,
        names,
        format_func=titles.__getitem__,
        key=key,
        width=width,
        on_change=_choice_into_address,
        args=(key, changed),
    )
    if st.query_params.get(key) != name:
        st.query_params[key] = name
    return name


def _choice_into_address(key: str, changed: Callable[[], None] | None) -> None:
    st.query_params[key] = st.session_state[key]
    if changed:
        changed()


def table_key(name: str) -> str:
    """The key of a table in which a click on a cell opens something; see :func:`close`."""
    return f"{name}_{st.session_state.get('closed', 0)}"


def chosen_in(key: str) -> Any | None:
    """What was just chosen in a table or chart with a key of :func:`table_key`; for its ``on_select``.

    None for one that has begun anew since: a browser that has not drawn the new one yet sends the old one's choice
    once more with its next request, a timer's for one, and that would open what was just closed.
    """
    return st.session_state[key].selection if key == table_key(key.rpartition("_")[0]) else None


def clicked_row(key: str) -> int | None:
    """The row of a table with single-cell selection that was just clicked; for its ``on_select``."""
    chosen = chosen_in(key)
    return int(chosen.cells[0][0]) if chosen and chosen.cells else None


def close(parameter: str) -> None:
    """Take what was opened out of the address; its table begins anew, so that the same cell can be clicked again."""
    st.query_params.pop(parameter, None)
    st.session_state["closed"] = st.session_state.get("closed", 0) + 1
