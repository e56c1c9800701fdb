"""The Label page: one account at a time, blind, and every answer on the disk before the next account is shown."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import ButtonGroup

from core.labelling.batches import Batch, create_batch, list_batches
from core.labelling.records import Record, add_record, read_records
from core.settings import get_settings
from core.storage.account_files import write_account
from core.storage.models import Account, Post
from core.storage.user_lists import read_labels
from tests.pages.run_page import run
from tests.pages.test_pages import predicted, sample, study, words

__all__ = ["predicted", "sample", "study"]

NAMES = ("ann", "bob", "cat")
CAPTIONS = {
    "ann": ["I just turned 24 **not bold** <b>not bold</b>", "my son turned 5", "good coffee"],
    "bob": ["school is over"],
    "cat": ["$x$ [a link](https://example.org)"],
}


@pytest.fixture
def batch(study: Path) -> Batch:
    for name, captions in CAPTIONS.items():
        posts = [
            Post(id=str(at), caption=text, taken_at=datetime(2026, 10 + at, 1, 10, tzinfo=UTC))
            for at, text in enumerate(captions)
        ]
        write_account(study / "accounts", Account(username=name, posts=posts))
    return create_batch(get_settings().coding_dir, Batch(name="b", purpose="random", cutoff=21, usernames=NAMES))


def label(coder: str = "kim", show: str = "Label") -> AppTest:
    return run("label", batch="b", coder=coder, show=show)


def press(app: AppTest, name: str) -> None:
    next(button for button in app.button if button.label == name).click().run()
    assert not app.exception and not app.error


def type_age(app: AppTest, text: str) -> None:
    next(field for field in app.text_input if field.label == "Age or year of birth").set_value(text)
    next(button for button in app.button if button.label == "Save").click().run()
    assert not app.exception


def said(batch: Batch) -> list[tuple[str, str, str]]:
    return [(r.coder, r.username, r.answer) for r in read_records(get_settings().coding_dir / batch.name)]


def test_each_answer_is_kept_at_once_and_the_next_account_follows(batch: Batch) -> None:
    app = label()
    shown = []
    for answer in ("Under 21", "At least 21", "Cannot tell"):
        shown.append(app.subheader[0].value)
        press(app, answer)
    assert shown == list(NAMES)
    assert [answer for *_, answer in said(batch)] == ["under 21", "at least 21", "cannot tell"]
    assert "labelled every account" in words(app)


def test_an_age_is_typed_and_what_is_none_is_refused_and_loses_nothing(batch: Batch) -> None:
    app = label()
    type_age(app, "240")
    assert "no age" in app.error[0].value and app.subheader[0].value == "ann"
    type_age(app, "24")
    type_age(app, "2000")
    assert [answer for *_, answer in said(batch)] == ["24", "25-26"]
    assert app.subheader[0].value == "cat"


def test_an_account_that_was_skipped_comes_again_and_one_can_go_back(batch: Batch) -> None:
    app = label()
    press(app, "Skip")
    press(app, "Under 21")
    assert app.subheader[0].value == "cat"
    press(app, "Back")
    assert app.subheader[0].value == "bob" and "You said: under 21" in words(app)
    press(app, "At least 21")
    press(app, "Cannot tell")
    assert app.subheader[0].value == "ann"
    assert said(batch)[-2:] == [("kim", "bob", "at least 21"), ("kim", "cat", "cannot tell")]


def test_a_self_report_is_offered_to_confirm_and_is_no_label_by_itself(batch: Batch) -> None:
    app = label()
    assert said(batch) == []
    press(app, "Confirm 24")
    [record] = read_records(get_settings().coding_dir / batch.name)
    assert (record.username, record.answer, record.evidence) == ("ann", "24", "self-report")
    assert not any(button.label.startswith("Confirm") for button in app.button)


def test_words_of_age_are_marked_and_captions_are_never_markdown(batch: Batch) -> None:
    app = label()
    text = "\n".join(str(table.value.to_csv()) for table in app.table)
    assert ":orange-background[I just turned 24]" in text and ":gray-background[son turned 5]" in text
    assert r"\*\*not bold\*\*" in text and r"\<b\>" in text
    for _ in range(2):
        press(app, "Skip")
    assert r"\$x\$ \[a link\]" in "\n".join(str(table.value.to_csv()) for table in app.table)


def test_coders_are_blind_to_each_other_and_to_the_model(predicted: Path) -> None:
    app = run("label")
    press(app, "Make the batch")
    [made] = list_batches(get_settings().coding_dir)
    assert made.purpose == "audit" and made.draw and len(made.usernames) == 40
    add_record(get_settings().coding_dir / made.name, Record(username=made.usernames[0], coder="lee", answer="77"))
    app = run("label", batch=made.name, coder="kim")
    seen = words(app) + "".join(str(metric.value) for metric in app.metric)
    assert "77" not in seen and "robability" not in seen and "nown age" not in seen


@pytest.mark.parametrize("purpose", ["audit", "uncertain", "random"])
def test_every_choice_of_what_to_label_says_what_it_is_good_for_and_draws(predicted: Path, purpose: str) -> None:
    app = run("label")
    purposes = app.get("button_group")[0]
    assert isinstance(purposes, ButtonGroup)
    purposes.set_value(purpose).run()
    good_for = {"audit": "Tells the **share**", "uncertain": "nothing of a share", "random": "first model"}
    assert good_for[purpose] in words(app)
    press(app, "Make the batch")
    [made] = list_batches(get_settings().coding_dir)
    assert made.purpose == purpose and len(set(made.usernames)) == 40


def test_two_coders_agree_settle_and_their_labels_are_taken_by_train(batch: Batch, study: Path) -> None:
    for coder, answers in {"kim": ("24", "under 21", "30"), "lee": ("24", "26", "31")}.items():
        for name, answer in zip(NAMES, answers, strict=True):
            add_record(get_settings().coding_dir / "b", Record(username=name, coder=coder, answer=answer))
    app = label("kim", "Agreement")
    assert {metric.label: metric.value for metric in app.metric}["All say the same"] == "67 %"
    assert app.subheader[0].value == "1 account to settle"
    next(field for field in app.text_input if field.label == "Settled answer").set_value("20")
    press(app, "Settle")
    assert "to settle" not in "".join(element.value for element in app.subheader)
    press(app, "Keep as labels")
    labels = read_labels(study / "labels" / "b.csv")
    assert labels.ages == {"ann": 24, "bob": 20} and str(labels.ranges["cat"]) == "30-31"


def test_an_audit_sample_tells_the_share_and_the_command_that_does(predicted: Path) -> None:
    press(run("label"), "Make the batch")
    [made] = list_batches(get_settings().coding_dir)
    for at, name in enumerate(made.usernames):
        answer = "30" if at % 2 else "under 21"
        add_record(get_settings().coding_dir / made.name, Record(username=name, coder="kim", answer=answer))
    app = run("label", batch=made.name, coder="kim", show="Agreement")
    share = next(metric for metric in app.metric if "accounts of run" in metric.label)
    low, high = (float(end) for end in share.delta.replace("%", "").split(" to "))
    assert low < 50 < high and f"--audit {get_settings().coding_dir}" in app.code[0].value


def test_nothing_is_labelled_without_a_name(batch: Batch) -> None:
    app = run("label", batch="b")
    assert "Type your name" in app.info[0].value


def test_a_link_to_a_batch_opens_that_one_and_not_the_newest(batch: Batch) -> None:
    newer = batch.model_copy(update={"name": "newer", "created_at": batch.created_at + timedelta(hours=1)})
    create_batch(get_settings().coding_dir, newer)
    app = label()
    assert app.selectbox[0].value == "b" and app.query_params["batch"] == "b"
    press(app, "Under 21")
    assert [r.username for r in read_records(get_settings().coding_dir / "b")] == ["ann"]
    assert not read_records(get_settings().coding_dir / "newer")


def test_a_link_to_a_batch_that_is_not_there_says_so(batch: Batch) -> None:
    app = run("label", batch="none", coder="kim")
    assert "no batch called none" in app.warning[0].value and app.selectbox[0].value == "b"
