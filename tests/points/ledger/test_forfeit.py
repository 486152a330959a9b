import pytest

from points.ledger import services as ledger

from .conftest import NEVER, days


def test_forfeited_points_are_void_from_what_expires_first(desk):
    never, soon = desk.earn(50, NEVER), desk.earn(30, days(1))

    entry = desk.forfeit(40, reason="abuse")

    assert (entry.kind, entry.points, entry.available_change, entry.reason) == ("forfeit", 40, -40, "abuse")
    assert desk.taken(entry) == {soon.key: 30, never.key: 10}
    assert desk.stored == (40, 0, 0, 0)


@pytest.mark.parametrize(("points", "refused"), [(99, False), (100, False), (101, True)])
def test_no_more_is_forfeited_than_is_available(desk, refuses, points, refused):
    desk.earn(100)

    if refused:
        with refuses(ledger.InsufficientPoints):
            desk.forfeit(points)
    else:
        desk.forfeit(points)
        assert desk.stored == (100 - points, 0, 0, 0)


@pytest.mark.parametrize("points", [0, -1])
def test_forfeiting_nothing_or_less_is_refused(desk, refuses, points):
    with refuses(ledger.PointsNotPositive):
        desk.forfeit(points)


def test_a_frozen_account_can_forfeit(desk):
    desk.earn(100)
    desk.freeze()

    desk.forfeit(100)

    assert desk.stored == (0, 0, 0, 0)
