"""What becomes of several rules that hold: they add up, compete within a group, multiply; exactly, with one floor."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.lib.money import share
from points.earning.rules import Line, Member
from points.rulebook.rules import ONE

from .world import assert_adds_up, bought, decided, did, of, points, rule, times

GOLD = Member("M", "gold", 15_000)


def test_base_rules_add_up():
    decision = decided(bought(10_000), rule(), rule("bonus", "fixed", points=50), rule("more", rate=5_000))
    assert (decision.points, decision.granted) == (200, {"base": 100, "bonus": 50, "more": 50})
    assert decision.lines == [150, 50]


# Within a group


def test_in_a_group_each_line_has_the_best_giver():
    plain = rule("plain", group="rate", combine="best", rate=ONE)
    food = rule("food", group="rate", combine="best", rate=3 * ONE, categories=("FOOD",))
    toys = rule("toys", group="rate", combine="best", rate=5_000, categories=("TOYS",))
    decision = decided(bought((10_000, "FOOD"), (10_000, "TOYS")), plain, food, toys)
    assert decision.granted == {"food": 300, "plain": 100}
    assert (of(decision, "toys").beaten_by, of(decision, "plain").beaten_by) == ("plain", "")


def test_in_a_group_the_first_by_priority_gives_even_if_it_is_less():
    plain = rule("plain", group="rate", combine="first", rate=ONE)
    toys = rule("toys", group="rate", combine="first", rate=5_000, categories=("TOYS",), priority=1)
    decision = decided(bought((10_000, "FOOD"), (10_000, "TOYS")), plain, toys)
    assert decision.granted == {"plain": 100, "toys": 50}


def test_equals_in_a_group_are_decided_by_priority_then_by_code():
    a, b = rule("a", "fixed", points=5, group="g", combine="best"), rule("b", "fixed", points=5, group="g", combine="best")
    assert decided(did(), b, a).granted == {"a": 5}
    assert decided(did(), a, rule("b", "fixed", points=5, group="g", combine="best", priority=1)).granted == {"b": 5}


def test_groups_do_not_know_of_each_other():
    rules = [rule(code, "fixed", points=n, group=code[0], combine="best") for code, n in (("a1", 5), ("a2", 7), ("b1", 1), ("b2", 2))]
    assert decided(did(), *rules).granted == {"a2": 7, "b2": 2}


def test_one_that_does_not_hold_beats_nobody():
    decision = decided(bought(100), rule("a", "fixed", points=99, group="g", combine="best", min_cents=101), rule("b", "fixed", points=1, group="g"))
    assert decision.granted == {"b": 1}


# Multipliers


def test_a_multiplier_gives_what_exceeds_the_base():
    decision = decided(bought(10_000), rule(), times(25_000))
    assert (decision.points, decision.granted) == (250, {"base": 100, "double": 150})
    assert (of(decision, "double").factor, of(decision, "double").wanted) == (25_000, 15_000)


def test_the_best_of_the_promotions_times_the_tier():
    promo = [times(20_000, "double", group="promo", combine="best"), times(30_000, "triple", group="promo", combine="best")]
    decision = decided(bought(10_000), rule(), *promo, rule("tier", "tier_multiplier"), member=GOLD)
    assert (decision.points, decision.granted) == (450, {"base": 100, "triple": 200, "tier": 150})
    assert of(decision, "double").beaten_by == "triple"


def test_multipliers_of_a_group_may_multiply_or_the_first_counts():
    product = [times(20_000, "a", group="g", combine="product"), times(30_000, "b", group="g", combine="product")]
    assert points(bought(10_000), rule(), *product) == 600
    first = [times(20_000, "a", group="g", combine="first", priority=1), times(30_000, "b", group="g", combine="first")]
    assert points(bought(10_000), rule(), *first) == 200


def test_a_factor_below_one_makes_the_others_give_less():
    decision = decided(bought(10_000), rule(), rule("bonus", "fixed", points=10), times(5_000, "luxury"))
    assert (decision.points, decision.granted, of(decision, "luxury").factor) == (55, {"base": 50, "bonus": 5}, 5_000)


def test_a_factor_of_nothing_leaves_nothing():
    assert points(bought(10_000), rule(), times(0, "none"), times(30_000)) == 0


@pytest.mark.parametrize("order", [1, -1])
def test_below_and_above_one_multiply_in_any_order(order):
    rules = [rule(), times(5_000, "half"), times(30_000, "triple"), rule("tier", "tier_multiplier")][::order]
    decision = decided(bought(10_000), *rules, member=GOLD)
    assert decision.points == 225
    assert_adds_up(decision)


def test_multipliers_of_lines_multiply_their_lines_only():
    fact = bought((10_000, "COSMETICS/LIPS"), (10_000, "LUXURY"), (10_000, "TOYS"))
    decision = decided(fact, rule(), times(20_000, categories=("COSMETICS",)), times(5_000, "luxury", categories=("LUXURY",)))
    assert (decision.points, decision.lines) == (350, [200, 50, 100, 0])
    assert decision.granted == {"base": 250, "double": 100}


def test_in_a_group_each_line_has_its_own_best_multiplier():
    fact = bought((10_000, "MILK"), (10_000, "TOYS"))
    milk, all_day = times(30_000, "milk", categories=("MILK",), group="promo", combine="best"), times(20_000, "day", group="promo", combine="best")
    decision = decided(fact, rule(), milk, all_day)
    assert (decision.lines, decision.granted) == ([300, 200, 0], {"base": 200, "milk": 200, "day": 100})
    assert (of(decision, "milk").beaten_by, of(decision, "day").beaten_by) == ("", "")


def test_what_is_given_for_the_order_as_such_is_multiplied_by_rules_about_no_lines_only():
    fact = bought((10_000, "MILK"))
    base = [rule(), rule("bonus", "fixed", points=50)]
    assert decided(fact, *base, times(20_000, categories=("MILK",))).granted == {"base": 100, "bonus": 50, "double": 100}
    assert decided(fact, *base, times(20_000)).granted == {"base": 100, "bonus": 50, "double": 150}


def test_a_rule_that_is_not_to_be_multiplied_is_not():
    decision = decided(bought(10_000), rule(), rule("bonus", "fixed", points=50, multiplied=False), times(20_000), times(5_000, "half"))
    assert decision.granted == {"base": 50, "bonus": 50, "double": 50}


def test_a_multiplier_that_is_not_to_be_multiplied_adds_to_the_base_alone():
    product = [times(20_000, "a", multiplied=False, priority=1), times(20_000, "b")]
    assert decided(bought(10_000), rule(), *product).granted == {"base": 100, "a": 100, "b": 100}


def test_behaviours_are_multiplied_too():
    assert points(did("reviewed", category="MILK"), rule("bonus", "fixed", points=10), times(20_000, categories=("MILK",))) == 20
    assert points(did("reviewed", category="TOYS"), rule("bonus", "fixed", points=10), times(20_000, categories=("MILK",))) == 10


# One floor, and shares that add up


def test_fractions_of_all_rules_and_lines_count_until_the_one_floor():
    rules = [rule("a", rate=3_333), rule("b", rate=3_333), rule("c", rate=3_334)]
    decision = decided(bought(100, 100, 100), *rules)
    assert (decision.points, sorted(decision.granted.values()), decision.lines) == (3, [1, 1, 1], [1, 1, 1, 0])


def test_the_floor_comes_after_the_multipliers():
    assert points(bought(199), rule(), times(15_000)) == 2  # 1.99 × 1.5 = 2.985
    assert points(bought(200), rule(), times(15_000)) == 3
    assert points(bought(67), rule(), times(15_000)) == 1  # 1.005


def test_many_multipliers_stay_exact():
    # 0.01 × 1.0001^10 reaches a point from this many cents on.
    factors = [times(10_001, f"m{n}") for n in range(10)]
    cents = -(-(100 * ONE**10) // 10_001**10)
    assert points(bought(cents), rule(), *factors) == cents * 10_001**10 // (100 * ONE**10)
    assert points(bought(10**12), rule(), *factors) == 10**12 * 10_001**10 // (100 * ONE**10)


def test_the_larger_remainder_gets_the_point_and_of_equals_the_one_of_higher_priority():
    assert decided(bought(100), rule("a", rate=4_000), rule("b", rate=6_000)).granted == {"b": 1}
    assert decided(bought(100), rule("a", rate=5_000), rule("b", rate=5_000)).granted == {"a": 1}
    assert decided(bought(100), rule("a", rate=5_000), rule("b", rate=5_000, priority=1)).granted == {"b": 1}


@pytest.mark.parametrize(
    ("total", "weights", "parts"),
    [
        (10, [1, 1, 1], [4, 3, 3]),
        (0, [1, 2], [0, 0]),
        (5, [], []),
        (5, [0, 0], [0, 0]),
        (5, [0, 3], [0, 5]),
        (100, [1, 2, 3], [17, 33, 50]),
        (1, [5, 5], [1, 0]),
        (7, [10**18, 10**18], [4, 3]),
    ],
)
def test_a_total_is_shared_by_largest_remainder_ties_to_the_earlier(total, weights, parts):
    assert share(total, weights) == parts


@given(total=st.integers(0, 10**9), weights=st.lists(st.integers(0, 10**9), min_size=1, max_size=9))
def test_whatever_the_weights_the_parts_are_the_total_and_within_one_of_exact(total, weights):
    parts = share(total, weights)
    whole = sum(weights)
    assert sum(parts) == (total if whole else 0)
    assert all(abs(part * whole - total * weight) < whole for part, weight in zip(parts, weights, strict=True) if whole)


# Margin


@pytest.mark.parametrize(
    ("margin", "percent", "cost", "expected"),
    [
        (1_000, 10, 100, 100),  # 10 % of 10 yuan is 1 yuan: 100 points
        (1_000, 100, 100, 500),  # more than the rule gives
        (999, 10, 100, 99),
        (0, 10, 100, 0),
        (-500, 10, 100, 0),
        (1_000, 0, 100, 0),
        (1_000, 10, 200, 200),
        (None, 10, 100, 500),  # nothing is known of its cost
    ],
)
def test_a_rule_gives_at_most_its_share_of_a_lines_margin(margin, percent, cost, expected):
    decision = decided(bought(Line("", 10_000, margin_cents=margin)), rule(rate=5 * ONE, margin_percent=percent), cost=cost)
    assert decision.points == expected
    assert [key for key, _cut in of(decision, "base").cuts] == (["margin"] if expected < 500 else [])


def test_the_margin_of_one_line_pays_for_no_other():
    fact = bought(Line("", 10_000, margin_cents=10_000), Line("", 10_000, margin_cents=100))
    decision = decided(fact, rule(rate=ONE, margin_percent=10))
    assert (decision.lines, of(decision, "base").cuts) == ([100, 10, 0], [("margin", 9_000)])


def test_a_multiplier_has_a_margin_cap_of_its_own():
    fact = bought(Line("", 10_000, margin_cents=1_000))
    assert decided(fact, rule(), times(30_000, margin_percent=5)).granted == {"base": 100, "double": 50}


# Cards


def test_a_card_is_used_once_by_the_rules_that_gave_something_for_it():
    with_card = Member("M", cards=frozenset(["double", "triple"]))
    rules = [times(20_000, card="double"), rule("bonus", "fixed", points=5, card="double"), times(30_000, "triple", card="triple", min_cents=99_999)]
    assert decided(bought(10_000), rule(), *rules, member=with_card).cards == ["double"]


def test_a_card_for_which_no_whole_point_was_given_is_kept():
    with_card = Member("M", cards=frozenset(["double"]))
    assert decided(bought(100), rule(), times(20_000, card="double"), member=with_card).cards == ["double"]
    assert decided(bought(50), rule(), times(20_000, card="double"), member=with_card).cards == []
    assert decided(bought(0), rule(), times(20_000, card="double"), member=with_card).cards == []
    beaten = [times(20_000, card="double", group="g", combine="best"), times(30_000, "triple", group="g", combine="best")]
    assert decided(bought(10_000), rule(), *beaten, member=with_card).cards == []
