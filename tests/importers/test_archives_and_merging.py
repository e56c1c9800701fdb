"""Archives in archives, links out of a folder, and posts that come twice in any order."""

import io
import zipfile
from datetime import UTC, datetime
from itertools import permutations
from pathlib import Path

import orjson

from core.importers import archives
from core.importers.importer import ImportSummary, import_files, merged
from core.jobs.progress import no_progress
from core.storage.account_files import read_account
from core.storage.models import Account, Post

NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)
TABLE = b"username,caption\nlena,hello\n"


def do_import(source: Path, output: Path) -> ImportSummary:
    with no_progress() as progress:
        return import_files(source, output, None, progress)


def zipped(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def test_an_archive_in_an_archive_is_read_up_to_a_depth(tmp_path: Path) -> None:
    content = zipped("posts.csv", TABLE)
    for depth in range(2, archives.MAX_DEPTH + 1):
        content = zipped(f"inner{depth}.zip", content)
    source = tmp_path / "in"
    source.mkdir()
    (source / "good.zip").write_bytes(content)
    assert do_import(source, tmp_path / "out").accounts == 1
    (source / "deep.zip").write_bytes(zipped("outer.zip", content))
    summary = do_import(source, tmp_path / "out")
    assert "unpack it and give the folder" in summary.not_understood[0].reason


def test_a_link_that_leads_out_of_the_folder_is_left_and_named(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.csv").write_bytes(b"username,caption\neve,private\n")
    source = tmp_path / "in"
    source.mkdir()
    (source / "posts.csv").write_bytes(TABLE)
    (source / "link.csv").symlink_to(tmp_path / "elsewhere.csv")
    summary = do_import(source, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["lena.json"]
    assert [item.name for item in summary.not_understood] == ["in/link.csv"]


def test_a_post_is_one_in_whatever_order_its_pieces_come() -> None:
    code, number = "CxYzAbC1234", "3195528265030135288"
    pieces = [
        Post(id=number, caption="hello", taken_at=NOON),
        Post(id=code, shortcode=code, caption="hello", likes=3),
        Post(id="999", shortcode=code, caption="hello"),
        Post(id="~made-up", caption="hello", taken_at=NOON),
    ]
    for order in permutations(pieces):
        [post] = merged(*(Account(username="lena", posts=[piece]) for piece in order)).posts
        assert (post.caption, post.taken_at, post.likes) == ("hello", NOON, 3)


def test_a_caption_said_twice_without_ids_stays_two_posts() -> None:
    posts = [Post(id="~one", caption="again"), Post(id="~two", caption="again")]
    assert len(merged(Account(username="lena", posts=posts)).posts) == 2


def test_what_an_import_could_not_read_is_asked_for_again_until_a_whole_one_comes(tmp_path: Path) -> None:
    lines = [orjson.dumps({"username": "lena", "caption": text}) for text in ("one", "two")]
    source = tmp_path / "lines.ndjson"
    source.write_bytes(lines[0] + b'\n{"username": "le')
    do_import(source, tmp_path / "out")
    broken_off = read_account(tmp_path / "out" / "lena.json")
    assert (broken_off.outcome, broken_off.complete, len(broken_off.posts)) == ("partial", False, 1)
    assert "line 2" in (broken_off.reason or "")
    source.write_bytes(b"\n".join(lines))
    do_import(source, tmp_path / "out")
    whole = read_account(tmp_path / "out" / "lena.json")
    assert (whole.outcome, whole.reason, len(whole.posts)) == ("collected", None, 2)
