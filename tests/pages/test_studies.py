"""Two studies beside each other on the dashboard: neither shows anything of the other."""

import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.maintenance.arguments import NewStudyArguments
from core.maintenance.studies import new_study
from core.privacy.action_log import latest
from core.privacy.roles import LOCAL, Person
from core.settings import Settings, get_settings, settings_of
from core.storage.account_files import write_account
from core.storage.models import Account, Post
from pages.parts.sign_in import allowed
from tests.made_study import add_ended_job, add_model, add_predictions
from tests.pages.run_page import run


@pytest.fixture
def second(data_dir: Path, sample_study: Path) -> Settings:
    """A second study with one account, beside the sample with predictions."""
    add_model(data_dir / "models" / "the-model")
    add_predictions(data_dir, data_dir / "models" / "the-model")
    made = new_study(NewStudyArguments("second", title="Second study"))
    write_account(made.accounts_dir, Account(username="only_here", posts=[Post(id="1", caption="hello")]))
    return made


def listed(app: AppTest) -> str:
    return next(str(element.value) for element in app.metric if "Collected" in element.label)


def test_two_tabs_in_two_studies_show_each_its_own(second: Settings) -> None:
    here, there = run("overview"), run("overview", study="second")
    assert (listed(here), listed(there)) == ("420", "1")
    assert (listed(here.run()), listed(there.run())) == ("420", "1")


def test_the_figures_of_runs_of_one_name_are_never_mixed(second: Settings) -> None:
    for path in (get_settings().accounts_dir).glob("*.json"):
        (second.accounts_dir / path.name).write_bytes(path.read_bytes())
    add_predictions(second.data_dir, get_settings().models_dir / "the-model")
    for path in second.predictions_dir.glob("*/predictions.csv"):  # all of them surely over the cutoff
        path.write_text(re.sub(r",0\.\d+,[01],", ",0.99,1,", path.read_text()))
    shares = [
        next(str(it.value) for it in run("overview", **at).metric if "counted" in it.label)
        for at in ({}, {"study": "second"}, {}, {"study": "second"})
    ]
    assert shares[0] == shares[2] != shares[1] == shares[3] == "100 %"


def test_jobs_of_one_study_are_not_on_the_page_of_another(second: Settings) -> None:
    add_ended_job(second.data_dir, "import", [], {})
    assert not [it for it in run("jobs").markdown if "A import job" in it.value]
    app = run("jobs", study="second")
    assert [it for it in app.markdown if "A import job" in it.value]


def test_a_study_that_is_not_there_is_said_and_no_other_is_shown_instead(second: Settings) -> None:
    app = run("overview", study="third")
    assert "no study third" in app.error[0].value and not app.metric


def test_a_tab_stays_in_its_study_and_another_address_begins_anew(second: Settings) -> None:
    app = run("overview", study="second")
    app.query_params["study"] = "main"
    app.run()
    assert not app.metric  # nothing is drawn: the browser is made to open the other one


def test_a_study_lets_in_whom_it_names_and_nobody_gets_more_by_it() -> None:
    ada, bo = Person("Ada@example.org", "operator"), Person("bo@example.org", "viewer")
    assert allowed(ada, "") == ada and allowed(LOCAL, "ada@example.org") == LOCAL
    assert allowed(ada, "bo@example.org") is None
    assert allowed(ada, "ada@example.org=viewer") == Person("Ada@example.org", "viewer")
    assert allowed(bo, "bo@example.org") == bo


def test_the_study_at_hand_is_packed_on_the_page(second: Settings) -> None:
    app = run("settings", study="second")
    app.session_state["all_studies"] = True
    app.run()
    next(button for button in app.button if button.label == "Pack this study").click().run()
    assert not app.exception and not app.error, app.error
    [offered] = [it.proto for it in app.get("download_button") if it.proto.label == "Download the packed study"]
    assert re.fullmatch(r"\d files, .*B", offered.help)
    assert "packed the study" in latest(second)[0].about


def test_a_study_is_made_on_the_page(second: Settings) -> None:
    app = run("settings")
    app.session_state["all_studies"] = True
    app.run()
    app.text_input(key="new_title").set_value("Third")
    name = next(it for it in app.text_input if it.label == "Name of its folder")
    name.set_value("Not a folder")
    next(button for button in app.button if button.label == "Make the study").click().run()
    assert "cannot be called" in app.error[0].value and "Versions" in [it.value for it in app.subheader]
    app.text_input(key="new_title").set_value("Étude 3, 2027")
    next(it for it in app.text_input if it.label == "Name of its folder").set_value("")
    next(button for button in app.button if button.label == "Make the study").click().run()
    assert not app.exception and not app.error, app.error
    assert settings_of("etude-3-2027").data_dir.is_dir()
