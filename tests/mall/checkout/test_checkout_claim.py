"""A guest's purchase is claimed by a member."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from accounts.activity import selectors as activity
from accounts.activity import services as recording
from accounts.activity.models import GuestPurchase
from accounts.members.models import Member
from mall.checkout import services
from mall.coupons import services as coupon_verbs
from mall.coupons.models import Coupon, CouponTemplate
from points.rulebook import services as rulebook

pytestmark = pytest.mark.django_db


@pytest.fixture
def guest(shop):
    return services.keep_guest(facts=shop.order(), now=shop.now)


def claim(shop, member_ref="M-1", purchase="1001"):
    return services.claim(purchase_ref=purchase, member_ref=member_ref, actor="shop", now=shop.now)


def kept_with_coupon(shop, member, said):
    """A guest's order of 100.00 for which the storefront took off `said`, by a code of the member's that takes off 10.00."""
    template = CouponTemplate(code="ten-off", kind="amount", amount_cents=1_000, valid_days=30, name_zh="十元券", name_en="Ten off")
    coupon_verbs.keep(template=template, actor="tests", now=shop.now)
    [ten] = coupon_verbs.issue(member_id=member.id, template="ten-off", actor="tests", key="K", now=shop.now)
    discounts = ({"code": ten.code, "kind": "coupon", "discount_cents": said},)
    services.keep_guest(facts=replace(shop.order(), discounts=discounts, paid_cents=10_000 - said), now=shop.now)
    return ten


def test_a_claimed_purchase_is_settled_as_if_it_had_been_theirs_from_the_start(shop, member, guest, assert_books_balance):
    shop.wait(days=3)
    paid = claim(shop)
    assert (paid.settlement.earned, paid.purchase.occurred_at) == (100, guest.occurred_at)
    guest.refresh_from_db()
    assert (guest.claimed_by, guest.claimed_at) == (member, shop.now)
    assert_books_balance()


def test_it_is_claimed_once(shop, member, other_member, guest, refuses):
    claim(shop)
    assert claim(shop).replayed
    with refuses(recording.AlreadyClaimed):
        claim(shop, "M-2")
    assert (shop.balance(member)[0], shop.balance(other_member)[0]) == (100, 0)


def test_the_guests_message_again_after_the_claim_changes_nothing(shop, member, guest):
    claim(shop)
    assert services.keep_guest(facts=activity.facts_of(claim(shop).purchase), now=shop.now) == guest
    assert shop.balance(member)[0] == 100


def test_a_member_nobody_knew_is_made_bare_and_not_registered(shop, guest):
    claim(shop, "M-99")
    made = Member.objects.get(external_id="M-99")
    assert (made.registered_at, shop.balance(made)[0]) == (None, 100)


def test_a_purchase_that_is_no_guests_cannot_be_claimed(shop, member, other_member, refuses):
    shop.pay(member)
    for purchase in ("1001", "nowhere"):
        with refuses(activity.PurchaseUnknown):
            claim(shop, "M-2", purchase)


def test_a_version_decides_a_claimed_purchase_of_its_very_first_instant(shop, member, guest, publish_rule):
    publish_rule("2")
    assert claim(shop).settlement.earned == 200


def test_an_order_delivered_while_it_was_a_guests_earns_at_once_when_it_is_claimed(shop, member, terms, guest):
    terms(pending="delivered")
    assert shop.delivered() == shop.now
    shop.wait(days=1)
    assert shop.delivered() == guest.occurred_at
    paid = claim(shop)
    assert (shop.balance(member), paid.settlement.delivered_at) == ((100, 0, 0, 0), guest.occurred_at)
    assert [one["code"] for one in paid.settlement.explanation] == ["basis", "rule_gave", "earned_in_all"]
    assert GuestPurchase.objects.get().claimed_by == member


def test_a_claimed_purchase_earns_by_the_rule_that_was_in_force_when_it_came(shop, member, publish_rule, guest):
    publish_rule("1")
    GuestPurchase.objects.update(recorded_at=shop.now + timedelta(minutes=1))
    rulebook.publish_formula(points_per_unit=Decimal(3), categories={}, actor="tests", now=shop.now + timedelta(minutes=2))
    shop.wait(minutes=3)
    assert claim(shop).settlement.earned == 100


@pytest.mark.parametrize("said", [1_000, 500])
def test_what_was_taken_off_for_a_guests_coupon_stands_whatever_became_of_the_coupon(shop, member, said, assert_books_balance):
    ten = kept_with_coupon(shop, member, said)
    if said == 1_000:
        coupon_verbs.use(code=ten.code, purchase_ref="elsewhere", now=shop.now)
    paid = claim(shop)
    assert (paid.settlement.earned, paid.settlement.paid_cents) == (100 - said // 100, 10_000 - said)
    assert Coupon.objects.get().used_by == ("elsewhere" if said == 1_000 else "")
    assert claim(shop).replayed
    assert_books_balance()


def test_a_guests_coupon_that_is_still_good_is_used_by_the_claim(shop, member):
    kept_with_coupon(shop, member, 1_000)
    claim(shop)
    assert Coupon.objects.get().used_by == "1001"
