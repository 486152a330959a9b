from datetime import timedelta

import pytest

from points.ledger import selectors
from points.ledger import services as ledger
from points.ledger.models import Hold

from .conftest import NEVER, days


def test_a_capture_spends_what_was_held_from_the_very_lots(desk):
    never, soon = desk.earn(50, NEVER), desk.earn(30, days(1))
    hold = desk.hold(40)

    entry = desk.capture(hold)

    assert desk.buckets == desk.stored == (40, 0, 0, 0)
    assert desk.taken(entry) == {soon.key: 30, never.key: 10}
    assert (entry.kind, entry.points, entry.available_change, entry.held_change) == ("capture", 40, 0, -40)
    assert entry.refers_to_id == hold.entry_id
    stored = Hold.objects.get(id=hold.id)
    assert (stored.status, stored.captured, stored.settled_at) == ("captured", 40, desk.now)


def test_a_part_is_captured_from_what_expires_first_and_the_rest_released(desk):
    never, soon = desk.earn(50, NEVER), desk.earn(30, days(1))
    hold = desk.hold(40)

    entry = desk.capture(hold, 20)

    assert desk.taken(entry) == {soon.key: 20}
    assert desk.kinds[-2:] == ["capture", "release"]
    assert desk.buckets == desk.stored == (60, 0, 0, 0)
    assert desk.left(soon, never) == [10, 50]
    assert Hold.objects.get(id=hold.id).captured == 20


@pytest.mark.parametrize(("points", "refused"), [(39, False), (40, False), (41, True)])
def test_no_more_is_captured_than_is_held(desk, refuses, points, refused):
    desk.earn(100)
    hold = desk.hold(40)

    if refused:
        with refuses(ledger.CaptureExceedsHold) as exceeded:
            desk.capture(hold, points)
        assert exceeded.value.figures == {"held": 40}
    else:
        assert desk.capture(hold, points).points == points


@pytest.mark.parametrize(("microseconds", "refused"), [(-1, False), (0, True), (1, True)])
def test_a_hold_past_its_deadline_is_never_captured(desk, refuses, microseconds, refused):
    desk.earn(100)
    hold = desk.hold(40)
    desk.later(hours=1, microseconds=microseconds)

    if refused:
        with refuses(ledger.HoldLapsed):
            desk.capture(hold)
        desk.sweep()
        with refuses(ledger.HoldLapsed):
            desk.capture(hold)
    else:
        assert desk.capture(hold).points == 40


def test_held_points_whose_lot_has_expired_meanwhile_can_still_be_captured(desk):
    desk.earn(100, days(1))
    hold = desk.hold(40, lasts=timedelta(days=9))
    desk.later(days=5)

    desk.capture(hold)

    assert desk.kinds == ["earn", "hold", "expire", "capture"]
    assert desk.stored == (0, 0, 0, 0)


def test_what_is_released_of_an_expired_lot_by_a_capture_expires_at_once(desk):
    desk.earn(100, days(1))
    hold = desk.hold(40, lasts=timedelta(days=9))
    desk.later(days=5)

    desk.capture(hold, 30)

    assert desk.kinds == ["earn", "hold", "expire", "capture", "release", "expire"]
    assert desk.last("expire").points == 10
    assert desk.stored == (0, 0, 0, 0)


def test_what_a_capture_releases_pays_what_is_owed(desk):
    desk.earn(100)
    hold = desk.hold(100)
    desk.spend(30, overdraw=True)

    desk.capture(hold, 60)

    assert desk.stored == (10, 0, 0, 0)


@pytest.mark.parametrize("settle", ["capture", "release"])
def test_a_settled_hold_is_not_settled_again(desk, refuses, settle):
    desk.earn(100)
    hold = desk.hold(40)
    getattr(desk, settle)(hold)

    with refuses(ledger.HoldSettled):
        desk.capture(hold)
    with refuses(ledger.HoldSettled):
        desk.release(hold)


def test_a_freeze_does_not_stop_the_capture_of_an_existing_hold(desk):
    desk.earn(100)
    hold = desk.hold(40)
    desk.freeze()

    assert desk.capture(hold).points == 40


@pytest.mark.parametrize("points", [0, -1])
def test_a_capture_of_nothing_or_less_is_refused(desk, refuses, points):
    desk.earn(100)
    hold = desk.hold(40)

    with refuses(ledger.PointsNotPositive):
        desk.capture(hold, points)


def test_another_members_hold_is_unknown(desk, other, refuses):
    other.earn(100)
    hold = other.hold(40)

    with refuses(selectors.HoldUnknown):
        desk.capture(hold)
    with refuses(selectors.HoldUnknown):
        desk.release(hold)
