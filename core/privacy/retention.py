"""Until when a study keeps its data, and when to say so."""

from datetime import date

from core.privacy.study_settings import Study
from core.utils.formatting import count

WARN_DAYS = 30
"""How long before the day a study reminds of it."""


def reminder(study: Study, accounts: int, today: date) -> str | None:
    """What to say of the day until which the data are kept; None while there is nothing to say.

    Args:
        study: with its day.
        accounts: that have a file.
        today: the day on which one asks.
    """
    if not accounts:
        return None
    how = (
        "`python -m core forget --older-than 0 --dry-run` says what would go, without `--dry-run` it goes. The day "
        "stands on Settings."
    )
    if study.keep_until is None:
        return None
    left = (study.keep_until - today).days
    day = f"{study.keep_until.day} {study.keep_until:%B %Y}"
    if left < 0:
        return (
            f"The data of this study were to be kept until {day}, {count(-left, 'day')} ago. "
            f"{count(accounts, 'account')} {'are' if accounts > 1 else 'is'} still here. {how}"
        )
    if left <= WARN_DAYS:
        when = f"until {day}, {count(left, 'more day')}" if left else "until today"
        return f"The data of this study are kept {when}. {how}"
    return None
