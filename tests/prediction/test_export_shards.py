"""Accounts as Parquet: written whole or not at all, gone on with, and refused where they are not what was written."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.errors import InputError, Stopped
from core.jobs.progress import no_progress
from core.prediction.arguments import ExportShardsArguments
from core.prediction.export_shards import ExportSummary, export_shards
from core.storage.account_files import AccountFile, account_files, read_accounts, write_account
from core.storage.account_shards import AccountShards
from core.storage.models import Account, Post
from tests.in_process import core
from tests.tiny_study import study


@pytest.fixture
def accounts(tmp_path: Path) -> Path:
    folder = study(tmp_path / "study", accounts=10)[0]
    write_account(folder, Account(username="silent", outcome="private"))
    (folder / "broken.json").write_text("{")
    return folder


def export(accounts: Path, address: str | Path, **options: Any) -> ExportSummary:
    with no_progress() as progress:
        options = {"accounts_per_shard": 5, **options}
        return export_shards(ExportShardsArguments(accounts, str(address), **options), progress)


def told(files: list[AccountFile]) -> list[object]:
    return [
        (file.name, file.fault, file.account and (file.account.username, file.account.outcome, file.account.captions))
        for file in files
    ]


def every_account(address: str | Path) -> list[AccountFile]:
    shards = AccountShards(str(address))
    return [file for number in range(len(shards.manifest.shards)) for file in shards.read(number)]


@pytest.mark.parametrize("where", ["{}/out", "file://{}/out", "memory://{}/out"])
def test_what_a_model_reads_of_accounts_comes_back_from_any_address(where: str, accounts: Path, tmp_path: Path) -> None:
    address = where.format(tmp_path)
    summary = export(accounts, address)
    assert told(every_account(address)) == told([*read_accounts(account_files(accounts))])
    assert (summary.accounts, summary.shards, [*summary.faults]) == (11, 3, ["broken.json"])
    assert "broken.json" in str(summary) and "not valid JSON" in str(summary)


def test_the_same_command_goes_on_and_mends_what_is_damaged(accounts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(accounts, out)
    whole = {path.name: path.read_bytes() for path in out.iterdir()}
    before = (out / "00000.parquet").stat().st_mtime_ns
    (out / "manifest.json").unlink()
    (out / "00001.parquet").unlink()
    os.truncate(out / "00002.parquet", 300)
    with pytest.raises(InputError, match="was not finished"):
        every_account(out)
    assert export(accounts, out).kept == 1
    assert {path.name for path in out.iterdir()} == {*whole}
    assert {name: (out / name).read_bytes() for name in whole if name.endswith(".parquet")} == {
        name: content for name, content in whole.items() if name.endswith(".parquet")
    }
    assert (out / "00000.parquet").stat().st_mtime_ns == before
    assert export(accounts, out).kept == 3


def test_a_stop_leaves_whole_shards_and_no_manifest(
    accounts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = AccountShards.write

    def stops(self: AccountShards, number: int, *of: Any) -> Any:
        if number == 1:
            raise Stopped("Stopped as asked.")
        return written(self, number, *of)

    monkeypatch.setattr(AccountShards, "write", stops)
    with pytest.raises(Stopped):
        export(accounts, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["00000.parquet"]
    monkeypatch.undo()
    assert export(accounts, tmp_path / "out").kept == 1


def test_shards_of_another_list_or_cut_otherwise_are_refused_and_left(accounts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(accounts, out)
    whole = {path.name: path.read_bytes() for path in out.iterdir()}
    (tmp_path / "list.csv").write_text("username\nuser_001\nuser_002\n")
    for options in ({"user_file": (tmp_path / "list.csv",)}, {"accounts_per_shard": 4}):
        with pytest.raises(InputError, match="12 accounts of another folder or list, or cut otherwise"):
            export(accounts, out, **options)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == whole
    (out / "manifest.json").unlink()
    with pytest.raises(InputError, match=r"00000\.parquet holds other accounts"):
        export(accounts, out, accounts_per_shard=4)
    with pytest.raises(InputError, match="cannot lie among the accounts"):
        export(accounts, accounts)


def test_a_list_says_whose_accounts_go_out(accounts: Path, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("username\nuser_001\nuser_007\nnobody\n")
    export(accounts, tmp_path / "out", user_file=(tmp_path / "list.csv",))
    assert [file.name for file in every_account(tmp_path / "out")] == ["user_001.json", "user_007.json"]


def test_an_account_with_more_text_than_any_has_is_named_and_not_written(
    accounts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.storage.account_shards._MOST_BYTES", 1_000)
    write_account(accounts, Account(username="endless", posts=[Post(id="1", caption="x" * 1_001)]))
    assert "more text than an account has" in export(accounts, tmp_path / "out").faults["endless.json"]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("s3://bucket/accounts", "Install s3fs to access S3"),
        ("nowhere://x", "Protocol not known: nowhere"),
        ("s3://key:secret@bucket/x", "password out of the address"),
    ],
)
def test_an_address_that_leads_nowhere_is_refused_with_what_to_install(address: str, said: str, accounts: Path) -> None:
    done = core("export-shards", "--input-dir", accounts, "--output-dir", address)
    assert done.status == 2 and said in " ".join(done.stderr.split())
    assert "secret" not in done.stderr


def test_the_command_says_what_it_wrote(accounts: Path, tmp_path: Path) -> None:
    done = core("export-shards", "--input-dir", accounts, "--output-dir", tmp_path / "out")
    assert done.status == 0 and "11 accounts in 1 shard" in done.stderr and not done.stdout


Spoil = Callable[[Path], object]
ROW: dict[str, list[Any]] = {
    "file": ["a.json"],
    "username": ["a"],
    "outcome": ["collected"],
    "captions": [["x"]],
    "fault": [None],
}


def parquet(path: Path, columns: dict[str, Any], schema: pa.Schema | None = None, **how: Any) -> None:
    pq.write_table(pa.table(columns, schema=schema or pq.read_schema(path).remove_metadata()), path, **how)


SPOILED: dict[str, tuple[Spoil, str]] = {
    "gone": (lambda path: path.unlink(), "is not there"),
    "cut off": (lambda path: os.truncate(path, 700), "no Parquet file, or cut off"),
    "not Parquet": (lambda path: path.write_bytes(b"PK" * 4_000), "no Parquet file"),
    "other columns": (
        lambda path: parquet(path, {"username": ["a"]}, pa.schema([("username", pa.string())])),
        "its columns are others",
    ),
    "one huge row": (
        lambda path: parquet(path, {**ROW, "captions": [["x" * 2**22]]}, use_dictionary=False, compression="zstd"),
        "longer than",
    ),
    "a row of countless captions": (
        lambda path: parquet(path, {**ROW, "captions": [[None] * (2**21 + 1)]}, use_dictionary=False),
        "more captions than",
    ),
    "little that becomes much": (
        lambda path: parquet(path, {**ROW, "captions": [["x" * 2**16] * 2**12]}, compression="zstd"),
        "packed otherwise",
    ),
    "many rows at once": (
        lambda path: parquet(path, {name: its * 100 for name, its in ROW.items()}, use_dictionary=False),
        "100 rows",
    ),
    "no name": (lambda path: parquet(path, {**ROW, "username": [None]}, use_dictionary=False), "cannot be read"),
    "not text": (
        lambda path: parquet(
            path,
            {**ROW, "file": pa.array([b"\xff\xfe"]).cast(pa.string(), safe=False)},
            use_dictionary=False,
        ),
        "cannot be read",
    ),
}


@pytest.mark.parametrize("kind", SPOILED)
def test_a_shard_that_nobody_exported_is_refused_in_words(
    kind: str, accounts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.storage.account_shards._MOST_BYTES", 2**20)
    spoil, said = SPOILED[kind]
    export(accounts, tmp_path / "out")
    path = tmp_path / "out" / "00001.parquet"
    spoil(path)
    if path.exists():
        with pytest.raises(InputError, match=r"00001\.parquet is not what the manifest says"):
            [*AccountShards(str(tmp_path / "out")).read(1)]
        vouch_for(path)
    with pytest.raises(InputError, match=rf"00001\.parquet .*{said}"):
        [*AccountShards(str(tmp_path / "out")).read(1)]
    assert [*AccountShards(str(tmp_path / "out")).read(0)]


def vouch_for(path: Path) -> None:
    """Let the manifest say that the file is as it should be."""
    manifest = path.with_name("manifest.json")
    content = orjson.loads(manifest.read_bytes())
    try:
        rows = pq.read_metadata(path).num_rows
    except pa.ArrowException:
        rows = 5
    content["shards"][1] |= {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "rows": rows}
    manifest.write_bytes(orjson.dumps(content))


@pytest.mark.parametrize(
    "spoiled",
    [
        {"shards": [{"rows": 10**18, "damaged": 0, "bytes": 1, "sha256": "0" * 64}]},
        {"shards": [{"rows": -1, "damaged": 0, "bytes": 1, "sha256": "0" * 64}]},
        {"shards": [{"rows": 1, "damaged": 0, "bytes": 10**18, "sha256": "0" * 64}]},
        {"shards": [{"rows": 1, "damaged": 0, "bytes": 1, "sha256": "../../etc/passwd"}]},
        {"shards": "../../etc"},
        {"kind": "something else"},
        {"key": None},
    ],
)
def test_a_manifest_with_absurd_numbers_is_refused(spoiled: dict[str, Any], accounts: Path, tmp_path: Path) -> None:
    export(accounts, tmp_path / "out")
    path = tmp_path / "out" / "manifest.json"
    path.write_bytes(orjson.dumps(orjson.loads(path.read_bytes()) | spoiled))
    with pytest.raises(InputError, match="not the manifest of exported accounts, or damaged"):
        every_account(tmp_path / "out")


def test_no_manifest_leads_out_of_its_folder(accounts: Path, tmp_path: Path) -> None:
    export(accounts, tmp_path / "out")
    export(accounts, tmp_path / "other")
    path = tmp_path / "out" / "manifest.json"
    content = orjson.loads(path.read_bytes())
    for shard in content["shards"]:
        shard |= {"name": "../other/00000.parquet", "path": "../other/00000.parquet", "file": "/etc/passwd"}
    path.write_bytes(orjson.dumps(content))
    (tmp_path / "out" / "00001.parquet").unlink()
    with pytest.raises(InputError, match=r"out/00001\.parquet is not there"):
        every_account(tmp_path / "out")


def test_a_manifest_of_a_later_version_or_without_end_is_refused(accounts: Path, tmp_path: Path) -> None:
    export(accounts, tmp_path / "out")
    path = tmp_path / "out" / "manifest.json"
    path.write_bytes(orjson.dumps(orjson.loads(path.read_bytes()) | {"schema_version": 2}))
    with pytest.raises(InputError, match="of version 2 of the shards"):
        every_account(tmp_path / "out")
    path.write_bytes(b"[" * (2**25 + 1))
    with pytest.raises(InputError, match="longer than"):
        every_account(tmp_path / "out")


def test_what_lies_in_a_store_of_objects_is_mended_like_a_folder(accounts: Path, tmp_path: Path) -> None:
    address = f"memory://{tmp_path}/out"
    export(accounts, address)
    store = fsspec.filesystem("memory")
    store.pipe_file(f"{tmp_path}/out/00001.parquet", b"half")
    with pytest.raises(InputError, match="not what the manifest says"):
        every_account(address)
    assert export(accounts, address).kept == 2
    assert len(every_account(address)) == 12
