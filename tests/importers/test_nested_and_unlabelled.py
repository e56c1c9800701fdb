"""What lay nested and was flattened by programs, and columns whose names say less than their contents."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from core.importers import json_values
from core.importers.preview import preview
from core.storage.field_values import unpacked, whole_number

ONE = {"username": "anna.b", "caption": "one day at school", "taken_at": 1714557600}


def put(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def captions(path: Path) -> list[tuple[str, str | None]]:
    return [(name, post.caption) for name, post in preview(path).first]


@pytest.mark.parametrize(
    "text",
    [
        "user,caption\n\"{'pk': '5', 'username': 'anna.b'}\",\"{'pk': 18, 'text': 'one day at school'}\"\n",
        "user,caption_text\n\"UserShort(pk='5', username='anna.b', url=HttpUrl('x'))\",one day at school\n",
        'user,caption_text,caption\n"{""username"": ""anna.b""}",,"{""text"": ""one day at school""}"\n',
        "node.owner.username,node.edge_media_to_caption.edges\nanna.b,\"[{'node': {'text': 'one day at school'}}]\"\n",
        "owner.username,edge_media_to_caption.edges.0.node.text\nanna.b,one day at school\n",
        "username,caption,description\nanna.b,\"['school', 'exam']\",one day at school\n",
        "username,caption,text\nanna.b,17,one day at school\n",
        "username,caption,text\nanna.b,True,one day at school\n",
        "user,profile_url,text\nAnna Berg,https://www.instagram.com/anna.b/,one day at school\n",
        "| username | caption |\n|---|:--|\n| anna.b | one day at school |\n",
        " username | caption \n----------+---------\n anna.b | one day at school\n(1 row)\n",
    ],
)
def test_captions_and_owners_are_found_where_programs_and_people_put_them(tmp_path: Path, text: str) -> None:
    assert captions(put(tmp_path / "t.csv", text)) == [("anna.b", "one day at school")]


@pytest.mark.parametrize(
    "content",
    [
        {"0": ONE},
        {"anna.b": [{"caption": ONE["caption"], "taken_at": 5}]},
        {"anna.b": {"posts": [{"caption": ONE["caption"], "id": "1"}]}},
        [[*ONE], [*ONE.values()]],
        {"range": "A1:C9", "values": [[*ONE], [*ONE.values()]]},
    ],
)
def test_json_by_row_by_account_and_as_lists_is_read(tmp_path: Path, content: Any) -> None:
    assert captions(put(tmp_path / "t.json", json.dumps(content))) == [("anna.b", ONE["caption"])]


@pytest.mark.parametrize("name", ["comments", "followers", "friends of anna"])
def test_names_of_lists_are_nobody(tmp_path: Path, name: str) -> None:
    seen = preview(put(tmp_path / "t.json", json.dumps({name: [{"text": "a word of theirs", "id": "1"}]})))
    assert not seen.accounts


def test_people_are_accounts_where_nothing_else_tells_them(tmp_path: Path) -> None:
    rows = "user,account,text\nParticipant 1,thestudy,one\nParticipant 2,thestudy,two\n"
    assert preview(put(tmp_path / "t.csv", rows)).usernames == {"Participant 1", "Participant 2"}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.rds", gzip.compress(b"X\n\0\0\0\3" + bytes(50), mtime=0), "R's own"),
        ("a.pkl", b"\x80\x04\x95" + bytes(50), "a pickle of Python"),
        ("a.dta", b"<stata_dta><header>" + bytes(50), "a file of Stata"),
        ("a.xml", b'<?xml version="1.0"?><posts/>', "it is XML"),
        (
            "a.csv",
            b'username,caption\nanna.b,"Photo by A. May be an image of a cat."\n',
            "an accessibility text",
        ),
        ("b.csv", b"username,caption\nanna.b,one\n", "no time of posting"),
    ],
)
def test_what_is_not_there_is_said(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    assert said in str(preview(put(tmp_path / name, content)))


@pytest.mark.parametrize(
    ("text", "number"),
    [("1.234.567", 1_234_567), ("1,200", 1200), ("1\u202f200", 1200), ("3,0", 3), ("1200,5", 1200), ("0.125", 0)],
)
def test_counts_are_read_as_every_spreadsheet_writes_them(text: str, number: int) -> None:
    assert whole_number(text) == number


@pytest.mark.parametrize("text", ["[ad] buy", "{", "[" * 5_000, "Hello(there)", "{'a': open('x')", "__import__('os')"])
def test_nothing_in_a_cell_is_run_or_mistaken_for_an_object(text: str) -> None:
    assert unpacked(text) is None


def test_two_rows_of_one_second_are_one_post_and_those_of_one_day_are_two(tmp_path: Path) -> None:
    rows = "anna.b,hi,2024-05-01T10:00:00,{}\n"
    text = "username,caption,created,hashtag\n" + rows.format("school") + rows.format("exam")
    assert preview(put(tmp_path / "t.csv", text)).posts == 1
    assert preview(put(tmp_path / "d.csv", text.replace("T10:00:00", ""))).posts == 2


def test_one_record_is_spoken_of_as_one(tmp_path: Path) -> None:
    rows = "username,caption,type\nanna.b,one,picture\nfriend,theirs,comment\n"
    assert "1 record left out that is a comment (" in str(preview(put(tmp_path / "t.csv", rows)))


def test_captions_of_an_export_may_bear_labels_in_any_language(tmp_path: Path) -> None:
    labels = [{"label": "Bildunterschrift", "value": "in a new form"}, {"label": "URL", "value": "https://x.y"}]
    media = [{"uri": "media/1.jpg", "creation_timestamp": 1714557600}]
    path = put(tmp_path / "posts_1.json", json.dumps([{"media": media, "label_values": labels}]))
    assert [post.caption for _, post in preview(path, "anna").first] == ["in a new form"]


RECORDS = [{"id": str(number), "caption": f"day {number} at school"} for number in range(3)]


def test_a_document_that_is_cut_gives_the_records_before_and_says_so(tmp_path: Path) -> None:
    for text in (json.dumps({"username": "anna", "posts": RECORDS})[:-20], json.dumps(RECORDS)[:-1]):
        seen = preview(put(tmp_path / "t.json", text), "anna")
        assert seen.posts >= 2 and ("not valid JSON" in str(seen) or "list is not closed" in str(seen))
        assert all(item.is_loss for item in seen.left_out)


def test_a_document_too_large_to_be_read_at_once_is_read_record_by_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_values, "MAX_VALUE", 100_000)
    posts = [{"id": str(number), "caption": f"day {number} at school" * 20} for number in range(3_000)]
    seen = preview(put(tmp_path / "t.json", json.dumps({"username": "anna", "posts": posts, "next": None})))
    assert (seen.usernames, seen.posts, seen.left_out) == ({"anna"}, 3_000, [])
    assert "read record by record" in str(seen)


@pytest.mark.parametrize(
    ("text", "posts", "said"),
    [
        ("id,username,caption\n1,anna,hi\nTotal,2,\n", 1, "a footer"),
        ('username,caption\nanna,hi\n"bob,"ok"\n', 1, "a quotation mark is not closed"),
        ("'username','caption'\n'anna','hi'\n", 0, "single quotation marks"),
        ('[{"username": "anna", "caption": "hi", "id": Infinity}]', 1, ""),
    ],
)
def test_what_is_no_row_becomes_nobody(tmp_path: Path, text: str, posts: int, said: str) -> None:
    seen = preview(put(tmp_path / "t.csv", text))
    assert (seen.posts, seen.usernames) == (posts, {"anna"} if posts else set())
    assert said in str(seen) and "inf" not in [post.id for _, post in seen.first]
