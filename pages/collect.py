from contextlib import suppress
from pathlib import Path
from statistics import fmean
from typing import TypedDict

import pandas as pd
import streamlit as st

from core.collection.arguments import DEFAULT_LIMITS, CollectArguments
from core.collection.estimate import Estimate, estimate
from core.collection.events import AccountEvent
from core.errors import AgeScopeError, InputError
from core.instagram.rate_limit import Limit, why_hasty
from core.instagram.source_names import SourceName, unavailable_reason
from core.jobs.job import ACTIVE, Job
from core.privacy.roles import Action
from core.storage.user_lists import UserList, read_labels, read_left_out, read_user_list, remove_user_list
from core.utils.formatting import count, number, plain
from core.utils.io import write_atomically
from pages.parts.collection_runs import (
    SOURCES,
    check_instagram,
    go_on_label,
    latest_collection,
    running,
    with_secrets,
)
from pages.parts.components import in_frame, show_rejected, tabs_in_address
from pages.parts.import_tab import import_files
from pages.parts.job_widgets import command_to_copy, read_back, resume_job, start_job
from pages.parts.list_upload import upload_list, with_left_out, without_uploads
from pages.parts.option_fields import number_field
from pages.parts.sign_in import act
from pages.parts.study import cached, the_settings

in_frame()

SETTINGS = the_settings()
MANY = 10_000  # accounts of a list, from which on it takes seconds to see what is there of them
FEWEST_SEEN = 20  # accounts, of which what they took says something of the others
SOURCE_NOTES = {
    "web": "Needs nothing; a session cookie (AGESCOPE_INSTAGRAM_SESSION) opens further routes.",
    "graph": "Meta's official way, for business and creator accounts only. "
    "Needs AGESCOPE_GRAPH_TOKEN and AGESCOPE_GRAPH_USER_ID.",
    "instaloader": "A library of its own, where it is installed: pip install instaloader.",
}


@cached(max_entries=8)
def read_saved(path: Path, changed_ns: int) -> UserList:
    """A kept list, with what was left out of it when it was kept."""
    return with_left_out(read_user_list(path), path)


@cached(max_entries=8)
def read_saved_ages(path: Path, changed_ns: int) -> dict[str, float]:
    return read_labels(path).ages


def choose_list(busy: bool) -> tuple[Path, UserList] | None:
    """The list to collect: the one that was kept last, or an earlier one; none while another waits to be kept."""
    upload = upload_list(
        "User list",
        "One username per line, or a CSV with a column `username`. "
        "@ before a name, profile addresses, blank lines and duplicates are understood.",
        is_labels=False,
        chosen=choose_kept,
    )
    saved = sorted(SETTINGS.lists_dir.glob("*.csv"), key=lambda path: path.stat().st_mtime, reverse=True)
    if not saved:
        return None
    choose_none_after(upload.file_id if upload else None, saved[0])
    name = st.selectbox(
        "List to collect",
        [path.stem for path in saved],
        key="list",
        bind="query-params",
        placeholder="Choose a list",
    )
    if name is None:
        return None
    path = SETTINGS.lists_dir / f"{name}.csv"
    users = read_saved(path, path.stat().st_mtime_ns)
    labels = UserList(rejected=read_left_out(SETTINGS.labels_dir / path.name))
    show_what_was_found(users, known_ages(path, users), labels)
    offer_to_remove(path, users, busy)
    return path, users


def choose_kept(path: Path) -> None:
    st.session_state.list = path.stem


def choose_none_after(waiting: str | None, latest: Path) -> None:
    """Choose no list where an upload waits or was refused, lest an earlier one be collected in its place."""
    if waiting is None and st.session_state.get("list", "") is None:
        st.session_state.list = latest.stem
    elif waiting is not None and st.session_state.get("waiting_list") != waiting:
        st.session_state.list = None
    st.session_state.waiting_list = waiting


def known_ages(path: Path, users: UserList) -> int:
    """How many accounts of a list have an age in the labels that it brought."""
    labels = SETTINGS.labels_dir / path.name
    with suppress(InputError, FileNotFoundError):  # the index tells of a file that cannot be read
        ages = read_saved_ages(labels, labels.stat().st_mtime_ns)
        return sum(username in ages for username in users.usernames)
    return 0


def show_what_was_found(users: UserList, with_age: int, labels: UserList) -> None:
    """How many accounts a list names, of how many the age is known, and what of it cannot be used."""
    parts = [f"**{count(len(users.usernames), 'usable account')}**"]
    if users.duplicates:
        parts.append(count(users.duplicates, "duplicate"))
    if with_age or labels.rejected:
        parts.append(f"{number(with_age)} with a known age")
    st.markdown(" · ".join(parts))
    for remark in users.remarks:
        st.caption(plain(remark))
    show_rejected(users)
    show_rejected(labels, "age")


def offer_to_remove(path: Path, users: UserList, busy: bool) -> None:
    """Take a list out of the study, after a word on what that leaves."""
    with st.popover("Remove this list", icon=":material/delete:", type="tertiary", key=f"remove_{path.stem}"):
        st.markdown(
            f"The list **{plain(path.stem)}** names {count(len(users.usernames), 'account')}. "
            "What was collected of them stays, and so do known ages."
        )
        st.button(
            "Remove it",
            key=f"remove_now_{path.stem}",
            on_click=remove_list,
            args=(path,),
            disabled=busy,
            help="A collection is running." if busy else None,
        )
        st.page_link("pages/erase.py", label="Erase a person", icon=":material/person_remove:")


def remove_list(path: Path) -> None:
    """Delete a list, and begin with an empty uploader, which may still hold it."""
    try:
        act(Action.CHANGE_STUDY, "removed a list")
        remove_user_list(path)
    except AgeScopeError as error:
        st.error(plain(error))
        return
    except OSError as error:
        st.error(f"{plain(path)} cannot be removed: {error.strerror}. Correct the permissions of its folder.")
        return
    without_uploads("accounts")
    st.session_state.pop("list", None)


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
    given = table.dropna()
    limits = [Limit(int(some), float(long)) for some, long in zip(given["requests"], given["seconds"], strict=True)]
    if hasty := why_hasty(limits):
        st.warning(hasty)
    return limits


def choose_proxies() -> tuple[bool, Path | None]:
    """Whether to go through public ones, and a list of one's own."""
    kind = st.segmented_control(
        "Proxies", ["none", "public", "own list"], default="none", key="proxies", persist_state="session", required=True
    )
    if kind == "public":
        st.caption(
            "Public proxies are strangers' machines: they see what is fetched and may change it, "
            "and most are slow or blocked."
        )
        return True, None
    if kind == "none":
        return False, None
    path = SETTINGS.data_dir / "proxies.txt"
    upload = st.file_uploader("Proxies", type=["txt"], max_upload_size=1, key="proxy_file", help="One address a line.")
    if upload is not None and st.session_state.get("saved_proxies") != upload.file_id:
        act(Action.CHANGE_STUDY, "set the list of proxies")
        write_atomically(path, upload.getvalue())
        path.chmod(0o600)  # it may hold passwords
        st.session_state.saved_proxies = upload.file_id
    if not path.exists():
        st.caption("One a line, for example socks5://name:password@host:1080.")
        return False, None
    st.caption(f"They are kept in {plain(path)}, readable by you alone.")
    return False, path


def choose_waits() -> tuple[float | None, float | None]:
    """The first wait after a refusal, and by what each next one is longer; None where nobody sets them."""
    st.caption(
        "After a refusal AgeScope waits, longer each time, and never less than Instagram asks for. "
        "Unless you set it: 5 minutes first, then twice as long each time, up to 6 hours."
    )
    backoff = st.toggle("Set the waits myself", key="backoff", persist_state="session")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        mult, exp = (
            st.number_input(label, *values, disabled=not backoff, width=150, key=key, persist_state="session")
            for label, key, values in (
                ("First wait (s)", "mult", (0.1, 3600.0, 300.0)),
                ("Each next, times", "exp", (1.0, 10.0, 2.0)),
            )
        )
    return (mult, exp) if backoff else (None, None)


class How(TypedDict):
    """What is set of a collection besides its list, by the options' names."""

    posts_per_user: int
    limits: list[Limit]
    source: SourceName
    backoff_mult: float | None
    backoff_exp: float | None
    jitter: float
    refresh_days: float | None
    useproxies: bool
    proxy_list: Path | None


def choose_how() -> How:
    """What is set of a collection besides its list."""
    posts_per_user = number_field(
        CollectArguments, "posts_per_user", "Posts per account", step=10, key="posts", width=200
    )
    limits = choose_limits()
    source = st.segmented_control(
        "Source",
        SOURCES,
        format_func=SOURCES.__getitem__,
        default=CollectArguments.options()["source"].default,
        key="from",
        persist_state="session",
        required=True,
    )
    st.caption(SOURCE_NOTES[source])
    with st.expander("More: waits, proxies, jitter, refresh"):
        first_wait, each_next = choose_waits()
        with st.container(horizontal=True, vertical_alignment="bottom"):
            jitter = number_field(CollectArguments, "jitter", "Jitter (s)", most=3600, key="jitter", width=130)
            refresh_days = number_field(
                CollectArguments,
                "refresh_days",
                "Collect anew after (days)",
                placeholder="never",
                key="refresh",
                width=190,
            )
        useproxies, proxy_list = choose_proxies()
    return {
        "posts_per_user": posts_per_user,
        "limits": limits,
        "source": source,
        "backoff_mult": first_wait,
        "backoff_exp": each_next,
        "jitter": jitter,
        "refresh_days": refresh_days,
        "useproxies": useproxies,
        "proxy_list": proxy_list,
    }


def offer_start(asked: CollectArguments | None, latest: Job | None, users: UserList, *, is_possible: bool) -> None:
    """The button that starts a collection or goes on with the latest one, and what to type instead."""
    busy = latest is not None and latest.state in ACTIVE
    same = latest if latest and not busy and asked and read_back(latest, CollectArguments) == asked else None
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(
            (same and go_on_label(same)) or "Start collecting",
            type="primary",
            icon=":material/play_arrow:",
            disabled=not is_possible or asked in (None, st.session_state.get("nothing_left")),
            help="A collection is running already." if busy else None,
            key="start_collecting",
        ) and start(asked, same, f"Collection of {count(len(users.usernames), 'account')}"):
            st.rerun()
        if asked:
            command_to_copy(asked)
        st.caption("You can stop at any time; nothing is lost.")


State = tuple[CollectArguments, int, int, float | None]
"""What the cost of a run depends on; see :func:`state_of`."""


@cached(max_entries=8, show_spinner=False)
def estimated(
    asked: CollectArguments, list_changed_ns: int, folder_changed_ns: int, per_account: float | None, _users: UserList
) -> Estimate:
    return estimate(asked, with_secrets(), _users, per_account)


def build_arguments(path: Path, how: How) -> CollectArguments | None:
    """The run that the page describes; None, with the reason on the page, where the settings cannot be used."""
    try:
        return CollectArguments(path, SETTINGS.accounts_dir, **how)
    except InputError as error:
        st.warning(plain(error))
        return None


def start(asked: CollectArguments | None, same: Job | None, title: str) -> Job | None:
    """Go on with the latest run where it is the same one, or start another."""
    if same and go_on_label(same):
        return resume_job(same)
    return start_job("collect", title, asked.to_argv()) if asked else None


def state_of(asked: CollectArguments) -> State:
    """The run, when its list and the folder changed last (ns), and what an account took before."""
    folder = asked.output_dir
    changed_ns = folder.stat().st_mtime_ns if folder.exists() else 0
    return asked, asked.user_file.stat().st_mtime_ns, changed_ns, requests_seen(asked)


def requests_seen(asked: CollectArguments) -> float | None:
    """Requests that an account took in the latest run where that was like this one; None where too few tell.

    Like this one: for as many posts, of Instagram's own pages, and with a session as now or without.
    """
    job = latest_collection()
    started = read_back(job, CollectArguments) if job else None
    if job is None or started is None or {asked.source, started.source} != {"web"}:
        return None
    had_session = bool(job.progress.requests_by_route.keys() & {"timeline", "feed"})
    if started.posts_per_user != asked.posts_per_user or had_session != bool(with_secrets().instagram_session):
        return None
    took = [event.requests for event in job.events(AccountEvent)]
    return fmean(took) if len(took) >= FEWEST_SEEN else None


@st.fragment(run_every=0.5)
def show_cost_later(asked: CollectArguments, users: UserList) -> None:
    """Let the page stand first, then look at what is there, and draw the page with it."""
    st.caption("Looking at what is there …")
    if st.session_state.get("looking") == asked:
        with suppress(InputError):  # which the page says
            estimated(*state_of(asked), users)
            estimated(*state_of(asked), users)  # the first may have put its notes beside the files
        st.session_state.looked = state_of(asked)
        st.rerun()
    st.session_state.looking = asked


def show_cost(state: State, users: UserList) -> int | None:
    """How long it will take and why nobody can say it more exactly, and what is there already.

    Returns:
        How many accounts are to be asked for; None where the list cannot be used.
    """
    try:
        cost = estimated(*state, users)
    except InputError as error:
        st.warning(plain(error))
        return None
    st.markdown(plain(cost))
    if cost.todo:
        fewest, most = (requests // cost.todo for requests in cost.requests)
        st.caption(
            f"An account takes {number(fewest)} to {count(most, 'request')}: few where it has few posts, many where it "
            "has as many as you ask for and each has to be asked for by itself. "
            + (
                "Nobody knows which before the first accounts are there; from then on the run tells how long is left. "
                if cost.likely is None
                else f"In the latest run it took {number(state[-1], 1)}. "
            )
            + "Refusals and their waits come on top."
            if fewest < most
            else f"An account takes {count(most, 'request')}. Refusals and their waits come on top."
        )
    if cost.known:
        outcomes = ", ".join(f"{number(found)} {outcome.replace('_', ' ')}" for outcome, found in cost.known.items())
        st.caption(
            f"Asked before: {outcomes}. What is final is not asked for again; partial accounts go on where they were, "
            "failed ones are tried again."
        )
    return cost.todo


instagram, files = tabs_in_address(["From Instagram", "Import files"], "source")

if instagram.open:
    with instagram:
        accounts, how = st.columns([3, 2], gap="large")
        with accounts:
            st.subheader("1 · Accounts")
            latest = latest_collection()
            busy = latest is not None and latest.state in ACTIVE
            chosen = choose_list(busy)
        with how:
            st.subheader("2 · How")
            wanted = choose_how()
        asked, reason = None, None
        if chosen:
            path, users = chosen
            st.subheader("3 · Start")
            asked = build_arguments(path, wanted)
            reason = unavailable_reason(wanted["source"], with_secrets(), useproxies=wanted["useproxies"])
            if reason:
                st.warning(plain(reason))
            above = st.container()  # for what takes seconds with 100,000 accounts, and is filled last
            offer_start(asked, latest, users, is_possible=not (busy or reason))
        running(asked)
        st.divider()
        check_instagram()
        if chosen and asked and not reason:
            state = state_of(asked)
            with above:
                is_known = len(users.usernames) <= MANY or st.session_state.get("looked") == state
                todo = show_cost(state, users) if is_known else show_cost_later(asked, users)
            nothing_left = asked if todo == 0 else None
            if st.session_state.get("nothing_left") != nothing_left:
                st.session_state.nothing_left = nothing_left
                st.rerun()

if files.open:
    with files:
        import_files()
