"""The server's own addresses: what answers to whom, before any page is drawn."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.runtime.secrets import secrets_singleton
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from core.settings import get_settings
from pages.parts.gate import Gate

SECRET = "s" * 32
OPEN = ["/", "/posts", "/static/js/index.js", "/_stcore/health", "/_stcore/host-config", "/oauth2callback"]
GUARDED = [
    "/_stcore/metrics",
    "//_stcore//metrics",
    "/_stcore/metrics/",
    "/_stcore/upload_file/session/file",
    "/_stcore/anything-new",
    "/media/0123.csv",
    "/component/x/y.js",
]


def status(path: str, cookie: str = "") -> int:
    """What the gate answers; 200 where it lets a request through."""
    found: list[int] = []

    async def through(scope: Any, receive: Any, send: Any) -> None:
        found.append(200)

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            found.append(message["status"])

    async def receive() -> dict[str, str]:
        return {"type": "http.request"}

    headers = [(b"cookie", cookie.encode("latin-1"))] if cookie else []
    scope = {"type": "http", "method": "GET", "path": path, "headers": headers, "query_string": b""}
    asyncio.run(Gate(through)(scope, receive, send))
    return found[0]


@pytest.fixture
def provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    file = tmp_path / "secrets.toml"
    file.write_text(f'[auth]\ncookie_secret = "{SECRET}"\n')
    before = st.get_option("secrets.files")
    st.config.set_option("secrets.files", [str(file)])
    secrets_singleton._reset()
    monkeypatch.setenv("AGESCOPE_PEOPLE", "ada@example.org, bo@example.org=viewer")
    get_settings.cache_clear()
    yield
    st.config.set_option("secrets.files", before)
    secrets_singleton._reset()


def cookie_of(email: str, secret: str = SECRET, **claims: object) -> str:
    content = json.dumps({"is_logged_in": True, "email": email, "email_verified": True, "origin": "x", **claims})
    return f"{USER_COOKIE_NAME}={create_signed_value(secret, USER_COOKIE_NAME, content).decode()}"


@pytest.mark.parametrize("path", OPEN)
def test_the_page_to_sign_in_on_is_for_everybody(provider: None, path: str) -> None:
    assert status(path) == 200


@pytest.mark.parametrize("path", GUARDED)
def test_what_tells_or_takes_something_is_for_those_who_signed_in(provider: None, path: str) -> None:
    assert status(path) == 403
    assert status(path, cookie_of("ada@example.org")) == 200


@pytest.mark.parametrize(
    "cookie",
    [
        cookie_of("eve@example.org"),
        cookie_of("ada@example.org", email_verified=False),
        cookie_of("ada@example.org", email_verified=None),
        cookie_of("ada@example.org", is_logged_in=False),
        cookie_of("ada@example.org", secret="t" * 32),
        f"{USER_COOKIE_NAME}=nonsense",
        "\x00;;==",
    ],
)
def test_a_cookie_of_somebody_else_opens_nothing(provider: None, cookie: str) -> None:
    assert status("/_stcore/metrics", cookie) == 403 and status("/media/x", cookie) == 403


def test_a_viewer_uploads_nothing(provider: None) -> None:
    assert status("/_stcore/upload_file/session/file", cookie_of("bo@example.org")) == 403
    assert status("/media/report.html", cookie_of("bo@example.org")) == 200


def test_without_a_sign_in_the_server_tells_nobody_of_itself_and_the_rest_works() -> None:
    assert status("/_stcore/metrics") == 403
    assert status("/_stcore/upload_file/session/file") == 200 and status("/media/x") == 200


@pytest.mark.parametrize("path", ["/_stcore/agent/interact", "/_stcore/agent/mcp", "/_stcore/agent/openapi.json"])
def test_no_program_presses_buttons(provider: None, path: str) -> None:
    assert status(path, cookie_of("ada@example.org")) == 403


def test_settings_that_cannot_be_used_open_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGESCOPE_PEOPLE", "nonsense")
    get_settings.cache_clear()
    assert status("/media/x") == 403
