"""Records of any tool: which field is the caption, the time, the id, and what is none of them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from core.storage.field_names import plain_name
from core.storage.moments import parse_time
from core.storage.post_fields import UntoldCaptions, choose_fields, read_record

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


@pytest.mark.parametrize(
    ("record", "identifier", "shortcode", "owner"),
    [
        ({"post_id": "17_5", "media_id": "18", "post_shortcode": "Cabc", "shortcode": "Cother"}, "17", "Cabc", None),
        ({"url": "https://www.instagram.com/ann.b/p/Cabc/?img_index=1"}, None, "Cabc", "ann.b"),
        ({"link": "instagram.com/reel/Cabc"}, None, "Cabc", None),
        ({"url": "https://www.instagram.com/reels/audio/123/"}, None, None, None),
        ({"id": "https://www.instagram.com/p/Cabc/", "url": "https://cdn.example/p/a.jpg"}, None, None, None),
        ({"pk": 17.0, "code": 12, "owner": {"id": "55"}}, "17", None, None),
        ({"id": "1", "account": {"handle": "ann.b", "name": "Ann"}}, "1", None, "ann.b"),
    ],
)
def test_ids_codes_and_owners_also_come_out_of_addresses(
    record: dict[str, Any], identifier: str | None, shortcode: str | None, owner: str | None
) -> None:
    reading = read_record(record)
    assert (reading.id, reading.shortcode, reading.username) == (identifier, shortcode, owner)


@pytest.mark.parametrize(
    ("record", "likes"),
    [
        ({"num_likes": "1,234"}, 1234),
        ({"likesCount": -1}, None),
        ({"statistics": {"actual": {"favoriteCount": 7}}}, 7),
        ({"edge_liked_by": {"count": 0}}, 0),
        ({"likes": float("nan")}, None),
        ({"likes": [{"user": "x"}], "like_count": 3}, 3),
    ],
)
def test_likes_are_counted_where_they_are_told(record: dict[str, Any], likes: int | None) -> None:
    assert read_record(record).likes == likes


def test_half_an_emoji_and_missing_values_are_no_trouble() -> None:
    assert read_record({"caption": "so tired \ud83d"}).caption == "so tired \ufffd"
    assert read_record({"caption": float("nan")}).caption is None


def test_names_of_fields_are_compared_without_their_dress() -> None:
    names = ("ownerUsername", "owner.username", "Owner Username", "__owner-username")
    assert {plain_name(name) for name in names} == {"owner_username"}


def test_captions_under_an_unknown_name_are_noticed() -> None:
    net = UntoldCaptions()
    for number in range(5):
        record = {"id": str(number), "mensahe": f"three words and {number}", "alt": "May be an image of a dog"}
        net.see(record, read_record(record))
    said = net.in_words()
    assert said is not None
    assert "'mensahe'" in said
    assert "alt" not in said
    net.see({}, read_record({"caption": "hello"}))
    assert net.in_words() is None


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
    ],
)
def test_forms_of_time_that_mean_one_thing_are_read(text: str) -> None:
    assert parse_time(text) == NOON


@pytest.mark.parametrize("text", ["01/05/2024", "1.5.2024 10:00", "2024-13-45 10:00", "10:00 pm", "5 May"])
def test_forms_that_may_mean_two_things_are_not(text: str) -> None:
    assert parse_time(text) is None
