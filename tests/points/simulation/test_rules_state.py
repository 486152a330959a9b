"""Whatever is written down and read again in the middle of it, a simulation comes to the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from points.budgets.rules import Budget
from points.rulebook.rules import ONE, Conditions, Effect, Limit, SharedLimit
from points.simulation import rules
from tests.points.simulation.history import History, plan, plans, points, rule, told

OLD = plan(rule("base", Effect("per_unit", rate=ONE)), limits=[SharedLimit("week", ("everything",), "week", points=120)])
NEW = plan(
    rule("base", Effect("per_unit", rate=2 * ONE), limits=[Limit("day", points=60), Limit("month", times=4), Limit("life", points=500)]),
    rule("again", Effect("multiplier", factor=2 * ONE), conditions=Conditions(again_days=9, again_scope="category"), limits=[Limit("week", points=30)]),
    rule("second", Effect("fixed", points=11), conditions=Conditions(nth_purchase=(2, 3)), limits=[Limit("month", times=3, by="rule")], cost_centre="crm"),
    rule("drop", Effect("random", minimum=1, maximum=9, chance=500_000), cost_centre="crm"),
    rule("badge", Effect("badge", item="big"), conditions=Conditions(min_cents=4000)),
    limits=[SharedLimit("week", ("everything",), "week", points=150)],
    budgets=[
        Budget(id=1, code="all", period="week", points=260, at_end="cut"),
        Budget(id=2, code="crm", scope="cost_centre", of="crm", points=60, at_end="stop"),
    ],
)
BY = plans(OLD, NEW)

purchases = st.tuples(
    st.sampled_from(["ann", "bob", "cid"]),
    st.sampled_from([0, 99, 1000, 2599, 5000]),
    st.integers(0, 45),
    st.sampled_from([0, 0, 0, 3]),
    st.sampled_from(["", "A", "B"]),
    st.sampled_from([(), (), ((0, 1),), ((2, 2),), ((1, 4), (9, 4)), ((1, 4), (3, 2), (4, 4)), ((40, 1),)]),
)
histories = st.lists(purchases, max_size=14)


def history(told_):
    made = History()
    for member, cents, day, hour, category, parts in told_:
        # A refund of part n is the n-th part of the whole; 1 is all of it.
        made.buys(member, cents, day=day, hour=hour, category=category, refunds=[(day + after, cents // part) for after, part in parts])
    return made


def outcome(world):
    return told(world, BY), points(world, "old"), points(world)


LONG = [
    (
        ["ann", "bob", "cid"][n % 3],
        [1000, 5000, 2599][n * 7 % 3],
        n * 3 // 2,
        n % 2,
        ["A", "B", ""][n % 4 % 3],
        [(), ((2, 2),), (), ((1, 4), (9, 4)), ((3, 1),)][n % 5],
    )
    for n in range(30)
]


@pytest.mark.parametrize("cut", range(31))
def test_it_may_stop_before_any_fact_and_go_on(cut):
    assert outcome(history(LONG).played(BY, cuts=[cut])) == outcome(history(LONG).played(BY))


def test_it_may_stop_before_every_fact_and_go_on():
    made = history(LONG)
    whole = made.played(BY)
    assert outcome(made.played(BY, cuts=range(31))) == outcome(whole)
    assert told(whole, BY)["points"] != [0, 0]
    assert told(whole, BY)["budgets"]["all"]["by_period"]


@given(told_=histories, cuts=st.sets(st.integers(0, 14)))
def test_whatever_the_history_and_wherever_it_stops_it_comes_to_the_same(told_, cuts):
    made = history(told_)
    assert outcome(made.played(BY, cuts=cuts)) == outcome(made.played(BY))


@given(told_=histories)
def test_members_months_and_rules_add_up_to_all_points_and_no_side_is_below_zero(told_):
    world = history(told_).played(BY)
    result = told(world, BY)
    for n, name in enumerate(("old", "new")):
        each = points(world, name)
        assert min(each.values(), default=0) >= 0
        assert sum(each.values()) == result["points"][n]
        assert sum(pair[n] for pair in result["by_month"].values()) == result["points"][n]
        assert sum(pair[n] for pair in result["by_rule"].values()) == result["points"][n]
    assert result["gaining"] + result["losing"] + result["same"] == len(points(world)) == sum(count for _low, _high, count in result["histogram"])
    assert sum(result["budgets"]["all"]["by_period"].values()) == result["points"][1]
    assert all(spent <= 260 for spent in result["budgets"]["all"]["by_period"].values())
    assert all(had >= 0 for side in (world.old, world.new) for spent in side.spent.values() for had in spent)
    assert all(had >= 0 for known in world.members.values() for own in (known.old, known.new) for used in own.used.values() for had in used)


@given(told_=histories)
def test_the_same_rules_on_both_sides_change_nothing(told_):
    result = told(history(told_).played(plans(NEW, NEW)), plans(NEW, NEW))
    assert (result["percent"], result["gaining"], result["losing"]) == (0, 0, 0)
    assert result["points"][0] == result["points"][1]


def test_nothing_is_remembered_of_who_has_nothing_to_remember():
    by = plans(plan(rule("base", Effect("per_unit", rate=ONE))), plan())
    world = History().buys("ann", 1000, refunds=[(1, 100)]).played(by)
    assert rules.known_as_text(world.members["ann"], by, world.day) == ""
    assert rules.known_from_text("", old=9, new=0).old.points == 9


def test_periods_that_are_over_are_forgotten():
    limits = [Limit(per, points=10_000) for per in ("day", "week", "month", "life")]
    by = plans(plan(), plan(rule("base", Effect("per_unit", rate=ONE), limits=limits)))
    world = History().buys("ann", 1000).buys("ann", 1000, day=40).played(by)
    kept = rules.known_from_text(rules.known_as_text(world.members["ann"], by, world.day), old=0, new=0).new.used
    assert kept == {"base/day@2026-04-11": [10, 1], "base/week@2026-04-06": [10, 1], "base/month@2026-04-01": [10, 1], "base/life@1970-01-01": [20, 2]}
