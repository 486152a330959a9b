from datetime import date

import pytest

from points.inactivity.rules import Terms, due_on, last_active_by, part

TERMS = Terms()


@pytest.mark.parametrize(
    ("since", "announced", "due"),
    [
        (date(2025, 11, 22), date(2026, 10, 23), date(2026, 11, 22)),
        (date(2025, 11, 22), date(2026, 10, 24), date(2026, 11, 23)),
        (date(2025, 11, 22), date(2026, 9, 1), date(2026, 11, 22)),
        (date(2025, 11, 22), date(2027, 1, 1), date(2027, 1, 31)),
        (date(2024, 2, 29), date(2025, 1, 29), date(2025, 2, 28)),
        (date(2024, 2, 28), date(2025, 1, 1), date(2025, 2, 27)),
    ],
)
def test_the_day_is_never_before_all_the_announced_days(since, announced, due):
    assert due_on(TERMS, since, announced) == due


def test_who_is_told_on_a_day():
    assert last_active_by(TERMS, date(2026, 10, 23)) == date(2025, 11, 22)


@pytest.mark.parametrize(("points", "percent", "voided"), [(0, 50, 0), (1, 50, 0), (2, 50, 1), (101, 50, 50), (100, 100, 100), (99, 1, 0), (-5, 50, 0)])
def test_the_part_is_rounded_down(points, percent, voided):
    assert part(Terms(percent=percent), points) == voided
