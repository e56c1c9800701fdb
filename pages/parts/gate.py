"""What the dashboard's server answers to somebody who has not signed in: the page to do so, and nothing else.

Pages ask for themselves who looks at them. Beside them, Streamlit answers at addresses of its own:
figures of the server, uploads, files to download, a door for programs. These ask nobody, so this does.
"""

import json
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Any

import streamlit as st
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME
from streamlit.web.server.starlette.starlette_websocket import _get_signed_cookie_with_chunks

from core.errors import AgeScopeError
from core.privacy.roles import Action, Person
from core.settings import get_settings
from pages.parts.sign_in import person_of

OWN = "_stcore"
OPEN = frozenset({"health", "script-health-check", "host-config", "stream"})
"""What a browser needs to draw the page on which one signs in, and whoever watches whether the server lives."""
GUARDED = frozenset({OWN, "media", "component", "app"})
NEVER = frozenset({"agent"})
"""The door for programs that press buttons: no button here is made for them."""


class Gate:
    """An ASGI application around Streamlit's."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403 where somebody may not ask, else let Streamlit answer."""
        if scope["type"] == "http" and not self._passes(scope):
            await PlainTextResponse("Sign in first.", 403)(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _passes(self, scope: Scope) -> bool:
        base = [part for part in str(st.get_option("server.baseUrlPath")).split("/") if part]
        parts = [part for part in scope["path"].split("/") if part][len(base) :]
        if not parts or parts[0] not in GUARDED:
            return True
        if parts[0] == OWN and len(parts) == 2 and parts[1] in OPEN:
            return True
        if parts[0] == OWN and not NEVER.isdisjoint(parts):
            return False
        person, can_sign_in = _who_asks(Headers(scope=scope))
        if person is None or (parts[0] == OWN and "metrics" in parts and not can_sign_in):
            return False
        return "upload_file" not in parts or person.may(Action.CHANGE_STUDY)


def _who_asks(headers: Headers) -> tuple[Person | None, bool]:
    """Who sends a request, as their cookie says, and whether anybody can sign in here at all."""
    can_sign_in = "auth" in st.secrets if st.secrets.load_if_toml_exists() else False
    user = _claims(headers) if can_sign_in else {}
    try:
        return person_of(user, get_settings()), can_sign_in
    except AgeScopeError:  # the settings cannot be used, which the page says
        return None, can_sign_in


def _claims(headers: Headers) -> Mapping[str, Any]:
    """What Streamlit's signed cookie says of somebody; not signed in where there is none, or one that is not valid."""
    nobody = {"is_logged_in": False}
    try:
        cookies = {name: cookie.value for name, cookie in SimpleCookie(headers.get("cookie", "")).items()}
        content = _get_signed_cookie_with_chunks(cookies, USER_COOKIE_NAME)
        claims = json.loads(content) if content else nobody
    except (CookieError, ValueError):
        return nobody
    return claims if isinstance(claims, dict) and "is_logged_in" in claims else nobody
