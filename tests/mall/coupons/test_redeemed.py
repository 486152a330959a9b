"""Coupons as rewards, by the verbs of redemptions."""

from datetime import timedelta

import pytest

from mall.coupons import events, selectors, services
from mall.coupons.models import Coupon
from mall.redemptions import services as redemptions
from mall.rewards.services import RewardInvalid
from points.ledger.services import InsufficientPoints

Status = Coupon.Status


@pytest.fixture
def on_the_shelf(coupons, mall, member):
    coupons.template(in_all=3)
    mall.reward("coupon-10", kind="coupon", item="ten-off", points=100, stock=None)
    mall.give(member, 500)
    return mall


def test_a_redeemed_coupon_is_in_the_members_hand_at_once(on_the_shelf, member):
    redemption = on_the_shelf.redeem(member, "coupon-10", quantity=2)
    assert redemption.status == "delivered"
    shown = redemptions.handed(redemption)
    assert [one["coupon"] for one in shown] == list(Coupon.objects.order_by("number").values_list("code", flat=True))
    assert "10.00" in shown[0]["text"]


def test_when_the_coupons_are_gone_nothing_is_spent(on_the_shelf, member, refuses):
    with refuses(services.CouponsOut):
        on_the_shelf.redeem(member, "coupon-10", quantity=4)
    assert on_the_shelf.points(member) == 500


def test_without_points_there_is_no_coupon(on_the_shelf, other_member, refuses):
    with refuses(InsufficientPoints):
        on_the_shelf.redeem(other_member, "coupon-10")
    assert not Coupon.objects.exists()


def test_what_was_not_used_can_be_returned_for_its_points(on_the_shelf, coupons, member):
    redemption = on_the_shelf.redeem(member, "coupon-10", quantity=2)
    on_the_shelf.step("return_", redemption, quantity=1, restock=False, reason="tests", key="R-1")
    assert on_the_shelf.points(member) == 400
    assert sorted(Coupon.objects.values_list("status", flat=True)) == [Status.AVAILABLE, Status.WITHDRAWN]
    assert coupons.left() == 2


def test_what_was_returned_is_not_shown_as_handed_out_any_more(on_the_shelf, coupons, member):
    redemption = on_the_shelf.redeem(member, "coupon-10", quantity=3)
    first = redemptions.handed(redemption)[0]
    coupons.use(Coupon.objects.get(code=first["coupon"]))
    on_the_shelf.step("return_", redemption, quantity=1, restock=False, reason="tests", key="R-1")
    shown = [one["coupon"] for one in redemptions.handed(redemption)]
    gone = Coupon.objects.get(status=Status.WITHDRAWN).code
    assert len(shown) == 2
    assert first["coupon"] in shown
    assert gone not in shown


def test_what_was_used_cannot_be_returned(on_the_shelf, coupons, member, refuses):
    redemption = on_the_shelf.redeem(member, "coupon-10")
    coupons.use(Coupon.objects.get())
    with refuses(services.CouponsUsed):
        on_the_shelf.step("return_", redemption, restock=False, reason="tests", key="R-1")
    assert on_the_shelf.points(member) == 400


@pytest.mark.parametrize("template", ["no-such", "gone"])
def test_a_reward_whose_template_cannot_be_had_is_not_kept(coupons, mall, refuses, template):
    coupons.template("gone", active=False)
    with refuses(RewardInvalid) as refused:
        mall.reward("coupon-10", kind="coupon", item=template, stock=None)
    assert refused.value.figures["fields"].keys() == {"item"}


def test_a_template_switched_off_is_not_redeemed_any_more(on_the_shelf, coupons, member, refuses):
    coupons.template(active=False)
    with refuses(services.TemplateInactive):
        on_the_shelf.redeem(member, "coupon-10")
    assert on_the_shelf.points(member) == 500


# Paid for with money


def ten_to_midnight(now):
    """Of the next day, where the programme is."""
    return now.replace(hour=15, minute=50, second=0) + timedelta(days=1)


@pytest.fixture
def for_money(coupons, mall, member, other_member):
    """The last two coupons of a template, each for 100 points and 5.00."""
    coupons.template(in_all=2)
    mall.reward("coupon-10", kind="coupon", item="ten-off", points=100, cents=500, stock=None)
    mall.give(member, 500)
    mall.give(other_member, 500)
    return mall


def test_the_last_coupon_of_who_is_paying_goes_to_nobody_else(for_money, coupons, member, other_member, refuses, assert_mall_adds_up):
    held = for_money.redeem(member, "coupon-10", quantity=2)
    with refuses(services.CouponsOut):
        coupons.issue(other_member)
    with refuses(services.CouponsOut):
        for_money.redeem(other_member, "coupon-10")
    assert_mall_adds_up()
    paid = for_money.step("confirm", held, paid_cents=1000).redemption
    assert (len(redemptions.handed(paid)), for_money.points(other_member)) == (2, 500)
    assert_mall_adds_up()


def test_what_waits_for_payment_is_seen_by_nobody_and_cannot_be_used(for_money, coupons, member, refuses):
    held = for_money.redeem(member, "coupon-10")
    reserved = Coupon.objects.get()
    assert redemptions.handed(held) == list(selectors.coupons(member_id=member.id, now=coupons.now)) == []
    assert selectors.usable(member_id=member.id, now=coupons.now) == []
    with refuses(services.NotUsable):
        coupons.use(reserved)
    with refuses(services.NotAvailable):
        services.withdraw(coupon_id=reserved.id, reason="tests", actor="tests", now=coupons.now)


@pytest.mark.parametrize("how", ["cancel", "lapse"])
def test_what_is_not_paid_is_for_others_again(for_money, coupons, member, other_member, how, assert_mall_adds_up):
    held = for_money.redeem(member, "coupon-10", quantity=2)
    if how == "lapse":
        for_money.wait(hours=1)
    for_money.step(how, held)
    assert (Coupon.objects.count(), coupons.left()) == (0, 2)
    assert_mall_adds_up()
    for_money.redeem(other_member, "coupon-10", quantity=2)
    assert_mall_adds_up()


def test_what_waits_for_payment_counts_for_the_members_own_limit(for_money, coupons, member, refuses):
    coupons.template(per_member=1)
    held = for_money.redeem(member, "coupon-10")
    with refuses(services.MemberLimit):
        coupons.issue(member)
    for_money.step("confirm", held, paid_cents=500)
    assert Coupon.objects.get().status == Status.AVAILABLE


def test_who_has_paid_gets_it_whatever_became_of_its_template_meanwhile(for_money, coupons, member):
    held = for_money.redeem(member, "coupon-10")
    coupons.template(active=False, amount_cents=300, ends_on=coupons.now.date() - timedelta(days=1))
    for_money.wait(minutes=5)
    for_money.step("confirm", held, paid_cents=500)
    assert coupons.applied(member, Coupon.objects.get().code).discount_cents == 1000


def test_its_time_runs_from_when_it_was_paid(for_money, coupons, member, other_member):
    """From the day on which it is paid, which is the next one where the hold is taken before midnight."""
    for_money.now = ten_to_midnight(coupons.now)
    held = for_money.redeem(member, "coupon-10")
    for_money.wait(minutes=20)
    for_money.step("confirm", held, paid_cents=500)
    paid = Coupon.objects.get(member_id=member.id)
    coupons.now = for_money.now
    assert (paid.issued_at, paid.expires_at) == (coupons.now, coupons.issue(other_member).expires_at)


def test_nothing_is_sold_that_will_be_over_before_it_must_be_paid(for_money, coupons, member, refuses):
    for_money.now = ten_to_midnight(coupons.now)
    coupons.template(ends_on=for_money.now.date())
    with refuses(services.TemplateOver):
        for_money.redeem(member, "coupon-10")
    assert for_money.points(member) == 500


def test_it_is_told_as_issued_when_it_is_paid_and_not_before(for_money, member, monkeypatch):
    told = []
    monkeypatch.setattr(services.outbox, "publish", lambda **event: told.append((event["topic"], event["payload"])))
    monkeypatch.setattr(services.outbox, "heard", lambda _topic: True)
    held = for_money.redeem(member, "coupon-10")
    assert [topic for topic, _payload in told if topic == events.COUPON_CHANGED] == []
    for_money.step("confirm", held, paid_cents=500)
    [payload] = [payload for topic, payload in told if topic == events.COUPON_CHANGED]
    assert (payload["before"], payload["status"]) == ("", "available")


def test_a_merge_lets_go_what_its_member_had_not_paid(for_money, coupons, member, other_member):
    for_money.redeem(member, "coupon-10")
    redemptions.cancel_held(member_id=member.id, actor="merge", now=coupons.now)
    assert coupons.left() == 2
