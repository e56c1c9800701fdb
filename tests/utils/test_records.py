from pathlib import Path

import pytest

from core.errors import InputError
from core.utils.io import find_json_object
from core.utils.records import Record, find_record, read_record, read_record_if_any, write_record


class Shelf(Record):
    label: str
    books: int = 0


@pytest.mark.parametrize("content", [b"", b'{"label": ', b"[1]", b"null", b"\xff\x00"])
def test_a_json_file_that_is_damaged_or_holds_something_else_is_an_empty_object(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "speeds.json"
    assert find_json_object(file) == {}
    file.write_bytes(content)
    assert find_json_object(file) == {}
    file.write_text('{"a": 1}')
    assert find_json_object(file) == {"a": 1}


def test_a_record_that_need_not_be_there_is_none_only_where_there_is_no_file(tmp_path: Path) -> None:
    file = tmp_path / "shelf.json"
    assert read_record_if_any(Shelf, file, "Mend it.") is None
    write_record(file, Shelf(label="A", books=3))
    assert read_record_if_any(Shelf, file, "Mend it.") == Shelf(label="A", books=3)
    file.write_text('{"label": "private", "books": "many"}')
    assert find_record(Shelf, file) is None
    for read in (read_record, read_record_if_any):
        with pytest.raises(InputError, match=r"is damaged \(at books\)\. Mend it\.") as told:
            read(Shelf, file, "Mend it.")
        assert "private" not in str(told.value)
