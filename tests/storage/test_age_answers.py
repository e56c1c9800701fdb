"""What people write into a column of ages."""

import pytest

from core.storage.age_answers import read_age_answer


@pytest.mark.parametrize(
    ("cell", "at_21"),
    [
        ("24", True),
        ("20,5", False),
        (" 21.0 ", True),
        ("at least 21", True),
        ("At Least 18", None),
        ("≥21", True),
        ("21+", True),
        ("30 or older", True),
        ("under 21", False),
        ("<18", False),
        ("under 30", None),
        ("13-17", False),
        ("18 – 24", None),
        ("18-20", False),
        ("21 to 25", True),
        ("?", None),
        ("Cannot tell", None),
        ("can’t tell", None),
        ("N/A", None),
        ("-", None),
    ],
)
def test_an_answer_tells_the_side_of_a_cutoff_or_leaves_it_open(cell: str, at_21: bool | None) -> None:
    answer = read_age_answer(cell)
    assert answer is not None
    assert answer.at_least(21) is at_21


def test_an_empty_cell_is_no_answer() -> None:
    assert read_age_answer("  ") is None


@pytest.mark.parametrize("cell", ["24. Mai", "2001", "3", "-3", "old", "=1+1", "24;5", "24,5,1", "25-18", "under 300"])
def test_what_is_no_age_is_refused_and_not_repeated(cell: str) -> None:
    with pytest.raises(ValueError, match="age") as refused:
        read_age_answer(cell)
    assert cell not in str(refused.value)
