"""Names and addresses: whose they are, or why nobody can know."""

import pytest

from core.storage.usernames import canonical_username, instagram_username_error, username_error


@pytest.mark.parametrize(
    "address",
    [
        "https://www.instagram.com/Anna.k/",
        "http://instagram.com/anna.k?igsh=abc",
        "instagram.com/anna.k",
        "//instagram.com/anna.k",
        "m.instagram.com/anna.k/",
        "https://de.instagram.com/anna.k",
        "https://pt-br.instagram.com/anna.k/tagged/",
        "https://instagr.am/anna.k",
        "www.instagr.am/anna.k/",
        "https://ig.me/m/anna.k",
        "https://www.instagram.com/anna.k/p/Cx1abc/",
        "https://www.instagram.com/anna.k/reel/Cx1abc/?utm_source=x",
        "https://www.instagram.com/stories/anna.k/3141592653/",
        "https://www.instagram.com/_u/anna.k",
        "https://www.instagram.com/accounts/login/?next=/anna.k/",
        "https://www.instagram.com/accounts/login/?next=https%3A%2F%2Fwww.instagram.com%2Fanna.k%2F",
        "instagram://user?username=anna.k",
        "<https://www.instagram.com/anna.k/>",
        "HTTPS://WWW.INSTAGRAM.COM/ANNA.K",
        "https://www.instagram.com/@anna.k",
        "\u200eanna.k\u200f",
    ],
)
def test_an_address_that_tells_the_account_is_that_account(address: str) -> None:
    assert canonical_username(address) == "anna.k"
    assert instagram_username_error(canonical_username(address)) is None


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("https://www.instagram.com/p/Cx1abc/", "of a post"),
        ("https://www.instagram.com/reel/Cx1abc/", "of a post"),
        ("https://www.instagram.com/reels/Cx1abc/", "of a post"),
        ("instagram.com/tv/Cx1abc", "of a post"),
        ("https://de.instagram.com/p/Cx1abc/", "of a post"),
        ("https://instagr.am/p/Cx1abc/", "of a post"),
        ("https://www.instagram.com/stories/highlights/17900/", "of a story"),
        *(
            (f"https://www.instagram.com/{path}", "leads to no account")
            for path in (
                *(
                    "",
                    "explore/tags/cats/",
                    "explore/",
                    "accounts/login/",
                    "direct/inbox/",
                    "about/us/",
                    "legal/terms/",
                ),
                *("legal/terms/", "developer/", "web/x", "s/aGlnaGxpZ2h0", "share/abc"),
            )
        ),
        ("https://help.instagram.com/123", "leads to no account"),
        *(
            (name, "Instagram's own addresses")
            for name in ("p", "Reel", "reels", "tv", "stories", "explore", "accounts")
        ),
    ],
)
def test_an_address_that_does_not_is_no_account_and_says_why(address: str, reason: str) -> None:
    name = canonical_username(address)
    assert reason in (instagram_username_error(name) or "")
    assert canonical_username(name) == name


def test_an_address_is_no_name_of_an_imported_account_either() -> None:
    assert "of a post" in (username_error(canonical_username("https://www.instagram.com/p/Cx1abc/")) or "")
    assert username_error("P-017") is None


@pytest.mark.parametrize("name", ["null", "00123", "preel", "instagram.company", "_", "story"])
def test_what_only_looks_odd_is_an_account(name: str) -> None:
    assert canonical_username(name) == name
    assert instagram_username_error(name) is None
