from datetime import timedelta

import pytest

from points.ledger import services as ledger

from .conftest import NEVER, days


def test_released_points_are_available_again_in_their_very_lots(desk):
    never, soon = desk.earn(50, NEVER), desk.earn(30, days(1))
    hold = desk.hold(40, subject="auction/1")

    entry = desk.release(hold)

    assert desk.buckets == desk.stored == (80, 0, 0, 0)
    assert desk.left(soon, never) == [30, 50]
    assert desk.status(hold) == "released"
    assert (entry.kind, entry.points, entry.available_change, entry.held_change, entry.subject) == ("release", 40, 40, -40, "auction/1")


def test_points_released_after_their_lots_expiry_expire_at_once(desk):
    never, soon = desk.earn(50, NEVER), desk.earn(30, days(1))
    hold = desk.hold(40, lasts=timedelta(days=9))
    desk.later(days=5)

    desk.release(hold)

    assert desk.kinds == ["earn", "earn", "hold", "release", "expire"]
    assert desk.stored == (50, 0, 0, 0)
    assert desk.left(soon, never) == [0, 50]


def test_released_points_settle_debt_first(desk):
    desk.earn(100)
    hold = desk.hold(100)
    desk.spend(30, overdraw=True)
    assert desk.buckets == (0, 100, 0, 30)

    desk.release(hold)

    assert desk.kinds[-2:] == ["release", "settle"]
    assert desk.stored == (70, 0, 0, 0)


@pytest.mark.parametrize(("microseconds", "refused"), [(-1, False), (0, True), (1, True)])
def test_a_hold_past_its_deadline_was_released_anyway(desk, refuses, microseconds, refused):
    desk.earn(100)
    hold = desk.hold(40)
    desk.later(hours=1, microseconds=microseconds)

    if refused:
        with refuses(ledger.HoldLapsed):
            desk.release(hold)
    else:
        assert desk.release(hold).points == 40


def test_a_freeze_does_not_stop_a_release(desk):
    desk.earn(100)
    hold = desk.hold(40)
    desk.freeze()

    desk.release(hold)

    assert desk.buckets == (100, 0, 0, 0)
