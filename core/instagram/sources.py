"""The sources by name, and what each costs."""

import math
from typing import TYPE_CHECKING, Literal, get_args

from core.errors import InputError
from core.instagram.source import Source
from core.progress import Progress
from core.settings import Settings

if TYPE_CHECKING:
    from core.collect import CollectArguments

SourceName = Literal["web"]
SOURCES: tuple[SourceName, ...] = get_args(SourceName)


def open_source(arguments: "CollectArguments", settings: Settings, progress: Progress) -> Source:
    """The source that ``arguments`` names, ready to be asked.

    Raises:
        InputError: a setting or a file that it needs is missing or cannot be used.
    """
    from core.instagram.routes import load_routes
    from core.instagram.session import Line
    from core.instagram.web import WebSource

    if arguments.useproxies or arguments.proxy_list:
        raise InputError("Proxies are not built in yet. Collect without --useproxies.")
    data = load_routes(settings.data_dir)
    line = Line(arguments.pace, progress)
    return WebSource(line, settings.instagram_url, data, settings.instagram_session)


def requests_per_account(source: SourceName, posts: int, settings: Settings) -> tuple[int, int]:
    """Fewest and most requests for ``posts`` posts of one account, where no route fails."""
    if settings.instagram_session:
        return 1, math.ceil(posts / 12)
    # the profile, its page, further pages of 12, and a request for each caption that those lack
    return 1, 2 + math.ceil(max(0, posts - 12) / 12) + max(0, posts - 12)
