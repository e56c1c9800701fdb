"""Account files -> the rows of the index, many files at once.

Arrow's own JSON reader takes the files that AgeScope wrote, without holding Python's lock, so that
pages stay quick meanwhile. Whatever it does not understand (older forms, indented files, damaged
ones) goes through :func:`core.storage.account_files.read_account`, which also says what is wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from core.errors import InputError
from core.storage.account_files import file_name, read_account
from core.storage.models import Account
from core.utils.language import language_of

_MOMENT = pa.timestamp("us", "UTC")
_POST = {
    "id": pa.string(),
    "shortcode": pa.string(),
    "taken_at": pa.string(),
    "caption": pa.string(),
    "kind": pa.string(),
    "likes": pa.int64(),
    "comments": pa.int64(),
}
_ACCOUNT = {
    "username": pa.string(),
    "user_id": pa.string(),
    "source": pa.string(),
    "collected_at": pa.string(),
    "complete": pa.bool_(),
    "outcome": pa.string(),
    "post_count": pa.int64(),
    "reason": pa.string(),
}
_SCHEMA = pa.schema([*_ACCOUNT.items(), ("posts", pa.list_(pa.struct(list(_POST.items()))))])
_MIN_BLOCK = 1 << 20


@dataclass
class AccountBatch:
    """What a number of account files hold.

    Attributes:
        accounts: one row per account, with the position of its file in ``file``.
        posts: one row per post, with the row number of its account in ``accounts`` as ``account``.
        reasons: why a file cannot be used, by its position.
    """

    accounts: pa.Table
    posts: pa.Table
    reasons: dict[int, str] = field(default_factory=dict)


def read_batch(paths: Sequence[Path]) -> AccountBatch:
    """Read account files; the ones that cannot be used are named in ``reasons``."""
    try:
        lines = [path.read_bytes() for path in paths]
        return _batch(_parse(lines, paths), list(range(len(paths))), {})
    except (OSError, pa.ArrowInvalid):
        return _read_patiently(paths)


def languages_of(batch: AccountBatch) -> list[str | None]:
    """The language that each account of a batch mostly writes in; None where it has no text."""
    captions: list[list[str]] = [[] for _ in range(len(batch.accounts))]
    for account, caption in zip(batch.posts["account"].to_pylist(), batch.posts["caption"].to_pylist(), strict=True):
        if caption and not caption.isspace():
            captions[account].append(caption)
    return [language_of(texts) if texts else None for texts in captions]


def _read_patiently(paths: Sequence[Path]) -> AccountBatch:
    lines: dict[int, bytes] = {}
    reasons: dict[int, str] = {}
    for position, path in enumerate(paths):
        try:
            line = _normalised(path)
            _parse([line], [path])
            lines[position] = line
        except InputError as error:
            reasons[position] = str(error)
        except (pa.ArrowInvalid, TypeError):  # TypeError: a number beyond 64 bits
            reasons[position] = f"{path} holds a value that is out of range. Collect or import the account again."
    table = _parse(list(lines.values()), [paths[position] for position in lines])
    return _batch(table, list(lines), reasons)


def _normalised(path: Path) -> bytes:
    """The account of a file in the one form, on one line, that :func:`_parse` reads."""
    account = read_account(path)
    if path.name != file_name(account.username):
        raise InputError(
            f"{path} holds the account {account.username!r} but bears another name. "
            f"Rename it to {file_name(account.username)}, or remove it."
        )
    return orjson.dumps(_in_utc(account).model_dump(mode="json"))


def _in_utc(account: Account) -> Account:
    for post in account.posts:
        if post.taken_at and not post.taken_at.tzinfo:
            post.taken_at = post.taken_at.replace(tzinfo=UTC)
    if not account.collected_at.tzinfo:
        account.collected_at = account.collected_at.replace(tzinfo=UTC)
    return account


def _parse(lines: Sequence[bytes], paths: Sequence[Path]) -> pa.Table:
    """One row per line; raises ArrowInvalid unless each line is the account that its file's name says."""
    if not lines:
        return _SCHEMA.empty_table()
    block = max(_MIN_BLOCK, *(len(line) + 1 for line in lines))
    table = pyarrow.json.read_json(
        pa.py_buffer(b"\n".join(lines)),
        read_options=pyarrow.json.ReadOptions(block_size=block, use_threads=False),
        parse_options=pyarrow.json.ParseOptions(explicit_schema=_SCHEMA, unexpected_field_behavior="ignore"),
    ).combine_chunks()
    names = table["username"].to_pylist()
    if [file_name(name) if name else None for name in names] != [path.name for path in paths]:
        raise pa.ArrowInvalid("not one account to a line")
    table.validate(full=True)  # Arrow's reader lets bytes pass that are not UTF-8
    _check_moments(table)
    return table


def _check_moments(table: pa.Table) -> None:
    """Raise ArrowInvalid where something needs the patient reading."""
    posts = pc.list_flatten(table["posts"])
    if table["collected_at"].null_count or posts.null_count or pc.struct_field(posts, "id").null_count:
        raise pa.ArrowInvalid("a post without an id")
    pc.cast(table["collected_at"], _MOMENT)
    pc.cast(pc.struct_field(posts, "taken_at"), _MOMENT)


def _batch(table: pa.Table, positions: list[int], reasons: dict[int, str]) -> AccountBatch:
    accounts = table.select(list(_ACCOUNT)).append_column("file", pa.array(positions, pa.int32()))
    nested = table["posts"].combine_chunks()
    flat = pc.list_flatten(nested)
    parents = pc.list_parent_indices(nested).cast(pa.int32())
    usernames = pa.DictionaryArray.from_arrays(parents, accounts["username"].combine_chunks())
    posts = pa.table({"account": parents, "username": usernames, **{n: pc.struct_field(flat, n) for n in _POST}})
    return AccountBatch(_with_moments(accounts, "collected_at"), _with_moments(posts, "taken_at"), reasons)


def _with_moments(table: pa.Table, column: str) -> pa.Table:
    at = table.schema.get_field_index(column)
    moments = pc.cast(pc.cast(table[column], _MOMENT), pa.timestamp("us"))
    return table.set_column(at, column, moments)
