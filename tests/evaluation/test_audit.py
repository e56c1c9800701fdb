"""An audit sample: drawn, filled in as people and spreadsheets do, and estimated from."""

import csv
import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import InputError
from core.evaluation.arguments import AuditSampleArguments, PrevalenceArguments
from core.evaluation.audit import audit_sample
from core.evaluation.shares import shares
from core.storage.audit_file import Design
from tests.narrowing import present

Row = dict[str, str]
COUNTS = {"told": 40, "at_least": 20, "cannot_tell": 0, "empty": 0, "missing_rows": 0, "rows_not_drawn": 0}


@pytest.fixture
def predictions(tmp_path: Path) -> Path:
    """400 accounts, of which every twentieth has no caption."""
    draw = random.Random(1)
    rows = [f"u{i},{draw.random():.6f},1,3" if i % 20 else f"u{i},,,0" for i in range(400)]
    path = tmp_path / "predictions.csv"
    path.write_text("\n".join(["username,probability,prediction,posts", *rows, ""]))
    return path


def drawn(predictions: Path, size: int = 40, seed: int = 7, design: Design = "simple", name: str = "s.csv") -> Path:
    output = predictions.with_name(name)
    audit_sample(AuditSampleArguments(predictions, size, output, design, seed))
    return output


def rows_of(sample: Path) -> list[Row]:
    with sample.open(newline="") as file:
        return [*csv.DictReader(file)]


def fill_in(sample: Path, change: Callable[[list[Row]], list[Row]] = list, delimiter: str = ",") -> Path:
    """Half of the accounts are 24, half 17; then ``change`` does what people do."""
    rows = rows_of(sample)
    for at, row in enumerate(rows):
        row["age"] = "24" if at % 2 else "17"
    rows = change(rows)
    filled = sample.with_name("filled.csv")
    with filled.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, [*rows[0]], delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return filled


def audited(predictions: Path, sample: Path, cutoff: float = 21) -> dict[str, object]:
    found = shares(PrevalenceArguments(predictions, audit=(sample,), age_cutoff=cutoff))
    result: dict[str, object] = json.loads(json.dumps(found, allow_nan=False))["audited"]
    return result


def test_every_account_may_be_drawn_once_those_without_captions_too(predictions: Path) -> None:
    names = [row["username"] for row in rows_of(drawn(predictions, 400))]
    assert sorted(names) == sorted(f"u{i}" for i in range(400))
    some = [row["username"] for row in rows_of(drawn(predictions))]
    assert len(some) == len(set(some)) == 40


@pytest.mark.parametrize("design", ["simple", "stratified"])
def test_a_seed_draws_the_same_accounts_another_draws_others(predictions: Path, design: Design) -> None:
    names = [[row["username"] for row in rows_of(drawn(predictions, 40, seed, design))] for seed in (1, 1, 2)]
    assert names[0] == names[1] != names[2]


@pytest.mark.parametrize("design", ["simple", "stratified"])
def test_a_larger_sample_of_the_same_seed_holds_the_smaller_one(predictions: Path, design: Design) -> None:
    small, large = ({row["username"] for row in rows_of(drawn(predictions, size, 1, design))} for size in (40, 80))
    assert small < large


def test_the_file_does_not_say_what_the_model_thinks(predictions: Path) -> None:
    rows = rows_of(drawn(predictions, design="stratified"))
    assert [*rows[0]] == ["username", "age", "audit"]
    assert len({row["audit"] for row in rows}) == 1


@pytest.mark.parametrize("design", ["simple", "stratified"])
def test_the_audited_share_stands_beside_the_count_without_a_model(predictions: Path, design: Design) -> None:
    found = shares(PrevalenceArguments(predictions, audit=(fill_in(drawn(predictions, design=design)),), age_cutoff=21))
    audit = found["audited"]
    assert (audit["sample"], audit["population"]) == (40, 400)
    assert 0 < audit["low"] < audit["value"] < audit["high"] < 1
    assert audit["accounts"] == COUNTS | {"population_without_captions": 20}
    assert audit["notes"] == []
    assert present(found["raw"]["note"]).startswith("counts the model's errors too")


def test_a_file_comes_back_from_a_spreadsheet_with_semicolons_decimal_commas_and_other_names_of_columns(
    predictions: Path,
) -> None:
    sample = drawn(predictions)
    plain = audited(predictions, fill_in(sample))

    def as_excel_does(rows: list[Row]) -> list[Row]:
        random.Random(3).shuffle(rows)
        return [
            {"Username": row["username"].upper(), "AGE": row["age"] + ",5", "Prüfung": row["audit"], "": ""}
            for row in rows
        ]

    assert audited(predictions, fill_in(sample, as_excel_does, ";")) == plain


def test_ages_that_cannot_be_told_are_counted_and_bound_the_answer(predictions: Path) -> None:
    sample = drawn(predictions)
    whole = audited(predictions, fill_in(sample))

    def open_some(rows: list[Row]) -> list[Row]:
        for row, text in zip(rows, ["cannot tell", "?", "", "18-24"], strict=False):
            row["age"] = text
        return rows[:-2]

    found = audited(predictions, fill_in(sample, open_some))
    assert found["accounts"] == COUNTS | {
        "told": 34,
        "at_least": 17,
        "cannot_tell": 3,
        "empty": 1,
        "missing_rows": 2,
        "population_without_captions": 20,
    }
    assert found["low"] < whole["low"] - 0.04  # type: ignore[operator]
    assert found["high"] > whole["high"] + 0.04  # type: ignore[operator]
    assert "bounds" in str(found["method"])
    assert any("2 of the drawn accounts are missing from the file" in note for note in found["notes"])  # type: ignore


def test_rows_that_were_added_are_not_counted_and_said(predictions: Path) -> None:
    sample = drawn(predictions)
    plain = audited(predictions, fill_in(sample))
    strangers = ["u_stranger", *({f"u{i}" for i in range(400)} - {row["username"] for row in rows_of(sample)})][:3]

    def add(rows: list[Row]) -> list[Row]:
        return rows + [{**rows[0], "username": name, "age": "50"} for name in strangers]

    found = audited(predictions, fill_in(sample, add))
    assert found["value"] == plain["value"]
    assert found["accounts"]["rows_not_drawn"] == 3  # type: ignore[index]
    assert any("not drawn" in note for note in found["notes"])  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: [{**row, "age": "old"} for row in rows], "line 2: the age is not a number"),
        (lambda rows: [{**row, "age": "1999"} for row in rows], "line 2: this may be a year of birth"),
        (lambda rows: [{**row, "age": ""} for row in rows], "tells the age of no account"),
        (lambda rows: [{**row, "age": "?"} for row in rows], "tells the age of no account"),
        (lambda rows: [{k: v for k, v in row.items() if k != "age"} for row in rows], "no age column"),
        (lambda rows: [{k: v for k, v in row.items() if k != "audit"} for row in rows], "does not say from what"),
        (lambda rows: [{"who": row.pop("username"), **row} for row in rows], "no username column"),
        (lambda rows: [*rows, {**rows[0], "age": "50"}], "stands twice with different ages"),
        (lambda rows: [*rows, {**rows[0], "audit": ""}], "'audit' cell is missing or changed"),
        (lambda rows: [*rows, {**rows[0], "audit": rows[0]["audit"].replace(" 40 ", " 41 ")}], "2 different audit"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_its_line(
    predictions: Path, change: Callable[[list[Row]], list[Row]], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        audited(predictions, fill_in(drawn(predictions), change))


def test_an_audit_of_other_predictions_is_refused(predictions: Path) -> None:
    filled = fill_in(drawn(predictions))
    predictions.write_text(predictions.read_text() + "one_more,0.5,1,1\n")
    with pytest.raises(InputError, match="drawn from other predictions"):
        audited(predictions, filled)


def test_a_sample_with_ages_is_not_overwritten_an_empty_one_is(predictions: Path) -> None:
    drawn(predictions)
    sample = drawn(predictions, 50)
    assert len(rows_of(sample)) == 50
    fill_in(sample).replace(sample)
    with pytest.raises(InputError, match="may hold ages"):
        drawn(predictions)


def test_too_few_accounts_for_a_design_are_refused(predictions: Path) -> None:
    with pytest.raises(InputError, match="stratified audit sample needs at least 10"):
        drawn(predictions, 9, design="stratified")


def test_neither_a_model_nor_an_audit_is_a_usage_error(predictions: Path) -> None:
    with pytest.raises(InputError, match="Give --model"):
        shares(PrevalenceArguments(predictions))


def test_another_cutoff_than_the_predictions_is_as_right(predictions: Path) -> None:
    found = audited(predictions, fill_in(drawn(predictions)), cutoff=15)
    assert found["value"] == 1
    assert found["high"] == 1


def a_list(predictions: Path) -> Path:
    """Thirty accounts with captions, two without, four that nobody predicted."""
    names = [f"u{i}" for i in range(31) if i % 20] + ["u60", "u80", "U399"] + [f"ghost{i}" for i in range(4)]
    path = predictions.with_name("cohort.csv")
    path.write_text("\n".join(["username", *names, ""]))
    return path


def test_a_share_is_of_the_named_list_with_a_flow_that_adds_up_and_bounds(predictions: Path) -> None:
    cohort = a_list(predictions)
    sample = predictions.with_name("s.csv")
    audit_sample(AuditSampleArguments(predictions, 20, sample, user_file=(cohort,)))
    arguments = PrevalenceArguments(predictions, user_file=(cohort,), audit=(fill_in(sample),), age_cutoff=21)
    found = json.loads(json.dumps(shares(arguments), allow_nan=False))
    of = found["of"]
    assert (of["lists"], of["listed"], of["missing"]) == (["cohort.csv"], 36, 6)
    assert {step: at for step, at in of["flow"].items() if at} == {
        "not_predicted": 4,
        "without_captions": 2,
        "estimated": 30,
    }
    assert found["accounts"] == {"predicted": 30, "without_captions": 2}
    assert found["audited"]["population"] == 32
    raw, audit = found["raw"], found["audited"]
    assert raw["whole_list"]["none_at_least"] == pytest.approx(raw["value"] * 30 / 36)
    assert raw["whole_list"]["all_at_least"] == pytest.approx((raw["value"] * 30 + 6) / 36)
    assert audit["whole_list"]["high"] == pytest.approx((audit["high"] * 32 + 4) / 36)


def test_an_audit_of_a_list_is_refused_for_everybody_and_the_other_way_round(predictions: Path) -> None:
    cohort = a_list(predictions)
    sample = predictions.with_name("s.csv")
    audit_sample(AuditSampleArguments(predictions, 20, sample, user_file=(cohort,)))
    with pytest.raises(InputError, match="from another list of accounts"):
        audited(predictions, fill_in(sample))
    with pytest.raises(InputError, match="from another list of accounts"):
        shares(
            PrevalenceArguments(predictions, user_file=(cohort,), audit=(fill_in(drawn(predictions, name="t.csv")),))
        )


def test_a_list_of_which_nobody_is_predicted_is_refused(predictions: Path) -> None:
    other = predictions.with_name("other.csv")
    other.write_text("username\nsomebody_else\n")
    with pytest.raises(InputError, match=r"No account of other\.csv is among the predictions"):
        shares(PrevalenceArguments(predictions, user_file=(other,), audit=(predictions,)))
