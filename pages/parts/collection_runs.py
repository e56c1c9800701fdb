"""What stands below the form of Collect: the run under way or the latest one, and whether Instagram answers."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import streamlit as st
from pydantic import SecretStr

from core.collection.arguments import CollectArguments
from core.collection.events import AccountEvent
from core.instagram.events import RefusalEvent
from core.instagram.source_names import SourceName, unavailable_reason
from core.jobs.job import ACTIVE, RESUMABLE, Job, list_jobs
from core.reporting import charts
from core.settings import Settings
from core.utils.formatting import count, moment, number, plain
from pages.parts.downloads import choose_content, download_table
from pages.parts.job_widgets import (
    draw_progress,
    go_on,
    link_to_job,
    read_back,
    secret_environment,
    start_job,
    stop_job,
    why_interrupted,
)
from pages.parts.study import cached, the_settings

SHOWN = 500
SOURCES: dict[SourceName, str] = {
    "web": "Instagram's own pages",
    "graph": "Graph API",
    "instaloader": "Instaloader",
}


def with_secrets() -> Settings:
    """The settings that a job will have."""
    given = {name.removeprefix("AGESCOPE_").lower(): SecretStr(value) for name, value in secret_environment().items()}
    return the_settings().model_copy(update=given)


def latest_collection() -> Job | None:
    """The collection that runs, or else the one that was started last."""
    collections = [job for job in list_jobs(the_settings().jobs_dir) if job.record.kind == "collect"]
    return next((job for job in collections if job.state in ACTIVE), collections[0] if collections else None)


@st.fragment(run_every=2.0)
def running(asked: CollectArguments | None) -> None:
    """The collection that runs now, or the latest one, as a person would ask after it.

    Args:
        asked: what the button above starts, if there is one.
    """
    job = latest_collection()
    if job is None:
        return
    is_active = job.state in ACTIVE
    if st.session_state.get("collecting", is_active) != is_active:
        st.session_state.collecting = is_active
        st.rerun()  # what can be started, and what is left, is another thing now
    st.session_state.collecting = is_active
    st.subheader("Running" if is_active else "The latest run")
    if not is_active:
        draw_progress(job)
        show_end(job)
    tallies = job.progress.outcomes
    if tallies:
        st.altair_chart(charts.outcomes(tallies), alt="Accounts of the list by outcome")
    started = read_back(job, CollectArguments)
    if not is_active and (asked is None or started != asked):
        offer_to_go_on(job, started)
    with st.container(horizontal=True, vertical_alignment="center"):
        if is_active:
            st.button("Stop collecting", icon=":material/stop:", on_click=stop_job, args=(job,), key="stop_collection")
        link_to_job(job)
    show_refusals(job.events(RefusalEvent))
    with st.expander("Accounts of this run", key="run_accounts", on_change="rerun") as accounts:
        if accounts.open:
            show_accounts(job)


def show_end(job: Job) -> None:
    """How a run ended; loudly where it could not go on."""
    said = f"{job.state}. {plain(why_interrupted(job) if job.state == 'interrupted' else job.end_message)}"
    if job.state == "failed":
        st.error(said)
    else:
        st.caption(said)


def go_on_label(job: Job) -> str | None:
    """What going on with an ended run is called; None where nothing of it is left."""
    if job.state in RESUMABLE:
        return "Go on collecting"
    failed = job.progress.outcomes.get("failed", 0)
    return f"Try {count(failed, 'failed account')} again" if failed and job.state == "done" else None


def offer_to_go_on(job: Job, started: CollectArguments | None) -> None:
    """The same command again, where it is another than the one that the page describes, and in what it differs."""
    label = go_on_label(job)
    if label is None or (started and not started.user_file.is_file()):
        return
    reason = unavailable_reason(started.source, with_secrets()) if started else None
    st.button(
        label, icon=":material/replay:", on_click=go_on, args=(job,), key="go_on_collecting", disabled=bool(reason)
    )
    if reason:
        st.caption(plain(reason))
    elif started:
        st.caption(f"As it was started: {in_words(started)}. *Start collecting* uses what is set above instead.")


def in_words(asked: CollectArguments) -> str:
    """What tells one collection from another: its list, how much of an account, how fast and from where."""
    return ", ".join(
        [
            f"list {plain(asked.user_file.stem)}",
            f"{asked.posts_per_user} posts per account",
            *map(str, asked.pace.limits),
            SOURCES[asked.source],
        ]
    )


def show_refusals(refusals: list[RefusalEvent]) -> None:
    """What Instagram answered instead of posts, each kind once, with what to do about it."""
    if not refusals:
        return
    st.markdown("**Answers that were not posts**")
    kinds: dict[tuple[str, str], list[RefusalEvent]] = {}
    for refusal in refusals:
        kinds.setdefault((refusal.meaning, refusal.advice), []).append(refusal)
    for (meaning, advice), those in kinds.items():
        title = f"{count(len(those), 'time')}: {plain(those[-1].answer)}"
        st.warning(f"{plain(meaning)} {plain(advice)}", title=title)


@cached(max_entries=2, show_spinner=False)
def accounts_of(folder: Path, size: int) -> pd.DataFrame:
    """Every account that a run has asked about, latest first."""
    events = Job(folder).events(AccountEvent, last_bytes=size)[::-1]
    columns = ["at", "username", "outcome", "posts", "requests", "reason"]
    return pd.DataFrame([event.model_dump(mode="json") for event in events], columns=columns)


def with_outcome(table: pd.DataFrame, outcomes: Sequence[str]) -> pd.DataFrame:
    return table[table["outcome"].isin(outcomes)] if outcomes else table


def show_accounts(job: Job) -> None:
    """The accounts that the latest run has asked about, to filter and to download."""
    size = job.events_size()
    table = accounts_of(job.folder, size)
    if table.empty:
        st.caption("None yet.")
        return
    outcomes = st.pills("Outcome", sorted(table["outcome"].unique()), selection_mode="multi", key="run_outcomes")
    shown = with_outcome(table, outcomes)
    st.dataframe(shown.head(SHOWN), hide_index=True, height=260, placeholder="–", alt="Accounts, latest first")
    if len(shown) > SHOWN:
        st.caption(f"The latest {number(SHOWN)} of {number(len(shown))}; the file holds them all.")
    with st.container(horizontal=True, vertical_alignment="center"):
        content = choose_content("run_accounts")
        download_table("Download these", lambda: shown, "accounts.csv", content, at_once=True)


@st.fragment(run_every=2.0)
def check_instagram() -> None:
    """Ask each route once, in the background, and show what each answered."""
    checks = [job for job in list_jobs(the_settings().jobs_dir) if job.record.kind == "check"]
    is_active = bool(checks) and checks[0].state in ACTIVE
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Check Instagram", icon=":material/network_check:", disabled=is_active, key="check"):
            start_job("check", "Check of the routes to Instagram", ["check-instagram"])
            st.rerun(scope="fragment")
        st.caption("Asks each route once for a public account, within the limits, and says which work from here.")
    if not checks:
        return
    lines = [line for line in checks[0].log().splitlines() if line.startswith("Route ")]
    if lines:
        st.markdown("\n".join(f"- {plain(line)}" for line in lines))
        st.caption(f"Checked {moment(checks[0].record.created_at)}")
    elif not is_active:
        st.warning(plain(checks[0].end_message or "The check ended without an answer; see its log."))
