"""Stages by calendar days: tables."""

from datetime import date, timedelta

import pytest

from tiers.dormancy.rules import LOOK_AGAIN, Terms, due, stage, value

TERMS = Terms()


@pytest.mark.parametrize(
    ("last_on", "today", "expected"),
    [
        (date(2026, 8, 22), date(2026, 8, 22), "active"),
        (date(2026, 8, 22), date(2026, 9, 20), "active"),
        (date(2026, 8, 22), date(2026, 9, 21), "quiet"),
        (date(2026, 8, 22), date(2026, 11, 21), "quiet"),
        (date(2026, 8, 22), date(2026, 11, 22), "dormant"),
        (date(2026, 11, 30), date(2027, 2, 27), "quiet"),
        (date(2026, 11, 30), date(2027, 2, 28), "dormant"),
        (date(2027, 11, 30), date(2028, 2, 28), "quiet"),
        (date(2027, 11, 30), date(2028, 2, 29), "dormant"),
        (date(2028, 2, 29), date(2029, 2, 27), "dormant"),
        (date(2028, 2, 29), date(2029, 2, 28), "lost"),
        (date(2026, 12, 31), date(2027, 3, 30), "quiet"),
        (date(2026, 12, 31), date(2027, 3, 31), "dormant"),
    ],
)
def test_the_stage_of_a_day(last_on, today, expected):
    assert stage(TERMS, last_on, today) == expected


def test_the_value_is_whole_days_and_never_below_zero():
    assert [value(date(2026, 8, 22), date(2026, 8, 22) + timedelta(days=n)) for n in (-1, 0, 1, 92)] == [0, 0, 1, 92]


def test_nobody_is_looked_at_later_than_something_may_change():
    for start in (date(2026, 1, 31), date(2027, 11, 30), date(2028, 2, 29)):
        for ahead in range(430):
            today = start + timedelta(days=ahead)
            looked = due(TERMS, start, today)
            assert today < looked <= today + LOOK_AGAIN
            between = {stage(TERMS, start, today + timedelta(days=n)) for n in range((looked - today).days)}
            assert between == {stage(TERMS, start, today)}
            if stage(TERMS, start, today) in ("dormant", "lost"):
                assert looked == today + timedelta(days=1)
