"""Groups of a list, and lists, side by side."""

import json
import random
from pathlib import Path

import pytest

from core.errors import InputError
from core.evaluation.arguments import AuditSampleArguments, PrevalenceArguments
from core.evaluation.audit import audit_sample
from core.evaluation.shares import shares
from tests.evaluation.test_audit import drawn, fill_in
from tests.statistics.test_prevalence import labelled_file, model_folder, say_alike


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Predictions of 400 accounts in two waves, of which the first is the older one; and a model."""
    rng = random.Random(1)
    rows = [f"u{i},{min(1.0, rng.random() * (1.5 if i < 200 else 0.7)):.6f},1,3" for i in range(400)]
    (tmp_path / "p.csv").write_text("\n".join(["username,probability,prediction,posts", *rows, ""]))
    say_alike(tmp_path / "p.csv")
    (tmp_path / "cohort.csv").write_text(
        "\n".join(["username;Wave", *(f"u{i};{'first' if i < 200 else 'second'}" for i in range(400))])
    )
    model = model_folder(tmp_path / "model", {"train": [f"t{i}" for i in range(40)], "validation": ["v1"]})
    labelled_file(model / "validation.csv", 80, 80)
    return tmp_path


def test_groups_of_a_column_stand_side_by_side_with_their_difference(study: Path) -> None:
    lists = (study / "cohort.csv",)
    arguments = PrevalenceArguments(study / "p.csv", study / "model", user_file=lists, by="wave")
    groups = json.loads(json.dumps(shares(arguments), allow_nan=False))["groups"]
    assert [(group["group"], group["listed"], group["counted"]) for group in groups["shares"]] == [
        ("first", 200, 200),
        ("second", 200, 200),
    ]
    raw = [group["raw"]["value"] for group in groups["shares"]]
    [difference] = groups["differences"]
    assert difference["raw"]["value"] == pytest.approx(raw[0] - raw[1])
    assert difference["raw"]["low"] > 0.1
    assert difference["rogan_gladen"]["value"] is None  # the record is of both together, and there are no texts
    assert "could not be checked" in groups["shares"][0]["rogan_gladen"]["note"]


def test_without_a_model_lists_are_compared_by_their_counts(study: Path) -> None:
    (study / "other.csv").write_text("username\nu1\nu2\nu399\n")
    lists = (study / "cohort.csv", study / "other.csv")
    sample = fill_in(drawn(study / "p.csv"))
    groups = shares(PrevalenceArguments(study / "p.csv", user_file=lists, by="list", audit=(sample,)))["groups"]
    assert [group["group"] for group in groups["shares"]] == ["cohort.csv", "other.csv"]
    [difference] = groups["differences"]
    assert difference["raw"]["value"] is None
    assert "3 accounts in both" in str(difference["raw"]["note"])


def sample_of(study: Path, wave: str, ages: tuple[str, str], size: int = 60) -> Path:
    """An audit sample of one wave, filled in with two ages in turn."""
    wave_list, output = study / f"{wave}.csv", study / f"audit-{wave}.csv"
    names = [line.split(";")[0] for line in (study / "cohort.csv").read_text().splitlines() if line.endswith(wave)]
    wave_list.write_text("\n".join(["username", *names]))
    audit_sample(AuditSampleArguments(study / "p.csv", size, output, user_file=(wave_list,)))
    lines = output.read_text().splitlines()
    rows = [line.replace(",,", f",{ages[at % 2]},") for at, line in enumerate(lines[1:])]
    output.write_text("\n".join([lines[0], *rows]))
    return output


def test_two_audited_shares_have_a_difference_with_an_interval(study: Path) -> None:
    audits = (sample_of(study, "first", ("30", "30")), sample_of(study, "second", ("30", "17")))
    arguments = PrevalenceArguments(study / "p.csv", user_file=(study / "cohort.csv",), by="wave", audit=audits)
    groups = json.loads(json.dumps(shares(arguments), allow_nan=False))["groups"]
    first, second = (group["audited"] for group in groups["shares"])
    assert first["value"] == 1 and second["value"] == pytest.approx(0.5, abs=0.05)
    [difference] = groups["differences"]
    gap = difference["audited"]
    assert gap["value"] == pytest.approx(first["value"] - second["value"])
    assert 0.3 < gap["low"] < gap["value"] < gap["high"] < 0.7
    assert gap["high"] - gap["low"] < first["high"] - first["low"] + second["high"] - second["low"]


def test_a_group_without_an_audit_sample_has_no_audited_difference_and_says_why(study: Path) -> None:
    audits = (sample_of(study, "first", ("30", "17")),)
    arguments = PrevalenceArguments(study / "p.csv", user_file=(study / "cohort.csv",), by="wave", audit=audits)
    found = shares(arguments)
    [difference] = found["groups"]["differences"]
    assert difference["audited"]["value"] is None and "need an audit sample" in str(difference["audited"]["note"])
    assert "audited" not in found  # it is of a group, not of the whole list


def test_ages_that_are_not_told_make_the_difference_as_wide_as_they_may(study: Path) -> None:
    audits = (sample_of(study, "first", ("30", "cannot tell")), sample_of(study, "second", ("30", "17")))
    arguments = PrevalenceArguments(study / "p.csv", user_file=(study / "cohort.csv",), by="wave", audit=audits)
    [difference] = json.loads(json.dumps(shares(arguments), allow_nan=False))["groups"]["differences"]
    assert difference["audited"]["low"] < -0.1 and difference["audited"]["high"] > 0.5


@pytest.mark.parametrize("twice", [True, False])
def test_an_audit_sample_of_nobody_here_or_of_the_same_accounts_twice_is_refused(study: Path, twice: bool) -> None:
    first = sample_of(study, "first", ("30", "17"))
    (study / "some.csv").write_text("username\n" + "\n".join(f"u{i}" for i in range(50)))
    other = study / "again.csv"
    listed = study / ("first.csv" if twice else "some.csv")
    audit_sample(AuditSampleArguments(study / "p.csv", 30, other, user_file=(listed,)))
    arguments = PrevalenceArguments(study / "p.csv", user_file=(study / "cohort.csv",), by="wave", audit=(first, other))
    with pytest.raises(InputError, match="of the same accounts" if twice else "drawn from other accounts"):
        shares(arguments)


@pytest.mark.parametrize(("by", "message"), [("city", "no column 'city'"), ("username", "makes 400 groups")])
def test_a_column_that_makes_no_groups_is_refused(study: Path, by: str, message: str) -> None:
    arguments = PrevalenceArguments(study / "p.csv", study / "model", user_file=(study / "cohort.csv",), by=by)
    with pytest.raises(InputError, match=message):
        shares(arguments)


def test_groups_need_a_list(study: Path) -> None:
    with pytest.raises(InputError, match="give --user-file as well"):
        shares(PrevalenceArguments(study / "p.csv", study / "model", by="wave"))
