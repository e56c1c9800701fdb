"""Two roles: what a viewer may not do is refused, action by action, and who may come in is read without guessing."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from core.privacy.roles import LOCAL, VIEWER_ACTIONS, Action, NotAllowedError, Person
from core.settings import Settings, read_people

VIEWER = Person("bo@example.org", "viewer")
OPERATOR = Person("ada@example.org", "operator")


@pytest.mark.parametrize("action", [action for action in Action if action not in VIEWER_ACTIONS])
def test_a_viewer_is_refused(action: Action) -> None:
    with pytest.raises(NotAllowedError, match="operator"):
        VIEWER.require(action)


@pytest.mark.parametrize("action", [*Action])
def test_an_operator_and_whoever_sits_at_the_computer_may_do_everything(action: Action) -> None:
    OPERATOR.require(action)
    LOCAL.require(action)


def test_a_viewer_sees_and_takes_figures_and_nothing_else() -> None:
    assert {action for action in Action if VIEWER.may(action)} == {Action.SEE_SHARES, Action.DOWNLOAD_FIGURES}


def test_an_address_alone_is_an_operator_as_before_and_a_word_after_it_makes_it_a_viewer() -> None:
    people = "grace@example.org, Ada@Example.org ,, bo@example.org=viewer,cy=x@example.org, di@example.org = Operator"
    assert Settings(people=people).roles == {
        "grace@example.org": "operator",
        "ada@example.org": "operator",
        "bo@example.org": "viewer",
        "cy=x@example.org": "operator",
        "di@example.org": "operator",
    }


@pytest.mark.parametrize(
    "people", ["ada", "ada@example.org=admin", "ada@example.org=", "a@b.c=viewer, A@b.c", "=viewer"]
)
def test_what_cannot_be_read_is_refused_rather_than_guessed(people: str) -> None:
    with pytest.raises(ValueError, match=r"role|address|viewer"):
        read_people(people)


def test_people_may_stand_in_a_file_an_address_on_each_line(tmp_path: Path) -> None:
    (tmp_path / "people.txt").write_text("\ufeff# the lab\nada@example.org,\n\nBo@example.org = viewer  # a guest\n")
    roles = Settings(people=str(tmp_path / "people.txt")).roles
    assert roles == {"ada@example.org": "operator", "bo@example.org": "viewer"}


@pytest.mark.parametrize("content", [b"", b"# nobody yet\n", b"ada\n", b"a@b.c=admin", b"\xff\xfe\x00", None])
def test_a_file_of_people_that_cannot_be_used_lets_nobody_in(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "people.txt").write_bytes(content)
    with pytest.raises(ValidationError, match="people"):
        Settings(people=str(tmp_path / "people.txt"))
