from datetime import timedelta

from points.ledger import selectors

from .conftest import NEVER, days


def test_a_member_without_books_has_nothing(desk):
    assert desk.buckets == (0, 0, 0, 0)
    assert list(selectors.expiring(member_id=desk.id, now=desk.now)) == []
    assert selectors.by_source(member_id=desk.id, now=desk.now) == {}


def test_a_balance_is_read_with_one_statement(desk, django_assert_num_queries):
    desk.earn(100, days(1))
    desk.hold(10)
    desk.later(days=5)

    with django_assert_num_queries(1):
        assert desk.buckets == (0, 0, 0, 0)


def test_what_expires_next_comes_first_and_lots_that_end_together_are_one_line(desk):
    desk.earn(5, days(3))
    desk.earn(10, days(1))
    desk.earn(20, days(1))
    desk.earn(40, NEVER)
    desk.earn(80, days(2), waits=True)

    found = list(selectors.expiring(member_id=desk.id, now=desk.now))

    assert [(line["at"], line["points"]) for line in found] == [(desk.midnight(1), 30), (desk.midnight(3), 5)]


def test_held_points_are_not_said_to_expire(desk):
    desk.earn(30, days(1))
    desk.hold(10)

    assert [line["points"] for line in selectors.expiring(member_id=desk.id, now=desk.now)] == [20]


def test_lots_are_listed_in_the_order_in_which_they_are_spent(desk):
    entries = [desk.earn(1, NEVER), desk.earn(1, days(9)), desk.earn(1, days(2))]
    desk.earn(1, days(1))
    desk.later(days=2)

    found = [lot.entry_id for lot in selectors.live_lots(member_id=desk.id, now=desk.now)]

    assert found == [entry.id for entry in reversed(entries)]


def test_a_read_changes_nothing(desk):
    desk.earn(100, days(1))
    desk.hold(10, lasts=timedelta(hours=1))
    desk.later(days=5)

    assert desk.buckets == (0, 0, 0, 0)
    assert desk.stored == (90, 10, 0, 0)
