"""Several studies: made, listed, chosen at the command line, and kept apart."""

from datetime import date
from pathlib import Path

import pytest

from core.cli import study_first
from core.errors import InputError
from core.jobs.control import start
from core.jobs.job import Job, shell_command
from core.maintenance.arguments import NewStudyArguments
from core.maintenance.studies import list_studies, new_study
from core.privacy.study_settings import change_study, read_study
from core.settings import get_settings, settings_of, study_names, study_of
from core.storage.account_files import write_account
from core.storage.models import Account, Post
from tests.in_process import core


def test_without_further_studies_the_data_folder_is_the_one_there_is(data_dir: Path) -> None:
    assert study_names() == ["main"] and get_settings().data_dir == data_dir and study_of(data_dir) == "main"


def test_a_new_study_takes_over_what_another_says_but_not_what_it_is_called() -> None:
    main = get_settings()
    change_study(main, title="First", question="Why?", responsible="Ada", cutoff=18, key_check="abc", id="12")
    made = new_study(NewStudyArguments("second", question="How many?", settings_of="main", keep_until="2030-01-31"))
    said = read_study(made)
    assert (said.title, said.question, said.responsible, said.cutoff) == ("", "How many?", "Ada", 18)
    assert (said.id, said.key_check, said.keep_until) == ("", "", date(2030, 1, 31))
    assert [(study.name, study.title) for study in list_studies()] == [("main", "First"), ("second", "second")]


@pytest.mark.parametrize("name", ["main", "Second", "..", "a/b", "", "-a", "a" * 61, "ä"])
def test_a_name_that_could_be_no_folder_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="cannot be called"):
        new_study(NewStudyArguments(name))


def test_a_study_is_never_made_over_another() -> None:
    new_study(NewStudyArguments("second", title="Second"))
    with pytest.raises(InputError, match="there already"):
        new_study(NewStudyArguments("second"))


def test_a_study_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(InputError, match=r"no study 'second'.*main"):
        settings_of("second")


def test_the_study_may_stand_before_the_command_and_behind_it() -> None:
    assert study_first(["forget", "x", "--study", "b"]) == ["--study", "b", "forget", "x"]
    assert study_first(["forget", "--study=b", "--", "--study", "c"]) == ["--study=b", "forget", "--", "--study", "c"]


def test_a_command_works_in_the_study_that_it_names_and_in_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGESCOPE_STUDY", "main")  # which the command changes: put back afterwards
    new_study(NewStudyArguments("second"))
    for settings in (get_settings(), settings_of("second")):
        write_account(settings.accounts_dir, Account(username="ada", posts=[Post(id="1", caption="hello")]))
    done = core("forget", "ada", "--study", "second")
    assert done.status == 0, done.stderr
    assert get_settings().study == "second" and not [*get_settings().accounts_dir.glob("ada.json")]
    assert (settings_of("main").accounts_dir / "ada.json").is_file()
    assert core("studies", "--study", "third").status == 2


def test_forgetting_in_main_does_not_search_the_other_studies() -> None:
    new_study(NewStudyArguments("second"))
    for settings in (get_settings(), settings_of("second")):
        write_account(settings.accounts_dir, Account(username="ada", posts=[Post(id="1", caption="hello")]))
    done = core("forget", "ada")
    assert "no name is left" in done.stdout and "second" in done.stdout  # told where else the account is


def test_a_job_runs_in_the_study_whose_folder_it_has(data_dir: Path, tmp_path: Path) -> None:
    second = new_study(NewStudyArguments("second"))
    (tmp_path / "posts.csv").write_text("username,caption\nanna,hello\n")
    arguments = ["import", str(tmp_path / "posts.csv"), "--output-dir", str(second.accounts_dir)]
    job = start(second.jobs_dir, "import", "Two studies", arguments)
    assert job.study_folder == second.data_dir
    assert job.command == shell_command(arguments, "second") and "--study second" in job.command
    process = job.process()
    if process is not None:
        process.wait(30)
    assert list(second.imports_dir.glob("*.csv")), Job(
        job.folder
    ).log()  # which only an import into its own study keeps
