from datetime import timedelta

import pytest

from points.ledger import services as ledger

from .conftest import NEVER, days


def test_a_spend_takes_the_lot_that_expires_first_and_those_that_never_do_last(desk):
    never, late, soon = desk.earn(10, NEVER), desk.earn(10, days(9)), desk.earn(10, days(1))

    entry = desk.spend(25)

    assert desk.left(soon, late, never) == [0, 0, 5]
    assert desk.taken(entry) == {soon.key: 10, late.key: 10, never.key: 5}
    assert (entry.kind, entry.points, entry.available_change, entry.balance_after) == ("spend", 25, -25, 5)


def test_of_lots_that_expire_together_the_one_earned_first_is_taken(desk):
    newer = desk.earn(10, days(5))
    older = desk.earn(10, days(6), occurred_at=desk.now - timedelta(days=1))

    desk.spend(15)

    assert desk.lot(newer).expires_at == desk.lot(older).expires_at
    assert desk.left(older, newer) == [0, 5]


def test_of_lots_earned_together_the_one_made_first_is_taken(desk):
    first, second = desk.earn(10, days(5)), desk.earn(10, days(5))

    desk.spend(10)

    assert desk.left(first, second) == [0, 10]


def test_of_lots_that_never_expire_the_older_is_taken(desk):
    newer = desk.earn(10, NEVER)
    older = desk.earn(10, NEVER, occurred_at=desk.now - timedelta(days=1))

    desk.spend(10)

    assert desk.left(older, newer) == [0, 10]


@pytest.mark.parametrize(("microseconds", "spent"), [(-1, True), (0, False), (1, False)])
def test_a_lot_is_gone_at_the_instant_at_which_it_expires_swept_or_not(desk, refuses, microseconds, spent):
    desk.earn(10, days(1))
    desk.now = desk.midnight(1) + timedelta(microseconds=microseconds)

    if spent:
        assert desk.spend(10).balance_after == 0
    else:
        with refuses(ledger.InsufficientPoints) as refused:
            desk.spend(1)
        assert refused.value.figures == {"wanted": 1, "available": 0}


def test_what_is_due_is_booked_before_the_spend_so_the_balances_agree(desk):
    desk.earn(100, days(1))
    desk.earn(30, NEVER)
    desk.later(days=5)
    assert desk.buckets == (30, 0, 0, 0)

    entry = desk.spend(10)

    assert desk.kinds == ["earn", "earn", "expire", "spend"]
    assert entry.balance_after == 20
    assert desk.stored == (20, 0, 0, 0)


@pytest.mark.parametrize(("points", "refused"), [(99, False), (100, False), (101, True)])
def test_no_more_is_spent_than_is_available(desk, refuses, points, refused):
    desk.earn(100)

    if refused:
        with refuses(ledger.InsufficientPoints):
            desk.spend(points)
        assert desk.buckets == (100, 0, 0, 0)
    else:
        desk.spend(points)
        assert desk.buckets == (100 - points, 0, 0, 0)


def test_pending_and_held_points_are_not_spent(desk, refuses):
    desk.earn(100, waits=True)
    desk.earn(50)
    desk.hold(50)

    with refuses(ledger.InsufficientPoints):
        desk.spend(1)


@pytest.mark.parametrize("points", [0, -5])
def test_a_spend_of_nothing_or_less_is_refused(desk, refuses, points):
    desk.earn(100)

    with refuses(ledger.PointsNotPositive):
        desk.spend(points)


def test_a_refusal_writes_nothing_not_even_what_was_due(desk, refuses):
    desk.earn(100, days(1))
    desk.later(days=5)

    with refuses(ledger.InsufficientPoints):
        desk.spend(1)

    assert desk.kinds == ["earn"]


def test_an_overdraft_makes_debt_of_what_is_missing_and_refuses_nothing(desk):
    lot = desk.earn(40)
    desk.freeze()

    entry = desk.spend(100, overdraw=True)

    assert desk.buckets == desk.stored == (0, 0, 0, 60)
    assert desk.taken(entry) == {lot.key: 40}
    assert (entry.points, entry.available_change, entry.debt_change) == (100, -40, 60)


def test_an_overdraft_where_enough_is_available_is_a_spend_like_another(desk):
    desk.earn(100)

    assert desk.spend(100, overdraw=True).debt_change == 0


def test_a_second_overdraft_adds_to_the_debt(desk):
    desk.spend(100, overdraw=True)
    desk.spend(20, overdraw=True)

    assert desk.buckets == (0, 0, 0, 120)


def test_what_a_lapsed_hold_held_can_be_spent(desk):
    desk.earn(100)
    hold = desk.hold(80)
    desk.later(hours=2)

    desk.spend(90)

    assert desk.status(hold) == "lapsed"
    assert desk.kinds == ["earn", "hold", "release", "spend"]
