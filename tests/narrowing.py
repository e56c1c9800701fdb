"""What a test knows and types cannot tell: that something is there."""

from typing import TypeVar

T = TypeVar("T")


def present(value: T | None) -> T:
    """``value``, which is not None."""
    assert value is not None
    return value
