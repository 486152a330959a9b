import pytest

from points.ledger import services as ledger

from .conftest import NEVER, days


def test_an_adjustment_upwards_makes_a_lot_of_its_own(desk):
    entry = desk.adjust(100, policy=days(3), cost_centre="service", reason="parcel was late")

    lot = desk.lot(entry)
    assert (entry.kind, entry.points, entry.available_change, entry.reason) == ("adjust", 100, 100, "parcel was late")
    assert (lot.original, lot.source, lot.cost_centre, lot.expires_at) == (100, "adjustment", "service", desk.midnight(3))


def test_an_adjustment_upwards_settles_debt_first(desk):
    desk.spend(30, overdraw=True)

    desk.adjust(100)

    assert desk.kinds == ["spend", "adjust", "settle"]
    assert desk.stored == (70, 0, 0, 0)


def test_an_adjustment_downwards_takes_what_expires_first(desk):
    never, soon = desk.earn(50, NEVER), desk.earn(30, days(1))

    entry = desk.adjust(-40)

    assert (entry.points, entry.available_change) == (40, -40)
    assert desk.taken(entry) == {soon.key: 30, never.key: 10}


@pytest.mark.parametrize(("points", "refused"), [(-99, False), (-100, False), (-101, True)])
def test_no_more_is_taken_than_is_available(desk, refuses, points, refused):
    desk.earn(100)

    if refused:
        with refuses(ledger.InsufficientPoints):
            desk.adjust(points)
    else:
        desk.adjust(points)
        assert desk.stored == (100 + points, 0, 0, 0)


def test_where_it_may_overdraw_what_is_missing_becomes_debt(desk, assert_books_balance):
    desk.earn(30)

    entry = desk.adjust(-50, overdraw=True)
    second = desk.adjust(-5, overdraw=True)

    assert (entry.available_change, entry.debt_change) == (-30, 20)
    assert (second.available_change, second.debt_change) == (0, 5)
    assert desk.stored == (0, 0, 0, 25)
    assert_books_balance()


def test_an_adjustment_of_nothing_is_refused(desk, refuses):
    with refuses(ledger.PointsNotPositive):
        desk.adjust(0)


def test_a_freeze_does_not_stop_an_operators_adjustment(desk):
    desk.earn(100)
    desk.freeze()

    desk.adjust(-10)
    desk.adjust(5)

    assert desk.stored == (95, 0, 0, 0)
