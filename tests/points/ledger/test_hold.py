from datetime import timedelta

import pytest

from points.ledger import services as ledger
from points.ledger.models import Hold

from .conftest import NEVER, days


def test_held_points_are_set_aside_in_the_lots_that_expire_first(desk):
    never, soon = desk.earn(50, NEVER), desk.earn(30, days(1))

    hold = desk.hold(40, subject="auction/1")

    assert desk.buckets == desk.stored == (40, 40, 0, 0)
    assert [(desk.lot(entry).remaining, desk.lot(entry).held) for entry in (soon, never)] == [(0, 30), (40, 10)]
    stored = Hold.objects.get(id=hold.id)
    assert (stored.points, stored.captured, stored.status, stored.subject) == (40, 0, "open", "auction/1")
    assert (stored.created_at, stored.expires_at, stored.settled_at) == (desk.now, desk.now + timedelta(hours=1), None)


@pytest.mark.parametrize(("points", "refused"), [(99, False), (100, False), (101, True)])
def test_no_more_is_held_than_is_available(desk, refuses, points, refused):
    desk.earn(100)

    if refused:
        with refuses(ledger.InsufficientPoints) as short:
            desk.hold(points)
        assert short.value.figures == {"wanted": 101, "available": 100}
    else:
        desk.hold(points)
        assert desk.buckets == (100 - points, points, 0, 0)


@pytest.mark.parametrize(("microseconds", "refused"), [(-1, True), (0, True), (1, False)])
def test_the_deadline_of_a_hold_lies_ahead(desk, refuses, microseconds, refused):
    desk.earn(100)
    lasts = timedelta(microseconds=microseconds)

    if refused:
        with refuses(ledger.DeadlinePassed):
            desk.hold(1, lasts=lasts)
    else:
        assert desk.hold(1, lasts=lasts).points == 1


@pytest.mark.parametrize("points", [0, -1])
def test_a_hold_of_nothing_or_less_is_refused(desk, refuses, points):
    with refuses(ledger.PointsNotPositive):
        desk.hold(points)


def test_held_points_do_not_expire_while_the_hold_is_open(desk):
    desk.earn(100, days(1))
    desk.hold(40, lasts=timedelta(days=9))
    desk.later(days=5)
    desk.sweep()

    assert desk.stored == (0, 40, 0, 0)
    assert desk.last("expire").points == 60


@pytest.mark.parametrize(("microseconds", "buckets"), [(-1, (60, 40, 0, 0)), (0, (100, 0, 0, 0)), (1, (100, 0, 0, 0))])
def test_what_a_hold_held_is_read_as_available_from_its_deadline_on(desk, microseconds, buckets):
    desk.earn(100)
    desk.hold(40)
    desk.later(hours=1, microseconds=microseconds)

    assert desk.buckets == buckets
    desk.sweep()
    assert desk.stored == buckets


def test_the_next_verb_books_the_release_of_an_overdue_hold(desk):
    desk.earn(100)
    hold = desk.hold(40)
    desk.later(hours=2)

    desk.earn(1)

    assert desk.kinds == ["earn", "hold", "release", "earn"]
    assert desk.status(hold) == "lapsed"
    assert desk.last("release").occurred_at == hold.expires_at
    assert Hold.objects.get(id=hold.id).settled_at == desk.now


def test_the_job_books_the_release_of_overdue_holds(desk, other):
    for one in (desk, other):
        one.earn(100)
        one.hold(40)
        one.hold(10, lasts=timedelta(days=1))
    desk.later(hours=2)
    other.later(hours=2)

    assert ledger.release_overdue(actor="job", now=desk.now).total() == 2
    assert desk.stored == other.stored == (90, 10, 0, 0)
    assert ledger.release_overdue(actor="job", now=desk.now).total() == 0


def test_points_of_a_lapsed_hold_whose_lot_expired_expire_at_once(desk):
    lot = desk.earn(100, days(1))
    desk.hold(40, lasts=timedelta(days=3))
    desk.later(days=5)
    assert desk.buckets == (0, 0, 0, 0)

    desk.sweep()

    assert desk.kinds == ["earn", "hold", "expire", "release", "expire"]
    assert desk.stored == (0, 0, 0, 0)
    assert desk.last("expire").occurred_at == desk.last("release").occurred_at > desk.lot(lot).expires_at


def test_a_lapsed_holds_points_pay_what_is_owed(desk):
    desk.earn(100)
    desk.hold(100)
    desk.spend(30, overdraw=True)
    desk.later(hours=2)
    assert desk.buckets == (70, 0, 0, 0)

    desk.sweep()

    assert desk.kinds == ["earn", "hold", "spend", "release", "settle"]
    assert desk.stored == (70, 0, 0, 0)
