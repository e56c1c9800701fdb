"""A user list or labels handed in: looked at on the page, kept with one button; the same for both."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from core.errors import AgeScopeError, InputError
from core.privacy.roles import Action
from core.storage.csv_records import ListChoices, NoColumnError
from core.storage.list_uploads import ListUpload, read_list_upload
from core.storage.user_lists import UserList, read_left_out
from core.utils.encodings import OFFERED, UnknownEncodingError
from core.utils.formatting import plain
from pages.parts.components import safe_stem, show_rejected
from pages.parts.index_access import the_store
from pages.parts.sign_in import act
from pages.parts.study import cached, the_settings

BY_ITSELF = "as recognised"


def upload_list(kind: str, text: str, *, is_labels: bool, chosen: Callable[[Path], None]) -> UploadedFile | None:
    """Take in a file, show what it holds, and keep it when the button is pressed.

    Args:
        kind: what the uploader is called: "User list".
        text: what the file may be.
        is_labels: whether it is labels, which need an age.
        chosen: told where it is kept, once it is.

    Returns:
        The file that waits to be kept; None where there is none.
    """
    key = "labels" if is_labels else "accounts"
    upload = st.file_uploader(
        kind,
        type=["csv", "txt", "tsv", "xlsx"],
        max_upload_size=100,
        key=f"upload_{key}_{st.session_state.get(f'{key}_taken', 0)}",
        help=text,
    )
    if upload is None:
        return None
    with st.container(border=True):
        st.markdown(f"**Before it is kept: {plain(upload.name)}**")
        if (found := _looked_at(upload, key, is_labels)) and found.is_useful:
            st.button(
                "Keep these labels" if is_labels else "Keep this list",
                type="primary",
                icon=":material/check:",
                key=f"keep_{key}",
                on_click=_keep,
                args=(found, safe_stem(upload.name, key), key, chosen),
            )
    return upload


def without_uploads(key: str) -> None:
    """Begin with an empty uploader, which may still hold a file that is gone from the study."""
    st.session_state[f"{key}_taken"] = st.session_state.get(f"{key}_taken", 0) + 1


def with_left_out(users: UserList, path: Path) -> UserList:
    """A kept list with the lines that were left out of it when it was kept."""
    return replace(users, rejected=read_left_out(path))


@cached(max_entries=8, show_spinner="Reading the file …")
def _read(content: bytes, name: str, choices: ListChoices, is_labels: bool) -> ListUpload:
    return read_list_upload(content, name, choices, is_labels)


def _looked_at(upload: UploadedFile, key: str, is_labels: bool) -> ListUpload | None:
    """What a file holds by what is chosen below; None, with the reason on the page, where it cannot be used."""
    place = st.container()
    choices = _choices(upload.file_id)
    try:
        found = _read(upload.getvalue(), upload.name, choices, is_labels)
    except InputError as error:
        place.error(f"{plain(error)} Mend it and upload it again, choose below, or go on with an earlier one.")
        _choose(upload.file_id, error.header if isinstance(error, NoColumnError) else (), choices, is_labels)
        if isinstance(error, UnknownEncodingError) or choices.encoding:
            _choose_encoding(upload.file_id)
        return None
    with place:
        _show(found, key, is_labels)
    _choose(upload.file_id, found.main.layout.header, choices, is_labels)
    with st.expander("It is read wrongly: say its encoding"):
        _choose_encoding(upload.file_id)
    return found


def _show(found: ListUpload, key: str, is_labels: bool) -> None:
    """What a file is, how much of it can be used, its first rows, and what would be left out."""
    st.markdown(" · ".join(f"**{part}**" if at == 0 else part for at, part in enumerate(found.counts())))
    for sentence in found.in_words():
        st.caption(plain(sentence))
    if rows := found.first_rows():
        st.dataframe(pd.DataFrame(rows), hide_index=True, alt="The first rows as they would be kept")
    show_rejected(found.main, key=f"new_{key}")
    if not is_labels and found.labels:
        show_rejected(found.labels, "age", key="new_ages")
    if not found.is_useful:
        wanted = "a usable username and age" if is_labels else "a usable username"
        st.error(f"None of the lines holds {wanted}. Choose other columns, or upload another file.")


def _choices(file_id: str) -> ListChoices:
    """What was chosen for a file so far."""
    said = (st.session_state.get(f"{field}_{file_id}", BY_ITSELF) for field in ("username", "age", "encoding"))
    username, age, encoding = (None if each == BY_ITSELF else each for each in said)
    return ListChoices(username, age, encoding)


def _choose(file_id: str, header: tuple[str, ...], choices: ListChoices, is_labels: bool) -> None:
    """Let a person say which column is what, where there are several."""
    names = [name for name in header if name]
    if len(names) < 2:
        return
    with st.container(horizontal=True):
        for field, label in (("username", "Usernames are in"), ("age", "Ages are in")):
            said = getattr(choices, field)
            st.selectbox(
                label,
                [BY_ITSELF, *dict.fromkeys([*names, *([said] if said else [])])],
                key=f"{field}_{file_id}",
                width=260,
            )


def _choose_encoding(file_id: str) -> None:
    st.selectbox("Encoding", [BY_ITSELF, *OFFERED], key=f"encoding_{file_id}", accept_new_options=True, width=260)


def _keep(found: ListUpload, stem: str, key: str, chosen: Callable[[Path], None]) -> None:
    settings = the_settings()
    try:
        act(Action.CHANGE_STUDY, f"added {found.counts()[0]}")
        name = found.keep(stem, settings.lists_dir, settings.labels_dir)
    except AgeScopeError as error:
        st.error(plain(error))
        return
    the_store().refresh()
    without_uploads(key)
    chosen((settings.lists_dir if found.accounts else settings.labels_dir) / f"{name}.csv")
