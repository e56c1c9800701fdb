"""The tab of Collect that takes in posts which somebody has already."""

import itertools
import re
from collections.abc import Sequence
from pathlib import Path, PurePath
from secrets import token_hex

import pandas as pd
import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from core.errors import InputError
from core.importers.arguments import ColumnChoice, ImportArguments, column_choice, known_encoding
from core.importers.events import ImportedEvent, NotUnderstoodEvent, RecognisedEvent
from core.importers.importer import SHOWN
from core.importers.preview import Preview, preview
from core.importers.results import ReadingChoices
from core.jobs.job import ACTIVE, list_jobs
from core.privacy.roles import Action
from core.storage.date_order import DateOrder
from core.storage.field_names import FIELDS
from core.utils.encodings import OFFERED
from core.utils.formatting import count, moment, number, plain
from pages.parts.components import download_left_out
from pages.parts.downloads import choose_content, download_table
from pages.parts.job_widgets import read_back, start_job
from pages.parts.sign_in import require
from pages.parts.study import cached, the_settings

MOST_PREVIEWED = 100_000_000
"""Bytes of uploads that are read for a look at them."""
ORDERS: dict[DateOrder, str] = {"day-first": "the day first", "month-first": "the month first"}


def import_files() -> None:
    """Choose files, see what they would bring, have them taken in, and see what they brought."""
    st.markdown(
        "Posts that you have already: the *Download your information* export that a participant donates, the files "
        "of other collectors, or any table with columns for user and text. The format is recognised by content."
    )
    uploads = st.file_uploader("Files", accept_multiple_files=True, key="imports")
    owner, choice = st.columns(2)
    username = owner.text_input("Whose posts they are", placeholder="only where the files do not say", max_chars=64)
    written = choice.text_input(
        "Which column is what",
        placeholder="only where it is taken wrongly: caption=description, taken_at=date",
        help=f"The name of a column or field after one of {', '.join(FIELDS)}; several with commas between them.",
    )
    columns = columns_of(written)
    encoding, order = choose_reading()
    if uploads and columns is not None:
        folder = stored(uploads)
        asked = ImportArguments(
            folder, the_settings().accounts_dir, username.strip() or None, columns, encoding, date_order=order
        )
        if show_preview(asked, sum(upload.size for upload in uploads)) and st.button(
            "Import", type="primary", icon=":material/upload_file:"
        ):
            start_job("import", f"Import of {count(len(uploads), 'file')}", asked.to_argv())
    imported()


def columns_of(written: str) -> tuple[ColumnChoice, ...] | None:
    """What a person says of columns; None, with the reason on the page, where it cannot be understood."""
    try:
        return tuple(column_choice(part) for part in written.split(",") if part.strip())
    except InputError as error:
        st.warning(plain(error))
        return None


def choose_reading() -> tuple[str | None, DateOrder | None]:
    """What a person says of the texts' encoding and of the dates, where they are read wrongly."""
    with st.expander("They are read wrongly: say the encoding, or how dates are written"):
        encoding = st.selectbox("Encoding", OFFERED, None, accept_new_options=True, placeholder="as recognised")
        order = st.segmented_control("Dates such as 01/05/2024 have", ORDERS, format_func=ORDERS.__getitem__)
    try:
        return known_encoding(encoding) if encoding else None, order
    except InputError as error:
        st.warning(plain(error))
        return None, order


def stored(uploads: Sequence[UploadedFile]) -> Path:
    """The folder of the uploads, which are laid down once."""
    key = [upload.file_id for upload in uploads]
    folder = st.session_state.get("imports_folder")
    if st.session_state.get("imports_stored") != key or folder is None or not folder.exists():
        folder = store_uploads(uploads)
        st.session_state.imports_stored, st.session_state.imports_folder = key, folder
    return folder


@cached(max_entries=2, show_spinner="Looking at the files …")
def previewed(asked: ImportArguments) -> Preview:
    return preview(asked.source_path, asked.username, ReadingChoices.of(asked))


def show_preview(asked: ImportArguments, size: int) -> bool:
    """What the files are and would bring, of which nothing is kept yet; tells whether there is anything to import."""
    if size > MOST_PREVIEWED:
        st.caption(f"More than {MOST_PREVIEWED // 1_000_000:,} MB are looked at by the import itself.")
        return True
    seen = previewed(asked)
    folder = asked.source_path.name
    parts = [f"**{count(seen.accounts, 'account')}**", f"**{count(seen.posts, 'post')}**"]
    parts += [count(len(labels.usernames), "known age") for labels in seen.labels.values() if labels.usernames]
    parts += [f"{count(seen.ignored, 'file')} left unopened"] if seen.ignored else []
    st.subheader("Before it is kept")
    st.markdown(" · ".join(parts))
    for item in seen.recognised[:SHOWN]:
        said = f"**{plain(without(folder, item.name))}** ({plain(item.format_name)})"
        st.markdown(f"- {said}{': ' + plain(item.fields) if item.fields else ''}")
    say_of_more(len(seen.recognised))
    if seen.first:
        st.dataframe(first_posts(seen), hide_index=True, alt="The first posts as they would be kept")
    show_left_out(seen, folder)
    if not seen.is_useful:
        st.warning("There is nothing in these files that could be kept.")
    return seen.is_useful


def first_posts(seen: Preview) -> pd.DataFrame:
    """The first posts as the study would hold them."""
    rows = [
        {
            "account": username,
            "time": post.taken_at and moment(post.taken_at),
            "caption": post.caption,
            "kind": post.kind,
            "likes": post.likes,
        }
        for username, post in seen.first
    ]
    return pd.DataFrame(rows)


def show_left_out(seen: Preview, folder: str) -> None:
    """What would be left out and why, with the lines themselves to take away."""
    reasons = [(item.name, item.reason) for item in seen.not_understood]
    reasons += [(item.name, item.in_words()) for item in seen.left_out]
    reasons += [
        (f"{name}, line {rejected.line}", rejected.reason)
        for name, labels in seen.labels.items()
        for rejected in labels.rejected[:SHOWN]
    ]
    if not reasons:
        return
    with st.expander(f"{count(len(reasons), 'remark')} on what is left out or not understood", expanded=True):
        for name, reason in reasons[:SHOWN]:
            st.markdown(f"- **{plain(without(folder, name))}**: {plain(reason)}")
        if len(reasons) > SHOWN:
            st.caption(f"The first {SHOWN} are shown.")
        lines = [
            (without(folder, item.name), line.place, item.reason, line.text)
            for item in seen.left_out
            for line in item.lines
        ]
        if lines:
            download_left_out(pd.DataFrame(lines, columns=["source", "at", "reason", "text"]), "import")


def say_of_more(files: int) -> None:
    """That there are more files than are shown."""
    if files > SHOWN:
        st.caption(f"The first {SHOWN} of {number(files)} files are shown.")


def without(folder: str, name: str) -> str:
    """The name of a file without the folder in which uploads lie."""
    return name.removeprefix(f"{folder}/")


def store_uploads(uploads: Sequence[UploadedFile]) -> Path:
    """A folder with the uploads under their own names, which may say whose posts they hold."""
    require(Action.IMPORT)
    folder = the_settings().cache_dir / "uploads" / token_hex(6)
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
    imports = [job for job in list_jobs(the_settings().jobs_dir) if job.record.kind == "import"]
    if not imports or imports[0].state in ACTIVE:
        return
    job = imports[0]
    st.subheader("The latest import")
    st.markdown(f"{plain(job.record.title)}, {moment(job.record.created_at)}: **{job.state}**")
    for sentence in (sentence for ended in job.events(ImportedEvent)[-1:] for sentence in ended.summary):
        st.markdown(f"- {plain(sentence)}")
    if job.state != "done":
        st.warning(plain(job.end_message or "It broke off. Import the same files again."))
    asked = read_back(job, ImportArguments)
    folder = asked.source_path.name if asked else ""
    for item in job.events(RecognisedEvent):
        st.markdown(f"- **{plain(without(folder, item.name))}** ({plain(item.format)}): {plain(item.fields)}")
    say_of_more(next((event.files for event in job.events(ImportedEvent)[::-1]), 0))
    refused = pd.DataFrame([event.model_dump() for event in job.events(NotUnderstoodEvent)])
    if len(refused):
        st.markdown("**Not understood, or not wholly**")
        refused = refused[["name", "reason"]].assign(name=refused["name"].str.removeprefix(f"{folder}/"))
        st.dataframe(refused, hide_index=True, alt="Files that were not understood, with the reason")
        with st.container(horizontal=True, vertical_alignment="center"):
            content = choose_content("refused")
            download_table("Download this list", lambda: refused, "not-understood.csv", content, at_once=True)
