"""What several pages draw or need; the pages themselves are scripts read from top to bottom."""

import atexit
import os
import re
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st
from streamlit import runtime
from streamlit.runtime.pages_manager import PagesManager

from core.errors import AgeScopeError
from core.index import Store
from core.jobs import launcher
from core.jobs.launcher import Job
from core.settings import Settings, get_settings
from core.storage.user_lists import UserList, why_rejected
from core.utils.formatting import clock, count, duration, number, plain

SECRETS = ("AGESCOPE_INSTAGRAM_SESSION", "AGESCOPE_GRAPH_TOKEN", "AGESCOPE_GRAPH_USER_ID")
INDEX_INTERVAL_S = 3.0
FIRST_LOOK_S = 3.0
FIRST_PAGE_S = 3.0
SHOWN_REJECTED = 1_000
SHOWN_AT_LENGTH = {"Train": "train", "Results": "predict"}
"""Pages that tell of their own kind of job themselves, and in more words than the strip."""


def in_frame() -> None:
    """See to it that app.py runs around the page; every page calls it first.

    Until st.navigation has run once in a process, Streamlit takes a folder named pages/ for its older
    way of making apps, in which a first visitor to /collect, or a tab left open while the dashboard
    was started anew, would get that page alone.
    """
    if not st.session_state.get("framed"):
        PagesManager.uses_pages_directory = False
        st.rerun()


@st.cache_resource(on_release=Store.close, show_spinner="Opening the index …")
def open_store(settings: Settings) -> Store:
    """The one store of this process, following the files from a thread of its own.

    An index that holds something is shown as it is: looking through a hundred thousand files takes seconds,
    which the first page need not wait for, nor share the processor with.
    """
    store = Store(settings)
    if is_dashboard():
        atexit.register(leave, store)
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


def leave(store: Store) -> None:
    """Close the index at the end of the process, and end it there.

    Streamlit's threads live on until the very end, for which DuckDB's bindings would print a page of
    warnings about leaks to the person who pressed Ctrl-C.
    """
    store.close()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def the_store() -> Store:
    """The store of the study at hand."""
    return open_store(get_settings())


def start_job(kind: launcher.Kind, title: str, arguments: Sequence[str], outputs: Sequence[Path] = ()) -> Job | None:
    """Start a background job and say so; a refusal is shown where it happens."""
    try:
        job = launcher.start(get_settings().jobs_dir, kind, title, arguments, outputs, secret_environment())
    except AgeScopeError as error:
        st.error(str(error))
        return None
    st.toast(f"{plain(title)}: started", icon=":material/play_arrow:")
    return job


def secret_environment() -> Mapping[str, str]:
    """Secrets from ``.streamlit/secrets.toml``, for a job's environment; never written anywhere."""
    secrets_file = any(Path(path).is_file() for path in st.get_option("secrets.files"))
    return {name: str(st.secrets[name]) for name in SECRETS if name in st.secrets} if secrets_file else {}


@st.fragment(run_every=2.0)
def running_work(page_title: str) -> None:
    """A strip with what runs now, on every page but the one that shows it at length."""
    index_progress()
    if page_title == "Jobs":
        return
    for job in launcher.active_jobs(get_settings().jobs_dir):
        if job.record["kind"] == SHOWN_AT_LENGTH.get(page_title):
            continue
        with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"strip_{job.id}"):
            draw_progress(job)
            st.page_link("pages/jobs.py", label="Open", icon=":material/arrow_forward:")


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


def draw_progress(job: Job) -> None:
    """A bar with what a job does, how far it is, what it waits for and how long it will take."""
    progress, is_active = job.progress, job.state in launcher.ACTIVE
    done, total = progress.get("done", 0), progress.get("total")
    if is_active and total and done >= total:
        total = None  # that part is finished; how long the next one is, it has not said yet
    parts = reached({**progress, "total": total})
    if is_active:
        parts += what_is_next(job) or ([] if parts else ["finishing …" if done else "starting …"])
    text = " · ".join([f"**{plain(job.record['title'])}**", *map(plain, parts)])
    st.progress(min(1.0, done / total) if total else 0.0, text=text)


def reached(progress: Mapping[str, Any]) -> list[str]:
    """How far a job is, in its own words: what it counts, unless its message does."""
    parts = []
    if progress.get("total") and progress["unit"]:
        parts.append(f"{number(progress['done'])} of {number(progress['total'])} {progress['unit']}")
    if progress.get("posts"):
        parts.append(count(progress["posts"], "post"))
    if progress.get("message"):
        parts.append(progress["message"])
    return parts


def what_is_next(job: Job) -> list[str]:
    """What a running job waits for, and when it will have ended."""
    progress = job.progress
    parts = ["no sign of life for a minute"] if job.state == "unresponsive" else []
    if job.stopping:
        return [*parts, "stopping …"]
    if progress.get("waiting_until"):
        parts.append(f"waiting until {clock(progress['waiting_until'])}: {progress['waiting_reason']}")
    if progress.get("seconds_left"):
        parts.append(f"about {duration(progress['seconds_left'])} left")
    return parts


def go_on_button(job: Job) -> None:
    """The button by which an ended job goes on where it was."""
    st.button("Go on", key=f"resume_{job.id}", icon=":material/play_arrow:", on_click=_resume, args=(job,))


def _resume(job: Job) -> None:
    try:
        launcher.resume(job, secret_environment())
    except AgeScopeError as error:
        st.error(plain(error))


def command_to_copy(arguments: Sequence[str]) -> None:
    """The command that does the same in a shell, behind a click."""
    with st.popover("Command", icon=":material/terminal:", type="tertiary"):
        st.caption("The same work in a shell, from the project's folder:")
        st.code(launcher.shell_command(arguments), language="bash", wrap_lines=True)


def safe_stem(upload_name: str, fallback: str) -> str:
    """The name of an upload without its ending and without anything a path could be made of."""
    return re.sub(r"[^\w-]+", "_", Path(upload_name).stem).strip("_")[:60] or fallback


def show_rejected(users: UserList, noun: str = "line") -> None:
    """The lines (or what else of them is a ``noun``) that cannot be used, with their reasons, behind a click."""
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


def empty_state(message: str, page: str, label: str) -> None:
    """Say what is missing and link to where it is made; the page comes back by itself when that is there."""
    st.session_state.empty_at = the_store().version
    with st.container(border=True, horizontal_alignment="center"):
        st.markdown(message, text_alignment="center", width="content")
        st.page_link(page, label=label, icon=":material/arrow_forward:")


def table_key(name: str) -> str:
    """The key of a table in which a click on a cell opens something; see :func:`close`."""
    return f"{name}_{st.session_state.get('closed', 0)}"


def clicked_row(key: str) -> int | None:
    """The row of a table with single-cell selection that was just clicked; for its ``on_select``."""
    cells = st.session_state[key].selection.cells
    return int(cells[0][0]) if cells else None


def close(parameter: str) -> None:
    """Take what was opened out of the address; its table begins anew, so that the same cell can be clicked again."""
    st.query_params.pop(parameter, None)
    st.session_state.closed = st.session_state.get("closed", 0) + 1
