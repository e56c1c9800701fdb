"""Signing in at a provider on loopback: nobody sees the study before, nor anybody whom it does not name."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from playwright.sync_api import Page, expect

from tests.browser.conftest import Dashboard, start_dashboard, stop_dashboard

pytestmark = pytest.mark.browser

CLIENT = "agescope"


class Provider(ThreadingHTTPServer):
    """Vouches for one address, without asking for a password."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.key = RSAKey.generate_key(2048, {"kid": "one"})
        self.claims: dict[str, object] = {}
        self.nonce = ""


class _Answers(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if address.path == "/authorize":
            asked = {name: values[0] for name, values in parse_qs(address.query).items()}
            self.server.nonce = asked["nonce"]
            self.send_response(302)
            self.send_header("Location", f"{asked['redirect_uri']}?{urlencode({'code': '1', 'state': asked['state']})}")
            self.end_headers()
        elif address.path == "/keys":
            self._answer({"keys": [self.server.key.as_dict(private=False)]})
        else:
            url = self.server.url
            ends = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
            algorithms = {"id_token_signing_alg_values_supported": ["RS256"]}
            self._answer({"issuer": url, **algorithms, **{name: f"{url}/{end}" for name, end in ends.items()}})

    def do_POST(self) -> None:
        now = int(time.time())
        claims = {"iss": self.server.url, "aud": CLIENT, "sub": "1", "iat": now, "exp": now + 600}
        claims |= {"nonce": self.server.nonce, **self.server.claims}
        token = jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.server.key)
        self._answer({"access_token": "none", "token_type": "Bearer", "id_token": token})

    def _answer(self, content: object) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider() as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield serving
        serving.shutdown()


@pytest.fixture(scope="module")
def dashboard(provider: Provider, port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """One that asks whoever comes to sign in."""
    folder = tmp_path_factory.mktemp("signed")
    secrets = folder / "secrets.toml"
    secrets.write_text(
        f'[auth]\nredirect_uri = "http://localhost:{port}/oauth2callback"\ncookie_secret = "{"x" * 32}"\n'
        f'client_id = "{CLIENT}"\nclient_secret = "y"\nserver_metadata_url = "{provider.url}/openid"\n'
    )
    secret = {
        "STREAMLIT_SECRETS_FILES": str(secrets),
        "AGESCOPE_PEOPLE": "grace@example.org, Ada@example.org, bo@example.org=viewer",
    }
    running = start_dashboard(folder / "data", "http://127.0.0.1:9", folder / "streamlit.log", port, secret)
    yield running
    stop_dashboard(running)


@pytest.fixture
def jobs(tab: Page, dashboard: Dashboard) -> Page:
    """A tab of somebody who has not signed in, at a page of the study."""
    tab.goto(f"{dashboard.url}/jobs")
    return tab


def sign_in(tab: Page, provider: Provider, **claims: object) -> None:
    """As somebody for whom the provider vouches with these claims."""
    provider.claims = claims
    tab.get_by_role("button", name="Sign in").click()


def test_who_is_named_signs_in_and_out(jobs: Page, provider: Provider) -> None:
    expect(jobs.get_by_role("button", name="Sign in")).to_be_visible()
    expect(jobs.get_by_role("link", name="Posts")).to_have_count(0)
    sign_in(jobs, provider, email="ada@example.org", email_verified=True)
    expect(jobs.get_by_role("heading", name="Overview")).to_be_visible()
    jobs.get_by_role("link", name="Settings").first.click()
    expect(jobs.get_by_text("ada@example.org")).to_be_visible()
    jobs.get_by_role("button", name="Sign out").click()
    expect(jobs.get_by_role("button", name="Sign in")).to_be_visible()


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "eve@example.org", "email_verified": True},
        {"email": "ada@example.org", "email_verified": False},
        {"email": "ada@example.org"},
    ],
)
def test_others_see_nothing(jobs: Page, provider: Provider, claims: dict[str, object]) -> None:
    sign_in(jobs, provider, **claims)
    expect(jobs.get_by_text(f"{claims['email']} may not see this study")).to_be_visible()
    expect(jobs.get_by_role("link", name="Posts")).to_have_count(0)


def test_a_viewer_has_the_pages_of_one(jobs: Page, provider: Provider) -> None:
    sign_in(jobs, provider, email="bo@example.org", email_verified=True)
    expect(jobs.get_by_role("heading", name="Overview")).to_be_visible()
    expect(jobs.get_by_role("link", name="Posts")).to_have_count(0)
    jobs.get_by_role("link", name="Settings").first.click()
    expect(jobs.get_by_text("bo@example.org, viewer")).to_be_visible()
    expect(jobs.get_by_text("Who did what")).to_have_count(0)


def test_the_server_tells_of_itself_only_to_those_who_signed_in(jobs: Page, provider: Provider) -> None:
    root = jobs.url.removesuffix("/jobs")
    assert jobs.request.get(f"{root}/_stcore/metrics").status == 403
    assert jobs.request.put(f"{root}/_stcore/upload_file/a/b").status == 403
    expect(jobs.get_by_role("button", name="Sign in")).to_be_visible()
    sign_in(jobs, provider, email="ada@example.org", email_verified=True)
    expect(jobs.get_by_role("heading", name="Overview")).to_be_visible()
    assert jobs.request.get(f"{root}/_stcore/metrics").status == 200
