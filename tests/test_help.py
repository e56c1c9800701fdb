"""What ``--help`` says, word for word, so that no option, default or sentence changes unseen.

``AGESCOPE_RENEW_SNAPSHOTS=1 .venv/bin/python -m pytest tests/test_help.py`` writes the snapshots anew;
what has changed in them is then for the commit's reader to see.
"""

import os
import re
from pathlib import Path

import pytest

from tests.in_process import core

SNAPSHOTS = Path(__file__).parent / "snapshots" / "help"
WIDTH = 100
ALL = "all"


def printed(*command: str) -> str:
    done = core(*command, "--help")
    assert (done.status, done.stderr) == (0, "")
    return done.stdout


def every_help() -> dict[str, str]:
    """The help of the command line by ``all``, and that of each of its commands by the command's name."""
    everything = printed()
    listed = everything.partition("Commands:\n")[2]
    commands = re.findall(r"^  (\S+)", listed, re.MULTILINE)
    assert "scrape-users" in commands
    return {ALL: everything, **{command: printed(command) for command in commands}}


def renew(found: dict[str, str]) -> None:
    SNAPSHOTS.mkdir(parents=True, exist_ok=True)
    for path in SNAPSHOTS.iterdir():
        path.unlink()
    for name, text in found.items():
        (SNAPSHOTS / f"{name}.txt").write_text(text, encoding="utf-8")


def test_every_help_says_what_its_snapshot_says(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in {"COLUMNS": str(WIDTH), "NO_COLOR": "1", "TERM": "dumb"}.items():
        monkeypatch.setenv(variable, value)
    found = every_help()
    if os.environ.get("AGESCOPE_RENEW_SNAPSHOTS") == "1":
        renew(found)
    assert found == {path.stem: path.read_text(encoding="utf-8") for path in SNAPSHOTS.glob("*.txt")}
