"""An option means the same by default wherever one meets it: in a shell, from Python and on a page."""

import re
import shlex
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.collection.arguments import CollectArguments
from core.prediction.arguments import PredictArguments
from core.training.arguments import TrainArguments
from tests.in_process import core
from tests.pages.run_page import run
from tests.pages.test_pages import predicted, sample, study

pytestmark = pytest.mark.slow  # whole pages are drawn

__all__ = ["predicted", "sample", "study"]

ARGUMENTS: dict[str, Any] = {"scrape-users": CollectArguments, "train": TrainArguments, "predict": PredictArguments}
CHOSEN_BY_THE_MACHINE = {"model-name-or-path", "device", "input-dir"}
"""What a page proposes by what is there: the first encoder that needs no download, a GPU, the study's accounts."""


def defaults(command: str) -> dict[str, Any]:
    """What an option is unless one says otherwise, in Python; those that must be given are left out."""
    options = ARGUMENTS[command].options().values()
    return {option.flag.removeprefix("--"): option.default for option in options if option.default is not MISSING}


def told(command: str) -> dict[str, str]:
    """What the command line's help says of each option that need not be given, on one line."""
    text = core(command, "--help").stdout.partition("Options:\n")[2]
    pieces = re.split(r"^  --", text, flags=re.MULTILINE)[1:]
    lines = [re.sub(r"(?<=\w)-\s+(?=\w)", "-", " ".join(piece.split())) for piece in pieces]
    return {re.split(r"[ ,]", line)[0]: line for line in lines if "[required]" not in line}


def told_default(option: str, line: str, only_brackets: bool) -> object:
    """The default in a line of help, None where it names none; a sentence may say what None comes to."""
    found = re.search(r"\[default: ([^\];]+)" if only_brackets else r"[Dd]efault: ([^\];]+?)(?:\. |\.$|[\];])", line)
    value = found[1] if found else None
    if value in (option, f"no-{option}"):
        return value == option
    return value


def same(default: Any, said: Any) -> bool:
    """Whether a default is what is said of it; where it is None, False or empty, nothing is said."""
    if default is None or isinstance(default, bool) or default in ((), ""):
        return bool(default) is bool(said)
    if isinstance(default, tuple):
        return [*default] == [tuple(map(float, limit.split(","))) for limit in said.split(" and ")]
    return float(said) == default if isinstance(default, int | float) else said == default


@pytest.mark.parametrize("command", ARGUMENTS)
def test_the_command_line_has_the_options_and_defaults_of_the_arguments(command: str) -> None:
    known, lines = defaults(command), told(command)
    assert lines.keys() == known.keys() | {"help"}
    wrong = [name for name, value in known.items() if not same(value, told_default(name, lines[name], value is None))]
    assert wrong == []


def asked(app: AppTest, command: str) -> dict[str, list[str]]:
    """The options of the command that a page would run, each with its values."""
    [found] = [code.value for code in app.code if f" -m core {command} " in code.value]
    words = shlex.split(found)
    words = words[words.index(command) :]
    assert ARGUMENTS[command].from_argv(words).short_argv() == words
    del words[0]
    options: dict[str, list[str]] = {}
    for word in words:
        if word.startswith("--"):
            option = word.removeprefix("--")
            options.setdefault(option, [])
        else:
            options[option].append(word)
    return options


def differing(command: str, options: dict[str, list[str]]) -> list[str]:
    """The options that a page asks for otherwise than the command would take them by itself."""
    known = defaults(command)
    given = {name: " and ".join(values) or True for name, values in options.items() if name in known}
    assert (options.keys() - known.keys()) == {
        field.name.replace("_", "-") for field in fields(ARGUMENTS[command]) if field.default is MISSING
    }
    return [name for name, said in given.items() if name not in CHOSEN_BY_THE_MACHINE and not same(known[name], said)]


def test_collect_asks_for_the_defaults(sample: Path) -> None:
    options = asked(run("collect"), "scrape-users")
    assert differing("scrape-users", options) == []


def test_train_asks_for_the_defaults_of_the_published_method(sample: Path) -> None:
    app = run("train")
    app.segmented_control(key="method").set_value("published").run()
    options = asked(app, "train")
    assert differing("train", options) == []
    assert app.number_input(key="rate").value == defaults("train")["learn-rate"]
    assert app.number_input(key="epochs").value == defaults("train")["epoch-num"]


def test_train_proposes_the_best_recipe_and_nothing_else_of_its_own(sample: Path) -> None:
    assert differing("train", asked(run("train"), "train")) == ["recipe"]


def test_results_asks_for_the_defaults(predicted: Path) -> None:
    assert differing("predict", asked(run("results"), "predict")) == []
