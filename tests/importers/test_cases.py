"""One small file for each way in which records come odd, cut or under other names, and what is right for it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from core.errors import InputError
from core.importers.importer import import_files
from core.importers.preview import preview
from core.jobs.progress import no_progress
from core.storage.account_files import account_files, read_account

CASES = Path(__file__).parent / "cases"
EXPECTED: list[dict[str, Any]] = json.loads((CASES / "expected.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", EXPECTED, ids=lambda case: case["path"])
def test_a_case_gives_what_it_holds_and_says_what_it_does_not(tmp_path: Path, case: dict[str, Any]) -> None:
    said = _import(CASES / case["path"], tmp_path / "out", case.get("username"))
    accounts = [read_account(path) for path in account_files(tmp_path / "out")] if (tmp_path / "out").exists() else []
    found = {account.username: sorted(str(post.caption) for post in account.posts) for account in accounts}
    assert found == {name: sorted(map(str, captions)) for name, captions in case["accounts"].items()}
    assert re.search(re.escape(case.get("says", "")), said)
    assert not re.search(case.get("never", "$^"), said)
    assert {account.outcome for account in accounts} <= {case.get("outcome", "collected")}
    if "days" in case:
        posts = [post for account in accounts for post in account.posts]
        assert sorted(f"{post.taken_at:%Y-%m-%d}" for post in posts if post.taken_at) == case["days"]


@pytest.mark.parametrize("case", EXPECTED, ids=lambda case: case["path"])
def test_a_preview_tells_what_the_import_brings(tmp_path: Path, case: dict[str, Any]) -> None:
    seen = preview(CASES / case["path"], case.get("username"))
    assert seen.usernames == set(case["accounts"])
    assert {username for username, _ in seen.first} == set(case["accounts"])
    assert seen.posts >= sum(map(len, case["accounts"].values()))
    assert re.search(re.escape(case.get("says", "")), str(seen))
    assert not re.search(case.get("never", "$^"), str(seen))


def _import(source: Path, output: Path, username: str | None) -> str:
    with no_progress() as progress:
        try:
            return str(import_files(source, output, username, progress))
        except InputError as error:
            return str(error)
