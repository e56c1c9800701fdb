import re
import time
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import pandas as pd
import pyarrow as pa
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.errors import InputError
from core.index import AccountDetail, AccountSort, Answer, Filter, LabelState, PostSort, RunningQuery
from core.models.folder import model_name
from core.models.settings import DEFAULT_CUTOFF
from core.privacy.exports import Content
from core.privacy.roles import Action
from core.reporting import charts
from core.storage.models import Outcome
from core.storage.own_names import called
from core.utils.formatting import count, day, moment, number, percent, plain
from core.utils.tables import parquet
from pages.parts.components import clicked_row, close, empty_state, in_frame, table_key, tabs_in_address
from pages.parts.downloads import choose_content, download_table, left_out
from pages.parts.index_access import the_store
from pages.parts.sign_in import act, note_account, require
from pages.parts.study import address, cached, the_settings, the_study

in_frame()

PAGE_ROWS = 50
POSTS_A_PAGE = 25
MOST_DOWNLOADED = 100_000
ACCOUNTS_HEIGHT = 390
"""Ten rows: what is clicked, and the account that it opens above, are on one screen."""
READING_HEIGHT = 400
"""Of the posts of an opened account, so that the table of accounts stays near."""
SCHEMA_HEIGHT = 330
LIST_FIRST = (
    "<style>@media (min-width: 640px) { [data-testid=stColumn]:has(> * .st-key-opened_account) { order: 2 } }</style>"
)
"""On a wide screen the list keeps its place, and the account stands beside it; on a phone the account comes first."""
SHOWN_AFTER_S = 2.0
"""A query that takes longer is shown, with a way to stop it."""
WHOLE = Content(names=True, captions=True)
NO_FILTERS: dict[str, object] = {
    "user": "",
    "words": "",
    "since": None,
    "until": None,
    "outcome": (),
    "language": (),
    "label": "any",
    "least": 0,
}
FILTER_NAMES = {
    "user": "account",
    "words": "words",
    "since": "from",
    "until": "until",
    "outcome": "outcome",
    "language": "language",
    "label": "age",
    "least": "posts at least",
}
CUTOFF = the_study().cutoff or DEFAULT_CUTOFF
LABELS: dict[LabelState, str] = {
    "any": "any",
    "labelled": "known",
    "unlabelled": "not known",
    "at_least": f"at least {CUTOFF:g}",
    "under": f"under {CUTOFF:g}",
}
Order = TypeVar("Order", bound=str)
ACCOUNT_ORDERS: dict[AccountSort, str] = {
    "username": "name",
    "posts": "number of posts",
    "last_at": "latest post",
    "collected_at": "collected",
    "age": "known age",
}
POST_ORDERS: dict[str, tuple[PostSort, bool, str]] = {
    "newest": ("taken_at", True, "newest first"),
    "oldest": ("taken_at", False, "oldest first"),
    "likes": ("likes", True, "most likes"),
    "comments": ("comments", True, "most comments"),
    "username": ("username", False, "account"),
}
EXAMPLES = {
    "Accounts with known ages": "SELECT username, age, posts, language\nFROM accounts JOIN ages USING (username)\n"
    "ORDER BY age",
    "Accounts with the most posts": "SELECT username, posts, first_at, last_at\nFROM accounts\n"
    "ORDER BY posts DESC\nLIMIT 20",
    "Posts per month": "SELECT date_trunc('month', taken_at) AS month, count(*) AS posts\nFROM posts\n"
    "WHERE taken_at IS NOT NULL\nGROUP BY month\nORDER BY month",
    "Captions with a word, by known age": "SELECT age >= 21 AS at_least_21, count(*) AS posts,\n"
    "    avg(contains(caption_lower, 'school')::INTEGER) AS share\n"
    "FROM posts JOIN ages USING (username)\nGROUP BY at_least_21",
    "Probability and number of posts": "SELECT run, round(probability, 1) AS probability, count(*) AS accounts,\n"
    "    avg(posts) AS captions\nFROM predictions\nGROUP BY ALL\nORDER BY ALL",
}
ENTER_IN_DATES = """<script>
if (!window.ageScopeDates) {
  window.ageScopeDates = true;
  document.addEventListener("keydown", event => {
    if (event.key === "Enter" && event.target.matches("[data-testid=stDateInput] [role=spinbutton]"))
      setTimeout(() => document.querySelector("[data-testid=stMain]").focus({preventScroll: true}));
  }, true);
}
</script>"""
"""Streamlit takes a date that was typed when another element gets the focus; Enter gives it to the page."""
store = the_store()


def choose_filter() -> Filter:
    """The filters, folded away; those that are used stand as words. Each is in the address, as a link's reader sees."""
    with st.expander("Filters", icon=":material/filter_list:", key="filters"), st.grid(4, min_column_width=150):
        username = st.text_input("Account", key="user", bind="query-params")
        words = st.text_input(
            "Words in captions",
            key="words",
            bind="query-params",
            help='All of the words, also within longer ones; "in quotes" they belong together.',
        )
        since = st.date_input("From", value=None, key="since", bind="query-params")
        until = st.date_input("Until", value=None, key="until", bind="query-params")
        of_outcome, of_language, of_label = how_many(store.version, CUTOFF)
        outcomes = st.multiselect(
            "Outcome",
            get_args(Outcome),
            key="outcome",
            bind="query-params",
            placeholder="any",
        )
        languages = st.multiselect(
            "Language",
            list(of_language),
            key="language",
            bind="query-params",
            placeholder="any",
            help="What an account mostly writes in, guessed from the beginning of its captions; ISO 639 codes.",
        )
        label = st.selectbox(
            "Known age",
            LABELS,
            format_func=lambda it: LABELS[it],
            key="label",
            bind="query-params",
        )
        least = st.number_input("Posts at least", 0, None, 0, key="least", bind="query-params")
        show_counts(
            {"Outcome": of_outcome, "Language": of_language, "Known age": {LABELS[it]: of_label[it] for it in LABELS}}
        )
    show_used()
    return Filter(
        username=username,
        words=words,
        since=since,
        until=until,
        outcomes=tuple(outcomes),
        languages=tuple(languages),
        label=label,
        cutoff=CUTOFF,
        min_posts=least or None,
    )


def show_counts(tallies: Mapping[str, Mapping[str, int]]) -> None:
    """How many accounts have each value; not in the fields themselves, whose words stand in the address."""
    for name, tally in tallies.items():
        st.caption(plain(f"{name}: " + ", ".join(f"{value} ({number(many)})" for value, many in tally.items())))


@cached(max_entries=4, show_spinner=False)
def how_many(version: int, cutoff: float) -> tuple[dict[str, int], dict[str, int], dict[LabelState, int]]:
    """How many accounts have each outcome, language and state of a known age."""
    languages = store.languages().set_index("language")["accounts"]
    return (
        store.counts().outcomes,
        {str(name): int(accounts) for name, accounts in languages.items()},
        (store.label_counts(cutoff)),
    )


def show_used() -> None:
    """Each filter that is used, as a word that a click takes away."""
    used = {
        key: st.session_state[key] for key, nothing in NO_FILTERS.items() if st.session_state[key] not in (nothing, [])
    }
    if not used:
        return
    with st.container(horizontal=True, gap="xsmall", key="used_filters"):
        for key, value in used.items():
            st.button(
                f"{FILTER_NAMES[key]} {plain(in_words(key, value))}",
                icon=":material/close:",
                key=f"unused_{key}",
                on_click=clear_filters,
                args=([key],),
            )
        st.button("Clear filters", icon=":material/filter_alt_off:", type="tertiary", on_click=clear_filters)


def in_words(key: str, value: Any) -> str:
    """What a filter asks for, as its word says it."""
    if key == "label":
        return LABELS[value]
    return " or ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def clear_filters(keys: Iterable[str] = tuple(NO_FILTERS)) -> None:
    """Let everything pass again; the address follows."""
    for key in keys:
        st.session_state[key] = NO_FILTERS[key]


@st.fragment(run_every=5.0)
def news(drawn_at: int) -> None:
    """Offer what came in since the page was drawn; it never moves under a reader's eyes by itself."""
    is_new = store.version != drawn_at and not store.following.busy
    if is_new and st.button("Show what is new", icon=":material/refresh:", type="tertiary"):
        st.rerun()


def accounts_table(chosen: Filter) -> None:
    """The accounts that pass, a page at a time; a click opens an account."""
    how_many, order = heading_of_table(ACCOUNT_ORDERS, "order")
    page_key = f"accounts_page_{hash(chosen)}"
    page = st.session_state.get(page_key, 1)
    found, table = store.search_accounts(chosen, order, order != "username", PAGE_ROWS, (page - 1) * PAGE_ROWS)
    how_many.markdown(f"**{count(found, 'account')} found**")
    page_chooser(found, page_key)
    go_through(table["username"].tolist())
    key = table_key(f"accounts_{page}_{order}")
    st.dataframe(
        table.drop(columns=["captions", "source"]),
        hide_index=True,
        height=ACCOUNTS_HEIGHT if len(table) > 10 else "content",
        on_select=lambda: open_selected(key, table),
        selection_mode="single-cell",
        key=key,
        alt="Accounts",
        placeholder="–",
        column_config={
            "username": st.column_config.TextColumn("account"),
            "posts": st.column_config.NumberColumn("posts", format="localized"),
            "first_at": st.column_config.DatetimeColumn("first post", format="D MMM YYYY"),
            "last_at": st.column_config.DatetimeColumn("latest post", format="D MMM YYYY"),
            "collected_at": st.column_config.DatetimeColumn("collected (UTC)", format="D MMM YYYY, HH:mm"),
            "age": st.column_config.NumberColumn("known age", help="in years"),
        },
    )


def go_through(usernames: list[str]) -> None:
    """Buttons, with their keys, that open one account of the table after the other."""
    opened = st.query_params.get("account")
    at = usernames.index(opened) if opened in usernames else -1
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption("Click an account to open it, or go through them:", width="content")
        for label, key, to in (("Previous", "k", at - 1), ("Next", "j", at + 1)):
            st.button(
                label,
                shortcut=key,
                key=f"go_{key}",
                type="tertiary",
                disabled=not 0 <= to < len(usernames),
                on_click=open_account,
                args=(usernames[to] if 0 <= to < len(usernames) else "",),
            )
        if opened:
            st.button("Close", shortcut="enter", key="go_enter", type="tertiary", on_click=close, args=("account",))
        else:
            first = usernames[:1]
            st.button(
                "Open the first",
                shortcut="enter",
                key="go_enter",
                type="tertiary",
                disabled=not first,
                on_click=open_account,
                args=tuple(first),
            )


def open_account(username: str) -> None:
    """Put an account into the address."""
    st.query_params["account"] = username


def heading_of_table(orders: Mapping[Order, str], key: str) -> tuple[DeltaGenerator, Order]:
    """Room for how many were found, and beside it the order that is chosen.

    Something stands between this and the table: the tools that hover above a table would cover it.
    """
    with st.container(horizontal=True, vertical_alignment="bottom"):
        how_many = st.container(horizontal=True, vertical_alignment="center", width="stretch")
        order = st.selectbox(
            "Order", orders, format_func=lambda order: orders[order], key=key, bind="query-params", width=180
        )
        return how_many, order


def open_selected(key: str, table: pd.DataFrame) -> None:
    """Put the account of the cell that was clicked into the address."""
    row = clicked_row(key)
    if row is not None:
        open_account(table["username"].iloc[row])


def posts_table(chosen: Filter) -> None:
    """The posts that pass, a page at a time."""
    how_many, order = heading_of_table({name: shown for name, (*_, shown) in POST_ORDERS.items()}, "posts_order")
    sort, descending, _ = POST_ORDERS[order]
    page_key = f"posts_page_{hash(chosen)}"
    page = st.session_state.get(page_key, 1)
    found, posts = store.search_posts(chosen, sort, descending, POSTS_A_PAGE, (page - 1) * POSTS_A_PAGE)
    with how_many:
        st.markdown(f"**{count(found, 'post')} found**", width="content")
        if found:
            offer_posts(chosen, sort, descending, found)
    page_chooser(found, page_key, POSTS_A_PAGE)
    draw_posts(posts, chosen.terms)


def offer_posts(chosen: Filter, sort: PostSort, descending: bool, found: int) -> None:
    """What the filter finds as a file, made when somebody asks for it."""
    many = found > MOST_DOWNLOADED
    with st.popover("Download", icon=":material/download:", type="tertiary"):
        download_table(
            f"First {number(MOST_DOWNLOADED)} as CSV" if many else "These posts as CSV",
            lambda: store.posts(chosen, sort, descending, MOST_DOWNLOADED),
            "posts.csv",
            choose_content("posts", has_captions=True),
            help="For all of them narrow the filter, by dates for instance, and join the files." if many else None,
        )


def draw_posts(
    posts: pd.DataFrame, terms: list[str], with_account: bool = True, height: int | Literal["content"] = "content"
) -> None:
    """Posts to read, with what was searched for marked; other people's words never act as Markdown."""
    rows = [
        {
            "post": about_post(post, with_account),
            "caption": marked(post["caption"], terms) if post["caption"] else "*no caption*",
        }
        for post in posts.to_dict("records")
    ]
    st.table(
        pd.DataFrame(rows, columns=["post", "caption"]),
        border="horizontal",
        hide_index=True,
        height=height,
        alt="Posts",
    )


def about_post(post: dict[Hashable, Any], with_account: bool) -> str:
    """Whose post it is, when it was taken, and its figures: a line each, so that a phone has room for the caption."""
    name = f"[{plain(post['username'])}]({address('posts', account=post['username'])})"
    figures = [count(int(post[kind]), kind[:-1]) for kind in ("likes", "comments") if pd.notna(post[kind])]
    lines = [
        name if with_account else "",
        taken(post["taken_at"]),
        ", ".join(figures).replace(" ", "\u00a0").replace(",\u00a0", ", "),
    ]
    return "  \n".join(filter(None, lines))


def taken(at: pd.Timestamp) -> str:
    """The moment of a post, in two lines at most where there is little room."""
    return "–" if pd.isna(at) else moment(at.to_pydatetime()).replace(" ", "\u00a0").replace(",\u00a0", ", ")


def ask_in_sql() -> None:
    """A query that a person types, its answer, and the schema beside it."""
    question, schema = st.columns([3, 2], gap="large")
    with question:
        example = st.selectbox("Examples", EXAMPLES, index=None, placeholder="start from one …", width=320)
        if example and st.session_state.get("example") != example:
            st.session_state.query = EXAMPLES[example]
        st.session_state.example = example
        with st.form("sql", border=False):
            query = st.text_area("Query", key="query", height=150, placeholder="SELECT username, posts FROM accounts")
            asked = st.form_submit_button("Run", type="primary", icon=":material/play_arrow:")
        st.caption("One SELECT, read-only, over the tables beside it; stopped after 10 s and at 10,000 rows.")
        if asked:
            ask(query)
        if not settled():
            follow_query()
        if st.session_state.get("mistake"):
            st.error(plain(st.session_state.mistake))
    with schema:
        draw_schema(SCHEMA_HEIGHT if st.session_state.get("answer") else "content")
    if st.session_state.get("answer"):
        show_answer(st.session_state.answer)


def draw_schema(height: int | Literal["content"]) -> None:
    """Every table, what a row of it is, and its columns."""
    st.markdown("**Tables**")
    rows = [
        {"table": f"**{table}**", "a row is": f"{meaning}  \n:gray[{plain(', '.join(columns))}]"}
        for table, meaning, columns in store.schema()
    ]
    st.table(
        rows, border="horizontal", hide_header=True, hide_index=True, height=height, alt="Tables that can be asked"
    )
    st.caption("Where both have a username, tables are joined by it. DESCRIBE posts tells the types of its columns.")


def ask(query: str) -> None:
    """Begin to answer a query; most are answered before there is anything to be shown of it."""
    act(Action.QUERY)
    if running := st.session_state.pop("running_query", None):
        running.stop()
    st.session_state.answer = st.session_state.mistake = None
    st.session_state.running_query = store.start_sql(query)
    with st.spinner("Asking …"):
        st.session_state.running_query.wait(SHOWN_AFTER_S)


def settled() -> bool:
    """Whether no query is running; takes in the answer of one that has ended."""
    running: RunningQuery | None = st.session_state.get("running_query")
    if running is None:
        return True
    if not running.wait(0):
        return False
    del st.session_state.running_query
    try:
        st.session_state.answer = running.result()
    except InputError as error:
        st.session_state.mistake = str(error)
    return True


@st.fragment(run_every=0.5)
def follow_query() -> None:
    """How long a query has been running, with a way to stop it."""
    if settled():
        st.rerun()
    running: RunningQuery = st.session_state.running_query
    seconds = time.monotonic() - running.started_at
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"Asking for {number(seconds, 0)} s …")
        if st.button("Stop the query", icon=":material/stop_circle:"):
            require(Action.QUERY)
            running.stop()


def show_answer(answer: Answer) -> None:
    table = answer.frame
    st.markdown(f"**{count(len(table), 'row')}** in {number(answer.seconds, 2)} s")
    if answer.cut:
        st.warning(answer.cut)
    st.dataframe(table, hide_index=True, alt="Answer to the query", placeholder="–")
    with st.container(horizontal=True, vertical_alignment="center"):
        content = choose_content("answer", has_captions=True)
        download_table("Answer as CSV", lambda: table, "answer.csv", content)
        download_table(
            "Answer as Parquet",
            lambda: table,
            "answer.parquet",
            content,
            as_file=lambda shared: parquet(
                answer.table if content == WHOLE else pa.Table.from_pandas(shared, preserve_index=False)
            ),
            mime="application/vnd.apache.parquet",
            icon=":material/database:",
        )
    if gone := left_out(table, content):
        st.caption(plain(gone))


def page_chooser(found: int, key: str, rows: int = PAGE_ROWS) -> int:
    pages = max(1, -(-found // rows))
    return st.pagination(pages, key=key) if pages > 1 else 1


def marked(caption: str, terms: list[str]) -> str:
    """A caption as harmless Markdown, with what was searched for marked."""
    if not terms:
        return plain(caption)
    pieces = re.split("(" + "|".join(map(re.escape, terms)) + ")", caption, flags=re.IGNORECASE)
    return "".join(
        f":orange-background[{plain(piece)}]" if at % 2 else spaced(piece) for at, piece in enumerate(pieces)
    )


def spaced(piece: str) -> str:
    """``plain`` keeps no space at the ends, which between two marks is where the words part."""
    before, after = piece[:1].isspace(), piece[-1:].isspace()
    return f"{' ' if before else ''}{plain(piece)}{' ' if after else ''}"


def draw_account(account: AccountDetail, chosen: Filter) -> None:
    """Everything that is known of one account, and its posts; first those that the filters ask for."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(plain(account.username), width="stretch")
        st.button("Close", icon=":material/close:", type="tertiary", on_click=close, args=("account",))
    with st.grid(5, min_column_width=150):
        st.metric("Posts", number(account.posts), help=f"{number(account.captions)} with text")
        st.metric("Outcome", account.outcome.replace("_", " "), help=account.reason and plain(account.reason))
        collected = f"{moment(account.collected_at)}; source: {plain(account.source)}; language: {account.language}"
        st.metric("Collected", day(account.collected_at), help=collected)
        st.metric("Known age", "–" if account.age is None else f"{account.age:g}")
        if len(account.predictions):
            draw_prediction(account.username, account.predictions.iloc[0])
    activity = store.activity(account.username)
    if len(activity) > 1:
        st.altair_chart(charts.over_time(activity, "month", "posts", "posts", 90), alt="Posts by month")
    mine, found = posts_of(account, chosen)
    page = page_chooser(found, f"account_page_{account.username}_{found}", POSTS_A_PAGE)
    posts = store.posts(mine, limit=POSTS_A_PAGE, offset=(page - 1) * POSTS_A_PAGE)
    draw_posts(posts, chosen.terms, with_account=False, height=READING_HEIGHT if len(posts) > 7 else "content")


def posts_of(account: AccountDetail, chosen: Filter) -> tuple[Filter, int]:
    """Which posts of an account to read, and how many they are: those asked for by words or days, where there are."""
    everything = Filter(account=account.username)
    asked = replace(everything, words=chosen.words, since=chosen.since, until=chosen.until)
    found = store.count_posts(asked) if asked != everything else 0
    if not found:
        return everything, account.posts
    label = f"Only the {count(found, 'post')} of {number(account.posts)} that the filters ask for"
    return (asked, found) if st.toggle(label, True, key="only_asked") else (everything, account.posts)


def draw_prediction(username: str, latest: pd.Series) -> None:
    """What the newest run says of an account, and the way to its reasons."""
    with st.container(gap="xxsmall"):
        st.metric(
            f"Probability of at least {latest['cutoff']:g}",
            percent(latest["probability"]),
            help=f"predicted by {plain(model_title(latest['model']))}; not certainty about a person",
        )
        if pd.notna(latest["probability"]):
            why = {"run": latest["run"], "why": username}
            st.page_link("pages/results.py", label="Why?", query_params=why, icon=":material/arrow_forward:")


def model_title(path: str) -> str:
    """What people call the model that a run names."""
    return called(the_settings().models_dir / model_name(Path(path)))


if not store.counts().collected:
    empty_state("Nothing is collected yet.", "pages/collect.py", "Collect or import posts")
    st.stop()

filters = st.container()
accounts, posts, sql = tabs_in_address(["Accounts", "Posts", "SQL"], "show")
chosen = Filter()
if not sql.open:
    with filters:
        st.html(ENTER_IN_DATES, unsafe_allow_javascript=True)
        chosen = choose_filter()
        news(store.version)
if accounts.open:
    with accounts:
        opened = st.query_params.get("account")
        account = store.account(opened) if opened else None
        if account:
            note_account(account.username)
            st.html(LIST_FIRST)
            beside, listed = st.columns([2, 3], gap="medium")
            with beside.container(key="opened_account"):
                draw_account(account, chosen)
            with listed:
                accounts_table(chosen)
        else:
            if opened:
                st.info("That account is not in this study.")
            accounts_table(chosen)
if posts.open:
    with posts:
        posts_table(chosen)
if sql.open:
    with sql:
        ask_in_sql()
