"""Situations from other tools' files, kept outside the repository: what is right for each is demanded here."""

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from core import cli
from core.storage.account_files import account_files, read_account
from core.storage.models import Account
from core.storage.user_lists import read_labels

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases" / "imports"
EXPECTED: list[dict[str, Any]] = (
    json.loads((CASES / "expected.json").read_text()) if (CASES / "expected.json").exists() else []
)


@pytest.mark.skipif(not EXPECTED, reason="the shared cases are not here")
@pytest.mark.parametrize(
    "case",
    EXPECTED,
    ids=lambda case: case["paths"][0],
)
def test_a_case_comes_out_as_it_should(
    tmp_path: Path, case: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "data" / "accounts"
    for path in case["paths"]:
        monkeypatch.setattr("sys.argv", ["core", "import", str(CASES / path), "--output-dir", str(output)])
        with suppress(SystemExit):
            cli.main()
    said = "".join(capsys.readouterr())
    accounts = (
        {account.username: account for account in map(read_account, account_files(output))} if output.exists() else {}
    )
    _check_captions(case, accounts)
    posts = [post for account in accounts.values() for post in account.posts]
    if "days" in case:
        assert sorted(post.taken_at.date().isoformat() for post in posts if post.taken_at) == case["days"]
    if "likes" in case:
        assert [post.likes for post in posts] == case["likes"]
    if "count" in case:
        assert {name: len(accounts[name].posts) for name in case["count"]} == case["count"]
    if "says" in case:
        assert re.search(case["says"], said)
    if "never" in case:
        kept = "".join(str(path) + path.read_text() for path in tmp_path.rglob("*") if path.is_file())
        assert not re.search(case["never"], said + kept)
    if "never_caption" in case:
        assert not [post for post in posts if post.caption and re.search(case["never_caption"], post.caption)]
    if "labels" in case:
        ages: dict[str, float] = {}
        for path in (tmp_path / "data" / "labels").iterdir():
            ages |= read_labels(path).ages
        assert ages == case["labels"]


def _check_captions(case: dict[str, Any], accounts: dict[str, Account]) -> None:
    """Captions by account; ``?name`` may be missing, ``*`` stands for anything, ``loose`` for more than is told."""
    want = {name: captions for name, captions in case["want"].items() if not name.startswith("?") and name != "*"}
    may_be_there = {name.removeprefix("?") for name in case["want"]} | set(case.get("optional", ()))
    assert want.keys() <= accounts.keys()
    assert "*" in may_be_there or case.get("loose") or accounts.keys() <= may_be_there
    for name, captions in want.items():
        found = [post.caption for post in accounts[name].posts]
        if name in case.get("loose", ()):
            assert found[0]  # the case wants the account, and does not say with which words
        elif captions != ["*"]:
            assert sorted(map(str, found)) == sorted(map(str, captions))
