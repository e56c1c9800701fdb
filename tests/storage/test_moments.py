"""Moments as tools and people write them."""

from datetime import UTC, datetime

import pytest

from core.storage.moments import parse_time

NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [1790856000, 1790856000.0, "1790856000", 1790856000000, "2026-10-01T12:00:00.000Z", "2026-10-01T12:00:00+0000"],
)
def test_times_in_every_shape(value: object) -> None:
    assert parse_time(value) == datetime(2026, 10, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("value", [None, "", "soon", True, 1e30, [], -1e20])
def test_what_is_no_time_is_none(value: object) -> None:
    assert parse_time(value) is None


@pytest.mark.parametrize(
    "text",
    [
        *("2026-10-01T14:00:00+02:00", "2026/10/01 12:00", "2026-10-01 08:00:00 EDT", "Oct 01, 2026 12:00 pm"),
        *(
            "Thu Oct 01 12:00:00 +0000 2026",
            "Thu, 01 Oct 2026 12:00:00 GMT",
            "1 October 2026, 12:00",
            "1790856000000000",
        ),
        "Oct 1, 2026, 12:00\u202fPM",
        *("October 1st, 2026 12:00", "2026. 10. 1. 12:00", "20261001120000", "/Date(1790856000000)/"),
        "1790856000000000000",
    ],
)
def test_forms_of_time_that_mean_one_thing_are_read(text: str) -> None:
    assert parse_time(text) == NOON


@pytest.mark.parametrize("text", ["01/05/2024", "1.5.2024 10:00", "2024-13-45 10:00", "10:00 pm", "5 May"])
def test_forms_that_may_mean_two_things_are_not(text: str) -> None:
    assert parse_time(text) is None
