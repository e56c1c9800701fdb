"""Posts in every shape, and the file of an account."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from core.errors import AgeScopeError, InputError
from core.storage.account_files import account_files, read_account, write_account
from core.storage.models import Account, Post
from core.storage.moments import parse_time
from core.storage.post_parsing import parse_post


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


@pytest.mark.parametrize(
    "value",
    [1790856000, 1790856000.0, "1790856000", 1790856000000, "2026-10-01T12:00:00.000Z", "2026-10-01T12:00:00+0000"],
)
def test_times_in_every_shape(value: object) -> None:
    assert parse_time(value) == datetime(2026, 10, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("value", [None, "", "soon", True, 1e30, [], -1e20])
def test_what_is_no_time_is_none(value: object) -> None:
    assert parse_time(value) is None


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
