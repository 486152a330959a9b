"""Limits, shared limits and budgets: what they leave, whom they bind, and that nothing goes beyond."""

from datetime import date

import pytest

from points.earning.rules import EVER, Charge, Counter, Room, counters, given_back, period_start, rooms
from points.rulebook.rules import ONE, Limit, SharedLimit

from .world import DAY, assert_adds_up, bought, decided, did, of, points, rule, times


def limited(*limits, code="bonus", n=60, **said):
    return rule(code, "fixed", points=n, limits=limits, **said)


def budget(left, *codes, at_end="cut", key="budget/1"):
    return Room(key, left, None, frozenset(codes) if codes else None, at_end)


@pytest.mark.parametrize("per", ["day", "week", "month", "life"])
@pytest.mark.parametrize(("used", "expected", "cut"), [(0, 60, 0), (40, 60, 0), (41, 59, 100), (99, 1, 5_900), (100, 0, 6_000), (150, 0, 6_000)])
def test_a_limit_of_points_leaves_what_was_not_used_of_it(per, used, expected, cut):
    decision = decided(did(), limited(Limit(per, points=100)), used={f"bonus/{per}": (used, 1)})
    one = of(decision, "bonus")
    assert (decision.points, one.wanted, one.cuts) == (expected, 6_000, [(f"bonus/{per}", cut)] if cut else [])


@pytest.mark.parametrize(("used", "expected"), [(0, 60), (2, 60), (3, 0), (4, 0)])
def test_a_limit_of_times_lets_so_many_through(used, expected):
    decision = decided(did(), limited(Limit("day", times=3)), used={"bonus/day": (0, used)})
    assert (decision.points, bool(of(decision, "bonus").cuts)) == (expected, not expected)


def test_a_limit_per_fact_has_no_memory():
    decision = decided(did(), limited(Limit("fact", points=50)), used={"bonus/fact": (50, 1)})
    assert decision.points == 50


def test_a_limit_of_the_rule_is_counted_for_all_members_together():
    one = limited(Limit("day", points=100, by="rule"), Limit("day", points=80))
    assert points(did(), one, used={"*bonus/day": (95, 9), "bonus/day": (30, 1)}) == 5
    assert points(did(), one, used={"*bonus/day": (0, 0), "bonus/day": (30, 1)}) == 50


def test_the_strictest_of_all_limits_counts():
    one = limited(Limit("day", points=50), Limit("week", points=70), Limit("life", times=10))
    assert points(did(), one, used={"bonus/week": (40, 2)}) == 30
    assert points(did(), one, used={"bonus/week": (0, 0)}) == 50
    assert points(did(), one, used={"bonus/life": (0, 10)}) == 0


def test_of_two_limits_for_the_same_the_stricter_counts_once():
    one = limited(Limit("day", points=100), Limit("day", points=40, times=2), Limit("day", times=1))
    assert one.limits == {"bonus/day": Limit("day", 40, 1)}
    decision = decided(did(), one)
    assert (decision.points, decision.charges) == (40, [Charge("bonus/day", 40, 1)])


# What is charged


def test_a_rule_that_gives_is_counted_once_with_what_it_was_granted():
    decision = decided(bought(10_050), rule(limits=(Limit("day", points=1_000, times=9), Limit("month", points=120))))
    assert decision.charges == [Charge("base/day", 100, 1), Charge("base/month", 100, 1)]


def test_a_rule_that_gives_nothing_is_not_counted():
    assert decided(bought(99), rule(limits=(Limit("day", times=3),))).charges == []
    assert decided(did(), limited(Limit("day", points=60)), used={"bonus/day": (60, 1)}).charges == []


def test_a_thing_that_is_won_is_counted_as_a_time_and_not_won_any_more_at_its_end():
    prize = rule("prize", "coupon", item="X", limits=(Limit("life", times=1),))
    first = decided(did(), prize)
    assert (len(first.won), first.charges) == (1, [Charge("prize/life", 0, 1)])
    again = decided(did(), prize, used={"prize/life": (0, 1)})
    assert (again.won, again.charges, of(again, "prize").cuts) == ([], [], [("prize/life", 0)])


# Shared limits

DAILY = SharedLimit("daily", ("behaviours",), "day", points=100)


def test_a_shared_limit_bounds_all_its_rules_together_those_of_higher_priority_first():
    rules = [rule("a", "fixed", points=70), rule("b", "fixed", points=70, priority=1)]
    decision = decided(did(), *rules, limits=[DAILY])
    assert (decision.granted, decision.charges) == ({"b": 70, "a": 30}, [Charge("=daily", 100, 1)])


@pytest.mark.parametrize(
    ("over", "kinds"),
    [
        (("behaviours",), {"shared", "liked"}),
        (("purchases",), {"purchase"}),
        (("everything",), {"purchase", "shared", "liked"}),
        (("liked",), {"liked"}),
        (("purchase", "liked"), {"purchase", "liked"}),
    ],
)
def test_a_shared_limit_is_over_behaviours_purchases_everything_or_kinds(over, kinds):
    limit = SharedLimit("some", over, "day", points=10)
    bonus = rule("bonus", "fixed", points=60)
    bound = {fact.kind for fact in (bought(100), did("shared"), did("liked")) if points(fact, bonus, limits=[limit]) == 10}
    assert bound == kinds


def test_a_thousand_a_day_from_behaviours_leaves_purchases_alone():
    limit = SharedLimit("daily", ("behaviours",), "day", points=1_000)
    assert points(did(), rule("bonus", "fixed", points=50), limits=[limit], used={"=daily": (980, 40)}) == 20
    assert points(bought(5_000), rule(), limits=[limit], used={"=daily": (1_000, 40)}) == 50


def test_shared_times_count_facts_and_not_rules():
    limit = SharedLimit("daily", ("behaviours",), "day", times=2)
    rules = [rule("a", "fixed", points=1), rule("b", "fixed", points=1)]
    decision = decided(did(), *rules, limits=[limit], used={"=daily": (0, 1)})
    assert (decision.points, decision.charges) == (2, [Charge("=daily", 2, 1)])
    assert points(did(), *rules, limits=[limit], used={"=daily": (0, 2)}) == 0


# Budgets


@pytest.mark.parametrize(
    ("at_end", "left", "expected"),
    [("cut", 60, 60), ("cut", 59, 59), ("cut", 1, 1), ("cut", 0, 0), ("cut", -5, 0), ("stop", 60, 60), ("stop", 59, 0), ("stop", 0, 0)],
)
def test_at_its_end_a_budget_cuts_what_does_not_fit_or_stops(at_end, left, expected):
    decision = decided(did(), rule("bonus", "fixed", points=60), more_rooms=[budget(left, "bonus", at_end=at_end)])
    assert decision.points == expected
    assert decision.charges == ([Charge("budget/1", expected, 1)] if expected else [])


def test_a_budget_binds_the_rules_that_it_pays_for():
    rules = [rule("a", "fixed", points=60), rule("b", "fixed", points=60), rule("c", "fixed", points=60)]
    decision = decided(did(), *rules, more_rooms=[budget(70, "a", "b")])
    assert (decision.granted, decision.charges) == ({"a": 60, "b": 10, "c": 60}, [Charge("budget/1", 70, 1)])


def test_a_budget_that_only_watches_is_charged_and_cuts_nothing():
    decision = decided(did(), rule("bonus", "fixed", points=60), more_rooms=[budget(None)])
    assert (decision.points, decision.charges) == (60, [Charge("budget/1", 60, 1)])


def test_what_one_room_cuts_is_not_taken_from_another():
    decision = decided(did(), limited(Limit("day", points=10)), rule("b", "fixed", points=60), more_rooms=[budget(50)])
    assert (decision.granted, decision.charges) == ({"b": 50}, [Charge("budget/1", 50, 1)])
    decision = decided(did(), limited(Limit("day", points=10), priority=1), rule("b", "fixed", points=60), more_rooms=[budget(50)])
    assert decision.granted == {"bonus": 10, "b": 40}


# Together with multipliers


def test_a_multiplier_multiplies_what_a_limit_left_of_the_base():
    decision = decided(bought(100_000), rule(limits=(Limit("day", points=400),)), times(20_000))
    assert decision.granted == {"base": 400, "double": 400}


def test_a_limit_of_the_multiplier_bounds_what_it_gives_on_top():
    decision = decided(bought(100_000), rule(), times(20_000, limits=(Limit("day", points=400),)))
    assert (decision.granted, of(decision, "double").cuts) == ({"base": 1_000, "double": 400}, [("double/day", 60_000)])


def test_what_a_factor_below_one_takes_away_needs_no_room():
    half = times(5_000, "luxury", categories=("LUXURY",))
    limit = rule(limits=(Limit("day", points=1_000),))
    assert points(bought((150_000, "LUXURY")), limit, half) == 750
    assert points(bought((250_000, "LUXURY")), limit, half) == 1_000
    assert decided(bought((60_000, "LUXURY")), rule(), half, times(30_000, "triple"), more_rooms=[budget(1_000)]).points == 900


def test_a_used_up_rule_gives_way_to_the_next_of_its_group():
    triple = times(30_000, "triple", group="promo", combine="best", limits=(Limit("month", times=1),))
    double = times(20_000, "double", group="promo", combine="best")
    assert decided(bought(10_000), rule(), triple, double).granted == {"base": 100, "triple": 200}
    decision = decided(bought(10_000), rule(), triple, double, used={"triple/month": (200, 1)})
    assert (decision.granted, of(decision, "triple").cuts) == ({"base": 100, "double": 100}, [("triple/month", 0)])
    a, b = limited(Limit("day", points=60), code="a", group="g", combine="best"), rule("b", "fixed", points=5, group="g", combine="best")
    assert decided(did(), a, b, used={"a/day": (60, 1)}).granted == {"b": 5}


def test_where_all_of_a_group_are_used_up_the_best_is_told_to_be():
    a = limited(Limit("day", points=60), code="a", group="g", combine="best")
    b = limited(Limit("day", points=60), code="b", group="g", combine="best", n=5)
    decision = decided(did(), a, b, used={"a/day": (60, 1), "b/day": (60, 12)})
    assert (decision.points, of(decision, "a").cuts, of(decision, "b").beaten_by) == (0, [("a/day", 6_000)], "a")


@pytest.mark.parametrize("lines", [((10_000, "MILK"), (10_000, "TOYS")), ((10_000, "TOYS"), (10_000, "MILK"))])
def test_of_one_group_too_the_higher_priority_takes_first_wherever_its_lines_stand(lines):
    milk = times(30_000, "milk", categories=("MILK",), group="promo", combine="best")
    day = times(20_000, "a-day", priority=1, group="promo", combine="best")
    assert decided(bought(*lines), rule(), milk, day, more_rooms=[budget(150, "milk", "a-day")]).granted == {"base": 200, "a-day": 100, "milk": 50}


def test_a_product_stands_together_at_the_place_of_its_first_rule():
    first, last = times(20_000, "a", priority=9, group="p", combine="product"), times(20_000, "z", group="p", combine="product")
    between = times(40_000, "m", priority=5)
    assert decided(bought(10_000), rule(), first, last, between).granted == {"base": 100, "a": 100, "z": 200, "m": 1_200}
    assert decided(bought(10_000), rule(), first, last, between, more_rooms=[budget(50, "z")]).points == 1_000


def test_what_a_limit_leaves_is_shared_over_the_lines_to_the_last_fraction():
    base = rule(limits=(Limit("day", points=100),))
    triple = times(40_000, "toys", categories=("TOYS",))
    decision = decided(bought((33_300, "TOYS"), (66_600, "MILK")), base, triple)
    assert (decision.points, decision.granted) == (200, {"base": 100, "toys": 100})


# Rounding


def test_rounding_never_puts_a_point_beyond_a_room():
    rules = [rule("a", rate=7_000), rule("b", rate=6_000), rule("c", rate=6_000), *(rule(f"z{n:02}", rate=1_000) for n in range(12))]
    decision = decided(bought(100), *rules, more_rooms=[budget(2, "a", "b", "c")])
    assert sum(decision.granted.get(code, 0) for code in "abc") == 2
    assert decision.points == 3  # 3.1, and what the budget has no room for goes to who is not bound by it
    assert_adds_up(decision)


def test_a_point_that_fits_nowhere_is_not_given():
    rules = [rule("a", rate=7_000), rule("b", rate=7_000)]
    decision = decided(bought(100), *rules, more_rooms=[budget(1, "a", key="budget/1"), budget(1, "b", key="budget/2"), budget(1, key="budget/3")])
    assert decision.points == 1
    assert_adds_up(decision)


# Periods and counters


@pytest.mark.parametrize(
    ("per", "day", "start"),
    [
        ("day", DAY, DAY),
        ("week", date(2026, 11, 9), date(2026, 11, 9)),
        ("week", date(2026, 11, 15), date(2026, 11, 9)),
        ("week", date(2026, 11, 16), date(2026, 11, 16)),
        ("week", date(2027, 1, 1), date(2026, 12, 28)),
        ("month", date(2026, 11, 30), date(2026, 11, 1)),
        ("month", date(2026, 12, 1), date(2026, 12, 1)),
        ("life", DAY, EVER),
    ],
)
def test_periods_begin_on_business_days_and_weeks_on_monday(per, day, start):
    assert period_start(per, day) == start


def test_the_counters_that_a_decision_needs():
    rules = [limited(Limit("day", points=5), Limit("fact", points=3), Limit("week", times=1, by="rule")), rule("free", "fixed", points=1)]
    shared = [DAILY, SharedLimit("bought", ("purchases",), "day", points=1), SharedLimit("once", ("everything",), "fact", points=50)]
    assert counters(rules, shared, did()) == {
        "bonus/day": Counter("bonus/day", DAY),
        "*bonus/week": Counter("*bonus/week", date(2026, 11, 9), shared=True),
        "=daily": Counter("=daily", DAY),
    }
    assert [room.key for room in rooms(rules, shared, did(), {})] == ["bonus/day", "bonus/fact", "*bonus/week", "=daily", "=once"]


# Given back


@pytest.mark.parametrize(
    ("before", "now", "less", "kept"),
    [
        ([("a", 10, 1)], [("a", 4, 1)], [("a", 6, 0)], [("a", 4, 1)]),
        ([("a", 10, 1)], [], [("a", 10, 1)], []),
        ([("a", 10, 1)], [("a", 10, 1)], [], [("a", 10, 1)]),
        ([("a", 10, 1)], [("a", 15, 1), ("b", 3, 1)], [], [("a", 10, 1)]),  # nothing is charged more
        ([("a", 0, 1)], [], [("a", 0, 1)], []),
        ([("a", 10, 1), ("b", 5, 1)], [("b", 9, 1)], [("a", 10, 1)], [("b", 5, 1)]),
        ([], [("a", 1, 1)], [], []),
    ],
)
def test_what_is_given_back_and_what_stays_is_what_was_charged(before, now, less, kept):
    assert given_back([Charge(*one) for one in before], [Charge(*one) for one in now]) == (
        [Charge(*one) for one in less],
        [Charge(*one) for one in kept],
    )


def test_a_rule_may_be_charged_to_many_rooms_at_once():
    one = limited(Limit("day", points=100), Limit("life", times=5), n=30)
    decision = decided(did(), one, rule("b", "fixed", points=1), limits=[DAILY], more_rooms=[budget(ONE, "bonus"), budget(5, "b", key="budget/2")])
    assert {charge.key: (charge.points, charge.times) for charge in decision.charges} == {
        "bonus/day": (30, 1),
        "bonus/life": (30, 1),
        "=daily": (31, 1),
        "budget/1": (30, 1),
        "budget/2": (1, 1),
    }
