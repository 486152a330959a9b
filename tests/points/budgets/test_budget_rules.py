from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from points.budgets import rules
from points.budgets.rules import Budget, Charge, Left

DAYS = st.dates(date(1999, 1, 1), date(2101, 12, 31))


@pytest.mark.parametrize(
    ("period", "day", "starts"),
    [
        ("total", date(2025, 3, 10), date(1970, 1, 1)),
        ("life", date(2025, 3, 10), date(1970, 1, 1)),
        ("year", date(2024, 12, 31), date(2024, 1, 1)),
        ("year", date(2025, 1, 1), date(2025, 1, 1)),
        ("month", date(2024, 2, 29), date(2024, 2, 1)),
        ("month", date(2024, 3, 1), date(2024, 3, 1)),
        ("week", date(2025, 3, 10), date(2025, 3, 10)),
        ("week", date(2025, 3, 16), date(2025, 3, 10)),
        ("week", date(2025, 3, 17), date(2025, 3, 17)),
        ("week", date(2025, 1, 1), date(2024, 12, 30)),
        ("day", date(2025, 3, 10), date(2025, 3, 10)),
    ],
)
def test_a_period_begins(period, day, starts):
    assert rules.period_start(period, day) == starts


@given(DAYS)
def test_a_week_begins_on_the_last_monday_and_a_period_begins_within_itself(day):
    monday = rules.period_start("week", day)
    assert monday.weekday() == 0
    assert timedelta(0) <= day - monday < timedelta(7)
    for period in ("year", "month", "week", "day", "total"):
        assert rules.period_start(period, rules.period_start(period, day)) == rules.period_start(period, day) <= day


@pytest.mark.parametrize(
    ("scope", "of", "pays"),
    [
        ("all", "", True),
        ("rule", "double", True),
        ("rule", "autumn", False),
        ("rule", "doubl", False),
        ("campaign", "autumn", True),
        ("campaign", "double", False),
        ("cost_centre", "beauty", True),
        ("cost_centre", "autumn", False),
    ],
)
def test_a_budget_pays_for_what_it_names(scope, of, pays):
    budget = Budget(id=1, code="b", scope=scope, of=of, points=1)
    assert rules.matches(budget, rule_code="double", campaign="autumn", cost_centre="beauty") is pays


def test_a_budget_of_a_campaign_pays_for_no_rule_without_one():
    assert not rules.matches(Budget(id=1, code="b", scope="campaign", of="autumn", points=1), rule_code="autumn")


@pytest.mark.parametrize(
    ("before", "after", "limit", "reached"),
    [
        (0, 49, 100, []),
        (0, 50, 100, [50]),
        (49, 50, 100, [50]),
        (50, 50, 100, []),
        (50, 79, 100, []),
        (79, 80, 100, [80]),
        (80, 99, 100, []),
        (99, 100, 100, [100]),
        (100, 150, 100, []),
        (0, 100, 100, [50, 80, 100]),
        (0, 500, 100, [50, 80, 100]),
        (0, 1, 3, []),
        (1, 2, 3, [50]),
        (2, 3, 3, [80, 100]),
        (0, 1, 1, [50, 80, 100]),
    ],
)
def test_an_alarm_is_raised_as_its_percentage_is_reached(before, after, limit, reached):
    assert list(rules.alarms(before, after, limit)) == reached


@given(st.lists(st.integers(1, 400), max_size=30), st.integers(1, 1000))
def test_each_alarm_is_raised_once_however_the_points_come(steps, limit):
    spent, raised = 0, []
    for step in steps:
        raised += rules.alarms(spent, spent + step, limit)
        spent += step
    assert raised == [percent for percent in (50, 80, 100) if spent * 100 >= percent * limit]


@pytest.mark.parametrize(
    ("starts_on", "ends_on", "day", "runs"),
    [
        (None, None, date(2025, 3, 10), True),
        (date(2025, 3, 10), date(2025, 3, 11), date(2025, 3, 9), False),
        (date(2025, 3, 10), date(2025, 3, 11), date(2025, 3, 10), True),
        (date(2025, 3, 10), date(2025, 3, 11), date(2025, 3, 11), True),
        (date(2025, 3, 10), date(2025, 3, 11), date(2025, 3, 12), False),
        (None, date(2025, 3, 11), date(1999, 3, 12), True),
        (date(2025, 3, 10), None, date(2099, 3, 12), True),
    ],
)
def test_a_budget_runs_from_its_first_day_through_its_last(starts_on, ends_on, day, runs):
    assert Budget(id=1, code="b", points=1, starts_on=starts_on, ends_on=ends_on).runs_on(day) is runs


def test_a_budget_charges_its_period_under_its_limit_unless_it_goes_on():
    day = date(2025, 3, 12)
    assert Budget(id=7, code="b", period="week", points=100).charge(30, day=day) == Charge(budget_id=7, starts=date(2025, 3, 10), points=30, limit_points=100)
    assert Budget(id=7, code="b", period="week", points=100, at_end="cut").charge(30, day=day).limit_points == 100
    assert Budget(id=7, code="b", period="week", points=100, at_end="go_on").charge(30, day=day).limit_points is None


@pytest.mark.parametrize(
    ("limit_points", "limit_times", "used", "left"),
    [
        (None, None, (5, 5), Left(None, None)),
        (10, None, (4, 5), Left(6, None)),
        (10, 3, (10, 3), Left(0, 0)),
        (10, 3, (11, 4), Left(0, 0)),
        (None, 3, (11, 1), Left(None, 2)),
    ],
)
def test_what_is_left_is_never_below_nothing(limit_points, limit_times, used, left):
    charge = Charge(counter="c", starts=date(2025, 3, 10), limit_points=limit_points, limit_times=limit_times)
    assert rules.left(charge, points=used[0], times=used[1]) == left


def test_two_charges_of_one_counter_are_one_with_the_sum_under_the_stricter_limit():
    day = date(2025, 3, 10)
    one = Charge(counter="b", starts=day, points=3, limit_points=10)
    other = Charge(counter="b", starts=day, points=4, limit_points=8, limit_times=5)
    first = Charge(counter="a", starts=day, points=1)
    assert rules.merged([one, first, other]) == [first, Charge(counter="b", starts=day, points=7, times=2, limit_points=8, limit_times=5)]
    assert rules.merged([]) == []
