"""The README says what the code does: commands, options, defaults, settings."""

import re
from collections.abc import Iterator

import pytest
import typer

from core.cli import app
from core.settings import PROJECT_DIR, Settings

README = (PROJECT_DIR / "README.md").read_text()
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def options(command: str) -> Iterator[tuple[str, str]]:
    """Each option of a command with its default as the README would write it ("" where there is none)."""
    for parameter in COMMANDS[command].params:
        default = getattr(parameter.default, "value", parameter.default)
        if parameter.param_type_name == "option" and parameter.name != "help":
            shown = (
                ""
                if default in (None, False, True) or parameter.required
                else f"{default:g}"
                if isinstance(default, float)
                else str(default)
            )
            yield parameter.opts[0], shown


def row_of(command: str) -> str:
    found = re.search(rf"^\| `{command}` \|.*$", README, re.MULTILINE)
    assert found, f"the README's table lacks {command}"
    return found.group()


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_option_stands_in_the_readme_with_its_default(command: str) -> None:
    row = row_of(command).replace("2e-5", "2e-05")
    for option, default in options(command):
        assert f"`{option}" in row, f"{command}: {option} is not documented"
        if default:
            after = row.split(f"`{option}", 1)[1].split("`--", 1)[0]
            assert re.search(rf"\([^)]*{re.escape(default)}[^)]*\)", after), (
                f"{option}: default {default}, README: {after}"
            )


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_the_readme_names_no_option_that_is_not_there(command: str) -> None:
    known = {text for parameter in COMMANDS[command].params for text in (*parameter.opts, *parameter.secondary_opts)}
    named = set(re.findall(r"--[a-z][a-z-]*", row_of(command).split("|")[3]))
    assert named <= known


def test_every_setting_stands_in_the_readme() -> None:
    for name in Settings.model_fields:
        assert f"`AGESCOPE_{name.upper()}`" in README
    named = set(re.findall(r"^\| `AGESCOPE_(\w+)`", README, re.MULTILINE))
    assert named == {name.upper() for name in Settings.model_fields}
