"""Days in a row, in plain calendar days, against a calendar that is walked day by day."""

import calendar
import random
from datetime import date, timedelta

import pytest

from points.checkin.rules import Ahead, Fault, Run, State, fault, month_calendar, month_days, next_milestone, reached

ONE = timedelta(days=1)
TODAY = date(2026, 11, 15)
D = date(2026, 3, 1)


def on(offset: int) -> date:
    return D + timedelta(days=offset)


def run_around(days: set[date], day: date) -> Run:
    first = last = day
    while first - ONE in days:
        first -= ONE
    while last + ONE in days:
        last += ONE
    return Run(first, last)


@pytest.mark.parametrize(
    ("before", "after", "milestones", "newly"),
    [
        (0, 0, [7], []),
        (5, 0, [7], []),
        (6, 0, [7], [7]),  # the seventh day itself
        (7, 0, [7], []),  # and no other
        (3, 3, [7], [7]),  # two halves joined
        (3, 2, [7], []),
        (0, 6, [7], [7]),  # a day put before six
        (0, 7, [7], []),  # before seven, that had it
        (7, 7, [7], []),  # both had it
        (7, 3, [7], []),  # the one before had it
        (6, 6, [7], [7]),  # past it at once
        (6, 23, [7, 30], [30]),  # the one after had 7, the joined one has 30
        (14, 15, [7, 14, 15, 30], [30]),
        (1, 1, [2, 3], [2, 3]),  # two at once
        (29, 0, [7, 30], [30]),
        (30, 0, [7, 30], []),
        (6, 0, [], []),
    ],
)
def test_a_milestone_is_newly_reached_when_the_run_is_that_long_and_neither_part_was(before, after, milestones, newly):
    assert reached(Run(on(-before), on(after)), on(0), milestones) == newly


def test_a_milestone_comes_once_for_the_same_run_of_days_in_whatever_order_they_are_filled():
    """2,000 stories. The other way to say it: it comes where the run has it and no earlier grant lies within the run's days."""
    dice = random.Random(7)
    granted_in_all = 0
    for _ in range(2_000):
        milestones = sorted(dice.sample(range(2, 12), dice.randint(1, 3)))
        filled = dice.sample(range(dice.randint(5, 30)), k=dice.randint(3, 5))
        filled = list(dict.fromkeys([*filled, *dice.sample(range(25), 20)]))
        days: set[date] = set()
        grants: list[tuple[int, date]] = []
        for offset in filled:
            day = on(offset)
            days.add(day)
            run = run_around(days, day)
            length = (run.last - run.first).days + 1
            expected = [m for m in milestones if length >= m and not any(n == m and run.first <= start <= run.last for n, start in grants)]
            assert reached(run, day, milestones) == expected, (filled, offset)
            grants += [(m, run.first) for m in expected]
        granted_in_all += len(grants)
        assert len(set(grants)) == len(grants), "no key comes twice"
    assert granted_in_all > 2_000


@pytest.mark.parametrize(
    ("first", "day", "streak"),
    [
        (date(2026, 11, 3), date(2026, 11, 3), 1),
        (date(2026, 11, 30), date(2026, 12, 1), 2),
        (date(2026, 12, 31), date(2027, 1, 1), 2),
        (date(2028, 2, 28), date(2028, 3, 1), 3),  # a leap year
        (date(2027, 2, 28), date(2027, 3, 1), 2),
        (date(2025, 1, 1), date(2026, 12, 31), 730),
    ],
)
def test_a_streak_counts_calendar_days_over_the_ends_of_months_and_years(first, day, streak):
    assert Run(first, day).streak(day) == streak


@pytest.mark.parametrize(
    ("streak", "first", "ahead"),
    [
        (0, date(2026, 11, 3), Ahead(7, date(2026, 11, 9))),
        (6, date(2026, 10, 28), Ahead(7, date(2026, 11, 3))),
        (7, date(2026, 10, 28), Ahead(30, date(2026, 11, 26))),
        (29, date(2026, 10, 28), Ahead(30, date(2026, 11, 26))),
        (30, date(2026, 10, 28), None),
    ],
)
def test_the_next_milestone_is_the_first_one_beyond_the_streak(streak, first, ahead):
    assert next_milestone(streak, first, [7, 30]) == ahead


def test_without_milestones_there_is_none_ahead():
    assert next_milestone(3, D, []) is None


@pytest.mark.parametrize(
    ("day", "found"),
    [
        (TODAY + ONE, Fault.NOT_OVER),
        (TODAY, Fault.NOT_OVER),
        (TODAY - ONE, None),
        (TODAY - 10 * ONE, None),
        (TODAY - 11 * ONE, Fault.TOO_LONG_AGO),
        (TODAY - 20 * ONE, Fault.TOO_LONG_AGO),
        (TODAY - 21 * ONE, Fault.BEFORE_JOINING),
    ],
)
def test_what_may_be_made_up_lies_between_joining_and_yesterday_and_not_too_far_back(day, found):
    assert fault(day, today=TODAY, joined=TODAY - 20 * ONE, days_back=10) == found


def test_the_day_of_joining_may_be_made_up():
    assert fault(TODAY - 2 * ONE, today=TODAY, joined=TODAY - 2 * ONE, days_back=10) is None
    assert fault(TODAY - 3 * ONE, today=TODAY, joined=TODAY - 2 * ONE, days_back=10) == Fault.BEFORE_JOINING


@pytest.mark.parametrize("month", [date(year, month, 17) for year in (2027, 2028) for month in range(1, 13)], ids=lambda day: f"{day:%Y-%m}")
def test_a_month_has_exactly_its_days(month):
    expected = [day for day in calendar.Calendar().itermonthdates(month.year, month.month) if day.month == month.month]
    shown = month_calendar(month, done={}, today=TODAY, joined=D, days_back=30)
    assert [day.date for day in shown] == expected
    assert month_days(month) == (expected[0], expected[-1])


def test_each_day_of_the_month_says_what_it_is():
    joined, done = date(2026, 11, 3), {date(2026, 11, 4): False, date(2026, 11, 5): True, date(2026, 11, 13): False}
    shown = {day.date.day: (day.state, day.can_make_up) for day in month_calendar(TODAY, done=done, today=TODAY, joined=joined, days_back=9)}
    assert shown[2] == (State.BEFORE, False)
    assert shown[3] == (State.MISSED, False)  # too long ago
    assert shown[4] == (State.CHECKED, False)
    assert shown[5] == (State.MADE_UP, False)
    assert shown[6] == (State.MISSED, True)
    assert shown[14] == (State.MISSED, True)
    assert shown[15] == (State.OPEN, False)
    assert shown[16] == (State.AHEAD, False)


def test_once_checked_in_today_is_not_open_any_more():
    (today,) = [day for day in month_calendar(TODAY, done={TODAY: False}, today=TODAY, joined=D, days_back=9) if day.date == TODAY]
    assert today.state == State.CHECKED
