"""The documents say what the code does: commands, options, settings, figures, floors, and where things are.

``AGESCOPE_RENEW_SNAPSHOTS=1 .venv/bin/python -m pytest tests/test_documents.py`` writes the generated part of
``docs/command-line.md`` anew.
"""

import os
import re
import tomllib
from pathlib import Path

import pytest

from core.settings import PROJECT_DIR, Settings
from core.statistics.names import METRICS
from tests.test_help import ALL, WIDTH, every_help

DOCS = PROJECT_DIR / "docs"
README, CONTRIBUTING = PROJECT_DIR / "README.md", PROJECT_DIR / "CONTRIBUTING.md"
COMMAND_LINE, ARCHITECTURE = DOCS / "command-line.md", DOCS / "ARCHITECTURE.md"
DOCUMENTS = [README, CONTRIBUTING, PROJECT_DIR / "CHANGELOG.md", *sorted(DOCS.glob("*.md"))]
RECIPES = ["Add a source", "Add an import format", "Add a method", "Add a page"]
MARK = "tests/test_documents.py -->\n"

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")
_FOLDERS = ("core/", "pages/", "tests/", "bench/", "docs/", ".ci/")


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def anchors(path: Path) -> set[str]:
    """The addresses of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", text(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def chapter(path: Path, heading: str) -> str:
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text(path), re.MULTILINE | re.DOTALL)
    assert found, f"{path.name} has no chapter {heading!r}"
    return found.group(1)


def named_files(document: str) -> set[str]:
    """What stands between backticks and is a path in this project."""
    return {name for name in _CODE.findall(document) if name.startswith(_FOLDERS) and " " not in name}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    for link in _LINK.findall(text(document)):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = document.parent / name if name else document
        assert target.exists(), f"{document.name} links to {link}"
        assert not anchor or anchor in anchors(target), f"{document.name} links to {link}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_and_test_that_a_document_names_is_there(document: Path) -> None:
    for name in named_files(text(document)):
        path, _, test = name.partition("::")
        assert (PROJECT_DIR / path).exists(), f"{document.name} names {name}"
        assert not test or f"def {test}(" in text(PROJECT_DIR / path), f"{document.name} names {name}"


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_names_the_files_to_touch_and_a_test_to_copy(recipe: str) -> None:
    named = named_files(chapter(CONTRIBUTING, recipe))
    assert any(name.startswith(("core/", "pages/")) for name in named)
    assert any("::" in name for name in named)


def test_the_readme_is_short_and_keeps_the_two_commands_where_they_are_looked_for() -> None:
    readme = text(README)
    assert len(readme.splitlines()) < 120
    for mark, command in (("run", "streamlit run app.py"), ("test", "python -m pytest -n auto --dist loadfile")):
        found = re.search(rf"<!-- {mark} -->\n```bash\n(.+)\n```", readme)
        assert found and found.group(1).endswith(command)


def test_every_document_is_found_from_the_readme() -> None:
    linked = {(PROJECT_DIR / link.partition("#")[0]).resolve() for link in _LINK.findall(text(README))}
    assert set(DOCUMENTS) - {README} <= linked


def generated_command_line() -> str:
    """What ``--help`` says of every command, as Markdown."""
    found = every_help()
    commands = re.findall(r"^  (\S+)", found[ALL].partition("Commands:\n")[2], re.MULTILINE)
    known = [command for command in commands if command in found]
    return "".join(f"\n## {command}\n\n```text\n{found[command].rstrip()}\n```\n" for command in known)


def test_the_command_line_is_documented_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in {"COLUMNS": str(WIDTH), "NO_COLOR": "1", "TERM": "dumb"}.items():
        monkeypatch.setenv(variable, value)
    by_hand, mark, generated = text(COMMAND_LINE).partition(MARK)
    assert mark
    now = generated_command_line()
    if os.environ.get("AGESCOPE_RENEW_SNAPSHOTS") == "1":
        COMMAND_LINE.write_text(by_hand + mark + now, encoding="utf-8")
        generated = now
    assert generated == now, "docs/command-line.md is stale; see the top of this file for how to renew it"


@pytest.mark.parametrize("document", [README, *sorted(DOCS.glob("*.md"))], ids=lambda path: path.name)
def test_no_document_names_an_option_that_is_not_there(document: Path) -> None:
    known = set(re.findall(r"--[a-z][a-z-]*", text(COMMAND_LINE).partition(MARK)[2]))
    inline = [code for code in _CODE.findall(text(document).partition(MARK)[0]) if not code.startswith(("pip", "git"))]
    named = {option for code in inline for option in re.findall(r"(?<!\w)--[a-z][a-z-]*(?![.\w])", code)}
    assert named <= known | {"--port", "--server", "--study"}, "named in the text, but no command has it"


def test_every_setting_is_documented_and_no_other() -> None:
    named = re.findall(r"^\| `AGESCOPE_(\w+)` \|", text(DOCS / "settings.md"), re.MULTILINE)
    assert named == [name.upper() for name in Settings.model_fields]


def test_settings_are_documented_with_the_defaults_they_have() -> None:
    for name, field in Settings.model_fields.items():
        row = re.search(rf"^\| `AGESCOPE_{name.upper()}` \|(.*?)\|", text(DOCS / "settings.md"), re.MULTILINE)
        assert row
        if name != "data_dir":  # depends on where one stands; the tests of settings say how
            assert row.group(1).strip(" `") == (field.default or "")


def test_every_figure_is_explained() -> None:
    explained = set(_CODE.findall(text(DOCS / "statistics.md")))
    assert not set(METRICS) - explained
    modules = {path.name for path in (PROJECT_DIR / "core" / "statistics").glob("*.py")} - {"__init__.py", "names.py"}
    assert not modules - explained


def test_every_paper_that_the_code_names_is_in_the_list() -> None:
    papers = text(DOCS / "statistics.md").partition("## Papers\n")[2]
    listed = set(re.findall(r"^- (\w+)\b.*? (\d{4}),", papers, re.MULTILINE))
    for module in (PROJECT_DIR / "core" / "statistics").glob("*.py"):
        for authors, year in re.findall(
            r"([A-Z][a-z]+(?:(?:, | and )[A-Z][a-z]+)*),? \(?((?:19|20)\d\d)\)", text(module)
        ):
            first = re.split(r", | and ", authors)[0]
            assert (first, year) in listed, f"{module.name} names {authors} {year}"


def test_the_floors_are_those_of_the_import_contract() -> None:
    contracts = tomllib.loads(text(PROJECT_DIR / "pyproject.toml"))["tool"]["importlinter"]["contracts"]
    floors = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    rows = re.findall(r"^\| (`(?:core|pages)\S*.*?) \|", chapter(ARCHITECTURE, "The floors"), re.MULTILINE)
    assert [set(_CODE.findall(row)) for row in rows] == [set(floor.split(" | ")) for floor in floors]
