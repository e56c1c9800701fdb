"""What somebody with the role viewer gets of every page, to the last byte, and what of it they can set off: nothing."""

import re
import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.collection.events import AccountEvent
from core.jobs.job import Job
from core.privacy.action_log import LOG_FILE, latest
from core.privacy.roles import LOCAL, Action, Person
from core.privacy.study_settings import read_study
from core.settings import Settings, get_settings
from pages.parts import import_tab, job_widgets, sign_in
from pages.parts.sign_in import person_of
from tests.made_study import add_ended_job, add_running_job
from tests.pages.controls import CONTROLS, FOR_VIEWERS, KINDS, controls
from tests.pages.run_page import run

VIEWER = Person("bo@example.org", "viewer")
SIGNED_IN = {"is_logged_in": True, "email": "bo@example.org", "email_verified": True}


@pytest.fixture
def study(data_dir: Path, sample_template: Path) -> Path:
    shutil.copytree(sample_template, data_dir)
    told = AccountEvent(username="sample_dov_04", outcome="failed", posts=0, requests=1).model_dump()
    add_ended_job(data_dir, "collect", [told], {"failed": 1})
    return data_dir


@pytest.fixture
def viewer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in, "person_of", lambda user, settings: VIEWER)


def sent(app: AppTest) -> bytes:
    """Everything that the page sends to a browser."""
    elements = [node for block in (app.main, app.sidebar) for node in block]
    return b"".join(node.proto.SerializeToString() for node in elements if getattr(node, "proto", None) is not None)


def captions(study: Path) -> set[bytes]:
    accounts = [orjson.loads(path.read_bytes()) for path in (study / "accounts").glob("*.json")]
    texts = {post.get("caption") or "" for account in accounts for post in account["posts"]}
    return {text.encode() for text in texts if len(text) > 15}


RESULTS = [("results", {"view": view}) for view in ("Accounts", "How good", "Share", "Compare", "Download")]
ADDRESSES: list[tuple[str, dict[str, str]]] = [
    ("overview", {}),
    ("settings", {}),
    ("jobs", {}),
    ("train", {}),
    ("collect", {"list": "sample"}),
    ("collect", {"source": "Import files"}),
    ("posts", {"account": "sample_dov_04"}),
    ("posts", {"show": "Posts", "words": "school"}),
    ("posts", {"show": "SQL"}),
    ("results", {"why": "sample_dov_04", "view": "Accounts", "find": "dov"}),
    ("results", {"view": "How good", "behind": "confusion under at_least"}),
    *RESULTS,
]


@pytest.mark.parametrize(("page", "address"), ADDRESSES)
def test_no_name_and_no_caption_reaches_a_viewers_browser(
    study: Path, viewer: None, page: str, address: dict[str, str]
) -> None:
    app = run(page, **address)
    bytes_sent = sent(app)
    # what stood in the address itself is known to whoever typed it
    typed = {value.encode() for value in address.values()}
    names = {name for name in re.findall(rb"sample_\w+", bytes_sent) if name not in typed}
    assert not names
    assert not [text for text in captions(study) if text in bytes_sent]
    assert drawn(app) <= FOR_VIEWERS


def drawn(app: AppTest) -> set[str]:
    """The labels of all that can be pressed, filled in or downloaded."""
    return {element.proto.label for kind in KINDS for element in app.get(kind)}


def test_every_control_of_every_page_has_its_action() -> None:
    """A new button belongs into the table of tests/pages/controls.py, with what it does."""
    assert {key for _, key in controls()} == {*CONTROLS}


def test_the_search_for_names_finds_them_where_an_operator_looks(study: Path) -> None:
    assert b"sample_dov_04" in sent(run("results", view="Accounts", find="dov"))
    found = sent(run("posts", show="Posts", words="school"))
    assert [text for text in captions(study) if re.sub(rb"\W", b"", text) in re.sub(rb"\W", b"", found)]


def test_a_viewer_sees_shares_and_charts(study: Path, viewer: None) -> None:
    app = run("results", view="How good")
    assert any("counted" in metric.label for metric in app.metric) and app.get("vega_lite_chart")
    assert [element.value for element in app.title] == ["Results"]


def test_a_viewer_who_clicks_a_cell_gets_the_count_alone(study: Path, viewer: None) -> None:
    app = run("results", view="How good", behind="confusion under at_least")
    assert any("Known to be under 21, predicted at least 21" in str(each.value) for each in app.markdown)
    assert not {"Export list", "Label these"} & {each.label for each in app.button}


def test_a_viewer_can_download_figures_and_the_report_and_no_rows(study: Path, viewer: None) -> None:
    labels = [button.proto.label for button in run("results", view="Download").get("download_button")]
    assert labels == ["Download figures", "Download report", "Download checklists"]


@pytest.mark.parametrize("page", ["collect", "posts", "train", "jobs"])
def test_a_viewer_has_no_page_of_an_operator(viewer: None, page: str) -> None:
    assert [element.value for element in run(page).title] == ["Overview"]


def test_settings_tell_a_viewer_who_they_are_and_nothing_of_the_study(viewer: None, study: Path) -> None:
    app = run("settings")
    assert [element.value for element in app.text] == ["bo@example.org, viewer"]
    assert not app.dataframe and str(study).encode() not in sent(app)


DEEDS: dict[str, Callable[[Path], object]] = {
    "collect": lambda study: job_widgets.start_job("collect", "A collection", ["scrape-users"]),
    "check": lambda study: job_widgets.start_job("check", "A check", ["check-instagram"]),
    "import": lambda study: job_widgets.start_job("import", "An import", ["import", "x"]),
    "train": lambda study: job_widgets.start_job("train", "A training", ["train"]),
    "predict": lambda study: job_widgets.start_job("predict", "A prediction", ["predict"]),
    "stop": lambda study: job_widgets.stop_job(Job(add_running_job(study, "train", {}))),
    "end": lambda study: job_widgets.stop_job(Job(add_running_job(study, "train", {})), True),
    "go on": lambda study: job_widgets.resume_job(Job(add_ended_job(study, "train", [], {}, 1))),
    "remove": lambda study: job_widgets.remove_job(Job(add_ended_job(study, "train", [], {}))),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_what_changes_something_is_refused_to_a_viewer_on_the_server(
    data_dir: Path, viewer: None, deed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[Any] = []
    for name in ("start", "resume", "cancel", "remove"):
        monkeypatch.setattr(f"core.jobs.control.{name}", lambda *given, **named: pytest.fail("it was done"))
    monkeypatch.setattr(st, "error", said.append)
    DEEDS[deed](data_dir)
    assert "may not do this" in str(said)
    assert not (data_dir / LOG_FILE).exists()


def test_uploads_of_a_viewer_are_not_kept(data_dir: Path, viewer: None) -> None:
    with pytest.raises(Exception, match="may not do this"):
        import_tab.store_uploads([])
    assert not (data_dir / "cache" / "uploads").exists()


@pytest.mark.parametrize("action", [action for action in Action if not VIEWER.may(action)])
def test_a_download_made_for_a_viewer_gives_nothing(viewer: None, action: Action) -> None:
    with pytest.raises(Exception, match="may not do this"):
        sign_in.acting(action, "", lambda: b"secret")
    with pytest.raises(Exception, match="may not do this"):
        sign_in.act(action)


def test_what_is_downloaded_and_opened_is_written_down_by_pseudonym(study: Path) -> None:
    assert sign_in.acting(Action.DOWNLOAD_FIGURES, "figures", lambda: b"1")() == b"1"
    run("posts", account="sample_dov_04")
    opened, downloaded = latest(get_settings())
    assert opened.did == "opened an account" and re.fullmatch(r"p-[a-z2-7]{16}", opened.about)
    assert downloaded.who == LOCAL.name
    assert b"sample_" not in (study / LOG_FILE).read_bytes()


def test_settings_show_an_operator_who_did_what(study: Path) -> None:
    run("posts", account="sample_dov_04")
    app = run("settings")
    app.session_state["log"] = True
    app.run()
    shown = [table.value for table in app.dataframe if "did" in table.value]
    assert shown and shown[0]["did"].tolist() == ["opened an account"]


@pytest.mark.parametrize("verified", [False, 0, None, "true", "missing", 1])
@pytest.mark.parametrize("people", ["", "bo@example.org", "bo@example.org=viewer"])
def test_an_address_that_is_not_verified_lets_nobody_in(verified: object, people: str) -> None:
    user = {name: value for name, value in SIGNED_IN.items() if name != "email_verified"}
    claims = user if verified == "missing" else {**user, "email_verified": verified}
    assert person_of(claims, Settings(people=people)) is None


@pytest.mark.parametrize(
    ("change", "people", "role"),
    [
        ({}, "bo@example.org", "operator"),
        ({}, "Bo@Example.org = viewer", "viewer"),
        ({"email": "BO@example.org"}, "bo@example.org=viewer", "viewer"),
        ({}, "ada@example.org", None),
        ({}, "", "operator"),
        ({"is_logged_in": False}, "", None),
        ({"is_logged_in": "yes"}, "", None),
        ({"email": None}, "", None),
        ({"email": ["bo@example.org"]}, "bo@example.org", None),
    ],
)
def test_who_comes_in_and_as_what(change: dict[str, object], people: str, role: str | None) -> None:
    person = person_of({**SIGNED_IN, **change}, Settings(people=people))
    assert (person and person.role) == role


def test_without_a_sign_in_whoever_sits_here_is_an_operator_unless_people_are_named() -> None:
    assert person_of({}, Settings()) == LOCAL
    assert person_of({}, Settings(people="ada@example.org")) is None
    assert person_of({"email": "ada@example.org"}, Settings(people="ada@example.org")) is None


def test_what_is_said_of_a_study_is_kept_and_its_end_is_said_on_the_overview(study: Path) -> None:
    app = run("settings")
    app.session_state["about"] = True
    app.run()
    next(field for field in app.text_input if field.label == "Title of the study").set_value("Captions and age")
    app.date_input[0].set_value(date.today() - timedelta(days=1))
    next(button for button in app.button if button.label == "Save").click().run()
    assert not app.exception and read_study(get_settings()).title == "Captions and age"
    [warning] = run("overview").warning
    assert "1 day ago" in warning.value and "420 accounts" in warning.value
