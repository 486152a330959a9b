"""What is told in the end: bounds, percentages, and figures that add up."""

import pytest

from points.rulebook.rules import ONE, Conditions, Effect
from points.simulation import rules
from tests.points.simulation.history import History, plan, plans, rule, told

BASE = rule("base", Effect("per_unit", rate=ONE))


@pytest.mark.parametrize(
    ("change", "low", "high"),
    [
        (-(10**9), None, -1001), (-1001, None, -1001), (-1000, -1000, -501), (-501, -1000, -501), (-500, -500, -101), (-101, -500, -101),
        (-100, -100, -11), (-11, -100, -11), (-10, -10, -1), (-1, -10, -1), (0, 0, 0), (1, 1, 10), (10, 1, 10), (11, 11, 100), (100, 11, 100),
        (101, 101, 500), (500, 101, 500), (501, 501, 1000), (1000, 501, 1000), (1001, 1001, None), (10**9, 1001, None),
    ],
)  # fmt: skip
def test_a_change_falls_into_the_bin_that_holds_it(change, low, high):
    assert rules.BINS[rules.bin_of(change)] == (low, high)


def test_the_bins_leave_no_change_out():
    for (_low, high), (low, _high) in zip(rules.BINS, rules.BINS[1:], strict=False):
        assert low == high + 1


@pytest.mark.parametrize(
    ("old", "new", "percent"),
    [
        (100, 100, 0), (100, 110, 10), (100, 90, -10), (100, 0, -100), (0, 0, 0), (0, 1, 100), (1, 3, 200),
        # Never told lower than it is.
        (30_000, 33_001, 10.01), (1_000_000, 1_100_001, 10.01), (1_000_000, 1_100_000, 10), (30_000, 29_999, 0),
    ],
)  # fmt: skip
def test_the_percentage_is_what_points_cost_more_than_before(old, new, percent):
    assert rules.percent(old, new) == percent


@pytest.mark.parametrize(
    ("tried", "days", "by_rule", "why"),
    [
        (["base"], 28, {"base": [5, 9]}, ""),
        (["base"], 27, {"base": [5, 9]}, "short"),
        (["base", "other"], 90, {"base": [5, 9]}, "several"),
        (["other"], 90, {"base": [5, 5]}, "silent"),
        (["other"], 90, {}, "silent"),
        (["other"], 90, {"base": [5, 4]}, ""),
        (["other"], 90, {"base": [5, 5], "other": [3, 3]}, ""),
        (["other"], 90, {"base": [5, 5], "other": [3, 0]}, ""),
    ],
)
def test_a_figure_counts_at_the_gate_where_it_says_something_about_one_version(tried, days, by_rule, why):
    assert rules.why_no_figure(tried=tried, days=days, by_rule=by_rule) == why


def test_members_are_told_by_what_changes_for_them():
    by = plans(plan(BASE), plan(rule("base", Effect("per_unit", rate=2 * ONE), conditions=Conditions(min_cents=1000))))
    result = told(History().buys("ann", 1000).buys("bob", 999).buys("cid", 0).played(by), by)
    assert (result["gaining"], result["losing"], result["same"]) == (1, 1, 1)
    assert result["largest"] == [["ann", 10, 20], ["bob", 9, 0]]
    assert [one for one in result["histogram"] if one[2]] == [[-10, -1, 1], [0, 0, 1], [1, 10, 1]]


def test_the_ten_largest_changes_are_found_among_very_many():
    by = plans(plan(), plan())
    members = [(f"m{n:05}", 0, n if n % 2 else -n) for n in range(5000)]
    result = rules.report(rules.World(), by, members, minor_digits=2)
    assert [member for member, _old, _new in result["largest"]] == [f"m{n:05}" for n in range(4999, 4989, -1)]
    assert sum(count for _low, _high, count in result["histogram"]) == 5000


@pytest.mark.parametrize(
    ("points_per_unit", "minor_digits", "cents"), [(100, 2, [12, 24]), (7, 2, [171, 342]), (100, 0, [0, 0]), (5, 0, [2, 4]), (100, 3, [120, 240])]
)
def test_money_is_what_the_points_cost(points_per_unit, minor_digits, cents):
    by = plans(plan(BASE), plan(rule("base", Effect("per_unit", rate=2 * ONE))))
    world = History().buys("ann", 1200).played(by)
    assert rules.report(world, by._replace(points_per_unit=points_per_unit), [], minor_digits=minor_digits)["cents"] == cents


def test_months_are_those_of_the_facts_refunds_included():
    by = plans(plan(BASE), plan(BASE))
    world = History().buys("ann", 1000, refunds=[(40, 400)]).buys("ann", 500, day=30).played(by)
    assert told(world, by)["by_month"] == {"2026-03": [6, 6], "2026-04": [5, 5]}


def test_a_rule_that_gives_nothing_on_either_side_is_not_told():
    by = plans(plan(BASE), plan(BASE, rule("never", Effect("fixed", points=5), conditions=Conditions(min_cents=10**9))))
    assert told(History().buys("ann", 1000).played(by), by)["by_rule"] == {"base": [10, 10]}
