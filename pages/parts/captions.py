"""An account's captions to read, with what they say of an age marked."""

from datetime import datetime
from typing import Literal

import pandas as pd
import streamlit as st

from core.labelling.age_words import find_age_words
from core.labelling.evidence import Found
from core.labelling.self_reports import SelfReport, find_self_reports
from core.utils.formatting import day, plain

CAPTIONS_A_PAGE = 40
READING_HEIGHT = 460
MOST_EVIDENCE = 5
COLOURS = {"own": "orange", "other": "gray", "unclear": "gray"}
HINT = "blue"


def captions_of(posts: pd.DataFrame) -> list[tuple[str | None, datetime | None]]:
    """(caption, time) of each post, None where there is none."""
    return [
        (
            post["caption"] if isinstance(post["caption"], str) else None,
            None if pd.isna(post["taken_at"]) else post["taken_at"].to_pydatetime(),
        )
        for post in posts[["caption", "taken_at"]].to_dict("records")
    ]


def show_captions(posts: pd.DataFrame, found: list[Found]) -> None:
    """What it says of its own age first, then its captions, the newest first."""
    if not len(posts):
        st.info("Nothing is collected of this account.")
        return
    if found:
        st.caption("It may say its age here; read before you confirm. Words of somebody else's age are grey.")
        draw_captions([(caption.taken_at, caption.caption, caption.reports) for caption in found[:MOST_EVIDENCE]])
    pages = -(-len(posts) // CAPTIONS_A_PAGE)
    page = st.pagination(pages, key=f"captions_{posts['username'].iloc[0]}") if pages > 1 else 1
    shown = captions_of(posts.iloc[(page - 1) * CAPTIONS_A_PAGE : page * CAPTIONS_A_PAGE])
    rows = [(taken_at, caption or "", find_self_reports(caption or "")) for caption, taken_at in shown]
    draw_captions(rows, READING_HEIGHT if len(rows) > 8 else "content")


def draw_captions(
    rows: list[tuple[datetime | None, str, list[SelfReport]]], height: int | Literal["content"] = "content"
) -> None:
    """Captions with their days, the words of age marked; nothing in them acts as Markdown."""
    table = [
        {"day": plain(day(taken_at)), "caption": with_marks(caption, reports) if caption.strip() else "*no caption*"}
        for taken_at, caption, reports in rows
    ]
    st.table(pd.DataFrame(table), border="horizontal", hide_index=True, height=height, alt="Captions")


def with_marks(caption: str, reports: list[SelfReport]) -> str:
    """A caption as harmless Markdown with the places that tell an age marked, others' ages in grey; hints in blue."""
    told = [(report.start, report.end, COLOURS[report.whose]) for report in reports]
    hints = [
        (start, end, HINT)
        for start, end in find_age_words(caption)
        if not any(start < report.end and report.start < end for report in reports)
    ]
    pieces, at = [], 0
    for start, end, colour in sorted(told + hints):
        pieces += [plain(caption[at:start]), f":{colour}-background[{plain(caption[start:end])}]"]
        at = end
    return " ".join(piece for piece in [*pieces, plain(caption[at:])] if piece)
