"""User lists and labels as Excel, R and people write them: nothing lost, nothing misread."""

import io
import zipfile
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError
from core.storage import text_tables
from core.storage.user_lists import (
    Rejected,
    labels_in_list,
    left_out_file,
    read_labels,
    read_left_out,
    read_user_list,
    remove_user_list,
    write_user_list,
)


def workbook(*rows: tuple[object, ...], title: str | None = None) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    if title:
        sheet.append((title,))
    for row in rows:
        sheet.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        "sep=;\nusername;age\nanna;20\nbob;30\n",
        '"sep=,"\nusername,age\nanna,20\nbob,30\n',
        "Participants, wave 2 (exported 1 May)\n\nusername,age\nanna,20\nbob,30\n",
        "username;age, in years, as told;age\nanna;x;20\nbob;y, z;30\n",
        'username,note,age\nanna,"a, b",20\nbob, "c, d",30\n',
        '"","username","age"\n"1","anna",20\n"2","bob",30\n',
        '"username","age"\n"1","anna",20\n"2","bob",30\n',
        '"username" "age"\n"1" "anna" 20\n"2" "bob" 30\n',
        "username\tage\r\nanna\t20\r\nbob\t30\r\n",
        "username,age\ranna,20\rbob,30\r",
        "username|age\nanna|20\nbob|30\n",
        "Username,Age,,\nanna,20,,\nbob,30,,\n",
        "user,Instagram handle,age\nAnna B.,anna,20\nBob (no posts),bob,30\n",
        "profile_url,age\nhttps://www.instagram.com/anna/,20\nhttps://www.instagram.com/bob/p/Cx1/,30\n",
    ],
)
def test_a_list_is_read_in_the_form_that_people_have(text: str) -> None:
    assert read_user_list(text.encode()).usernames == ["anna", "bob"]
    assert read_labels(text.encode()).ages == {"anna": 20, "bob": 30}


def test_what_was_decided_about_a_list_is_said() -> None:
    users = read_user_list("My list\nsep_is;none\nuser;Instagram handle\nAnna B.;anna\n".encode("utf-16-le"))
    assert users.usernames == ["anna"]
    assert users.remarks == [
        "It is in UTF-16 without a mark.",
        "The 2 lines above the header, which is line 3, were left out.",
        "Usernames are taken from the column 'Instagram handle'.",
    ]


def test_line_numbers_are_those_of_an_editor_whatever_stands_above() -> None:
    users = read_user_list(b'Title\n\nusername,note\nanna,"two\nlines"\nno name!,x\n')
    assert users.rejected[0].line == 6


def test_a_sheet_of_excel_is_a_list_and_labels() -> None:
    content = workbook(("username", "age", "joined"), ("@Anna", 20, "x"), ("bob", 30.5, None), (None, None, None))
    assert read_user_list(content).usernames == ["anna", "bob"]
    assert read_labels(content).ages == {"anna": 20, "bob": 30.5}
    titled = workbook(("username", "age"), ("anna", 20), ("no name!", 3), title="Participants of wave 2")
    assert read_user_list(titled).rejected[0].line == 4


def test_a_damaged_workbook_is_refused_in_a_sentence() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook")
    with pytest.raises(InputError, match="damaged Excel file"):
        read_user_list(buffer.getvalue())


def test_rows_with_more_cells_than_the_header_are_rejected_and_take_none_with_them() -> None:
    users = read_user_list(b"username,city\nanna,Bern\nbob,Bern, Ostermundigen\ncarl,Basel\n")
    assert users.usernames == ["anna", "carl"]
    assert users.rejected[0].line == 3
    assert "3 cells where the header has 2" in users.rejected[0].reason


def test_rows_with_fewer_cells_are_used_and_said() -> None:
    users = read_user_list(b"username,city\nanna\nbob,Bern\n")
    assert users.usernames == ["anna", "bob"]
    assert users.remarks[-1] == "1 row has fewer cells than the header; the first is on line 2."


def test_missing_values_of_r_are_no_accounts() -> None:
    users = read_user_list(b'"","username"\n"1","anna"\n"2",NA\n"3","NA"\n')
    assert users.usernames == ["anna", "na"]  # in quotation marks it is a name
    assert users.rejected == [Rejected(3, "", "no username on this line")]
    assert read_user_list(b"anna\nNA\nna\n").usernames == ["anna", "na"]


def test_names_that_stand_for_nothing_elsewhere_are_accounts() -> None:
    assert read_user_list(b"username\nnull\n00123\nnone\n").usernames == ["null", "00123", "none"]


def test_a_list_of_names_that_holds_the_name_user_has_no_header_there() -> None:
    assert read_user_list(b"anna\nuser\nbob\n").usernames == ["anna", "user", "bob"]


def test_addresses_of_posts_are_rejected_with_their_reason() -> None:
    users = read_user_list(b"https://www.instagram.com/p/Cx1/\nhttps://www.instagram.com/anna/p/Cx1/\nexplore\n")
    assert users.usernames == ["anna"]
    assert [rejected.line for rejected in users.rejected] == [1, 3]
    assert "of a post" in users.rejected[0].reason


@pytest.mark.parametrize(("text", "age"), [("24,5", 24.5), ("24.5", 24.5), (" 16 ", 16)])
def test_an_age_may_have_a_comma(text: str, age: float) -> None:
    assert read_labels(f'username;age\nanna;"{text}"\n'.encode()).ages == {"anna": age}


def test_a_year_of_birth_is_asked_about() -> None:
    (rejected,) = read_labels(b"username,age\nanna,1998\n").rejected
    assert rejected.reason == "this may be a year of birth; write the age in years"


def test_a_list_in_a_weak_encoding_says_how_to_save_it() -> None:
    with pytest.raises(InputError, match="Save it as UTF-8"):
        read_labels("username,age\ndzień,20\n".encode("cp1250"))


def test_left_out_lines_are_kept_with_the_list_and_go_with_it(tmp_path: Path) -> None:
    users = read_user_list(b"username\nanna\nno name!\n=1+1\n")
    path = tmp_path / "people.csv"
    write_user_list(path, users)
    assert read_left_out(path) == users.rejected
    assert [rejected.line for rejected in read_left_out(path)] == [3, 4]
    write_user_list(path, read_user_list(b"anna\n"))
    assert read_left_out(path) == []
    remove_user_list(path)
    assert not path.exists()
    assert not left_out_file(path).exists()


def test_a_header_of_forty_megabytes_is_refused_in_plain_words() -> None:
    with pytest.raises(InputError, match="longer than 16,777,216 characters"):
        read_user_list(b"x" * 40_000_000)
    with pytest.raises(InputError, match="no header of a table has"):
        read_user_list(b"username," + b"x" * 2_000_000 + b"\nanna,1\n")


def test_broken_quotation_marks_everywhere_end_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_tables, "_WASTE", 3_000_000)
    content = b"username,city\n" + b'x","\n' * 50_000
    with pytest.raises(InputError, match="quotation marks"):
        read_user_list(content)


TEXTS = st.lists(
    st.sampled_from(
        ["username", "age", "anna", "bob", "20", ",", ";", "\t", "|", '"', '""', "\n", "\r", " ", "NA", "é"]
    )
    | st.text(max_size=3),
    max_size=40,
).map("".join)
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "cp1251"])


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200) | st.builds(lambda text, codec: text.encode(codec, "replace"), TEXTS, ENCODINGS))
def test_any_bytes_are_a_list_or_a_named_reason(content: bytes) -> None:
    for reader in (read_user_list, read_labels, labels_in_list):
        try:
            users = reader(content)
        except InputError as error:
            assert str(error)
        else:
            assert users is None or all(rejected.reason and rejected.line > 0 for rejected in users.rejected)
            assert users is None or len(set(users.usernames)) == len(users.usernames)


@pytest.mark.parametrize("header", ["url", "usernames", "Links", "Accounts"])
def test_the_header_of_a_single_column_is_no_account(header: str) -> None:
    assert read_user_list(f"{header}\nhttps://www.instagram.com/anna/\nbob\n".encode()).usernames == ["anna", "bob"]


@pytest.mark.parametrize("text", ['"x"\n"1" "anna"\n"2" "bob"\n', '"","x"\n"1","anna"\n"2","bob"\n'])
def test_row_names_of_r_are_no_accounts(text: str) -> None:
    with pytest.raises(InputError, match="no username column"):
        read_user_list(text.encode())


@pytest.mark.parametrize("header", ["Nutzername", "usuario", "имя пользователя", "ユーザー名", "Account Name", "Name"])
def test_a_header_in_another_language_is_no_account(header: str) -> None:
    assert read_user_list(f"{header}\nanna\nbob\n".encode()).usernames == ["anna", "bob"]


def test_a_question_of_a_survey_heads_the_names_and_the_ages() -> None:
    text = "Q1,Q2\nWhat is your Instagram username?,How old are you?\n@anna,24\nbob,19 years\n"
    assert read_labels(text.encode()).ages == {"anna": 24, "bob": 19}


@pytest.mark.parametrize("name", ["https://www.instagram.com/accounts/login/", "my_username", "ig_handle.x"])
def test_no_line_of_a_list_of_names_is_taken_for_a_header(name: str) -> None:
    assert read_user_list(f"anna\n{name}\nbob\n".encode()).usernames[0] == "anna"


@pytest.mark.parametrize("line", ["anna, bob, @carl", "anna;bob;carl", "anna bob carl"])
def test_names_in_a_single_line_are_a_list(line: str) -> None:
    assert read_user_list(line.encode()).usernames == ["anna", "bob", "carl"]


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("ａｎｎａ", "anna"),
        ("an\u200bna", "anna"),
        ("＠anna", "anna"),
        ("@@anna,", "anna"),
        ("• anna", "anna"),
        ("3. anna", "anna"),
        ("https://l.instagram.com/?u=https%3A%2F%2Fwww.instagram.com%2Fanna%2F&e=1", "anna"),
        ("https://web.archive.org/web/2020/https://www.instagram.com/anna/", "anna"),
        ("https://www.instagram.com/anna/p/C6a1B2c3D4e/?img_index=2", "anna"),
    ],
)
def test_a_name_is_read_as_it_was_meant(written: str, name: str) -> None:
    assert read_user_list(f"bob\n{written}\n".encode()).usernames == ["bob", name]


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("anna@mail.com", "an e-mail address"),
        ("+49 170 1234567", "a telephone number"),
        ("https://www.threads.net/@anna", "leads to no account of Instagram"),
        ("https://linktr.ee/anna", "leads to no account of Instagram"),
        ("https://www.instagram.com/tv/C6a1B2c3D4e/", "the address of a post"),
    ],
)
def test_what_is_no_name_is_left_out_with_the_reason(written: str, reason: str) -> None:
    users = read_user_list(f"bob\n{written}\n".encode())
    assert users.usernames == ["bob"]
    assert [(one.line, reason in one.reason) for one in users.rejected] == [(2, True)]


def test_long_numbers_are_kept_and_a_person_is_told_of_them() -> None:
    users = read_user_list(b"username\n1784140000\nanna\n")
    assert users.usernames == ["1784140000", "anna"]
    assert "1 name is a long number" in users.remarks[-1]


@pytest.mark.parametrize(
    ("cell", "kept"),
    [
        ("25 years", "25"),
        ("24 yrs old", "24"),
        ("25 Jahre", "25"),
        ("13-17 years", "13-17"),
        ("über 21", "at least 21"),
        ("menor de 18", "under 18"),
        (">21", "at least 21"),
    ],
)
def test_ages_with_their_unit_and_in_other_languages_are_read(cell: str, kept: str) -> None:
    labels = read_labels(f"username,age\nanna,{cell}\n".encode())
    assert {**{n: f"{a:g}" for n, a in labels.ages.items()}, **{n: str(r) for n, r in labels.ranges.items()}} == {
        "anna": kept
    }


@pytest.mark.parametrize(
    ("cell", "reason"), [("1998-05-01", "a date of birth"), ("1998", "a year of birth"), ("~25", "not a number")]
)
def test_an_age_that_is_none_is_left_out_with_the_reason(cell: str, reason: str) -> None:
    [rejected] = read_labels(f"username,age\nanna,{cell}\nbob,20\n".encode()).rejected
    assert reason in rejected.reason


@pytest.mark.parametrize("header", ["Alter", "edad", "âge", "возраст", "Age (years)", "age group", "true_age"])
def test_a_column_of_ages_is_known_by_its_name(header: str) -> None:
    assert read_labels(f"username,{header}\nanna,25\n".encode()).ages == {"anna": 25}


def test_of_two_columns_of_ages_none_is_guessed() -> None:
    with pytest.raises(InputError, match="'coder1_age', 'coder2_age'"):
        read_labels(b"username,coder1_age,coder2_age\nanna,25,26\n")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'["anna", "bob"]', "is JSON, and no list"),
        (b'{"usernames": ["anna", "bob"]}', "is JSON, and no list"),
        (b'{"username":"anna"}\n{"username":"bob"}\n', "is JSON, and no list"),
        (b"<html><body>anna</body></html>", "is a web page or XML"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "locked with a password"),
    ],
)
def test_what_is_no_list_is_named(content: bytes, said: str) -> None:
    for reader in (read_user_list, read_labels):
        with pytest.raises(InputError, match=said):
            reader(content)
