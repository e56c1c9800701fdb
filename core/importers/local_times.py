"""Posts whose time is that of a place, as an export in HTML writes it, found again in a source that knows the moment.

Such a time has no seconds and is off by the place's distance from UTC: a whole number of quarter hours, which may
differ by an hour between summer and winter.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from core.importers.results import MADE_UP
from core.storage.models import Post

_QUARTER, _FURTHEST, _SUMMER = timedelta(minutes=15), timedelta(hours=14), timedelta(hours=1)
_MANY = 50


def without_local_doubles(parts: Sequence[Sequence[Post]]) -> list[list[Post]]:
    """The posts of each part without those with a local time that another part has with its moment.

    What such a post says beyond that goes to the one that stays. Posts of one part are never taken for one another.

    Args:
        parts: posts of one account, from several sources.
    """
    posts = [post for part in parts for post in part]
    of_part = [at for at, part in enumerate(parts) for _ in part]
    doubles = _Doubles(posts, of_part).found()
    for at, other in doubles.items():
        posts[other] = completed(posts[other], posts[at])
    kept: list[list[Post]] = [[] for _ in parts]
    for at, post in enumerate(posts):
        if at not in doubles:
            kept[of_part[at]].append(post)
    return kept


def completed(post: Post, other: Post) -> Post:
    """A post with what it lacks and another reading of it has."""
    return post.model_copy(update={name: value for name, value in other if getattr(post, name) in (None, "unknown")})


class _Doubles:
    """Posts of one account by what they say and when; gone through once, however many there are."""

    def __init__(self, posts: Sequence[Post], of_part: Sequence[int]) -> None:
        self._posts, self._part = posts, of_part
        self._minutes = [_minute(post) for post in posts]
        self._by_caption: dict[str | None, list[int]] = defaultdict(list)
        self._by_minute: dict[tuple[str | None, datetime], list[int]] = defaultdict(list)
        for at, (post, minute) in enumerate(zip(posts, self._minutes, strict=True)):
            if minute:
                self._by_caption[post.caption].append(at)
                self._by_minute[post.caption, minute].append(at)

    def found(self) -> dict[int, int]:
        """The places of the doubles, and for each that of the post which stays."""
        local = list(self._local())
        certain = {at: other for at in local if (other := self._only_one(at)) is not None}
        usual = _usual_shifts(self._shift(at, other) for at, other in certain.items())
        doubles: dict[int, int] = {}
        taken: set[tuple[int, int]] = set()
        for at in local:
            others = [certain[at]] if at in certain else self._at_shifts(at, usual)
            other = next((one for one in others if one not in doubles and (self._part[at], one) not in taken), None)
            if other is not None:
                doubles[at] = other
                taken.add((self._part[at], other))
        return doubles

    def _local(self) -> Iterator[int]:
        """The posts with neither an id of their own nor seconds."""
        return (at for at in range(len(self._posts)) if self._is_local(at))

    def _is_local(self, at: int) -> bool:
        post = self._posts[at]
        return post.id.startswith(MADE_UP) and post.taken_at is not None and _utc(post.taken_at) == self._minutes[at]

    def _are_same(self, at: int, other: int) -> bool:
        return self._minutes[at] == self._minutes[other] and self._is_local(other)

    def _only_one(self, at: int) -> int | None:
        """The only post of another part with the same caption, where its part has that caption once as well."""
        caption = self._posts[at].caption
        alike = self._by_caption[caption]
        if not caption or len(alike) > _MANY or sum(self._part[one] == self._part[at] for one in alike) > 1:
            return None
        others = [one for one in alike if self._part[one] != self._part[at] and not self._are_same(at, one)]
        if len({self._minutes[one] for one in others}) != 1:
            return None
        shift = self._shift(at, others[0])
        return others[0] if abs(shift) <= _FURTHEST and not shift % _QUARTER else None

    def _at_shifts(self, at: int, shifts: Sequence[timedelta]) -> list[int]:
        minute = self._minutes[at]
        assert minute is not None
        alike = (self._by_minute.get((self._posts[at].caption, minute + shift), ()) for shift in shifts)
        return [one for some in alike for one in some if self._part[one] != self._part[at] and not self._is_local(one)]

    def _shift(self, at: int, other: int) -> timedelta:
        minute, others = self._minutes[at], self._minutes[other]
        assert minute is not None
        assert others is not None
        return others - minute


def _usual_shifts(found: Iterator[timedelta]) -> list[timedelta]:
    """The shift of most posts, and its neighbour of the other half of the year."""
    shifts = Counter(found)
    if not shifts:
        return []
    most = max(shifts, key=lambda shift: shifts[shift])
    return [most, *(each for each in (most - _SUMMER, most + _SUMMER) if shifts[each])][:2]


def _minute(post: Post) -> datetime | None:
    return _utc(post.taken_at).replace(second=0, microsecond=0) if post.taken_at else None


def _utc(moment: datetime | None) -> datetime:
    assert moment is not None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
