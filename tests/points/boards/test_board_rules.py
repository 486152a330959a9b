from datetime import date, timedelta

import pytest

from points.boards.rules import MOST_MISSED, before, bounds, due, period_of


@pytest.mark.parametrize(
    ("day", "span", "period"),
    [
        (date(2026, 1, 1), "month", "2026-01"),
        (date(2026, 12, 31), "month", "2026-12"),
        (date(2026, 10, 11), "week", "2026-W41"),
        (date(2026, 10, 12), "week", "2026-W42"),
        (date(2027, 1, 3), "week", "2026-W53"),
        (date(2027, 1, 4), "week", "2027-W01"),
        (date(2024, 12, 30), "week", "2025-W01"),
    ],
)
def test_a_day_lies_in_its_month_or_its_iso_week(day, span, period):
    assert period_of(day, span) == period


@pytest.mark.parametrize(
    ("period", "first", "after"),
    [
        ("2026-02", date(2026, 2, 1), date(2026, 3, 1)),
        ("2026-12", date(2026, 12, 1), date(2027, 1, 1)),
        ("2026-W53", date(2026, 12, 28), date(2027, 1, 4)),
        ("2027-W01", date(2027, 1, 4), date(2027, 1, 11)),
    ],
)
def test_a_period_is_bounded_by_its_first_day_and_the_first_after_it(period, first, after):
    assert bounds(period) == (first, after)


@pytest.mark.parametrize(("period", "earlier"), [("2026-01", "2025-12"), ("2026-10", "2026-09"), ("2027-W01", "2026-W53"), ("2026-W41", "2026-W40")])
def test_before_a_period_lies_the_one_that_ends_where_it_begins(period, earlier):
    assert before(period) == earlier
    assert bounds(earlier)[1] == bounds(period)[0]


@pytest.mark.parametrize("span", ["month", "week"])
def test_every_day_lies_within_the_bounds_of_its_period(span):
    for n in range(800):
        day = date(2024, 12, 1) + timedelta(days=n)
        first, after = bounds(period_of(day, span))
        assert first <= day < after


@pytest.mark.parametrize(
    ("today", "wait_days", "found"),
    [
        (date(2026, 3, 31), 0, []),
        (date(2026, 4, 1), 0, ["2026-03"]),
        (date(2026, 4, 1), 1, []),
        (date(2026, 4, 2), 1, ["2026-03"]),
        (date(2026, 4, 27), 27, []),
        (date(2026, 4, 28), 27, ["2026-03"]),
        (date(2026, 6, 2), 1, ["2026-03", "2026-04", "2026-05"]),
    ],
)
def test_a_period_is_due_once_it_is_over_for_as_long_as_the_board_waits(today, wait_days, found):
    assert due(span="month", starts_on=date(2026, 3, 20), wait_days=wait_days, today=today) == found


def test_the_first_period_is_the_one_in_which_the_board_begins():
    assert due(span="week", starts_on=date(2026, 10, 11), wait_days=0, today=date(2026, 10, 19)) == ["2026-W41", "2026-W42"]


def test_a_board_that_begins_later_has_nothing_due():
    assert due(span="month", starts_on=date(2027, 1, 1), wait_days=1, today=date(2026, 6, 1)) == []


def test_what_was_missed_is_made_up_for_a_dozen_periods_and_no_longer():
    found = due(span="month", starts_on=date(2000, 1, 1), wait_days=1, today=date(2026, 6, 2))
    assert (len(found), found[-1]) == (MOST_MISSED, "2026-05")
