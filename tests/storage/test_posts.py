"""Posts in every shape, and the file of an account."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from core.errors import AgeScopeError, InputError
from core.storage.account_files import account_files, read_account, write_account
from core.storage.models import Account, Post
from core.storage.post_parsing import parse_post, read_record


@pytest.mark.parametrize(
    ("node", "caption"),
    [
        ({"edge_media_to_caption": {"edges": [{"node": {"text": "hello"}}]}}, "hello"),
        ({"edge_media_to_caption": {"edges": []}}, None),
        ({"caption": {"text": "hello"}}, "hello"),
        ({"caption": "hello"}, "hello"),
        ({"caption": None}, None),
        ({}, None),
    ],
)
def test_captions_are_found_in_every_shape(node: dict[str, Any], caption: str | None) -> None:
    post = parse_post({"id": "1", **node})
    assert post is not None
    assert post.caption == caption


@pytest.mark.parametrize(
    ("node", "identifier", "shortcode"),
    [
        ({"pk": 17, "code": "Cx"}, "17", "Cx"),
        ({"id": "17_99", "shortcode": "Cx"}, "17", "Cx"),
        ({"shortCode": "Cx"}, "Cx", "Cx"),
        ({"id": "17", "permalink": "https://www.instagram.com/p/Cx-_1/"}, "17", "Cx-_1"),
    ],
)
def test_ids_and_short_codes(node: dict[str, Any], identifier: str, shortcode: str) -> None:
    post = parse_post(node)
    assert post is not None
    assert (post.id, post.shortcode) == (identifier, shortcode)


def test_an_object_without_an_id_is_no_post() -> None:
    assert parse_post({"caption": "hello"}) is None


@pytest.mark.parametrize(
    ("node", "kind"),
    [
        ({"media_type": 1}, "image"),
        ({"media_type": 2}, "video"),
        ({"media_type": 8}, "carousel"),
        ({"media_type": "CAROUSEL_ALBUM"}, "carousel"),
        ({"__typename": "GraphImage"}, "image"),
        ({"__typename": "XDTGraphVideo"}, "video"),
        ({"__typename": "GraphSidecar"}, "carousel"),
        ({"is_video": True}, "video"),
        ({}, "unknown"),
    ],
)
def test_kinds(node: dict[str, Any], kind: str) -> None:
    post = parse_post({"id": "1", **node})
    assert post is not None
    assert post.kind == kind


def test_an_account_reads_back_as_it_was_written(tmp_path: Path) -> None:
    account = Account(username="Zoë & co", posts=[Post(id="1", caption="á\n=1+1"), Post(id="2")])
    path = write_account(tmp_path, account)
    assert path.name == "Zo%C3%AB%20%26%20co.json"
    assert read_account(path) == account
    assert read_account(path).captions == ["á\n=1+1"]
    assert list(account_files(tmp_path)) == [path]


def test_the_older_form_takes_its_name_from_the_file(tmp_path: Path) -> None:
    nodes = [{"node": {"id": "5", "shortcode": "Cx", "is_video": False, "edge_media_to_caption": {"edges": []}}}]
    media = {"count": 9, "page_info": {"has_next_page": True}, "edges": nodes}
    (tmp_path / "anna.json").write_bytes(orjson.dumps({"edge_owner_to_timeline_media": media}))
    account = read_account(tmp_path / "anna.json")
    assert (account.username, account.post_count, len(account.posts), account.complete) == ("anna", 9, 1, False)


@pytest.mark.parametrize("content", ["", "[]", "{}", "null", '{"edge_owner_to_timeline_media": 1}', '{"username": "a'])
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "anna.json").write_text(content)
    with pytest.raises(InputError, match=r"anna\.json"):
        read_account(tmp_path / "anna.json")


def test_a_folder_that_cannot_be_written_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "accounts").write_text("a file where the folder should be")
    with pytest.raises(AgeScopeError, match="cannot be written"):
        write_account(tmp_path / "accounts", Account(username="anna"))
    assert [path.name for path in tmp_path.iterdir()] == ["accounts"]


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
