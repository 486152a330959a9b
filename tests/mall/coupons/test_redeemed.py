"""Coupons as rewards, by the verbs of redemptions."""

import pytest

from mall.coupons import services
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
