"""The till with many at once, on a real PostgreSQL. Beside each race stands a control: the same without the lock goes wrong."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from django.db import IntegrityError, connection, transaction
from rest_framework.test import APIClient

from accounts.activity import selectors as activity
from accounts.activity import services as recording
from accounts.activity.models import Purchase, PurchaseNumber, Refund, UnmatchedRefund
from loyalty.lib.refusals import BusinessError
from mall.checkout import selectors, services
from mall.checkout.models import Settlement
from mall.coupons import services as coupon_verbs
from mall.coupons.models import Coupon, CouponTemplate
from points.ledger import services as ledger
from points.ledger.models import Entry
from tests import together

pytestmark = pytest.mark.django_db(transaction=True)


at_once = partial(together.at_once, caught=(BusinessError, IntegrityError, AssertionError), atomic=True)


def names(given):
    return sorted(type(one).__name__ for one in given)


@pytest.fixture
def paused(monkeypatch):
    """`with paused(module, name) as go_on:` stop whoever calls it first, after it has run, until `go_on` is set; `reached` says they are there."""

    @contextmanager
    def pause(module, name):
        original, reached, go_on, first = getattr(module, name), threading.Event(), threading.Event(), threading.Lock()

        def stopping(*args, **kwargs):
            result = original(*args, **kwargs)
            if first.acquire(blocking=False):
                reached.set()
                go_on.wait(30)
            return result

        monkeypatch.setattr(module, name, stopping)
        try:
            yield reached, go_on
        finally:
            go_on.set()
            monkeypatch.setattr(module, name, original)

    return pause


@pytest.fixture
def without_the_members_lock(monkeypatch):
    """Once called: the till takes no lock of its own. The account must be there."""
    return lambda: monkeypatch.setattr(ledger, "lock", lambda **_: None)


def meet(paused, module, name, first, second, *, seconds=20.0):
    """`first` stops inside `module.name`; `second` runs meanwhile, to its end or for so long; then both end. What each gave.

    Where a lock stops the second it does not matter how long; the controls, where none does, give it the time it needs.
    """
    given = {}

    def run(who, act):
        try:
            with transaction.atomic():
                given[who] = act()
        except (BusinessError, IntegrityError, AssertionError) as refusal:
            given[who] = refusal
        finally:
            connection.close()

    with paused(module, name) as (reached, go_on):
        one = threading.Thread(target=run, args=("first", first))
        one.start()
        assert reached.wait(20)
        two = threading.Thread(target=run, args=("second", second))
        two.start()
        two.join(seconds)
        go_on.set()
        one.join(20)
        two.join(20)
    return given["first"], given["second"]


# The same purchase from many


def test_one_purchase_told_by_sixteen_at_once_has_one_effect(shop, member, assert_books_balance):
    shop.give(member, 500)
    order = shop.order(10_000, worth=500, hold=shop.hold(member, 500).hold_id)
    given = at_once(*[lambda: shop.pay(member, order)] * 16)
    assert sorted(paid.replayed for paid in given) == [False] + [True] * 15
    assert len({paid.settlement for paid in given}) == 1
    assert list(Entry.objects.order_by("seq").values_list("kind", flat=True)) == ["earn", "hold", "capture", "earn"]
    assert_books_balance()


def test_one_purchase_told_for_two_members_at_once_is_one_of_theirs(shop, member, other_member, assert_books_balance):
    given = at_once(*[lambda who=who: shop.pay(who) for who in (member, other_member) * 4])
    assert names(given) == ["Paid"] * 4 + ["PurchaseConflict"] * 4
    assert sorted(shop.balance(who)[0] for who in (member, other_member)) == [0, 100]
    assert_books_balance()


def test_control_without_the_members_lock_the_second_finds_no_first_answer(shop, member, paused, without_the_members_lock):
    shop.pay(member, shop.order(number="0"))  # the account is there and the currency fixed
    without_the_members_lock()
    first, second = meet(paused, activity, "number", lambda: shop.pay(member), lambda: shop.pay(member))
    assert names([first, second]) == ["Paid", "PurchaseConflict"]


def test_with_it_the_second_finds_the_first_answer(shop, member, paused):
    first, second = meet(paused, activity, "number", lambda: shop.pay(member), lambda: shop.pay(member), seconds=0.3)
    assert (first.replayed, second.replayed, first.settlement) == (False, True, second.settlement)


# A purchase and the refund that came before it


@pytest.mark.parametrize("first", ["pay", "refund"])
def test_a_purchase_and_its_refund_at_the_same_moment_never_miss_each_other(shop, member, paused, first, assert_books_balance):
    """Each is stopped once it has looked for the other and found nothing."""
    acts = {"pay": lambda: shop.pay(member), "refund": lambda: shop.refund(4_000)}
    second = "refund" if first == "pay" else "pay"
    module, name = (recording, "record_purchase") if first == "pay" else (recording, "hold_number")
    meet(paused, module, name, acts[first], acts[second], seconds=0.3)
    assert shop.balance(member) == (60, 0, 0, 0)
    assert Refund.objects.count() == 1
    assert not UnmatchedRefund.objects.filter(status="waiting").exists()
    assert_books_balance()


def test_control_without_the_purchases_number_a_refund_is_missed(shop, member, paused, monkeypatch):
    monkeypatch.setattr(recording, "hold_number", lambda *, external_id: PurchaseNumber(external_id=external_id))
    meet(paused, recording, "record_purchase", lambda: shop.pay(member), lambda: shop.refund(4_000))
    assert UnmatchedRefund.objects.get().status == "waiting"
    assert shop.balance(member) == (100, 0, 0, 0)


def test_many_purchases_and_their_refunds_at_once_all_meet(shop, member, other_member, assert_books_balance):
    acts = []
    for n in range(8):
        whose = (member, other_member)[n % 2]
        acts.append(lambda whose=whose, n=n: shop.pay(whose, shop.order(10_000, number=str(n))))
        acts += [lambda n=n, part=part: shop.refund(2_500, number=f"R-{part}", purchase=str(n)) for part in (1, 2)]
    at_once(*acts)
    assert Refund.objects.count() == 16
    assert not UnmatchedRefund.objects.exclude(status="applied").exists()
    assert [shop.balance(who) for who in (member, other_member)] == [(200, 0, 0, 0)] * 2
    assert_books_balance()


# Partial refunds at once


def test_partial_refunds_at_once_never_exceed_what_was_paid(shop, member, assert_books_balance):
    shop.pay(member)
    given = at_once(*[lambda n=n: shop.refund(3_000, number=f"R-{n}") for n in range(8)])
    assert names(given) == ["RefundExceedsPaid"] * 5 + ["Refunded"] * 3
    settled = Settlement.objects.get()
    assert (settled.refunded_cents, settled.clawed_back, shop.balance(member)) == (9_000, 90, (10, 0, 0, 0))
    assert_books_balance()


def test_the_same_refund_from_many_at_once_is_one(shop, member, assert_books_balance):
    shop.pay(member)
    given = at_once(*[lambda: shop.refund(3_000)] * 8)
    assert sorted(done.replayed for done in given) == [False] + [True] * 7
    assert shop.balance(member) == (70, 0, 0, 0)
    assert_books_balance()


def test_control_without_the_members_lock_two_refunds_give_back_more_than_was_paid(shop, member, paused, without_the_members_lock):
    shop.pay(member)
    without_the_members_lock()
    refunds = [lambda n=n: shop.refund(6_000, number=f"R-{n}") for n in (1, 2)]
    given = meet(paused, activity, "refunds_of", *refunds)
    assert names(given) == ["Refunded", "Refunded"]
    assert sum(Refund.objects.values_list("amount_cents", flat=True)) > Purchase.objects.get().paid_cents


# Holds


def test_one_hold_pays_one_of_many_purchases(shop, member, assert_books_balance):
    shop.give(member, 2_000)
    hold = shop.hold(member, 500).hold_id
    given = at_once(*[lambda n=n: shop.pay(member, shop.order(10_000, number=str(n), worth=500, hold=hold)) for n in range(6)])
    assert names(given) == ["HoldUsed"] * 5 + ["Paid"]
    assert shop.balance(member) == (1_595, 0, 0, 0)
    assert_books_balance()


def test_control_without_the_members_lock_a_lapsed_hold_pays_two(shop, member, paused, without_the_members_lock):
    shop.pay(member)  # the programme's currency is fixed, and no lock any more
    shop.give(member, 2_000)
    hold = shop.hold(member, 500, expires_in=timedelta(minutes=1)).hold_id
    shop.wait(minutes=2)
    without_the_members_lock()
    orders = [shop.order(10_000, number=str(n), worth=500, hold=hold) for n in (1, 2)]
    given = meet(paused, activity, "names_hold", *[lambda order=order: shop.pay(member, order) for order in orders])
    assert names(given) == ["Paid", "Paid"]


# Coupons


@pytest.fixture
def ten_off(shop, member):
    shop.pay(member)  # the programme's currency is fixed, and the account there
    row = CouponTemplate(code="ten-off", name_zh="十元券", name_en="Ten off", kind="amount", amount_cents=1_000, valid_days=30)
    coupon_verbs.keep(template=row, actor="tests", now=shop.now)
    return coupon_verbs.issue(member_id=member.id, template="ten-off", reason="tests", actor="tests", key="K", now=shop.now)[0]


def orders_with(shop, member, coupon, numbers):
    facts = [replace(shop.order(10_000, number=str(n)), discounts=({"code": coupon.code},), paid_cents=9_000) for n in numbers]
    return [lambda one=one: shop.pay(member, one) for one in facts]


def test_one_coupon_goes_on_one_of_many_orders(shop, member, ten_off, assert_books_balance):
    given = at_once(*orders_with(shop, member, ten_off, range(1, 7)))
    assert names(given) == ["CouponRefused"] * 5 + ["Paid"]
    assert Coupon.objects.get().status == "used"
    assert_books_balance()


def test_control_without_the_members_lock_and_the_coupons_guard_it_goes_on_two(shop, member, ten_off, paused, monkeypatch, without_the_members_lock):
    monkeypatch.setattr(coupon_verbs, "use_all", lambda **_: [])
    without_the_members_lock()
    given = meet(paused, selectors, "with_coupons", *orders_with(shop, member, ten_off, (1, 2)))
    assert names(given) == ["Paid", "Paid"]


def test_a_capture_and_the_lapse_of_the_deadline_at_once_settle_the_hold_once(shop, member, assert_books_balance):
    for n in range(6):
        shop.give(member, 100)
        hold = shop.hold(member, 100, expires_in=timedelta(minutes=1)).hold_id
        order, just_past = shop.order(1_000, number=str(n), worth=100, hold=hold), shop.now + timedelta(minutes=1)
        given = at_once(lambda order=order: shop.pay(member, order), lambda moment=just_past: ledger.expire(member_id=member.id, actor="sweep", now=moment))
        assert given[0].settlement.spent == 100
        assert Entry.objects.filter(kind__in=["capture", "release"]).count() == n + 1
        shop.wait(minutes=2)
    assert shop.balance(member) == (6 * 9, 0, 0, 0)
    assert_books_balance()


def test_sixty_four_clients_hold_one_members_points_to_zero_and_never_below(shop, member, assert_books_balance):
    shop.give(member, 500)
    given = at_once(*[lambda: shop.hold(member, 10, key=f"{threading.get_ident()}") for _ in range(64)])
    print(f"{sum(not isinstance(one, BusinessError) for one in given)} of 64 holds succeeded")  # noqa: T201
    assert names(given) == ["CheckoutHold"] * 50 + ["InsufficientPoints"] * 14
    assert shop.balance(member) == (0, 500, 0, 0)
    assert_books_balance()


def test_sixty_four_clients_spend_one_member_to_zero_and_never_below(shop, member, assert_books_balance):
    shop.give(member, 333)
    given = at_once(*[lambda n=n: ledger.spend(member_id=member.id, points=7, actor="client", key=f"spend/{n}", now=shop.now) for n in range(64)])
    print(f"{names(given).count('Entry')} of 64 spends succeeded")  # noqa: T201
    assert names(given) == ["Entry"] * 47 + ["InsufficientPoints"] * 17
    assert shop.balance(member) == (333 - 47 * 7, 0, 0, 0)
    assert_books_balance()


# Guests


def test_two_members_claim_one_guests_purchase_and_one_has_it(shop, member, other_member, assert_books_balance):
    services.keep_guest(facts=shop.order(), now=shop.now)
    refs = ["M-1", "M-2"] * 3
    given = at_once(*[lambda ref=ref: services.claim(purchase_ref="1001", member_ref=ref, actor="shop", now=shop.now) for ref in refs])
    assert names(given) == ["AlreadyClaimed"] * 3 + ["Paid"] * 3
    assert sorted(shop.balance(who)[0] for who in (member, other_member)) == [0, 100]
    assert_books_balance()


def test_a_guests_message_and_the_members_at_once_are_one_purchase(shop, member, assert_books_balance):
    at_once(*[lambda: services.keep_guest(facts=shop.order(), now=shop.now), lambda: shop.pay(member)] * 4)
    assert Purchase.objects.count() == 1
    assert shop.balance(member) == (100, 0, 0, 0)
    assert_books_balance()


def test_an_operators_close_and_the_purchase_at_once_do_one_or_the_other(shop, member, assert_books_balance):
    for n in range(4):
        kept = shop.refund(4_000, purchase=str(n)).waiting
        given = at_once(
            lambda n=n: shop.pay(member, shop.order(10_000, number=str(n))),
            lambda kept=kept: services.close_refund(unmatched_id=kept.id, actor="anna", reason="no", now=shop.now),
        )
        kept.refresh_from_db()
        assert names(given)[0] == "Paid"
        assert Settlement.objects.get(purchase__external_id=str(n)).clawed_back == (40 if kept.status == "applied" else 0)
    assert_books_balance()


# The same request


def test_256_clients_send_one_key_and_there_is_one_effect(shop, member, storefront, assert_books_balance):
    """32 at a time, so that a small PostgreSQL has connections for all."""
    shop.give(member, 500)
    start = threading.Barrier(32)
    authorization = storefront._credentials["HTTP_AUTHORIZATION"]

    def send():
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=authorization)
        try:
            start.wait(20)
            body = {"points": 7, "subject": "game/1"}
            return [client.post("/api/v1/members/M-1/spends", body, format="json", headers={"Idempotency-Key": "one"}) for _ in range(8)]
        finally:
            connection.close()

    with ThreadPoolExecutor(32) as pool:
        responses = [response for sent in [pool.submit(send) for _ in range(32)] for response in sent.result()]
    outcomes = Counter("replayed" if "Idempotent-Replayed" in response else str(response.status_code) for response in responses)
    print(f"256 requests with one key: {dict(outcomes)}")  # noqa: T201
    assert outcomes["201"] == 1
    assert outcomes["replayed"] + outcomes["409"] == 255
    assert len({response.content for response in responses if response.status_code == 201}) == 1
    assert shop.balance(member) == (493, 0, 0, 0)
    assert_books_balance()
