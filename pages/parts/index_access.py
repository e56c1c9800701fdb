"""The one store of each study in the dashboard's process: opened, followed, closed."""

import atexit
import os
import sys
import threading
import time
from importlib import import_module

import streamlit as st
from streamlit import runtime

from core.index import Store
from core.settings import Settings
from core.utils.formatting import number, plain
from pages.parts.study import the_settings

INDEX_INTERVAL_S = 3.0
FIRST_LOOK_S = 3.0
FIRST_PAGE_S = 3.0
_opened: list[Store] = []


@st.cache_resource(on_release=Store.close, show_spinner="Opening the index …")
def open_store(settings: Settings) -> Store:
    """The one store of a study in this process, following the files from a thread of its own.

    An index that holds something is shown as it is: looking through a hundred thousand files takes seconds,
    which the first page need not wait for, nor share the processor with.
    """
    store = Store(settings)
    if is_dashboard():
        if not _opened:
            atexit.register(shut_down)
        _opened.append(store)
        first_page = threading.Timer(FIRST_PAGE_S, after_the_first_page, (store,))
        first_page.daemon = True
        first_page.start()
    if not store.counts().collected or not is_dashboard():
        store.start(INDEX_INTERVAL_S)
        deadline = time.monotonic() + FIRST_LOOK_S
        while store.following.looked_at is None and time.monotonic() < deadline:
            time.sleep(0.05)
    return store


def is_dashboard() -> bool:
    """Whether this process is the dashboard; tests make a runtime up, and their process is not ours to end."""
    return runtime.exists() and type(runtime.get_instance()) is runtime.Runtime  # a mock passes isinstance


def after_the_first_page(store: Store) -> None:
    """Follow the files, and import what takes seconds, so that no later page waits for it."""
    store.start(INDEX_INTERVAL_S)
    for module in ("core.reporting.run_results", "core.reporting.charts", "torch"):
        import_module(module)


def shut_down() -> None:
    """Close the index of every study at the end of the process, and end it there.

    Streamlit's threads live on until the very end, for which DuckDB's bindings would print a page of
    warnings about leaks to the person who pressed Ctrl-C.
    """
    for store in _opened:
        store.close()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def the_store() -> Store:
    """The store of the study at hand."""
    return open_store(the_settings())


def index_progress() -> None:
    """How far the index is behind the files, while it is.

    A page that somebody reads or types in is never drawn anew by itself: only one that had nothing
    to show is, as soon as there may be something.
    """
    store = the_store()
    following = store.following
    if following.busy:
        text = f"Reading files into the index: {number(following.done)} of {number(following.total)}"
        st.progress(following.done / following.total, text=text)
    elif st.session_state.get("empty_at") not in (None, store.version):
        st.rerun()
    if following.error:
        st.warning(plain(following.error))
