"""Whoever reaches a tier is put there at once."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from loyalty.lib import configuration
from tiers.growth.models import GrowthEntry, GrowthTerms
from tiers.ladder import services as ladder
from tiers.standing import selectors as standings

from .conftest import NOON

INSTANT = timedelta(microseconds=1)


@pytest.mark.parametrize(("amount", "tier"), [(999, "bronze"), (1_000, "silver"), (1_001, "silver"), (9_999, "silver"), (10_000, "gold"), (50_000, "diamond")])
def test_an_order_that_reaches_a_threshold_lifts_at_once(world, amount, tier):
    world.buy(amount)
    assert (world.tier, world.growth) == (tier, amount)


def test_the_last_of_many_orders_lifts_and_the_figures_are_kept(world):
    for _ in range(9):
        world.buy(111)
    assert (world.tier, world.outcomes()) == ("bronze", [])
    world.buy(1)
    assert world.outcomes() == [("reached", "bronze", "silver", 1_000)]
    row = world.standing
    assert (row.since, row.until, row.by_hand, row.reached_by is not None) == (NOON, NOON.replace(year=2027, month=7, day=1, hour=16), False, True)


def test_a_member_rises_step_by_step_each_with_a_term_of_its_own(world):
    world.buy(1_000)
    world.wait(days=40)
    world.buy(9_000)
    assert world.moves() == [("reached", "bronze", "silver"), ("reached", "silver", "gold")]
    assert world.standing.since == world.now


def test_what_lies_before_the_window_does_not_lift(world):
    begins = NOON.replace(year=2025, month=6, day=30, hour=16)
    world.buy(500, at=begins - INSTANT)
    world.buy(500)
    assert world.tier == "bronze"
    world.buy(500, at=begins)
    assert world.tier == "silver"


def test_the_same_order_told_again_grows_once(world):
    world.buy(600, number="P-1")
    world.buy(600, number="P-1")
    assert (world.growth, world.tier, GrowthEntry.objects.count()) == (600, "bronze", 1)


def test_growth_is_rounded_down_and_counts_by_its_rate(world):
    GrowthTerms(id=1, per_unit_bps=15_000).save()
    world.buy(333)
    assert world.growth == 499


def test_an_order_paid_with_nothing_grows_nothing_and_is_no_order(world):
    world.buy(0)
    world.buy(-5)
    assert [(line.growth, line.amount_cents, line.orders) for line in GrowthEntry.objects.all()] == [(0, 0, 0)] * 2


def test_a_behaviour_lifts_like_an_order(world, rate):
    rate("shared", 400)
    for _ in range(2):
        world.do("shared")
    assert world.tier == "bronze"
    world.do("shared")
    assert world.outcomes() == [("reached", "bronze", "silver", 1_200)]


def test_a_behaviour_without_a_rate_asks_nothing_and_leaves_nothing(world, django_assert_num_queries, rate):
    rate("reviewed", 5)
    world.do("reviewed")
    with django_assert_num_queries(0):
        world.do("shared")
    assert GrowthEntry.objects.count() == 1


@pytest.mark.parametrize(("most", "grown"), [(None, 50), (50, 50), (49, 49), (25, 25), (1, 1)])
def test_a_behaviour_grows_no_more_on_a_day_than_its_rate_allows(world, rate, most, grown):
    rate("shared", 10, most_a_day=most)
    for _ in range(5):
        world.do("shared")
    assert world.growth == grown
    world.wait(days=1)
    world.do("shared")
    assert world.growth == grown + min(10, most or 10)


def test_what_was_withdrawn_makes_room_for_another_of_that_day(world, rate):
    rate("shared", 10, most_a_day=10)
    first = world.do("shared")
    world.undo(first)
    world.do("shared")
    assert world.growth == 10


def test_by_invitation_only_a_tier_is_not_reached(world):
    ladder.keep(code="gold", name_zh="g", name_en="g", rank=30, multiplier_bps=10_000, threshold=10_000, invited_only=True, actor="tests", now=NOON)
    world.buy(20_000)
    assert world.tier == "silver"
    world.put("gold")
    assert world.tier == "gold"
    world.buy(30_000)
    assert world.tier == "diamond"


@pytest.mark.parametrize(("mode", "amount", "tier"), [("spend", 99, "bronze"), ("spend", 100, "silver"), ("growth", 100, "bronze")])
def test_by_spend_the_threshold_is_money_in_its_smallest_unit(world, policy, ladder_of, mode, amount, tier):
    ladder_of(silver=10_000, gold=20_000)
    policy(mode=mode)
    world.buy(amount)
    assert world.tier == tier


@pytest.mark.parametrize(("shares", "tier"), [(39, "bronze"), (40, "silver")])
def test_two_dimensions_lift_by_spend_and_interaction_together(world, policy, ladder_of, rate, shares, tier):
    ladder_of(silver=7_000, gold=9_000, diamond=10_000)
    rate("shared", 25)
    policy(mode="two_dimensions", spend_full_cents=10_000, interaction_full=1_000)
    world.buy(50)
    for _ in range(shares):
        world.do("shared")
    assert world.tier == tier


def test_in_calendar_years_the_figures_begin_anew_on_new_years_day(world, policy):
    policy(term_kind="calendar_year")
    new_year = NOON.replace(month=12, day=31, hour=16)
    world.go(new_year - INSTANT)
    world.buy(600)
    world.go(new_year)
    world.buy(999, at=new_year)
    assert world.tier == "bronze"
    world.buy(1, at=new_year)
    assert (world.tier, world.until) == ("silver", new_year.replace(year=2027))


def test_a_fact_a_moment_ahead_lifts_at_once(world):
    world.buy(1_000, at=world.now + timedelta(minutes=4))
    assert world.outcomes() == [("reached", "bronze", "silver", 1_000)]


def test_set_by_hand_a_tier_is_left_upwards_only_and_found_again_below(world):
    world.put("silver")
    world.buy(10_000)
    assert world.tier == "gold"
    world.go(world.until)
    assert world.job() == {"fell": 1}
    assert (world.tier, world.until, world.standing.by_hand) == ("silver", None, True)


def test_what_was_set_by_hand_and_is_over_by_then_is_not_found_again(world):
    world.put("silver", until=world.now + timedelta(days=10))
    world.buy(10_000)
    world.go(world.until)
    assert world.job() == {"fell": 1}
    assert world.tier == "bronze"


def test_an_operator_can_set_any_tier_over_what_was_reached(world):
    world.buy(10_000)
    world.put("bronze")
    assert world.tier == "bronze"
    world.buy(1)
    assert world.tier == "gold"


def test_in_a_sprint_growth_counts_twice(world):
    world.buy(1_000)
    sprint = world.standing.sprint_from
    assert sprint == NOON.replace(year=2027, month=6, day=1, hour=16)
    world.go(sprint - INSTANT)
    world.buy(100)
    assert (world.growth, standings.standing(member_id=world.member.id, now=world.now).sprint) == (1_100, False)
    world.go(sprint)
    world.buy(100, at=sprint)
    assert (world.growth, standings.standing(member_id=world.member.id, now=world.now).sprint) == (1_300, True)
    world.go(world.until - INSTANT)
    number = world.buy(100)
    assert world.growth == 1_500
    world.refund(number, left=50)
    assert world.growth == 1_400


def test_in_a_sprint_a_behaviour_and_its_most_of_a_day_count_twice(world, rate):
    rate("shared", 10, most_a_day=15)
    world.buy(1_000)
    world.go(world.standing.sprint_from)
    world.do("shared")
    world.do("shared")
    assert world.growth == 1_030


def test_a_purchase_that_moves_nobody_is_one_statement(world):
    world.buy(2_000)
    configuration._changing.models = set()
    world.buy(1)
    with CaptureQueriesContext(connection) as seen:
        world.buy(10)
    assert len(seen) == 1
