"""The folder of a collection: the ledger, collecting anew, and disks that fail."""

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest

from core.collection.arguments import CollectArguments
from core.collection.collector import CollectSummary, collect
from core.collection.outcome_log import LEDGER_NAME, Ledger
from core.errors import AgeScopeError
from core.jobs.progress import Progress, no_progress
from core.settings import get_settings
from core.storage.account_files import read_account, write_account
from core.storage.models import Account, Post
from tests.stand_in import SESSION, StandIn

FAST: dict[str, Any] = {"limits": ((1000, 1),), "backoff_mult": 0.001, "backoff_exp": 1.0}


def run(tmp_path: Path, *usernames: str, **more: Any) -> CollectSummary:
    (tmp_path / "list.txt").write_text("\n".join(usernames))
    with no_progress() as progress:
        return collect(CollectArguments(tmp_path / "list.txt", tmp_path / "accounts", **{**FAST, **more}), progress)


def account(tmp_path: Path, username: str) -> Account:
    return read_account(tmp_path / "accounts" / f"{username}.json")


def ledger(folder: Path) -> Ledger:
    with no_progress() as progress:
        return Ledger(folder, progress)


def age(path: Path, days: int) -> None:
    """Make an account look collected some days ago."""
    content = orjson.loads(path.read_bytes())
    content["collected_at"] = f"2026-01-{28 - days:02}T00:00:00Z"
    path.write_bytes(orjson.dumps(content))


def test_the_ledger_is_rebuilt_from_the_files(stand_in: StandIn, tmp_path: Path) -> None:
    names = ("anna", "private.bob", "gone.carla")
    run(tmp_path, *names)
    before = {name: ledger(tmp_path / "accounts").get(name) for name in names}
    (tmp_path / "accounts" / LEDGER_NAME).unlink()
    assert {name: ledger(tmp_path / "accounts").get(name) for name in names} == before
    assert run(tmp_path, *names).skipped == 3


@pytest.mark.slow
def test_the_ledger_believes_the_files(stand_in: StandIn, tmp_path: Path) -> None:
    run(tmp_path, "anna", "bob", "carla")
    folder = tmp_path / "accounts"
    (folder / "anna.json").unlink()
    write_account(folder, Account(username="bob", outcome="failed"))
    write_account(folder, Account(username="dan", posts=[Post(id="1")]))
    assert ledger(folder).get("anna") is None
    assert ledger(folder).get("bob").outcome == "failed"  # type: ignore[union-attr]
    assert ledger(folder).get("dan").posts == 1  # type: ignore[union-attr]
    assert run(tmp_path, "anna", "bob", "carla", "dan").outcomes == {"collected": 2}


def test_files_are_read_only_where_the_ledger_does_not_know_them(
    stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path, "anna", "bob")
    monkeypatch.setattr("core.collection.outcome_log.read_account", lambda path: pytest.fail(f"{path} was read"))
    assert ledger(tmp_path / "accounts").get("anna") is not None


@pytest.mark.slow
@pytest.mark.parametrize("damage", [b"", b"\n{", b"\n{}", b"\n[]", b'\n{"file": "anna.json"}', b"\xff\n"])
def test_a_damaged_ledger_costs_a_reading_and_nothing_else(stand_in: StandIn, tmp_path: Path, damage: bytes) -> None:
    run(tmp_path, "anna")
    path = tmp_path / "accounts" / LEDGER_NAME
    path.write_bytes(path.read_bytes()[:-5] + damage)
    run(tmp_path, "anna", "bob")
    assert run(tmp_path, "anna", "bob").skipped == 2


def test_the_ledger_does_not_grow_for_ever(tmp_path: Path) -> None:
    with no_progress() as progress:
        kept = Ledger(tmp_path, progress)
        for number in range(300):
            record = Account(username="anna", posts=[Post(id=str(number))])
            kept.record(record, write_account(tmp_path, record))
    ledger(tmp_path)
    assert len((tmp_path / LEDGER_NAME).read_bytes().split()) < 5
    assert ledger(tmp_path).get("anna").posts == 1  # type: ignore[union-attr]


def test_a_damaged_account_file_is_set_aside_and_collected_again(stand_in: StandIn, tmp_path: Path) -> None:
    (tmp_path / "accounts").mkdir()
    (tmp_path / "accounts" / "anna.json").write_text('{"username": "anna", "posts": [{"id"')
    run(tmp_path, "anna")
    assert account(tmp_path, "anna").outcome == "collected"
    assert (tmp_path / "accounts" / "anna.json.damaged").exists()


def test_refresh_collects_anew_what_is_older(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.add("anna", posts=5)
    stand_in.add("bob", posts=5)
    run(tmp_path, "anna", "bob")
    age(tmp_path / "accounts" / "anna.json", days=20)
    stand_in.add("anna", posts=3)
    assert run(tmp_path, "anna", "bob").outcomes.total() == 0
    assert run(tmp_path, "anna", "bob", refresh_days=10).outcomes == {"collected": 1}
    assert len(account(tmp_path, "anna").posts) == 3


def test_a_refresh_that_breaks_off_keeps_what_was_there(stand_in: StandIn, tmp_path: Path) -> None:
    made = stand_in.add("anna", posts=20)
    run(tmp_path, "anna")
    age(tmp_path / "accounts" / "anna.json", days=20)
    stand_in.fail("page", "login_redirect")
    run(tmp_path, "anna", refresh_days=10)
    broken = account(tmp_path, "anna")
    assert (broken.outcome, len({post.shortcode for post in broken.posts})) == ("partial", 20)
    stand_in.recover()
    run(tmp_path, "anna", refresh_days=10)
    assert sorted(str(post.shortcode) for post in account(tmp_path, "anna").posts) == sorted(p.code for p in made.posts)


def test_an_account_that_went_private_keeps_its_posts(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.add("anna", posts=5)
    run(tmp_path, "anna")
    age(tmp_path / "accounts" / "anna.json", days=20)
    stand_in.add("anna", posts=5, private=True)
    run(tmp_path, "anna", refresh_days=10)
    assert (account(tmp_path, "anna").outcome, len(account(tmp_path, "anna").posts)) == ("private", 5)


def test_another_source_goes_on_with_what_is_there(stand_in: StandIn, tmp_path: Path) -> None:
    older = [Post(id=str(number), caption="imported") for number in range(3)]
    (tmp_path / "accounts").mkdir()
    write_account(tmp_path / "accounts", Account(username="anna", source="import:x", outcome="partial", posts=older))
    stand_in.add("anna", posts=5)
    run(tmp_path, "anna")
    assert len(account(tmp_path, "anna").posts) == 8


@pytest.mark.slow
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT])
def test_a_disk_that_fails_stops_the_run_and_damages_nothing(
    stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    stand_in.add("anna", posts=5)
    stand_in.add("bob", posts=40)
    run(tmp_path, "anna", "bob", posts_per_user=12)
    before = {path.name: path.read_bytes() for path in (tmp_path / "accounts").iterdir()}

    def full(handle: int) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as broken:
        broken.setattr("core.utils.io.os.fsync", full)
        with pytest.raises(AgeScopeError, match=os.strerror(code)):
            run(tmp_path, "anna", "bob", "carla", posts_per_user=40)
    assert {path.name: path.read_bytes() for path in (tmp_path / "accounts").iterdir()} == before
    assert run(tmp_path, "anna", "bob", "carla", posts_per_user=40).outcomes == {"collected": 2}


def test_a_folder_that_vanishes_is_not_made_again(stand_in: StandIn, tmp_path: Path) -> None:
    folder = tmp_path / "accounts"
    with Progress("", terminal=False) as progress:
        progress.event = lambda event: shutil.rmtree(folder)  # type: ignore[method-assign]
        (tmp_path / "list.txt").write_text("anna\nbob\n")
        with pytest.raises(AgeScopeError, match="vanished"):
            collect(CollectArguments(tmp_path / "list.txt", folder, **FAST), progress)
    assert not folder.exists()


def test_a_folder_that_cannot_be_made_says_so(stand_in: StandIn, tmp_path: Path) -> None:
    (tmp_path / "accounts").write_text("a file")
    with pytest.raises(AgeScopeError, match="cannot be written"):
        run(tmp_path, "anna")
    assert not stand_in.seen


def test_a_full_disk_while_the_ledger_is_written_costs_nothing(
    stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:

        def full(self: Path, *args: Any, **options: Any) -> Any:
            if self.name == LEDGER_NAME and args == ("ab",):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(self, *args, **options)

        real = Path.open
        broken.setattr(Path, "open", full)
        with pytest.raises(AgeScopeError, match="No space"):
            run(tmp_path, "anna")
    asked = len(stand_in.seen)
    assert run(tmp_path, "anna").skipped == 1
    assert len(stand_in.seen) == asked


def test_leftovers_of_killed_runs_are_removed(stand_in: StandIn, tmp_path: Path) -> None:
    folder = tmp_path / "accounts"
    folder.mkdir()
    old, fresh = folder / ".abc.part", folder / ".def.part"
    old.write_text("{")
    fresh.write_text("{")
    os.utime(old, (0, 0))
    run(tmp_path, "anna")
    assert not old.exists()
    assert fresh.exists()


def test_secrets_are_nowhere_in_what_a_run_leaves(
    stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    monkeypatch.setenv("AGESCOPE_INSTAGRAM_SESSION", SESSION)
    get_settings.cache_clear()
    stand_in.fail("timeline", "server_error", times=2)
    stand_in.fail("timeline", "too_many", times=1)
    job = tmp_path / "job"
    job.mkdir()
    (tmp_path / "list.txt").write_text("anna\n")
    with Progress("", job_dir=job, terminal=False) as progress:
        collect(CollectArguments(tmp_path / "list.txt", tmp_path / "accounts", **FAST), progress)
    written = b"".join(path.read_bytes() for folder in (job, tmp_path / "accounts") for path in folder.iterdir())
    for secret in (SESSION, "csrf-of-the-stand-in", "dtsg-of-the-stand-in", stand_in.lsd):
        assert secret.encode() not in written
        assert secret not in caplog.text
    assert not [record for record in caplog.records if record.levelname != "DEBUG" and "anna" in record.getMessage()]
