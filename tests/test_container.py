"""The container is made of what is tested here, and of nothing that belongs to somebody; no engine runs in a test."""

import re
import tomllib
from pathlib import Path

import yaml  # type: ignore[import-untyped]  # comes with transformers

from core.settings import PROJECT_DIR
from tests.test_wheel import SOURCES

DOCKERFILE, COMPOSE, IGNORE = (PROJECT_DIR / name for name in ("Dockerfile", "compose.yaml", ".dockerignore"))


def instructions() -> list[str]:
    """The Dockerfile's instructions, each on one line, without comments."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE)
    return [line for line in text.replace("\\\n", " ").splitlines() if line]


def let_through() -> set[str]:
    """What may be copied into the image."""
    lines = [line for line in IGNORE.read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    return {line.removeprefix("!") for line in lines if line.startswith("!")}


def test_the_image_has_the_pinned_packages_and_the_oldest_python_that_is_supported() -> None:
    project = tomllib.loads((PROJECT_DIR / "pyproject.toml").read_text())["project"]
    [base] = [line for line in instructions() if line.startswith("FROM")]
    assert base.split(":")[1].split("-")[0] == project["requires-python"].removeprefix(">=")
    [installs] = [line for line in instructions() if "pip install" in line]
    [torch, others] = re.findall(r"pip install (.*?)(?: && |$)", re.sub(r"\s+", " ", installs))
    assert others == "-r requirements.txt"
    found = re.search(r"s/\^\\\((.*?)\\\)", torch)
    assert found and found[1] == "torch==[0-9.]*"  # the pin itself, without a copy of its number
    assert re.search(rf"^{found[1]}", (PROJECT_DIR / "requirements.txt").read_text(), re.MULTILINE)


def test_the_image_holds_the_program_and_no_study_or_secret() -> None:
    allowed = let_through()
    for source in (*SOURCES, "requirements.txt", "pyproject.toml"):
        assert source in allowed or f"{source}/*.svg" in allowed, source
    assert not {name for name in allowed if name.startswith("data")} - {"data/sample"}
    assert not {name for name in allowed if "secret" in name or name in (".", ".streamlit", "agescope.env")}
    assert "/agescope.env" in Path(PROJECT_DIR / ".gitignore").read_text().splitlines()


def test_nobody_but_this_computer_reaches_the_dashboard_and_it_is_not_root() -> None:
    [service] = yaml.safe_load(COMPOSE.read_text())["services"].values()
    assert service["ports"] and all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert service["cap_drop"] == ["ALL"] and "privileged" not in service
    users = [line.split()[1] for line in instructions() if line.startswith("USER")]
    assert users and users[-1] not in ("0", "root")
    assert instructions().index(f"USER {users[-1]}") < next(
        at for at, line in enumerate(instructions()) if line.startswith("ENTRYPOINT")
    )


def test_the_study_and_the_key_outlive_the_container_and_its_health_is_looked_at() -> None:
    [service] = yaml.safe_load(COMPOSE.read_text())["services"].values()
    mounted = {volume.split(":")[1] for volume in service["volumes"]}
    [volumes] = [line for line in instructions() if line.startswith("VOLUME")]
    assert mounted == {"/data", "/home/agescope"} == set(re.findall(r'"(.*?)"', volumes))
    assert "ENV AGESCOPE_DATA_DIR=/data" in instructions()
    assert any(line.startswith("HEALTHCHECK") and "/_stcore/health" in line for line in instructions())
