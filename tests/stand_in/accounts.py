"""Made-up accounts: the same name always has the same posts, and nobody is real."""

import hashlib
import random
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

_WORDS = re.findall(
    r"\w+",
    """sunday morning coffee with the best view of the lake after rain we danced until late new shoes finally homework
    is done match day again proud of my team fresh bread garden cat nap long walk home autumn light little things
    exam week concert tonight summer throwback blue sky no filter family dinner road trip first snow""",
)
_SHORT_CODE_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@dataclass(frozen=True)
class FakePost:
    pk: int
    code: str
    caption: str | None
    taken_at: int
    media_type: int


@dataclass(frozen=True)
class FakeAccount:
    username: str
    pk: int
    page_id: str
    posts: tuple[FakePost, ...]
    private: bool = False


@lru_cache(maxsize=50_000)
def fake_account(username: str, posts: int | None = None, private: bool | None = None) -> FakeAccount:
    """The account of that name; ``private...`` is private, ``empty...`` has no post, others 1 to 60."""
    seed = int.from_bytes(hashlib.sha256(username.encode()).digest()[:6])
    chance = random.Random(seed)
    usual = 0 if username.startswith("empty") else chance.randint(1, 60)
    count = usual if posts is None else posts
    made = tuple(_post(seed, number, chance) for number in range(count))
    hidden = username.startswith("private") if private is None else private
    return FakeAccount(username, seed, f"17841{seed}", made, hidden)


def _post(seed: int, number: int, chance: random.Random) -> FakePost:
    pk = seed * 1000 + 999 - number
    words = chance.choices(_WORDS, k=chance.randint(1, 20))
    caption = None if number % 10 == 9 else " ".join(words)
    return FakePost(pk, _code(pk), caption, 1_790_000_000 - number * 86_400, chance.choice((1, 2, 8)))


def _code(pk: int) -> str:
    code = ""
    while pk:
        pk, rest = divmod(pk, 64)
        code = _SHORT_CODE_LETTERS[rest] + code
    return code


def old_node(post: FakePost) -> dict[str, Any]:
    """A post as route 1 writes it."""
    edges = [{"node": {"text": post.caption}}] if post.caption else []
    return {
        "__typename": {1: "GraphImage", 2: "GraphVideo", 8: "GraphSidecar"}[post.media_type],
        "id": str(post.pk),
        "shortcode": post.code,
        "is_video": post.media_type == 2,
        "edge_media_to_caption": {"edges": edges},
        "edge_media_to_comment": {"count": 2},
        "edge_liked_by": {"count": 10},
        "taken_at_timestamp": post.taken_at,
    }


def new_node(post: FakePost, account: FakeAccount) -> dict[str, Any]:
    """A post as routes 4, 5 and 6 write it."""
    return {
        "pk": str(post.pk),
        "id": f"{post.pk}_{account.pk}",
        "code": post.code,
        "media_type": post.media_type,
        "taken_at": post.taken_at,
        "caption": {"text": post.caption, "pk": "1"} if post.caption else None,
        "like_count": 10,
        "comment_count": 2,
        "has_liked": False,
        "user": {
            "pk": str(account.pk),
            "username": account.username,
            "full_name": "",
            "is_private": account.private,
            "profile_pic_url": "",
        },
    }


def bare_node(post: FakePost) -> dict[str, Any]:
    """A post as routes 2 and 3 write it: without its caption."""
    return {"__typename": "XDTMediaDict", "id": f"bare{post.pk}", "pk": str(post.pk), "code": post.code}
