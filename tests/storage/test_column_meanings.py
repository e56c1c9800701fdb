"""Columns and fields of any tool: which is the caption, the time, the id, and what is none of them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from core.storage.column_meanings import UntoldCaptions, choose_fields
from core.storage.field_names import plain_name
from core.storage.post_parsing import read_record

NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "record",
    [
        {"caption": "hello"},
        {"caption": {"text": "hello", "created_at": 5}},
        {"caption_text": "hello", "accessibility_caption": "Photo by Ann", "title": ""},
        {"edge_media_to_caption": {"edges": [{"node": {"text": "hello"}}]}},
        {"description": "hello", "fullname": "Ann B"},
        {"body": "hello", "title": "another thing"},
        {"title": "hello"},
        {"text": "hello", "alt": "May be an image of a cat"},
        {"caption": "Photo by Ann on May 01, 2026. May be an image of 1 person.", "text": "hello"},
    ],
)
def test_a_caption_is_found_under_every_name_and_never_in_an_accessibility_text(record: dict[str, Any]) -> None:
    assert read_record({"id": "1", **record}).caption == "hello"


def test_a_column_of_accessibility_texts_is_passed_over_and_said() -> None:
    rows = [
        {"caption": "Photo by Ann B on May 01 2026. May be an image of tree.", "description": "one"},
        {"caption": "", "description": "two"},
    ]
    choice = choose_fields(rows[0], rows)
    assert [read_record(row, choice).caption for row in rows] == ["one", "two"]
    assert "'caption' is an accessibility text" in choice.in_words()


def test_the_date_of_scraping_is_not_the_date_of_posting() -> None:
    row = {"postUrl": "x", "query": "y", "timestamp": "2026-11-01T00:00:00Z", "caption": "hello"}
    assert read_record(row, choose_fields(row, [row])).taken_at is None
    row["pubDate"] = "2026-10-01T12:00:00.000Z"
    assert read_record(row, choose_fields(row, [row])).taken_at == NOON
    assert read_record({"scraped_at": "2026-10-01", "modified_time": "2026-10-01", "id": "1"}).taken_at is None


def test_what_a_person_says_counts_for_more_than_what_is_found() -> None:
    row = {"caption": "no", "legend": "yes"}
    assert read_record(row, choose_fields(row, [row], {"caption": "legend"})).caption == "yes"


def test_names_of_fields_are_compared_without_their_dress() -> None:
    names = ("ownerUsername", "owner.username", "Owner Username", "__owner-username")
    assert {plain_name(name) for name in names} == {"owner_username"}


def test_captions_under_an_unknown_name_are_noticed() -> None:
    net = UntoldCaptions()
    for number in range(5):
        record = {"id": str(number), "mensahe": f"three words and {number}", "alt": "May be an image of a dog"}
        net.see(record, bool(read_record(record).caption))
    said = net.in_words()
    assert said is not None
    assert "'mensahe'" in said
    assert "alt" not in said
    net.see({}, True)
    assert net.in_words() is None
