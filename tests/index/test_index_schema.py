"""The index holds every field of an account and of its posts, under the same name and with its type."""

from datetime import datetime
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import pyarrow as pa
from pydantic import BaseModel

from core.index.account_reader import read_batch
from core.storage.account_files import write_account
from core.storage.models import Account, Post

ARROW: dict[type, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    bool: pa.bool_(),
    datetime: pa.timestamp("us"),
}
NOT_INDEXED = {"posts", "cursor"}
"""Posts have a table of their own; where a collection goes on concerns nobody who reads."""

POSITIONS = {"file", "account", "username"}
"""What ties rows to their files and posts to their accounts."""


def arrow_type(annotation: Any) -> pa.DataType:
    """The type of a column for a field's annotation, which may allow None."""
    if get_origin(annotation) is Literal:
        return pa.string()
    [kind] = [part for part in get_args(annotation) or (annotation,) if part is not NoneType]
    return ARROW[kind]


def expected(model: type[BaseModel]) -> dict[str, pa.DataType]:
    found = {name: field.annotation for name, field in model.model_fields.items() if name not in NOT_INDEXED}
    return {name: arrow_type(annotation) for name, annotation in found.items()}


def columns(table: pa.Table, left_out: set[str]) -> dict[str, pa.DataType]:
    return {field.name: field.type for field in table.schema if field.name not in left_out}


def test_an_account_file_becomes_columns_of_the_same_names_and_types(tmp_path: Path) -> None:
    batch = read_batch([write_account(tmp_path, Account(username="anna", posts=[Post(id="1")]))])
    assert columns(batch.accounts, {"file"}) == expected(Account)
    assert columns(batch.posts, POSITIONS) == expected(Post)
