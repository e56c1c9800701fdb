"""Dates that may have the day or the month first, and texts whose encoding a person says."""

from pathlib import Path

import pytest

from core import cli
from core.errors import InputError
from core.importers import by_account
from core.importers.detect import find, read
from core.importers.preview import preview
from core.importers.results import NotUnderstood, ReadingChoices, Recognised
from core.storage.date_order import DateOrder
from core.storage.models import Account

HEADER = "username,caption,date\n"


def days(path: Path, date_order: DateOrder | None = None) -> tuple[list[str | None], str]:
    """The days of the posts by caption, and what was said."""
    found = list(find(path, choices=ReadingChoices(date_order=date_order)))
    posts = [post for one in found if isinstance(one, Account) for post in one.posts]
    posts.sort(key=lambda post: post.caption or "")
    said = [one.reason if isinstance(one, NotUnderstood) else getattr(one, "fields", "") for one in found]
    return [post.taken_at.strftime("%m-%d") if post.taken_at else None for post in posts], " ".join(said)


def put(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("01.05.2024", "13.05.2024 10:30", ["05-01", "05-13"]),
        ("1/5/2024", "13/5/2024", ["05-01", "05-13"]),
        ('"1/5/2024, 9:30 PM"', "5/13/2024", ["01-05", "05-13"]),
        ("01-05-2024", "31-05-2024 10:00:00", ["05-01", "05-31"]),
    ],
)
def test_one_date_that_has_only_one_order_tells_that_of_all(
    tmp_path: Path, first: str, second: str, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path / "t.csv", f"{HEADER}anna,a,{first}\nanna,b,{second}\n")
    assert days(path)[0] == expected
    assert "can only be read so" in days(path)[1]
    monkeypatch.setattr(by_account, "_IN_HAND", 1)  # the same with the posts on the disk
    assert days(path)[0] == expected
    records = f'[{{"username":"anna","caption":"a","date":"{first.strip(chr(34))}"}},' + (
        f'{{"username":"anna","caption":"b","date":"{second}"}}]'
    )
    assert days(put(tmp_path / "t.json", records))[0] == expected


def test_dates_that_nothing_decides_stay_empty_until_a_person_says_it(tmp_path: Path) -> None:
    path = put(tmp_path / "t.csv", f"{HEADER}anna,a,01/05/2024\nanna,b,02/05/2024\n")
    found, said = days(path)
    assert found == [None, None]
    assert "2 times left empty" in said and "--date-order day-first" in said
    assert days(path, "day-first")[0] == ["05-01", "05-02"]
    assert days(path, "month-first")[0] == ["01-05", "02-05"]


def test_dates_that_contradict_each_other_stay_empty_and_are_counted(tmp_path: Path) -> None:
    path = put(tmp_path / "t.csv", f"{HEADER}anna,a,13/05/2024\nanna,b,05/13/2024\nanna,c,31/02/2024\n")
    found, said = days(path)
    assert found == [None, None, None] and "3 times left empty" in said
    found, said = days(path, "month-first")
    assert found == [None, "05-13", None] and "2 times left empty" in said


def test_the_command_line_takes_an_encoding_and_an_order_of_dates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes((HEADER + "anna,漢字,01.05.2024\n").encode("gb18030"))
    command = ["core", "import", str(path), "--output-dir", str(tmp_path / "out")]

    def run(*more: str) -> int:
        monkeypatch.setattr("sys.argv", [*command, *more])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0)

    assert run() == 2 and "--encoding NAME" in capsys.readouterr().err.replace("\n", " ")
    assert run("--encoding", "klingon") == 2 and "no encoding" in capsys.readouterr().err
    assert run("--encoding", "gb18030", "--date-order", "day-first") == 0
    assert "as you said" in capsys.readouterr().err
    assert '"caption": "漢字"' in (tmp_path / "out" / "anna.json").read_text().replace('":"', '": "')


def test_json_is_read_in_the_encoding_that_was_said(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_bytes('[{"username": "anna", "caption": "при"}]'.encode("mac_cyrillic"))
    with pytest.raises(InputError, match="say its encoding"):
        list(read(path))
    [account] = read(path, choices=ReadingChoices(encoding="mac_cyrillic"))
    assert account.captions == ["при"]
    assert any(isinstance(one, Recognised) for one in find(path, choices=ReadingChoices(encoding="mac_cyrillic")))


@pytest.mark.parametrize(
    ("dates", "options", "days", "said"),
    [
        (("1-May-24", "24-May-24"), None, ["2024-05-01", "2024-05-24"], "read with the day first"),
        (("31-Mai-23 10:00", "12-Mai-24 11:00"), None, ["2023-05-31", "2024-05-12"], "read with the day first"),
        (("12-May-24", "13-May-24"), None, [None, None], "2 times left empty"),
        (("12-May-24", "13-May-24"), ReadingChoices(date_order="day-first"), ["2024-05-12", "2024-05-13"], ""),
    ],
)
def test_excels_short_dates_are_read_where_one_shows_that_the_day_is_first(
    tmp_path: Path, dates: tuple[str, str], options: ReadingChoices | None, days: list[str | None], said: str
) -> None:
    path = tmp_path / "t.csv"
    path.write_text("username,caption,date\n" + "".join(f"anna{at},one,{date}\n" for at, date in enumerate(dates)))
    seen = preview(path, None, options)
    assert [post.taken_at and f"{post.taken_at:%Y-%m-%d}" for _, post in seen.first] == days
    assert said in str(seen)


def test_texts_that_were_garbled_before_are_kept_and_told(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("username,caption\nanna,schÃ¶ne GrÃ¼ÃŸe\nbob,schöne Grüße — voilà\ncarl,Ãa va\n")
    seen = preview(path)
    assert seen.posts == 3
    assert "1 text looks as if a program had read UTF-8 as another encoding" in str(seen)
