"""An order was received (确认收货)."""

from datetime import timedelta

import pytest

from accounts.activity import selectors as activity
from points.ledger import services as ledger
from points.ledger.models import Entry, Lot

pytestmark = pytest.mark.django_db


@pytest.fixture
def waits_for_receipt(terms):
    terms(pending="delivered", expiry="days", length=30)


def test_what_waits_for_receipt_becomes_available_and_its_term_runs_from_then(shop, member, waits_for_receipt):
    shop.pay(member)
    assert (shop.balance(member), Lot.objects.get().expires_at) == ((0, 0, 100, 0), None)
    shop.wait(days=10)
    shop.delivered()
    lot = Lot.objects.get()
    assert (shop.balance(member), lot.available_at) == ((100, 0, 0, 0), shop.now)
    assert timedelta(days=30) < lot.expires_at - shop.now <= timedelta(days=31)


def test_again_it_changes_nothing_and_the_first_time_stays(shop, member, waits_for_receipt):
    shop.pay(member)
    first = shop.delivered()
    shop.wait(days=1)
    assert shop.delivered() == first
    assert Entry.objects.filter(kind="mature").count() == 1


def test_nothing_matures_early_that_waits_for_a_day(shop, member, terms):
    terms(pending="days", pending_days=7)
    shop.pay(member)
    shop.delivered()
    assert shop.balance(member) == (0, 0, 100, 0)


def test_where_nothing_waits_it_is_only_noted(shop, member):
    paid = shop.pay(member)
    shop.delivered()
    assert shop.settlement(member, paid.purchase).delivered_at == shop.now
    assert shop.balance(member) == (100, 0, 0, 0)


def test_what_was_refunded_meanwhile_does_not_come(shop, member, waits_for_receipt, assert_books_balance):
    shop.pay(member)
    shop.refund(10_000)
    shop.delivered()
    assert shop.balance(member) == (0, 0, 0, 0)
    assert_books_balance()


def test_what_is_owed_is_settled_when_it_matures_and_not_before(shop, member, waits_for_receipt, assert_books_balance):
    shop.pay(member)
    ledger.spend(member_id=member.id, points=30, overdraw=True, actor="tests", key="owed", now=shop.now)
    assert shop.balance(member) == (0, 0, 100, 30)
    shop.delivered()
    assert shop.balance(member) == (70, 0, 0, 0)
    assert_books_balance()


def test_a_purchase_nobody_heard_of_is_refused(shop, refuses):
    with refuses(activity.PurchaseUnknown):
        shop.delivered("nowhere")
