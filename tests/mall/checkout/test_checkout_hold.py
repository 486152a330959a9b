"""Points set aside for an order."""

from datetime import timedelta

import pytest

from mall.checkout import selectors, services
from mall.checkout.models import CheckoutHold
from points.ledger import services as ledger
from riskcontrol.screening import services as screening

pytestmark = pytest.mark.django_db


def test_a_hold_sets_points_aside_until_its_deadline(shop, member):
    shop.give(member, 1_000)
    made = shop.hold(member, 400, expires_in=timedelta(minutes=5))
    assert (made.worth_cents, made.total_cents, made.hold.expires_at) == (400, None, shop.now + timedelta(minutes=5))
    assert shop.balance(member) == (600, 400, 0, 0)
    shop.wait(minutes=5)
    assert shop.balance(member) == (1_000, 0, 0, 0)
    assert selectors.status_at(made.hold, now=shop.now) == "lapsed"


def test_a_hold_from_a_quote_carries_the_orders_total(shop, member):
    shop.give(member, 1_000)
    quote = shop.quote(member, shop.order(10_000, shipping=500))
    assert shop.hold(member, 400, quote=quote.token, purchase_ref="1001").total_cents == 10_500


@pytest.mark.parametrize(("points", "good"), [(199, False), (200, True), (250, False), (300, True), (301, False), (400, False)])
def test_a_hold_keeps_to_threshold_step_and_share_of_the_order(shop, member, publish_policy, refuses, points, good):
    publish_policy(threshold=200, step=100, max_share_bps=300)
    shop.give(member, 1_000)
    token = shop.quote(member, shop.order(10_000)).token
    if good:
        assert shop.hold(member, points, quote=token).worth_cents == points
    else:
        with refuses(services.PointsExceedPolicy):
            shop.hold(member, points, quote=token)


def test_where_points_may_pay_nothing_none_are_held(shop, member, publish_policy, refuses):
    publish_policy(max_share_bps=0)
    shop.give(member, 1_000)
    with refuses(services.PointsExceedPolicy):
        shop.hold(member, 1)


def test_a_quote_that_lets_no_points_go_with_its_coupon_makes_no_hold(shop, member, publish_policy, refuses):
    publish_policy(with_coupons=False)
    token = shop.quote(member, shop.order(10_000, discount=500)).token
    shop.give(member, 1_000)
    with refuses(services.PointsExceedPolicy) as refused:
        shop.hold(member, 400, quote=token)
    assert refused.value.figures["max_points"] == 0


def test_a_hold_pins_the_policy_of_its_quote_even_if_another_was_published_in_between(shop, member, publish_policy):
    publish_policy(points_per_unit=100)
    shop.give(member, 1_000)
    token = shop.quote(member, shop.order(10_000)).token
    publish_policy(points_per_unit=500, threshold=900)
    assert (made := shop.hold(member, 400, quote=token)).worth_cents == 400
    assert made.burn_policy.number == 1


def test_without_a_quote_the_policy_in_force_is_pinned(shop, member, publish_policy):
    publish_policy(points_per_unit=100)
    publish_policy(points_per_unit=500)
    shop.give(member, 1_000)
    made = shop.hold(member, 500)
    assert (made.burn_policy.number, made.worth_cents) == (2, 100)


def test_a_quote_from_before_any_policy_pins_that_there_was_none(shop, member, publish_policy):
    shop.give(member, 1_000)
    token = shop.quote(member, shop.order(10_000)).token
    publish_policy(points_per_unit=500)
    made = shop.hold(member, 500, quote=token)
    assert (made.burn_policy, made.worth_cents) == (None, 500)


def test_another_members_quote_is_refused(shop, member, other_member, refuses):
    shop.give(member, 1_000)
    token = shop.quote(other_member, shop.order(10_000)).token
    with refuses(selectors.QuoteInvalid):
        shop.hold(member, 400, quote=token)


def test_more_than_is_available_is_refused(shop, member, refuses):
    shop.give(member, 399)
    with refuses(ledger.InsufficientPoints):
        shop.hold(member, 400)


def test_a_blocked_member_holds_nothing(shop, member, refuses):
    shop.give(member, 400)
    screening.block(member_id=member.id, reason="many accounts", actor="tests", now=shop.now)
    with refuses(screening.Screened):
        shop.hold(member, 400)


def test_a_frozen_member_holds_nothing(shop, member, refuses):
    shop.give(member, 400)
    ledger.freeze(member_id=member.id, actor="tests", reason="looking into it", key="freeze", now=shop.now)
    with refuses(ledger.AccountFrozen):
        shop.hold(member, 400)


def test_the_same_key_again_is_the_same_hold(shop, member, refuses):
    shop.give(member, 1_000)
    first = shop.hold(member, 400, key="k")
    assert shop.hold(member, 400, key="k") == first
    assert CheckoutHold.objects.count() == 1
    with refuses(ledger.KeyConflict):
        shop.hold(member, 401, key="k")
