"""Orders at the till, and the tier that comes and goes with them."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from mall.checkout import services as checkout
from points.earning import services as earning
from points.rulebook import rules as book
from points.rulebook import services as rulebook
from riskcontrol.screening import services as screening
from tests.mall.checkout.conftest import Shop, policy, rule
from tiers.growth import selectors as growth
from tiers.growth.models import GrowthRate
from tiers.ladder import services as ladder
from tiers.standing import selectors as standings
from tiers.standing import services as standing


@pytest.fixture
def shop(db, now):
    """One point for each whole yuan, times the tier: gold twice. Gold from 100 yuan."""
    for code, rank, times, threshold in (("basic", 1, 10_000, 0), ("gold", 2, 20_000, 100)):
        ladder.keep(code=code, name_zh=code, name_en=code, rank=rank, multiplier_bps=times, threshold=threshold, actor="tests", now=now)
    rule(now)
    definition = book.from_json({"effect": {"kind": "tier_multiplier"}})
    version = rulebook.make(code="tier", fact="purchase", name_zh="等级", name_en="Tier", definition=definition, actor="tests", now=now)
    rulebook.publish(version_id=version.id, ever=True, actor="tests", now=now)
    return Shop(now)


@pytest.fixture
def tier(shop):
    return lambda member: standings.standing(member_id=member.id, now=shop.now).code


def earned(paid):
    return paid.settlement.earned


def test_the_order_that_lifts_a_member_to_a_tier_earns_at_the_old_multiplier(shop, member, tier):
    assert earned(shop.pay(member, shop.order(10_000, number="1"))) == 100
    assert tier(member) == "gold"
    assert earned(shop.pay(member, shop.order(5_000, number="2"))) == 100


def test_who_lost_a_tier_earns_no_more_by_it_though_no_job_has_come_by(shop, member, tier):
    shop.pay(member, shop.order(10_000, number="1", occurred_at=shop.now - timedelta(minutes=1)))
    shop.wait(days=367)
    assert tier(member) == "gold"
    assert earned(shop.pay(member, shop.order(3_000, number="2"))) == 30
    assert tier(member) == "basic"


def test_a_tier_set_until_a_time_earns_no_more_by_it_from_then_on(shop, member, tier):
    standing.set_standing(member_id=member.id, tier="gold", until=shop.now + timedelta(days=9), reason="tests", actor="tests", now=shop.now)
    assert earned(shop.pay(member, shop.order(3_000, number="1"))) == 60
    shop.wait(days=9)
    assert earned(shop.pay(member, shop.order(3_000, number="2"))) == 30


def test_a_refund_undoes_the_tier_that_its_order_had_reached(shop, member, tier, assert_books_balance):
    shop.pay(member, shop.order(8_000, number="1"))
    shop.pay(member, shop.order(4_000, 1_000, shipping=500, number="2"))
    assert tier(member) == "gold"
    shop.refund(1_000, purchase="2", number="R-1")
    assert (tier(member), growth.in_all(member_id=member.id)["spend"]) == ("gold", 12_000)
    shop.refund(4_500, purchase="2", number="R-2")
    assert (tier(member), growth.in_all(member_id=member.id)) == ("basic", {"growth": 80, "spend": 8_000, "orders": 1, "lines": 2})
    assert earned(shop.pay(member, shop.order(1_000, number="3"))) == 10
    assert_books_balance()


def test_what_was_paid_with_points_and_shipping_do_not_grow(shop, member, tier, now):
    policy(now)
    shop.give(member, 5_000)
    held = shop.hold(member, 5_000)
    shop.pay(member, shop.order(14_000, shipping=1_000, worth=5_000, number="1", hold=held.hold_id))
    assert growth.in_all(member_id=member.id)["growth"] == 90
    assert tier(member) == "basic"


def test_a_guests_order_grows_for_whoever_claims_it_dated_to_when_it_was_paid(shop, member, tier, now):
    checkout.keep_guest(facts=shop.order(10_000, number="G-1"), now=shop.now)
    shop.wait(days=2)
    checkout.claim(purchase_ref="G-1", member_ref=member.external_id, actor="tests", now=shop.now)
    assert tier(member) == "gold"
    assert growth.entries(member_id=member.id).get().occurred_at == now


def test_a_refund_that_came_before_its_order_leaves_nothing_to_rise_by(shop, member, tier):
    shop.refund(10_000, purchase="1")
    shop.pay(member, shop.order(10_000, number="1"))
    assert (tier(member), growth.in_all(member_id=member.id)["growth"]) == ("basic", 0)


def test_what_members_do_grows_and_what_does_not_hold_is_taken_back(shop, member, tier):
    GrowthRate(kind_id="shared", growth=100).save()
    about = {"member_id": member.id, "kind": "shared", "external_id": "E-1", "actor": "tests", "now": shop.now}
    for _ in range(2):
        earning.take(**about, data={"subject": "SKU-1"}, occurred_at=shop.now)
    assert (tier(member), growth.in_all(member_id=member.id)["growth"]) == ("gold", 100)
    earning.withdraw(**about)
    assert (tier(member), growth.in_all(member_id=member.id)["growth"]) == ("basic", 0)


def test_what_risk_control_refuses_does_not_grow(shop, member, tier):
    screening.block(member_id=member.id, reason="tests", actor="tests", now=shop.now)
    shop.pay(member, shop.order(10_000, number="1"))
    assert not growth.entries(member_id=member.id).exists()
    shop.refund(10_000, purchase="1")
    assert tier(member) == "basic"


def test_an_order_asks_for_its_growth_once(shop, member):
    shop.pay(member, shop.order(1_000, number="1"))
    with CaptureQueriesContext(connection) as seen:
        shop.pay(member, shop.order(1_000, number="2"))
    told = [one["sql"] for one in seen if "tiers_grow" in one["sql"]]
    assert len(told) == 1
    assert [one["sql"] for one in seen if "INTO tiers_" in one["sql"] or 'INTO "tiers_' in one["sql"]] == []
