"""A refund that takes away the growth behind a rise undoes it, and nothing else does."""

from datetime import timedelta

import pytest

from tiers.evaluation import services
from tiers.growth.models import GrowthEntry

from .conftest import INSTANT, NOON


@pytest.mark.parametrize(("left", "tier"), [(0, "bronze"), (9_999, "silver"), (10_000, "gold"), (999, "bronze"), (1_000, "silver")])
def test_a_rise_stands_as_long_as_its_growth_reaches(world, left, tier):
    number = world.buy(12_000)
    world.wait(days=30)
    world.refund(number, left=left)
    assert (world.tier, world.growth) == (tier, left)


def test_what_was_lost_is_dated_to_the_purchase_by_its_own_rate(world):
    number = world.buy(100)
    world.wait(days=30)
    world.refund(number, left=40)
    world.refund(number, left=40)
    world.refund(number)
    assert [(line.number, line.growth, line.amount_cents, line.orders, line.occurred_at) for line in GrowthEntry.objects.order_by("number")] == [
        (0, 100, 10_000, 1, NOON - INSTANT),
        (1, -60, -6_000, 0, NOON - INSTANT),
        (2, -40, -4_000, -1, NOON - INSTANT),
    ]


def test_a_purchase_that_never_grew_grows_nothing_by_its_refund(world):
    world.refund("P-1", left=40)
    assert GrowthEntry.objects.count() == 0


def test_the_standing_and_the_term_before_are_back(world):
    world.buy(1_000)
    before = world.standing
    world.wait(days=60)
    number = world.buy(9_000)
    world.wait(days=1)
    world.refund(number)
    after = world.standing
    names = ("id", "tier_id", "since", "until", "due_at", "sprint_from", "by_hand", "reached_by", "set_by")
    assert [getattr(after, name) for name in names] == [getattr(before, name) for name in names]
    assert world.outcomes()[-1] == ("undone", "gold", "silver", 1_000)
    assert world.moves()[-1] == ("undone", "gold", "silver")


def test_a_chain_of_rises_is_undone_one_by_one(world, ladder_of):
    ladder_of(silver=1_000, gold=1_100, diamond=1_200)
    number = world.buy(1_000)
    for _ in range(2):
        world.wait(days=10)
        world.buy(100)
    assert world.tier == "diamond"
    world.refund(number)
    assert world.outcomes()[3:] == [("undone", "diamond", "gold", 200), ("undone", "gold", "silver", 100), ("undone", "silver", "bronze", 0)]
    assert world.standing is None


def test_of_a_chain_only_what_now_reaches_no_more_is_undone(world):
    number = world.buy(1_000)
    world.wait(days=10)
    world.buy(9_000)
    term = world.until
    world.wait(days=10)
    world.buy(40_000)
    assert world.tier == "diamond"
    world.refund(number, left=999)
    assert world.outcomes()[3:] == [("undone", "diamond", "gold", 49_999)]
    assert world.until == term


def test_who_rose_by_several_steps_at_once_keeps_the_step_that_is_still_reached(world):
    number = world.buy(10_000)
    world.wait(days=10)
    world.refund(number, left=1_000)
    assert world.moves() == [("reached", "bronze", "gold"), ("undone", "gold", "bronze"), ("reached", "bronze", "silver")]


def test_only_what_rests_on_nothing_is_undone(world):
    world.buy(2_000)
    world.wait(days=10)
    number = world.buy(8_000)
    world.refund(number)
    assert (world.tier, world.outcomes()[-1]) == ("silver", ("undone", "gold", "silver", 2_000))


def test_growth_that_came_later_lets_a_rise_stand(world):
    number = world.buy(1_000)
    world.wait(days=10)
    world.buy(500)
    world.wait(days=10)
    world.buy(500)
    world.refund(number)
    assert (world.tier, world.outcomes()) == ("silver", [("reached", "bronze", "silver", 1_000)])


def test_growth_of_then_lets_a_rise_stand_when_the_window_has_moved_on(world):
    world.buy(600, at=NOON - timedelta(days=360))
    number = world.buy(600)
    world.wait(days=30)
    world.refund(number, left=400)
    assert world.tier == "silver"
    world.refund(number, left=399)
    assert world.tier == "bronze"


def test_a_threshold_raised_since_undoes_nothing(world, ladder_of):
    number = world.buy(1_100)
    ladder_of(silver=5_000)
    world.refund(number, left=1_000)
    assert world.tier == "silver"
    world.refund(number, left=999)
    assert world.tier == "bronze"


def test_a_policy_changed_since_does_not_change_what_a_rise_rests_on(world, policy, ladder_of):
    number = world.buy(1_100)
    policy(mode="spend")
    ladder_of(silver=10**9, gold=10**10, diamond=10**11)
    world.refund(number, left=1_000)
    assert world.tier == "silver"
    world.refund(number, left=999)
    assert world.tier == "bronze"


def test_a_term_that_ended_meanwhile_is_then_ended(world):
    world.buy(1_000)
    world.wait(days=300)
    number = world.buy(9_000)
    world.wait(days=300)
    world.refund(number)
    assert world.outcomes()[2:] == [("undone", "gold", "silver", 1_000), ("fell", "silver", "bronze", 0)]
    assert world.standing is None


def test_a_term_that_ended_meanwhile_is_kept_by_what_grew_in_it(world):
    world.buy(1_000)
    first_end = world.until
    world.wait(days=300)
    world.buy(1_000)
    number = world.buy(8_000)
    assert world.tier == "gold"
    world.wait(days=300)
    world.refund(number)
    assert world.outcomes()[2:] == [("undone", "gold", "silver", 2_000), ("kept", "silver", "silver", 1_000)]
    assert (world.standing.since, world.until) == (first_end, first_end.replace(year=2028))


def test_after_the_term_what_was_decided_at_its_end_stands(world):
    world.buy(1_000)
    world.wait(days=300)
    number = world.buy(1_000)
    world.go(world.until)
    assert world.job() == {"kept": 1}
    world.refund(number)
    assert (world.tier, [outcome for outcome, *_rest in world.outcomes()]) == ("silver", ["reached", "kept"])


def test_a_refund_after_a_fall_lifts_nobody_back(world):
    number = world.buy(1_000)
    world.go(world.until)
    world.job()
    world.refund(number)
    assert [outcome for outcome, *_rest in world.outcomes()] == ["reached", "fell"]


def test_what_was_set_by_hand_is_undone_by_no_refund(world):
    number = world.buy(1_000)
    world.put("gold")
    world.refund(number)
    assert world.tier == "gold"


def test_back_from_a_rise_above_it_what_was_set_by_hand_is_as_it_was(world):
    world.put("silver", until=NOON + timedelta(days=99))
    number = world.buy(10_000)
    world.refund(number)
    assert (world.tier, world.standing.by_hand, world.until, world.standing.reason) == ("silver", True, NOON + timedelta(days=99), "sample")


def test_a_behaviour_that_did_not_hold_undoes_its_rise(world, rate):
    rate("reviewed", 1_000)
    subject = world.do("reviewed")
    assert world.tier == "silver"
    world.undo(subject)
    world.undo(subject)
    assert (world.tier, world.growth, GrowthEntry.objects.count()) == ("bronze", 0, 2)


def test_growth_taken_by_hand_undoes_and_given_by_hand_lifts(world):
    services.adjust(member_id=world.member.id, growth_change=1_000, reason="goodwill", actor="tests", key="1", now=world.now)
    assert world.tier == "silver"
    world.wait(days=1)
    for _ in range(2):
        services.adjust(member_id=world.member.id, growth_change=-1, reason="a mistake", actor="tests", key="2", now=world.now)
    # Dated to when it was taken, it leaves what was reached before it; what counts now is short of it, what counted then is not.
    assert (world.tier, world.growth) == ("silver", 999)


def test_without_a_reason_or_a_number_no_growth_is_adjusted(world, refuses):
    with refuses(services.ReasonMissing):
        services.adjust(member_id=world.member.id, growth_change=1, reason=" ", actor="tests", key="1", now=world.now)
    with refuses(services.NothingToAdjust):
        services.adjust(member_id=world.member.id, growth_change=0, reason="goodwill", actor="tests", key="1", now=world.now)
