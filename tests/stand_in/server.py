"""A small Instagram on loopback: made-up accounts, real shapes, and failures on demand."""

import re
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import orjson

from tests.stand_in.accounts import FakeAccount, bare_node, fake_account, new_node, old_node
from tests.stand_in.answers import FAILURES, Answer, html, json

SESSION = "9999%3Astand-in-session"
GRAPH_TOKEN = "stand-in-graph-token"
GRAPH_USER_ID = "17840000000000000"
PAGE_SIZE = 12


@dataclass
class Seen:
    """A request that arrived."""

    at: float
    route: str
    about: str
    logged_in: bool
    headers: dict[str, str]


@dataclass
class _Failure:
    route: str
    how: str
    times: float
    about: str | None
    headers: dict[str, str]


@dataclass
class StandIn:
    """A stand-in for Instagram and the Graph API; use it as a context manager.

    Attributes:
        seen: every request that arrived, in order.
        absent: names that do not exist, besides those that begin with ``gone``.
        delay_s: how long each answer takes.
        doc_ids: the query ids that are known, by route.
        lsd: the token that queries must send along.
        proxy_list: what ``/proxies.txt`` holds.
        endless: route 5 says of every page that another follows.
        circular: after the last page of routes 3 and 5 comes the first again.
        mixed_up: every account that is asked for is answered with this one's posts.
        silent_lists: routes 1 and 2 tell how many posts there are, and send none.
    """

    port: int = 0
    delay_s: float = 0.0
    seen: list[Seen] = field(default_factory=list)
    absent: set[str] = field(default_factory=set)
    lsd: str = "lsd-of-the-stand-in"
    proxy_list: str = ""
    silent_lists: bool = False
    endless: bool = False
    circular: bool = False
    mixed_up: str = ""
    doc_ids: dict[str, str] = field(
        default_factory=lambda: {
            "more": "28904005159232689",
            "post": "27128499623469141",
            "timeline": "29104886249145907",
            "instaloader profile": "27937681195819736",
        }
    )

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._accounts: dict[str, FakeAccount] = {}
        self._by_page_id: dict[str, FakeAccount] = {}
        self._by_code: dict[str, FakeAccount] = {}
        self._failures: list[_Failure] = []
        self._server = _Server(("127.0.0.1", self.port), _Handler)
        self._server.stand_in = self

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def counts(self) -> Counter[str]:
        """How many requests arrived, by route."""
        return Counter(seen.route for seen in self.seen)

    def add(self, username: str, posts: int | None = None, private: bool | None = None) -> FakeAccount:
        """Give an account a certain number of posts, or make it private."""
        account = fake_account(username, posts, private)
        with self._lock:
            self._accounts[username] = account
        return account

    def fail(self, route: str, how: str, times: float = float("inf"), about: str | None = None, **headers: str) -> None:
        """Answer the next ``times`` requests of a route ("*": of any) with a failure of ``answers.FAILURES``."""
        assert how in FAILURES
        with self._lock:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            self._failures.append(_Failure(route, how, times, about, named))

    def recover(self) -> None:
        """Fail no longer."""
        with self._lock:
            self._failures.clear()

    def answer(self, route: str, about: str, make: Callable[[], Answer]) -> Answer:
        with self._lock:
            for failure in self._failures:
                if failure.times > 0 and failure.route in (route, "*") and failure.about in (about, None):
                    failure.times -= 1
                    made = FAILURES[failure.how]()
                    made.headers.update(failure.headers)
                    return made
        return make()

    def account(self, username: str) -> FakeAccount | None:
        username = self.mixed_up or username
        if username in self.absent or username.startswith("gone"):
            return None
        with self._lock:
            account = self._accounts.get(username) or fake_account(username)
            self._by_page_id[account.page_id] = account
            return account

    def account_by_page_id(self, page_id: str) -> FakeAccount:
        return self._by_page_id[page_id]

    def list_codes(self, account: FakeAccount, start: int) -> None:
        """Remember whose the posts of a page are, so that route 4 finds them."""
        for post in account.posts[start : start + PAGE_SIZE]:
            self._by_code[post.code] = account

    def account_by_code(self, code: str) -> FakeAccount | None:
        return self._by_code.get(code)

    def account_by_pk(self, pk: str) -> FakeAccount | None:
        known = [*self._accounts.values(), *self._by_page_id.values()]
        return next((account for account in known if str(account.pk) == pk), None)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    stand_in: StandIn

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed is no error of the stand-in's."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        at = time.time()
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        if parts.path == "/":
            self._reply(at, "start", "", self._start)
        elif parts.path == "/api/v1/users/web_profile_info/":
            self._reply(at, "profile", query["username"], lambda: self._profile(query["username"]))
        elif found := re.fullmatch(r"/api/v1/feed/user/(\d+)/", parts.path):
            user_id = found[1]
            self._reply(at, "feed", user_id, lambda: self._feed(user_id, query))
        elif re.fullmatch(r"/v[\d.]+/\d+", parts.path):
            name = re.search(r"username\(([^)]*)\)", query["fields"])
            assert name
            self._reply(at, "graph", name[1], lambda: self._graph(name[1], query))
        elif parts.path == "/proxies.txt":
            self._reply(at, "proxy list", "", lambda: html(self.server.stand_in.proxy_list))
        elif found := re.fullmatch(r"/([a-z0-9._]+)/?", parts.path):
            self._reply(at, "page", found[1], lambda: self._page(found[1]))
        else:
            self._reply(at, "other", parts.path, lambda: html("<html>?</html>", 404))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        at = time.time()
        form = {key: values[0] for key, values in parse_qs(body.decode()).items()}
        variables = orjson.loads(form["variables"])
        routes = {doc_id: route for route, doc_id in self.server.stand_in.doc_ids.items()}
        route = routes.get(form["doc_id"], "unknown query")
        about = str(variables.get("username") or variables.get("shortcode") or variables.get("id"))
        self._reply(at, route, about, lambda: self._query(route, form, variables))

    @property
    def _logged_in(self) -> bool:
        cookie = SimpleCookie(self.headers.get("Cookie", ""))
        return "sessionid" in cookie and cookie["sessionid"].value == SESSION

    def _reply(self, at: float, route: str, about: str, make: Callable[[], Answer]) -> None:
        stand_in = self.server.stand_in
        with stand_in._lock:
            stand_in.seen.append(Seen(at, route, about, self._logged_in, dict(self.headers)))
        answer = stand_in.answer(route, about, make)
        if stand_in.delay_s:
            time.sleep(stand_in.delay_s)
        if answer.fault in ("reset", "silent"):
            if answer.fault == "silent":
                time.sleep(2.0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            return
        if answer.fault == "drip_head":
            self._drip(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 10_000)
            return
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        if answer.fault not in ("endless", "raw"):
            self.send_header("Content-Length", str(len(answer.body) + (1000 if answer.fault else 0)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if answer.fault == "drip":
            self._drip(answer.body)
            return
        self.wfile.write(answer.body)
        while answer.fault == "endless" and not stand_in._closed.is_set():
            self.wfile.write(answer.body)
        if answer.fault == "stall":
            stand_in._closed.wait()
        self.close_connection = self.close_connection or answer.fault in ("cut_off", "raw")

    def _drip(self, content: bytes) -> None:
        """Send a byte every tenth of a second, until nobody listens."""
        for byte in content:
            if self.server.stand_in._closed.wait(0.1):
                break
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
        self.close_connection = True

    def _start(self) -> Answer:
        dtsg = '"DTSGInitialData",[],{"token":"dtsg-of-the-stand-in"},258' if self._logged_in else ""
        user = "17841499" if self._logged_in else "0"
        text = f'<html>{dtsg}"LSD",[],{{"token":"{self.server.stand_in.lsd}"}},323"IG_USER_EIMU":"{user}"</html>'
        answer = html(text)
        answer.headers["Set-Cookie"] = "csrftoken=csrf-of-the-stand-in; Path=/"
        return answer

    def _profile(self, username: str) -> Answer:
        account = self.server.stand_in.account(username)
        if account is None:
            return html("<html></html>", 404)
        shown = () if account.private or self.server.stand_in.silent_lists else account.posts
        user = {
            "id": str(account.pk),
            "username": account.username,
            "is_private": account.private,
            "edge_owner_to_timeline_media": {
                "count": len(account.posts),
                "page_info": _page_info(len(shown), 0),
                "edges": [{"node": old_node(post)} for post in shown[:PAGE_SIZE]],
            },
        }
        return json({"data": {"user": user}, "status": "ok"})

    def _page(self, username: str) -> Answer:
        account = self.server.stand_in.account(username)
        if account is None:
            return html("<html>gone</html>", 404)
        shown = {"pk": str(account.pk), "username": account.username, "is_private": account.private}
        details = {**shown, "id": account.page_id, "all_media_count": len(account.posts)}
        posts = {**shown, "id": account.page_id, "polaris_ordered_timeline_connection": self._listed(account, 0)}
        scripts = "".join(
            '<script type="application/json" data-sjs>'
            + orjson.dumps({"require": [["X", [{"__bbox": {"result": {"data": {"xig_user_by_username": user}}}}]]]})
            .decode()
            .replace("<", "\\u003c")
            + "</script>"
            for user in (details, posts)
        )
        return html(f"<html><body>{scripts}</body></html>")

    def _listed(self, account: FakeAccount, start: int) -> dict[str, Any]:
        shown = () if account.private or self.server.stand_in.silent_lists else account.posts
        self.server.stand_in.list_codes(account, start)
        return {
            "edges": [{"node": bare_node(post)} for post in shown[start : start + PAGE_SIZE]],
            "page_info": _page_info(len(shown), start, self.server.stand_in.circular),
        }

    def _query(self, route: str, form: dict[str, str], variables: dict[str, Any]) -> Answer:
        if route == "unknown query":
            return json({"status": "fail", "message": ""}, 400)
        if route == "instaloader profile":
            account = self.server.stand_in.account_by_pk(variables["id"])
            return json({"data": {"user": _profile_of(account) if account else None}, "status": "ok"})
        if form.get("lsd") != self.server.stand_in.lsd:
            return json({"error": 1357004, "errorSummary": "Sorry, something went wrong"})
        if route == "more":
            account = self.server.stand_in.account_by_page_id(variables["id"])
            listed = self._listed(account, int(variables["after"]))
            return json({"data": {"node": {"polaris_ordered_timeline_connection": listed}}})
        return self._one_post(variables["shortcode"]) if route == "post" else self._timeline(form, variables)

    def _one_post(self, code: str) -> Answer:
        account = self.server.stand_in.account_by_code(code)
        posts = [new_node(post, account) for post in account.posts if post.code == code] if account else []
        return json({"data": {"xdt_api__v1__media__shortcode__web_info": {"items": posts}}})

    def _timeline(self, form: dict[str, str], variables: dict[str, Any]) -> Answer:
        if not self._logged_in or not form.get("fb_dtsg") or not self.headers.get("X-CSRFToken"):
            return json({"status": "fail", "message": "login_required"}, 403)
        account = self.server.stand_in.account(variables["username"])
        shown = () if account is None or account.private else account.posts
        start = int(variables.get("after") or 0)
        assert variables["first"] == PAGE_SIZE
        connection = {
            "edges": [{"node": new_node(post, account)} for post in shown[start : start + PAGE_SIZE] if account],
            "page_info": _page_info(
                10**9 if self.server.stand_in.endless else len(shown), start, self.server.stand_in.circular
            ),
        }
        return json({"data": {"xdt_api__v1__feed__user_timeline_graphql_connection": connection}})

    def _feed(self, pk: str, query: dict[str, str]) -> Answer:
        if not self._logged_in:
            return json({"igweb_rollout": True}, 401)
        account = self.server.stand_in.account_by_pk(pk)
        if account is None:
            return html("<html></html>", 404)
        if account.private:
            return json({"message": "Not authorized to view user", "status": "fail"}, 400)
        start, size = int(query.get("max_id", 0)), int(query["count"])
        more = start + size < len(account.posts)
        items = [new_node(post, account) for post in account.posts[start : start + size]]
        rest = {"next_max_id": str(start + size)} if more else {}
        return json({"items": items, "more_available": more, "status": "ok", **rest})

    def _graph(self, username: str, query: dict[str, str]) -> Answer:
        if query.get("access_token") != GRAPH_TOKEN:
            error = {"message": "Invalid OAuth access token.", "type": "OAuthException", "code": 190}
            return json({"error": error}, 400)
        account = self.server.stand_in.account(username)
        if account is None or account.private:
            error = {
                "message": "Invalid user id",
                "type": "OAuthException",
                "code": 110,
                "error_subcode": 2207013,
                "error_user_msg": f"The user with username: {username} cannot be found.",
            }
            return json({"error": error}, 400)
        return json({"business_discovery": self._discovered(account, query["fields"]), "id": GRAPH_USER_ID})

    def _discovered(self, account: FakeAccount, fields: str) -> dict[str, Any]:
        limit, after = re.search(r"limit\((\d+)\)", fields), re.search(r"after\(([^)]*)\)", fields)
        start, size = int(after[1]) if after else 0, int(limit[1]) if limit else 25
        end = start + size
        cursors = {"cursors": {"after": str(end)}} if end < len(account.posts) else {"cursors": {}}
        data = [
            {
                "id": str(post.pk),
                "permalink": f"https://www.instagram.com/p/{post.code}/",
                "media_type": {1: "IMAGE", 2: "VIDEO", 8: "CAROUSEL_ALBUM"}[post.media_type],
                "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S+0000", time.gmtime(post.taken_at)),
                "like_count": 10,
                "comments_count": 2,
                **({"caption": post.caption} if post.caption else {}),
            }
            for post in account.posts[start:end]
        ]
        media = {"data": data, "paging": cursors} if data else {"data": []}
        return {"media_count": len(account.posts), "media": media, "id": str(account.pk), "username": account.username}


def _page_info(total: int, start: int, circular: bool = False) -> dict[str, Any]:
    following = start + PAGE_SIZE
    if circular and following >= total:
        following = 0
    more = following < total
    return {"has_next_page": more, "end_cursor": str(following) if more else None}


def _profile_of(account: FakeAccount) -> dict[str, Any]:
    return {
        "pk": str(account.pk),
        "id": str(account.pk),
        "username": account.username,
        "is_private": account.private,
        "media_count": len(account.posts),
        "friendship_status": {"following": False},
    }
