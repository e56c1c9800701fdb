"""Of whom a share is: every account of a list ends in one place, and the numbers add up."""

from pathlib import Path

import pytest

from core.errors import InputError
from core.storage.account_files import write_account
from core.storage.listed import NamedList, flow_of, read_named_list
from core.storage.models import Account, Post


def test_lists_are_put_together_each_account_once_whatever_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("username;wave\n@Anna;1\nP-017;1\nanna;2\n;2\n")
    (tmp_path / "b.txt").write_text("bob\nanna\n")
    found = read_named_list([tmp_path / "a.csv", tmp_path / "b.txt"])
    assert found == NamedList(("a.csv", "b.txt"), ("anna", "P-017", "bob"), unusable_lines=1)


def test_a_list_that_names_nobody_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("username,wave\n,1\n")
    with pytest.raises(InputError, match=r"a\.csv names no account"):
        read_named_list([tmp_path / "a.csv"])


def test_every_account_ends_in_one_place_and_they_add_up(tmp_path: Path) -> None:
    caption = [Post(id="1", caption="hello")]
    for account in (
        Account(username="hidden", outcome="private"),
        Account(username="gone", outcome="not_found"),
        Account(username="broken", outcome="failed"),
        Account(username="late", posts=caption),
        Account(username="silent", outcome="empty"),
        Account(username="anna", posts=caption),
    ):
        write_account(tmp_path, account)
    names = ("anna", "known", "hidden", "gone", "broken", "late", "silent", "never")
    predicted = {"anna": True, "known": True, "hidden": False, "silent": False, "stranger": True}
    flow = flow_of(NamedList(("cohort.csv",), names), predicted, {"known"}, tmp_path)
    assert set(flow.steps.values()) == {1}
    assert sum(flow.steps.values()) == flow.listed == 8
    assert flow.missing == 7
    assert flow.in_words().startswith("The list cohort.csv names 8 accounts: 1 not collected, 1 private, 1 not found, ")
    assert flow.in_words().endswith(" 1 left to estimate from.")


def test_the_missing_bound_the_share_of_the_whole_list() -> None:
    flow = flow_of(NamedList(("l",), ("a", "b", "c", "d")), {"a": True, "b": True, "c": True})
    assert flow.bounds(0.5, 0.2, 0.8) == pytest.approx(
        {"none_at_least": 0.375, "all_at_least": 0.625, "low": 0.15, "high": 0.85}
    )
    assert set(flow.bounds(None, None, None).values()) == {None}
