"""When sales are, and who is served: tables."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mall.flashsale.rules import Calendar, phase, sales, served

SHANGHAI, NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")
HOUR = timedelta(hours=1)


def fridays(**more):
    return Calendar(**{"weekdays": frozenset({5}), "at": time(20), "lasts": HOUR, "first": date(2026, 11, 25), **more})


@pytest.mark.parametrize(
    ("calendar", "days"),
    [
        (fridays(), [27, 4, 11]),
        (fridays(every_weeks=2), [27, 11]),
        # Counted from the week of the first day, in which Monday was before it.
        (fridays(weekdays=frozenset({1}), every_weeks=2), [7]),
        (fridays(last=date(2026, 12, 4)), [27, 4]),
        (fridays(weekdays=frozenset({3, 7})), [25, 29, 2, 6, 9, 13]),
        (fridays(first=date(2026, 12, 14)), []),
    ],
    ids=["each Friday", "every other", "every other Monday", "through a last day", "two days a week", "later"],
)
def test_a_calendar_knows_its_days(calendar, days):
    assert [day.day for day in calendar.days(date(2026, 11, 20), date(2026, 12, 13))] == days


def test_eight_in_the_evening_is_that_by_the_programmes_clock_in_winter_and_in_summer():
    found = sales(fridays(first=date(2026, 3, 1)), date(2026, 3, 1), date(2026, 3, 14), NEW_YORK)
    assert [one.starts_at for one in found] == [datetime(2026, 3, 7, 1, tzinfo=UTC), datetime(2026, 3, 14, 0, tzinfo=UTC)]
    (only,) = sales(fridays(), date(2026, 11, 27), date(2026, 11, 27), SHANGHAI)
    assert only == (datetime(2026, 11, 27, 12, tzinfo=UTC), datetime(2026, 11, 27, 13, tzinfo=UTC))


@pytest.mark.parametrize(
    ("minutes", "more", "expected"),
    [
        (-11, {}, "announced"),
        (-10, {}, "line"),
        (-1, {}, "line"),
        (0, {}, "on"),
        (59, {}, "on"),
        (60, {}, "over"),
        (0, {"called_off": True}, "called_off"),
        (0, {"closed": True}, "over"),
    ],
)
def test_the_phase_of_a_sale(minutes, more, expected):
    begins = datetime(2026, 11, 27, 12, tzinfo=UTC)
    times = {"starts_at": begins, "ends_at": begins + HOUR, "line_opens_at": begins - timedelta(minutes=10)}
    assert phase(**times, **{"called_off": False, "closed": False, **more}, now=begins + timedelta(minutes=minutes)) == expected


@pytest.mark.parametrize(
    ("waiting", "free", "expected"),
    [
        ([(3, 1), (1, 1), (2, 1)], 2, [(1, 1), (2, 1)]),
        ([(1, 2), (2, 2)], 3, [(1, 2), (2, 1)]),
        ([(1, 5)], 3, [(1, 3)]),
        ([(1, 1)], 0, []),
        ([], 9, []),
    ],
)
def test_units_go_to_the_lowest_numbers(waiting, free, expected):
    assert served(waiting, free) == expected


@given(st.dictionaries(st.integers(1, 99), st.integers(1, 5)), st.integers(0, 50))
def test_nobody_is_passed_over_and_no_more_is_promised_than_there_is(waiting, free):
    promises = served(waiting.items(), free)
    assert sum(one.units for one in promises) == min(free, sum(waiting.values()))
    assert [one.ticket for one in promises] == sorted(waiting)[: len(promises)]
    assert all(one.units == waiting[one.ticket] for one in promises[:-1])
