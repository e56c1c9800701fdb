"""Tables of posts as other tools and people write them: each kind of trouble that has been met."""

import gzip
import io
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import cli
from core.errors import InputError
from core.importers.arguments import ImportArguments
from core.importers.detect import find, read
from core.importers.importer import ImportSummary, import_files
from core.importers.results import LeftOut, NotUnderstood, ReadingChoices, Recognised
from core.jobs.progress import no_progress
from core.storage.account_files import read_account
from core.storage.models import Account
from core.storage.user_lists import read_labels


def put(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def captions(path: Path, **how: Any) -> dict[str, list[str | None]]:
    found: dict[str, list[str | None]] = {}
    for account in read(path, **how):
        found.setdefault(account.username, []).extend(post.caption for post in account.posts)
    return found


def days(path: Path) -> list[str]:
    return [str(post.taken_at)[:10] for account in read(path) for post in account.posts]


def do_import(source: Path, output: Path, **how: Any) -> ImportSummary:
    with no_progress() as progress:
        return import_files(source, output, None, progress, **how)


# --- the form


@pytest.mark.parametrize(
    "text",
    [
        'sep=;\nusername;caption\nanna;"hi; you"\n',
        'Posts of May\n(exported by hand)\n\nusername,caption\nanna,"hi; you"\n',
        "username;caption, as written;caption\nanna;x;hi; you\n".replace("hi; you", '"hi; you"'),
        '"","username","caption"\n"1","anna","hi; you"\n',
        '"username","caption"\n"1","anna","hi; you"\n"2","anna",NA\n',
        '"username" "caption"\n"1" "anna" "hi; you"\n',
        'username,caption\nanna, "hi; you"\n',
        "username,caption\r\nanna,hi; you\r\n",
    ],
)
def test_a_table_is_read_in_the_form_that_people_have(tmp_path: Path, text: str) -> None:
    assert [caption for caption in captions(put(tmp_path / "t.csv", text))["anna"] if caption] == ["hi; you"]


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "mac_roman"])
def test_a_table_is_read_in_the_encoding_that_people_have(tmp_path: Path, codec: str) -> None:
    text = "username\tcaption\nanna\tSchöne Grüße\n"
    assert captions(put(tmp_path / "t.csv", text.encode(codec))) == {"anna": ["Schöne Grüße"]}
    assert captions(put(tmp_path / "t.csv.gz", gzip.compress(text.encode(codec)))) == {"anna": ["Schöne Grüße"]}


def test_a_table_in_a_weak_encoding_is_refused_with_advice(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Save it as UTF-8"):
        captions(put(tmp_path / "t.csv", "username,caption\nanna,dzień\n".encode("cp1250")))


def test_a_nul_costs_itself_and_is_said(tmp_path: Path) -> None:
    summary = do_import(put(tmp_path / "t.csv", b"username,caption\nanna,so\x00 tired\nbob,hi\n"), tmp_path / "out")
    assert read_account(tmp_path / "out" / "anna.json").captions == ["so tired"]
    assert "NUL" in str(summary)


@pytest.mark.parametrize("name", ["a.csv", "a.txt", "a.json", "a.tsv"])
def test_nothing_named_as_text_is_passed_over_as_a_picture(tmp_path: Path, name: str) -> None:
    put(tmp_path / "in" / name, b"\x00\x01\x02\xff\xfe" * 10)
    put(tmp_path / "in" / "good.csv", "username,caption\nanna,hi\n")
    summary = do_import(tmp_path / "in", tmp_path / "out")
    assert (summary.ignored, [item.name for item in summary.not_understood]) == (0, [f"in/{name}"])


def test_a_sheet_of_excel_is_a_table_of_posts(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(("Notes of the study",))
    sheet = book.create_sheet("posts")
    sheet.append(("username", "caption", "date", "likes"))
    sheet.append(("anna", "hi", datetime(2024, 5, 1, 10), 12))
    sheet.append(("anna", "=1+1 is text", "2024-05-02", None))
    book.save(tmp_path / "t.xlsx")
    [account] = read(tmp_path / "t.xlsx")
    assert next((post.caption, str(post.taken_at)[:10], post.likes) for post in account.posts) == (
        "hi",
        "2024-05-01",
        12,
    )
    assert account.source == "import:xlsx"


# --- quotation marks, cells


def test_an_open_quotation_mark_swallows_no_rows_of_others(tmp_path: Path) -> None:
    text = 'username,caption\nanna,"so tired\nbob,fine\ncarl,"he said ""hi"""\neve,also fine\n'
    summary = do_import(put(tmp_path / "t.csv", text), tmp_path / "out")
    assert {path.stem for path in (tmp_path / "out").glob("*.json")} == {"bob", "carl", "eve"}
    assert read_account(tmp_path / "out" / "carl.json").captions == ['he said "hi"']
    [left_out] = summary.left_out
    assert (left_out.lines[0].place, left_out.lines[0].text) == ("line 2", 'anna,"so tired')
    assert "quotation mark" in left_out.reason


def test_a_quotation_mark_that_a_row_of_another_closes_swallows_none_between(tmp_path: Path) -> None:
    text = 'id,username,caption,date\n1,anna,"so tired,2024-05-01\n2,bob,fine,2024-05-02\n3,carl,"ok",2024-05-03\n'
    text += '4,dan,"open,2024-05-04\n5,eve,fine,2024-05-05\n6,fay,closed",2024-05-06\n'
    found = captions(put(tmp_path / "t.csv", text))
    assert {"bob", "carl", "eve"} <= found.keys()
    assert not [text for texts in found.values() for text in texts if text and "\n" in text]


def test_captions_of_several_lines_are_whole_when_their_quotation_marks_are(tmp_path: Path) -> None:
    caption = 'first, with a comma\n\n#a,#b\nyes, no\n"last"'
    text = 'username,caption,date\nanna,"{}",2024-05-01\nbob,hi,2024-05-02\n'.format(caption.replace('"', '""'))
    assert captions(put(tmp_path / "t.csv", text)) == {"anna": [caption], "bob": ["hi"]}


def test_a_line_of_a_caption_that_only_has_as_many_commas_is_no_row(tmp_path: Path) -> None:
    caption = "shopping\nrice,beans,corn,salt\nlikes,these"
    text = f'username,caption,likes,date\nanna,"{caption}",3,2024-05-01\nbob,hi,4,2024-05-02\n'
    assert captions(put(tmp_path / "t.csv", text)) == {"anna": [caption], "bob": ["hi"]}
    text = f'username,place,mood,caption\nanna,x,y,"{caption}"\nbob,x,y,hi\n'
    assert captions(put(tmp_path / "t.csv", text)) == {"anna": [caption], "bob": ["hi"]}


def test_a_row_with_too_many_cells_is_left_out_with_its_line_and_never_cut(tmp_path: Path) -> None:
    text = "username,caption,date\nanna,hello, world,2024-05-01\nbob,fine\ncarl,ok,2024-05-01,,\n"
    found = list(find(put(tmp_path / "t.csv", text)))
    accounts = {one.username: one for one in found if isinstance(one, Account)}
    assert accounts.keys() == {"bob", "carl"}
    [left_out] = [one for one in found if isinstance(one, LeftOut)]
    assert (left_out.lines[0].place, "4 cells" in left_out.reason) == ("line 2", True)
    assert any("1 row with fewer cells" in one.reason for one in found if isinstance(one, NotUnderstood))


def test_an_account_of_a_table_with_unreadable_rows_is_still_asked_for(tmp_path: Path) -> None:
    [account] = read(put(tmp_path / "t.csv", "username,caption\nanna,hi, you\nanna,fine\n"))
    assert (account.outcome, account.complete) == ("partial", False)
    [account] = read(put(tmp_path / "t.csv", "username,caption\nanna,fine\n"))
    assert account.outcome == "collected"


def test_a_line_break_without_quotation_marks_makes_no_account_of_a_word(tmp_path: Path) -> None:
    text = "username,caption,date\nanna,hello\nworld,2024-05-01\nbob,hi,2024-05-02\n"
    assert captions(put(tmp_path / "t.csv", text)).keys() == {"anna", "bob"}


def test_missing_values_of_r_and_pandas_are_none(tmp_path: Path) -> None:
    text = (
        '"","username","caption","likes"\n"1","anna",NA,3\n"2","anna","NA",NaN\n"3",NA,"lost",1\n"4","null",nan,nan\n'
    )
    assert captions(put(tmp_path / "t.csv", text)) == {"anna": [None, "NA"], "null": [None]}


# --- columns


def test_a_text_for_the_blind_is_no_caption_and_the_choice_is_said(tmp_path: Path) -> None:
    text = (
        "username,caption,description,scraped_at,date\n"
        "anna,Photo by Anna on May 01 2024. May be an image of 1 person.,so tired,2024-06-01,2024-05-01\n"
        "anna,,fine,2024-06-01,2024-05-02\n"
    )
    path = put(tmp_path / "t.csv", text)
    assert captions(path) == {"anna": ["so tired", "fine"]}
    [recognised] = [one for one in find(path) if isinstance(one, Recognised)]
    assert "caption from 'description'" in recognised.fields
    assert "'caption' is an accessibility text" in recognised.fields


def test_of_two_times_the_earlier_one_is_that_of_posting(tmp_path: Path) -> None:
    text = "username,caption,created_at,date\nanna,a,2024-06-01,2024-03-01\nanna,b,2024-06-01,2024-04-01\n"
    assert days(put(tmp_path / "t.csv", text)) == ["2024-03-01", "2024-04-01"]


def test_a_person_may_say_which_column_is_what(tmp_path: Path) -> None:
    path = put(tmp_path / "t.csv", "who,caption,remark\nanna,x,so tired\n")
    assert captions(path, choices=ReadingChoices({"username": "who", "caption": "remark"})) == {"anna": ["so tired"]}
    with pytest.raises(InputError, match="no column 'nothing'"):
        captions(path, choices=ReadingChoices({"caption": "nothing"}))


def test_the_command_line_takes_columns_and_gives_them_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = put(tmp_path / "t.csv", "who,caption,remark\nanna,x,so tired\n")
    words = ["import", str(path), "--output-dir", str(tmp_path / "out"), "--column", "user=who", "--column"]
    monkeypatch.setattr("sys.argv", ["core", *words, "caption=remark"])
    with suppress(SystemExit):
        cli.main()
    assert read_account(tmp_path / "out" / "anna.json").captions == ["so tired"]
    assert "caption from 'remark'" in capsys.readouterr().err
    asked = ImportArguments.from_argv([*words, "caption=remark"])
    assert asked.column == (("username", "who"), ("caption", "remark"))
    assert ImportArguments.from_argv(asked.to_argv()) == asked
    with pytest.raises(InputError, match="which column is what"):
        ImportArguments.from_argv([*words, "nonsense"])


def test_captions_under_a_name_that_nobody_knows_are_noticed(tmp_path: Path) -> None:
    rows = "".join(f"anna,,a whole sentence of number {number} stands here\n" for number in range(30))
    found = list(find(put(tmp_path / "t.csv", "username,caption,inhalt\n" + rows)))
    assert any("'inhalt'" in one.reason for one in found if isinstance(one, NotUnderstood))


def test_owners_come_from_addresses_and_addresses_alone_are_nobody(tmp_path: Path) -> None:
    text = (
        "username,caption\nhttps://www.instagram.com/anna/p/Cx1/,a\nhttps://www.instagram.com/p/Cx2/,b\n"
        "https://de.instagram.com/bob/,c\n"
    )
    found = list(find(put(tmp_path / "t.csv", text)))
    assert {one.username for one in found if isinstance(one, Account)} == {"anna", "bob"}
    [left_out] = [one for one in found if isinstance(one, LeftOut)]
    assert left_out.lines[0].place == "line 3"


def test_ids_that_a_spreadsheet_has_rounded_stand_for_nothing(tmp_path: Path) -> None:
    text = "username,caption,id\nanna,one,3.39E+18\nanna,one,3.39E+18\nanna,two,3390000000000000000\n"
    summary = do_import(put(tmp_path / "t.csv", text), tmp_path / "out")
    assert sorted(read_account(tmp_path / "out" / "anna.json").captions) == ["one", "one", "two"]
    assert "3 ids not used" in str(summary)


def test_times_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    text = "username,caption,date\nanna,a,01/05/2024\nanna,b,2024/05/02 10:00\nanna,c,May 3 2024 5:31 pm\n"
    found = list(find(put(tmp_path / "t.csv", text)))
    [account] = [one for one in found if isinstance(one, Account)]
    assert [str(post.taken_at)[:10] for post in account.posts] == ["None", "2024-05-02", "2024-05-03"]
    assert any(
        "1 time left empty: dates such as '01/05/2024'" in one.reason for one in found if isinstance(one, NotUnderstood)
    )


# --- labels


def test_labels_of_an_import_replace_none_of_the_same_file_name(tmp_path: Path) -> None:
    first = put(tmp_path / "w1" / "posts.csv", "username,age,caption\nanna,19,hi\n")
    second = put(tmp_path / "w2" / "posts.csv", "username,age,caption\nbob,44,ho\n")
    paths = [do_import(path, tmp_path / "data" / "accounts").labels[0] for path in (first, second, first)]
    assert paths[0] == paths[2] != paths[1]
    assert [read_labels(path).ages for path in paths[:2]] == [{"anna": 19}, {"bob": 44}]


# --- bounds


def test_a_single_endless_line_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path / "t.csv", b"username,caption\nanna,hi\nbob," + b"x" * 17_000_000)
    found = list(find(path))
    assert [one.username for one in found if isinstance(one, Account)] == ["anna"]
    assert any("longer than" in one.reason for one in found if isinstance(one, NotUnderstood))


def test_a_header_longer_than_any_table_has_is_refused(tmp_path: Path) -> None:
    for header in ("username," + "x" * 2_000_000, "username" + "," * 20_000 + "caption"):
        with pytest.raises(InputError, match="which no"):
            captions(put(tmp_path / "t.csv", header + "\nanna,hi\n"))


def test_a_parquet_file_of_one_huge_row_is_refused(tmp_path: Path) -> None:
    table = pa.table({"username": ["anna"], "caption": ["x" * 20_000_000]})
    pyarrow.parquet.write_table(table, tmp_path / "t.parquet", compression="zstd")
    with pytest.raises(InputError, match="which no post is"):
        captions(tmp_path / "t.parquet")


CELLS = st.sampled_from(
    [
        "username",
        "caption",
        "date",
        "anna",
        "bob",
        "hi, you",
        "2024-05-01",
        "NA",
        '"',
        '""',
        ",",
        ";",
        "\t",
        "\n",
        " ",
        "é",
    ]
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=300)
    | st.builds(
        lambda head, cells, codec: (head + "".join(cells)).encode(codec, "replace"),
        st.sampled_from(["", "username,caption,date\n", "sep=;\nusername;caption\n", '"username","caption"\n']),
        st.lists(CELLS | st.text(max_size=2), max_size=30),
        st.sampled_from(["utf-8", "utf-16", "utf-16-le", "cp1252", "cp1251"]),
    )
)
def test_any_bytes_are_posts_or_a_named_reason(tmp_path: Path, content: bytes) -> None:
    path = put(tmp_path / "t.csv", content)
    try:
        accounts = list(read(path))
    except InputError as error:
        assert "t.csv" in str(error)
    else:
        assert all(account.username and account.posts for account in accounts)


def small_workbook() -> bytes:
    book = openpyxl.Workbook()
    book.active.append(("username", "caption"))
    book.active.append(("anna", "hi"))
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


WORKBOOK = small_workbook()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_workbook_with_spoilt_bytes_is_posts_or_a_named_reason(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(WORKBOOK)
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, 4_000))] = data.draw(st.integers(0, 255))
    try:
        list(read(put(tmp_path / "t.xlsx", bytes(content))))
    except InputError as error:
        assert "t.xlsx" in str(error)


def test_of_two_columns_of_one_name_the_filled_one_counts(tmp_path: Path) -> None:
    assert captions(put(tmp_path / "t.csv", "username,caption,caption\nanna,,hi\nbob,,ho\n")) == {
        "anna": ["hi"],
        "bob": ["ho"],
    }
