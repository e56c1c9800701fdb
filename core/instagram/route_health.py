"""Which of Instagram's routes are open, as far as is known."""

import logging
import time
from collections import Counter

from core.instagram.errors import (
    InstagramError,
    LoginWall,
    QueryRetired,
    RequestRefused,
    RouteClosed,
    TooManyRequests,
)
from core.instagram.routes import RouteData
from core.instagram.web_session import Session

_log = logging.getLogger(__name__)

WALLS_THAT_CLOSE = 3
"""After so many login walls in a row a route is taken for closed."""

CLOSED_S = {RouteClosed: 24 * 3600.0, QueryRetired: 7 * 24 * 3600.0, RequestRefused: 6 * 3600.0, LoginWall: 3600.0}


class RouteHealth:
    """Which routes are open, as far as is known; kept for later runs.

    What an earlier run found closed is tried again where nothing else is open: people change networks.
    """

    def __init__(self, data: RouteData, session: Session) -> None:
        self._data = data
        self._memory = session.memory
        self._closed_now: set[str] = set()
        self._slow: list[str] = []
        self._walls: Counter[str] = Counter()

    def is_open(self, step: str) -> bool:
        """Whether it makes sense to ask this route."""
        closed_until = self._memory.get(self._key(step))
        is_closed = isinstance(closed_until, float | int) and time.time() <= closed_until
        return step not in self._closed_now and not is_closed

    def in_order(self, steps: list[str]) -> list[str]:
        """The routes that are worth asking, in the order of ``steps`` but slowed ones last."""
        steps = [step for step in steps if self.is_open(step)] or [s for s in steps if s not in self._closed_now]
        return sorted(steps, key=lambda step: self._slow.index(step) if step in self._slow else -1)

    def worked(self, step: str) -> None:
        """Posts, or at least a proper answer, came over this route."""
        self._walls[step] = 0
        if step in self._slow:
            self._slow.remove(step)
        if not self.is_open(step):
            self._memory.drop(self._key(step))

    def failed(self, step: str, error: InstagramError) -> None:
        """This route gave an error after which another may still do."""
        if isinstance(error, TooManyRequests) and step not in self._slow:
            self._slow.append(step)
        if isinstance(error, LoginWall):
            self._walls[step] += 1
        closing = type(error) in CLOSED_S
        if closing and (not isinstance(error, LoginWall) or self._walls[step] >= WALLS_THAT_CLOSE):
            self._closed_now.add(step)
            _log.warning("The route %s is left out for now. %s %s", step, error.meaning, error.advice)
            self._memory.keep(self._key(step), time.time() + CLOSED_S[type(error)])

    def _key(self, step: str) -> str:
        return f"closed {step} {self._data.routes[step].doc_id or ''}"
