"""Where points and coupons paid part of an order, all that looks back at it sees of each line what was paid in money, as the till did."""

import io
from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import connection

from accounts.activity import rules as facts
from accounts.activity import selectors as activity
from accounts.members import services as members
from accounts.referrals.models import Referral
from mall.checkout import services as till
from mall.checkout.rules import CategoryShare
from mall.coupons import services as coupons
from mall.coupons.models import CouponTemplate
from points.earning import rules as earning_rules
from points.earning import services as earning
from points.explanation import selectors as explanation
from points.ledger.models import Entry
from points.rulebook import services as rulebook
from points.rulebook.rules import Conditions, Definition, Effect
from points.simulation import services as simulation
from points.simulation.models import SimulatedMember
from tests.mall.checkout.conftest import Shop, policy
from tiers.growth import selectors as growth
from tiers.growth.models import GrowthEntry

# Each category at a rate of its own, so that a cent on the wrong line is a wrong point; some rules look at single lines, or at the margin.
RULES = {
    "base": Definition(effect=Effect("per_unit", rate=10_000, by_category={"HOME": 30_000, "GOLD": 70_000}), margin_percent=90),
    "home": Definition(Conditions(categories=("HOME",), min_cents=2_000), Effect("per_unit", rate=5_000)),
}


@pytest.fixture
def shop(db, now):
    for code, said in RULES.items():
        version = rulebook.make(code=code, fact="purchase", name_zh=code, name_en=code, definition=said, actor="tests", now=now)
        rulebook.publish(version_id=version.id, ever=True, actor="tests", now=now)
    # Points pay nothing of gold, and half of what is left; the coupon is for what is at home.
    policy(now, max_share_bps=5_000, categories=(CategoryShare("GOLD", 0),))
    template = CouponTemplate(code="home", kind="amount", amount_cents=1_234, categories=["HOME"], valid_days=30, name_zh="家居券", name_en="Home")
    coupons.keep(template=template, actor="tests", now=now)
    return Shop(now)


LINES = (
    facts.Line("1", "MUG", "HOME", "", 3, 7_777, 3_000),
    facts.Line("2", "RING", "GOLD", "", 1, 5_555, 5_000),
    facts.Line("3", "BOOK", "BOOKS", "", 2, 3_333),
    facts.Line("4", "BAG", "", "", 1, -100),
)
# What came back of the orders: nothing, by amount, by line, by line and amount, by amount then by line, and all.
REFUNDS = (
    (),
    (facts.Refund("R-1", None, 2_000),),
    (facts.Refund("R-1", None, None, (facts.RefundLine("1", 1),)),),
    (facts.Refund("R-1", None, None, (facts.RefundLine("2", 1, 1_000),)), facts.Refund("R-2", None, None, (facts.RefundLine("1", 2),))),
    (facts.Refund("R-1", None, 1_111), facts.Refund("R-2", None, None, (facts.RefundLine("1"), facts.RefundLine("3", 1)))),
    (facts.Refund("R-1", None, None, (facts.RefundLine("1"), facts.RefundLine("2"), facts.RefundLine("3"))),),
)
EVERY = range(len(REFUNDS))


def order(shop, member):
    """An order of several lines, paid with points, with a coupon and with the rest in money."""
    number = f"P-{next(shop.keys)}"
    shop.give(member, 3_000)
    coupon = coupons.issue(member_id=member.id, template="home", reason="tests", actor="tests", key=f"home/{number}", now=shop.now)[0]
    discounts = ({"kind": "coupon", "code": coupon.code}, {"kind": "offer", "discount_cents": 321})
    held = shop.hold(member, 2_345)
    bought = facts.Purchase(number, shop.now, "CNY", 0, LINES, 890, discounts, str(held.hold_id))
    return shop.pay(member, replace(bought, paid_cents=bought.lines_cents + 890 - 1_234 - 321 - 2_345))


def bought(shop, member, which):
    """Such an order, with what came back of it."""
    paid = order(shop, member)
    for refund in REFUNDS[which]:
        shop.wait(days=1)
        till.refund(purchase_ref=paid.purchase.external_id, facts=replace(refund, occurred_at=shop.now), actor="tests", now=shop.now)
    shop.wait(days=1)
    return paid


def net(shop, member, paid):
    """What of an order was paid in money for goods that were not given back, as it was booked: its growth is that."""
    shown = growth.subject(member_id=member.id, subject=f"purchase/{paid.purchase.external_id}")
    return shown.growth, shown.amount_cents, shown.orders


@pytest.mark.parametrize("which", EVERY)
def test_the_very_same_rules_simulated_give_what_was_booked(shop, member, which, assert_books_balance):
    bought(shop, member, which)
    booked = sum({"earn": entry.points, "clawback": -entry.points}.get(entry.kind, 0) for entry in Entry.objects.filter(subject__startswith="purchase/"))
    assert booked > 0 or which == len(REFUNDS) - 1
    drafts = [rulebook.draft(code=code, definition=said, actor="tests", now=shop.now).id for code, said in RULES.items()]
    first, last = (shop.now - timedelta(days=9)).date(), shop.now.date()
    row = simulation.ask(version_ids=drafts, first=first, last=last, actor="tests", key=uuid4(), now=shop.now)
    while simulation.work(now=shop.now):
        pass
    assert SimulatedMember.objects.filter(simulation=row).values_list("old", "new").get() == (booked, booked)
    assert_books_balance()


@pytest.mark.parametrize("which", EVERY)
def test_growth_counted_later_is_the_growth_that_was_booked(shop, member, other_member, which, monkeypatch):
    booked = net(shop, member, bought(shop, member, which))
    assert booked[0] == booked[1] // 100
    with monkeypatch.context() as uncounted:
        for name in ("count_purchase", "recount_purchase"):
            uncounted.setattr(earning.tiers, name, lambda **_: None)
            uncounted.setattr(till.tiers, name, lambda **_: None)
        later = bought(shop, other_member, which)
    assert not GrowthEntry.objects.filter(member_id=other_member.id).exists()
    call_command("backfill_growth", stdout=io.StringIO())
    assert net(shop, other_member, later)[:2] == booked[:2]
    assert growth.in_all(member_id=other_member.id)["spend"] == growth.in_all(member_id=member.id)["spend"] == booked[1]


def test_what_a_member_has_spent_is_the_net_of_their_orders(shop, member):
    left = sum(net(shop, member, bought(shop, member, which))[1] for which in EVERY)
    assert growth.in_all(member_id=member.id)["spend"] == left


def test_the_parts_that_an_explanation_shows_are_those_of_the_order_as_it_is_kept(shop, member, now):
    paid = order(shop, member)
    kept = earning_rules.basis(activity.facts_of(paid.purchase))
    told = explanation.explain(member_id=member.id, entry_id=paid.settlement.earn_entry_id, for_member=False, now=shop.now).told
    assert [(part.category, part.basis_cents) for part in told.parts] == [(line.category, line.cents) for line in kept]
    assert [line.cents for line in kept] == [part.paid_cents for part in paid.settlement.how.lines]
    assert sum(line.cents for line in kept) == paid.settlement.basis_cents


def test_an_order_before_the_invitation_completes_it_with_what_was_paid_for_goods(shop, member):
    friend = members.ensure(external_id="M-9", now=shop.now)
    shop.give(friend, 500)
    # Points pay nothing of gold: they pay for half of the shipping.
    held = shop.hold(friend, 500)
    paid = shop.pay(friend, shop.order(5_000, categories=("GOLD",), shipping=1_000, worth=500, hold=held.hold_id))
    assert paid.settlement.basis_cents == 5_000
    members.register(external_id="M-9", referred_by=member.external_id, now=shop.now)
    assert Referral.objects.get(member=friend).amount_cents == paid.settlement.basis_cents


def test_an_order_of_before_without_a_split_is_shared_by_its_lines_amounts(shop, member):
    paid = shop.pay(member, shop.order(3_000, 1_000, shipping=500, discount=400))
    assert [line.paid_cents for line in activity.lines_of(paid.purchase)] == [None, None]
    assert [line.cents for line in earning_rules.basis(activity.facts_of(paid.purchase))] == [2_700, 900]
    shop.refund(1_200)
    assert growth.in_all(member_id=member.id)["spend"] == 2_400


def test_orders_that_were_split_before_their_lines_could_say_so_say_it_since_the_upgrade(shop, member):
    paid, plain = order(shop, member), shop.pay(member, shop.order(3_000))
    lines = activity.lines_of(paid.purchase)
    before = list(lines.values_list("paid_cents", flat=True))
    lines.update(paid_cents=None)
    with connection.cursor() as cursor:
        cursor.execute(import_module("mall.migrations.0016_paid_by_line").TELL_LINES)
    assert list(lines.values_list("paid_cents", flat=True)) == before == [part.paid_cents for part in paid.settlement.how.lines]
    assert [line.paid_cents for line in activity.lines_of(plain.purchase)] == [None]
