"""Who is placed, and in which order."""

from datetime import UTC, datetime, timedelta

import pytest

from accounts.activity import services as activity
from accounts.members.models import Member
from points.boards import selectors
from points.boards.models import Board

NOON, CLOSING = datetime(2024, 3, 15, 4, tzinfo=UTC), datetime(2024, 4, 3, 4, tzinfo=UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture
def placed(board):
    """The places of March: (member, review, likes)."""

    def count(period="2024-03", **changes):
        for name, value in changes.items():
            setattr(board, name, value)
        _name, since, until = selectors.span(period, now=CLOSING)
        return [(one.member, one.fact, one.times) for one in selectors.count(board, since=since, until=until)]

    return count


def test_the_most_liked_come_first_and_as_many_as_there_are_places(review, placed):
    for who, likes in (("ann", 2), ("ben", 4), ("cid", 1), ("dan", 3)):
        review(who, f"R-{who}", likes)
    assert placed() == [("ben", "R-ben", 4), ("dan", "R-dan", 3), ("ann", "R-ann", 2)]


def test_nothing_liked_leaves_every_place_empty(review, placed):
    review("ann", "R-1")
    assert placed() == []


def test_of_equal_counts_the_earlier_review_is_ahead_whenever_it_was_liked(review, placed):
    review("ann", "R-late", 2, occurred_at=NOON - timedelta(days=2), liked_at=NOON - timedelta(days=1))
    review("ben", "R-early", 2, occurred_at=NOON - timedelta(days=3), liked_at=NOON)
    assert [fact for _who, fact, _count in placed()] == ["R-early", "R-late"]


def test_what_members_like_of_their_own_does_not_count(review, tell, placed):
    review("ann", "R-1", 1)
    tell("ann", "liked", {"subject": "R-1"})
    assert placed() == [("ann", "R-1", 1)]


def test_the_same_member_likes_a_review_once(review, tell, placed, refuses):
    review("ann", "R-1", 1)
    with refuses(activity.FactRepeated):
        tell("fan 0", "liked", {"subject": "R-1"})
    assert placed() == [("ann", "R-1", 1)]


def test_a_like_that_was_withdrawn_does_not_count_nor_does_a_review(review, tell, placed, now):
    review("ann", "R-1", 2)
    gone = review("ben", "R-2", 3)
    like = tell("fan 9", "liked", {"subject": "R-1"})
    for fact in (gone, like):
        activity.withdraw_behaviour(behaviour=fact, free_key=False, now=now)
    assert placed() == [("ann", "R-1", 2)]


def test_likes_count_in_the_month_in_which_they_happened_in_the_programmes_zone(review, tell, placed):
    review("ann", "R-1", occurred_at=NOON - timedelta(days=60))
    _name, since, until = selectors.span("2024-03", now=CLOSING)
    moments = [since - timedelta(microseconds=1), since, until - timedelta(microseconds=1), until]
    for n, moment in enumerate(moments):
        tell(f"fan {n}", "liked", {"subject": "R-1"}, occurred_at=moment)
    assert (since.isoformat(), until.isoformat()) == ("2024-02-29T16:00:00+00:00", "2024-03-31T16:00:00+00:00")
    assert [placed(period) for period in ("2024-02", "2024-03", "2024-04")] == [[("ann", "R-1", 1)], [("ann", "R-1", 2)], [("ann", "R-1", 1)]]


def test_what_is_below_the_least_count_takes_no_place(review, placed):
    review("ann", "R-1", 3)
    review("ben", "R-2", 2)
    assert placed(minimum=3) == [("ann", "R-1", 3)]


def test_a_member_takes_one_place_with_the_best_review(review, placed):
    review("ann", "R-1", 3)
    review("ann", "R-2", 4)
    review("ben", "R-3", 1)
    assert placed() == [("ann", "R-2", 4), ("ben", "R-3", 1)]


def test_a_member_takes_several_places_where_the_board_lets_them(review, placed):
    review("ann", "R-1", 3)
    review("ann", "R-2", 4)
    review("ben", "R-3", 1)
    assert placed(once_per_member=False) == [("ann", "R-2", 4), ("ann", "R-1", 3), ("ben", "R-3", 1)]


def test_a_closed_member_leaves_the_place_to_the_next(review, placed):
    review("ann", "R-1", 3)
    review("ben", "R-2", 2)
    Member.objects.filter(external_id="ann").update(status=Member.Status.CLOSED)
    assert placed() == [("ben", "R-2", 2)]


def test_likes_of_something_else_than_reviews_count_for_nobody(tell, placed):
    tell("ann", "liked", {"subject": "a product"})
    assert placed() == []


def test_where_two_members_reviews_have_the_same_id_the_first_is_meant(review, placed):
    review("ann", "R-1", 0, occurred_at=NOON - timedelta(days=3))
    review("ben", "R-1", 2, occurred_at=NOON - timedelta(days=2))
    assert placed() == [("ann", "R-1", 2)]


def test_another_board_counts_other_facts_by_another_field(tell, db):
    board = Board(code="clicks", counted="share_clicked", field="subject", ranked="shared", places=10, once_per_member=True)
    tell("ann", "shared", {"subject": "MUG"}, external_id="S-1")
    for n in range(3):
        tell("ann" if n == 0 else "ben", "share_clicked", {"subject": "S-1", "by": f"guest {n}"})
    _name, since, until = selectors.span("2024-W11", now=CLOSING)
    assert [(one.member, one.times) for one in selectors.count(board, since=since, until=until)] == [("ann", 2)]
