"""A shop at the till: what it sells, and its verbs with everything filled in that a test does not care about."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import count

import pytest

from accounts.activity.rules import Line, Purchase, Refund, RefundLine
from loyalty.programme.models import Programme
from mall.checkout import selectors, services
from points.ledger import selectors as books
from points.ledger import services as ledger
from points.rulebook import services as rulebook
from points.terms.models import Terms


class Shop:
    """`now` is the shop's clock; a test moves it. Amounts are in cents."""

    def __init__(self, now):
        self.now = now
        self.keys = count(1)

    def order(self, *amounts, number="1001", shipping=0, worth=0, discount=0, currency="CNY", categories=(), quantity=1, hold="", **more):
        """An order of lines with these amounts, paid in full."""
        lines = tuple(
            Line(str(n), f"SKU-{n}", categories[n - 1] if categories else "", "", quantity, amount) for n, amount in enumerate(amounts or (10_000,), 1)
        )
        discounts = ({"kind": "coupon", "discount_cents": discount},) if discount else ()
        facts = Purchase(number, self.now, currency, 0, lines, shipping, discounts, str(hold or ""))
        return replace(facts, paid_cents=facts.lines_cents + shipping - discount - worth, **more)

    def refunded(self, cents=None, *, number="R-1", lines=(), points=None):
        """A refund by amount, or by lines given as (id, quantity, amount)."""
        return Refund(number, self.now, cents, tuple(RefundLine(*line) for line in lines), points)

    def pay(self, member, facts=None, **kwargs):
        return services.pay(member_id=member.id, facts=facts or self.order(), actor="shop", now=self.now, **kwargs)

    def refund(self, cents=None, *, purchase="1001", **kwargs):
        return services.refund(purchase_ref=purchase, facts=self.refunded(cents, **kwargs), actor="shop", now=self.now)

    def quote(self, member, facts, points=None):
        return selectors.quote(
            member_id=member and member.id, lines=facts.lines, shipping_cents=facts.shipping_cents, discounts=facts.discounts, points=points, now=self.now
        )

    def hold(self, member, points, *, key="", **kwargs):
        return services.hold(member_id=member.id, points=points, actor="shop", key=key or f"hold/{next(self.keys)}", now=self.now, **kwargs)

    def delivered(self, purchase="1001", occurred_at=None):
        return services.delivered(purchase_ref=purchase, occurred_at=occurred_at or self.now, actor="shop", now=self.now)

    def give(self, member, points, **kwargs):
        """Points to spend, from nowhere in particular."""
        return ledger.earn(member_id=member.id, points=points, source="campaign", actor="shop", key=f"give/{next(self.keys)}", now=self.now, **kwargs)

    def balance(self, member):
        """(available, held, pending, debt)"""
        return tuple(books.balance(member_id=member.id, now=self.now))

    def settlement(self, member, purchase):
        return selectors.settlement(member_id=member.id, purchase_id=purchase.id)

    def wait(self, **kwargs):
        self.now += timedelta(**kwargs)


def rule(now, points_per_unit="1", **categories):
    return rulebook.publish_formula(points_per_unit=Decimal(points_per_unit), categories=categories, actor="tests", now=now)


def policy(now, **more):
    plain = {"points_per_unit": 100, "threshold": 0, "step": 1, "max_share_bps": 10_000, "reason": "tests"}
    return services.publish_policy(**{**plain, **more}, actor="tests", now=now)


@pytest.fixture
def publish_rule(db, now):
    return lambda *args, **kwargs: rule(now, *args, **kwargs)


@pytest.fixture
def publish_policy(db, now):
    return lambda **kwargs: policy(now, **kwargs)


@pytest.fixture
def terms(db):
    """Change the terms of the points."""

    def change(**values):
        row = Terms.objects.first() or Terms(id=1)
        for name, value in values.items():
            setattr(row, name, value)
        row.full_clean()
        row.save()

    return change


@pytest.fixture
def programme(db):
    def change(**values):
        row = Programme.objects.first() or Programme(id=1)
        for name, value in values.items():
            setattr(row, name, value)
        row.full_clean()
        row.save()

    return change


@pytest.fixture
def shop(db, now):
    """One point for each whole yuan; 100 points pay one."""
    rule(now)
    return Shop(now)
