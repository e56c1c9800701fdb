"""What leaves a study: no name and no caption unless asked for, and then no name within the captions."""

from datetime import date

import pandas as pd
import pytest

from core.privacy.exports import Content, shareable
from core.privacy.pseudonyms import Pseudonyms
from core.privacy.redaction import without_names

PSEUDONYMS = Pseudonyms(b"k" * 32)
POSTS = pd.DataFrame(
    {
        "username": ["anna", "bob"],
        "taken_at": pd.to_datetime(pd.Series(["2026-01-01", None]), utc=True),
        "caption": ["with @bob and anna.b", None],
        "likes": [1, None],
        "shortcode": ["CxYz123AbCd", "x"],
        "id": ["1", "2"],
        "language": ["en", None],
    }
)


def test_without_being_asked_names_are_pseudonyms_and_captions_and_pointers_stay() -> None:
    shared = shareable(POSTS, Content(), PSEUDONYMS)
    assert shared.columns.tolist() == ["username", "taken_at", "likes", "language"]
    assert shared["username"].tolist() == [PSEUDONYMS.of("anna"), PSEUDONYMS.of("bob")]


def test_with_names_and_captions_everything_is_as_it_was() -> None:
    assert shareable(POSTS, Content(names=True, captions=True), PSEUDONYMS).equals(POSTS)


def test_kept_captions_name_nobody() -> None:
    shared = shareable(POSTS, Content(captions=True), PSEUDONYMS, {"anna", "bob", "anna.b"})
    assert shared["caption"][0] == f"with @{PSEUDONYMS.of('bob')} and {PSEUDONYMS.of('anna.b')}"
    assert pd.isna(shared["caption"][1])


@pytest.mark.parametrize("column", ["u", "x", "words", "lower(caption)"])
def test_a_column_of_texts_under_any_name_is_left_out(column: str) -> None:
    table = pd.DataFrame({column: ["anna", "hello"], "n": [1, 2], "d": [date(2026, 1, 1), None]})
    assert shareable(table, Content(), PSEUDONYMS).columns.tolist() == ["n", "d"]
    kept = shareable(table, Content(captions=True), PSEUDONYMS, {"anna"})
    assert kept[column].tolist() == [PSEUDONYMS.of("anna"), "hello"]


def test_lists_of_names_are_texts_too() -> None:
    table = pd.DataFrame({"who": [["anna", "bob"]], "map": [{"a": "anna"}]})
    assert shareable(table, Content(), PSEUDONYMS).empty


def test_a_column_that_a_query_gives_twice_is_a_name_both_times() -> None:
    table = pd.DataFrame({"username": ["anna"], "username_2": ["anna"], "name": ["anna"]})
    assert set(shareable(table, Content(), PSEUDONYMS).iloc[0]) == {PSEUDONYMS.of("anna")}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("thanks @Anna_B.!", "Anna_B"),
        ("thanks ＠anna_b", "anna_b"),
        ("write to Anna.B+x@mail.example.org now", "Anna.B+x@mail.example.org"),
        ("see https://www.instagram.com/anna_b/?hl=en now", "https://www.instagram.com/anna_b/?hl=en"),
        ("see instagram.com/anna_b now", "instagram.com/anna_b"),
        ("call +44 20 7946 0958 now", "+44 20 7946 0958"),
        ("post CxYz123AbCd here", "CxYz123AbCd"),
        ("I am anna_b, hello", "anna_b"),
    ],
)
def test_names_in_a_text_become_pseudonyms(text: str, name: str) -> None:
    found = without_names(text, PSEUDONYMS, {"anna_b"})
    assert name.lower() not in found.lower() and PSEUDONYMS.of(name) in found
    assert found.split()[0] in (text.split()[0], "I")


@pytest.mark.parametrize(
    "text", ["It is 2026 and 3.5 km", "school at 10:30, see you @ home", "#summer2026 vibes", "well-known", ""]
)
def test_what_names_nobody_stays(text: str) -> None:
    assert without_names(text, PSEUDONYMS, {"anna_b"}) == text


def test_a_mention_is_the_same_pseudonym_as_the_account() -> None:
    assert without_names("@anna", PSEUDONYMS) == f"@{PSEUDONYMS.of('anna')}"
