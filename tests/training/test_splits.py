"""Splits: everyone once, proportions kept, twins together, the same again from seed or file."""

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError
from core.training.near_duplicates import near_duplicates
from core.training.splits import groups_across_parts, k_folds, read_split, split_accounts
from core.utils.spreadsheets import csv_text, safe_name

BLOGS = Path(__file__).parents[3] / "shared" / "data" / "blogs" / "posts.csv.gz"


def people(number: int, share: float = 0.6) -> dict[str, bool]:
    return {f"u{index}": index < share * number for index in range(number)}


def captions(rng: np.random.Generator, number: int, words: int = 10) -> list[str]:
    return [" ".join(f"word{word}" for word in rng.integers(0, 3000, words)) for _ in range(number)]


@settings(max_examples=50, deadline=None)
@given(number=st.integers(1, 200), share=st.floats(0, 1), seed=st.integers(0, 99), pairs=st.integers(0, 10))
def test_everyone_is_in_exactly_one_part_and_twins_share_it(number: int, share: float, seed: int, pairs: int) -> None:
    strata = people(number, share)
    groups = [[f"u{3 * pair}", f"u{3 * pair + 1}", "unknown"] for pair in range(pairs)]
    parts = split_accounts(strata, seed, groups=groups)
    assert Counter(username for part in parts.values() for username in part) == Counter(list(strata))
    assert groups_across_parts(parts, groups) == []


def test_each_part_has_the_strata_in_proportion() -> None:
    strata = people(1000)
    groups = [[f"u{index}", f"u{999 - index}"] for index in range(100)]
    for given_groups in ([], groups):
        parts = split_accounts(strata, 1, groups=given_groups)
        counts = {part: Counter(strata[username] for username in names) for part, names in parts.items()}
        assert counts == {
            "train": {True: 420, False: 280},
            "validation": {True: 90, False: 60},
            "test": {True: 90, False: 60},
        }


def test_the_seed_decides_and_the_order_of_the_labels_does_not() -> None:
    strata = people(100)
    backwards = dict(reversed(strata.items()))
    groups = [["u1", "u2"], ["u5", "u6"]]
    assert split_accounts(strata, 1, groups=groups) == split_accounts(backwards, 1, groups=groups[::-1])
    assert split_accounts(strata, 1) != split_accounts(strata, 2)


def test_shares_are_the_callers() -> None:
    parts = split_accounts(people(100), 1, {"train": 3, "validation": 1})
    assert {part: len(names) for part, names in parts.items()} == {"train": 75, "validation": 25}


def test_folds_test_everyone_once_and_keep_twins_on_one_side() -> None:
    strata = people(103)
    groups = [["u0", "u100"], ["u1", "u101", "u102"]]
    folds = k_folds(strata, 5, 1, groups)
    assert sorted(username for fold in folds for username in fold["test"]) == sorted(strata)
    for fold in folds:
        assert not set(fold["train"]) & set(fold["test"])
        assert len(fold["train"]) + len(fold["test"]) == 103
        assert groups_across_parts(fold, groups) == []
        assert 19 <= len(fold["test"]) <= 23


def test_a_split_written_down_as_a_spreadsheet_may_have_it_is_read(tmp_path: Path) -> None:
    parts = split_accounts({**people(20), "P-017, the quoted": True, "=1+1": True}, 1)
    rows = ((safe_name(username), part) for part, usernames in parts.items() for username in usernames)
    (tmp_path / "split.csv").write_text(csv_text(("username", "part"), rows))
    assert read_split(tmp_path / "split.csv") == parts


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("name,part\nanna,train\n", "must name the columns"),
        ("username,part\nanna,train\nbob,holdout\n", "line 3: the part must be one of"),
        ("username,part\nanna,train\n@ANNA,test\n", "line 3: this account is in two parts"),
        ("username,part\nanna,train\n", "no account into validation"),
        ("username,part\nanna\n", "line 2: the part must be"),
    ],
)
def test_a_split_that_cannot_be_used_says_why(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "split.csv").write_text(content)
    with pytest.raises(InputError, match=message):
        read_split(tmp_path / "split.csv")


def test_the_same_texts_under_two_names_are_found_whatever_was_changed_around_them() -> None:
    rng = np.random.default_rng(1)
    accounts = [(f"u{index}", captions(rng, 30)) for index in range(60)]
    shouted = [f"{text.upper()}!!! 🎉" for text in accounts[0][1]]
    partly = accounts[1][1][:15] + captions(rng, 10)
    accounts += [("shouted", shouted), ("partly", partly), ("subset", accounts[2][1][::3])]
    assert near_duplicates(accounts) == [["partly", "u1"], ["shouted", "u0"], ["subset", "u2"]]


def test_a_few_common_phrases_do_not_make_twins() -> None:
    rng = np.random.default_rng(2)
    common = ["happy birthday to my best friend", "what a lovely day", "good morning", "throwback thursday", "me"]
    accounts = [(f"u{index}", [*common, *captions(rng, 20)]) for index in range(300)]
    accounts += [(f"short{index}", ["good morning", "#tbt", "😍", "love you"]) for index in range(20)]
    assert near_duplicates(accounts) == []


def test_a_whole_farm_of_one_text_is_one_group() -> None:
    text = captions(np.random.default_rng(3), 12)
    farm = [(f"bot{index:02}", text) for index in range(50)]
    assert near_duplicates(farm) == [[name for name, _ in farm]]


def test_accounts_without_text_have_no_twin() -> None:
    assert near_duplicates([]) == []
    assert near_duplicates([("anna", []), ("bob", ["", "🎉", "..."])]) == []


@pytest.mark.slow
@pytest.mark.skipif(not BLOGS.exists(), reason="the development data are not here")
def test_renamed_copies_of_real_accounts_are_found_and_hardly_anyone_else_is() -> None:
    table = pd.read_csv(BLOGS).dropna(subset="caption")
    table = table[table["username"].isin(table["username"].unique()[:400])]
    accounts = [(str(username), texts.tolist()) for username, texts in table.groupby("username")["caption"]]
    copied = [username for username, texts in accounts[:50] if len(texts) >= 15]
    copies = [(f"{username}_copy", texts[::3]) for username, texts in accounts if username in copied]
    assert len(near_duplicates(accounts)) <= 4
    groups = near_duplicates(accounts + copies)
    assert all(any({username, f"{username}_copy"} <= set(group) for group in groups) for username in copied)
