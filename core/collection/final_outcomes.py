"""Which accounts of a list a run asks about: those whose outcome is final are not asked again."""

from datetime import UTC, datetime, timedelta

from core.collection.arguments import CollectArguments
from core.collection.outcome_log import Entry
from core.storage.models import Outcome

FINAL_OUTCOMES: frozenset[Outcome] = frozenset({"collected", "private", "not_found", "empty"})
"""Outcomes that a later run leaves alone; ``partial`` goes on, ``failed`` is tried again."""


def is_wanted(entry: Entry | None, arguments: CollectArguments) -> bool:
    """Whether a run asks about an account of which ``entry`` is known."""
    if entry is None or entry.outcome not in FINAL_OUTCOMES:
        return True
    return (entry.more and entry.posts < arguments.posts_per_user) or begins_anew(entry.outcome, entry.at, arguments)


def begins_anew(outcome: Outcome, at: float, arguments: CollectArguments) -> bool:
    """Whether an account is collected from the start although its outcome is final, known since ``at`` [s, of 1970]."""
    if outcome not in FINAL_OUTCOMES or arguments.refresh_days is None:
        return False
    return datetime.fromtimestamp(at, UTC) < datetime.now(UTC) - timedelta(days=arguments.refresh_days)
