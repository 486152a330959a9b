from datetime import timedelta

import pytest

from points.ledger import selectors
from points.ledger import services as ledger

from .conftest import NEVER, days


def figures(entry):
    return {"available": entry.available_change, "pending": entry.pending_change, "debt": entry.debt_change, "waived": entry.waived}


def test_what_remains_of_the_earnings_own_lot_is_taken_first(desk):
    soon, own = desk.earn(50, days(1)), desk.earn(100, NEVER)

    entry = desk.clawback(own, 80)

    assert desk.taken(entry) == {own.key: 80}
    assert desk.left(soon, own) == [50, 20]
    assert (entry.kind, entry.points, entry.refers_to_id) == ("clawback", 80, own.id)
    assert figures(entry) == {"available": -80, "pending": 0, "debt": 0, "waived": 0}


def test_what_of_it_was_spent_is_taken_from_other_lots_in_the_order_in_which_they_expire(desk):
    own = desk.earn(100, days(1))
    desk.spend(70)
    never, soon = desk.earn(50, NEVER), desk.earn(30, days(2))

    entry = desk.clawback(own, 100)

    assert desk.taken(entry) == {own.key: 30, soon.key: 30, never.key: 40}
    assert desk.buckets == desk.stored == (10, 0, 0, 0)


def test_what_other_lots_cannot_pay_becomes_debt(desk):
    own = desk.earn(100)
    desk.spend(100)
    other = desk.earn(30)

    entry = desk.clawback(own, 100)

    assert desk.taken(entry) == {other.key: 30}
    assert figures(entry) == {"available": -30, "pending": 0, "debt": 70, "waived": 0}
    assert desk.stored == (0, 0, 0, 70)


def test_later_earnings_pay_a_clawbacks_debt_in_full(desk):
    own = desk.earn(100)
    desk.spend(100)
    desk.clawback(own, 100)

    desk.earn(60)
    desk.earn(60)

    assert desk.buckets == (20, 0, 0, 0)


def test_what_of_it_is_held_is_owed_and_the_hold_stands(desk):
    own = desk.earn(100)
    hold = desk.hold(100)

    entry = desk.clawback(own, 100)

    assert figures(entry) == {"available": 0, "pending": 0, "debt": 100, "waived": 0}
    assert desk.stored == (0, 100, 0, 100)
    desk.release(hold)
    assert desk.stored == (0, 0, 0, 0)


def test_what_of_it_expired_is_waived_and_the_entry_says_so(desk):
    own = desk.earn(100, days(1))
    desk.spend(30)
    other = desk.earn(50)
    desk.later(days=5)

    entry = desk.clawback(own, 100)

    assert figures(entry) == {"available": -30, "pending": 0, "debt": 0, "waived": 70}
    assert desk.taken(entry) == {other.key: 30}


@pytest.mark.parametrize(
    ("points", "own", "owed", "waived"), [(9, 9, 0, 0), (10, 10, 0, 0), (11, 10, 1, 0), (40, 10, 30, 0), (41, 10, 30, 1), (100, 10, 30, 60)]
)
def test_the_lot_the_spent_and_the_expired_bear_a_clawback_in_this_order(desk, points, own, owed, waived):
    lot = desk.earn(100, days(1))
    spent = desk.spend(40)
    desk.later(days=5)
    desk.sweep()
    desk.restore(spent, 10, grace=timedelta(days=9))

    entry = desk.clawback(lot, points)

    assert figures(entry) == {"available": -own, "pending": 0, "debt": owed, "waived": waived}


@pytest.mark.parametrize("swept", [False, True])
def test_a_lapsed_hold_on_an_expired_lot_is_waived_whether_or_not_that_was_booked(desk, swept):
    own = desk.earn(100, days(1))
    desk.hold(60, lasts=timedelta(days=3))
    desk.later(days=5)
    if swept:
        desk.sweep()

    entry = desk.clawback(own, 100)

    assert figures(entry) == {"available": 0, "pending": 0, "debt": 0, "waived": 100}
    assert desk.stored == (0, 0, 0, 0)


@pytest.mark.parametrize("swept", [False, True])
def test_what_a_lapsed_hold_gives_back_is_the_lots_own_whether_or_not_that_was_booked(desk, swept):
    own = desk.earn(100)
    desk.hold(60)
    desk.later(hours=2)
    if swept:
        desk.sweep()

    entry = desk.clawback(own, 100)

    assert figures(entry) == {"available": -100, "pending": 0, "debt": 0, "waived": 0}


def test_points_that_settled_a_debt_count_as_spent(desk):
    desk.spend(60, overdraw=True)
    own = desk.earn(100)

    entry = desk.clawback(own, 100)

    assert figures(entry) == {"available": -40, "pending": 0, "debt": 60, "waived": 0}


def test_what_was_given_back_is_not_owed(desk):
    own = desk.earn(100)
    spent = desk.spend(100)
    desk.restore(spent, 100)

    entry = desk.clawback(own, 100)

    assert desk.taken(entry) == {own.key: 100}
    assert desk.stored == (0, 0, 0, 0)


def test_what_an_earlier_clawback_charged_is_not_charged_again(desk):
    own = desk.earn(100, days(1))
    desk.spend(40)
    desk.later(days=5)
    desk.clawback(own, 30)

    entry = desk.clawback(own, 70)

    assert figures(entry) == {"available": 0, "pending": 0, "debt": 10, "waived": 60}
    assert desk.stored == (0, 0, 0, 40)


def test_pending_points_are_taken_back_from_pending_and_settle_nothing_else(desk):
    own = desk.earn(100, waits=True)
    desk.earn(50)

    entry = desk.clawback(own, 40)

    assert figures(entry) == {"available": 0, "pending": -40, "debt": 0, "waived": 0}
    assert desk.stored == (50, 0, 60, 0)


def test_other_earnings_pending_points_are_left_alone(desk):
    own = desk.earn(100)
    desk.spend(100)
    waiting = desk.earn(100, waits=True)

    desk.clawback(own, 100)

    assert desk.stored == (0, 0, 100, 100)
    assert desk.left(waiting) == [100]


@pytest.mark.parametrize(("points", "refused"), [(39, False), (40, False), (41, True)])
def test_no_more_is_taken_back_than_was_earned(desk, refuses, points, refused):
    own = desk.earn(100)
    desk.clawback(own, 60)

    if refused:
        with refuses(ledger.ClawbackExceedsEarning) as exceeded:
            desk.clawback(own, points)
        assert exceeded.value.figures == {"left": 40}
    else:
        assert desk.clawback(own, points).points == points


def test_forfeited_points_are_waived_like_expired_ones(desk):
    own = desk.earn(100)
    desk.forfeit(60)

    assert figures(desk.clawback(own, 100)) == {"available": -40, "pending": 0, "debt": 0, "waived": 60}


def test_points_taken_for_another_earning_count_as_spent(desk):
    first = desk.earn(100)
    desk.spend(100)
    second = desk.earn(100)
    desk.clawback(first, 100)

    assert figures(desk.clawback(second, 100)) == {"available": 0, "pending": 0, "debt": 100, "waived": 0}


def test_an_adjustment_upwards_can_be_taken_back_too(desk):
    own = desk.adjust(100)

    assert figures(desk.clawback(own, 100))["available"] == -100


@pytest.mark.parametrize("act", ["spend", "forfeit"])
def test_only_earned_points_are_taken_back(desk, refuses, act):
    desk.earn(100)
    entry = getattr(desk, act)(10)

    with refuses(ledger.NotEarned):
        desk.clawback(entry, 1)


def test_received_and_negatively_adjusted_points_are_not_taken_back(desk, other, refuses):
    other.earn(100)
    _away, received = other.transfer(desk.member, 30)
    lowered = desk.adjust(-10)

    for entry in (received, lowered):
        with refuses(ledger.NotEarned):
            desk.clawback(entry, 1)


def test_another_members_earning_is_unknown(desk, other, refuses):
    own = other.earn(100)

    with refuses(selectors.EntryUnknown):
        desk.clawback(own, 1)


@pytest.mark.parametrize("points", [0, -1])
def test_taking_back_nothing_or_less_is_refused(desk, refuses, points):
    own = desk.earn(100)

    with refuses(ledger.PointsNotPositive):
        desk.clawback(own, points)


def test_a_freeze_does_not_stop_a_clawback(desk):
    own = desk.earn(100)
    desk.freeze()

    desk.clawback(own, 100)

    assert desk.buckets == (0, 0, 0, 0)
