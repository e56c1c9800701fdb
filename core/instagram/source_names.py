"""The sources by name, what each needs and what it costs; it loads nothing that the command line waits for."""

import math
from importlib.util import find_spec
from typing import Literal, get_args

from core.settings import Settings

SourceName = Literal["web", "graph", "instaloader"]
SOURCES: tuple[SourceName, ...] = get_args(SourceName)


def unavailable_reason(name: SourceName, settings: Settings, *, useproxies: bool = False) -> str | None:
    """Why a source cannot be asked from here, with what to do about it; None where it can.

    Args:
        name: which.
        settings: the secrets.
        useproxies: go through public proxies.
    """
    if name == "graph":
        secrets = {"AGESCOPE_GRAPH_USER_ID": settings.graph_user_id, "AGESCOPE_GRAPH_TOKEN": settings.graph_token}
        missing = " and ".join(variable for variable, value in secrets.items() if not value)
        return f"The source 'graph' needs {missing}, set before AgeScope is started." if missing else None
    if useproxies and settings.instagram_session:
        return (
            "A session that shows up at many addresses is flagged at once. Collect without public proxies "
            "(--useproxies), or without AGESCOPE_INSTAGRAM_SESSION."
        )
    if name == "instaloader" and find_spec("instaloader") is None:
        return "The source 'instaloader' needs the package: pip install instaloader."
    return None


def requests_per_account(source: SourceName, posts: int, settings: Settings) -> tuple[int, int]:
    """Fewest and most requests for ``posts`` posts of one account, where no route fails."""
    further = max(0, posts - 12)
    if source == "graph":
        return 1, math.ceil(posts / 50)
    if settings.instagram_session:
        own = math.ceil(posts / 12)
        return (3, 2 + own) if source == "instaloader" else (1, own)
    if source == "instaloader":
        return 2, 2 + math.ceil(further / 12) + posts
    # the profile, its page, further pages of 12, and a request for each caption that those lack
    return 1, 2 + math.ceil(further / 12) + further if further else 1
