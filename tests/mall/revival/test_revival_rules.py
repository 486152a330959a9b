"""What of expired lots can still be used, and in which order."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from mall.revival.rules import Gone, revivable, take

ONE, TWO, THREE = (UUID(int=n) for n in (1, 2, 3))
EARLY, LATE = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 9, 1, tzinfo=UTC)


def test_what_expired_first_comes_first_and_what_is_used_up_not_at_all():
    gone = [Gone(THREE, LATE, 30), Gone(TWO, EARLY, 20), Gone(ONE, EARLY, 10)]
    assert revivable(gone, {ONE: 10, TWO: 5}) == [Gone(TWO, EARLY, 15), Gone(THREE, LATE, 30)]


def test_more_waived_than_expired_in_the_span_is_nothing():
    assert revivable([Gone(ONE, EARLY, -5)], {}) == []


@pytest.mark.parametrize(
    ("points", "taken"),
    [(1, [(ONE, 1)]), (10, [(ONE, 10)]), (11, [(ONE, 10), (TWO, 1)]), (30, [(ONE, 10), (TWO, 20)]), (31, None)],
)
def test_points_come_from_one_lot_after_the_other(points, taken):
    assert take([Gone(ONE, EARLY, 10), Gone(TWO, LATE, 20)], points) == taken
