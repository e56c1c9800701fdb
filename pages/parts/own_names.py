"""What people call a model or a run: changed, starred, removed, and brought back, on the page that shows it."""

from pathlib import Path

import streamlit as st

from core.errors import AgeScopeError
from core.maintenance.trash import KEPT_DAYS, Removed, empty_trash, list_removed, put_back, remove
from core.privacy.roles import Action
from core.storage.own_names import MOST_LETTERS, MOST_LETTERS_OF_NOTE, own_name_of, say_of
from core.utils.formatting import count, moment, plain
from pages.parts.index_access import the_store
from pages.parts.sign_in import act, may
from pages.parts.study import the_settings

STAR = "★"


def edit_own_name(folder: Path) -> None:
    """Name, note, star and removal of a model's or run's folder, for those who may change it."""
    if not may(Action.CHANGE_STUDY) or not folder.is_dir():
        return
    own, key = own_name_of(folder), folder.name
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input("Name", own.name, key=f"name_{key}", max_chars=MOST_LETTERS, placeholder=folder.name, width=320)
        st.text_input("Note", own.note, key=f"own_note_{key}", max_chars=MOST_LETTERS_OF_NOTE, width="stretch")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Save name and note", icon=":material/save:", on_click=_rename, args=(folder,), key=f"save_{key}")
        st.button(
            "Take the star away" if own.starred else "Star: the one that counts",
            icon=":material/star:",
            on_click=_star,
            args=(folder, not own.starred),
            key=f"star_{key}",
        )
        st.button(
            "Remove",
            icon=":material/delete:",
            on_click=_remove,
            args=(folder,),
            key=f"delete_{key}",
            help=f"It can be brought back for {KEPT_DAYS} days.",
        )


def show_removed(kind: str) -> None:
    """What was removed of a kind (``models``, ``predictions``): the latest with its undo, all of it behind a click."""
    if not may(Action.CHANGE_STUDY):
        return
    if refused := st.session_state.pop("removal_refused", None):
        st.error(plain(refused))
    removed = [each for each in list_removed(the_settings()) if each.kind == kind]
    if not removed:
        return
    if st.session_state.get("just_removed") == removed[0].folder.name:
        with st.container(horizontal=True, vertical_alignment="center", key="just_removed_row"):
            st.markdown(f"{plain(removed[0].title)} is removed.")
            st.button("Undo", icon=":material/undo:", on_click=_put_back, args=(removed[0],), key="undo_removal")
    with st.expander(f"Removed: {count(len(removed), 'folder')}", key=f"removed_{kind}"):
        for each in removed:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"{plain(each.title)} · {moment(each.record.removed_at)}", width="stretch")
                st.button("Bring back", on_click=_put_back, args=(each,), key=f"back_{each.folder.name}")
        st.button("Delete all that was removed, for good", icon=":material/delete_forever:", on_click=_empty)


def starred(folder: Path) -> str:
    """A star, where it is the one that counts."""
    return STAR if own_name_of(folder).starred else ""


def _rename(folder: Path) -> None:
    act(Action.CHANGE_STUDY, "renamed a model or a run")
    try:
        say_of(
            folder,
            name=st.session_state[f"name_{folder.name}"],
            note=st.session_state[f"own_note_{folder.name}"].strip(),
        )
    except AgeScopeError as error:
        st.session_state.removal_refused = str(error)


def _star(folder: Path, is_starred: bool) -> None:
    """One of a kind counts: the star leaves the others."""
    act(Action.CHANGE_STUDY, "starred a model or a run")
    for other in folder.parent.iterdir():
        if is_starred and other != folder and own_name_of(other).starred:
            say_of(other, starred=False)
    say_of(folder, starred=is_starred)


def _remove(folder: Path) -> None:
    act(Action.CHANGE_STUDY, f"removed {folder.name}")
    try:
        for parameter in ("run", "other", "model"):  # it may be the one that the address names
            st.query_params.pop(parameter, None)
        st.session_state.just_removed = remove(the_settings(), folder).folder.name
        the_store().refresh()
    except AgeScopeError as error:
        st.session_state.removal_refused = str(error)


def _put_back(removed: Removed) -> None:
    act(Action.CHANGE_STUDY, f"brought back {removed.content.name}")
    try:
        put_back(the_settings(), removed)
        the_store().refresh()
    except AgeScopeError as error:
        st.session_state.removal_refused = str(error)


def _empty() -> None:
    act(Action.CHANGE_STUDY, "deleted for good what was removed")
    empty_trash(the_settings())
