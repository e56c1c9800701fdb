import re
from pathlib import Path
from secrets import token_hex

import pandas as pd
import streamlit as st

from core import charts, jobs
from core.accounts import UserList, read_user_list, write_user_list
from core.collect import DEFAULT_LIMITS, CollectArguments, Limit, estimate
from core.errors import InputError
from core.settings import get_settings
from core.wording import count, number, plain
from pages.shared import command_to_copy, draw_progress, safe_stem, show_rejected, start_job

SETTINGS = get_settings()


@st.cache_data(max_entries=8, show_spinner="Reading the list …")
def read_upload(content: bytes, name: str) -> UserList:
    return read_user_list(content, name)


@st.cache_data(max_entries=8)
def read_saved(path: Path, changed_ns: int) -> UserList:
    return read_user_list(path)


def choose_list() -> tuple[Path, UserList] | None:
    """The list to collect: one that is uploaded now, or an earlier one."""
    upload = st.file_uploader(
        "User list",
        type=["csv", "txt", "tsv"],
        max_upload_size=100,
        help="One username per line, or a CSV with a column `username`. "
        "@ before a name, profile addresses, blank lines and duplicates are understood.",
    )
    if upload is not None:
        try:
            users = read_upload(upload.getvalue(), upload.name)
        except InputError as error:
            st.error(plain(error))
            return None
        show_what_was_found(users)
        if not users.usernames:
            st.error("None of the lines holds a usable username.")
            return None
        path = SETTINGS.lists_dir / f"{safe_stem(upload.name, 'accounts')}.csv"
        if st.session_state.get("saved_list") != upload.file_id:
            write_user_list(path, users)
            st.session_state.saved_list = upload.file_id
        return path, users
    saved = sorted(SETTINGS.lists_dir.glob("*.csv"), key=lambda path: path.stat().st_mtime, reverse=True)
    if not saved:
        return None
    path = st.selectbox("Or go on with an earlier list", saved, format_func=lambda path: path.stem, key="list")
    users = read_saved(path, path.stat().st_mtime_ns)
    show_what_was_found(users)
    return path, users


def show_what_was_found(users: UserList) -> None:
    parts = [f"**{count(len(users.usernames), 'usable account')}**"]
    if users.duplicates:
        parts.append(count(users.duplicates, "duplicate"))
    st.markdown(" · ".join(parts))
    show_rejected(users)


def choose_limits() -> list[Limit]:
    """The rate limits, all of which hold at once."""
    st.caption("Limits, all of them together, over sliding windows. Nobody knows a safe figure; these are cautious.")
    table = st.data_editor(
        pd.DataFrame(DEFAULT_LIMITS, columns=["requests", "seconds"]),
        num_rows="dynamic",
        hide_index=True,
        width=320,
        key="limits",
        column_config={
            "requests": st.column_config.NumberColumn("at most … requests", min_value=1, step=1, required=True),
            "seconds": st.column_config.NumberColumn("in … seconds", min_value=1, required=True),
        },
    )
    return [Limit(int(row.requests), float(row.seconds)) for row in table.dropna().itertuples()]


def show_cost(path: Path, posts_per_user: int, limits: list[Limit]) -> None:
    """How long it will take, and what is there already."""
    try:
        cost = estimate(CollectArguments(path, SETTINGS.accounts_dir, posts_per_user, limits=limits), SETTINGS)
    except InputError as error:
        st.warning(plain(error))
        return
    st.markdown(plain(cost))
    if cost.known:
        outcomes = ", ".join(f"{number(found)} {outcome.replace('_', ' ')}" for outcome, found in cost.known.items())
        st.caption(
            f"Asked before: {outcomes}. What is final is not asked for again; partial accounts go on where they were, "
            "failed ones are tried again."
        )


@st.fragment(run_every=2.0)
def running() -> None:
    """The collection that runs now, or the latest one, as a person would ask after it."""
    collections = [job for job in jobs.list_jobs(SETTINGS.jobs_dir) if job.record["kind"] == "collect"]
    if not collections:
        return
    job = collections[0]
    is_active = job.state in jobs.ACTIVE
    st.subheader("Running" if is_active else "The latest run")
    if not is_active:
        draw_progress(job)
        st.caption(f"{job.state}. {plain(job.result.get('message', ''))}")
    progress = job.progress
    tallies = progress.get("outcomes", {})
    if tallies:
        st.altair_chart(charts.outcomes(tallies), alt="Accounts of this run by outcome")
    with st.container(horizontal=True):
        if is_active:
            st.button(
                "Stop collecting", icon=":material/stop:", on_click=jobs.cancel, args=(job,), key="stop_collection"
            )
        st.page_link("pages/jobs.py", label="Log and command", icon=":material/arrow_forward:")
    refusals = job.events("refusal")[-50:][::-1]
    if refusals:
        st.markdown("**Answers that were not posts**")
        st.dataframe(
            pd.DataFrame(refusals).drop(columns=["kind"]), hide_index=True, height=200, alt="Refusals, newest first"
        )


instagram, files = st.tabs(["From Instagram", "Import files"], key="source", on_change="rerun", bind="query-params")

if instagram.open:
    with instagram:
        accounts, how = st.columns([3, 2], gap="large")
        with accounts:
            st.subheader("1 · Accounts")
            chosen = choose_list()
        with how:
            st.subheader("2 · How")
            posts_per_user = st.number_input("Posts per account", 1, 100_000, 100, step=10, width=200, key="posts")
            limits = choose_limits()
            with st.expander("More: back-off, proxies"):
                st.caption("After a refusal the k-th wait is mult × exp^k seconds, with jitter; Retry-After wins.")
                with st.container(horizontal=True):
                    backoff = st.toggle("Set the back-off", key="backoff")
                    mult = st.number_input("mult", 0.1, 3600.0, 30.0, disabled=not backoff, width=140)
                    exp = st.number_input("exp", 1.0, 10.0, 2.0, disabled=not backoff, width=140)
                proxies = st.toggle("Go through public proxies", key="proxies", help="These rarely help.")
        if chosen:
            path, users = chosen
            st.subheader("3 · Start")
            arguments = [
                *("scrape-users", "--user-file", str(path), "--output-dir", str(SETTINGS.accounts_dir)),
                *("--posts-per-user", str(posts_per_user)),
                *(part for limit in limits for part in ("--ratelimit", f"{limit.requests},{limit.seconds:g}")),
                *(("--backoff-mult", f"{mult:g}", "--backoff-exp", f"{exp:g}") if backoff else ()),
                *(("--useproxies",) if proxies else ()),
            ]
            show_cost(path, posts_per_user, limits)
            busy = any(job.record["kind"] == "collect" for job in jobs.active_jobs(SETTINGS.jobs_dir))
            with st.container(horizontal=True, vertical_alignment="center"):
                if st.button(
                    "Start collecting",
                    type="primary",
                    icon=":material/play_arrow:",
                    disabled=busy or not limits,
                    help="A collection is running already." if busy else None,
                ) and start_job("collect", f"Collection of {count(len(users.usernames), 'account')}", arguments):
                    st.rerun()
                command_to_copy(arguments)
        running()

if files.open:
    with files:
        st.markdown(
            "Posts that you have already: the *Download your information* export that a participant donates, the files "
            "of other collectors, or any table with columns for user and text. The format is recognised by content."
        )
        uploads = st.file_uploader("Files", accept_multiple_files=True, key="imports")
        username = st.text_input(
            "Whose posts they are", placeholder="only where the files do not say", max_chars=64, width=320
        )
        if st.button("Import", type="primary", icon=":material/upload_file:", disabled=not uploads):
            folder = SETTINGS.cache_dir / "uploads" / token_hex(6)
            folder.mkdir(parents=True)
            for at, upload in enumerate(uploads):
                safe_name = re.sub(r"[^\w.-]+", "_", upload.name)[-80:]
                (folder / f"{at:03d}-{safe_name}").write_bytes(upload.getvalue())
            arguments = ["import", str(folder), "--output-dir", str(SETTINGS.accounts_dir)]
            if username.strip():
                arguments += ["--username", username.strip()]
            start_job("import", f"Import of {count(len(uploads), 'file')}", arguments)
        st.caption("The import runs in the background; the Jobs page says what was not understood, file by file.")
