import itertools
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path, PurePath
from secrets import token_hex
from statistics import fmean
from typing import Any

import pandas as pd
import streamlit as st
from pydantic import SecretStr
from streamlit.runtime.uploaded_file_manager import UploadedFile

from core import charts, jobs
from core.accounts import UserList, labels_in_list, read_labels, read_user_list, write_user_list
from core.collect import DEFAULT_LIMITS, CollectArguments, Estimate, Limit, estimate, parse_limit
from core.errors import AgeScopeError, InputError
from core.files import write_atomically
from core.instagram.sources import why_not
from core.jobs import Job
from core.settings import Settings, get_settings
from core.tables import safe_csv
from core.wording import count, moment, number, plain
from pages.shared import (
    command_to_copy,
    draw_progress,
    in_frame,
    safe_stem,
    secret_environment,
    show_rejected,
    start_job,
    the_store,
)

in_frame()

SETTINGS = get_settings()
SHOWN = 500
MANY = 10_000  # accounts of a list, from which on it takes seconds to see what is there of them
FEWEST_SEEN = 20  # accounts, of which what they took says something of the others
SOURCES = {
    "web": "Instagram's own pages",
    "graph": "Graph API",
    "instaloader": "Instaloader",
}
SOURCE_NOTES = {
    "web": "Needs nothing; a session cookie (AGESCOPE_INSTAGRAM_SESSION) opens further routes.",
    "graph": "Meta's official way, for business and creator accounts only. "
    "Needs AGESCOPE_GRAPH_TOKEN and AGESCOPE_GRAPH_USER_ID.",
    "instaloader": "A library of its own, where it is installed: pip install instaloader.",
}


@st.cache_data(max_entries=8, show_spinner="Reading the list …")
def read_upload(content: bytes, name: str) -> tuple[UserList, UserList | None]:
    """The list, and the labels that an age column of it holds."""
    return read_user_list(content, name), labels_in_list(content, name)


@st.cache_data(max_entries=8)
def read_saved(path: Path, changed_ns: int) -> UserList:
    return read_user_list(path)


@st.cache_data(max_entries=8)
def read_saved_ages(path: Path, changed_ns: int) -> dict[str, float]:
    return read_labels(path).ages


def choose_list(busy: bool) -> tuple[Path, UserList] | None:
    """The list to collect: the one that was uploaded last, or an earlier one."""
    upload = st.file_uploader(
        "User list",
        type=["csv", "txt", "tsv"],
        max_upload_size=100,
        key=f"user_list_{st.session_state.get('lists_removed', 0)}",
        help="One username per line, or a CSV with a column `username`. "
        "@ before a name, profile addresses, blank lines and duplicates are understood.",
    )
    uploaded = save_upload(upload) if upload is not None else None
    saved = sorted(SETTINGS.lists_dir.glob("*.csv"), key=lambda path: path.stat().st_mtime, reverse=True)
    if not saved:
        return None
    choose_none_after(upload.file_id if upload is not None and uploaded is None else None, saved[0])
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
    is_uploaded = uploaded is not None and uploaded[0] == path
    users = uploaded[1] if uploaded and is_uploaded else read_saved(path, path.stat().st_mtime_ns)
    labels = uploaded[2] if uploaded and is_uploaded else None
    show_what_was_found(users, known_ages(path, users), labels)
    offer_to_remove(path, users, busy)
    return path, users


def choose_none_after(refused: str | None, latest: Path) -> None:
    """Choose no list where an upload has just been refused, lest an earlier one be collected in its place."""
    if refused is None and st.session_state.get("list", "") is None:
        st.session_state.list = latest.stem
    elif refused is not None and st.session_state.get("refused_list") != refused:
        st.session_state.list = None
    st.session_state.refused_list = refused


def save_upload(upload: UploadedFile) -> tuple[Path, UserList, UserList | None] | None:
    """Keep an uploaded list and choose it, and its ages as labels; say so where it cannot be used."""
    try:
        users, labels = read_upload(upload.getvalue(), upload.name)
    except InputError as error:
        st.error(f"{plain(error)} Mend it and upload it again, or choose an earlier list.")
        return None
    if not users.usernames:
        show_rejected(users)
        st.error("None of the lines holds a usable username. Upload another list, or choose an earlier one.")
        return None
    path = SETTINGS.lists_dir / f"{safe_stem(upload.name, 'accounts')}.csv"
    if st.session_state.get("saved_list") != upload.file_id:
        write_user_list(path, users)
        if labels and labels.usernames:
            write_user_list(SETTINGS.labels_dir / path.name, labels)
            the_store().refresh()
        st.session_state.saved_list = upload.file_id
        st.session_state.list = path.stem
    return path, users, labels


def known_ages(path: Path, users: UserList) -> int:
    """How many accounts of a list have an age in the labels that it brought."""
    labels = SETTINGS.labels_dir / path.name
    with suppress(InputError, FileNotFoundError):  # the index tells of a file that cannot be read
        ages = read_saved_ages(labels, labels.stat().st_mtime_ns)
        return sum(username in ages for username in users.usernames)
    return 0


def show_what_was_found(users: UserList, with_age: int, labels: UserList | None) -> None:
    """How many accounts a list names, of how many the age is known, and what of it cannot be used."""
    parts = [f"**{count(len(users.usernames), 'usable account')}**"]
    if users.duplicates:
        parts.append(count(users.duplicates, "duplicate"))
    if with_age or labels:
        parts.append(f"{number(with_age)} with a known age")
    st.markdown(" · ".join(parts))
    show_rejected(users)
    if labels:
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
        st.caption(
            "To remove single accounts with all that is known of them: `python -m core forget USERNAME`, in a shell."
        )


def remove_list(path: Path) -> None:
    """Delete a list, and begin with an empty uploader, which may still hold it."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        st.error(f"{plain(path)} cannot be removed: {error.strerror}. Correct the permissions of its folder.")
        return
    st.session_state.lists_removed = st.session_state.get("lists_removed", 0) + 1
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
    return [Limit(int(row.requests), float(row.seconds)) for row in table.dropna().itertuples()]


def choose_proxies() -> list[str]:
    """None, public ones, or a list of one's own."""
    kind = st.segmented_control(
        "Proxies", ["none", "public", "own list"], default="none", key="proxies", persist_state="session", required=True
    )
    if kind == "public":
        st.caption(
            "Public proxies are strangers' machines: they see what is fetched and may change it, "
            "and most are slow or blocked."
        )
        return ["--useproxies"]
    if kind == "none":
        return []
    path = SETTINGS.data_dir / "proxies.txt"
    upload = st.file_uploader("Proxies", type=["txt"], max_upload_size=1, key="proxy_file", help="One address a line.")
    if upload is not None:
        write_atomically(path, upload.getvalue())
        path.chmod(0o600)  # it may hold passwords
    if not path.exists():
        st.caption("One a line, for example socks5://name:password@host:1080.")
        return []
    st.caption(f"They are kept in {plain(path)}, readable by you alone.")
    return ["--proxy-list", str(path)]


State = tuple[CollectArguments, int, int, float | None]
"""What the cost of a run depends on; see :func:`state_of`."""


@st.cache_data(max_entries=8, show_spinner=False)
def estimated(
    asked: CollectArguments, list_changed_ns: int, folder_changed_ns: int, per_account: float | None, _users: UserList
) -> Estimate:
    return estimate(asked, with_secrets(), _users, per_account)


def with_secrets() -> Settings:
    """The settings that a job will have."""
    given = {name.removeprefix("AGESCOPE_").lower(): SecretStr(value) for name, value in secret_environment().items()}
    return SETTINGS.model_copy(update=given)


def asked_for(path: Path, posts_per_user: int, **how: Any) -> CollectArguments | None:
    """The run that the page describes; None, with the reason on the page, where the settings cannot be used."""
    try:
        return CollectArguments(path, SETTINGS.accounts_dir, posts_per_user, **how)
    except InputError as error:
        st.warning(plain(error))
        return None


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
    if job is None or asked.source != "web" or option(job.record["arguments"], "--source"):
        return None
    had_session = bool(job.progress.get("requests_by_route", {}).keys() & {"timeline", "feed"})
    posts = option(job.record["arguments"], "--posts-per-user")
    if posts != [str(asked.posts_per_user)] or had_session != bool(with_secrets().instagram_session):
        return None
    took = [event["requests"] for event in job.events("account")]
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


def latest_collection() -> Job | None:
    """The collection that runs, or else the one that was started last."""
    collections = [job for job in jobs.list_jobs(SETTINGS.jobs_dir) if job.record["kind"] == "collect"]
    return next((job for job in collections if job.state in jobs.ACTIVE), collections[0] if collections else None)


@st.fragment(run_every=2.0)
def running(arguments: Sequence[str] | None) -> None:
    """The collection that runs now, or the latest one, as a person would ask after it.

    Args:
        arguments: what the button above starts, if there is one.
    """
    job = latest_collection()
    if job is None:
        return
    is_active = job.state in jobs.ACTIVE
    if st.session_state.get("collecting", is_active) != is_active:
        st.session_state.collecting = is_active
        st.rerun()  # what can be started, and what is left, is another thing now
    st.session_state.collecting = is_active
    st.subheader("Running" if is_active else "The latest run")
    if not is_active:
        draw_progress(job)
        show_end(job)
    tallies = job.progress.get("outcomes", {})
    if tallies:
        st.altair_chart(charts.outcomes(tallies), alt="Accounts of the list by outcome")
    if not is_active and job.record["arguments"] != arguments:
        offer_to_go_on(job)
    with st.container(horizontal=True, vertical_alignment="center"):
        if is_active:
            st.button(
                "Stop collecting", icon=":material/stop:", on_click=jobs.cancel, args=(job,), key="stop_collection"
            )
        st.page_link("pages/jobs.py", label="Log and command", icon=":material/arrow_forward:")
    show_refusals(job.events("refusal"))
    with st.expander("Accounts of this run", key="run_accounts", on_change="rerun") as accounts:
        if accounts.open:
            show_accounts(job)


def show_end(job: Job) -> None:
    """How a run ended; loudly where it could not go on."""
    said = f"{job.state}. {plain(job.result.get('message', ''))}"
    if job.state == "failed":
        st.error(said)
    else:
        st.caption(said)


def go_on_label(job: Job) -> str | None:
    """What going on with an ended run is called; None where nothing of it is left."""
    if job.state in jobs.RESUMABLE:
        return "Go on collecting"
    failed = job.progress.get("outcomes", {}).get("failed", 0)
    return f"Try {count(failed, 'failed account')} again" if failed and job.state == "done" else None


def offer_to_go_on(job: Job) -> None:
    """The same command again, where it is another than the one that the page describes, and in what it differs."""
    label, arguments = go_on_label(job), job.record["arguments"]
    lists = [Path(path) for path in option(arguments, "--user-file")]
    if label is None or not all(path.is_file() for path in lists):
        return
    source = next(iter(option(arguments, "--source")), "web")
    reason = why_not(source, with_secrets())  # type: ignore[arg-type]
    st.button(
        label, icon=":material/replay:", on_click=go_on, args=(job,), key="go_on_collecting", disabled=bool(reason)
    )
    settings = [
        *(f"list {plain(path.stem)}" for path in lists),
        *(f"{posts} posts per account" for posts in option(arguments, "--posts-per-user")),
        *(str(parse_limit(limit)) for limit in option(arguments, "--ratelimit")),
        SOURCES.get(source, ""),
    ]
    as_started = f"As it was started: {', '.join(settings)}. *Start collecting* uses what is set above instead."
    st.caption(plain(reason) if reason else as_started)


def option(arguments: Sequence[str], name: str) -> list[str]:
    """The values of an option, each time that it is given."""
    return [value for key, value in itertools.pairwise(arguments) if key == name]


def go_on(job: Job) -> Job | None:
    """Start an ended run again; it goes on where it was."""
    try:
        return jobs.resume(job, secret_environment())
    except AgeScopeError as error:
        st.error(plain(error))
        return None


def show_refusals(refusals: list[dict[str, Any]]) -> None:
    """What Instagram answered instead of posts, each kind once, with what to do about it."""
    if not refusals:
        return
    st.markdown("**Answers that were not posts**")
    table = pd.DataFrame(refusals)
    for (meaning, advice), rows in table.groupby(["meaning", "advice"], sort=False):
        latest = rows.iloc[-1]
        st.warning(f"{plain(meaning)} {plain(advice)}", title=f"{count(len(rows), 'time')}: {plain(latest['answer'])}")


@st.cache_data(max_entries=2, show_spinner=False)
def accounts_of(folder: Path, size: int) -> pd.DataFrame:
    """Every account that a run has asked about, latest first."""
    table = pd.DataFrame(Job(folder).events("account", last_bytes=size)[::-1])
    return table[[name for name in ("at", "username", "outcome", "posts", "requests", "reason") if name in table]]


@st.cache_data(max_entries=2, show_spinner=False)
def accounts_csv(folder: Path, size: int, outcomes: tuple[str, ...]) -> bytes:
    return safe_csv(with_outcome(accounts_of(folder, size), outcomes))


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
    st.download_button(
        "Download these",
        accounts_csv(job.folder, size, tuple(outcomes)),
        "accounts.csv",
        "text/csv",
        icon=":material/table:",
        on_click="ignore",
    )


@st.fragment(run_every=2.0)
def check_instagram() -> None:
    """Ask each route once, in the background, and show what each answered."""
    checks = [job for job in jobs.list_jobs(SETTINGS.jobs_dir) if job.record["kind"] == "check"]
    is_active = bool(checks) and checks[0].state in jobs.ACTIVE
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
        st.caption(f"Checked {moment(checks[0].record['created_at'])}")
    elif not is_active:
        st.warning(plain(checks[0].result.get("message", "The check ended without an answer; see its log.")))


def laid_down(uploads: Sequence[UploadedFile]) -> Path:
    """A folder with the uploads under their own names, which may say whose posts they hold."""
    folder = SETTINGS.cache_dir / "uploads" / token_hex(6)
    folder.mkdir(parents=True)
    for upload in uploads:
        name = PurePath(re.sub(r"[\\/\x00-\x1f]", "_", upload.name)[-120:].lstrip("."))
        path = folder / (name.name or "file")
        for again in itertools.count(2):
            if not path.exists():
                break
            path = folder / f"{name.stem} ({again}){name.suffix}"
        path.write_bytes(upload.getvalue())
    return folder


@st.fragment(run_every=2.0)
def imported() -> None:
    """What the latest import brought, and what of it was not understood, file by file."""
    imports = [job for job in jobs.list_jobs(SETTINGS.jobs_dir) if job.record["kind"] == "import"]
    if not imports or imports[0].state in jobs.ACTIVE:
        return
    job = imports[0]
    st.subheader("The latest import")
    st.markdown(f"{plain(job.record['title'])}, {moment(job.record['created_at'])}: **{job.state}**")
    for sentence in next(iter(job.events("imported")[::-1]), {}).get("summary", []):
        st.markdown(f"- {plain(sentence)}")
    if job.state != "done":
        st.warning(plain(job.result.get("message") or "It broke off. Import the same files again."))
    refused = pd.DataFrame(job.events("not_understood"))
    if len(refused):
        st.markdown("**Not understood, or not wholly**")
        folder = PurePath(job.record["arguments"][1]).name
        refused = refused[["name", "reason"]].assign(name=refused["name"].str.removeprefix(f"{folder}/"))
        st.dataframe(refused, hide_index=True, alt="Files that were not understood, with the reason")
        st.download_button(
            "Download this list",
            safe_csv(refused),
            "not-understood.csv",
            "text/csv",
            icon=":material/table:",
            on_click="ignore",
        )


instagram, files = st.tabs(["From Instagram", "Import files"], key="source", on_change="rerun", bind="query-params")

if instagram.open:
    with instagram:
        accounts, how = st.columns([3, 2], gap="large")
        with accounts:
            st.subheader("1 · Accounts")
            latest = latest_collection()
            busy = latest is not None and latest.state in jobs.ACTIVE
            chosen = choose_list(busy)
        with how:
            st.subheader("2 · How")
            posts_per_user = st.number_input(
                "Posts per account", 1, 100_000, 100, step=10, width=200, key="posts", persist_state="session"
            )
            limits = choose_limits()
            source = st.segmented_control(
                "Source",
                SOURCES,
                format_func=SOURCES.get,
                default="web",
                key="from",
                persist_state="session",
                required=True,
            )
            st.caption(SOURCE_NOTES[source])
            with st.expander("More: waits, proxies, jitter, refresh"):
                st.caption(
                    "After a refusal AgeScope waits, longer each time, and never less than Instagram asks for. "
                    "Unless you set it: 5 minutes first, then twice as long each time, up to 6 hours."
                )
                backoff = st.toggle("Set the waits myself", key="backoff", persist_state="session")
                with st.container(horizontal=True, vertical_alignment="bottom"):
                    mult, exp = (
                        st.number_input(
                            label, *values, disabled=not backoff, width=150, key=key, persist_state="session"
                        )
                        for label, key, values in (
                            ("First wait (s)", "mult", (0.1, 3600.0, 300.0)),
                            ("Each next, times", "exp", (1.0, 10.0, 2.0)),
                        )
                    )
                with st.container(horizontal=True, vertical_alignment="bottom"):
                    jitter = st.number_input(
                        "Jitter (s)",
                        0.0,
                        3600.0,
                        0.0,
                        width=130,
                        help="Up to so much later, at random.",
                        key="jitter",
                        persist_state="session",
                    )
                    refresh = st.number_input(
                        "Collect anew after (days)",
                        0.0,
                        value=None,
                        placeholder="never",
                        width=190,
                        key="refresh",
                        persist_state="session",
                    )
                proxies = choose_proxies()
        asked, arguments = None, None
        if chosen:
            path, users = chosen
            st.subheader("3 · Start")
            arguments = [
                *("scrape-users", "--user-file", str(path), "--output-dir", str(SETTINGS.accounts_dir)),
                *("--posts-per-user", str(posts_per_user)),
                *(part for limit in limits for part in ("--ratelimit", f"{limit.requests},{limit.seconds:g}")),
                *(("--backoff-mult", f"{mult:g}", "--backoff-exp", f"{exp:g}") if backoff else ()),
                *(("--source", source) if source != "web" else ()),
                *(("--jitter", f"{jitter:g}") if jitter else ()),
                *(("--refresh", f"{refresh:g}") if refresh is not None else ()),
                *proxies,
            ]
            reason = why_not(source, with_secrets(), useproxies="--useproxies" in proxies)
            if reason:
                st.warning(plain(reason))
            else:
                asked = asked_for(
                    path, posts_per_user, limits=limits, source=source, jitter=jitter, refresh_days=refresh
                )
            above = st.container()  # for what takes seconds with 100,000 accounts, and is filled last
            title = f"Collection of {count(len(users.usernames), 'account')}"
            same = latest if latest and not busy and latest.record["arguments"] == arguments else None
            with st.container(horizontal=True, vertical_alignment="center"):
                if st.button(
                    (same and go_on_label(same)) or "Start collecting",
                    type="primary",
                    icon=":material/play_arrow:",
                    disabled=busy or asked is None or asked == st.session_state.get("nothing_left"),
                    help="A collection is running already." if busy else None,
                    key="start_collecting",
                ) and (go_on(same) if same and go_on_label(same) else start_job("collect", title, arguments)):
                    st.rerun()
                command_to_copy(arguments)
                st.caption("You can stop at any time; nothing is lost.")
        running(arguments)
        st.divider()
        check_instagram()
        if chosen and asked:
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
        st.markdown(
            "Posts that you have already: the *Download your information* export that a participant donates, the files "
            "of other collectors, or any table with columns for user and text. The format is recognised by content."
        )
        uploads = st.file_uploader("Files", accept_multiple_files=True, key="imports")
        username = st.text_input(
            "Whose posts they are", placeholder="only where the files do not say", max_chars=64, width=320
        )
        if st.button("Import", type="primary", icon=":material/upload_file:", disabled=not uploads):
            arguments = ["import", str(laid_down(uploads)), "--output-dir", str(SETTINGS.accounts_dir)]
            if username.strip():
                arguments += ["--username", username.strip()]
            start_job("import", f"Import of {count(len(uploads), 'file')}", arguments)
        imported()
