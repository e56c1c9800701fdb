"""The DuckDB index of a study's files, and every question the pages ask it.

The files are the truth: the index follows them, and can be deleted at any time.
"""

from core.index.filters import AccountSort, Filter, LabelState, PostSort
from core.index.index import Store
from core.index.queries import AccountDetail, Counts
from core.index.sql_console import Answer, RunningQuery
from core.index.sync import Following

__all__ = [
    "AccountDetail",
    "AccountSort",
    "Answer",
    "Counts",
    "Filter",
    "Following",
    "LabelState",
    "PostSort",
    "RunningQuery",
    "Store",
]
