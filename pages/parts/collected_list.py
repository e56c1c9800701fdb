"""The accounts behind a click on Overview: those of an outcome or a day. Viewers get the count."""

from dataclasses import replace

import streamlit as st

from core.index import Filter
from core.models.settings import DEFAULT_CUTOFF
from core.privacy.roles import Action
from core.reporting.collected_lists import collected_behind
from core.utils.formatting import count, plain
from pages.parts.clicks import BEHIND, label_these
from pages.parts.components import clicked_row, close, table_key
from pages.parts.downloads import choose_content, download_table
from pages.parts.index_access import the_store
from pages.parts.sign_in import may
from pages.parts.study import here, the_study

PAGE_ROWS = 50
TABLE_HEIGHT = 390
OPENED = "opened_from_overview"


def show_collected_behind() -> None:
    """What was clicked, as the address says it, with its accounts; nothing where nothing was."""
    found = collected_behind(st.query_params.get(BEHIND, ""))
    if found is None:
        return
    with st.container(border=True, key="collected_behind"):
        with st.container(horizontal=True, vertical_alignment="center"):
            accounts = the_store().count_accounts(found.chosen)
            st.markdown(f"**{count(accounts, 'account')}** · {plain(found.title)}", width="stretch")
            st.button("Close", icon=":material/close:", type="tertiary", on_click=close, args=(BEHIND,))
        if may(Action.SEE_ACCOUNTS) and accounts:
            _list(found.chosen, accounts, found.file_stem)


def _list(chosen: Filter, accounts: int, name: str) -> None:
    """A page of the accounts, of which a click opens one on Posts; below it what can be done with all of them.

    Args:
        chosen: what finds them.
        accounts: how many they are.
        name: of their file.
    """
    store = the_store()
    pages = -(-accounts // PAGE_ROWS)
    page = st.pagination(pages, key=f"collected_page_{hash(chosen)}") if pages > 1 else 1
    shown = store.accounts(chosen, limit=PAGE_ROWS, offset=(page - 1) * PAGE_ROWS)
    place = table_key(f"collected_{hash(chosen)}_{page}")
    st.dataframe(
        shown[["username", "outcome", "posts", "language", "age", "collected_at"]],
        hide_index=True,
        height=TABLE_HEIGHT if len(shown) > 10 else "content",
        on_select=lambda: _open(place, shown["username"].tolist()),
        selection_mode="single-cell",
        key=place,
        alt="Accounts behind what was clicked; a click on one opens it",
        placeholder="–",
        column_config={
            "username": st.column_config.TextColumn("account", width=150),
            "posts": st.column_config.NumberColumn("posts", format="localized"),
            "age": st.column_config.NumberColumn("known age", help="in years"),
            "collected_at": st.column_config.DatetimeColumn("collected (UTC)", format="D MMM YYYY, HH:mm"),
        },
    )
    if username := st.session_state.pop(OPENED, None):
        st.switch_page("pages/posts.py", query_params=here(account=username))
    with st.container(horizontal=True, vertical_alignment="center"):
        content = choose_content("collected")
        download_table("Export list", lambda: store.accounts(chosen, limit=accounts), f"accounts-{name}.csv", content)
        readable = replace(chosen, min_posts=1)
        if store.count_accounts(readable):  # nobody can label an account by nothing
            label_these(
                lambda: store.accounts(readable, limit=accounts)["username"],
                None,
                the_study().cutoff or DEFAULT_CUTOFF,
                "collected",
            )


def _open(place: str, usernames: list[str]) -> None:
    """Note whose posts were asked for; the page, drawn next, leads there."""
    row = clicked_row(place)
    if row is not None:
        st.session_state[OPENED] = usernames[row]
