from datetime import timedelta

import pytest

from points.ledger import selectors
from points.ledger import services as ledger
from points.ledger.models import Lot

from .conftest import NEVER, days

DAY = timedelta(days=1)


def test_points_come_back_to_the_very_lots_the_one_that_expires_last_first(desk):
    never, late, soon = desk.earn(10, NEVER), desk.earn(10, days(9)), desk.earn(10, days(2))
    spent = desk.spend(30)

    entry = desk.restore(spent, 15)

    assert desk.left(soon, late, never) == [0, 5, 10]
    assert desk.taken(entry) == {never.key: -10, late.key: -5}
    assert (entry.kind, entry.points, entry.available_change, entry.refers_to_id) == ("restore", 15, 15, spent.id)
    assert desk.buckets == desk.stored == (15, 0, 0, 0)


def test_a_captured_hold_can_be_given_back_too(desk):
    lot = desk.earn(100)
    captured = desk.capture(desk.hold(40))

    desk.restore(captured, 40)

    assert desk.left(lot) == [100]


@pytest.mark.parametrize(("points", "refused"), [(9, False), (10, False), (11, True)])
def test_no_more_is_given_back_than_is_left_of_the_spend(desk, refuses, points, refused):
    desk.earn(100)
    spent = desk.spend(30)
    desk.restore(spent, 20)

    if refused:
        with refuses(ledger.RestoreExceedsSpend) as exceeded:
            desk.restore(spent, points)
        assert exceeded.value.figures == {"left": 10}
    else:
        desk.restore(spent, points)
        assert desk.buckets == (90 + points, 0, 0, 0)


def test_two_restores_share_the_lots_of_the_spend(desk):
    soon, late = desk.earn(10, days(2)), desk.earn(10, days(9))
    spent = desk.spend(20)

    desk.restore(spent, 12)
    desk.restore(spent, 8)

    assert desk.left(soon, late) == [10, 10]


def test_a_restored_lot_keeps_its_own_expiry(desk):
    lot = desk.earn(100, days(5))
    before = desk.lot(lot).expires_at
    spent = desk.spend(100)
    desk.later(days=2)

    desk.restore(spent, 100)

    assert desk.lot(lot).expires_at == before


@pytest.mark.parametrize(("microseconds", "left"), [(-1, 40), (0, 0), (1, 0)])
def test_points_given_back_to_a_lot_that_has_expired_expire_again(desk, microseconds, left):
    lot = desk.earn(40, days(1))
    spent = desk.spend(40)
    desk.now = desk.midnight(1) + timedelta(microseconds=microseconds)

    desk.restore(spent, 40)

    assert desk.stored == (left, 0, 0, 0)
    assert desk.left(lot) == [left]
    assert desk.kinds[2:] == (["restore"] if left else ["restore", "expire"])


def test_with_grace_an_expired_lot_lives_on_and_an_entry_says_so(desk):
    lot = desk.earn(40, days(1))
    spent = desk.spend(40)
    desk.later(days=9)

    desk.restore(spent, 40, grace=3 * DAY)

    assert desk.kinds == ["earn", "spend", "restore", "postpone"]
    assert desk.lot(lot).expires_at == desk.last("postpone").expires_at == desk.now + 3 * DAY
    assert desk.buckets == (40, 0, 0, 0)
    desk.later(days=3)
    assert desk.buckets == (0, 0, 0, 0)


def test_the_programmes_grace_is_used_where_none_is_given(desk, terms):
    terms.restore_grace_days = 5
    terms.save()
    lot = desk.earn(40, days(1))
    spent = desk.spend(40)
    desk.later(days=9)

    desk.restore(spent, 40)

    assert desk.lot(lot).expires_at == desk.now + 5 * DAY


def test_grace_moves_no_expiry_that_lies_ahead(desk):
    lot = desk.earn(40, days(5))
    before = desk.lot(lot).expires_at
    spent = desk.spend(40)

    desk.restore(spent, 40, grace=30 * DAY)

    assert desk.lot(lot).expires_at == before
    assert "postpone" not in desk.kinds


def test_nothing_else_that_had_expired_comes_back_with_a_restored_lot(desk):
    lot = desk.earn(100, days(1))
    spent = desk.spend(40)
    desk.later(days=9)

    desk.restore(spent, 40, grace=3 * DAY)

    assert desk.last("expire").points == 60
    assert desk.left(lot) == [40]
    assert desk.buckets == (40, 0, 0, 0)


def test_buying_and_cancelling_refreshes_no_expiry(desk):
    lot = desk.earn(100, days(3))
    before = desk.lot(lot).expires_at

    for _ in range(3):
        desk.restore(desk.spend(100), 100)

    assert desk.lot(lot).expires_at == before
    assert desk.left(lot) == [100]


def test_points_given_back_settle_debt_first(desk):
    desk.earn(100)
    spent = desk.spend(100)
    desk.spend(30, overdraw=True)

    desk.restore(spent, 50)

    assert desk.kinds[-2:] == ["restore", "settle"]
    assert desk.stored == (20, 0, 0, 0)


def test_what_was_spent_on_credit_is_forgiven_first(desk):
    lot = desk.earn(40)
    spent = desk.spend(100, overdraw=True)

    entry = desk.restore(spent, 70)

    assert (entry.debt_change, entry.available_change) == (-60, 10)
    assert desk.stored == (10, 0, 0, 0)
    assert desk.left(lot) == [10]


def test_credit_that_later_points_have_settled_comes_back_as_a_new_lot(desk, terms):
    terms.expiry, terms.length = "days", 10
    terms.save()
    spent = desk.spend(100, overdraw=True)
    paid = desk.earn(70)
    desk.later(days=1)

    entry = desk.restore(spent, 100)

    new = Lot.objects.get(entry=entry)
    assert (entry.debt_change, entry.available_change) == (-30, 70)
    assert (new.original, new.source, new.expires_at) == (70, "restored", desk.midnight(10))
    assert desk.left(paid) == [0]
    assert desk.stored == (70, 0, 0, 0)


@pytest.mark.parametrize("points", [0, -1])
def test_giving_back_nothing_or_less_is_refused(desk, refuses, points):
    desk.earn(100)
    spent = desk.spend(30)

    with refuses(ledger.PointsNotPositive):
        desk.restore(spent, points)


def test_only_spent_points_are_given_back(desk, refuses):
    earned = desk.earn(100)
    forfeited = desk.forfeit(10)

    for entry in (earned, forfeited):
        with refuses(ledger.NotSpent):
            desk.restore(entry, 1)


def test_another_members_spend_is_unknown(desk, other, refuses):
    other.earn(100)
    spent = other.spend(30)

    with refuses(selectors.EntryUnknown):
        desk.restore(spent, 1)


def test_a_freeze_does_not_stop_a_restore(desk):
    desk.earn(100)
    spent = desk.spend(30)
    desk.freeze()

    desk.restore(spent, 30)

    assert desk.buckets == (100, 0, 0, 0)
