"""A small Instagram on loopback, for the tests, the benchmarks, and trying AgeScope by hand."""

from tests.stand_in.accounts import FakeAccount, FakePost, fake_account
from tests.stand_in.answers import FAILURES
from tests.stand_in.server import GRAPH_TOKEN, GRAPH_USER_ID, SESSION, Seen, StandIn

__all__ = [
    "FAILURES",
    "GRAPH_TOKEN",
    "GRAPH_USER_ID",
    "SESSION",
    "FakeAccount",
    "FakePost",
    "Seen",
    "StandIn",
    "fake_account",
]
