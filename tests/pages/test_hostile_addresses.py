"""Addresses that somebody sends who means harm: what is not there is said, and nothing in them acts."""

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.run_page import run

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture(autouse=True)
def study(data_dir: Path, sample_template: Path) -> Path:
    shutil.copytree(sample_template, data_dir)
    (data_dir.parent / "x").mkdir()
    (data_dir.parent / "x" / "predictions.csv").write_text("username,probability,prediction,posts\nstolen,0.5,1,1\n")
    return data_dir


def acting(app: AppTest) -> list[str]:
    """What a browser would run of the page: HTML with a script of the address in it."""
    blocks = [node for block in (app.main, app.sidebar) for node in block]
    allowed = [str(each.proto) for each in blocks if getattr(each, "allow_html", False)]
    return [text for text in [*allowed, *(str(each.proto) for each in app.get("html"))] if "alert(1)" in text]


@pytest.mark.parametrize(
    ("page", "address"),
    [
        ("results", {"run": "../../x", "view": SCRIPT, "behind": SCRIPT, "why": SCRIPT}),
        ("results", {"run": "../x", "behind": "histogram at_least " + "9" * 400, "of": SCRIPT, "find": "\x00"}),
        ("posts", {"account": SCRIPT}),
        ("posts", {"account": "../../etc/passwd", "words": "'; DROP TABLE posts; --", "show": "Posts"}),
        ("posts", {"show": SCRIPT, "words": "(" * 5000}),
        ("label", {"batch": "../../x", "coder": SCRIPT}),
        ("collect", {"list": "../../x/predictions", "source": SCRIPT}),
        ("train", {"cutoff": "1e999", "labels": "../../x/predictions"}),
        ("train", {"cutoff": "nan"}),
        ("posts", {"least": "inf", "likes": "nan", "since": "9999-99-99", "until": "0001-01-01"}),
        (
            "results",
            {"view": "Accounts", "between": "nan,inf", "age_from": "1e999", "threshold": "nan", "cutoff": "inf"},
        ),
        ("results", {"view": "Accounts", "between": "0.2", "age_to": "-inf", "threshold": "1e999", "find": "nan"}),
        ("jobs", {"kind": SCRIPT, "state": "__proto__"}),
        ("overview", {"study": "../../x"}),
        ("overview", {"study": SCRIPT}),
    ],
)
def test_what_is_not_there_is_said_and_nothing_acts(study: Path, page: str, address: dict[str, str]) -> None:
    app = run(page, **address)
    assert not acting(app)
    assert "stolen" not in str([table.value for table in app.dataframe])
    assert not list(study.glob("*.part")) and (study / "accounts").is_dir()
