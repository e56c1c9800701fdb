"""In which study the page is that is drawn, and what must never be taken from one study into another.

A tab's session belongs to one study for all its life: that of the address at which it was opened. Another
address is another session, which the browser is made to begin, so that nothing of the one reaches the other.
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, Generic, ParamSpec, TypeVar
from urllib.parse import urlencode

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core.privacy.study_settings import Study, read_study
from core.settings import Settings, get_settings, settings_of

PARAMETER = "study"
"""Of the address, and the key of the widget that keeps it there from page to page."""
SESSION_KEY = "study_of_session"

P = ParamSpec("P")
R = TypeVar("R")
_afterwards: ContextVar[Settings | None] = ContextVar("study", default=None)


def the_settings() -> Settings:
    """The settings in the study of whoever asks: of a page, its fragments and buttons, and of a download."""
    settings = _afterwards.get()
    if settings is not None:
        return settings
    if get_script_run_ctx(suppress_warning=True) is None:  # no page is drawn
        return get_settings()
    return settings_of(st.session_state.get(SESSION_KEY, get_settings().study))


@contextmanager
def in_study(settings: Settings) -> Iterator[None]:
    """Inside, :func:`the_settings` are these: for what Streamlit calls when the page is drawn and gone."""
    token = _afterwards.set(settings)
    try:
        yield
    finally:
        _afterwards.reset(token)


def the_study() -> Study:
    """What the study at hand says of itself."""
    return read_study(the_settings())


def study_title() -> str:
    """What people call the study at hand."""
    return the_study().title or the_settings().study


class OfStudy(Generic[P, R]):
    """A function whose answers Streamlit keeps, for each study apart; made by :func:`cached` and :func:`kept`."""

    def __init__(self, function: Callable[P, R], cache: Callable[[Callable[..., R]], Any]) -> None:
        @wraps(function)
        def of_study(study: str, *args: P.args, **kwargs: P.kwargs) -> R:
            return function(*args, **kwargs)

        signature = inspect.signature(function)
        study = inspect.Parameter("study", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        # where Streamlit looks for the names of arguments, of which those with a _ are no part of the key
        of_study.__signature__ = signature.replace(parameters=[study, *signature.parameters.values()])  # type: ignore[attr-defined]
        self._cached = cache(of_study)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The answer, computed or kept."""
        found: R = self._cached(str(the_settings().data_dir), *args, **kwargs)
        return found

    def clear(self) -> None:
        """Forget all answers, of every study."""
        self._cached.clear()


def cached(**options: Any) -> Callable[[Callable[P, R]], OfStudy[P, R]]:
    """``st.cache_data``, whose options it takes, for what is of a study."""
    return lambda function: OfStudy(function, st.cache_data(**options))


def kept(**options: Any) -> Callable[[Callable[P, R]], OfStudy[P, R]]:
    """``st.cache_resource``, whose options it takes, for what is of a study."""
    return lambda function: OfStudy(function, st.cache_resource(**options))


def address(page: str, **parameters: str) -> str:
    """The address of a page in the study at hand, for a link that opens a tab of its own."""
    return f"{page}?{urlencode(here(**parameters))}".removesuffix("?")


def here(**parameters: str) -> dict[str, str]:
    """Parameters of an address, with that of the study at hand where it needs one."""
    study = the_settings().study
    return parameters if study == get_settings().study else {PARAMETER: study, **parameters}
