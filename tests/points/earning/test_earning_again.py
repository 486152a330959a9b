"""Facts that turn out smaller, that did not hold, and orders refunded: what is taken back, and what is free again."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mall.checkout import services as till
from points.cards import services as cards
from points.cards.models import Card, CardKind
from points.earning import services
from points.earning.models import Grant
from points.earning.selectors import GrantUnknown
from points.ledger import services as ledger
from points.ledger.models import Entry
from points.rulebook import services as rulebook
from points.rulebook.models import SharedLimit
from points.rulebook.rules import ONE, Band, Limit
from riskcontrol.screening import services as screening

from .conftest import NOON

pytestmark = pytest.mark.django_db

BANDS = (Band(0, 10_000, points=50), Band(10_000, None, points=200))


def invited(world, cents=10_000, number="1"):
    return world.take("referral_completed", number, friend=f"F-{number}", amount_cents=cents, purchase=f"P-{number}")


# Amended and withdrawn


@pytest.mark.parametrize(("cents", "taken"), [(10_000, 0), (9_999, 150), (0, 150), (20_000, 0)])
def test_a_fact_that_turned_out_otherwise_is_decided_again_and_never_grants_more(world, publish, cents, taken, assert_engine_adds_up):
    publish("invite", "bands", fact="referral_completed", measure="amount", bands=BANDS)
    assert invited(world).points == 200
    assert world.amend("referral_completed", friend="F-1", amount_cents=cents, purchase="P-1") == taken
    assert world.available() == 200 - taken
    assert world.amend("referral_completed", friend="F-1", amount_cents=cents, purchase="P-1") == 0
    assert_engine_adds_up()


def test_amended_down_up_and_down_again_it_is_taken_back_once(world, publish, assert_engine_adds_up):
    steps = tuple(Band(start, start + 1_000 if start < 10_000 else None, points=start // 100) for start in range(1_000, 11_000, 1_000))
    publish("invite", "bands", fact="referral_completed", measure="amount", bands=steps)
    assert invited(world).points == 100
    given = [world.amend("referral_completed", friend="F-1", amount_cents=cents, purchase="P-1") for cents in (6_000, 9_000, 6_000, 5_000, 0, 9_000, 0)]
    assert (given, world.available()) == ([40, 0, 0, 10, 50, 0, 0], 0)
    assert_engine_adds_up()


def test_a_withdrawn_fact_gives_all_back_and_frees_its_room(world, publish, budget, told, assert_engine_adds_up):
    limits = (Limit("day", points=500, times=9), Limit("life", times=9, by="rule"))
    publish("invite", "fixed", fact="referral_completed", points=200, limits=limits)
    publish("prize", "chance", fact="referral_completed", item="host", limits=(Limit("life", times=1),))
    one = budget(1_000)
    invited(world)
    assert (world.uses(), world.spent(one)) == ({"invite/day": (200, 1), "prize/life": (0, 1)}, 200)
    assert world.withdraw("referral_completed") == 200
    assert (world.available(), world.uses(), world.shared()) == (0, {}, {})
    assert world.withdraw("referral_completed") == 0
    withdrawn = [payload for topic, payload in told if topic == "points.effect_withdrawn"]
    assert withdrawn == [{"effect": "chance", "item": "host", "count": 1, "subject": "referral_completed/1", "rule": "prize"}]
    assert_engine_adds_up()


def test_a_fact_nobody_told_is_nothing_to_take_back_from(world):
    assert (world.withdraw(), world.amend("shared", subject="x")) == (0, 0)


def test_what_was_spent_meanwhile_is_owed(world, publish, assert_engine_adds_up):
    publish("share", "fixed", fact="shared", points=60)
    world.take()
    ledger.spend(member_id=world.member.id, points=50, actor="tests", key="spent", now=NOON)
    assert world.withdraw() == 60
    assert world.take(number="2").points == 60
    assert world.available() == 10
    assert_engine_adds_up()


# Orders


def test_an_order_refunded_in_parts_keeps_what_the_rest_earns(world, publish, assert_engine_adds_up):
    publish(by_category={"MILK": 3 * ONE})
    publish("bonus", "fixed", points=50, min_cents=15_000)
    publish("food", "fixed", points=7, categories=("MILK",))
    assert world.buy(10_000, 10_000, categories=("MILK", "TOYS")).earned == 300 + 100 + 50 + 7
    assert world.refund(4_000) == 40 * 2
    assert world.refund(lines=["1"]) == 377 - 60  # 60 yuan of toys; below the bonus's amount, and no milk any more
    assert world.refund(6_000) == 60
    assert world.available() == 0
    assert_engine_adds_up()


def test_refunds_in_any_parts_come_to_the_same(world, publish, other_member):
    publish(rate=12_345)
    publish("double", "multiplier", factor=2 * ONE, min_cents=5_000)
    world.buy(10_001)
    world.buy(10_001, number="2", member=other_member)
    for _ in range(7):
        world.refund(1_000)
    world.refund(7_000, order="2")
    assert world.available() == world.available(other_member) > 0


TABLE = [
    # rules, what the order earns, what a refund of half takes, of all
    ("points", [("base", "per_unit", {})], 100, 50),
    ("a cap per order", [("base", "per_unit", {"limits": (Limit("fact", points=60),)})], 60, 10),
    ("a cap per day", [("base", "per_unit", {"limits": (Limit("day", points=80, times=3),)})], 80, 30),
    ("a cap per month for all", [("base", "per_unit", {"limits": (Limit("month", points=80, by="rule"),)})], 80, 30),
    ("a bonus from an amount on", [("base", "fixed", {"points": 70, "min_cents": 10_000})], 70, 70),
    ("a fixed bonus", [("base", "fixed", {"points": 70})], 70, 0),
    ("bands", [("base", "bands", {"measure": "amount", "bands": BANDS})], 200, 150),
    ("random", [("base", "random", {"minimum": 33, "maximum": 33})], 33, 0),
    ("a multiplier", [("base", "per_unit", {}), ("x", "multiplier", {"factor": 3 * ONE})], 300, 150),
    ("a multiplier below one", [("base", "per_unit", {}), ("x", "multiplier", {"factor": 5_000})], 50, 25),
    ("several terms", [("base", "per_unit", {}), ("x", "per_unit", {"expiry": "never"}), ("y", "per_unit", {"cost_centre": "brand"})], 300, 150),
    ("waiting", [("base", "per_unit", {"pending": "delivered"}), ("x", "per_unit", {"pending": "days:7"})], 200, 100),
    ("an offer", [("base", "per_unit", {"claim_days": 7})], 100, 50),
    ("the first order", [("base", "fixed", {"points": 500, "nth_purchase": (1,)})], 500, 0),
]


@pytest.mark.parametrize(("rules", "earned", "half"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_refunded_in_part_wholly_and_bought_again(world, publish, budget, rules, earned, half, assert_engine_adds_up):
    for code, effect, said in rules:
        publish(code, effect, **said)
    one = budget(10_000)
    SharedLimit.objects.create(code="daily", name_zh="每日", name_en="Daily", over=["everything"], per="day", points=5_000)
    rulebook.changed_what_is_in_force()

    def stands():
        return {"points": sum(grant.points - grant.taken_back for grant in world.grants()), "budget": world.spent(one), "daily": world.uses().get("=daily")}

    world.buy()
    first = world.uses(), world.shared()
    assert stands() == {"points": earned, "budget": earned, "daily": (earned, 1)}
    offered = "claim_days" in str(rules)
    assert world.refund(5_000) == (0 if offered else half)
    left = earned - half
    assert stands() == {"points": left, "budget": left, "daily": (left, 1) if left else None}
    assert world.refund(5_000) == (0 if offered else left)
    assert stands() == {"points": 0, "budget": 0, "daily": None}
    assert (world.uses(), world.shared(), world.available()) == ({}, {}, 0)
    world.buy(number="again")
    assert (world.uses(), world.shared()) == first
    assert stands() == {"points": earned, "budget": earned, "daily": (earned, 1)}
    assert_engine_adds_up()


def test_what_a_refund_frees_is_there_for_the_next_fact(world, publish):
    publish(limits=(Limit("day", points=100),))
    assert [world.buy(8_000, number="1").earned, world.buy(8_000, number="2").earned] == [80, 20]
    assert world.refund(4_000, order="1") == 40
    assert world.buy(8_000, number="3").earned == 40
    # The second is decided within the room that it had.
    assert world.refund(7_000, order="2") == 10


def test_what_was_counted_on_another_day_is_given_back_to_that_day(world, publish):
    publish(limits=(Limit("day", points=100),))
    world.buy(number="1")
    world.wait(days=1)
    world.buy(number="2")
    assert world.refund(10_000, order="1") == 100
    assert world.buy(number="late", at=NOON).earned == 100
    assert world.buy(number="3").earned == 0


def test_an_nth_order_bonus_stays_unless_its_own_order_is_refunded(world, publish):
    publish("second", "fixed", points=500, nth_purchase=(2,))
    publish("again", "fixed", points=30, again_days=30)
    world.buy(number="1")
    world.wait(seconds=2)
    assert world.buy(number="2").earned == 530
    assert world.refund(10_000, order="1") == 0
    assert world.refund(5_000, order="2") == 0
    assert world.refund(5_000, order="2") == 530
    assert world.buy(number="between", at=NOON + timedelta(seconds=1)).earned == 0  # none is left before it
    assert world.buy(number="3").earned == 530


def test_an_order_of_which_only_shipping_is_kept_earns_nothing_and_was_never_bought(world, publish):
    publish("first", "fixed", points=500, nth_purchase=(1,))
    facts = replace(world.order(10_000), shipping_cents=700, paid_cents=10_700)
    assert till.pay(member_id=world.member.id, facts=facts, actor="tests", now=NOON).settlement.earned == 500
    assert world.refund(9_999) == 0
    assert world.refund(1) == 500
    assert world.refund(700) == 0
    assert world.buy(number="2").earned == 500


def test_a_card_comes_back_with_the_order_that_used_it_and_is_used_again(world, publish):
    CardKind.objects.create(code="double", name_zh="翻倍卡", name_en="Double", use="multiplier")
    publish()
    publish("card", "multiplier", factor=2 * ONE, card="double", min_cents=5_000)
    cards.grant(member_id=world.member.id, kind="double", actor="tests", key="k", now=NOON)
    assert world.buy(number="1").earned == 200
    assert (world.refund(2_000), Card.objects.get().status) == (40, "used")
    assert (world.refund(4_000), Card.objects.get().status) == (120, "available")  # 40 yuan: the card does nothing
    assert world.buy(number="2").earned == 200
    assert (world.refund(10_000, order="2"), Card.objects.get().status) == (200, "available")
    assert (world.refund(4_000), Card.objects.get().status) == (40, "available")


def test_of_two_cards_the_one_that_does_nothing_any_more_comes_back(world, publish):
    for kind in ("double", "bonus"):
        CardKind.objects.create(code=kind, name_zh=kind, name_en=kind, use="multiplier")
        cards.grant(member_id=world.member.id, kind=kind, actor="tests", key=kind, now=NOON)
    publish()
    publish("double", "multiplier", factor=2 * ONE, card="double")
    publish("bonus", "fixed", points=10, card="bonus", min_cents=8_000, multiplied=False)
    assert world.buy().earned == 210
    assert world.refund(4_000) == 90
    assert dict(Card.objects.values_list("kind_id", "status")) == {"double": "used", "bonus": "available"}


def test_things_won_by_an_order_fall_with_it_once(world, publish, told):
    publish("prize", "chance", item="wheel", count=3, min_cents=5_000)

    def fell():
        return [payload["count"] for topic, payload in told if topic == "points.effect_withdrawn"]

    world.buy()
    world.refund(4_000)
    assert fell() == []
    world.refund(2_000)
    assert fell() == [3]
    world.refund(4_000)
    assert fell() == [3]


def test_cards_won_are_granted_and_withdrawn_by_what_is_told(world, publish, django_capture_on_commit_callbacks):
    CardKind.objects.create(code="double", name_zh="翻倍卡", name_en="Double", use="multiplier")
    publish("prize", "card", item="double", count=2)
    with django_capture_on_commit_callbacks(execute=True):
        world.buy()
    assert [card.status for card in Card.objects.all()] == ["available"] * 2
    with django_capture_on_commit_callbacks(execute=True):
        world.refund(10_000)
    assert [card.status for card in Card.objects.all()] == ["withdrawn"] * 2


# Several grants


def test_where_another_rule_takes_over_the_whole_is_what_it_gives_now(world, publish, assert_engine_adds_up):
    # From 100 yuan on the one that never expires is the best, below it the other one.
    publish("big", "bands", measure="amount", bands=(Band(10_000, None, points=200),), group="g", combine="best", expiry="never")
    publish("small", "fixed", points=80, group="g", combine="best", cost_centre="brand", limits=(Limit("day", points=100),))
    assert world.buy(12_000).earned == 200
    assert world.refund(5_000) == 120
    (grant,) = world.grants()
    assert (grant.points, grant.taken_back, grant.rule_version.rule.code) == (200, 120, "big")
    assert world.uses() == {}  # nothing was charged to the small one, and nothing is
    assert world.refund(7_000) == 80
    assert_engine_adds_up()


def test_each_grant_loses_what_its_own_terms_give_no_longer(world, publish, assert_engine_adds_up):
    publish()
    publish("food", "per_unit", rate=2 * ONE, categories=("FOOD",), expiry="never")
    publish("bonus", "fixed", points=33, cost_centre="brand")
    assert world.buy(10_000, 10_000, categories=("FOOD", "TOYS")).earned == 433
    assert world.refund(lines=["1"]) == 300
    assert {grant.rule_version.rule.code: grant.points - grant.taken_back for grant in world.grants()} == {"base": 100, "food": 0, "bonus": 33}
    assert world.refund(10_000) == 133
    keys = sorted(Entry.objects.filter(kind="clawback").values_list("key", flat=True))
    assert len(keys) == len(set(keys)) == 4
    assert_engine_adds_up()


def test_what_had_expired_is_waived(world, publish):
    publish(expiry="days:30")
    world.buy()
    world.wait(days=40)
    world.refund(10_000)
    assert (world.available(), Entry.objects.get(kind="clawback").waived) == (0, 100)


def test_the_delivery_makes_everything_that_waits_for_it_available(world, publish, assert_engine_adds_up):
    publish(pending="delivered")
    publish("never", "per_unit", pending="delivered", expiry="never")
    publish("days", "per_unit", pending="days:7")
    publish("now", "per_unit")
    assert (world.buy().earned, world.available()) == (400, 100)
    assert world.refund(5_000) == 200
    for _ in range(2):
        till.delivered(purchase_ref="1", occurred_at=world.now, actor="tests", now=world.now)
    assert world.available() == 150
    world.wait(days=7)
    ledger.mature_due(actor="tests", now=world.now)
    assert world.available() == 200
    assert world.refund(5_000) == 200
    assert_engine_adds_up()


# Offers


def claim(world, grant=None):
    grant = grant or Grant.objects.get(claim_until__isnull=False)
    return services.claim(member_id=world.member.id, grant_id=grant.id, actor="tests", now=world.now)


@pytest.fixture
def featured(world, publish):
    """An order that gives 100 points at once and offers 100 more."""
    publish()
    publish("offer", "per_unit", claim_days=7)
    return world.buy()


def test_an_offer_is_claimed_until_the_end_of_its_last_day_and_once(world, featured, refuses, assert_engine_adds_up):
    assert (featured.earned, world.available()) == (100, 100)
    until = Grant.objects.get(claim_until__isnull=False).claim_until
    assert until == NOON + timedelta(days=7, hours=12)
    world.now = until - timedelta(microseconds=1)
    assert claim(world).status == "granted"
    assert (claim(world).entry.points, world.available()) == (100, 200)
    assert_engine_adds_up()


def test_an_offer_past_its_time_is_over_closed_or_not(world, featured, refuses):
    world.wait(days=7, hours=12)
    with refuses(services.ClaimOver):
        claim(world)
    assert services.lapse_due(limit=10, now=world.now) == 1
    assert services.lapse_due(limit=10, now=world.now) == 0
    with refuses(services.ClaimOver):
        claim(world)
    assert world.available() == 100


def test_what_is_another_members_or_no_offer_cannot_be_claimed(world, featured, other_member, refuses):
    offer = Grant.objects.get(claim_until__isnull=False)
    granted = Grant.objects.get(claim_until__isnull=True)
    with refuses(GrantUnknown):
        services.claim(member_id=other_member.id, grant_id=offer.id, actor="tests", now=NOON)
    with refuses(GrantUnknown):
        claim(world, granted)


def test_a_refund_shrinks_an_offer_and_what_is_left_can_be_claimed(world, featured, assert_engine_adds_up):
    assert world.refund(4_000) == 40
    assert (claim(world).entry.points, world.available()) == (60, 120)
    assert world.refund(3_000) == 60
    assert world.refund(3_000) == 60
    assert world.available() == 0
    assert_engine_adds_up()


def test_an_offer_of_which_nothing_is_left_is_withdrawn(world, featured, refuses, assert_engine_adds_up):
    world.refund(10_000)
    with refuses(services.ClaimOver):
        claim(world)
    assert Grant.objects.get(claim_until__isnull=False).status == "withdrawn"
    assert_engine_adds_up()


def test_what_lapsed_makes_up_for_nothing(world, featured, assert_engine_adds_up):
    world.wait(days=8)
    services.lapse_due(limit=10, now=world.now)
    assert world.refund(5_000) == 50
    assert world.refund(5_000) == 50
    assert (world.available(), world.uses()) == (0, {})
    assert_engine_adds_up()


def test_a_blocked_member_claims_nothing(world, featured, refuses):
    screening.block(member_id=world.member.id, reason="tests", actor="tests", now=NOON)
    with refuses(screening.Screened):
        claim(world)
    assert Grant.objects.get(claim_until__isnull=False).status == "offered"
