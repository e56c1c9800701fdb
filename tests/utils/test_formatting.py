"""What a person reads."""

from datetime import UTC, datetime

import pytest

from core.utils.formatting import clock, count, duration, number, percent, plain, size


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "unknown"),
        (0, "0 s"),
        (21.4, "21 s"),
        (89, "89 s"),
        (600, "10 min"),
        (3600 * 21, "21 hours"),
        (3600 * 24 * 6, "6 days"),
    ],
)
def test_durations_are_words(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words


def test_numbers_have_separators_and_gaps_are_dashes() -> None:
    assert number(1234567.8) == "1,234,568"
    assert number(None) == number(float("nan")) == percent(None) == "–"
    assert percent(0.1234, 1) == "12.3 %"
    assert count(1, "account") == "1 account"
    assert count(1240, "account") == "1,240 accounts"
    assert [size(value) for value in (0, 999, 712_000, 2_100_000_000)] == ["0", "999 B", "712 KB", "2.1 GB"]


@pytest.mark.parametrize(
    "hostile", ["**bold**", "[link](javascript:alert(1))", "<img src=x>", "$x$", ":red[x]", "# title"]
)
def test_other_peoples_words_cannot_act_as_markdown(hostile: str) -> None:
    escaped = plain(hostile)
    assert escaped.replace("\\", "") == hostile
    assert all(escaped[at - 1] == "\\" for at, letter in enumerate(escaped) if letter in "*[]()<>$:#")


def test_a_time_of_day_has_its_zone() -> None:
    now = datetime.now().astimezone()
    assert clock(now) == f"{now:%H:%M:%S} {now.tzname()}"
    long_ago = datetime(2001, 9, 9, 1, 46, tzinfo=UTC).astimezone()
    assert clock(long_ago) == f"{long_ago.day} {long_ago:%b, %H:%M %Z}"
