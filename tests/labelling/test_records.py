"""What coders say is kept, whoever writes at once and whatever breaks; it never comes to more than they said."""

import threading
from datetime import date
from pathlib import Path

import orjson
import pytest

from core.errors import AgeScopeError, InputError
from core.evaluation.audit import audited, draw_sample
from core.labelling.batches import BATCH_FILE, Batch, create_batch, list_batches
from core.labelling.records import (
    RECORDS_FILE,
    SKIPPED,
    Evidence,
    Record,
    add_record,
    answers_of,
    read_records,
    typed_answer,
)
from core.labelling.verdicts import agreement, audit_csv, disagreements, labels_csv, sides_counted, verdicts
from core.storage.user_lists import read_labels

TODAY = date(2026, 11, 25)


@pytest.fixture
def batch(tmp_path: Path) -> Batch:
    (tmp_path / "b").mkdir()
    return Batch(name="b", purpose="random", cutoff=21, usernames=("ann", "bob", "cat", "dan"))


def said(coder: str, evidence: Evidence = "captions", **answers: str) -> list[Record]:
    return [Record(username=name, coder=coder, answer=answer, evidence=evidence) for name, answer in answers.items()]


def test_what_was_said_last_counts_and_nothing_is_taken_away(tmp_path: Path) -> None:
    for answer in ("24", SKIPPED, "19"):
        add_record(tmp_path, Record(username="ann", coder="kim", answer=answer, note="a, b"))
    records = read_records(tmp_path)
    assert [record.answer for record in records] == ["24", SKIPPED, "19"]
    assert answers_of(records, "kim")["ann"].answer == "19" and answers_of(records, "lee") == {}


def test_two_who_write_at_once_lose_nothing(tmp_path: Path) -> None:
    def write(coder: str) -> None:
        for number in range(40):
            add_record(tmp_path, Record(username=f"user{number}", coder=coder, answer="24"))

    threads = [threading.Thread(target=write, args=(coder,)) for coder in ("kim", "lee")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    records = read_records(tmp_path)
    assert len(records) == 80 and len(answers_of(records, "kim")) == len(answers_of(records, "lee")) == 40


def test_a_line_that_was_cut_off_costs_that_line_alone(tmp_path: Path) -> None:
    add_record(tmp_path, Record(username="ann", coder="kim", answer="24"))
    with (tmp_path / RECORDS_FILE).open("ab") as file:
        file.write(b'{"username": "bob", "coder": "ki')
    add_record(tmp_path, Record(username="cat", coder="kim", answer="30"))
    assert [record.username for record in read_records(tmp_path)] == ["ann", "cat"]


def test_an_answer_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / RECORDS_FILE).mkdir()
    with pytest.raises(AgeScopeError, match="all earlier answers are kept"):
        add_record(tmp_path, Record(username="ann", coder="kim", answer="24"))


def test_an_account_put_off_comes_back_at_the_end(batch: Batch) -> None:
    answers = answers_of(said("kim", ann=SKIPPED, bob="24"), "kim")
    assert batch.next_account(answers) == "cat" and batch.done(answers) == 1
    answers = answers_of(said("kim", ann=SKIPPED, bob="24", cat="19", dan="cannot tell"), "kim")
    assert batch.next_account(answers) == "ann"
    assert batch.next_account(answers_of(said("kim", ann="1999", bob="2", cat="1", dan="9"), "kim")) is None


@pytest.mark.parametrize(
    ("typed", "answer"), [("24", "24"), (" 19 ", "19"), ("1999", "26-27"), ("under 21", "under 21"), ("?", "?")]
)
def test_an_age_or_a_year_of_birth_is_typed(typed: str, answer: str) -> None:
    assert typed_answer(typed, TODAY) == answer


@pytest.mark.parametrize("typed", ["", "old", "3", "2026", "1850", "250", "=1+1"])
def test_what_is_no_age_is_refused_with_what_may_be_typed(typed: str) -> None:
    with pytest.raises(ValueError, match=r"year of birth"):
        typed_answer(typed, TODAY)


def test_coders_on_different_sides_have_to_settle_it(batch: Batch) -> None:
    records = [
        *said("kim", ann="24", bob="under 21", cat="19", dan="cannot tell"),
        *said("lee", ann="26", bob="24", cat="19", dan="30"),
    ]
    found = verdicts(batch, records)
    assert [verdict.answer for verdict in found] == ["24-26", None, "19", None]
    assert [verdict.username for verdict in disagreements(found)] == ["bob", "dan"]
    settled = verdicts(batch, [*records, *said("kim", "settled", bob="20")])
    assert (settled[1].answer, settled[1].settled_by) == ("20", "kim")
    assert sides_counted(settled, 21) == {"under": 2, "at least": 1, "cannot tell": 0}


def test_settling_changes_nothing_about_how_far_coders_agreed(batch: Batch) -> None:
    records = [*said("kim", ann="24", bob="19", cat="19", dan="40"), *said("lee", ann="26", bob="24", cat="18")]
    before = agreement(batch, records)
    assert (before.accounts, before.same, before.coders) == (3, 2, ["kim", "lee"])
    assert before == agreement(batch, [*records, *said("kim", "settled", bob="19")])


def test_the_labels_file_holds_what_is_told_and_is_read_as_labels(batch: Batch, tmp_path: Path) -> None:
    records = [*said("kim", ann="24", bob="under 21", cat="cannot tell", dan="30"), *said("lee", dan="19")]
    path = tmp_path / "labels.csv"
    path.write_text(labels_csv(verdicts(batch, records)))
    labels = read_labels(path)
    assert labels.ages == {"ann": 24.0} and labels.ages_for((21,)) == {"ann": 24.0, "bob": 20.0}
    assert labels.ages_for((18,)) == {"ann": 24.0}
    assert labels.extra["ann"]["labelled_by"] == "kim" and labels.extra["ann"]["evidence"] == "captions"
    assert "cat" not in path.read_text() and "dan" not in path.read_text()


def test_the_audit_sample_is_taken_as_it_is(tmp_path: Path) -> None:
    import pandas as pd

    table = pd.DataFrame({"username": [f"user{n}" for n in range(100)], "probability": [n / 100 for n in range(100)]})
    draw, drawn = draw_sample(table, 30, 1)
    sample = Batch(name="a", purpose="audit", cutoff=21, usernames=tuple(drawn), draw=str(draw))
    records = [Record(username=u, coder="kim", answer="under 21" if int(u[4:]) < 50 else "34") for u in drawn]
    records[0] = Record(username=drawn[0], coder="kim", answer="cannot tell")
    found = audited(table, audit_csv(sample, verdicts(sample, records)).encode(), 21)
    assert found["accounts"]["told"] == 29 and found["accounts"]["cannot_tell"] == 1
    assert found["low"] < 0.5 < found["high"]


def test_no_name_is_a_formula_in_a_spreadsheet(batch: Batch) -> None:
    odd = batch.model_copy(update={"usernames": ("=1+1",), "draw": "x"})
    found = verdicts(odd, [Record(username="=1+1", coder="=2+2", answer="24")])
    assert all("\n=" not in text and ",=" not in text for text in (labels_csv(found), audit_csv(odd, found)))


def test_batches_are_kept_side_by_side_and_a_damaged_one_is_left_out(batch: Batch, tmp_path: Path) -> None:
    first, second = create_batch(tmp_path / "c", batch), create_batch(tmp_path / "c", batch)
    assert (first.name, second.name) == ("b", "b-2")
    (tmp_path / "c" / "b" / BATCH_FILE).write_bytes(orjson.dumps({"name": 3}))
    assert [kept.name for kept in list_batches(tmp_path / "c")] == ["b-2"]
    with pytest.raises(InputError, match="no account to label"):
        create_batch(tmp_path / "c", batch.without({"ann", "bob", "cat", "dan"}))
