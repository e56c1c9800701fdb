"""Dates of an export in HTML are those of a place; the same post from another source is one post."""

from datetime import UTC, datetime, timedelta

import pytest

from core.importers.importer import merged
from core.importers.results import with_ids
from core.storage.models import Account, Post

MAY = datetime(2024, 5, 1, 10, 31, 17, tzinfo=UTC)


def account(*posts: tuple[datetime, str | None], numbered: bool = False) -> Account:
    made = [
        Post(id=str(at) if numbered else "", taken_at=moment, caption=text)
        for at, (moment, text) in enumerate(posts, 1)
    ]
    return Account(username="lena", posts=with_ids(made))


def local(moment: datetime, hours: float) -> datetime:
    return moment.replace(second=0) + timedelta(hours=hours)


@pytest.mark.parametrize("hours", [0, 2, -7, 5.75, 14])
@pytest.mark.parametrize("numbered", [True, False])
def test_a_post_with_the_time_of_a_place_is_the_one_with_its_moment(hours: float, numbered: bool) -> None:
    page = account((local(MAY, hours), "by the lake"))
    exact = account((MAY, "by the lake"), numbered=numbered)
    for order in ((page, exact), (exact, page), (merged(page, exact), page), (page, exact, page)):
        [post] = merged(*order).posts
        assert (post.taken_at, post.id) == (MAY, exact.posts[0].id)


@pytest.mark.parametrize("moment", [local(MAY, 15), MAY.replace(second=0) + timedelta(minutes=7)])
def test_what_no_place_can_explain_stays_two_posts(moment: datetime) -> None:
    assert len(merged(account((moment, "by the lake")), account((MAY, "by the lake"))).posts) == 2


def test_summer_and_winter_may_differ_by_an_hour_and_posts_without_words_follow_the_others() -> None:
    winter, wordless = MAY - timedelta(days=150), MAY + timedelta(days=2)
    page = account((local(MAY, 2), "a"), (local(winter, 1), "b"), (local(wordless, 2), None), (local(MAY, 4.5), None))
    exact = account((MAY, "a"), (winter, "b"), (wordless, None), (MAY + timedelta(days=9), "c"))
    posts = merged(page, exact).posts
    assert len(posts) == 5 and sum(post.taken_at == wordless for post in posts) == 1


def test_one_caption_several_times_is_told_apart_by_the_usual_difference() -> None:
    morning, noon = MAY, MAY + timedelta(hours=2)
    page = account((local(morning, 2), "sun"), (local(noon, 2), "sun"), (local(MAY, 26), "only once"))
    exact = account((morning, "sun"), (noon, "sun"), (MAY + timedelta(hours=24), "only once"))
    assert sorted(post.taken_at or MAY for post in merged(page, exact).posts) == [
        morning,
        noon,
        MAY + timedelta(hours=24),
    ]


def test_posts_of_one_source_are_never_taken_for_one_another() -> None:
    page = account((local(MAY, 0), "sun"), (local(MAY, 2), "sun"), (local(MAY, 0.25), None), (local(MAY, 0.5), None))
    assert len(merged(page).posts) == len(merged(page, page).posts) == 4
