from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from accounts.activity import rules as facts
from accounts.members import selectors as members_seen
from mall.checkout import services as till
from points.ledger import selectors as books
from points.ledger import services as ledger
from points.merging import services
from points.rulebook import services as rulebook
from points.terms.rules import NEVER


@pytest.fixture
def operator(db) -> Callable[[str], User]:
    return lambda name: User.objects.get_or_create(username=name, defaults={"is_staff": True})[0]


@pytest.fixture
def merge(operator, now) -> Callable:
    """Merge one member into another, by two operators."""

    def do(merged, survivor):
        asked = services.request(merged_id=merged.id, survivor_id=survivor.id, reason="one person", operator_id=operator("maker").pk, key=uuid4(), now=now)
        return services.approve(merge_id=asked.id, operator_id=operator("checker").pk, now=now)

    return do


@pytest.fixture
def give(now) -> Callable:
    """Give a member points, an hour ago."""

    def do(member, points, policy=NEVER, **more):
        earlier = now - timedelta(hours=1)
        about = {"source": "campaign", "policy": policy, "occurred_at": earlier, "actor": "tests", "key": f"gift/{uuid4()}", "now": earlier}
        return ledger.earn(member_id=member.id, points=points, **{**about, **more})

    return do


@pytest.fixture
def buckets(now) -> Callable:
    """What a member has: available, held, pending, debt."""
    return lambda member: tuple(books.balance(member_id=member.id, now=now))


@pytest.fixture
def one_for_one(now) -> None:
    """Purchases earn one point for each unit of money."""
    rulebook.publish_formula(points_per_unit=Decimal(1), categories={}, actor="tests", now=now)


@pytest.fixture
def buy(now, one_for_one) -> Callable:
    """A member pays an order, a day ago."""

    def do(member_ref, number, cents=10_000, paid=None, hold=""):
        member = members_seen.get(member_ref)
        lines = (facts.Line("1", "MUG", "HOME", "", 1, cents),)
        bought = facts.Purchase(number, now - timedelta(days=1), "CNY", cents if paid is None else paid, lines, hold=hold)
        return till.pay(member_id=member.id, facts=bought, actor="tests", now=now)

    return do


@pytest.fixture
def refund(now) -> Callable:
    def do(purchase, number, cents):
        return till.refund(purchase_ref=purchase, facts=facts.Refund(number, now, cents), actor="tests", now=now)

    return do
