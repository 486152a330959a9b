import pytest

from points.ledger import services as ledger
from points.ledger.models import Lot

from .conftest import NEVER, days


def test_points_leave_one_member_and_reach_the_other_under_the_same_key(desk, other):
    desk.earn(100)

    away, received = desk.transfer(other.member, 30, subject="gift")

    assert (away.member_id, away.kind, away.points, away.available_change) == (desk.id, "transfer_out", 30, -30)
    assert (received.member_id, received.kind, received.points, received.available_change) == (other.id, "transfer_in", 30, 30)
    assert away.key == received.key
    assert (desk.stored, other.stored) == ((70, 0, 0, 0), (30, 0, 0, 0))


def test_each_part_keeps_the_expiry_of_its_lot_so_a_transfer_refreshes_nothing(desk, other):
    never, soon = desk.earn(50, NEVER), desk.earn(30, days(1))

    away, received = desk.transfer(other.member, 40)

    assert desk.taken(away) == {soon.key: 30, never.key: 10}
    lots = Lot.objects.filter(entry=received)
    assert [(lot.original, lot.source, lot.expires_at) for lot in lots] == [(30, "transfer", desk.midnight(1)), (10, "transfer", None)]


def test_received_points_settle_debt_first(desk, other):
    desk.earn(100)
    other.spend(20, overdraw=True)

    desk.transfer(other.member, 30)

    assert other.kinds == ["spend", "transfer_in", "settle"]
    assert other.stored == (10, 0, 0, 0)


def test_what_is_due_is_booked_for_both_before(desk, other):
    for one in (desk, other):
        one.earn(100, days(1))
        one.earn(10, NEVER)
        one.later(days=5)

    desk.transfer(other.member, 10)

    assert desk.kinds == ["earn", "earn", "expire", "transfer_out"]
    assert other.kinds == ["earn", "earn", "expire", "transfer_in"]
    assert (desk.stored, other.stored) == ((0, 0, 0, 0), (20, 0, 0, 0))


@pytest.mark.parametrize(("points", "refused"), [(99, False), (100, False), (101, True)])
def test_no_more_is_transferred_than_is_available(desk, other, refuses, points, refused):
    desk.earn(100)

    if refused:
        with refuses(ledger.InsufficientPoints):
            desk.transfer(other.member, points)
        assert other.buckets == (0, 0, 0, 0)
    else:
        desk.transfer(other.member, points)
        assert (desk.stored[0], other.stored[0]) == (100 - points, points)


def test_a_transfer_to_oneself_is_refused(desk, refuses):
    desk.earn(100)

    with refuses(ledger.SelfTransfer):
        desk.transfer(desk.member, 1)


@pytest.mark.parametrize("points", [0, -1])
def test_a_transfer_of_nothing_or_less_is_refused(desk, other, refuses, points):
    with refuses(ledger.PointsNotPositive):
        desk.transfer(other.member, points)


def test_the_same_transfer_again_gives_the_first_two_entries_again(desk, other):
    desk.earn(100)
    first = desk.transfer(other.member, 30, key="gift/1")

    again = desk.transfer(other.member, 30, key="gift/1")

    assert [entry.id for entry in again] == [entry.id for entry in first]
    assert (desk.stored[0], other.stored[0]) == (70, 30)


def test_a_frozen_member_sends_nothing_but_may_receive(desk, other, refuses):
    desk.earn(100)
    other.earn(100)
    desk.freeze()

    with refuses(ledger.AccountFrozen):
        desk.transfer(other.member, 1)
    other.transfer(desk.member, 1)

    assert desk.stored[0] == 101
