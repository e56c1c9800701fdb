"""What ``pip install .`` gives: everything that the program reads, and the command ``agescope``."""

import os
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path
from zipfile import ZipFile

import pytest

from core.settings import PROJECT_DIR

SOURCES = ("core", "pages", "docs", "data/sample", ".streamlit/config.toml", "app.py")
PAPERS = ("pyproject.toml", "requirements.txt", "README.md", "LICENSE")
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
WHERE = "from core.settings import SAMPLE_DIR, get_settings as s; print(SAMPLE_DIR, s().data_dir, sep='\\n')"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an installed AgeScope: its wheel, built from a copy and unpacked."""
    tree, wheels, installed = (tmp_path_factory.mktemp(name) for name in ("tree", "wheels", "site-packages"))
    for name in (*SOURCES, *PAPERS):
        source, target = PROJECT_DIR / name, tree / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    subprocess.run([sys.executable, "-c", BUILD, str(wheels)], cwd=tree, check=True, capture_output=True)
    ZipFile(next(wheels.glob("agescope-*.whl"))).extractall(installed)
    return installed


def files(folder: Path) -> set[str]:
    """What a part of the program consists of, without what Python or a person leaves beside it."""
    found = folder.rglob("*") if folder.is_dir() else [folder]
    return {
        path.relative_to(PROJECT_DIR).as_posix()
        for path in found
        if path.suffix in {".py", ".toml", ".html", ".csv", ".svg"}
    }


@pytest.mark.slow
@pytest.mark.parametrize("part", SOURCES)
def test_everything_that_the_program_reads_is_installed(installed: Path, part: str) -> None:
    wanted = files(PROJECT_DIR / part)
    if part == "docs":
        wanted = {name for name in wanted if name.endswith(".svg")}
    assert wanted
    assert not {name for name in wanted if not (installed / name).is_file()}


@pytest.mark.slow
def test_the_command_is_the_command_line(installed: Path) -> None:
    entries = ConfigParser()
    entries.read(next(installed.glob("agescope-*.dist-info/entry_points.txt")))
    assert dict(entries["console_scripts"]) == {"agescope": "core.cli:main"}


@pytest.mark.slow
def test_an_installed_agescope_finds_its_sample_and_works_in_the_folder_of_the_shell(
    installed: Path, tmp_path: Path
) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "AGESCOPE_DATA_DIR"}
    said = subprocess.run(
        [sys.executable, "-c", WHERE],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert said == [str(installed / "data" / "sample"), str(tmp_path / "data")]
