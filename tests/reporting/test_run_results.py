"""A run at a threshold: its figures follow the threshold and the band, and the report holds them."""

import io
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from core.evaluation.audit import draw_sample
from core.evaluation.evaluate import evaluate
from core.evaluation.likeness import Likeness
from core.evaluation.prevalence import prevalence_of
from core.evaluation.share_records import PrevalenceRecord
from core.index import Counts
from core.models.folder import ModelInfo
from core.models.settings import ModelSettings
from core.privacy.exports import Content, shareable
from core.privacy.pseudonyms import open_pseudonyms
from core.reporting.account_lists import AccountFilter, errors_in_words
from core.reporting.methods_text import methods_section
from core.reporting.run_results import Run, RunAtThreshold
from core.reporting.study_facts import StudyFacts
from core.reporting.study_report import report
from core.settings import Settings
from core.statistics.drift import BY_TEXTS, Difference, Drift
from core.storage.audit_file import sample_as_csv
from core.storage.listed import NamedList
from core.storage.predictions_file import as_csv, prediction
from core.storage.run_record import RunRecord
from core.utils.tables import safe_csv
from tests.made_model import training_record
from tests.narrowing import present

COUNTS = Counts(300, 0, 300, 300, 900, 900, 100, 100, 300, 1, 0, {"collected": 300})
FACTS = StudyFacts(COUNTS)


@pytest.fixture
def view(tmp_path: Path) -> RunAtThreshold:
    """300 accounts, 100 of them labelled and unknown to a model of medium quality."""
    rng = np.random.default_rng(7)
    ages = rng.choice([14, 17, 19, 22, 30, 45], 300)
    scores = expit(np.where(ages >= 21, 1.2, -1.2) + rng.normal(0, 1, 300))
    lines = [f"known_{at},{age},{score:.6f}" for at, (age, score) in enumerate(zip(ages, scores, strict=True))]
    (tmp_path / "test.csv").write_text("\n".join(["username,age,probability", *lines[:150]]) + "\n")
    table = pd.DataFrame(
        {
            "username": [f"user_{at}" for at in range(300)],
            "probability": scores[::-1],
            "prediction": (scores[::-1] >= 0.5).astype(int),
            "posts": rng.integers(1, 40, 300),
            "age": np.where(np.arange(300) < 100, ages[::-1], np.nan).astype(float),
        }
    )
    table.loc[299, ["probability", "prediction"]] = np.nan
    model = ModelInfo(tmp_path, ModelSettings("encoder", "weights.pth"), training_record({}))
    alike = Drift.of([Difference(name, psi=0, limit=1, sentence="The words are alike.") for name in BY_TEXTS])
    return RunAtThreshold(Run("run", table, model, 21, Likeness(model, 21, alike)), 0.5, 0.9)


def test_counts_and_errors_follow_the_threshold(view: RunAtThreshold) -> None:
    strict = replace(view, threshold=0.9)
    assert strict.counted[0] < view.counted[0] and strict.counted[1] == view.counted[1] == 299
    assert strict.errors["predicted at least 21"].sum() < view.errors["predicted at least 21"].sum()
    assert view.errors.iloc[:, 1:3].to_numpy().sum() == 100


def test_shares_are_those_of_the_command_line(view: RunAtThreshold) -> None:
    assert view.run.model is not None
    expected = prevalence_of(view.run.predictions, view.run.model, 21, 0.5, view.run.drift)
    assert view.prevalence == expected
    assert f"{100 * present(expected['rogan_gladen']['value']):.1f} %" in view.shares["share"].tolist()


EDGES: tuple[Literal["value", "low", "high"], ...] = ("value", "low", "high")


def estimates(view: RunAtThreshold) -> PrevalenceRecord:
    """The shares, which nothing forbids here."""
    assert isinstance(view.prevalence, dict)
    return view.prevalence


@pytest.mark.slow
def test_a_withheld_share_is_a_dash_and_the_texts_say_why(view: RunAtThreshold) -> None:
    sentence = "The words that these accounts use are not those of the training accounts."
    unlike = Difference(BY_TEXTS[0], psi=1, limit=0, sentence=sentence, forbids=True)
    drift = Drift.of([unlike, *(Difference(name) for name in BY_TEXTS[1:])])
    likeness = Likeness(view.run.model, 21, drift)
    withheld = replace(view, run=replace(view.run, likeness=likeness))
    shares = withheld.shares.set_index("estimate").to_dict("index")
    corrected = shares["Corrected for both error rates (Rogan and Gladen)"]
    assert corrected["share"] == corrected["95 % interval"] == "–"
    assert "no estimate of the share" in shares["Counted"]["note"]
    assert not any(sentence in row["note"] for row in shares.values())  # it is said once, and not in every row
    chart = withheld.shares_chart()
    assert chart is not None and "expectation maximisation) withheld" in chart.alt
    assert withheld.known_and_corrected is None
    for text in (methods_section(withheld), report(withheld, FACTS, RunRecord())):
        assert "This count is no estimate of the share" in text and sentence in text
    assert "Rogan and Gladen (1978), the share is" not in methods_section(withheld)


def test_shares_are_about_accounts_that_the_model_had_not_seen(view: RunAtThreshold) -> None:
    assert view.run.model is not None
    seen = [f"user_{at}" for at in range(100, 180)]
    model = replace(view.run.model, training=training_record({"train": seen[:60], "test": seen[60:]}))
    run = replace(view.run, model=model)
    fresh = replace(view, run=run)
    assert fresh.counted[1] == 299 - 80 == fresh.prevalence["accounts"]["counted"]  # type: ignore[index]
    assert run.counted_in_words == (
        "Of the 219 accounts that the model had not seen; 80 that made it or tell its errors are left out."
    )
    assert run.parts["user_100"] == "train" and run.parts["user_179"] == "test"
    gone = replace(view, run=replace(view.run, model=None))
    assert gone.counted[1] == 299 and gone.run.counted_in_words == "Of all 299 predicted accounts."


def test_who_was_erased_since_is_counted_and_said(view: RunAtThreshold) -> None:
    record = RunRecord(accounts=302)
    assert (record.gone(300), record.gone(302), RunRecord().gone(300)) == (2, 0, 0)
    since = replace(view.run, gone=record.gone(len(view.run.predictions)))
    assert since.counted_in_words.endswith(" 2 further accounts of these predictions were erased since.")
    assert "erased" not in view.run.counted_in_words


def test_a_list_of_errors_says_of_how_many_accounts_it_tells(view: RunAtThreshold) -> None:
    assert view.run.model is not None
    known = view.run.predictions.dropna(subset=["age", "probability"])["username"].tolist()
    model = replace(view.run.model, training=training_record({"train": known[:60], "test": known[60:]}))
    learnt = replace(view, run=replace(view.run, model=model))
    assert errors_in_words(learnt, AccountFilter()) == ""  # a list of everybody claims nothing
    said = errors_in_words(learnt, AccountFilter(wrong=True))
    assert f"learnt from 60, and hardly errs on those: how often it errs is told by the other {len(known) - 60}" in said
    nobody = replace(view, run=replace(view.run, model=None))
    assert errors_in_words(nobody, AccountFilter(wrong=True)) == ""


@pytest.mark.parametrize(
    ("method", "said"), [("combined", "measured the model, and chose nothing"), ("frozen", "chose")]
)
def test_a_methods_text_says_once_what_the_validation_accounts_did(
    view: RunAtThreshold, method: str, said: str
) -> None:
    assert view.run.model is not None
    known = view.run.predictions.dropna(subset=["age", "probability"])["username"].tolist()
    split = {"train": known[:40], "validation": known[40:60], "test": known[60:]}
    model = replace(view.run.model, training=training_record(split, method=method))
    text = methods_section(replace(view, run=replace(view.run, model=model)), FACTS)
    assert f"20 {said}" in text
    assert ("chose the model's settings" in text) == ("chose the best of its states" in text) == (method == "frozen")


def test_the_methods_text_says_on_how_many_accounts_the_error_rates_rest(view: RunAtThreshold) -> None:
    found = view.prevalence
    assert not isinstance(found, str)
    labelled = found["error_rates"]["labelled_at_least"] + found["error_rates"]["labelled_under"]
    assert f", on {labelled} labelled accounts" in methods_section(view)


def test_known_ages_are_counted_as_they_are_and_the_others_corrected(view: RunAtThreshold) -> None:
    ages = view.run.predictions["age"]
    known = int((ages >= 21).sum())
    rest = replace(view, run=replace(view.run, predictions=view.run.predictions[ages.isna()]))
    corrected = estimates(rest)["rogan_gladen"]
    whole = view.known_and_corrected
    assert whole is not None
    value, low, high = (present(whole[edge]) for edge in EDGES)
    of_rest = [present(corrected[edge]) for edge in EDGES]
    assert [value, low, high] == pytest.approx([(known + share * 199) / 299 for share in of_rest])
    assert low < value < high
    assert high - low < of_rest[2] - of_rest[1]
    assert rest.known_and_corrected is None


def test_the_text_for_a_paper_holds_the_figures(view: RunAtThreshold) -> None:
    text = methods_section(view)
    rates = estimates(view)["error_rates"]
    assert f"{view.counted[0]} (" in text and "299 accounts that the model had not seen" in text
    assert f"{100 * present(rates['sensitivity']['value']):.1f} %" in text and "Rogan and Gladen" in text
    assert "cannot" not in text and "not known well enough" in methods_section(
        replace(view, run=replace(view.run, model=None))
    )


def test_ages_of_hardly_anybody_are_not_drawn(view: RunAtThreshold) -> None:
    table = view.run.predictions.copy()
    table.loc[0, "age"] = 77
    drawn = {
        chart.title: chart.data for chart in replace(view, run=replace(view.run, predictions=table)).error_charts()
    }
    assert "77" not in drawn["Accuracy by known age"]["group"].tolist()
    assert drawn["Accuracy by known age"]["accounts"].min() >= 5


def test_the_band_holds_what_is_uncertain(view: RunAtThreshold) -> None:
    assert view.band is not None and view.band.low < 0.5 <= view.band.high
    inside = view.run.predictions["probability"].between(view.band.low, view.band.high, inclusive="neither")
    assert uncertain(view) == inside.sum() > 0
    assert uncertain(replace(view, wanted=0.99)) > uncertain(view)
    assert uncertain(replace(view, wanted=None)) == 0


def uncertain(view: RunAtThreshold) -> int:
    return int((view.called == "uncertain").sum())


def test_downloads_say_what_is_uncertain_and_what_is_unknown(view: RunAtThreshold) -> None:
    table = view.downloads()
    assert table["prediction"].isna().sum() == 1
    assert table["uncertain"].sum() == uncertain(view)
    assert "prediction" in as_csv(
        prediction(username, probability, 0.5, posts)
        for username, probability, posts in zip(table["username"], table["probability"], table["posts"], strict=True)
    )


def test_the_download_alone_gives_the_figures_on_the_screen(view: RunAtThreshold, tmp_path: Path) -> None:
    """With names and with pseudonyms: share, accuracy, errors, histogram and what is uncertain."""
    assert view.run.model is not None
    made = {"train": [f"user_{at}" for at in range(20)], "test": [f"user_{at}" for at in range(100, 120)]}
    model = replace(view.run.model, training=training_record(made))
    shown = replace(view, threshold=0.6, run=replace(view.run, model=model))
    for content in (Content(names=True), Content()):
        file = safe_csv(shareable(shown.downloads(), content, open_pseudonyms(Settings(data_dir=tmp_path))))
        table = pd.read_csv(io.BytesIO(file), encoding="utf-8-sig")
        new, told = table[table["part"] == "new"], table["probability"].notna()
        assert (new["prediction"].sum(), new["probability"].notna().sum()) == shown.counted
        judged = table[table["known_age"].notna() & told & ~table["part"].isin(["train", "validation"])]
        right = (judged["prediction"] == (judged["known_age"] >= judged["cutoff"])).sum()
        assert shown.judged is not None and (right, len(judged)) == shown.judged.right_at(0.6)
        assert (new["probability"] * 25).dropna().astype(int).nunique() == shown.distribution().data["start"].nunique()
        assert table["uncertain"].sum() == uncertain(shown)
        about = table[["cutoff", "threshold", "run", "model"]].drop_duplicates().to_numpy().tolist()
        assert about == [[21, 0.6, "run", model.name]]


def test_a_download_can_be_evaluated_like_the_file_of_the_command_line(view: RunAtThreshold, tmp_path: Path) -> None:
    (tmp_path / "download.csv").write_bytes(safe_csv(view.downloads()))
    known = view.run.predictions.dropna(subset=["age"])
    (tmp_path / "labels.csv").write_bytes(safe_csv(known[["username", "age"]]))
    found = evaluate(tmp_path / "download.csv", tmp_path / "labels.csv", resamples=0)
    assert view.judged is not None
    assert found["metrics"]["accuracy"]["value"] == pytest.approx(view.judged.right_at(0.5)[0] / 100)
    assert found["by"] == {}


@pytest.mark.slow
def test_without_a_model_and_labels_it_says_what_is_unknown(view: RunAtThreshold) -> None:
    bare = replace(view, run=replace(view.run, predictions=view.run.predictions.assign(age=np.nan), model=None))
    assert bare.judged is None and bare.errors.empty and bare.band is None
    assert isinstance(bare.prevalence, str) and bare.shares.empty
    assert [*bare.quality_charts(), *bare.error_charts()] == []
    assert "folder is gone" in report(bare, FACTS, RunRecord())


@pytest.mark.slow
def test_the_report_holds_the_figures_and_names_nobody(view: RunAtThreshold) -> None:
    assert view.run.model is not None
    (view.run.model.folder / "README.md").write_text("# A card")
    record = RunRecord(created_at=datetime(2026, 11, 1, 12, tzinfo=UTC), encoder="some-encoder")
    facts = replace(
        FACTS,
        title="Bottles <b>",
        sources={"web": 290, "import:csv": 10},
        period=(datetime(2024, 1, 5), datetime(2026, 10, 30)),
        collected=(datetime(2026, 3, 1), datetime(2026, 11, 2)),
    )
    page = report(view, facts, record)
    assert "user_" not in page and "known_" not in page
    assert page.count("<svg") == 9
    headings = re.findall(r"<h2[^>]*>(.*?)</h2>", page)
    assert len(headings) == len(set(headings)), "one heading twice"
    for expected in (
        view.shares["share"].iloc[1],
        view.errors["in error"].iloc[0],
        "A card",
        "some-encoder",
        "look like those that the model learnt from",
        "1 Mar 2026 to 2 Nov 2026",
        "5 Jan 2024 to 30 Oct 2026",
        "290 collected from Instagram",
        "10 imported (csv)",
        "Bottles &lt;b&gt;",
        "Lang Z, Reiczigel J (2014)",
        "The share is estimated from",
    ):
        assert expected in page


def test_the_histogram_shows_accounts_new_to_the_model_unless_asked_for_all(view: RunAtThreshold) -> None:
    assert view.run.model is not None
    model = replace(view.run.model, training=training_record({"train": [f"user_{at}" for at in range(80)]}))
    known = replace(view, run=replace(view.run, model=model))
    assert known.distribution().data["size"].sum() == 299 - 80
    assert known.distribution(everybody=True).data["size"].sum() == 299
    assert "new to the model" in known.distribution().title


def test_ages_are_grouped_and_no_group_lies_on_both_sides_of_the_cutoff(view: RunAtThreshold) -> None:
    by_age = next(chart for chart in view.error_charts() if "age" in chart.title).data
    assert by_age["group"].tolist() == ["13 to 15", "16 to 17", "18 to 20", "21 to 24", "30 to 39", "40 to 49"]
    assert ((by_age["at_least"] == 0) | (by_age["at_least"] == by_age["accounts"])).all()


def test_every_estimate_of_the_share_is_in_one_picture(view: RunAtThreshold) -> None:
    chart = view.shares_chart()
    assert chart is not None
    assert chart.data["estimate"].tolist()[:2] == ["Counted", "Corrected for both error rates (Rogan and Gladen)"]
    assert (chart.data["low"] <= chart.data["value"]).all() and (chart.data["value"] <= chart.data["high"]).all()


def test_a_share_is_of_the_list_that_was_chosen_and_the_missing_are_told(view: RunAtThreshold, tmp_path: Path) -> None:
    predicted = view.run.predictions
    names = predicted["username"][predicted["age"].isna() & predicted["probability"].notna()].iloc[:30]
    of = NamedList(("cohort.csv",), (*names, *(f"ghost_{at}" for at in range(6))))
    listed = replace(view, run=view.run.of_list(of, tmp_path))
    assert listed.counted[1] == 30
    assert listed.judged is not None and view.judged is not None
    assert len(listed.judged.table) == len(view.judged.table)  # everybody's labels tell how good the model is
    text = methods_section(listed)
    assert "The list cohort.csv names 36 accounts: 6 not collected, 30 left to estimate from." in text
    assert "Of all 36 accounts of the list" in text and "the 6 missing" in text
    corrected = estimates(listed)["rogan_gladen"]
    bounds, missing = listed.whole_list["corrected"]
    assert missing == 6
    least, most = present(bounds["none_at_least"]), present(bounds["all_at_least"])
    assert most - least == pytest.approx(6 / 36)
    assert least == pytest.approx(present(corrected["value"]) * 30 / 36)
    assert "Of the whole list: corrected" in listed.shares["estimate"].tolist()
    assert "of the list" not in methods_section(view)


def test_an_audit_sample_stands_first_among_the_shares_and_in_the_text(view: RunAtThreshold) -> None:
    draw, names = draw_sample(view.run.predictions, 40, 1)
    filled = sample_as_csv(names, draw).replace(",,", ",24,", 30).replace(",,", ",17,").encode()
    audited = replace(view, run=replace(view.run, audit=filled))
    assert audited.shares["estimate"].iloc[0] == "From the audit sample"
    assert "By a random sample of 40 accounts whose ages a person found out" in methods_section(audited)
    chart = audited.shares_chart()
    assert chart is not None and "From the audit sample" in chart.data["estimate"].tolist()
    other = replace(audited, run=replace(audited.run, predictions=view.run.predictions.iloc[1:]))
    assert "drawn from other predictions" in str(other.run.audited)
    assert "random sample of 40" not in methods_section(other)


def test_an_account_is_called_the_same_everywhere_and_by_neither_side_with_too_few_captions(
    view: RunAtThreshold,
) -> None:
    strict = replace(view, fewest=5)
    table = strict.downloads()
    assert table["called"].equals(strict.called)
    known = table["probability"].notna()
    few = table["posts"] < 5
    assert set(table["called"][few & known]) == {"too few captions"}
    assert table["called"][~known].tolist() == ["no captions"]
    assert (table["called"] == "uncertain").sum() == (table["uncertain"] & ~few).sum() > 0
    assert set(table["called"]) == {"under 21", "at least 21", "uncertain", "too few captions", "no captions"}
    assert f"{(few & known).sum()} accounts with fewer than 5 captions" in strict.too_few_in_words
    assert view.too_few_in_words == ""
    assert strict.counted == view.counted


def test_a_threshold_that_was_moved_is_marked_as_chosen_by_the_accounts_that_test(view: RunAtThreshold) -> None:
    assert not view.is_moved
    assert "flatters the accuracy" not in methods_section(view)
    moved = replace(view, threshold=0.62)
    assert moved.is_moved
    assert "At a threshold of 0.62, chosen in view of these very accounts, which flatters" in methods_section(moved)
    assert not replace(moved, run=replace(view.run, model=None)).is_moved


def test_at_another_cutoff_the_model_s_own_probabilities_and_errors_count(view: RunAtThreshold, tmp_path: Path) -> None:
    assert view.run.model is not None
    settings = ModelSettings("encoder", "weights.pth", age_cutoffs=(18.0, 21.0), thresholds=(0.4, 0.5))
    run = replace(view.run, model=replace(view.run.model, settings=settings))
    names, raised = run.predictions["username"], (run.predictions["probability"] + 0.1).clip(upper=1)
    lower = dict(zip(map(str, names), map(float, raised), strict=True))
    other = RunAtThreshold(run.at_cutoff(18, lower), 0.4, 0.9)
    assert other.cutoff == 18 and not other.is_moved
    assert other.judged is not None and other.judged.table["at_least"].sum() > view.judged.table["at_least"].sum()  # type: ignore[union-attr]
    assert other.counted[0] > view.counted[0]
    assert set(other.downloads()["cutoff"]) == {18}
    assert "at least 18" in other.distribution().alt
