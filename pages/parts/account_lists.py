"""Accounts behind a figure or a filter: listed, opened, exported, sent to be labelled. Viewers get counts."""

from typing import Any

import pandas as pd
import streamlit as st

from core.privacy.roles import Action
from core.reporting.account_lists import AccountList, Figure, accounts_behind
from core.reporting.run_results import RunAtThreshold
from core.utils.formatting import count, plain
from pages.parts.clicks import BEHIND, label_these
from pages.parts.components import clicked_row, close, table_key
from pages.parts.downloads import choose_content, download_table
from pages.parts.results_details import show_account
from pages.parts.sign_in import may

PAGE_ROWS = 50
OPENED = "opened_in_list"
"""Of the session: the account that a click in a list opened, not a link."""
ROW_HEIGHT = 36
TABLE_HEIGHT = 420


def behind(view: RunAtThreshold) -> AccountList | None:
    """The accounts behind what was clicked, as the address says it."""
    everybody = bool(st.session_state.get("everybody"))
    return accounts_behind(view, st.query_params.get(BEHIND, ""), everybody)


def show_behind(view: RunAtThreshold, figure: Figure) -> None:
    """The accounts behind a part of ``figure`` that was clicked, under it; nothing where another was."""
    found = behind(view)
    if found is None or found.figure != figure:
        return
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{count(len(found.accounts), 'account')}** · {plain(found.title)}", width="stretch")
            st.button(
                "Close", icon=":material/close:", type="tertiary", key="close_behind", on_click=close, args=(BEHIND,)
            )
        if may(Action.SEE_ACCOUNTS) and len(found.accounts):
            if opens_here(found):
                show_account(st.query_params["why"], view)
            list_accounts(view, found.accounts, "behind")


def opens_here(found: AccountList) -> bool:
    """Whether the account that is open is one of these."""
    return st.query_params.get("why") in set(found.accounts["username"])


def list_accounts(view: RunAtThreshold, accounts: pd.DataFrame, key: str) -> None:
    """A page of accounts, of which a click opens one; below it what can be done with all of them.

    Args:
        view: the run.
        accounts: rows of it, in order.
        key: tells this list from another on the page.
    """
    pages = max(1, -(-len(accounts) // PAGE_ROWS))
    page = st.pagination(pages, key=f"{key}_page") if pages > 1 else 1
    rows = view.rows(accounts.iloc[(page - 1) * PAGE_ROWS : page * PAGE_ROWS].reset_index(drop=True))
    place = table_key(f"{key}_{view.run.name}_{page}")
    st.dataframe(
        rows[["username", "probability", "known_age", "called", "posts", "part"]],
        hide_index=True,
        height=min(TABLE_HEIGHT, ROW_HEIGHT * (len(rows) + 1) + 2),
        on_select=lambda: _open(place, rows),
        selection_mode="single-cell",
        key=place,
        alt="Accounts of the predictions; a click on one shows which captions moved its probability",
        placeholder="–",
        column_config=_columns(view.cutoff),
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        content = choose_content(key)
        download_table(
            "Export these" if key == "behind" else "Export list",  # both lists may stand on the page
            lambda: view.rows(accounts),
            f"{view.run.name}-list-of-{len(accounts)}.csv",
            content,
            help="These accounts with all that the page knows of each.",
        )
        label_these(lambda: accounts["username"], view.run.name, view.cutoff, key)


def _open(place: str, rows: pd.DataFrame) -> None:
    """Put the account of the cell that was clicked into the address."""
    row = clicked_row(place)
    if row is not None:
        st.query_params["why"] = st.session_state[OPENED] = rows["username"].iloc[row]


def _columns(cutoff: float) -> dict[str, Any]:
    return {
        "username": st.column_config.TextColumn("account", width=132),  # the first three stand on a phone
        "probability": st.column_config.ProgressColumn(
            f"at least {cutoff:g}",
            width=124,
            format="%.3f",
            min_value=0,
            max_value=1,
            help=f"The probability of being at least {cutoff:g}.",
        ),
        "known_age": st.column_config.NumberColumn("known age", width=92, help="in years"),
        "called": st.column_config.TextColumn("prediction"),
        "posts": st.column_config.NumberColumn("captions used", format="localized"),
        "part": st.column_config.TextColumn(
            "part in the model",
            help="train: the model learnt from it and knows it by heart, so that it is right there says little. "
            "validation: it chose the model's settings. test: it was kept to test it. new: none of these.",
        ),
    }
