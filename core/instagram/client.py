"""How AgeScope asks: within the limits, patiently, and as a browser would.

A :class:`Line` is the way out: limits, waits, back-off, the circuit breaker and the count of requests.
A :class:`Session` is who asks over it: a visitor, or the researcher's own session cookie.
"""

import hashlib
import logging
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast
from urllib.parse import quote, urlsplit

import orjson
import requests
from pydantic import SecretStr
from requests_ratelimiter import LimiterSession
from tenacity import RetryCallState, Retrying, retry_if_exception_type

from core.errors import InputError
from core.instagram.errors import (
    AccountNotFound,
    AccountPrivate,
    InstagramError,
    PassingFault,
    ProxyFailed,
    QueryRetired,
    StillRefused,
    TooManyRequests,
    UnexpectedAnswer,
)
from core.instagram.proxies import ProxyPool
from core.instagram.rate_limit import Limit, SharedLimiter, bucket_name
from core.instagram.responses import Reader
from core.instagram.routes import RouteData
from core.instagram.state import Memory, state_dir
from core.jobs.progress import Progress

# urllib3 warns with whole addresses, which hold usernames and, for the Graph API, the token
logging.getLogger("urllib3").setLevel(logging.ERROR)

TIMEOUT_S = (10.0, 60.0)
TRIES_AFTER_FAULT = 5
TRIES_AFTER_REFUSAL = 2
MOST_REFUSALS = 12
_TOKENS_AGE_S = 12 * 3600.0

DIRECT = "direct"
_SLOW_DOWN = "Instagram asked to slow down"

T = TypeVar("T")


@dataclass(frozen=True)
class Pace:
    """How fast, and how patiently.

    Attributes:
        limits: all of them hold at once.
        backoff: (mult, exp): the k-th wait is ``mult * exp ** k`` seconds; None for the defaults.
        jitter: each wait for the limits is longer by up to this many seconds, at random.
    """

    limits: Sequence[Limit] = (Limit(1, 30), Limit(60, 3600))
    backoff: tuple[float, float] | None = None
    jitter: float = 0.0

    def wait_after_fault(self, k: int) -> float:
        """Seconds to wait after the k-th passing fault in a row (k = 0, 1, ...), with jitter."""
        return _backoff(*(self.backoff or (2.0, 2.0)), k, cap=600.0)

    def wait_after_refusal(self, k: int) -> float:
        """Seconds to wait after the k-th "too many requests" in a row (k = 0, 1, ...), with jitter."""
        return _backoff(*(self.backoff or (300.0, 2.0)), k, cap=6 * 3600.0)


def _backoff(mult: float, exp: float, k: int, cap: float) -> float:
    try:
        wait = min(cap, mult * exp**k)
    except OverflowError:
        wait = cap
    return wait * random.uniform(1.0, 1.1)  # noqa: S311


class _LimitedSession(LimiterSession):
    """A requests session that asks the shared limiter before each request and tells it after.

    Attributes:
        outgoing: the address that the next request goes out from; limits count for each.
    """

    outgoing = DIRECT

    def __init__(self, limiter: SharedLimiter) -> None:
        super().__init__(limiter=limiter, per_host=False, limit_statuses=())
        self._limiter = limiter

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        try:
            return super().send(request, **options)
        finally:
            self._limiter.settle()

    def _bucket_name(self, request: requests.PreparedRequest) -> str:
        return bucket_name(urlsplit(request.url or "").netloc, self.outgoing)


@dataclass
class Line:
    """The way out: limits, waits, back-off, circuit breaker, and the count of requests.

    Attributes:
        pace: how fast, and how patiently.
        progress: shows waits, keeps refusals, and ends waits when the run is stopped.
        proxies: the proxies to go through, if any.
        patient: whether to wait and repeat where that can help.
        made: how many requests were made, by route.
        refusals: how many answers in a row were "too many requests".
    """

    pace: Pace
    progress: Progress
    proxies: ProxyPool | None = None
    patient: bool = True
    made: Counter[str] = field(default_factory=Counter)
    refusals: int = 0

    def __post_init__(self) -> None:
        self._limiter = SharedLimiter(
            self.pace.limits, state_dir() / "limits.sqlite", self.progress.wait, self.pace.jitter
        )
        self._http = _LimitedSession(self._limiter)
        self._resume_at = 0.0
        self._reason = ""

    def close(self) -> None:
        """Release the connections and the limits' file."""
        self._http.close()
        self._limiter.close()

    def ask(
        self,
        route: str,
        username: str,
        read: Callable[[requests.Response], T],
        request: requests.Request | requests.PreparedRequest,
    ) -> T:
        """Make one request and read its answer; wait and repeat where that can help.

        Args:
            route: what the request counts as.
            username: whom it is about; for the job's events.
            read: turns the answer into what is wanted, or raises an InstagramError.
            request: what to send.

        Raises:
            InstagramError: the answer was not what was asked for.
            Stopped: the run was asked to stop while waiting.
        """
        prepared = self._http.prepare_request(request) if isinstance(request, requests.Request) else request
        self._wait(self._resume_at - time.monotonic(), _SLOW_DOWN)
        retrying = Retrying(
            retry=retry_if_exception_type((PassingFault, TooManyRequests)),
            stop=self._tried_enough,
            wait=self._seconds_to_wait,
            sleep=lambda seconds: self._wait(seconds, self._reason),
            reraise=True,
        )
        return cast(T, retrying(self._once, route, username, read, prepared))

    def _once(
        self,
        route: str,
        username: str,
        read: Callable[[requests.Response], T],
        request: requests.PreparedRequest,
    ) -> T:
        self.progress.check()
        try:
            answer = read(self._send(route, request))
        except InstagramError as error:
            self.note(error, route, username)
            self._react(error)
            raise
        self.refusals = 0
        return answer

    def _send(self, route: str, request: requests.PreparedRequest) -> requests.Response:
        through = self._choose_proxy(request)
        options = self._http.merge_environment_settings(request.url, through, None, None, None)
        before = self._limiter.granted
        try:
            return self._http.send(request, timeout=TIMEOUT_S, allow_redirects=False, **options)
        # `from None`: requests' messages hold the address, and with it names and tokens
        except requests.exceptions.ProxyError:
            raise ProxyFailed("no connection through the proxy", route) from None
        except requests.exceptions.Timeout:
            raise PassingFault("no answer in time", route) from None
        except requests.exceptions.RequestException as error:
            raise PassingFault(f"no complete answer ({type(error).__name__})", route) from None
        finally:
            self.made[route] += self._limiter.granted - before  # none where a wait was ended
            self._http.cookies.clear()

    def _choose_proxy(self, request: requests.PreparedRequest) -> dict[str, str]:
        """The proxy whose limits are free first, as requests wants it; empty for none."""
        if self.proxies is None:
            return {}
        host = urlsplit(request.url or "").netloc
        proxy = min(
            self.proxies.working(self.progress), key=lambda proxy: self._limiter.free_in(bucket_name(host, proxy.name))
        )
        self._http.outgoing = proxy.name
        return {"http": proxy.url, "https": proxy.url}

    def note(self, error: InstagramError, route: str, username: str) -> None:
        """Keep an answer that is not posts among the job's events; what an account's own event tells is left out."""
        if error.noted or isinstance(error, AccountNotFound | AccountPrivate):
            return
        error.noted = True
        self.progress.event(
            kind="refusal",
            username=username,
            route=route,
            error=type(error).__name__,
            answer=error.answer,
            meaning=error.meaning,
            advice=error.advice,
        )

    def _react(self, error: InstagramError) -> None:
        if self.proxies and isinstance(error, PassingFault | TooManyRequests):
            self.proxies.put_aside(self._http.outgoing)
        elif isinstance(error, TooManyRequests):
            self._slow_down(error)
        else:
            self.refusals = 0

    def _slow_down(self, error: TooManyRequests) -> None:
        """The circuit breaker: each refusal in a row makes a longer pause, whatever was asked."""
        wait = max(self.pace.wait_after_refusal(self.refusals), error.retry_after or 0.0)
        self._resume_at = time.monotonic() + wait
        self.refusals += 1
        if self.patient and self.refusals >= MOST_REFUSALS:
            raise StillRefused(error.answer, error.route) from error

    def _seconds_to_wait(self, state: RetryCallState) -> float:
        error = _error_of(state)
        if self.proxies:
            return 0.0  # the next one is tried at once
        if isinstance(error, TooManyRequests):
            self._reason = _SLOW_DOWN
            return max(0.0, self._resume_at - time.monotonic())
        self._reason = "trying again after a failed request"
        return max(self.pace.wait_after_fault(state.attempt_number - 1), error.retry_after or 0.0)

    def _tried_enough(self, state: RetryCallState) -> bool:
        if not self.patient:
            return True
        refused = isinstance(_error_of(state), TooManyRequests) and not self.proxies
        return state.attempt_number >= (TRIES_AFTER_REFUSAL if refused else TRIES_AFTER_FAULT)

    def _wait(self, seconds: float, reason: str) -> None:
        if seconds > 0 and self.patient:
            self.progress.wait(seconds, reason)


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


def _error_of(state: RetryCallState) -> InstagramError:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, InstagramError)
    return error


class Session:
    """Who asks: a visitor who is not logged in, or the researcher's own session cookie.

    Args:
        line: the way out.
        base_url: Instagram's base address.
        data: the routes' data.
        cookie: the value of the ``sessionid`` cookie, or None for a visitor.
    """

    def __init__(self, line: Line, base_url: str, data: RouteData, cookie: SecretStr | None = None) -> None:
        self.line = line
        self.data = data
        self.logged_in = cookie is not None
        self._base_url = base_url
        self._cookies = {"sessionid": cookie.get_secret_value()} if cookie else {}
        who = hashlib.sha256(cookie.get_secret_value().encode()).hexdigest()[:16] if cookie else "visitor"
        self.memory = Memory(f"{base_url} {who}")
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
            self._cookies.update(response.cookies.get_dict())
            return read(response)

        ready = requests.Request(headers={**own, **headers, **extra}, cookies=dict(self._cookies), **request)
        return self.line.ask(name, username, read_and_keep_cookies, ready)

    def _known_tokens(self) -> dict[str, str]:
        """The tokens of this run or an earlier one; empty where there are none."""
        if not self._tokens:
            self._tokens = self.memory.get("tokens", max_age_s=_TOKENS_AGE_S) or {}
            if "csrftoken" in self._tokens:
                self._cookies.setdefault("csrftoken", self._tokens["csrftoken"])
        return self._tokens

    def _new_tokens(self, username: str) -> dict[str, str]:
        """Read the tokens that queries send along from the start page: one request for each session."""
        page = self._page("start", username, f"{self._base_url}/")
        found = {name: re.search(pattern, page) for name, pattern in self.data.tokens.items()}
        self._tokens = {name: match[1] for name, match in found.items() if match}
        if "lsd" not in self._tokens:
            raise UnexpectedAnswer("a start page without tokens", "start")
        self._tokens["csrftoken"] = self._cookies.get("csrftoken", "")
        self._tokens_are_fresh = True
        self.memory.keep("tokens", self._tokens)
        return self._tokens

    def _url(self, name: str, **fill: str) -> str:
        quoted = {key: quote(value, safe="") for key, value in fill.items()}
        return self._base_url + self.data.routes[name].path.format(**quoted)
