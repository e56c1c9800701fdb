"""The DuckDB index of a study's files, and every question the pages ask it.

The files are the truth: the index follows them, and can be deleted at any time.
"""

from core.store.filters import AccountSort, Filter, LabelState, PostSort, PredictionFilter, PredictionSort
from core.store.follow import Following
from core.store.free_sql import Answer
from core.store.queries import AccountDetail, Counts
from core.store.store import Store

__all__ = [
    "AccountDetail",
    "AccountSort",
    "Answer",
    "Counts",
    "Filter",
    "Following",
    "LabelState",
    "PostSort",
    "PredictionFilter",
    "PredictionSort",
    "Store",
]
