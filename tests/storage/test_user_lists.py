"""User lists and labels: what is used, what is not, and why."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from core.storage.account_files import file_name
from core.storage.user_lists import (
    Rejected,
    available_name,
    labels_in_list,
    read_labels,
    read_user_list,
    why_rejected,
    write_user_list,
)
from core.storage.usernames import canonical_username


def test_a_text_file_with_one_name_per_line_is_a_list() -> None:
    users = read_user_list(b"anna\n@Bob\n\nhttps://www.instagram.com/carla.k/?hl=en\nANNA\ninstagram.com/dan\n")
    assert users.usernames == ["anna", "bob", "carla.k", "dan"]
    assert users.duplicates == 1
    assert not users.rejected


@pytest.mark.parametrize("column", ["username", "user", "user.name", "Handle", "Username"])
def test_a_csv_may_call_its_column_by_any_usual_name(column: str) -> None:
    users = read_user_list(f"\ufeffid,{column}\n1,anna\n2,bob\n".encode())
    assert users.usernames == ["anna", "bob"]


def test_unusable_lines_are_listed_with_their_number_and_reason() -> None:
    users = read_user_list("anna\n../../etc/passwd\nnaïve\n{}\n".format("x" * 31).encode())
    assert users.usernames == ["anna"]
    assert [rejected.line for rejected in users.rejected] == [2, 3, 4]
    assert "letters a-z" in users.rejected[0].reason
    assert "30 characters" in users.rejected[2].reason
    assert sum(why_rejected(users).values()) == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"\x89PNG\r\n\x00\x00", "not a text file"),
        (b"name,age\nanna,20\n", "no username column"),
    ],
)
def test_a_file_that_cannot_be_a_list_says_why(content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_user_list(content, "users.csv")


def test_other_text_encodings_are_read() -> None:
    assert read_user_list("anna\nbob".encode("utf-16")).usernames == ["anna", "bob"]
    assert read_user_list("anna\nb\xe9b".encode("latin-1")).usernames == ["anna"]


def test_a_long_list_is_read_whole() -> None:
    users = read_user_list("\n".join(f"user_{number}" for number in range(30_000)).encode())
    assert len(users.usernames) == 30_000


def test_a_list_with_ages_holds_labels_as_well() -> None:
    labels = labels_in_list(b"username,age,group\nanna,20,a\nbob,,b\ncarla,old,c\n")
    assert labels is not None
    assert labels.ages == {"anna": 20}
    assert labels.extra == {"anna": {"group": "a"}}


def test_only_the_names_of_a_list_that_are_used_are_labelled() -> None:
    content = """username,age
someone@example.com,30
\U0001f642smile,25
name with space,25
=cmd|'/c calc'!A1,25
anna,20
"""
    labels = labels_in_list(content.encode())
    assert labels is not None
    assert labels.ages == {"anna": 20}
    assert not labels.rejected  # the list tells of these lines already


def test_ages_of_a_list_that_are_not_used_are_told() -> None:
    labels = labels_in_list(b"username,age\nanna,150\nbob,-3\ncarla,20\ncarla,30\ndan,\ndan,25\neve,\n")
    assert labels is not None
    assert labels.ages == {"dan": 25}
    assert [(rejected.line, rejected.text) for rejected in labels.rejected] == [
        (2, "anna, 150"),
        (3, "bob, -3"),
        (4, "carla, 20"),
        (5, "carla, 30"),
    ]


@pytest.mark.parametrize("content", [b"anna\nbob\n", b"username,city\nanna,Bern\n", b"username,age\nanna,\n"])
def test_a_list_without_ages_holds_no_labels(content: bytes) -> None:
    assert labels_in_list(content) is None


def test_a_missing_file_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_user_list(tmp_path / "none.csv")


def test_labels_keep_ages_and_further_columns() -> None:
    labels = read_labels(b"user.name,labeled age,gender\nAnna,24,f\nP-017,16.5,m\n")
    assert labels.ages == {"anna": 24, "P-017": 16.5}
    assert labels.extra["anna"] == {"gender": "f"}


def test_a_label_that_tells_only_a_side_counts_for_the_cutoffs_that_it_decides(tmp_path: Path) -> None:
    labels = read_labels(b"username,age\nann,24\nbob,under 21\ncat,at least 30\ndan,18-24\neve,cannot tell\n")
    assert labels.ages == {"ann": 24} and list(labels.ranges) == ["bob", "cat", "dan"]
    assert [rejected.text for rejected in labels.rejected] == ["eve, cannot tell"]
    for cutoff, names in ((21, {"ann", "bob", "cat"}), (18, {"ann", "cat", "dan"}), (35, {"ann", "bob", "dan"})):
        ages = labels.ages_for((cutoff,))
        assert ages.keys() == names
        assert all(labels.ranges[name].at_least(cutoff) == (ages[name] >= cutoff) for name in names - {"ann"})
    write_user_list(tmp_path / "labels.csv", labels)
    assert read_labels(tmp_path / "labels.csv").ranges == labels.ranges


def test_labels_that_make_no_sense_are_rejected_with_a_reason() -> None:
    labels = read_labels(b"username,age\nanna,24\nbob,four\ncarla,3\ndan,\nanna,25\nanna,24\neve,30\neve,30\n")
    assert labels.ages == {"eve": 30}
    assert labels.duplicates == 1
    assert [rejected.line for rejected in labels.rejected] == [2, 3, 4, 5, 6, 7]


def test_the_reason_for_a_label_does_not_repeat_what_stood_there() -> None:
    (rejected,) = read_labels(b"username,age\nann,**see** https://example.org\n").rejected
    assert rejected == Rejected(2, "ann, **see** https://example.org", "the age is not a number")


def test_labels_need_an_age_column() -> None:
    with pytest.raises(InputError, match="no age column"):
        read_labels(b"username,years\nanna,24\n")


def test_a_written_list_reads_back_the_same(tmp_path: Path) -> None:
    labels = read_labels(b"username,age,gender\nanna,24,f\nbob,16,\n")
    write_user_list(tmp_path / "labels.csv", labels)
    again = read_labels(tmp_path / "labels.csv")
    assert (again.ages, again.extra) == (labels.ages, labels.extra)


def test_what_is_written_runs_in_no_spreadsheet_and_reads_back_the_same(tmp_path: Path) -> None:
    labels = read_labels(b"username,age,note\n=cmd|'/c calc'!A1,25,+1\n@P 7,30,-\n")
    write_user_list(tmp_path / "labels.csv", labels)
    assert not re.search(r"(^|,)[=+@-]", (tmp_path / "labels.csv").read_text(), re.MULTILINE)
    again = read_labels(tmp_path / "labels.csv")
    assert (again.ages, again.extra) == (labels.ages, labels.extra)


@pytest.mark.parametrize("header", ["", "username\n", "username,city\n"])
def test_a_stray_quotation_mark_costs_its_own_line(header: str) -> None:
    first = header.count("\n") + 1
    users = read_user_list((header + 'anna\n"oops\n' + "\n".join(f"user{n}" for n in range(30))).encode())
    assert users.usernames == ["anna", *(f"user{n}" for n in range(30))]
    assert users.rejected == [Rejected(first + 1, '"oops', "a quotation mark is not closed")]


def test_a_quotation_mark_that_another_line_closes_costs_no_line_between() -> None:
    users = read_user_list(b'username,city\n"anna,Bern\nbob,Bern\ncarla"\ndan,"Bern\neve,"Basel"\n')
    assert users.usernames == ["bob", "eve"]
    assert [rejected.line for rejected in users.rejected] == [2, 4, 5]


def test_quoted_cells_with_commas_quotes_and_line_breaks_are_read() -> None:
    labels = read_labels(
        b'"username","age","note"\r\n"anna","24","tall, ""very"" old"\r\n'
        b'bob,16,"two\r\nlines"\r\n"carla",three,x\r\n"dan"_d,30,\r\n'
    )
    assert labels.ages == {"anna": 24, "bob": 16, "dan_d": 30}
    assert labels.extra["anna"] == {"note": 'tall, "very" old'}
    assert labels.extra["bob"] == {"note": "two\nlines"}
    assert [rejected.line for rejected in labels.rejected] == [5]


@given(st.lists(st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=8)), st.data())
def test_no_line_takes_another_with_it(junk: list[str], data: st.DataObject) -> None:
    lines = data.draw(st.permutations([*junk, '"', ',"', 'x",', "anna", "bob_1", '"carla"']))
    users = read_user_list("\n".join(["username", *lines]).encode())
    assert {"anna", "bob_1", "carla"} <= set(users.usernames)
    written = sum(
        bool(re.sub(r"[,;|\s]", "", line)) for line in lines
    )  # delimiters alone may be told or be a blank line
    told = len(users.usernames) + users.duplicates + len(users.rejected)
    assert written <= told <= sum(bool(line.strip()) for line in lines)
    assert all(lines[rejected.line - 2].strip() for rejected in users.rejected)


@pytest.mark.parametrize("between", [[], ["anna"]])
def test_a_list_of_names_has_no_name_of_several_lines(between: list[str]) -> None:
    lines = ["username", *["zoe"] * 16, '"', ',"', *between, 'x",', "bob_1", '"carla"']
    users = read_user_list("\n".join(lines).encode())
    assert users.usernames == ["zoe", *between, "bob_1", "carla"]
    assert [rejected.line for rejected in users.rejected] == [18, 19, 20 + len(between)]


@given(st.text(min_size=1, max_size=64))
def test_no_name_leaves_its_folder_or_is_too_long_for_a_file_system(name: str) -> None:
    name = canonical_username(name)
    path = Path("folder") / file_name(name)
    assert path.parent == Path("folder")
    assert len(path.name.encode()) <= 255


@given(st.text(max_size=80))
def test_a_canonical_name_stays_as_it_is(name: str) -> None:
    once = canonical_username(name)
    assert canonical_username(once) == once


def test_an_uploaded_list_does_not_replace_another_of_its_name(tmp_path: Path) -> None:
    first, other = (read_user_list(text, "list") for text in (b"anna\nbert\n", b"cara\n"))
    write_user_list(tmp_path / "people.csv", first)
    assert available_name("people", (tmp_path, first)) == "people"  # the same again
    assert available_name("people", (tmp_path, other)) == "people-2"
    write_user_list(tmp_path / "people-2.csv", other)
    assert available_name("people", (tmp_path, first), (tmp_path, other)) == "people-3"
