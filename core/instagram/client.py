"""How AgeScope asks: within the limits, patiently, and as a browser would.

A :class:`RequestClient` is the way out: limits, waits, back-off, the circuit breaker and the count of requests.
Who asks over it is a :class:`core.instagram.web_session.Session`.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import requests
from requests_ratelimiter import LimiterSession
from tenacity import RetryCallState, Retrying, retry_if_exception_type

from core.instagram.backoff import Pace
from core.instagram.errors import (
    AccountNotFound,
    AccountPrivate,
    AnswerTooLarge,
    AnswerTooSlow,
    InstagramError,
    ProxyFailed,
    StillRefused,
    TooManyRequests,
    TransientError,
)
from core.instagram.events import RefusalEvent
from core.instagram.proxies import ProxyPool
from core.instagram.rate_limit import Record, SharedLimiter, bucket_name
from core.instagram.state import state_dir
from core.instagram.transport import BoundedAdapter, TooLarge
from core.jobs.progress import Progress

# urllib3 warns with whole addresses, which hold usernames and, for the Graph API, the token
logging.getLogger("urllib3").setLevel(logging.ERROR)

TIMEOUT_S = (10.0, 60.0)
DEADLINE_S = 90.0
TRIES_AFTER_FAULT = 5
TRIES_AFTER_REFUSAL = 2
MOST_REFUSALS = 12

DIRECT = "direct"
_SLOW_DOWN = "Instagram asked to slow down"

T = TypeVar("T")


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

    def resolve_redirects(self, *arguments: Any, **options: Any) -> Iterator[Any]:
        """None: nobody follows one, and requests would fail on an address that is none."""
        return iter(())

    def _bucket_name(self, request: requests.PreparedRequest) -> str:
        return bucket_name(urlsplit(request.url or "").netloc, self.outgoing)


@dataclass
class RequestClient:
    """The way out: limits, waits, back-off, circuit breaker, and the count of requests.

    Attributes:
        pace: how fast, and how patiently.
        progress: shows waits, keeps refusals, and ends waits when the run is stopped.
        proxies: the proxies to go through, if any.
        patient: whether to wait and repeat where that can help.
        sessions: host -> the session that asks it; see :class:`core.instagram.rate_limit.SharedLimiter`.
        record: of the requests of several machines.
        permitted: called when a request is free and about to be made; what it raises ends it.
        made: how many requests were made, by route.
        refusals: how many answers in a row were "too many requests".
    """

    pace: Pace
    progress: Progress
    proxies: ProxyPool | None = None
    patient: bool = True
    sessions: Mapping[str, str] = field(default_factory=dict)
    record: Record | None = None
    permitted: Callable[[], None] = lambda: None
    made: Counter[str] = field(default_factory=Counter)
    refusals: int = 0

    def __post_init__(self) -> None:
        self._limiter = SharedLimiter(
            *(self.pace.limits, state_dir() / "limits.sqlite", self.progress.wait, self.pace.jitter),
            *(self.sessions, self.record, self.permitted),
        )
        self._http = _LimitedSession(self._limiter)
        for scheme in ("http://", "https://"):
            self._http.mount(scheme, BoundedAdapter(self.progress.check, DEADLINE_S))
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
            retry=retry_if_exception_type((TransientError, TooManyRequests)),
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
        except TooLarge:
            raise AnswerTooLarge("more than 32 MB, or than a million parts", route) from None
        except requests.exceptions.Timeout:
            raise AnswerTooSlow("no whole answer in time", route) from None
        except requests.exceptions.RequestException as error:
            raise TransientError(f"no complete answer ({type(error).__name__})", route) from None
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
            RefusalEvent(
                username=username,
                route=route,
                error=type(error).__name__,
                answer=error.answer,
                meaning=error.meaning,
                advice=error.advice,
            )
        )

    def _react(self, error: InstagramError) -> None:
        if self.proxies and isinstance(error, TransientError | TooManyRequests):
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


def _error_of(state: RetryCallState) -> InstagramError:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, InstagramError)
    return error
