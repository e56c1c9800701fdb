from collections import Counter
from collections.abc import Sequence
from typing import Literal

import pandas as pd
import streamlit as st

from core.errors import AgeScopeError
from core.jobs.job import ACTIVE, RESUMABLE, Job, State, active_jobs, damaged_jobs, list_jobs
from core.maintenance.disk_usage import clear_caches, disk_use
from core.privacy.roles import Action
from core.utils.formatting import count, duration, moment, number, plain, size
from pages.parts.components import close, empty_state, in_frame
from pages.parts.job_widgets import draw_progress, go_on_button, link_to_job, remove_job, stop_job, why_interrupted
from pages.parts.sign_in import act
from pages.parts.study import cached, the_settings

in_frame()

STATE_WORDS = {
    "running": "running",
    "unresponsive": "no sign of life",
    "done": "done",
    "stopped": "stopped",
    "failed": "failed",
    "interrupted": "interrupted",
}
STATE_COLORS: dict[State, Literal["blue", "green", "red", "orange"]] = {
    "running": "blue",
    "done": "green",
    "failed": "red",
    "interrupted": "orange",
    "unresponsive": "orange",
}
JOB = "job"
"""Of the address: the job that is open."""
SETTINGS = the_settings()
JOBS_DIR = SETTINGS.jobs_dir
SHOWN_ENDED = 20
FEW_ENDED = 5
"""So many need no filter, and none of them is folded away."""
CLEANABLE = "can be computed again"
HOLDS = {
    "accounts": "what was collected: cannot be made again",
    "models": "trained models",
    "predictions": "prediction runs",
    "jobs": "logs and reports of jobs",
    "trash": "removed models and predictions, for 30 days",
    "caches": CLEANABLE,
    "index": "made anew from the files",
}


def figures(job: Job) -> str:
    """The figures worth a line: requests, memory, attempts."""
    progress = job.progress
    parts = [f"started {moment(job.record.created_at)}"]
    took = job.duration_s()
    if took is not None:
        parts.append(f"{'for' if job.state in ACTIVE else 'took'} {duration(took)}")
    if progress.requests is not None:
        parts.append(count(progress.requests, "request"))
    for outcome, accounts in progress.outcomes.items():
        parts.append(f"{number(accounts)} {plain(outcome.replace('_', ' '))}")
    if progress.by_others:
        parts.append(f"{count(progress.by_others, 'account')} by other machines")
    if job.state in ACTIVE and (memory := job.memory_bytes()):
        parts.append(f"{size(memory)} of memory")
    elif peak := progress.peak_memory:
        parts.append(f"up to {size(peak)} of memory")
    if job.record.attempts > 1:
        parts.append(f"attempt {job.record.attempts}")
    return " · ".join(parts)


def details(job: Job) -> None:
    log, command, events = st.tabs(["Log", "Command", "Events"], key=f"tabs_{job.id}")
    with log:
        st.code(job.log(20_000) or "Nothing printed yet.", language=None, height=220)
    with command:
        st.caption("The same work in a shell, from the project's folder, with every option, also those not read here:")
        st.code(job.command, language="bash", wrap_lines=True)
    with events:
        st.dataframe(job.event_rows()[::-1][:500], height=220, alt="Events of the job, newest first")
    if job.id != st.query_params.get(JOB):
        link_to_job(job, "This job alone, at an address of its own")


@st.fragment(run_every=2.0)
def active() -> None:
    running = active_jobs(JOBS_DIR)
    if st.session_state.get("running_jobs", len(running)) != len(running):
        st.session_state.running_jobs = len(running)
        st.rerun()
    st.session_state.running_jobs = len(running)
    for job in running:
        with st.container(border=True, key=f"active_{job.id}"):
            draw_progress(job)
            with st.container(horizontal=True, vertical_alignment="center"):
                st.caption(figures(job))
                st.button(
                    "Stop",
                    key=f"stop_{job.id}",
                    icon=":material/stop:",
                    on_click=stop_job,
                    args=(job,),
                    disabled=job.stopping,
                    help="Stops at the next safe point; nothing is lost, and it can go on later.",
                )
                st.button(
                    "End at once",
                    key=f"kill_{job.id}",
                    icon=":material/cancel:",
                    on_click=stop_job,
                    args=(job, True),
                    help="For a job that does not stop. What it has not written down yet is lost.",
                )
            is_asked = job.id == st.query_params.get(JOB)
            with st.expander("Log, command, events", is_asked, key=f"more_{job.id}", on_change="rerun") as more:
                if more.open:
                    details(job)


@cached(ttl=60, max_entries=2, show_spinner="Measuring the disk …")
def used(_settings: object, folder: str) -> dict[str, int]:
    return disk_use(SETTINGS)


def clear() -> None:
    try:
        act(Action.MAINTAIN, "cleared the caches")
        clear_caches(SETTINGS)
    except AgeScopeError as error:
        st.error(plain(error))
    used.clear()


def show_disk(busy: bool) -> None:
    """What the study takes on the disk, and what of it can go."""
    sizes = used(SETTINGS, str(SETTINGS.data_dir))
    rows = [(name, size(number_of), HOLDS[name]) for name, number_of in sizes.items()]
    table = pd.DataFrame([*rows, ("in all", size(sum(sizes.values())), "")], columns=["folder", "size", "holds"])
    st.dataframe(table, hide_index=True, alt="Disk used, by what it holds")
    st.button(
        "Clear the caches",
        icon=":material/mop:",
        on_click=clear,
        disabled=busy or not sizes["caches"],
        help="A job that runs may be using them." if busy else "What is in them is computed again when it is needed.",
    )


def choose_jobs(jobs: list[Job]) -> list[Job]:
    """Those of the kinds and states that are asked for; both stand in the address."""
    if len(jobs) <= FEW_ENDED:
        return jobs
    states = {job.id: job.state for job in jobs}
    with st.container(horizontal=True):
        kinds = chosen_of("Kind", "kind", [job.record.kind for job in jobs])
        wanted = chosen_of("State", "state", [*states.values()])
    return [job for job in jobs if job.record.kind in kinds and states[job.id] in wanted]


def chosen_of(label: str, key: str, values: Sequence[str]) -> list[str]:
    """The values that are pressed; all of them where none is. Help says how many jobs have each."""
    counted = Counter(values)
    shown = st.pills(
        label,
        list(counted),
        help=", ".join(f"{number(jobs)} {value}" for value, jobs in counted.items()),
        selection_mode="multi",
        key=key,
        bind="query-params",
    )
    return shown or list(counted)


def show_ended(jobs: list[Job], key: str) -> None:
    """Ended jobs, latest first, a page at a time."""
    pages = -(-len(jobs) // SHOWN_ENDED)
    first = (st.pagination(pages, key=f"ended_page_{key}") - 1) * SHOWN_ENDED if pages > 1 else 0
    for job in jobs[first : first + SHOWN_ENDED]:
        show_ended_job(job)


def show_ended_job(job: Job, is_open: bool = False) -> None:
    """How a job ended, and what can be done with it."""
    state, message = job.state, job.end_message
    with st.container(border=True, key=f"ended_{job.id}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.badge(STATE_WORDS[state], color=STATE_COLORS.get(state, "gray"))
            st.markdown(f"**{plain(job.record.title)}**", width="content")
            st.caption(figures(job), width="stretch")
            if state in RESUMABLE:
                go_on_button(job)
            st.button(
                "Remove from this list",
                key=f"remove_{job.id}",
                icon=":material/playlist_remove:",
                on_click=remove_job,
                args=(job,),
                help="Removes the job's log and events. What it made stays: accounts, models, predictions.",
            )
        if message:
            st.caption(plain(message))
        if state == "interrupted":
            st.caption(plain(why_interrupted(job)))
        with st.expander("Log, command, events", is_open, key=f"more_{job.id}", on_change="rerun") as more:
            if more.open:
                details(job)


def show_asked(jobs: list[Job]) -> list[Job]:
    """The job of the address, open, above the others; returns these. One that runs stands above them anyway."""
    asked = st.query_params.get(JOB)
    if not asked:
        return jobs
    job = next((job for job in jobs if job.id == asked), None)
    if job is None:
        st.warning(f"There is no job {plain(asked[:100])} here. It may have been removed from this list.")
        return jobs
    if job.state in ACTIVE:
        return jobs
    show_ended_job(job, is_open=True)
    st.button("Close", icon=":material/close:", type="tertiary", on_click=close, args=(JOB,))
    return [other for other in jobs if other.id != job.id]


everything = list_jobs(JOBS_DIR)
if not everything:
    empty_state("Nothing has run in the background yet.", "pages/collect.py", "Collect posts")

active()

for sentence in damaged_jobs(JOBS_DIR):
    st.warning(plain(sentence))

ended = [job for job in choose_jobs(show_asked(everything)) if job.state not in ACTIVE]
if ended:
    st.subheader("Ended")
show_ended([job for job in ended if job.state != "done"], "unfinished")
done = [job for job in ended if job.state == "done"]
if done:
    is_short = len(ended) <= FEW_ENDED
    with st.expander(f"Done: {count(len(done), 'job')}", expanded=is_short, key="done", on_change="rerun") as finished:
        if finished.open:
            show_ended(done, "done")

with st.expander("Disk", key="disk", on_change="rerun") as disk:
    if disk.open:
        show_disk(bool(active_jobs(JOBS_DIR)))
