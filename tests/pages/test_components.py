"""What several pages share, without a page around it."""

from types import SimpleNamespace

import pytest
import streamlit as st

from pages.parts.components import clicked_row, close, table_key


def test_a_table_that_has_begun_anew_does_not_open_again_what_was_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser sends the old table's choice once more with a timer that fires before it has drawn the new one."""
    state: dict[str, object] = {}
    monkeypatch.setattr(st, "session_state", state)
    monkeypatch.setattr(st, "query_params", {"account": "ada"})
    key = table_key("accounts_1")
    state[key] = SimpleNamespace(selection=SimpleNamespace(cells=[(3, "username")]))
    assert clicked_row(key) == 3
    close("account")
    assert st.query_params == {}
    assert clicked_row(key) is None
