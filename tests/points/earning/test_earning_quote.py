"""A quote promises what the order then earns: the same code, the same limits."""

from datetime import timedelta

import pytest

from points.budgets.models import SharedUse
from points.cards import services as cards
from points.cards.models import CardKind
from points.earning.models import Decision, MemberUse
from points.rulebook import services as rulebook
from points.rulebook.models import SharedLimit
from points.rulebook.rules import ONE, Band, Limit, Release
from riskcontrol.screening import services as screening
from tiers.ladder.models import Tier
from tiers.standing import services as standings

from .conftest import NOON

pytestmark = pytest.mark.django_db

BANDS = (Band(0, 10_000, points=5), Band(10_000, None, points=50, rate=ONE))
PROMOTION = {"group": "promo", "combine": "best"}
RULES = {
    "points": [("base", "per_unit", {})],
    "a day's limit": [("base", "per_unit", {"limits": (Limit("day", points=250),)})],
    "a limit of times": [("base", "per_unit", {}), ("x", "fixed", {"points": 9, "limits": (Limit("life", times=2),)})],
    "all members' limit": [("base", "per_unit", {"limits": (Limit("day", points=250, by="rule"),)})],
    "bands": [("base", "bands", {"measure": "amount", "bands": BANDS})],
    "promotions and a tier": [
        ("base", "per_unit", {}),
        ("a", "multiplier", {"factor": 2 * ONE, "categories": ("FOOD",), **PROMOTION}),
        ("b", "multiplier", {"factor": 15_000, **PROMOTION}),
        ("tier", "tier_multiplier", {}),
    ],
    "the third order": [("base", "per_unit", {}), ("x", "fixed", {"points": 77, "nth_purchase": (3,)})],
    "a card": [("base", "per_unit", {}), ("x", "multiplier", {"factor": 2 * ONE, "card": "double"})],
    "some members": [("base", "per_unit", {"release": Release("percent", percent=50)})],
    "an expression": [("base", "per_unit", {"expression": "channel == 'app' && quantity > 1"})],
    "several terms": [
        ("base", "per_unit", {"rate": 3_333}),
        ("x", "per_unit", {"rate": 3_333, "expiry": "never"}),
        ("y", "fixed", {"points": 1, "claim_days": 3}),
    ],
    "certain luck": [("base", "random", {"minimum": 40, "maximum": 40})],
}


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
@pytest.mark.parametrize("at_end", ["cut", "stop"])
def test_order_after_order_earns_what_was_quoted(world, publish, budget, rules, at_end):
    Tier.objects.create(code="basic", name_zh="普通", name_en="Basic", rank=1, multiplier_bps=12_345)
    CardKind.objects.create(code="double", name_zh="翻倍卡", name_en="Double", use="multiplier")
    cards.grant(member_id=world.member.id, kind="double", count=2, actor="tests", key="k", now=NOON)
    SharedLimit.objects.create(code="daily", name_zh="每日", name_en="Daily", over=["purchases"], per="day", points=900)
    rulebook.changed_what_is_in_force()
    for code, effect, said in rules:
        publish(code, effect, **said)
    budget(700, at_end=at_end)
    for number, cents in enumerate([(9_999,), (10_000, 5_555), (1, 2, 3), (33_333, 1_111), (20_000,)]):
        cart = {"categories": ("FOOD", "TOYS", "")[: len(cents)], "number": str(number), "channel": "app"}
        quoted = world.quote(*cents, **cart)
        assert Decision.objects.count() == number
        paid = world.buy(*cents, **cart)
        decision = world.decision(f"purchase/{number}")
        assert quoted.earn == decision.points == sum(grant.points for grant in decision.grants.all())
        assert [points for _line, _cents, points in quoted.parts] == [points for _category, _cents, points in decision.trace["lines"]]
        assert [one["cents"] for one in quoted.why if one["code"] == "basis"] == [paid.basis_cents]
        world.wait(minutes=1)


def test_a_quote_writes_nothing(world, publish, budget):
    publish(limits=(Limit("day", points=100), Limit("day", points=100, by="rule")))
    budget(100)
    for _ in range(3):
        assert world.quote(9_000).earn == 90
    assert not any(table.objects.exists() for table in (Decision, MemberUse, SharedUse))


def test_who_is_no_member_yet_is_quoted_what_a_new_one_would_get(world, publish):
    Tier.objects.create(code="basic", name_zh="普通", name_en="Basic", rank=1, multiplier_bps=12_000)
    gold = Tier.objects.create(code="gold", name_zh="金", name_en="Gold", rank=2, multiplier_bps=20_000)
    standings.set_standing(member_id=world.member.id, tier=gold.code, reason="tests", actor="tests", now=NOON)
    publish(limits=(Limit("day", points=100),))
    publish("tier", "tier_multiplier")
    publish("welcome", "fixed", points=500, new_member_days=0, nth_purchase=(1,), multiplied=False)
    publish("regular", "fixed", points=7, segments=("staff",))
    world.buy(5_000, number="0")
    assert world.quote(10_000, member=None).earn == 120 + 500
    assert world.quote(10_000).earn == 100


def test_a_quote_counts_what_was_bought_up_to_its_instant(world, publish):
    publish("first", "fixed", points=500, nth_purchase=(1,))
    assert world.quote(10_000).earn == 500
    world.buy(number="1")
    assert world.quote(10_000).earn == world.buy(number="2").earned == 0


def test_luck_is_quoted_by_its_bounds(world, publish):
    publish()
    publish("luck", "random", minimum=10, maximum=30)
    publish("rare", "random", minimum=500, maximum=500, chance=1)
    quoted = world.quote(10_000)
    assert (quoted.earn, [one["points"] for one in quoted.why if one["code"] == "surprise"]) == (110, [630])
    assert 110 <= world.buy(10_000).earned <= 130


def test_the_roll_of_an_order_is_always_the_same(world, publish, other_member):
    publish("luck", "random", minimum=1, maximum=10**6)
    earned = world.buy(10_000).earned
    assert world.refund(5_000) == 0
    assert world.buy(10_000, number="2").earned != earned
    assert world.refund(5_000) == earned


def test_a_blocked_member_is_promised_nothing(world, publish):
    publish()
    screening.block(member_id=world.member.id, reason="tests", until=NOON + timedelta(days=1), actor="tests", now=NOON)
    quoted = world.quote(10_000)
    assert (quoted.earn, "earning_screened" in [one["code"] for one in quoted.why]) == (0, True)
    assert world.buy(10_000).earned == 0
