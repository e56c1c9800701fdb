"""Which accounts of a list a run asks about: those whose outcome is final are not asked again."""

from datetime import UTC, datetime, timedelta

from core.collection.arguments import CollectArguments
from core.collection.outcome_log import Entry
from core.storage.models import FINAL_OUTCOMES


def is_wanted(entry: Entry | None, arguments: CollectArguments) -> bool:
    """Whether a run asks about an account of which ``entry`` is known."""
    if entry is None or entry.outcome not in FINAL_OUTCOMES:
        return True
    return (entry.more and entry.posts < arguments.posts_per_user) or is_stale(entry.at, arguments)


def is_stale(at: float, arguments: CollectArguments) -> bool:
    """Whether what was collected at ``at`` (seconds since 1970) is to be collected anew."""
    if arguments.refresh_days is None:
        return False
    return datetime.fromtimestamp(at, UTC) < datetime.now(UTC) - timedelta(days=arguments.refresh_days)
