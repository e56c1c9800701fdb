"""Footers, headers within, missing values and the shadows of other programs: none of them is anybody's post."""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import openpyxl
import pytest

from core.errors import InputError
from core.importers.detect import find, read
from core.importers.importer import import_files
from core.importers.preview import preview
from core.importers.results import LeftOut, NotUnderstood
from core.jobs.progress import no_progress
from core.storage.user_lists import read_user_list


def put(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_footer_and_a_header_within_are_left_out_and_counted(tmp_path: Path) -> None:
    text = "username,caption,date\nanna,one,2024-05-01\nusername,caption,date\nbob,two,2024-05-02\nTotal: 2,,\n"
    path = put(tmp_path / "t.csv", text)
    assert {account.username for account in read(path)} == {"anna", "bob"}
    assert [one.reason for one in find(path) if isinstance(one, LeftOut)] == [
        "that repeat the header",
        "that are a footer, such as a total",
    ]


@pytest.mark.parametrize("missing", ["NULL", "None", "\\N", "n/a", "N/A", "#N/A", "nan"])
def test_a_missing_value_is_neither_a_caption_nor_an_account(tmp_path: Path, missing: str) -> None:
    text = f'username,caption,date\nanna,{missing},2024-05-01\nanna,"{missing}",2024-05-02\n{missing},x,2024-05-03\n'
    [account] = read(put(tmp_path / "t.csv", text))
    assert [post.caption for post in account.posts] == [None, missing]
    assert read_user_list(f"username,note\nanna,x\n{missing},y\nnull,z\n".encode()).usernames == ["anna", "null"]


def test_a_number_keeps_the_zeros_that_its_sheet_shows(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (("username", "caption"), (123, "a"), ("bob", "#N/A")):
        book.active.append(row)
    book.active.cell(2, 1).number_format = "00000"
    book.save(tmp_path / "t.xlsx")
    accounts = {account.username: account.captions for account in read(tmp_path / "t.xlsx")}
    assert accounts == {"00123": ["a"], "bob": []}


def test_what_a_mac_keeps_beside_files_is_left_alone(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr("t.csv", "username,caption\nanna,one\n")
        archive.writestr("__MACOSX/._t.csv", b"\x00\x05\x16\x07\x00Mac OS X")
    seen = preview(tmp_path / "t.zip")
    assert (seen.usernames, seen.ignored, seen.not_understood) == ({"anna"}, 1, [])


@pytest.mark.parametrize("packed", [True, False])
def test_a_tar_archive_under_another_name_is_named_as_one(tmp_path: Path, packed: bool) -> None:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("t.csv"))
    (tmp_path / "t.dat").write_bytes(gzip.compress(content.getvalue()) if packed else content.getvalue())
    [refused] = [one for one in find(tmp_path / "t.dat") if isinstance(one, NotUnderstood)]
    assert "tar archive; unpack it" in refused.reason
    with pytest.raises(InputError):
        list(read(tmp_path / "t.dat"))


def test_labels_that_are_ranges_alone_are_kept_and_what_is_left_out_is_said(tmp_path: Path) -> None:
    path = put(tmp_path / "l.csv", "username,age\nanna,18-24\nbob,25+\ncarl,1998\n")
    assert "2 accounts with an age" in str(preview(path)) and "line 4: this may be a year of birth" in str(
        preview(path)
    )
    with no_progress() as progress:
        [labels] = import_files(path, tmp_path / "accounts", None, progress).labels
    assert labels.read_text() == "username,age\nanna,18-24\nbob,at least 25\n"


def test_the_number_of_a_row_of_facepager_is_no_id_of_a_post(tmp_path: Path) -> None:
    header = "level,id,parent_id,object_id,object_type,query_status,query_time,query_type,username,caption\n"
    path = put(tmp_path / "t.csv", f"{header}1,7,3,17900001,data,fetched (200),2024-05-02 10:00:00,media,anna,one\n")
    [account] = read(path)
    assert [(post.id, post.taken_at) for post in account.posts] == [("17900001", None)]
