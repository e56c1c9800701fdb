"""Other tools' files, exports and tables: recognised by content, read whole, merged without loss."""

import csv
import gzip
import io
import itertools
import lzma
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import InputError, Stopped
from core.importers import archives, by_account
from core.importers.detect import find, read
from core.importers.events import RecognisedEvent
from core.importers.export_posts import repaired
from core.importers.importer import ImportSummary, import_files, merged
from core.importers.results import NotUnderstood
from core.jobs.events import Event
from core.jobs.progress import no_progress
from core.storage.account_files import read_account, write_account
from core.storage.models import Account, Post
from core.storage.user_lists import read_labels

NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)
NODE = {
    "__typename": "GraphImage",
    "id": "17",
    "shortcode": "Cx1",
    "edge_media_to_caption": {"edges": [{"node": {"text": "hello"}}]},
    "taken_at_timestamp": 1790856000,
    "edge_media_preview_like": {"count": 3},
    "edge_media_to_comment": {"count": 1, "edges": [{"node": {"id": "9", "text": "a stranger's comment"}}]},
}


def put(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not isinstance(content, bytes | str):
        content = orjson.dumps(content)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def found(path: Path, username: str | None = None) -> dict[str, list[str | None]]:
    """The captions by account."""
    captions: dict[str, list[str | None]] = {}
    for account in read(path, username):
        captions.setdefault(account.username, []).extend(post.caption for post in account.posts)
    return captions


def do_import(source: Path, output: Path, username: str | None = None) -> ImportSummary:
    with no_progress() as progress:
        return import_files(source, output, username, progress)


# --- formats: each is recognised whatever the file is called

DOCUMENTS: dict[str, tuple[Any, str]] = {
    "own account file": (
        {"username": "anna", "outcome": "collected", "posts": [{"id": "17", "caption": "hello", "taken_at": NOON}]},
        "web",
    ),
    "profile with posts (route 1)": (
        {
            "data": {
                "user": {"username": "Anna", "id": "5", "edge_owner_to_timeline_media": {"edges": [{"node": NODE}]}}
            }
        },
        "import:answer",
    ),
    "page query (route 2)": (
        {
            "require": [
                [
                    {
                        "data": {
                            "xig_user_by_username": {
                                "username": "anna",
                                "pk": "5",
                                "posts": {"edges": [{"node": NODE}]},
                            }
                        }
                    }
                ]
            ]
        },
        "import:answer",
    ),
    "timeline without login (route 3)": (
        {
            "data": {
                "node": {
                    "polaris_ordered_timeline_connection": {
                        "edges": [{"node": {**NODE, "owner": {"username": "anna"}}}]
                    }
                }
            }
        },
        "import:answer",
    ),
    "one post (route 4)": (
        {
            "data": {
                "xdt_api__v1__media__shortcode__web_info": {
                    "items": [
                        {
                            "pk": 17,
                            "code": "Cx1",
                            "taken_at": 1790856000,
                            "caption": {"text": "hello"},
                            "user": {"username": "anna"},
                        }
                    ]
                }
            }
        },
        "import:answer",
    ),
    "timeline with login (route 5)": (
        {
            "data": {
                "xdt_api__v1__feed__user_timeline_graphql_connection": {
                    "edges": [
                        {
                            "node": {
                                "pk": "17",
                                "code": "Cx1",
                                "taken_at": 1790856000,
                                "caption": {"text": "hello"},
                                "user": {"username": "anna"},
                            }
                        }
                    ]
                }
            }
        },
        "import:answer",
    ),
    "feed (route 6)": (
        {
            "items": [
                {
                    "id": "17_5",
                    "code": "Cx1",
                    "taken_at": 1790856000,
                    "caption": {"text": "hello"},
                    "user": {"username": "anna"},
                }
            ],
            "status": "ok",
        },
        "import:answer",
    ),
    "business discovery (route 7)": (
        {
            "business_discovery": {
                "username": "anna",
                "media": {
                    "data": [
                        {
                            "id": "17",
                            "caption": "hello",
                            "timestamp": "2026-10-01T12:00:00+0000",
                            "media_type": "IMAGE",
                            "permalink": "https://www.instagram.com/p/Cx1/",
                        }
                    ]
                },
            }
        },
        "import:graph",
    ),
    "Graph API list": (
        {
            "data": [
                {
                    "id": "17",
                    "username": "anna",
                    "caption": "hello",
                    "timestamp": "2026-10-01T12:00:00+0000",
                    "permalink": "x",
                }
            ]
        },
        "import:graph",
    ),
    "Instaloader": (
        {"node": {**NODE, "owner": {"username": "anna"}}, "instaloader": {"node_type": "Post"}},
        "import:instaloader",
    ),
    "instagram-scraper": (
        {"GraphImages": [NODE], "GraphProfileInfo": {"username": "anna"}},
        "import:instagram-scraper",
    ),
    "Apify posts": (
        [
            {
                "id": "17",
                "shortCode": "Cx1",
                "ownerUsername": "anna",
                "caption": "hello",
                "timestamp": "2026-10-01T12:00:00.000Z",
            }
        ],
        "import:apify",
    ),
    "Apify profiles": (
        [
            {
                "username": "anna",
                "latestPosts": [
                    {"id": "17", "shortCode": "Cx1", "caption": "hello", "timestamp": "2026-10-01T12:00:00.000Z"}
                ],
            }
        ],
        "import:apify",
    ),
    "records": (
        [{"id": "17", "user": {"screen_name": "anna"}, "full_text": "hello", "created_at": "2026-10-01T12:00:00Z"}],
        "import:json",
    ),
}


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("packed", ["json", "xz", "gz", "zip", "folder"])
def test_a_document_is_recognised_by_its_content(tmp_path: Path, name: str, packed: str) -> None:
    document, source = DOCUMENTS[name]
    content = orjson.dumps(document)
    path = tmp_path / "something.dat"
    if packed == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("inner/something.dat", content)
    elif packed == "folder":
        path = put(tmp_path / "folder" / "something.dat", content).parent
    else:
        put(path, {"json": content, "xz": lzma.compress(content), "gz": gzip.compress(content)}[packed])
    [account] = read(path)
    [post] = account.posts
    assert (account.username, account.source, account.outcome) == ("anna", source, "collected")
    assert (post.id, post.caption, post.taken_at) == ("17", "hello", NOON)


def test_an_account_file_by_our_rules_needs_no_more_than_a_name_and_posts(tmp_path: Path) -> None:
    assert found(put(tmp_path / "x", {"username": "anna", "posts": [{"id": "1", "caption": "hi"}]})) == {"anna": ["hi"]}
    other = {"username": "anna", "posts": [{"id": "1", "text": "a text that must not be lost"}]}
    assert found(put(tmp_path / "x", other)) == {"anna": ["a text that must not be lost"]}


def test_the_older_form_takes_its_name_from_the_file(tmp_path: Path) -> None:
    media = {"count": 9, "page_info": {"has_next_page": True}, "edges": [{"node": NODE}]}
    put(tmp_path / "Anna.json", {"edge_owner_to_timeline_media": media})
    [account] = read(tmp_path)
    assert (account.username, account.post_count, account.complete) == ("anna", 9, False)


def test_a_saved_profile_page_is_read_from_its_scripts(tmp_path: Path) -> None:
    data = orjson.dumps({"data": {"xig_user_by_username": {"username": "anna", "posts": {"edges": [{"node": NODE}]}}}})
    html = b'<!DOCTYPE html><script>var x = 1</script><script type="application/json" data-x>' + data + b"</script>"
    assert found(put(tmp_path / "page", html)) == {"anna": ["hello"]}


def test_comments_and_pictures_inside_a_post_are_no_posts(tmp_path: Path) -> None:
    child = {"id": "18", "shortcode": "Cx2", "is_video": False}
    comments = {
        "edges": [{"node": {"id": "9", "text": "no", "code": "x", "caption": "no", "owner": {"username": "eve"}}}]
    }
    node = {**NODE, "edge_sidecar_to_children": {"edges": [{"node": child}]}, "edge_media_to_comment": comments}
    document = {"data": {"user": {"username": "anna", "edge_owner_to_timeline_media": {"edges": [{"node": node}]}}}}
    assert found(put(tmp_path / "x.json", document)) == {"anna": ["hello"]}


def test_a_document_of_great_depth_is_no_danger(tmp_path: Path) -> None:
    put(tmp_path / "deep.json", b'{"a":' * 1000 + b"1" + b"}" * 1000)
    with pytest.raises(InputError, match=r"deep\.json"):
        found(tmp_path)


def test_an_instaloader_folder_gives_one_account(tmp_path: Path) -> None:
    folder = tmp_path / "anna"
    for number in range(3):
        node = {**NODE, "id": str(number), "shortcode": f"C{number}", "owner": {"id": "5"}}
        document = {"node": node, "instaloader": {"version": "4.16", "node_type": "Post"}}
        put(folder / f"2026-10-0{number + 1}_12-00-00_UTC.json.xz", lzma.compress(orjson.dumps(document)))
        put(folder / f"2026-10-0{number + 1}_12-00-00_UTC.jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00")
    put(folder / "anna_5.json", {"node": {"username": "anna"}, "instaloader": {"node_type": "Profile"}})
    summary = do_import(folder, tmp_path / "out")
    assert (summary.accounts, summary.posts, summary.ignored, summary.not_understood) == (1, 3, 3, [])
    assert len(read_account(tmp_path / "out" / "anna.json").posts) == 3


def test_apifys_lines_about_errors_are_no_posts(tmp_path: Path) -> None:
    items = [{"ownerUsername": "anna", "shortCode": "C1", "caption": "hi"}, {"error": "not_found", "username": "bob"}]
    assert found(put(tmp_path / "apify.json", items)) == {"anna": ["hi"]}
    lines = b"\n".join(orjson.dumps(item) for item in items)
    assert found(put(tmp_path / "apify.json", lines)) == {"anna": ["hi"]}


# --- the official export


def mojibake(text: str) -> str:
    return text.encode().decode("latin-1")


def export_of(username: str, root: str = "") -> dict[str, Any]:
    single = {"media": [{"uri": "media/posts/1.jpg", "creation_timestamp": 1790856000, "title": mojibake("café 🇧🇪")}]}
    several = {
        "media": [{"uri": "a.jpg", "creation_timestamp": 1790856000, "title": "no"}, {"uri": "b.jpg"}],
        "title": "three days",
        "creation_timestamp": 1790942400,
    }
    silent = {"media": [{"uri": "media/posts/2.mp4", "creation_timestamp": 1790856000, "title": ""}]}
    about = {
        "profile_user": [{"string_map_data": {"Username": {"href": "", "value": username}, "Name": {"value": "A"}}}]
    }
    return {
        f"{root}your_instagram_activity/content/posts_1.json": [single, several, silent],
        f"{root}your_instagram_activity/messages/inbox/bob/message_1.json": {"messages": [{"content": "secret"}]},
        f"{root}personal_information/personal_information/personal_information.json": about,
        f"{root}media/posts/1.jpg": b"\xff\xd8\x00",
    }


def zipped(path: Path, files: dict[str, Any]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content if isinstance(content, bytes) else orjson.dumps(content))
    return path


def test_an_export_is_read_as_its_owner_gives_it(tmp_path: Path) -> None:
    summary = do_import(zipped(tmp_path / "donation.zip", export_of("anna")), tmp_path / "out")
    account = read_account(tmp_path / "out" / "anna.json")
    assert account.source == "import:export"
    assert [(post.caption, post.kind) for post in account.posts] == [
        ("three days", "carousel"),
        ("café 🇧🇪", "image"),
        (None, "video"),
    ]
    assert account.posts[1].taken_at == NOON
    assert (summary.posts, summary.ignored, summary.not_understood) == (3, 3, [])


def test_messages_in_an_export_are_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    donation = zipped(tmp_path / "donation.zip", export_of("anna"))
    opened: list[str] = []
    whole = zipfile.ZipFile.open

    def noted(self: zipfile.ZipFile, name: Any, *more: Any, **options: Any) -> Any:
        opened.append(str(name))
        return whole(self, name, *more, **options)

    monkeypatch.setattr(zipfile.ZipFile, "open", noted)
    list(read(donation))
    assert opened
    assert not [name for name in opened if "message" in name]


def test_a_folder_of_donations_keeps_the_participants_apart(tmp_path: Path) -> None:
    folder = tmp_path / "donations"
    folder.mkdir()
    zipped(folder / "one.zip", export_of("anna"))
    zipped(folder / "two.zip", export_of("bob", "instagram-bob/"))
    for name, content in export_of("carla").items():
        put(folder / "unpacked" / name, content)
    assert {name: len(captions) for name, captions in found(folder).items()} == {"anna": 3, "bob": 3, "carla": 3}


def test_the_username_of_an_export_may_come_from_its_name_or_the_person(tmp_path: Path) -> None:
    files = {name: content for name, content in export_of("x").items() if "personal" not in name}
    assert list(found(zipped(tmp_path / "instagram-anna.k_1-2026-10-01-x7Yz.zip", files))) == ["anna.k_1"]
    path = zipped(tmp_path / "donation.zip", files)
    assert list(found(path, "P-017")) == ["P-017"]
    with pytest.raises(InputError, match="give the username"):
        found(path)


def test_posts_of_an_export_alone_are_recognised(tmp_path: Path) -> None:
    posts = export_of("anna")["your_instagram_activity/content/posts_1.json"]
    assert found(put(tmp_path / "any.json", posts), "anna") == {"anna": ["café 🇧🇪", "three days", None]}


@given(st.text())
def test_repairing_mojibake_gives_the_text_back(text: str) -> None:
    assert repaired(mojibake(text)) == repaired(text) or repaired(mojibake(text)) == text


@pytest.mark.parametrize("text", ["café", "naïve 100 €", "🌊", "plain"])
def test_text_that_is_sound_stays(text: str) -> None:
    assert repaired(text) == text
    assert repaired(mojibake(text)) == text


# --- tables


@pytest.mark.parametrize(
    "text",
    [
        "username,caption,taken_at\nanna,hello,2026-10-01T12:00:00Z\n",
        "\ufeffUser.Name;Text;Created At\n@Anna;hello;2026-10-01T12:00:00+00:00\n",
        "id\tscreen_name\ttweet\ttimestamp\n17\tanna\thello\t1790856000\n",
        "caption|handle|date\nhello|https://www.instagram.com/anna/|2026-10-01 12:00:00\n",
        '"ownerUsername","caption","timestamp","shortCode"\n"anna","hello","2026-10-01T12:00:00.000Z","Cx1"\n',
        "user,text,created_at\nanna,hello,Thu Oct 01 12:00:00 +0000 2026\n",
    ],
)
def test_a_table_is_read_by_its_columns_usual_names(tmp_path: Path, text: str) -> None:
    [account] = read(put(tmp_path / "any.dat", text))
    [post] = account.posts
    assert (account.username, account.source, post.caption, post.taken_at) == ("anna", "import:csv", "hello", NOON)


def test_other_encodings_and_gz_are_read(tmp_path: Path) -> None:
    text = "username,caption\nanna,déjà vu\n"
    for content in (
        text.encode("utf-16"),
        text.encode("cp1252"),
        text.encode("utf-8-sig"),
        gzip.compress(text.encode()),
    ):
        assert found(put(tmp_path / "table", content)) == {"anna": ["déjà vu"]}


def test_quoted_line_breaks_and_delimiters_belong_to_the_text(tmp_path: Path) -> None:
    text = 'username,caption\nanna,"one\ntwo, ""three"""\nbob,=1+1\n'
    assert found(put(tmp_path / "table.csv", text)) == {"anna": ['one\ntwo, "three"'], "bob": ["=1+1"]}


def test_rows_of_an_account_need_not_stand_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(by_account, "_IN_HAND", 1_000)
    rows = "".join(f"user_{number % 50},text {number}\n" for number in range(2_500))
    accounts = list(read(put(tmp_path / "table.csv", "username,caption\n" + rows)))
    assert len(accounts) == 50
    assert {len(account.posts) for account in accounts} == {50}
    assert accounts[0].posts[1].caption == "text 50"


def test_a_caption_said_twice_is_two_posts_and_reading_again_finds_the_same(tmp_path: Path) -> None:
    table = put(tmp_path / "table.csv", "username,caption,date\n" + "anna,#tbt,2026-10-01\n" * 2)
    first = do_import(table, tmp_path / "out")
    second = do_import(table, tmp_path / "out")
    assert (first.posts, first.known) == (2, 0)
    assert (second.posts, second.known) == (0, 2)


def test_an_id_that_is_no_posts_id_loses_nothing(tmp_path: Path) -> None:
    assert found(put(tmp_path / "t.csv", "id,user,text\n5,anna,one\n5,anna,two\n")) == {"anna": ["one", "two"]}


def test_parquet_is_read(tmp_path: Path) -> None:
    table = pa.table({"user": [5, 5], "text": ["one", None], "date": pa.array([NOON, NOON], pa.timestamp("ms", "UTC"))})
    pyarrow.parquet.write_table(table, tmp_path / "x.bin")
    [account] = read(tmp_path / "x.bin")
    assert (account.username, [post.caption for post in account.posts]) == ("5", ["one", None])
    assert account.posts[0].taken_at == NOON


def test_json_lines_are_read(tmp_path: Path) -> None:
    anna, bob = '{"author": {"username": "anna"}, "text": "one"}', '{"author": {"username": "bob"}, "text": "two"}'
    lines = f"{anna}\n\n{bob}\n"
    assert found(put(tmp_path / "lines", lines)) == {"anna": ["one"], "bob": ["two"]}


def test_account_files_as_json_lines_are_read(tmp_path: Path) -> None:
    lines = b"\n".join(
        orjson.dumps(Account(username=name, posts=[Post(id="1", caption=name * 40_000)]).model_dump(mode="json"))
        for name in ("anna", "bob")
    )
    assert list(found(put(tmp_path / "lines", lines))) == ["anna", "bob"]


def test_the_older_training_layout_becomes_accounts_and_labels(tmp_path: Path) -> None:
    source = tmp_path / "training"
    put(source / "age_and_gender_labels.csv", "user.name,labeled age,gender\n@Anna,17,f\nbob_b,30,m\neve,x,f\n")
    put(source / "tweets_per_user" / "@Anna.csv", "id,text\n1,hello\n2,world\n")
    put(source / "tweets_per_user" / "@bob_b.csv", "id,text\n1,good day\n")
    summary = do_import(source, tmp_path / "data" / "accounts")
    assert summary.accounts == 2
    assert read_account(tmp_path / "data" / "accounts" / "anna.json").captions == ["hello", "world"]
    assert read_account(tmp_path / "data" / "accounts" / "anna.json").source == "import:older-training"
    [path] = summary.labels
    assert path.parent == tmp_path / "data" / "labels"
    labels = read_labels(path)
    assert labels.ages == {"anna": 17, "bob_b": 30}
    assert labels.extra["anna"] == {"gender": "f"}
    assert [item.reason for item in summary.not_understood] == ["the age is not a number"]


def test_ages_beside_the_posts_become_labels(tmp_path: Path) -> None:
    table = "username,age,text\nanna,17,one\nanna,17,two\nbob,20,x\nbob,21,y\n"
    summary = do_import(put(tmp_path / "t.csv", table), tmp_path / "data" / "accounts")
    assert read_labels(summary.labels[0]).ages == {"anna": 17}
    assert "different ages" in summary.not_understood[0].reason


# --- what is not understood

BAD: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "empty"),
    "blank": (" \n\n", "empty"),
    "cut JSON": ('{"username": "anna", "posts": [', "not valid JSON"),
    "other JSON": ('{"hello": "world"}', "looked for"),
    "a number": ("[1, 2]", "looked for"),
    "no text column": ("username,age_group\nanna,1\n", "no column with the text"),
    "no user column": ("caption,likes\nhello,1\n", "whose posts"),
    "a web page": ("<html><body>Log in</body></html>", "web page without posts"),
    "a cut gz": (gzip.compress(b"username,caption\nanna,hello\n" * 1000)[:40], "cannot be read or unpacked"),
    "a cut zip": (b"PK\x03\x04" + b"\x00" * 40, "zip"),
    "cut parquet": (b"PAR1\x00\x00PAR1", "Parquet"),
    "broken lines": ('{"user": "anna", "text": "one"}\n{"user": \n', "line 2"),
    "a damaged account": ('{"username": "anna", "outcome": "?", "posts": []}', "damaged account file"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_not_understood_is_named_with_what_was_looked_for(tmp_path: Path, name: str) -> None:
    content, reason = BAD[name]
    source = tmp_path / "source"
    bad = put(source / "bad.dat", content)
    put(source / "good.csv", "username,caption\nanna,hello\n")
    summary = do_import(source, tmp_path / "out")
    assert summary.posts >= 1
    [said] = summary.not_understood or summary.left_out
    assert not (summary.not_understood and summary.left_out)
    assert said.name == "source/bad.dat"
    assert reason in str(said)
    assert "source/bad.dat" in str(summary)
    if name != "broken lines":  # those before the break are used
        with pytest.raises(InputError, match=r"bad\.dat"):
            do_import(bad, tmp_path / "other")
        assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("content", [b"\xff\xd8\xff\xe0\x00\x10JFIF", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"])
def test_pictures_are_left_alone(tmp_path: Path, content: bytes) -> None:
    put(tmp_path / "in" / "a.jpg", content)
    put(tmp_path / "in" / "t.csv", "username,caption\nanna,hello\n")
    summary = do_import(tmp_path / "in", tmp_path / "out")
    assert (summary.accounts, summary.ignored, summary.not_understood) == (1, 1, [])


def test_a_missing_source_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not there"):
        do_import(tmp_path / "nowhere", tmp_path / "out")


def test_a_username_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be used"):
        do_import(put(tmp_path / "t.csv", "caption\nhello\n"), tmp_path / "out", "x" * 65)


def test_names_that_cannot_be_usernames_are_kept_and_counted(tmp_path: Path) -> None:
    table = put(tmp_path / "t.csv", "username,caption\nanna,hello\nP-017,hi\nP-017,again\n<b>x</b>,hey\n")
    summary = do_import(table, tmp_path / "out")
    assert (summary.accounts, summary.other_names) == (3, 2)
    assert "2 accounts with a name that cannot be an Instagram username" in str(summary)


def test_rows_without_a_usable_name_are_counted(tmp_path: Path) -> None:
    table = "username,caption,date\nanna,hello,2026-10-01\n,lost,\n" + "x" * 70 + ",lost,\nbob,hi,yesterday\n"
    summary = do_import(put(tmp_path / "t.csv", table), tmp_path / "out")
    assert summary.accounts == 2
    assert [(left.number, left.lines[0].place) for left in summary.left_out] == [(1, "line 3"), (1, "line 4")]
    assert "'yesterday'" in summary.not_understood[0].reason


def test_names_of_archive_members_lead_nowhere(tmp_path: Path) -> None:
    path = tmp_path / "in" / "evil.zip"
    path.parent.mkdir()
    media = {"edge_owner_to_timeline_media": {"edges": [{"node": NODE}]}}
    own = {"username": "../../outside", "outcome": "collected", "posts": [{"id": "1", "caption": "x"}]}
    zipped(path, {"../../../evil.json": media, "/etc/evil2.json": own})
    do_import(path, tmp_path / "data" / "out")
    files = sorted(str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file())
    assert files == ["data/out/..%2F..%2Foutside.json", "data/out/evil.json", "in/evil.zip"]


@pytest.mark.parametrize("pack", ["gz", "zip", "xz"])
def test_a_bomb_is_not_let_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: str) -> None:
    monkeypatch.setattr(archives, "_FREE", 100_000)
    monkeypatch.setattr(archives, "MAX_RATIO", 50)
    content = b"username,caption\nanna," + b"0" * 5_000_000
    if pack == "zip":
        path = zipped(tmp_path / "bomb", {"t.csv": content})
    else:
        path = put(tmp_path / "bomb", gzip.compress(content) if pack == "gz" else lzma.compress(content))
    with pytest.raises(InputError, match="far more comes out"):
        do_import(path, tmp_path / "out")


def test_an_archive_with_a_password_is_said(tmp_path: Path) -> None:
    buffer = bytearray(zipped(tmp_path / "a.zip", {"t.csv": b"username,caption\nanna,hello\n"}).read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        buffer[buffer.index(signature) + offset] |= 1  # the flag that says "encrypted"
    with pytest.raises(InputError, match="locked with a password"):
        do_import(put(tmp_path / "a.zip", bytes(buffer)), tmp_path / "out")


def test_another_office_document_is_told_from_an_archive(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="save the table as CSV"):
        do_import(zipped(tmp_path / "a.docx", {"[Content_Types].xml": b"<x/>"}), tmp_path / "out")


KEYS = [
    *("username", "posts", "outcome", "node", "instaloader", "node_type", "GraphImages", "ownerUsername", "data"),
    *("media", "uri", "id", "code", "caption", "user", "text", "items", "owner", "edges", "business_discovery"),
    *("edge_owner_to_timeline_media", "title", "edge_media_to_caption", "ig_reels_media", "permalink", "taken_at"),
    "latestPosts",
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode) | VALUES.map(orjson.dumps))
def test_no_content_whatever_ends_in_anything_but_a_sentence(tmp_path: Path, content: bytes) -> None:
    path = put(tmp_path / "x", content)
    try:
        list(read(path, "anna"))
    except InputError as error:
        assert str(error)


JUNK = [None, True, -1, 2**63, 1e300, "x", "\x00", [], [1], {}, {"a": 1}]


def spoiled(document: Any) -> Iterator[Any]:
    """A document with one value after the other replaced by something that does not belong there."""
    yield from JUNK
    inner = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in inner:
        for other in spoiled(value):
            copy = dict(document) if isinstance(document, dict) else list(document)
            copy[key] = other
            yield copy


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name != "records"])
def test_a_spoiled_document_ends_in_a_sentence_or_in_what_can_be_saved(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x"
    for document in spoiled(DOCUMENTS[name][0]):
        path.write_bytes(orjson.dumps(document))
        try:
            accounts = list(read(path, "anna"))
        except InputError as error:
            assert str(error)
        else:
            assert all(account.username for account in accounts)


# --- merging


def test_an_import_adds_to_what_is_there_and_keeps_the_collection_going(tmp_path: Path) -> None:
    ours = Account(
        username="anna",
        user_id="5",
        outcome="partial",
        complete=False,
        cursor={"after": "x"},
        posts=[Post(id="17", shortcode="Cx1", caption=None), Post(id="16", caption="old", taken_at=NOON)],
    )
    write_account(tmp_path / "out", ours)
    put(
        tmp_path / "x.json",
        {
            "GraphImages": [{**NODE, "username": "anna"}, {**NODE, "id": "18", "shortcode": "Cx3"}],
            "GraphProfileInfo": {"username": "anna"},
        },
    )
    summary = do_import(tmp_path / "x.json", tmp_path / "out")
    account = read_account(tmp_path / "out" / "anna.json")
    assert (summary.accounts, summary.posts, summary.known) == (1, 1, 1)
    assert (account.outcome, account.complete, account.cursor, account.user_id, account.source) == (
        "partial", False, {"after": "x"}, "5", "web",
    )  # fmt: skip
    assert {post.id: post.caption for post in account.posts} == {"16": "old", "17": "hello", "18": "hello"}


def test_the_same_post_from_two_sources_is_one(tmp_path: Path) -> None:
    collected = Account(username="anna", posts=[Post(id="17", shortcode="Cx1", caption="hello", taken_at=NOON)])
    by_code = Account(username="anna", posts=[Post(id="999", shortcode="Cx1", caption="hello", likes=3)])
    without_id = Account(username="anna", posts=[Post(id="~made-up", caption="hello", taken_at=NOON)])
    both = merged(collected, by_code, without_id)
    assert [(post.id, post.likes) for post in both.posts] == [("17", 3)]


def test_an_account_that_could_not_be_had_becomes_collected(tmp_path: Path) -> None:
    private = Account(username="anna", outcome="private")
    donated = Account(username="anna", source="import:export", posts=[Post(id="1", caption="x")])
    assert (merged(private, donated).outcome, merged(private, donated).source) == ("collected", "import:export")
    assert merged(private, Account(username="anna", outcome="empty")).outcome == "private"


def test_a_damaged_file_in_the_way_is_kept_and_named(tmp_path: Path) -> None:
    damaged = put(tmp_path / "out" / "anna.json", "{damaged")
    table = put(tmp_path / "t.csv", "username,caption\nanna,hello\nbob,hi\n")
    summary = do_import(table, tmp_path / "out")
    assert damaged.read_text() == "{damaged"
    assert summary.accounts == 1
    assert summary.not_understood[0].name == "anna.json"


def test_an_import_can_be_stopped_and_done_again(tmp_path: Path) -> None:
    table = put(tmp_path / "t.csv", "username,caption\nanna,hello\n")
    with no_progress() as progress:
        progress.request_stop()
        with pytest.raises(Stopped):
            import_files(table, tmp_path / "out", None, progress)
    assert do_import(table, tmp_path / "out").posts == 1


REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "blogs" / "posts.csv.gz"


@pytest.mark.slow
@pytest.mark.skipif(not REAL.exists(), reason="the development data is not here")
def test_real_blogs_are_read_whole(tmp_path: Path) -> None:
    with gzip.open(REAL, "rt", encoding="utf-8", newline="") as file:
        rows = list(itertools.islice(csv.DictReader(file), 5_000))
    with gzip.open(tmp_path / "posts.csv.gz", "wt", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    read_back = sorted(caption for account in read(tmp_path / "posts.csv.gz") for caption in account.captions)
    assert read_back == sorted(row["caption"] for row in rows)


def test_a_zip_that_comes_as_bytes_over_the_network_is_the_same(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("posts.csv", "username,caption\nanna,hello\n")
    assert found(put(tmp_path / "upload", buffer.getvalue())) == {"anna": ["hello"]}


def test_a_job_tells_which_columns_were_taken_for_what(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = put(tmp_path / "posts.csv", "user,remark,text\nanna,x,hello\n")
    events: list[Event] = []
    with no_progress() as progress:
        monkeypatch.setattr(progress, "event", events.append)
        summary = import_files(table, tmp_path / "out", None, progress)
    taken = "took username from 'user', caption from 'text', no time of posting"
    recognised = events[0]
    assert isinstance(recognised, RecognisedEvent)
    assert (recognised.name, recognised.format, recognised.fields) == ("posts.csv", "csv", taken)
    assert f"posts.csv: {taken}." in str(summary)


def test_a_file_of_an_export_that_cannot_be_read_is_named_without_its_path(tmp_path: Path) -> None:
    inside = "your_instagram_activity/media"
    put(tmp_path / "instagram-lena-2026-01-01" / inside / "posts_1.json", b"[{broken")
    reasons = [one for one in find(tmp_path / "instagram-lena-2026-01-01") if isinstance(one, NotUnderstood)]
    assert reasons[0].name == "instagram-lena-2026-01-01/posts_1.json"
    assert not any(inside in f"{one.name} {one.reason}" for one in reasons)
