"""What becomes of a tier at the end of its term."""

from datetime import timedelta

import pytest

from loyalty.lib import configuration
from loyalty.programme import services as programme
from tiers.ladder import selectors as ladders
from tiers.ladder import services as ladder
from tiers.standing.models import Standing

from .conftest import NOON

INSTANT = timedelta(microseconds=1)


@pytest.fixture
def gold(world):
    """A member who has reached gold at noon."""
    world.buy(10_000)
    return world


@pytest.mark.parametrize(("amount", "outcome", "tier"), [(9_999, "fell", "silver"), (10_000, "kept", "gold"), (10_001, "kept", "gold")])
def test_who_reaches_the_threshold_within_the_term_keeps_the_tier(gold, amount, outcome, tier):
    gold.wait(days=100)
    gold.buy(amount)
    gold.go(gold.until - INSTANT)
    assert gold.job() == {}
    gold.go(gold.until)
    assert gold.job() == {outcome: 1}
    assert gold.tier == tier


def test_a_new_term_begins_where_the_old_one_ended(gold):
    gold.wait(days=1)
    gold.buy(10_000)
    until = gold.until
    gold.go(until + timedelta(hours=5))
    gold.job()
    assert (gold.standing.since, gold.until) == (until, until.replace(year=2028))
    assert gold.outcomes()[-1] == ("kept", "gold", "gold", 10_000)


@pytest.mark.parametrize(("after", "outcome"), [(-INSTANT, "fell"), (timedelta(0), "kept")])
def test_a_term_begins_with_its_first_instant(world, after, outcome):
    world.buy(10_000)
    world.wait(minutes=1)
    world.buy(10_000, at=NOON + after)
    world.go(world.until)
    assert world.job() == {outcome: 1}


def test_the_order_that_led_into_a_tier_does_not_keep_it(gold):
    gold.go(gold.until)
    assert gold.job() == {"fell": 1}
    assert gold.outcomes()[-1] == ("fell", "gold", "bronze", 0)


@pytest.mark.parametrize(("before_end", "outcome"), [(INSTANT, "kept"), (timedelta(0), "fell")])
def test_the_last_instant_of_a_term_counts_and_its_end_does_not(gold, before_end, outcome):
    until = gold.until
    gold.go(until + timedelta(minutes=1))
    gold.buy(10_000, at=until - before_end)
    assert gold.outcomes()[1][0] == outcome


def test_a_term_is_decided_on_as_of_its_end_however_late(gold):
    gold.wait(days=300)
    gold.buy(1_000)
    ended = gold.until
    gold.go(ended + timedelta(days=90))
    assert gold.job() == {"fell": 1}
    assert (gold.tier, gold.standing.since, gold.until) == ("silver", ended, ended.replace(year=2028) + timedelta(days=1))


def test_after_years_without_the_job_every_term_is_decided_on_in_its_turn(gold):
    gold.wait(days=300)
    gold.buy(1_000)
    gold.wait(days=300)
    gold.buy(1_500)
    gold.go(gold.until.replace(year=2029) + timedelta(days=3))
    assert gold.job() == {"fell": 1, "kept": 1}
    assert gold.outcomes()[1:] == [("fell", "gold", "silver", 1_000), ("kept", "silver", "silver", 1_500), ("fell", "silver", "bronze", 0)]
    assert gold.standing is None


def test_a_fact_ends_the_term_that_is_over_before_it_lifts(gold):
    gold.go(gold.until + timedelta(days=2))
    gold.buy(1_000)
    assert gold.outcomes()[1:] == [("fell", "gold", "bronze", 0), ("reached", "bronze", "silver", 1_000)]


def test_until_it_is_decided_on_a_tier_goes_on(gold):
    gold.go(gold.until + timedelta(hours=3))
    assert gold.tier == "gold"
    gold.job()
    assert gold.tier == "bronze"


@pytest.mark.parametrize(("at_end", "tier"), [("one_step", "silver"), ("fall_to_figures", "bronze")])
def test_who_does_not_keep_a_tier_falls_as_the_policy_says(gold, policy, at_end, tier):
    policy(at_end=at_end)
    gold.go(gold.until)
    gold.job()
    assert gold.tier == tier


def test_step_by_step_a_member_falls_one_tier_a_term(world, policy):
    policy(at_end="one_step")
    world.buy(50_000)
    for tier in ("gold", "silver", "bronze"):
        world.go(world.until)
        world.job()
        assert world.tier == tier


def test_days_of_grace_put_off_the_fall(gold, policy):
    policy(grace_days=10)
    ended = gold.until
    gold.go(ended)
    assert gold.job() == {"waiting": 1}
    assert gold.tier == "gold"
    gold.go(ended + timedelta(days=10) - INSTANT)
    assert (gold.job(), gold.tier) == ({}, "gold")
    gold.go(ended + timedelta(days=10))
    assert gold.job() == {"fell": 1}
    assert (gold.tier, gold.outcomes()[-1][3]) == ("bronze", 0)


@pytest.mark.parametrize(
    ("after", "amount", "outcome"), [(timedelta(0), 10_000, "kept"), (timedelta(days=10) - INSTANT, 10_000, "kept"), (timedelta(0), 9_999, "fell")]
)
def test_what_grows_in_the_days_of_grace_counts_for_the_old_term(gold, policy, after, amount, outcome):
    policy(grace_days=10)
    ended = gold.until
    gold.go(ended)
    gold.job()
    gold.go(ended + after)
    gold.buy(amount, at=gold.now)
    gold.go(ended + timedelta(days=10))
    assert gold.job() == {outcome: 1}
    if outcome == "kept":
        assert (gold.standing.since, gold.until) == (ended, ended.replace(year=2028))


def test_in_calendar_years_a_tier_is_kept_by_the_year_that_is_over(world, policy):
    policy(term_kind="calendar_year", term_years=1, sprint_days=0)
    world.buy(10_000)
    ended = NOON.replace(year=2027, month=12, day=31, hour=16)
    assert world.until == ended
    world.go(ended - INSTANT)
    world.buy(9_999)
    world.go(ended)
    assert world.job() == {"fell": 1}
    assert (world.tier, world.until) == ("silver", ended.replace(year=2029))


def test_a_tier_reached_on_a_leap_day_ends_after_the_28th(world):
    world.go(NOON.replace(year=2028, month=2, day=29))
    world.buy(1_000)
    assert world.until == NOON.replace(year=2029, month=2, day=28, hour=16)
    world.wait(days=5)
    world.buy(1_000)
    world.go(world.until)
    world.job()
    assert world.until == NOON.replace(year=2030, month=2, day=28, hour=16)


def test_a_change_of_zone_moves_no_end_of_a_term_and_the_next_one_follows_the_new_days(gold):
    ended = gold.until
    programme.change_zone(zone="America/New_York", now=gold.now)
    gold.wait(days=10)
    gold.buy(10_000)
    assert gold.until == ended
    gold.go(ended)
    gold.job()
    # In New York the term ended at noon of 1 July; that day is its last one.
    assert gold.until.isoformat() == "2028-07-02T04:00:00+00:00"


def test_a_threshold_that_was_raised_counts_at_the_end_of_the_term(gold, ladder_of):
    gold.wait(days=3)
    gold.buy(10_000)
    ladder_of(gold=10_001)
    assert gold.tier == "gold"
    gold.go(gold.until)
    assert gold.job() == {"fell": 1}


def test_set_by_hand_without_an_end_a_tier_is_lowered_by_nothing(world):
    world.put("gold")
    world.go(NOON + timedelta(days=3_000))
    assert (world.job(), world.tier) == ({}, "gold")


def test_set_by_hand_until_a_time_the_figures_say_where_to_then(world):
    world.buy(1_000)
    world.put("diamond", until=NOON + timedelta(days=30))
    world.go(NOON + timedelta(days=30))
    assert world.job() == {"time": 1}
    assert (world.tier, world.standing.by_hand) == ("silver", False)
    assert world.moves()[-1] == ("time", "diamond", "silver")


def test_a_tier_that_was_taken_out_of_use_is_kept_or_lost_like_any_other(gold):
    ladder.keep(code="gold", name_zh="g", name_en="g", rank=30, multiplier_bps=10_000, threshold=10_000, active=False, actor="tests", now=NOON)
    assert gold.tier == "silver"
    gold.wait(days=3)
    gold.buy(10_000)
    gold.go(gold.until)
    assert gold.job() == {"kept": 1}


def test_all_who_are_due_are_decided_on_together_in_few_statements(ladder_of, someone, django_assert_max_num_queries):
    worlds = [someone() for _ in range(30)]
    for number, world in enumerate(worlds):
        world.buy(1_000)
        world.wait(days=3)
        world.buy(1_000 * (number % 2))
    worlds[0].go(worlds[0].until)
    configuration._changing.models = set()
    ladders.ladder()
    with django_assert_max_num_queries(25):
        assert worlds[0].job() == {"kept": 15, "fell": 15}
    assert Standing.objects.count() == 15
