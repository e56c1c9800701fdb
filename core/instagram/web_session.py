"""Who asks: a visitor, or the researcher's own session cookie."""

import hashlib
import re
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote

import orjson
import requests
from pydantic import SecretStr

from core.errors import InputError
from core.instagram.client import RequestClient
from core.instagram.errors import (
    QueryRetired,
    UnexpectedAnswer,
)
from core.instagram.responses import Reader
from core.instagram.routes import RouteData
from core.instagram.state import StateFile

# what goes back in a header; a line break would make a second one of it
_TOKEN = re.compile(r"[\x21-\x7e]{1,2000}")
_TOKENS_AGE_S = 12 * 3600.0

T = TypeVar("T")


def clean_cookie(secret: SecretStr | None) -> SecretStr | None:
    """The value of the ``sessionid`` cookie, however it was pasted; None for none.

    Raises:
        InputError: it cannot be one. The text does not show it.
    """
    value = secret.get_secret_value().strip().strip("'\"").removeprefix("sessionid=").rstrip("; ") if secret else ""
    if value and not re.fullmatch(r"[\w%:.~-]{8,}", value):
        raise InputError(
            "AGESCOPE_INSTAGRAM_SESSION cannot be used: give the value of the sessionid cookie alone, as the "
            "browser shows it."
        )
    return SecretStr(value) if value else None


def hidden_name(secret: SecretStr) -> str:
    """A name for whom a secret stands for, which does not give the secret away."""
    return hashlib.sha256(secret.get_secret_value().encode()).hexdigest()[:16]


class Session:
    """Who asks: a visitor who is not logged in, or the researcher's own session cookie.

    Args:
        line: the way out.
        base_url: Instagram's base address.
        data: the routes' data.
        cookie: the value of the ``sessionid`` cookie, or None for a visitor.
    """

    def __init__(self, line: RequestClient, base_url: str, data: RouteData, cookie: SecretStr | None = None) -> None:
        self.line = line
        self.data = data
        self.logged_in = cookie is not None
        self._base_url = base_url
        self._cookies = {"sessionid": cookie.get_secret_value()} if cookie else {}
        who = hidden_name(cookie) if cookie else "visitor"
        self.memory = StateFile(f"{base_url} {who}")
        self._tokens: dict[str, str] = {}
        self._tokens_are_fresh = False

    def get_json(self, name: str, username: str, params: dict[str, Any] | None = None, **fill: str) -> dict[str, Any]:
        """GET a route that answers with JSON.

        Args:
            name: the route's name in ``routes.toml``.
            username: the account that it is about.
            params: added to the route's own.
            fill: values for the route's path, besides ``username``.

        Raises:
            InstagramError: the answer is no object, or tells of an error.
        """
        route = self.data.routes[name]
        return self._ask(
            name,
            username,
            Reader(name, self.logged_in).json,
            method="GET",
            url=self._url(name, username=username, **fill),
            params={**route.variables, **(params or {})},
            headers={"X-IG-App-ID": self.data.headers.app_id, "X-Requested-With": "XMLHttpRequest"},
        )

    def get_page(self, name: str, username: str) -> str:
        """GET a page as a browser's navigation does.

        Raises:
            InstagramError: the answer is no page, or tells of an error.
        """
        return self._page(name, username, self._url(name, username=username))

    def query(self, name: str, username: str, variables: dict[str, Any]) -> dict[str, Any]:
        """POST a query by its id, with the session's tokens.

        Raises:
            InstagramError: the answer is no object, or tells of an error.
        """
        reader = Reader(name, self.logged_in, by_query_id=True)
        kept = self._known_tokens() and not self._tokens_are_fresh
        try:
            return self._query(name, username, variables, reader)
        except (UnexpectedAnswer, QueryRetired):
            if not kept:
                raise
        # tokens from an earlier run may have grown stale
        self.memory.drop("tokens")
        self._tokens = {}
        return self._query(name, username, variables, reader)

    def _query(self, name: str, username: str, variables: dict[str, Any], reader: Reader) -> dict[str, Any]:
        route = self.data.routes[name]
        tokens = self._known_tokens() or self._new_tokens(username)
        form = {
            **{key: value for key, value in tokens.items() if key in self.data.tokens},
            "doc_id": route.doc_id,
            "variables": orjson.dumps({**route.variables, **variables}).decode(),
            "server_timestamps": "true",
        }
        headers = {
            "X-FB-LSD": tokens.get("lsd", ""),
            "X-CSRFToken": self._cookies.get("csrftoken", ""),
            "X-IG-App-ID": self.data.headers.app_id,
            "Origin": self._base_url,
            "Referer": f"{self._base_url}/{username}/",
            "Sec-Fetch-Dest": "empty",
            "Sec-Fetch-Mode": "cors",
            "Sec-Fetch-Site": "same-origin",
        }
        url = self._url(name, username=username)
        return self._ask(name, username, reader.json, method="POST", url=url, data=form, headers=headers)

    def _page(self, name: str, username: str, url: str) -> str:
        navigation = {
            "Accept": "text/html",
            "Sec-Fetch-Dest": "document",
            "Sec-Fetch-Mode": "navigate",
            "Sec-Fetch-Site": "none",
        }
        read = Reader(name, self.logged_in).html
        return self._ask(name, username, read, method="GET", url=url, headers=navigation)

    def _ask(
        self, name: str, username: str, read: Callable[[requests.Response], T], headers: dict[str, str], **request: Any
    ) -> T:
        own = {"User-Agent": self.data.headers.user_agent, "Accept-Language": self.data.headers.accept_language}
        extra = self.data.routes[name].headers if name in self.data.routes else {}

        def read_and_keep_cookies(response: requests.Response) -> T:
            self._cookies.update({k: v for k, v in response.cookies.get_dict().items() if _TOKEN.fullmatch(f"{k}={v}")})
            return read(response)

        ready = requests.Request(headers={**own, **headers, **extra}, cookies=dict(self._cookies), **request)
        return self.line.ask(name, username, read_and_keep_cookies, ready)

    def _known_tokens(self) -> dict[str, str]:
        """The tokens of this run or an earlier one; empty where there are none."""
        if not self._tokens:
            kept = self.memory.get("tokens", max_age_s=_TOKENS_AGE_S)
            self._tokens = {name: str(token) for name, token in kept.items()} if isinstance(kept, dict) else {}
            if "csrftoken" in self._tokens:
                self._cookies.setdefault("csrftoken", self._tokens["csrftoken"])
        return self._tokens

    def _new_tokens(self, username: str) -> dict[str, str]:
        """Read the tokens that queries send along from the start page: one request for each session."""
        page = self._page("start", username, f"{self._base_url}/")
        found = {name: re.search(pattern, page) for name, pattern in self.data.tokens.items()}
        self._tokens = {name: match[1] for name, match in found.items() if match and _TOKEN.fullmatch(match[1])}
        if "lsd" not in self._tokens:
            raise UnexpectedAnswer("a start page without tokens", "start")
        self._tokens["csrftoken"] = self._cookies.get("csrftoken", "")
        self._tokens_are_fresh = True
        self.memory.keep("tokens", {**self._tokens})
        return self._tokens

    def _url(self, name: str, **fill: str) -> str:
        quoted = {key: quote(value, safe="") for key, value in fill.items()}
        return self._base_url + self.data.routes[name].path.format(**quoted)
