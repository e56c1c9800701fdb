"""Every page, run by Streamlit itself without a browser, on an empty study and on the sample."""

import re
import shlex
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button, ButtonGroup, FileUploader

from core.collection.arguments import CollectArguments
from core.evaluation.audit import draw_sample
from core.evaluation.evaluate import read_predictions
from core.importers.arguments import ImportArguments
from core.labelling.batches import list_batches
from core.models.settings import ModelSettings
from core.models.training_record import LabelsRecord
from core.settings import get_settings
from core.statistics.estimate import Estimate
from core.storage.account_files import write_account
from core.storage.audit_file import sample_as_csv
from core.storage.models import Account, Post
from core.storage.own_names import say_of
from core.storage.predictions_file import read_rows, read_table, write_table
from core.utils.io import write_atomically, write_json
from core.utils.records import write_record
from core.utils.spreadsheets import csv_text
from tests.in_process import core
from tests.made_model import comparison_record
from tests.made_study import add_ended_job, add_model, add_predictions, add_running_job
from tests.pages.run_page import run

GRAPH_SECRETS = ("AGESCOPE_GRAPH_USER_ID", "AGESCOPE_GRAPH_TOKEN")
PAGES = ["overview", "collect", "posts", "label", "train", "results", "jobs", "erase", "settings"]


@pytest.fixture(autouse=True)
def study(data_dir: Path) -> Path:
    """An empty data folder."""
    return data_dir


@pytest.fixture
def sample(study: Path, sample_study: Path) -> Path:
    return sample_study


@pytest.fixture
def predicted(sample: Path) -> Path:
    """The sample with two prediction runs of a model that learnt from a few of its accounts."""
    add_model(sample / "models" / "the-model")
    add_predictions(sample, sample / "models" / "the-model")
    return sample


def bars(app: AppTest) -> list[str]:
    """The texts of all progress bars, as they are read."""
    return [re.sub(r"\\(.)", r"\1", bar.proto.text) for bar in app.get("progress")]


def words(app: AppTest) -> str:
    elements = [*app.markdown, *app.caption, *app.info, *app.warning, *app.error, *app.success, *app.subheader]
    return "\n".join(str(element.value) for element in elements)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_on_an_empty_study(page: str) -> None:
    app = run(page)
    assert app.title[0].value.lower() == page
    assert not app.error


def settings_from(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"AGESCOPE_{name.upper()}", value)
    get_settings.cache_clear()


def test_nobody_sees_a_study_that_names_people_who_cannot_sign_in(monkeypatch: pytest.MonkeyPatch) -> None:
    settings_from(monkeypatch, people="ada@example.org")
    app = run("overview")
    assert [element.value for element in app.title] == ["AgeScope"]
    assert "has no [auth]" in app.error[0].value


def test_a_setting_that_cannot_be_used_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    settings_from(monkeypatch, graph_url="ftp://example.org")
    assert "AGESCOPE_GRAPH_URL cannot be used" in run("overview").error[0].value


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_on_the_sample(sample: Path, page: str) -> None:
    assert not run(page).error


def metric(app: AppTest, label: str) -> str:
    return next(str(element.value) for element in app.metric if label in element.label)


@pytest.mark.parametrize("view", ["Accounts", "How good", "Share", "Compare", "Download"])
def test_every_view_of_the_results_opens(predicted: Path, view: str) -> None:
    app = run("results", view=view)
    assert not app.error
    assert "%" in metric(app, "counted") and "%" in metric(app, "Corrected")


def test_a_run_that_is_kept_as_parquet_is_shown_and_audited_like_one_of_csv(predicted: Path) -> None:
    before = run("results", view="Share")
    for path in (predicted / "predictions").glob("*/predictions.csv"):
        write_table(path.with_suffix(".parquet"), read_table(path))
        path.unlink()
    app = run("results", view="Share")
    assert [metric.value for metric in app.metric] == [metric.value for metric in before.metric]
    assert words(app) == words(before)
    drawn = run("label")
    purposes = drawn.get("button_group")[0]
    assert isinstance(purposes, ButtonGroup)
    purposes.set_value("audit").run()
    next(button for button in drawn.button if button.label == "Make the batch").click().run()
    assert not drawn.exception and not drawn.error
    assert [len(batch.usernames) for batch in list_batches(get_settings().coding_dir)] == [40]


def test_the_threshold_moves_the_share_and_the_errors(predicted: Path) -> None:
    app = run("results", view="How good")
    before = metric(app, "counted"), metric(app, "Accuracy"), app.dataframe[0].value.to_dict()
    next(slider for slider in app.slider if slider.label == "Threshold").set_value(0.95).run()
    assert not app.exception
    after = metric(app, "counted"), metric(app, "Accuracy"), app.dataframe[0].value.to_dict()
    assert all(old != new for old, new in zip(before, after, strict=True))


def test_accounts_that_made_the_model_do_not_judge_it(predicted: Path) -> None:
    app = run("results", view="How good")
    assert "accounts that made the model are left out" in words(app)


def test_the_cutoff_is_moved_and_brings_its_own_threshold(predicted: Path) -> None:
    folder, run_folder = predicted / "models" / "the-model", predicted / "predictions" / "run-1"
    settings = ModelSettings("encoder", "weights.pth", age_cutoffs=(18.0, 21.0), thresholds=(0.4, 0.5))
    write_json(folder / "config.json", {"agescope": settings.as_dict()})
    rows = [row for row in read_rows(run_folder / "predictions.csv") if row.probability is not None]
    told = [(row.username, min(1, (row.probability or 0) + 0.2), row.probability) for row in rows]
    write_atomically(
        run_folder / "predictions.cutoffs.csv", csv_text(["username", "probability_18", "probability_21"], told)
    )
    app = run("results", run="run-1")
    before = metric(app, "Share at least 21, counted")
    app.select_slider(key="cutoff").set_value(18.0).run()
    assert not app.exception
    assert metric(app, "Share at least 18, counted") > before
    assert app.slider(key="threshold").value == 0.4
    assert metric(run("results", run="run-1", cutoff="18"), "Share at least 18, counted")


def test_an_address_lists_the_accounts_behind_a_bar_beside_all_others(predicted: Path) -> None:
    app = run("results", run="run-1", behind="probability 24 no_label", why="sample_dov_04")
    lists = [each.value for each in app.dataframe if "called" in each.value]
    assert len(lists) == 2 and lists[0]["probability"].min() >= 0.96 and len(lists[1]) == 50


def test_an_address_lists_the_accounts_behind_a_cell_and_they_become_a_batch(predicted: Path) -> None:
    app = run("results", run="run-1", view="How good", behind="confusion under at_least")
    title = "Known to be under 21, predicted at least 21"
    listed = next(str(each.value) for each in app.markdown if title in each.value)
    number = int(re.sub(r"\D", "", listed.partition("account")[0]))
    next(each for each in app.button if each.label == "Label these").click().run()
    [batch] = list_batches(predicted / "coding")
    assert len(batch.usernames) == number and batch.purpose == "chosen" and batch.cutoff == 21


def test_an_outcome_and_a_day_on_the_overview_list_their_accounts(sample: Path) -> None:
    app = run("overview", behind="outcome empty")
    [listed] = [each.value for each in app.dataframe if "outcome" in each.value]
    assert set(listed["outcome"]) == {"empty"} and f"{len(listed)} account" in words(app)
    assert "Label these" not in [each.label for each in app.button]  # they have nothing to read
    days = listed["collected_at"].dt.strftime("%Y-%m-%d")
    app = run("overview", behind=f"day {days.iloc[0]}")
    listed = next(each.value for each in app.dataframe if "outcome" in each.value)
    assert set(listed["collected_at"].dt.strftime("%Y-%m-%d")) == {days.iloc[0]}
    next(each for each in app.button if each.label == "Label these").click().run()
    [batch] = list_batches(sample / "coding")
    assert batch.purpose == "chosen" and batch.run is None and batch.usernames


def test_an_address_that_names_no_part_of_a_chart_lists_nothing(sample: Path) -> None:
    for address in ("outcome nonsense", "day yesterday", "weather", "outcome"):
        assert not run("overview", behind=address).dataframe


def test_two_runs_are_compared(predicted: Path) -> None:
    app = run("results", view="Compare")
    assert "By AUC" in words(app)
    assert "fall on different sides of the threshold" in words(app)
    assert "McNemar" in words(app)


def test_the_runs_of_a_comparison_are_called_as_people_call_them(predicted: Path) -> None:
    say_of(predicted / "predictions" / "run-0", name="The first")
    app = run("results", view="Compare", run="run-1", other="run-0")
    assert app.selectbox(key="other").options == ["The first"]
    assert "The first" in " ".join(map(str, app.table[0].value.columns))
    say_of(predicted / "predictions" / "run-1", name="The first")
    assert run("results", run="run-1").selectbox(key="run").options == ["The first (run-1)", "The first (run-0)"]


def test_two_models_that_are_ticked_are_compared_by_their_latest_predictions(predicted: Path) -> None:
    for name in ("another", "third"):
        add_model(predicted / "models" / name)
    record = predicted / "predictions" / "run-0" / "predictions.run.json"
    record.write_text(record.read_text().replace("the-model", "another"))
    app = run("train")
    models = next(each.value["folder"] for each in app.dataframe if "folder" in each.value).tolist()

    def tick(*names: str) -> None:
        rows = [models.index(name) for name in names]
        app.session_state["models_0"] = {"selection": {"rows": rows, "columns": [], "cells": []}}
        app.run()
        assert not app.exception

    tick("the-model", "third")
    assert "Predict with third on Results first" in words(app)
    tick("the-model", "another")
    [link] = [it.proto for it in app.get("page_link") if it.proto.label.startswith("Compare")]
    assert link.query_string == "run=run-1&other=run-0&view=Compare"


def test_a_link_opens_a_model_and_one_that_is_not_there_is_said(predicted: Path) -> None:
    app = run("train", model="the-model")
    assert "# Who is at least 21?" in words(app)
    app.button(key="close_model").click().run()
    assert "# Who is at least 21?" not in words(app) and "model" not in app.query_params
    assert "no model called nonsense" in words(run("train", model="nonsense"))


def test_a_link_opens_a_job_above_the_others_and_one_that_is_not_there_is_said(sample: Path) -> None:
    folders = [add_ended_job(sample, kind, [], {}, exit_status=1) for kind in ("import", "train")]
    app = run("jobs", job=folders[0].name)
    assert [it.value for it in app.markdown if it.value.endswith("job**")] == ["**A import job**", "**A train job**"]
    assert app.code[0].value == "first line\nlast line"
    assert "no job nonsense" in words(run("jobs", job="nonsense"))


def test_one_model_is_trained_for_a_range_of_cutoffs(sample: Path) -> None:
    app = run("train", cutoff="21")
    app.toggle(key="several").set_value(True).run()
    app.slider(key="cutoffs").set_value((17, 19)).run()
    assert not app.exception
    command = next(code.value for code in app.code if "-m core train" in code.value)
    assert re.findall(r"--age-cutoff (\S+)", command) == ["17", "18", "19", "21"]
    assert "at-least-17-to-21" in command


def test_a_link_shows_the_same_run(predicted: Path) -> None:
    chosen = next(box for box in run("results", run="run-0").selectbox if box.label == "Predictions")
    assert chosen.value == "run-0"


def test_a_link_shows_the_same_threshold_until_another_run_is_chosen(predicted: Path) -> None:
    app = run("results", run="run-0", threshold="0.8")
    slider = next(slider for slider in app.slider if slider.label == "Threshold")
    assert slider.value == 0.8
    next(box for box in app.selectbox if box.label == "Predictions").set_value("run-1").run()
    assert not app.exception
    assert next(slider for slider in app.slider if slider.label == "Threshold").value == 0.5


def test_a_link_opens_the_reasons_of_an_account(predicted: Path) -> None:
    app = run("results", why="sample_dov_04")
    assert r"sample\_dov\_04" in words(app)
    order = [element.type for element in app.main if element.type in ("info", "vega_lite_chart")]
    assert order == ["info", "vega_lite_chart"], "the answer stands above what it was not asked for"
    next(button for button in app.button if button.label == "Close").click().run()
    assert r"sample\_dov\_04" not in words(app)


def test_accounts_between_two_ages_are_listed_until_the_filters_are_cleared(predicted: Path) -> None:
    app = run("results", age_from="20", age_to="22", wrong="true")
    [listed] = [each.value for each in app.dataframe if "called" in each.value]
    assert len(listed) and listed["known_age"].between(20, 22).all()
    next(button for button in app.button if button.label == "Clear filters").click().run()
    assert not app.exception and "420 accounts" in words(app)
    assert not {"age_from", "age_to", "wrong"} & set(app.query_params)
    assert "No account passes these filters" in words(run("results", find="nobody of this name"))


def test_a_model_newer_than_all_predictions_is_offered_before_those_of_another(predicted: Path) -> None:
    assert "is newer than all predictions" not in words(run("results"))
    add_model(predicted / "models" / "newer", created_at=datetime(2026, 11, 9, tzinfo=UTC))
    app = run("results")
    assert "**newer** is newer than all predictions" in words(app)
    assert "Predict now" in [button.label for button in app.button]


def test_a_model_is_shown_beside_the_baselines_it_was_compared_with(predicted: Path) -> None:
    assert "compare all" in words(run("results", view="How good"))
    record = comparison_record({"majority": Estimate(0.5, 0.4, 0.6), "the-model": Estimate(0.9, 0.8, 0.95)})
    write_record(predicted / "models" / "comparison.json", record)
    st.cache_data.clear()
    tables = [table.value for table in run("results", view="How good").dataframe]
    [beside] = [table for table in tables if "method" in table]
    assert beside["method"].tolist() == ["the-model (this one)", "majority"]
    assert beside["auc"].tolist() == ["0.900 (0.800 to 0.950)", "0.500 (0.400 to 0.600)"]


def ask(app: AppTest) -> None:
    """Run the query, and look again until it has been answered."""
    next(button for button in app.button if button.label == "Run").click().run()
    while "running_query" in app.session_state:
        app.run()


def test_a_long_query_can_be_stopped_from_the_page(sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = run("posts", show="SQL")
    app.text_area(key="query").set_value("SELECT count(*) FROM posts a, posts b, posts c, posts d")
    next(button for button in app.button if button.label == "Run").click().run()
    next(button for button in app.button if button.label == "Stop the query").click().run()
    while "running_query" in app.session_state:
        app.run()
    assert "stopped, as you asked" in words(app) and not app.exception


def test_a_query_is_answered_or_its_mistake_is_said(sample: Path) -> None:
    app = run("posts", show="SQL")
    app.text_area(key="query").set_value("SELECT count(*) AS accounts FROM accounts")
    ask(app)
    assert app.dataframe[-1].value["accounts"].tolist() == [420]
    app.text_area(key="query").set_value("DROP TABLE accounts")
    ask(app)
    assert "Only one SELECT" in words(app) and not app.exception


def test_a_link_opens_an_account(sample: Path) -> None:
    app = run("posts", account="sample_dov_04")
    assert "sample" in words(app) and metric(app, "Known age") == "20"
    assert "not in this study" in words(run("posts", account="nobody"))


def test_columns_of_one_name_do_not_break_the_page(sample: Path) -> None:
    app = run("posts", show="SQL")
    app.text_area(key="query").set_value("SELECT username, username FROM accounts LIMIT 3")
    ask(app)
    assert not app.exception and not app.error
    assert list(app.dataframe[-1].value.columns) == ["username", "username_2"]


@pytest.mark.parametrize("example", ["Accounts with known ages", "Captions with a word, by known age"])
def test_an_example_is_answered(sample: Path, example: str) -> None:
    app = run("posts", show="SQL")
    app.selectbox[0].set_value(example).run()
    ask(app)
    assert not app.exception and not app.error
    assert len(app.dataframe[-1].value)


def test_every_table_is_explained_beside_the_query(sample: Path) -> None:
    [schema] = run("posts", show="SQL").table
    row = [str(cell) for cell in schema.value.to_numpy()[2]]
    assert "known age" in " ".join(row) and "ages" in row[0]


def test_an_opened_account_stands_above_the_table_with_the_way_to_its_reasons(predicted: Path) -> None:
    app = run("posts", account="sample_dov_04")
    order = [element.type for element in app.main if element.type in ("metric", "page_link", "dataframe")]
    assert order == ["metric"] * 5 + ["page_link", "dataframe"]
    link = app.get("page_link")[-1].proto
    assert link.page == "results" and link.query_string == "run=run-1&why=sample_dov_04"


def test_an_opened_account_shows_the_posts_that_the_filters_ask_for_until_all_are_wanted(study: Path) -> None:
    posts = [Post(id=str(at), caption=caption) for at, caption in enumerate(["no school today", "lunch", "the sea"])]
    write_account(study / "accounts", Account(username="ann", posts=posts))
    app = run("posts", account="ann", words="school")
    assert len(app.table[0].value) == 1 and "school" in str(app.table[0].value)
    next(toggle for toggle in app.toggle if toggle.label.startswith("Only the 1 post of 3")).set_value(False).run()
    assert len(app.table[0].value) == 3
    assert len(run("posts", account="ann", words="mountain").table[0].value) == 3


def test_filters_are_cleared(sample: Path) -> None:
    filters = {
        "user": "dov",
        "words": "school",
        "since": "2026-01-01",
        "label": "known",
        "least": "3",
        "outcome": "empty",
    }
    app = run("posts", **filters)
    next(button for button in app.button if button.label == "Clear filters").click().run()
    assert not app.exception
    assert "420 accounts found" in words(app)
    assert "Clear filters" not in [button.label for button in app.button]
    assert not set(filters) & set(app.query_params)


def test_posts_are_sorted(sample: Path) -> None:
    newest, oldest = (
        [
            pd.to_datetime(about.replace("\u00a0", " ").splitlines()[1].strip().removesuffix(" UTC"))
            for about in run("posts", show="Posts", posts_order=order).table[0].value["post"]
        ]
        for order in ("newest first", "oldest first")
    )
    assert newest == sorted(newest, reverse=True) and oldest == sorted(oldest) and newest[0] > oldest[0]


def test_what_was_searched_for_is_marked_and_nothing_in_a_caption_is_markdown(study: Path) -> None:
    caption = "see [this](https://example.org) <b>coffee</b> and $x$"
    write_account(study / "accounts", Account(username="anna", posts=[Post(id="1", caption=caption)]))
    [shown] = run("posts", show="Posts", words="coffee").table[0].value["caption"]
    assert ":orange-background[coffee]" in shown
    assert not re.search(r"(?<!\\)[<>$(]|(?<!\\)\](?=\()", shown.replace(":orange-background[coffee]", ""))


def test_failed_accounts_can_be_tried_again_and_refusals_are_explained(sample: Path) -> None:
    asked = {"kind": "refusal", "username": "anna", "route": "profile", "error": "TooManyRequests", "answer": "429"}
    refusal = {**asked, "meaning": "Slow down *now*.", "advice": "Set lower limits."}
    add_ended_job(sample, "collect", [refusal, refusal], {"collected": 5, "failed": 3})
    app = run("collect")
    assert any(button.label == "Try 3 failed accounts again" for button in app.button)
    assert [str(warning.value) for warning in app.warning] == [r"Slow down \*now\*\. Set lower limits\."]


def test_options_become_the_command(sample: Path) -> None:
    app = run("collect")
    app.segmented_control(key="from").set_value("graph")
    app.segmented_control(key="proxies").set_value("public")
    app.number_input(key="jitter").set_value(2.5)
    app.number_input(key="refresh").set_value(30.0)
    app.run()
    command = app.code[0].value
    asked = CollectArguments(
        sample / "lists" / "sample.csv",
        sample / "accounts",
        source="graph",
        useproxies=True,
        jitter=2.5,
        refresh_days=30,
    )
    assert command.endswith(f" -m core {shlex.join(asked.short_argv())}")
    for option in ("--source graph", "--useproxies", "--jitter 2.5", "--refresh 30"):
        assert option in command


def test_a_long_list_is_looked_through_after_the_page_stands(sample: Path) -> None:
    (sample / "lists" / "long.csv").write_text("username\n" + "\n".join(f"user_{n}" for n in range(10_001)))
    app = run("collect", list="long")
    assert "Looking at what is there" in words(app)
    assert "An account takes" not in words(app)
    assert "Start collecting" in [button.label for button in app.button]
    app.run()
    assert "Looking at what is there" not in words(app)
    assert "An account takes" in words(app)


def test_a_list_of_which_nothing_is_left_is_not_started(sample: Path) -> None:
    app = run("collect")
    assert "Nothing is left to collect" in words(app)
    [start] = [button for button in app.button if button.label == "Start collecting"]
    assert start.disabled
    (sample / "lists" / "further.csv").write_text("username\nanna\n")
    app = run("collect", list="further")
    assert not next(button for button in app.button if button.label == "Start collecting").disabled
    assert "An account takes" in words(app)


def keep(app: AppTest, name: str, content: bytes) -> AppTest:
    """Hand in a list or labels, and press the one button."""
    app.file_uploader[0].set_value((name, content, "text/csv")).run()
    next(
        each for each in app.button if each.label.startswith("Keep these labels") or each.label == "Keep this list"
    ).click().run()
    assert not app.exception, app.exception
    return app


def test_a_list_is_shown_before_anything_of_it_is_kept(study: Path) -> None:
    content = b"Wave 2\nhandle;nick;age\nAnna;bee;24,5\nno name!;x;30\nbob;cat;1998\n"
    app = run("collect")
    app.file_uploader[0].set_value(("people.csv", content, "text/csv")).run()
    shown = words(app).replace("\\", "")
    assert "**2 usable accounts** · 1 with a known age" in shown
    assert (
        "a table with semicolons between its cells; usernames come from the column 'handle', ages from 'age'" in shown
    )
    assert app.dataframe[0].value.to_dict("records") == [
        {"username": "anna", "age": "24.5"},
        {"username": "bob", "age": ""},
    ]
    assert app.dataframe[1].value["line"].tolist() == [4]
    assert "year of birth" in shown and app.dataframe[2].value["line"].tolist() == [5]
    assert [each.proto.label for each in app.get("download_button")].count("Download what was left out") == 2
    assert not (study / "lists").exists() and not (study / "labels").exists()
    app.selectbox[0].set_value("nick").run()
    assert app.dataframe[0].value["username"].tolist() == ["bee", "x", "cat"]
    next(each for each in app.button if each.label == "Keep this list").click().run()
    assert (study / "lists" / "people.csv").read_text() == "username\nbee\nx\ncat\n"


def test_labels_are_shown_before_they_are_kept_and_what_is_left_out_stays(sample: Path) -> None:
    app = run("train")
    content = b"Account,years\nanna,20\nbob,old\nsample_none,30\n"
    app.file_uploader[0].set_value(("mine.csv", content, "text/csv")).run()
    assert "has no age column" in words(app) and not button(app, "Keep these labels")
    app.selectbox[1].set_value("years").run()
    assert "**2 usable ages**" in words(app) and not (sample / "labels" / "mine.csv").exists()
    next(each for each in app.button if each.label == "Keep these labels").click().run()
    assert (sample / "labels" / "mine.csv").read_text() == "username,age\nanna,20\nsample_none,30\n"
    app = run("train")
    assert app.dataframe[0].value[["line", "text"]].to_dict("records") == [{"line": 3, "text": "bob, old"}]
    assert "2 of 2 labelled accounts are not collected" in words(app)


def test_a_list_in_an_encoding_that_nothing_tells_is_read_as_a_person_says(study: Path) -> None:
    app = run("collect")
    app.file_uploader[0].set_value(("people.csv", "username,note\nanna,При\n".encode("mac_cyrillic"), "text/csv")).run()
    assert "say its encoding" in words(app) and not button(app, "Keep this list")
    next(box for box in app.selectbox if box.label == "Encoding").set_value("mac_cyrillic").run()
    assert "1 usable account" in words(app) and button(app, "Keep this list")


def test_a_list_with_ages_is_kept_as_labels_too(study: Path) -> None:
    keep(run("collect"), "people.csv", b"username,age\nanna,20\nbob,\n")
    assert (study / "lists" / "people.csv").read_text() == "username\nanna\nbob\n"
    assert (study / "labels" / "people.csv").read_text() == "username,age\nanna,20\n"


def test_ages_of_a_list_that_are_not_used_are_shown_with_their_reasons(study: Path) -> None:
    content = b"username,age\nanna,20\nbob,150\nx@example.com,30\ncarla,20\ncarla,30\n"
    app = keep(run("collect"), "people.csv", content)
    assert "**3 usable accounts** · 1 with a known age" in words(app)
    assert [box.label for box in app.expander][:2] == [
        "1 line not usable: show why",
        "3 ages not usable: show why",
    ]
    assert app.dataframe[1].value["text"].tolist() == ["bob, 150", "carla, 20", "carla, 30"]
    assert "1 with a known age" in words(run("collect", list="people"))
    assert (study / "labels" / "people.csv").read_text() == "username,age\nanna,20\n"


def test_lines_that_a_list_leaves_out_are_shown_after_the_upload_is_gone(study: Path) -> None:
    keep(run("collect"), "people.csv", b"username,age\nanna,20\nno name!,3\nbob,150\n")
    app = run("collect", list="people")
    assert [box.label for box in app.expander][:2] == ["1 line not usable: show why", "1 age not usable: show why"]
    assert app.dataframe[0].value[["line", "text"]].to_dict("records") == [{"line": 3, "text": "no name!"}]
    assert [each.proto.label for each in app.get("download_button")].count("Download what was left out") == 2


def test_an_import_shows_what_it_would_bring_before_anything_is_kept(study: Path) -> None:
    table = b"username,caption,remark,date\nanna,x,so tired,2024-05-01\nbob,y,fine, too,2024-05-02\n"
    app = run("collect", source="Import files")
    app.file_uploader[0].set_value(("posts.csv", table, "text/csv")).run()
    assert not app.exception
    assert "**1 account** · **1 post**" in words(app) and "caption from 'caption'" in words(app).replace("\\", "")
    assert app.dataframe[0].value[["account", "caption"]].to_dict("records") == [{"account": "anna", "caption": "x"}]
    assert "the first: line 3" in words(app).replace("\\", "")
    assert not (study / "accounts").exists() and button(app, "Import")
    app.text_input[1].set_value("caption=remark").run()
    assert app.dataframe[0].value["caption"].tolist() == ["so tired"]
    app.text_input[1].set_value("nonsense").run()
    assert "which column is what" in words(app) and not button(app, "Import")


def test_an_import_of_nothing_that_is_understood_cannot_be_started(study: Path) -> None:
    app = run("collect", source="Import files")
    app.file_uploader[0].set_value(("notes.json", b'{"a": 1}', "application/json")).run()
    assert "nothing in these files" in words(app) and not button(app, "Import")


def button(app: AppTest, label: str) -> Button | None:
    return next((button for button in app.button if button.label == label), None)


@pytest.mark.parametrize("content", [b"username\n../../etc/passwd\n", b"name,city\nanna,Bern\n"])
def test_after_a_list_that_is_refused_no_earlier_one_can_be_started_by_mistake(study: Path, content: bytes) -> None:
    for name in ("earlier", "other"):
        write_atomically(study / "lists" / f"{name}.csv", "username\nanna\n")
    app = run("collect")
    assert button(app, "Start collecting")
    app.file_uploader[0].set_value(("broken.csv", content, "text/csv")).run()
    assert app.error and not button(app, "Start collecting")
    app.run()
    assert not button(app, "Start collecting")
    app.selectbox(key="list").set_value("earlier").run()
    assert button(app, "Start collecting")


def test_without_the_refused_list_the_latest_is_chosen_again(study: Path) -> None:
    write_atomically(study / "lists" / "earlier.csv", "username\nanna\n")
    app = run("collect")
    app.file_uploader[0].set_value(("broken.csv", b"name,city\nanna,Bern\n", "text/csv")).run()
    app.file_uploader[0].set_value(None).run()
    assert button(app, "Start collecting") and not app.error


def test_a_list_is_removed_and_what_was_collected_stays(sample: Path) -> None:
    write_atomically(sample / "lists" / "mistaken.csv", "username\nanna\n")
    app = run("collect", list="sample")
    remove = button(app, "Remove it")
    assert remove and "What was collected of them stays" in words(app)
    remove.click().run()
    assert not app.exception
    assert [path.name for path in (sample / "lists").iterdir()] == ["mistaken.csv"]
    assert len([*(sample / "accounts").glob("*.json")]) == 420 and (sample / "labels" / "sample.csv").exists()
    assert app.selectbox(key="list").value == "mistaken"


def test_a_source_that_cannot_run_is_not_started(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_atomically(study / "lists" / "people.csv", "username\nanna\n")
    app = run("collect")
    app.segmented_control(key="from").set_value("graph").run()
    start = button(app, "Start collecting")
    assert start and start.disabled
    assert r"AGESCOPE\_GRAPH\_USER\_ID and AGESCOPE\_GRAPH\_TOKEN" in words(app)
    monkeypatch.setattr("pages.parts.collection_runs.secret_environment", lambda: dict.fromkeys(GRAPH_SECRETS, "1"))
    app.run()
    start = button(app, "Start collecting")
    assert start and not start.disabled


def test_collect_says_of_a_run_that_was_cut_off_that_nothing_is_lost(sample: Path) -> None:
    folder = add_ended_job(sample, "collect", [], {"collected": 1})
    (folder / "result.json").unlink()
    assert "interrupted. It was cut off" in words(run("collect")) and "What was kept is not lost" in words(
        run("collect")
    )


def test_one_button_goes_on_with_a_run_that_is_the_one_on_the_page(sample: Path) -> None:
    write_atomically(sample / "lists" / "people.csv", "username\nanna\n")
    folder = add_ended_job(sample, "collect", [], {"collected": 1}, exit_status=1)
    app = run("collect", list="people")
    assert button(app, "Start collecting") and button(app, "Go on collecting")
    arguments = shlex.split(app.code[0].value)[3:]
    write_json(folder / "job.json", {**orjson.loads((folder / "job.json").read_bytes()), "arguments": arguments})
    app.run()
    assert [box.label for box in app.button].count("Go on collecting") == 1
    assert not button(app, "Start collecting")
    app.number_input(key="posts").set_value(50).run()
    assert button(app, "Start collecting") and button(app, "Go on collecting")
    assert "As it was started: list people, 100 posts per account, 1 in 30 s, 60 in 60 min" in words(app)


@pytest.mark.parametrize(("accounts", "posts", "is_told"), [(20, 100, True), (19, 100, False), (20, 50, False)])
def test_what_accounts_took_before_tells_how_long_the_others_will_take(
    sample: Path, accounts: int, posts: int, is_told: bool
) -> None:
    write_atomically(sample / "lists" / "people.csv", "username\n" + "\n".join(f"user_{n}" for n in range(30)))
    asked = {"kind": "account", "outcome": "collected", "posts": 1, "requests": 10}
    events = [{**asked, "username": f"user_{n}"} for n in range(accounts)]
    folder = add_ended_job(sample, "collect", events, {"collected": accounts})
    record = orjson.loads((folder / "job.json").read_bytes())
    arguments = CollectArguments(sample / "lists" / "earlier.csv", sample / "accounts", posts_per_user=posts).to_argv()
    write_json(folder / "job.json", {**record, "arguments": arguments})
    told = words(run("collect", list="people"))
    assert ("likely about 5 hours; at least 30 min" in told) == is_told
    assert ("In the latest run it took 10" in told) == is_told


def test_pages_under_test_leave_the_end_of_the_process_alone(sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registered: list[object] = []
    monkeypatch.setattr("atexit.register", lambda function, *arguments: registered.append(function))
    run("overview")
    assert "leave" not in [getattr(function, "__name__", "") for function in registered]


def test_an_import_says_what_it_brought_and_what_it_did_not_understand(study: Path) -> None:
    brought = {"kind": "imported", "summary": ["2 accounts with 1 new post (0 were there already)."]}
    refused = {"kind": "not_understood", "name": "ab12/notes.dat", "reason": "it is *something* else"}
    folder = add_ended_job(study, "import", [refused, brought], {})
    arguments = ImportArguments(Path("/some/ab12"), study / "accounts").to_argv()
    write_json(folder / "job.json", {**orjson.loads((folder / "job.json").read_bytes()), "arguments": arguments})
    app = run("collect", source="Import files")
    assert "2 accounts with 1 new post" in words(app)
    assert app.dataframe[0].value.to_dict("records") == [{"name": "notes.dat", "reason": "it is *something* else"}]


def test_a_check_of_instagram_says_what_each_route_answered(sample: Path) -> None:
    folder = add_ended_job(sample, "check", [], {})
    write_atomically(folder / "log.txt", "2026 INFO something\nRoute 1 (profile) works: 12 posts.\n")
    assert r"Route 1 \(profile\) works" in words(run("collect"))


def test_jobs_say_how_they_ended_and_can_be_removed(sample: Path) -> None:
    folder = add_ended_job(sample, "train", [], {}, exit_status=1)
    write_json(folder / "process.json", {"pid": 0, "started": 0, "launched": 1793530800, "host": "elsewhere"})
    app = run("jobs")
    assert "took" in words(app) and r"It ended\." in words(app)
    remove = next(button for button in app.button if button.label == "Remove from this list")
    assert "What it made stays" in remove.help
    remove.click().run()
    assert not folder.exists() and not app.exception


@pytest.mark.parametrize("page", ["jobs", "overview", "train"])
def test_a_job_that_was_asked_to_stop_is_shown_stopping_until_it_has(sample: Path, page: str) -> None:
    progress = {"done": 10, "total": 360, "unit": "", "message": "account 10 of 36, epoch 1 of 10", "seconds_left": 90}
    folder = add_running_job(sample, "train", progress)
    assert r"**A train job** · account 10 of 36, epoch 1 of 10 · about 2 min left" in bars(run(page))
    write_json(folder / "stopping.json", {"at_once": False})
    app = run(page)
    assert r"**A train job** · account 10 of 36, epoch 1 of 10 · stopping …" in bars(app)
    stop = [button for button in app.button if button.label.startswith("Stop")]
    assert all(button.disabled for button in stop) and len(stop) == (page != "overview")


def test_a_job_that_has_not_counted_anything_yet_is_starting(sample: Path) -> None:
    add_running_job(sample, "train", {})
    assert "**A train job** · starting …" in bars(run("jobs"))


def test_a_job_that_somebody_ended_says_so(sample: Path) -> None:
    folder = add_running_job(sample, "train", {"heartbeat": 0.0, "done": 3, "total": 60})
    write_json(folder / "process.json", {"pid": 0, "started": 0, "launched": 0, "host": "elsewhere"})
    assert "the computer restarted" in words(run("jobs"))
    write_json(folder / "stopping.json", {"at_once": True})
    shown = words(run("jobs")).replace("\\", "")
    assert "It was ended as asked" in shown and "(3 of 60 accounts)" in shown and "the computer" not in shown


def end_job(folder: Path, **result: object) -> None:
    write_json(folder / "result.json", {"exit_status": 0, "message": "", "ended_at": "2026-11-01T12:00:00Z", **result})


def test_a_training_that_one_saw_running_ends_with_its_model_at_the_top(sample: Path) -> None:
    folder = add_running_job(sample, "train", {"done": 1, "total": 2, "unit": "accounts"})
    app = run("train")
    assert not app.success
    add_model(sample / "models" / "the-model")
    end_job(folder)
    app.run()
    assert not app.exception
    [said] = app.success
    assert said.value == r"The model **the\-model** is ready: right on 2 of 2 validation accounts."
    assert [heading.value for heading in app.subheader][:2] == ["The latest run", "Models"]
    assert "Prepare another training" in [expander.label for expander in app.expander]


def test_a_training_says_how_many_labelled_accounts_were_never_collected(sample: Path) -> None:
    labels = LabelsRecord(labelled=12, not_collected=3, usable=8, at_least={"21": 4}, problems=("1 *odd* thing.",))
    add_model(sample / "models" / "the-model", labels=labels)
    end_job(add_running_job(sample, "train", {}))
    shown = words(run("train"))
    assert "3 of 12 labelled accounts were not collected, and took no part." in shown
    assert r"1 \*odd\* thing\." in shown


def test_the_latest_training_says_what_it_came_to_also_without_epochs(sample: Path) -> None:
    add_model(sample / "models" / "the-model")
    end_job(add_running_job(sample, "train", {}))
    app = run("train")
    assert "The latest run" in words(app) and "right on 2 of 2 validation accounts" in words(app)
    [models] = [table.value for table in app.dataframe if "model" in table.value]
    assert models[["method", "right on"]].values.tolist() == [["published", "2 of 2 validation"]]


def test_a_stopped_training_goes_on_from_its_page(sample: Path) -> None:
    end_job(add_running_job(sample, "train", {}), exit_status=1, stopped=True, message="Nothing to keep *yet*.")
    app = run("train")
    assert r"Nothing to keep \*yet\*\." in words(app)
    assert "Go on" in [button.label for button in app.button]


def test_what_the_labels_will_give_is_said_before_training(sample: Path) -> None:
    shown = words(run("train"))
    assert "about 233 to learn from, 50 for validation and 49 to test with" in shown and "wants 20" not in shown
    labels = sample / "labels" / "sample.csv"
    labels.write_text("\n".join(labels.read_text().splitlines()[:61]))
    shown = words(run("train"))
    assert "wants 20 of each side in the test part: about" in shown


def test_the_index_is_rebuilt_with_what_looks_like_a_button(sample: Path) -> None:
    app = run("overview")
    [rebuild] = [button for button in app.button if button.label == "Rebuild the index"]
    assert rebuild.proto.type == "secondary"
    rebuild.click().run()
    assert not app.exception and metric(app, "Collected") == "420"


def test_settings_show_no_secret(sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGESCOPE_INSTAGRAM_SESSION", "very-secret-cookie")
    get_settings.cache_clear()
    app = run("settings")
    values = app.dataframe[0].value.set_index("variable")["value"]
    assert values["AGESCOPE_INSTAGRAM_SESSION"] == "set"
    assert "very-secret" not in str([*app.markdown, *app.dataframe, *app.code])


def test_the_overview_tells_where_the_study_stands(predicted: Path) -> None:
    app = run("overview")
    steps = ("Listed", "Collected", "With posts", "Labelled", "Models", "Predicted")
    assert [metric(app, step) for step in steps] == ["420", "420", "412", "340", "1", "412"]
    assert "%" in metric(app, "Corrected") and metric(app, "AUC") == "0.90"
    assert "412 collected; 8 empty, no posts" in words(app) and "All 420 on" in words(app)


def test_the_overview_speaks_of_one_account_as_of_one(study: Path) -> None:
    write_account(study / "accounts", Account(username="anna", posts=[Post(id="1", caption="hello")]))
    assert "The one account on" in words(run("overview"))


def last_uploader(app: AppTest) -> FileUploader:
    found = app.get("file_uploader")[-1]
    assert isinstance(found, FileUploader)
    return found


def test_an_audit_sample_that_is_filled_in_gives_a_share_beside_the_others(predicted: Path) -> None:
    before = run("results", run="run-0", view="Share")
    assert "whatever the share and the model" in words(before)
    table = read_predictions(predicted / "predictions" / "run-0" / "predictions.csv")
    draw, names = draw_sample(table, 20, 1)
    uploader = last_uploader(before)
    filled = sample_as_csv(names, draw).replace(",,", ",24,").replace(",", ";").encode()
    app = uploader.upload("filled in.csv", filled, "text/csv").run()
    assert not app.exception and not app.error, words(app)
    assert "By a random sample of 20 accounts" in re.sub(r"\\(.)", r"\1", words(app))
    assert "From the audit sample" in app.table[0].value["estimate"].tolist()
    kept = run("results", run="run-0", view="Share")
    assert "From the audit sample" in kept.table[0].value["estimate"].tolist()
    other = run("results", run="run-1", view="Share")
    assert "From the audit sample" not in other.table[0].value["estimate"].tolist()


def test_an_import_is_a_population_and_groups_of_a_list_stand_side_by_side(predicted: Path) -> None:
    names = sorted(path.stem for path in (predicted / "accounts").glob("*.json"))
    (predicted / "lists" / "cohort.csv").write_text(
        "\n".join(["username,wave", *(f"{name},{'first' if at < 200 else 'second'}" for at, name in enumerate(names))])
    )
    posts = predicted / "panel.csv"
    posts.write_text("username,caption\n" + "\n".join(f"{name},hello" for name in names[:50]) + "\n")
    assert core("import", posts, "--output-dir", predicted / "accounts").status == 0
    app = run("results", view="Share")
    of = next(box for box in app.multiselect if box.label == "Of whom")
    of.set_value(["imported-panel"]).run()
    assert not app.exception and "names 50 accounts" in words(app)
    next(box for box in app.multiselect if box.label == "Of whom").set_value(["cohort"]).run()
    next(box for box in app.selectbox if box.label == "Groups side by side").set_value("wave").run()
    assert not app.exception
    shares, differences = (table.value for table in app.dataframe[:2])
    assert shares["group"].tolist() == ["first", "second"]
    assert differences["groups"].tolist() == ["first less second"]
    assert "to" in differences["counted, points"].iloc[0]


def test_an_upload_that_is_no_audit_sample_is_refused_and_not_kept(predicted: Path) -> None:
    app = run("results", run="run-0", view="Share")
    app = last_uploader(app).upload("labels.csv", b"username,age\nanna,24\n", "text/csv").run()
    assert "does not say from what it was drawn" in app.error[0].value
    assert not (predicted / "predictions" / "run-0" / "audit.csv").exists()


def test_results_are_those_of_the_list_that_is_chosen(predicted: Path) -> None:
    names = [path.stem for path in sorted((predicted / "accounts").glob("*.json"))][-40:]
    write_atomically(predicted / "lists" / "cohort.csv", "\n".join(["username", *names, "never_collected", ""]))
    app = run("results", run="run-0", view="Share")
    chosen = next(box for box in app.multiselect if box.label == "Of whom" and box.key == "of")
    app = chosen.select("cohort").run()
    assert not app.exception
    assert "The list cohort.csv names 41 accounts" in re.sub(r"\\(.)", r"\1", words(app))
    assert "of the list" in app.code[-1].value


def test_a_model_is_named_starred_removed_and_brought_back(predicted: Path) -> None:
    app = run("results")
    folder = predicted / "predictions" / "run-1"
    app.text_input(key="name_run-1").set_value("My run").run()
    next(button for button in app.button if button.label == "Save name and note").click().run()
    assert "My run" in next(box for box in app.selectbox if box.label == "Predictions").options
    next(button for button in app.button if button.label.startswith("Star")).click().run()
    next(button for button in app.button if button.label == "Remove").click().run()
    assert not app.exception and not folder.exists() and "My run is removed." in words(app)
    next(button for button in app.button if button.label == "Undo").click().run()
    assert not app.exception and folder.is_dir()
    table = next(it.value for it in run("train").dataframe if "calibration error" in it.value)
    assert {"labels", "seconds", "MB", "method", "AUC", "★"} <= set(table)


def test_a_run_that_is_not_there_is_said(predicted: Path) -> None:
    assert "no predictions called run" in words(run("results", run="run-77"))


def test_a_person_is_erased_after_it_was_shown_what_goes(sample: Path) -> None:
    app = run("erase")
    assert "Show what would go" in [button.label for button in app.button]
    app.text_area(key="whom").set_value("@sample_dov_04").run()
    assert "would be removed" in words(app) and (sample / "accounts" / "sample_dov_04.json").is_file()
    assert next(button for button in app.button if button.label == "Erase").disabled
    app.checkbox(key="sure").check().run()
    next(button for button in app.button if button.label == "Erase").click().run()
    assert not app.exception and not app.error
    assert not (sample / "accounts" / "sample_dov_04.json").exists() and "searched" in words(app)
    assert "not in this study" in words(run("posts", account="sample_dov_04"))


def test_an_address_of_a_tab_that_is_not_there_is_said(sample: Path) -> None:
    assert "no tab Nowhere" in words(run("posts", show="Nowhere"))


def test_many_jobs_are_filtered_and_finished_ones_folded_away(study: Path) -> None:
    for at, kind in enumerate(("import", "train", "import", "predict", "train", "collect")):
        folder = add_ended_job(study, kind, [], {}, exit_status=at % 2)
        folder.rename(folder.with_name(f"2026111{at}-100000-{kind}-0000"))
    app = run("jobs")
    assert "Done: 3 jobs" in [expander.label for expander in app.expander]
    assert not [badge for badge in app.markdown if "A import job" in badge.value]
    filtered = run("jobs", kind="train", state="failed")
    assert sum("job**" in it.value for it in filtered.markdown) == 1
