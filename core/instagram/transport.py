"""Reading an answer from somebody who may mean harm: so many bytes, so many seconds, and a stop is heard.

requests by itself reads until the other end is done, however much comes and however slowly: its
time-outs are for each piece that arrives. Here the whole exchange (name, connection, encryption,
head and body) happens in a thread that is waited for, and the body is counted after unpacking.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from socket import SHUT_RDWR
from typing import Any
from weakref import WeakSet

import requests
import urllib3
from requests.adapters import HTTPAdapter

from core.utils.threads import call_with_deadline

MOST_BYTES = 32_000_000
"""The longest answer, unpacked. Instagram's own are a hundredth of it."""

MOST_PARTS = 1_000_000
"""The most brackets: 32 MB of nothing but empty lists would become 900 MB of objects."""

_PIECE = 65_536


class TooLarge(requests.exceptions.RequestException):
    """The answer is longer than any that could be meant."""


class TooSlow(requests.exceptions.Timeout):
    """The answer was not complete before the deadline."""


class BoundedAdapter(HTTPAdapter):
    """Sends requests, and reads each answer whole before handing it on, within bounds.

    Args:
        check: called several times a second while an answer is on its way; what it raises ends the exchange.
        deadline_s: for the whole of an answer, from the name's look-up to the last byte.
        most_bytes: the longest answer, unpacked.

    Raises:
        TooLarge, TooSlow: the answer kept to no bounds.
    """

    def __init__(self, check: Callable[[], None], deadline_s: float, most_bytes: int = MOST_BYTES) -> None:
        self._check = check
        self._deadline_s = deadline_s
        self._most_bytes = most_bytes
        self._connections: WeakSet[urllib3.connection.HTTPConnection] = WeakSet()
        super().__init__()

    def get_connection_with_tls_context(self, *arguments: Any, **options: Any) -> Any:
        """The pool for a request, whose connections are known here, so that they can be ended."""
        pool: Any = super().get_connection_with_tls_context(*arguments, **options)
        if not hasattr(pool.ConnectionCls, "known_to"):
            pool.ConnectionCls = _noted(pool.ConnectionCls, self._connections)
        return pool

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        """See :meth:`requests.adapters.HTTPAdapter.send`; the answer's body has been read already."""
        exchange = partial(self._exchange, request, *arguments, **{**options, "stream": True})
        try:
            return call_with_deadline(exchange, self._check, self._deadline_s)
        except TimeoutError:
            self._hang_up()
            raise TooSlow(request=request) from None
        except BaseException:  # a stop above all; what reads in the thread must not outlive it
            self._hang_up()
            raise

    def _exchange(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        response = super().send(request, *arguments, **options)
        try:
            response._content = self._body(response)
        except TooLarge:
            response.raw.close()
            raise
        except urllib3.exceptions.TimeoutError:
            raise TooSlow(request=request) from None
        except urllib3.exceptions.HTTPError as error:  # requests turns these into its own where it reads itself
            raise requests.exceptions.ConnectionError(type(error).__name__, request=request) from None
        finally:
            response.raw.release_conn()
        return response

    def _body(self, response: requests.Response) -> bytes:
        """The whole body, unpacked piece by piece."""
        body = bytearray()
        while piece := response.raw.read1(_PIECE, decode_content=True):
            body += piece
            if len(body) > self._most_bytes:
                raise TooLarge(response=response)
        if body.count(b"[") + body.count(b"{") > MOST_PARTS:
            raise TooLarge(response=response)
        return bytes(body)

    def _hang_up(self) -> None:
        """End the exchange that is not waited for any longer, wherever it stands."""
        for connection in list(self._connections):
            if connection.sock is not None:
                with suppress(OSError):  # closed already
                    connection.sock.shutdown(SHUT_RDWR)


def _noted(kind: type[Any], known: "WeakSet[Any]") -> type[Any]:
    """A class of connection like ``kind`` whose connections are put into ``known``."""

    class Noted(kind):  # type: ignore[misc]
        known_to = known

        def connect(self) -> None:
            known.add(self)
            super().connect()

    return Noted
