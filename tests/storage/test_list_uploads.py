"""A list that is looked at before it is kept."""

from pathlib import Path

import pytest

from core.errors import InputError
from core.storage.csv_records import ListChoices, NoAgeColumn, NoColumnError
from core.storage.list_uploads import read_list_upload
from core.storage.user_lists import read_left_out

NOTHING_SAID = ListChoices()


def test_what_a_list_is_and_gives_is_told_and_nothing_is_kept_until_it_is_asked_for(tmp_path: Path) -> None:
    found = read_list_upload(b"handle;age\n@Anna;24,5\nno name!;3\nbob;18-24\n", "people.csv", NOTHING_SAID, False)
    assert found.counts() == ["2 usable accounts", "2 with a known age"]
    assert found.in_words()[0] == (
        "It is a table with semicolons between its cells; usernames come from the column 'handle', ages from 'age'."
    )
    assert found.first_rows() == [{"username": "anna", "age": "24.5"}, {"username": "bob", "age": "18-24"}]
    lists, labels = tmp_path / "lists", tmp_path / "labels"
    assert found.keep("people", lists, labels) == "people"
    assert (labels / "people.csv").read_text() == "username,age\nanna,24.5\nbob,18-24\n"
    assert [rejected.line for rejected in read_left_out(lists / "people.csv")] == [3]
    other = read_list_upload(b"username\ncarla\n", "people.csv", NOTHING_SAID, False)
    assert other.keep("people", lists, labels) == "people-2"


def test_a_person_says_which_column_is_what() -> None:
    content = b"Konto,Jahre\nanna,24\nbob,30\n"
    with pytest.raises(NoColumnError) as refused:
        read_list_upload(content, "l.csv", NOTHING_SAID, True)
    assert refused.value.header == ("Konto", "Jahre")
    found = read_list_upload(content, "l.csv", ListChoices("Konto", "Jahre"), True)
    assert found.main.ages == {"anna": 24, "bob": 30}
    with pytest.raises(InputError, match="no column 'Name'; it has 'Konto', 'Jahre'"):
        read_list_upload(content, "l.csv", ListChoices("Name"), False)


def test_of_two_columns_of_ages_the_one_with_ages_is_taken() -> None:
    found = read_list_upload(b"username,age,age\nanna,,24\nbob,,30\n", "l.csv", NOTHING_SAID, True)
    assert found.main.ages == {"anna": 24, "bob": 30}


def test_a_column_of_births_is_asked_about() -> None:
    with pytest.raises(NoAgeColumn, match="'date of birth' seems to tell when people were born"):
        read_list_upload(b"username,date of birth\nanna,1998-01-02\n", "l.csv", NOTHING_SAID, True)


def test_an_encoding_that_a_person_says_is_used_where_the_text_can_be_in_it() -> None:
    content = "username,note\nanna,при\n".encode("mac_cyrillic")
    with pytest.raises(InputError, match="say its encoding"):
        read_list_upload(content, "l.csv", NOTHING_SAID, False)
    found = read_list_upload(content, "l.csv", ListChoices(encoding="mac_cyrillic"), False)
    assert found.main.usernames == ["anna"] and "mac_cyrillic, as you said" in found.in_words()[-1]
    with pytest.raises(InputError, match="is not in utf-8"):
        read_list_upload(content, "l.csv", ListChoices(encoding="utf-8"), False)
    for wrong in ("hex", "klingon", "unicode_escape"):
        with pytest.raises(InputError, match="no encoding"):
            read_list_upload(content, "l.csv", ListChoices(encoding=wrong), False)
