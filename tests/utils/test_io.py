"""Files appear whole or not at all, and what killed processes leave half-written goes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import AgeScopeError
from core.settings import PROJECT_DIR
from core.utils.io import decode_text, remove_leftovers, write_atomically

KILLED_BEFORE_THE_RENAME = """
import os, signal, sys
from pathlib import Path
from core.utils.io import write_atomically
Path.replace = lambda *names: os.kill(os.getpid(), signal.SIGKILL)
write_atomically(Path(sys.argv[1]), "new")
"""


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file.json"
    write_atomically(path, "old")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("core.utils.io.os.fsync", full)
    with pytest.raises(AgeScopeError, match="No space left"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["file.json"]


def test_text_in_the_usual_encodings_is_read() -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        assert decode_text("zoë".encode(encoding), "list") == "zoë"


def test_what_a_killed_process_left_goes_at_once_and_what_a_living_one_writes_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "folder" / "file.json"
    subprocess.run([sys.executable, "-c", KILLED_BEFORE_THE_RENAME, str(file)], cwd=PROJECT_DIR)
    (left,) = file.parent.glob(".*.part")

    rename = Path.replace

    def looked_at(path: Path, target: Path) -> None:
        remove_leftovers(tmp_path)
        assert not left.exists() and path.exists()
        rename(path, target)

    monkeypatch.setattr(Path, "replace", looked_at)
    write_atomically(file, "whole")
    assert [found.read_text() for found in file.parent.iterdir()] == ["whole"]


def test_what_another_machine_may_be_writing_stays_for_an_hour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    elsewhere = tmp_path / f".00000000-{gone.pid}-abc.part"
    elsewhere.touch()
    remove_leftovers(tmp_path)
    assert elsewhere.exists()
    os.utime(elsewhere, (0, 0))
    remove_leftovers(tmp_path)
    assert not elsewhere.exists()


def test_a_secret_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    write_atomically(tmp_path / "secret", "x", is_secret=True)
    assert (tmp_path / "secret").stat().st_mode & 0o077 == 0
