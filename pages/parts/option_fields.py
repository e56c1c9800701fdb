"""Fields of a form whose default, bounds and help are those of a command's option."""

from typing import Any

import streamlit as st

from core.utils.formatting import plain
from core.utils.options import CommandArguments


def number_field(
    of: type[CommandArguments],
    name: str,
    label: str,
    *,
    key: str,
    width: int,
    least: float | None = None,
    most: float | None = None,
    step: int | None = None,
    number_format: str | None = None,
    placeholder: str | None = None,
) -> Any:
    """A field for a number, kept while one looks at other pages.

    Args:
        of: the arguments of the command.
        name: of the option, as the arguments have it.
        label: what stands above the field.
        key: of the widget.
        width: in pixels.
        least: a bound narrower than the command's own.
        most: likewise.
        step: what a click on + adds.
        number_format: how the number is shown, as ``%.1e``.
        placeholder: what stands there while it is empty.

    Returns:
        A number of the option's type; None where the field is empty.
    """
    option = of.options()[name]
    low = option.number(option.about.min if least is None else least)
    high = option.number(option.about.max if most is None else most)
    steps: Any = step  # Streamlit's types tell whole numbers from others, which here the option does
    return st.number_input(
        label,
        low,
        high,
        option.number(option.default),
        step=steps,
        format=number_format,
        help=plain(option.about.help),
        placeholder=placeholder,
        width=width,
        key=key,
        persist_state="session",
    )
