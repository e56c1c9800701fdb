import re
from pathlib import Path
from typing import get_args
from urllib.parse import quote

import pandas as pd
import streamlit as st

from core import charts
from core.errors import InputError
from core.posts import Outcome
from core.store import AccountDetail, Answer, Filter
from core.tables import parquet, safe_csv
from core.wording import count, day, moment, number, percent, plain
from pages.shared import clicked_row, close, empty_state, in_frame, table_key, the_store

in_frame()

PAGE_ROWS = 50
POSTS_A_PAGE = 25
LABELS = {
    "any": "any",
    "labelled": "has a label",
    "unlabelled": "no label",
    "at_least": "at least 21",
    "under": "under 21",
}
ACCOUNT_ORDERS = {
    "username": "name",
    "posts": "number of posts",
    "last_at": "latest post",
    "collected_at": "collected",
    "age": "labelled age",
}
POST_ORDERS = {
    "newest": ("taken_at", True, "newest first"),
    "oldest": ("taken_at", False, "oldest first"),
    "likes": ("likes", True, "most likes"),
    "comments": ("comments", True, "most comments"),
    "username": ("username", False, "account"),
}
EXAMPLES = {
    "Accounts with the most posts": "SELECT username, posts, first_at, last_at\nFROM accounts\n"
    "ORDER BY posts DESC\nLIMIT 20",
    "Posts per month": "SELECT date_trunc('month', taken_at) AS month, count(*) AS posts\nFROM posts\n"
    "WHERE taken_at IS NOT NULL\nGROUP BY month\nORDER BY month",
    "Captions with a word, by label": "SELECT age >= 21 AS at_least_21, count(*) AS posts,\n"
    "    avg(contains(caption_lower, 'school')::INTEGER) AS share\n"
    "FROM posts JOIN ages USING (username)\nGROUP BY at_least_21",
    "Probability and number of posts": "SELECT run, round(probability, 1) AS probability, count(*) AS accounts,\n"
    "    avg(posts) AS captions\nFROM predictions\nGROUP BY ALL\nORDER BY ALL",
}
store = the_store()


def choose_filter() -> Filter:
    """The filters, all in one row; each is in the address, so that a link shows the same."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        username = st.text_input("Account", key="user", bind="query-params", width=120)
        words = st.text_input(
            "Words in captions",
            key="words",
            bind="query-params",
            width=165,
            help='All of the words, also within longer ones; "in quotes" they belong together.',
        )
        since = st.date_input("From", value=None, key="since", bind="query-params", width=130)
        until = st.date_input("Until", value=None, key="until", bind="query-params", width=130)
        outcomes = st.multiselect(
            "Outcome", get_args(Outcome), key="outcome", bind="query-params", width=125, placeholder="any"
        )
        languages = st.multiselect(
            "Language",
            store.languages()["language"].tolist(),
            key="language",
            bind="query-params",
            width=120,
            placeholder="any",
            help="What an account mostly writes in, guessed from the beginning of its captions; ISO 639 codes.",
        )
        label = st.selectbox("Label", LABELS, format_func=LABELS.get, key="label", bind="query-params", width=115)
        least = st.number_input("Posts at least", 0, None, 0, key="least", bind="query-params", width=110)
    return Filter(
        username=username,
        words=words,
        since=since,
        until=until,
        outcomes=tuple(outcomes),
        languages=tuple(languages),
        label=label,
        min_posts=least or None,
    )


@st.fragment(run_every=5.0)
def news(drawn_at: int) -> None:
    """Offer what came in since the page was drawn; it never moves under a reader's eyes by itself."""
    is_new = store.version != drawn_at and not store.following.busy
    if is_new and st.button("Show what is new", icon=":material/refresh:", type="tertiary"):
        st.rerun()


def accounts_table(chosen: Filter) -> None:
    """The accounts that pass, a page at a time; a click opens an account."""
    with st.container(horizontal=True, vertical_alignment="center"):
        how_many = st.container(width="stretch")
        order = st.selectbox(
            "Order", ACCOUNT_ORDERS, format_func=ACCOUNT_ORDERS.get, key="order", bind="query-params", width=180
        )
    page_key = f"accounts_page_{hash(chosen)}"
    page = st.session_state.get(page_key, 1)
    found, table = store.search_accounts(chosen, order, order != "username", PAGE_ROWS, (page - 1) * PAGE_ROWS)
    how_many.markdown(f"**{count(found, 'account')} found**")
    page_chooser(found, page_key)
    key = table_key(f"accounts_{page}_{order}")
    st.dataframe(
        table.drop(columns=["captions", "source"]),
        hide_index=True,
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
            "age": st.column_config.NumberColumn("label", help="known age in years"),
        },
    )
    st.caption("Click an account to open it.")


def open_selected(key: str, table: pd.DataFrame) -> None:
    """Put the account of the cell that was clicked into the address."""
    row = clicked_row(key)
    if row is not None:
        st.query_params["account"] = table["username"].iloc[row]


def posts_table(chosen: Filter) -> None:
    """The posts that pass, a page at a time."""
    with st.container(horizontal=True, vertical_alignment="center"):
        how_many = st.container(width="stretch")
        order = st.selectbox(
            "Order",
            POST_ORDERS,
            format_func=lambda name: POST_ORDERS[name][2],
            key="posts_order",
            bind="query-params",
            width=180,
        )
    sort, descending, _ = POST_ORDERS[order]
    page_key = f"posts_page_{hash(chosen)}"
    page = st.session_state.get(page_key, 1)
    found, posts = store.search_posts(chosen, sort, descending, POSTS_A_PAGE, (page - 1) * POSTS_A_PAGE)
    how_many.markdown(f"**{count(found, 'post')} found**")
    page_chooser(found, page_key, POSTS_A_PAGE)
    draw_posts(posts, chosen.terms)


def draw_posts(posts: pd.DataFrame, terms: list[str], with_account: bool = True) -> None:
    """Posts to read, with what was searched for marked; other people's words never act as Markdown."""
    table = pd.DataFrame(
        {
            "account": [f"[{plain(name)}](posts?account={quote(name, safe='')})" for name in posts["username"]],
            "taken": [taken(at) for at in posts["taken_at"]],
            "caption": [marked(caption, terms) if caption else "*no caption*" for caption in posts["caption"]],
            "likes, comments": [
                f"{number(likes)}, {number(comments)}"
                for likes, comments in zip(posts["likes"].astype(float), posts["comments"].astype(float), strict=True)
            ],
        }
    )
    st.table(table if with_account else table.drop(columns="account"), border="horizontal", hide_index=True)


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
    with schema:
        st.markdown("**Tables**")
        st.dataframe(store.schema(), hide_index=True, height=280, alt="Tables and columns that can be asked")
    if asked:
        st.session_state.answer = answered(query)
    if st.session_state.get("answer"):
        show_answer(st.session_state.answer)


def answered(query: str) -> Answer | None:
    try:
        with st.spinner("Asking …"):
            return store.sql(query)
    except InputError as error:
        st.error(plain(error))
        return None


def show_answer(answer: Answer) -> None:
    table = answer.table.to_pandas()
    st.markdown(f"**{count(len(table), 'row')}** in {number(answer.seconds, 2)} s")
    if answer.cut:
        st.warning(answer.cut)
    st.dataframe(table, hide_index=True, alt="Answer to the query", placeholder="–")
    with st.container(horizontal=True):
        st.download_button(
            "Answer as CSV", safe_csv(table), "answer.csv", "text/csv", icon=":material/table:", on_click="ignore"
        )
        st.download_button(
            "Answer as Parquet",
            parquet(answer.table),
            "answer.parquet",
            "application/vnd.apache.parquet",
            icon=":material/database:",
            on_click="ignore",
        )


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


def draw_account(account: AccountDetail, terms: list[str]) -> None:
    """Everything that is known of one account, and its posts."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(plain(account.username), width="stretch")
        st.button("Close", icon=":material/close:", type="tertiary", on_click=close, args=("account",))
    latest = account.predictions.iloc[0] if len(account.predictions) else None
    with st.grid(5):
        st.metric("Posts", number(account.posts), help=f"{number(account.captions)} with text")
        st.metric("Outcome", account.outcome.replace("_", " "), help=account.reason and plain(account.reason))
        collected = f"{moment(account.collected_at)}; source: {plain(account.source)}; language: {account.language}"
        st.metric("Collected", day(account.collected_at), help=collected)
        st.metric("Labelled age", "–" if account.age is None else f"{account.age:g}")
        if latest is not None:
            st.metric(
                f"Probability of at least {latest['cutoff']:g}",
                percent(latest["probability"]),
                help=f"predicted by {plain(Path(latest['model']).name)}; not certainty about a person",
            )
    activity = store.activity(account.username)
    if len(activity) > 1:
        st.altair_chart(charts.over_time(activity, "month", "posts", "posts", 90), alt="Posts by month")
    mine = Filter(account=account.username)
    page = page_chooser(account.posts, f"account_page_{account.username}", POSTS_A_PAGE)
    draw_posts(store.posts(mine, limit=POSTS_A_PAGE, offset=(page - 1) * POSTS_A_PAGE), terms, with_account=False)


if not store.counts().collected:
    empty_state("Nothing is collected yet.", "pages/collect.py", "Collect or import posts")
    st.stop()

filters = st.container()
accounts, posts, sql = st.tabs(["Accounts", "Posts", "SQL"], key="show", on_change="rerun", bind="query-params")
chosen = Filter()
if not sql.open:
    with filters:
        chosen = choose_filter()
        news(store.version)
if accounts.open:
    with accounts:
        accounts_table(chosen)
        opened = st.query_params.get("account")
        account = store.account(opened) if opened else None
        if account:
            draw_account(account, chosen.terms)
        elif opened:
            st.info("That account is not in this study.")
if posts.open:
    with posts:
        posts_table(chosen)
if sql.open:
    with sql:
        ask_in_sql()
