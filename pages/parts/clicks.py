"""Charts that answer a click: what was clicked stands in the address, and the accounts behind it can be labelled."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import streamlit as st

from core.labelling.batches import Batch, create_batch
from core.privacy.roles import Action
from core.reporting import charts
from core.utils.formatting import count
from pages.parts.components import chosen_in, table_key
from pages.parts.sign_in import act, may
from pages.parts.study import here, the_settings

BEHIND = "behind"
"""Of the address: what was clicked; see ``account_lists`` and ``collected_lists`` in :mod:`core.reporting`."""


def clickable_chart(
    specification: dict[str, Any], alt: str, key: str, text: Callable[[Mapping[str, Any]], str]
) -> None:
    """A chart with a selection; a click puts what ``text`` makes of the mark into the address."""
    place = table_key(f"chart_{key}")
    st.vega_lite_chart(
        specification,
        alt=alt,
        key=place,
        on_select=lambda: _take_click(place, text),
        selection_mode=charts.CLICKED,
    )


def label_these(usernames: Callable[[], Iterable[str]], run: str | None, cutoff: float, key: str) -> None:
    """A button, for those who may, that makes a batch of accounts to be labelled, and opens it.

    Args:
        usernames: gives those of the accounts, in their order.
        run: the prediction run in which they were chosen, if any.
        cutoff: the age in question, in years.
        key: tells this list from another on the page.
    """
    if not may(Action.CHANGE_STUDY):
        return
    if st.button("Label these", icon=":material/edit_note:", key=f"{key}_label"):
        chosen = tuple(usernames())
        act(Action.CHANGE_STUDY, f"made a batch to label of {count(len(chosen), 'account')} of {run or 'the study'}")
        batch = Batch(name=f"chosen-{run or key}", purpose="chosen", cutoff=cutoff, usernames=chosen, run=run)
        kept = create_batch(the_settings().coding_dir, batch)
        st.switch_page("pages/label.py", query_params=here(batch=kept.name))


def _take_click(place: str, text: Callable[[Mapping[str, Any]], str]) -> None:
    chosen = chosen_in(place)
    if chosen is None:
        return
    marks = chosen.get(charts.CLICKED)
    st.query_params.pop("why", None)
    if marks:
        st.query_params[BEHIND] = text(marks[0])
    else:
        st.query_params.pop(BEHIND, None)
