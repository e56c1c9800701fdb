"""What the stand-in says when it is told to fail: every row of the table of answers that are not posts."""

import gzip
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson


@dataclass
class Answer:
    """An HTTP answer; ``fault`` is done to the connection in its place or beside it."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)
    fault: str | None = None


def json(content: Any, status: int = 200) -> Answer:
    return Answer(status, orjson.dumps(content))


def html(text: str, status: int = 200) -> Answer:
    return Answer(status, text.encode(), "text/html; charset=utf-8")


def redirect(location: str) -> Answer:
    return Answer(302, headers={"Location": location})


def _fail(status: int, **content: Any) -> Answer:
    return json({"status": "fail", **content}, status)


_LOGIN_PAGE = "<!DOCTYPE html><html><title>Login</title></html>"

_PACKED = gzip.compress(bytes(4_000_000), 1)


def _bomb() -> Answer:
    """320 MB in a fraction of one: members of a gzip file one after the other are one."""
    return Answer(body=_PACKED * 80, headers={"Content-Encoding": "gzip"})


def _cased(number: int) -> str:
    """The name of the header that sets a cookie, in one of many ways of writing it."""
    return "".join(letter.upper() if number >> at & 1 else letter for at, letter in enumerate("set-cookie"))


FAILURES: dict[str, Callable[[], Answer]] = {
    "not_found": lambda: html("<html>not here</html>", 404),
    "no_user": lambda: json({"data": {"user": None}, "status": "ok"}),
    "page_without_pk": lambda: html("<html></html>"),
    "not_authorized": lambda: _fail(400, message="Not authorized to view user"),
    "wait_401": lambda: _fail(401, message="Bitte warte einige Minuten", require_login=True),
    "rollout": lambda: json({"igweb_rollout": True}, 401),
    "too_many": lambda: html("<html>Too many</html>", 429),
    "wait_403": lambda: _fail(403, message="Please wait a few minutes before you try again."),
    "checkpoint": lambda: _fail(400, message="checkpoint_required", checkpoint_url="/challenge/1/"),
    "challenge": lambda: _fail(400, message="challenge_required"),
    "feedback": lambda: _fail(400, message="feedback_required", spam=True),
    "challenge_redirect": lambda: redirect("https://www.instagram.com/challenge/?next=/"),
    "user_agent": lambda: _fail(400, message="useragent mismatch"),
    "bad_request": lambda: _fail(400, message=""),
    "retired": lambda: json({"errors": [{"message": "execution error", "severity": "CRITICAL"}], "data": None}),
    "execution_error": lambda: json({"message": "execution error", "status": "fail"}),
    "login_required": lambda: _fail(403, message="login_required"),
    "login_redirect": lambda: redirect("https://www.instagram.com/accounts/login/?next=/x/"),
    "home_redirect": lambda: redirect("https://www.instagram.com/"),
    "login_page": lambda: html(_LOGIN_PAGE),
    "fail_200": lambda: _fail(200, message="something"),
    "ko_200": lambda: json({"status": "ko"}),
    "wait_200": lambda: _fail(200, message="Please wait a few minutes before you try again."),
    "graph_slow": lambda: json({"error": {"message": "limit", "type": "OAuthException", "code": 4}}, 400),
    "server_error": lambda: html("<html>oops</html>", 502),
    "reset": lambda: Answer(fault="reset"),
    "cut_off": lambda: Answer(body=b'{"data": {"user": {"id": "1", "edge_ow', fault="cut_off"),
    "cut_off_json": lambda: Answer(body=b'{"data": {"user": {"id": "1", "edge_ow'),
    "silent": lambda: Answer(fault="silent"),
    "stall": lambda: Answer(body=b'{"data": {"user": {"id": "1", "edge_ow', fault="stall"),
    "drip": lambda: Answer(body=b" " * 10_000, fault="drip"),
    "drip_head": lambda: Answer(fault="drip_head"),
    "endless": lambda: Answer(body=b" " * 65_536, fault="endless"),
    "bomb": _bomb,
    "many_parts": lambda: Answer(body=b'{"data": [' + b"{}," * 1_100_000 + b"1]}"),
    "elsewhere": lambda: redirect("https://elsewhere.example/"),
    "nowhere": lambda: redirect("http://["),
    "head_without_end": lambda: Answer(headers={"X-Long": "x" * 70_000}),
    "many_heads": lambda: Answer(headers={f"X-{number}": "x" for number in range(300)}),
    "not_gzip": lambda: Answer(body=b"{}", headers={"Content-Encoding": "gzip"}),
    "deep": lambda: Answer(body=b'{"data":' * 100_000),
    "binary": lambda: Answer(body=bytes(range(256)) * 100),
    "nothing": lambda: Answer(),
    "number": lambda: Answer(body=b"1"),
    "list": lambda: Answer(body=b"[]"),
    "null": lambda: Answer(body=b"null"),
    "text": lambda: Answer(body=b'"posts"'),
    "heads_of_6_mb": lambda: Answer(headers={f"X-{number}": "x" * 65_000 for number in range(95)}),
    "bad_chunks": lambda: Answer(body=b"zz\r\n{}\r\n", headers={"Transfer-Encoding": "chunked"}, fault="raw"),
    "negative_chunk": lambda: Answer(body=b"-5\r\n{}\r\n", headers={"Transfer-Encoding": "chunked"}, fault="raw"),
    "vast_chunk": lambda: Answer(body=b"F" * 16 + b"\r\n{}\r\n", headers={"Transfer-Encoding": "chunked"}, fault="raw"),
    "cookies": lambda: Answer(302, headers={"Location": "/", **{_cased(at): "a=" + "b" * 4000 for at in range(90)}}),
    "to_a_file": lambda: redirect("file:///etc/passwd"),
    "to_itself": lambda: redirect("/proxies.txt"),
    "null_user": lambda: json({"data": None}),
    "wait_for_ever": lambda: Answer(429, headers={"Retry-After": "9" * 300}),
    "odd_cookie": lambda: Answer(302, headers={"Location": "/", "Set-Cookie": 'csrftoken="a\x01\xffb"; Path=/'}),
}
