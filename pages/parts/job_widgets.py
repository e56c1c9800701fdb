"""What pages show of background jobs, and how they start them."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import streamlit as st

from core.errors import AgeScopeError, InputError
from core.jobs import control
from core.jobs.job import ACTIVE, Job, Kind, active_jobs, shell_command
from core.jobs.records import ProgressRecord
from core.privacy.roles import Action
from core.utils.formatting import clock, count, duration, number, plain
from core.utils.options import Arguments, CommandArguments
from pages.parts.index_access import index_progress
from pages.parts.sign_in import act, may
from pages.parts.study import the_settings

SECRETS = ("AGESCOPE_INSTAGRAM_SESSION", "AGESCOPE_GRAPH_TOKEN", "AGESCOPE_GRAPH_USER_ID")

ACTIONS: dict[Kind, Action] = {
    "collect": Action.COLLECT,
    "check": Action.COLLECT,
    "import": Action.IMPORT,
    "train": Action.TRAIN,
    "predict": Action.PREDICT,
}
SHOWN_AT_LENGTH = {"Train": "train", "Results": "predict"}
"""Pages that tell of their own kind of job themselves, and in more words than the strip."""


def start_job(kind: Kind, title: str, arguments: Sequence[str], outputs: Sequence[Path] = ()) -> Job | None:
    """Start a background job and say so; a refusal is shown where it happens."""
    try:
        act(ACTIONS[kind], title)
        job = control.start(the_settings().jobs_dir, kind, title, arguments, outputs, secret_environment())
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
    if page_title == "Jobs" or not may(Action.SEE_ACCOUNTS):
        return
    for job in active_jobs(the_settings().jobs_dir):
        if job.record.kind == SHOWN_AT_LENGTH.get(page_title):
            continue
        with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"strip_{job.id}"):
            draw_progress(job)
            link_to_job(job, "Open")


def link_to_job(job: Job, label: str = "Log and command") -> None:
    """A link to the page of jobs on which this one is open."""
    st.page_link("pages/jobs.py", label=label, icon=":material/arrow_forward:", query_params={"job": job.id})


def draw_progress(job: Job) -> None:
    """A bar with what a job does, how far it is, what it waits for and how long it will take."""
    progress, is_active = job.progress, job.state in ACTIVE
    done, total = progress.done, progress.total
    if is_active and total and done >= total:
        total = None  # that part is finished; how long the next one is, it has not said yet
    parts = reached(progress.model_copy(update={"total": total}), job.record.attempts)
    if is_active:
        parts += what_is_next(job) or ([] if parts else ["finishing …" if done else "starting …"])
    text = " · ".join([f"**{plain(job.record.title)}**", *map(plain, parts)])
    st.progress(min(1.0, done / total) if total else 0.0, text=text)


def reached(progress: ProgressRecord, attempts: int = 1) -> list[str]:
    """How far a job is, in its own words: what it counts, unless its message does.

    After it went on, accounts are counted from the beginning of the whole, and posts since then.
    """
    parts = []
    if progress.total and progress.unit:
        parts.append(f"{number(progress.done)} of {number(progress.total)} {progress.unit}")
    if progress.posts:
        parts.append(count(progress.posts, "post") + (" since it went on" if attempts > 1 else ""))
    if progress.message:
        parts.append(progress.message)
    return parts


def why_interrupted(job: Job) -> str:
    """What became of a job that could not say it itself."""
    when = f"{duration(job.heartbeat_age_s())} ago"
    if where := reached(job.progress, job.record.attempts):
        when += f" ({', '.join(where)})"
    if job.ended_as_asked:
        happened = f"It was ended as asked, {when}."
    else:
        happened = f"It was cut off {when}: the computer restarted, or something ended its process."
    return f"{happened} What was kept is not lost; it goes on where it was."


def what_is_next(job: Job) -> list[str]:
    """What a running job waits for, and when it will have ended."""
    progress = job.progress
    parts = ["no sign of life for a minute"] if job.state == "unresponsive" else []
    if job.stopping:
        return [*parts, "stopping …"]
    if progress.waiting_until:
        parts.append(f"waiting until {clock(progress.waiting_until)}: {progress.waiting_reason}")
    if progress.seconds_left:
        parts.append(f"about {duration(progress.seconds_left)} left")
    return parts


def go_on_button(job: Job) -> None:
    """The button by which an ended job goes on where it was."""
    st.button("Go on", key=f"resume_{job.id}", icon=":material/play_arrow:", on_click=go_on, args=(job,))


def go_on(job: Job) -> None:
    """What a button does that resumes a job."""
    resume_job(job)


def resume_job(job: Job) -> Job | None:
    """Start an ended run again; it goes on where it was."""
    try:
        act(ACTIONS.get(job.record.kind, Action.CONTROL_JOBS), f"again: {job.id}")
        return control.resume(job, secret_environment())
    except AgeScopeError as error:
        st.error(plain(error))
        return None


def stop_job(job: Job, at_once: bool = False) -> None:
    """Ask a job to stop, or end it at once."""
    try:
        act(Action.CONTROL_JOBS, f"{'ended' if at_once else 'stopped'}: {job.id}")
        control.cancel(job, at_once)
    except AgeScopeError as error:
        st.error(plain(error))


def remove_job(job: Job) -> None:
    """Take an ended job off the list."""
    try:
        act(Action.CONTROL_JOBS, f"removed: {job.id}")
        control.remove(job)
    except AgeScopeError as error:
        st.error(plain(error))


def read_back(job: Job, of: type[Arguments]) -> Arguments | None:
    """What a job was asked to do; None where another version of AgeScope has started it and it cannot be read."""
    with suppress(InputError):
        return of.from_argv(job.record.arguments)
    return None


def command_to_copy(arguments: CommandArguments) -> None:
    """The command that does the same in a shell, behind a click."""
    with st.popover("Command", icon=":material/terminal:", type="tertiary"):
        st.caption("The same work in a shell, from the project's folder:")
        st.code(shell_command(arguments.short_argv(), the_settings().study), language="bash", wrap_lines=True)
