"""A guest's purchase is claimed by a member."""

from datetime import timedelta
from decimal import Decimal

import pytest

from accounts.activity import selectors as activity
from accounts.activity import services as recording
from accounts.activity.models import GuestPurchase
from accounts.members.models import Member
from mall.checkout import services
from points.rulebook import services as rulebook

pytestmark = pytest.mark.django_db


@pytest.fixture
def guest(shop):
    return services.keep_guest(facts=shop.order(), now=shop.now)


def claim(shop, member_ref="M-1", purchase="1001"):
    return services.claim(purchase_ref=purchase, member_ref=member_ref, actor="shop", now=shop.now)


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
