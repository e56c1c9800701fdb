"""Files as other tools, other languages and other habits write them: read right, or refused in plain words."""

import io
import json
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from core import cli
from core.importers.detect import find
from core.importers.lenient_json import decoded_leniently
from core.importers.preview import Preview, preview
from core.importers.results import LeftOut, NotUnderstood
from core.storage.account_files import account_files, read_account

RECORD = {"username": "anna", "caption": "one day at school", "id": "7", "taken_at": 1714557600}
DAY = "2024-05-01"
NODE = {"shortcode": "C6a1B2c3D4e", "id": "7", "owner": {"id": "77"}, "taken_at_timestamp": 1714557600}


def put(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def posts(seen: Preview) -> list[tuple[str, str | None, str | None]]:
    """The posts of a preview: account, caption and day."""
    return [(name, post.caption, f"{post.taken_at:%Y-%m-%d}" if post.taken_at else None) for name, post in seen.first]


@pytest.mark.parametrize(
    "header",
    [
        "Benutzername;Beitragstext;Datum",
        "usuario;descripción;fecha de publicación",
        "nom d'utilisateur;légende;date de publication",
        "имя пользователя;текст;дата",
        "ユーザー名;キャプション;投稿日",
        "ig_username;media caption;Date (GMT)",
    ],
)
def test_columns_are_known_by_their_names_in_other_languages_and_tools(tmp_path: Path, header: str) -> None:
    seen = preview(put(tmp_path / "t.csv", f"{header}\nanna;one day;{DAY}\n"))
    assert posts(seen) == [("anna", "one day", DAY)]


def test_a_text_under_an_unknown_name_is_named_in_the_advice(tmp_path: Path) -> None:
    seen = preview(put(tmp_path / "t.csv", "username,mensahe\nanna,one long day at school\n"))
    assert "--column 'caption=mensahe'" in str(seen)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("minet.csv", "id,text,comment_like_count,parent_id,created_at_utc,username\n1,theirs,0,,1714557600,friend\n"),
        ("phantom.csv", "postUrl,username,comment,commentDate\nhttps://x.y,friend,theirs,2024-05-01\n"),
        ("instagrapi.json", [{"pk": "1", "text": "theirs", "user": {"username": "friend"}, "content_type": "comment"}]),
        ("apify.json", [{"id": "1", "text": "theirs", "ownerUsername": "friend", "commentUrl": "https://x.y/c/1"}]),
        ("messages.json", [{"id": "1", "user_id": "5", "item_type": "text", "text": "theirs", "timestamp": DAY}]),
        ("2024-05-01_10-00-00_UTC_comments.json", [{"id": 1, "text": "theirs", "likes_count": 1, "answers": []}]),
        ("story.json", [{"id": "1", "code": "abcdefghijk", "user": {"username": "friend"}, "product_type": "story"}]),
        ("stories.json", [{"username": "friend", "post_url": "https://www.instagram.com/stories/friend/", "id": "1"}]),
    ],
)
def test_comments_messages_and_stories_are_nobodys_posts(tmp_path: Path, name: str, content: Any) -> None:
    path = put(tmp_path / name, content if isinstance(content, str) else json.dumps(content))
    seen = preview(path, "anna")
    assert not seen.accounts
    kept = [line.text for item in seen.left_out for line in item.lines]
    assert "theirs" not in f"{seen} {kept}"


def test_comments_among_posts_are_left_out_and_counted(tmp_path: Path) -> None:
    rows = "C6a1B2c3D4e,my words,anna,1714557600,picture\n178,theirs,friend,1714557700,comment\n"
    seen = preview(put(tmp_path / "t.csv", f"id,body,author,timestamp,type\n{rows}"))
    assert posts(seen) == [("anna", "my words", DAY)]
    assert "1 record left out that is a comment" in str(seen)


FACEPAGER = '"level";"id";"parent_id";"object_id";"query_time";"query_type";"caption";"timestamp"\n'


def test_facepagers_posts_have_the_owner_that_stands_in_a_row_above(tmp_path: Path) -> None:
    rows = (
        '"0";"1";"None";"anna";"None";"None";"None";"None"\n'
        '"1";"2";"1";"17841";"2026-01-01";"media";"my words";"2024-05-01T10:00:00+0000"\n'
        '"2";"3";"2";"17999";"2026-01-01";"replies";"theirs";"2024-05-01T11:00:00+0000"\n'
        '"0";"4";"None";"bob";"None";"None";"None";"None"\n'
        '"1";"5";"4";"17842";"2026-01-01";"media";"None";"2024-05-02T10:00:00+0000"\n'
    )
    seen = preview(put(tmp_path / "t.csv", FACEPAGER + rows))
    assert posts(seen) == [("anna", "my words", DAY), ("bob", None, "2024-05-02")]
    wide = preview(put(tmp_path / "w.csv", '"path";"lvl_0_username";"lvl_1_caption"\n"anna/1";"anna";"x"\n'))
    assert not wide.accounts and "export all nodes instead" in str(wide)


def test_instaloaders_texts_are_captions_where_it_wrote_nothing_else(tmp_path: Path) -> None:
    put(tmp_path / "anna" / "2024-05-01_10-00-00_UTC.txt", "alone, here\n")
    put(tmp_path / "anna" / "id", "77\n")
    document = {"node": {**NODE, "caption": "as JSON"}, "instaloader": {"node_type": "Post"}}
    put(tmp_path / "bob" / "2024-05-01_10-00-00_UTC.json", json.dumps(document))
    put(tmp_path / "bob" / "2024-05-01_10-00-00_UTC.txt", "as JSON\n")
    seen = preview(tmp_path)
    assert sorted(posts(seen)) == [("anna", "alone, here", DAY), ("bob", "as JSON", DAY)]
    assert not seen.not_understood


@pytest.mark.parametrize("folder", ["downloads", "Instagram", "posts", "saved"])
def test_a_folder_that_may_hold_anything_names_nobody(tmp_path: Path, folder: str) -> None:
    document = {"node": NODE, "instaloader": {"node_type": "Post"}}
    put(tmp_path / folder / "2024-05-01_10-00-00_UTC.json", json.dumps(document))
    seen = preview(tmp_path / folder)
    assert not seen.accounts and "one that any folder may have" in str(seen)


def _export() -> dict[str, str]:
    root = "instagram-anna-2026-01-01-abc"
    media = [{"media": [{"uri": "media/1.jpg", "creation_timestamp": 1714557600, "title": "mine"}]}]
    return {
        f"{root}/your_instagram_activity/media/posts_1.json": json.dumps(media),
        f"{root}/your_instagram_activity/messages/inbox/friend_1/message_1.json": '{"participants": []}',
    }


def by_name(value: object) -> str:
    """The name of a case without its content, in which archives keep the time, so that it is the same each time."""
    return value if isinstance(value, str) else ""


def _tar(mode: Any) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, text in _export().items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


def _zip(files: dict[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.tar", _tar("w")),
        ("a.tgz", _tar("w:gz")),
        ("a.tar.bz2", _tar("w:bz2")),
        ("in.zip", _zip({"donations/anna.tar.gz": _tar("w:gz")})),
        ("three.zip", _zip({"b.zip": _zip({"c.zip": _zip({**_export()})})})),
        ("windows.zip", _zip({name.replace("/", "\\"): text for name, text in _export().items()})),
    ],
    ids=by_name,
)
def test_an_export_is_found_in_archives_of_every_kind_and_nothing_of_others_is_said(
    tmp_path: Path, name: str, content: bytes
) -> None:
    seen = preview(put(tmp_path / name, content))
    assert posts(seen) == [("anna", "mine", DAY)]
    assert "friend_1" not in str(seen)


def _locked() -> bytes:
    content = bytearray(_zip({"t.csv": "username,caption\nanna,one\n"}))
    content[6] |= 1  # says that the file is encrypted, here and in the directory
    content[content.find(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.zip", _locked(), "locked with a password"),
        ("a.zip", _zip({**_export()})[:-60], "cut or damaged"),
        ("a.tar", _tar("w")[:700], "cut or damaged"),
        ("a.7z", b"7z\xbc\xaf'\x1c" + bytes(40), "a 7z archive; unpack it"),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "save it as .xlsx"),
    ],
    ids=by_name,
)
def test_what_cannot_be_unpacked_is_said_in_plain_words(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    seen = preview(put(tmp_path / name, content))
    assert not seen.accounts and said in str(seen)


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("45413", DAY),  # a day as Excel counts them
        ("45413.75", DAY),
        ("1. Mai 2024, 10:00", DAY),
        ("mai 01, 2024 10:00 AM", DAY),
        ("1 de mayo de 2024", DAY),
        ("1 мая 2024 г.", DAY),
        ("2024年5月1日 午後1:00", DAY),
        ("2024-05-01_10-00-00_UTC", DAY),
        ("1 lis 2024", "2024-11-01"),
        ("0001-01-01", None),
        ("2 days ago", None),
        ("01.05.24", None),
        ("1970", None),
    ],
)
def test_times_are_read_where_they_can_mean_one_thing_alone(tmp_path: Path, written: str, day: str | None) -> None:
    seen = preview(put(tmp_path / "t.csv", f'username,caption,date\nanna,one,"{written}"\n'))
    assert posts(seen) == [("anna", "one", day)]
    assert (seen.without_time == 0) or "1 time" in str(seen)


def test_a_year_of_two_digits_is_last_where_a_date_shows_it(tmp_path: Path) -> None:
    rows = "anna,one,01.05.24\nanna,two,31.05.24\n"
    seen = preview(put(tmp_path / "t.csv", f"username,caption,date\n{rows}"))
    assert sorted(day or "" for _, _, day in posts(seen)) == ["2024-05-01", "2024-05-31"]


ONE = json.dumps(RECORD)


@pytest.mark.parametrize(
    "text",
    [
        f"// by my tool\n[/* first */ {ONE}, // and\n]",
        f"# by my tool\n[{ONE}]",
        '[{"username": "anna", // who\n"caption": "one day at school", "id": "7", "taken_at": 1714557600,}]',
        str([RECORD]),
        "{username: 'anna', caption: 'one day at school', id: '7', taken_at: 1714557600}",
        f"var posts = [{ONE}];",
        f"window.YTD.posts.part0 = [{ONE}]",
        f"for (;;);[{ONE}]",
        f"callback([{ONE}]);",
        f"\x1e{ONE}\n",
        json.dumps(json.dumps([RECORD])),
        json.dumps({"n": 1, "payload": ONE}),
        json.dumps({name: {"0": value} for name, value in RECORD.items()}),
        json.dumps({"columns": [*RECORD], "index": [0], "data": [[*RECORD.values()]]}),
        json.dumps({"hits": {"hits": [{"_source": RECORD}]}}),
        json.dumps({**RECORD, "taken_at": {"$date": {"$numberLong": "1714557600000"}}}),
    ],
)
def test_json_beside_the_standard_is_read(tmp_path: Path, text: str) -> None:
    seen = preview(put(tmp_path / "t.json", text))
    assert posts(seen) == [("anna", RECORD["caption"], DAY)]
    assert not seen.left_out


def test_leniency_ends_with_the_value_and_leaves_texts_as_they_are() -> None:
    text = '{"a": "http://x.y // no", \'b\': None, /* c */ d: [1,],} and more'
    assert decoded_leniently(text, 0) == ({"a": "http://x.y // no", "b": None, "d": [1]}, text.index(" and more"))
    assert decoded_leniently('{"a": "never closed}\n', 0) is None


def test_backslashes_before_quotation_marks_are_understood(tmp_path: Path) -> None:
    seen = preview(put(tmp_path / "t.csv", 'username,caption\nanna,"she said \\"hi\\", ok"\nbob,fine\n'))
    assert posts(seen) == [("anna", 'she said "hi", ok', None), ("bob", "fine", None)]


def test_every_sheet_with_posts_is_read_and_hidden_rows_are_told(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for title, row in (("2023", ("anna", "one")), ("2024", ("bob", "two")), ("notes", ("some", "notes"))):
        sheet = book.create_sheet(title)
        for cells in (("username", "caption") if title != "notes" else ("x", "y"), row):
            sheet.append(cells)
    book["2023"].row_dimensions[2].hidden = True
    book.save(tmp_path / "t.xlsx")
    seen = preview(tmp_path / "t.xlsx")
    assert seen.usernames == {"anna", "bob"}
    assert "1 of its rows is hidden in Excel" in str(seen) and "'notes'" in str(seen)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("username,caption\nanna,one\n", 0),
        ("username,caption\nanna,one\nusername,caption\nbob,two\n", 0),
        ('username,caption\nanna,one\nbob,"open\n', 1),
        ("username,caption,date\nanna,one,yesterday\n", 1),
    ],
)
def test_an_import_that_lost_something_does_not_end_as_if_it_had_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str, status: int
) -> None:
    path, output = put(tmp_path / "t.csv", text), tmp_path / "data" / "accounts"
    monkeypatch.setattr(sys, "argv", ["core", "import", str(path), "--output-dir", str(output)])
    ended = 0
    try:
        cli.main()
    except SystemExit as error:
        ended = int(error.code or 0)
    assert ended == status
    assert ("Not everything could be read" in capsys.readouterr().err) == bool(status)
    assert next(read_account(file).username for file in account_files(output)) == "anna"


def test_of_many_files_it_is_said_how_many_more_there_are(tmp_path: Path) -> None:
    for number in range(23):
        put(tmp_path / "many" / f"{number:02}.csv", f"username,caption\nanna{number},one\n")
    assert "... and 3 more" in str(preview(tmp_path / "many"))


def test_what_is_known_to_be_no_post_is_no_loss(tmp_path: Path) -> None:
    content = json.dumps([{"pk": "1", "text": "theirs", "user": {"username": "friend"}, "content_type": "comment"}])
    put(tmp_path / "all" / "comments.json", content)
    put(tmp_path / "all" / "posts.csv", "username,caption\nanna,one\n")
    said = [item for item in find(tmp_path / "all") if isinstance(item, LeftOut | NotUnderstood)]
    assert [item.is_loss for item in said] == [False]
