"""Whatever the bytes are, every reader gives records or a named reason."""

import gzip
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import Stopped
from core.importers.archives import Piece
from core.importers.detect import find
from core.importers.export_html import posts_of_html
from core.importers.json_values import Damage, Value, _Scanner, json_values, looks_like_json
from core.importers.preview import preview
from core.settings import PROJECT_DIR

ANYTHING = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
WORDS = [
    "username",
    "caption",
    "id",
    "code",
    "user",
    "data",
    "node",
    "media",
    "uri",
    "taken_at",
    "posts",
    "media_type",
]
RECORDS = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5),
    max_leaves=20,
)


def _in_json(content: bytes) -> bytes:
    return b'[{"username": "anna", "caption": "' + content + b'"}, {"username": "anna"'


def _in_lines(content: bytes) -> bytes:
    return b'{"username": "anna", "caption": "one"}\n' + content + b'\n{"username": "bob", "caption": "two"}\n'


def _in_page(content: bytes) -> bytes:
    return b"<html><main><div><h2>" + content + b'</h2><a href="media/1.jpg"></a><div>May 1, 2024</div></div>'


def _in_table(content: bytes) -> bytes:
    return b"username,caption\nanna," + content + b"\n"


def _in_archive(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("your_instagram_activity/media/posts_1.json", content)
        archive.writestr("inner.zip", content)
    return buffer.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("around", [bytes, _in_json, _in_lines, _in_page, _in_table, _in_archive])
@ANYTHING
@given(content=st.binary(max_size=300))
def test_any_bytes_give_accounts_or_a_reason(tmp_path: Path, around: Callable[[bytes], bytes], content: bytes) -> None:
    path = tmp_path / "anything"
    path.write_bytes(around(content))
    seen = preview(path, "anna")
    assert seen.accounts or seen.not_understood or seen.left_out or seen.ignored
    assert all(item.reason for item in seen.not_understood)


@pytest.mark.slow
@ANYTHING
@given(document=RECORDS)
def test_any_document_gives_accounts_or_a_reason(tmp_path: Path, document: object) -> None:
    path = tmp_path / "document.json"
    path.write_text(json.dumps(document))
    seen = preview(path, "anna")
    assert seen.accounts or seen.not_understood or seen.left_out


@ANYTHING
@given(text=st.text(max_size=200))
def test_any_page_is_parsed(text: str) -> None:
    assert isinstance(posts_of_html(f"<main>{text}</main>"), list)


@ANYTHING
@given(
    records=st.lists(st.dictionaries(st.sampled_from(WORDS), st.text(max_size=5), min_size=1), min_size=1, max_size=6),
    broken=st.integers(0, 5),
)
def test_a_broken_line_costs_itself(tmp_path: Path, records: list[dict[str, str]], broken: int) -> None:
    lines = [json.dumps(record) for record in records]
    lines.insert(broken, '{"username": "cut of')
    path = tmp_path / "lines.ndjson"
    path.write_text("\n".join(lines))
    read = list(json_values(Piece(path, (path.name,))))
    assert [value.content for value in read if isinstance(value, Value)] == records
    [damage] = [value for value in read if isinstance(value, Damage)]
    assert damage.place == f"line {min(broken, len(records)) + 1}"


def test_values_are_the_same_however_they_are_laid_out() -> None:
    records = [{"a": 1, "b": {"c": [1, {"d": "} ]"}]}}, {"a": 2}]
    layouts = [
        json.dumps(records),
        json.dumps(records, indent=2),
        "\n".join(map(json.dumps, records)),
        "".join(json.dumps(record, indent=1) for record in records),
        "\x1e" + "\n\x1e".join(map(json.dumps, records)),
    ]
    for text in layouts:
        assert [value.content for value in _Scanner(io.StringIO(text)).values() if isinstance(value, Value)] == records


def test_the_end_of_a_cut_line_is_no_table() -> None:
    assert looks_like_json(b'aption": "x"}\n{"username": "anna"}\n')
    assert not looks_like_json(b'username,caption\nanna,"{hello}"\n')


MEASURED_IMPORT = """
import re, resource
from pathlib import Path
from core.cli import main
try:
    main()
finally:  # what getrusage tells of Linux includes the memory of the process that started this one
    status = Path("/proc/self/status")
    told = re.search(r"VmHWM:\\s*([0-9]+)", status.read_text()) if status.exists() else None
    print(told[1] if told else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("begin", "again"),
    [
        (b'{"a": "', b"a"),
        (b"[", b"["),
        (b'{"data": [{}', b",{}"),
        (b"[1", b",1"),
        (b"[", b'"aaaa",'),
        (b"<div>", b"<b>"),
    ],
)
def test_endless_files_end_in_a_sentence(tmp_path: Path, begin: bytes, again: bytes) -> None:
    path = tmp_path / "endless.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(begin)
        for _ in range(150):
            file.write(again * (1_000_000 // len(again)))
    command = [sys.executable, "-c", MEASURED_IMPORT, "import", str(path), "--output-dir", str(tmp_path / "out")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=PROJECT_DIR)
    assert ended.returncode == 2
    assert "Nothing could be imported" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert int(ended.stdout.split()[-1]) < 500_000  # KB


def test_a_stop_is_heard_in_the_middle_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "long.ndjson"
    path.write_text(('{"username": "anna", "caption": "' + "long " * 1_000 + '"}\n') * 2_000)
    reads = iter(range(10**9))

    def check() -> None:
        if next(reads) > 5:
            raise Stopped("Stopped as asked.")

    with pytest.raises(Stopped):
        list(find(path, check=check))
    assert next(reads) < 10
