"""Thirty days in a row win a card, the next order is doubled by it, and its refund gives it back."""

from datetime import UTC, datetime, timedelta

import pytest

from accounts.activity import rules as facts
from accounts.members import services as members
from mall.checkout import services as till
from points.cards.models import Card, CardKind
from points.checkin import services as checkin
from points.ledger import selectors as books
from points.rulebook import services as rulebook
from points.rulebook.rules import ONE, Conditions, Definition, Effect

START = datetime(2026, 10, 1, 4, tzinfo=UTC)
DAY = timedelta(days=1)


def publish(code, fact, definition):
    made = rulebook.make(code=code, fact=fact, name_zh=code, name_en=code, definition=definition, actor="tests", now=START - DAY)
    rulebook.publish(version_id=made.id, ever=True, actor="tests", now=START - DAY)


@pytest.fixture
def regular(db):
    CardKind.objects.create(code="double", name_zh="翻倍卡", name_en="Double points", use="multiplier", factor_percent=200, valid_days=30)
    publish("goods", "purchase", Definition(effect=Effect("per_unit", rate=ONE)))
    publish(
        "double", "purchase", Definition(conditions=Conditions(card="double"), effect=Effect("multiplier", factor=2 * ONE), group="promotion", combine="best")
    )
    publish("thirty", "streak_reached", Definition(conditions=Conditions(expression="data.days == 30"), effect=Effect("card", item="double")))
    return members.register(external_id="M-9", now=START - DAY)[0].id


@pytest.fixture
def come(regular, django_capture_on_commit_callbacks):
    def check_in(days):
        for n in days:
            with django_capture_on_commit_callbacks(execute=True):
                checkin.check_in(member_id=regular, actor="tests", now=START + n * DAY)

    return check_in


def buy(member_id, number, day):
    at = START + day * DAY
    till.pay(member_id=member_id, facts=facts.Purchase(number, at, "CNY", 10_000, (facts.Line("1", "MUG", "HOME", "", 1, 10_000),)), actor="tests", now=at)


def refund(number, day, cents, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        at = START + day * DAY
        till.refund(purchase_ref=number, facts=facts.Refund(f"R-{number}-{day}", at, cents, ()), actor="tests", now=at)


def points(member_id, day):
    return books.balance(member_id=member_id, now=START + day * DAY).available


def test_a_card_is_won_used_kept_by_a_partial_refund_and_given_back_by_a_full_one(regular, come, django_capture_on_commit_callbacks, assert_books_balance):
    come(range(29))
    buy(regular, "A-1", 28)
    assert points(regular, 28) == 100
    assert not Card.objects.exists()

    come([29])
    card = Card.objects.get()
    assert (card.status, card.subject) == ("available", f"streak_reached/{START.date()}/30")
    buy(regular, "A-2", 30)
    buy(regular, "A-3", 30)
    assert points(regular, 30) == 100 + 200 + 100
    assert Card.objects.get().used_by == "purchase/A-2"

    refund("A-2", 31, 5_000, django_capture_on_commit_callbacks)
    assert (points(regular, 31), Card.objects.get().status) == (300, "used")
    refund("A-2", 32, 5_000, django_capture_on_commit_callbacks)
    assert (points(regular, 32), Card.objects.get().status) == (200, "available")

    buy(regular, "A-4", 33)
    assert points(regular, 33) == 400
    assert Card.objects.get().used_by == "purchase/A-4"
    assert_books_balance()
