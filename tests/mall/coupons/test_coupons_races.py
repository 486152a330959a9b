"""Coupons with many at once, on a real PostgreSQL. Beside each race stands a control: the same without its guard goes wrong."""

import threading
from contextlib import suppress
from functools import partial

import pytest
from django.db import IntegrityError, transaction

from accounts.members import services as members
from loyalty.lib.refusals import BusinessError
from mall.coupons import services
from mall.coupons.models import Coupon
from mall.redemptions import services as redemptions
from points.budgets import services as counters
from points.ledger import services as ledger
from tests import together

pytestmark = pytest.mark.django_db(transaction=True)


at_once = partial(together.at_once, caught=(BusinessError, IntegrityError, AssertionError), atomic=True)


def names(given):
    return sorted(type(one).__name__ for one in given)


@pytest.fixture
def crowd(db, now):
    """Eight members, whose accounts are there."""
    made = [members.register(external_id=f"M-{n}", name="Sample Member", now=now)[0] for n in range(10, 18)]
    with transaction.atomic():
        ledger.lock_all(member_ids=[one.id for one in made])
    return made


@pytest.fixture
def meeting(monkeypatch):
    """`meeting(module, name, many)`: so many callers wait for each other in it before they go on, or a second where others are kept out."""

    def meet(module, name, many):
        original, barrier = getattr(module, name), threading.Barrier(many)

        def waiting(*args, **kwargs):
            given = original(*args, **kwargs)
            with suppress(threading.BrokenBarrierError):
                barrier.wait(1)
            return given

        monkeypatch.setattr(module, name, waiting)

    return meet


def claims(coupons, crowd):
    return at_once(*[lambda one=one, n=n: coupons.claim(one, key=f"K-{n}") for n, one in enumerate(crowd)])


# The pool of a template


def test_of_a_pool_of_three_eight_members_get_three(coupons, crowd):
    coupons.template(claimable=True, per_member=1, in_all=3)
    assert names(claims(coupons, crowd)) == ["Coupon"] * 3 + ["CouponsOut"] * 5
    assert (Coupon.objects.count(), coupons.left()) == (3, 0)


def test_control_counted_before_they_are_issued_more_go_than_there_are(coupons, crowd, monkeypatch):
    coupons.template(claimable=True, per_member=1, in_all=3)
    barrier = threading.Barrier(len(crowd))

    def counted(*, charges, now):
        left = [one for one in charges if Coupon.objects.count() - 1 >= one.limit_times]
        barrier.wait(20)
        return [one.name for one in left]

    monkeypatch.setattr(counters, "take", counted)
    claims(coupons, crowd)
    assert Coupon.objects.count() > 3


def test_rules_that_give_at_once_share_what_is_left(coupons, crowd):
    coupons.template(in_all=5)
    given = at_once(*[lambda one=one, n=n: coupons.won(one, count=2, key=f"effect/{n}") for n, one in enumerate(crowd)])
    assert sum(len(one) for one in given) == Coupon.objects.count() == 5


# Paid for with money


@pytest.fixture
def eight_buy_the_last_three(coupons, mall, crowd):
    """Eight members order one at once, for 100 points and 5.00, and who could then pays; what the orders and the payments gave."""
    coupons.template(in_all=3)
    mall.reward("coupon-10", kind="coupon", item="ten-off", points=100, cents=500, stock=None)
    for one in crowd:
        mall.give(one, 100)

    def buy():
        ordered = at_once(*[lambda one=one, n=n: mall.redeem(one, "coupon-10", key=f"K-{n}") for n, one in enumerate(crowd)])
        held = [one for one in ordered if not isinstance(one, BusinessError)]
        return ordered, at_once(*[lambda row=row: mall.step("confirm", row, paid_cents=500) for row in held])

    return buy


def test_of_the_last_three_coupons_three_are_sold_for_money_and_who_pays_has_one(eight_buy_the_last_three, assert_mall_adds_up, assert_books_balance):
    ordered, paid = eight_buy_the_last_three()
    assert names(ordered) == ["CouponsOut"] * 5 + ["Redemption"] * 3
    assert names(paid) == ["Redeemed"] * 3
    assert list(Coupon.objects.values_list("status", flat=True)) == ["available"] * 3
    assert_mall_adds_up()
    assert_books_balance()


def test_control_without_setting_aside_members_pay_for_coupons_that_are_gone(eight_buy_the_last_three, monkeypatch):
    monkeypatch.setitem(redemptions._hand_outs, "coupon", redemptions._hand_outs["coupon"]._replace(reserve=None))
    ordered, paid = eight_buy_the_last_three()
    assert names(ordered) == ["Redemption"] * 8
    assert names(paid) == ["CouponsOut"] * 5 + ["Redeemed"] * 3


def test_the_last_coupon_is_set_aside_for_a_buyer_or_claimed_by_another_never_both(coupons, mall, crowd):
    mall.give(crowd[0], 600)
    for n in range(6):
        coupons.template(f"last-{n}", in_all=1, claimable=True, per_member=1)
        mall.reward(f"coupon-{n}", kind="coupon", item=f"last-{n}", points=100, cents=500, stock=None)
        given = at_once(lambda n=n: mall.redeem(crowd[0], f"coupon-{n}", key=f"K-{n}"), lambda n=n: coupons.claim(crowd[1], f"last-{n}", key=f"K-{n}"))
        assert [type(one).__name__ for one in given] in (["Redemption", "CouponsOut"], ["CouponsOut", "Coupon"])


# One member, many phones


def test_one_member_claims_no_more_than_their_limit_from_many_phones(coupons, crowd):
    coupons.template(claimable=True, per_member=1)
    given = claims(coupons, [crowd[0]] * 8)
    assert names(given) == ["Coupon"] + ["MemberLimit"] * 7


def test_control_without_the_members_lock_they_get_more(coupons, crowd, meeting, monkeypatch):
    coupons.template(claimable=True, per_member=1)
    monkeypatch.setattr(ledger, "lock", lambda **_: None)
    meeting(services.selectors, "had", 8)
    claims(coupons, [crowd[0]] * 8)
    assert Coupon.objects.count() > 1


# One coupon, two orders


def use_for_eight(coupons, coupon):
    return at_once(*[lambda n=n: coupons.use(coupon, f"A-{n}") for n in range(8)])


def test_one_coupon_is_used_for_one_of_eight_orders(coupons, crowd):
    coupons.template()
    coupon = coupons.issue(crowd[0])
    assert names(use_for_eight(coupons, coupon)) == ["Coupon"] + ["NotUsable"] * 7


def test_without_the_members_lock_the_conditional_update_still_lets_one_through(coupons, crowd, meeting, monkeypatch):
    coupons.template()
    coupon = coupons.issue(crowd[0])
    monkeypatch.setattr(ledger, "lock", lambda **_: None)
    meeting(services.selectors, "why_not", 8)
    assert names(use_for_eight(coupons, coupon)) == ["Coupon"] + ["NotUsable"] * 7


def test_control_without_both_it_pays_for_several(coupons, crowd, meeting, monkeypatch):
    coupons.template()
    coupon = coupons.issue(crowd[0])
    monkeypatch.setattr(ledger, "lock", lambda **_: None)
    monkeypatch.setattr(services, "_move", lambda row, status, **_: Coupon.objects.filter(id=row.id).update(status=status, used_by="A", used_at=coupons.now))
    meeting(services.selectors, "why_not", 8)
    assert len([one for one in use_for_eight(coupons, coupon) if not isinstance(one, BusinessError)]) > 1


# Using against taking away


def test_a_coupon_is_used_or_withdrawn_never_both(coupons, crowd):
    coupons.template()
    for coupon in coupons.issue(crowd[0], count=6):
        used, withdrawn = at_once(
            lambda one=coupon: coupons.use(one),
            lambda one=coupon: services.withdraw(coupon_id=one.id, reason="tests", actor="tests", now=coupons.now),
        )
        kept = coupons.again(coupon)
        assert isinstance(used, BusinessError) != isinstance(withdrawn, BusinessError)
        assert (kept.status, kept.used_by) == (("withdrawn", "") if isinstance(used, BusinessError) else ("used", "A-1"))


def test_given_back_by_many_it_is_given_back_once(coupons, crowd):
    coupons.template()
    coupon = coupons.issue(crowd[0])
    coupons.use(coupon)
    given = at_once(*[lambda: services.give_back_of(member_id=crowd[0].id, purchase_ref="A-1", now=coupons.now)] * 8)
    assert sum(len(one) for one in given if isinstance(one, list)) == 1
    assert coupons.again(coupon).status == "available"
