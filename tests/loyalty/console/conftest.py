from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.contrib.auth.models import Group, User
from django.test import Client

from accounts.activity import rules as facts
from mall.checkout import services as till
from points.ledger import services as ledger
from points.rulebook import services as rulebook
from points.terms.rules import NEVER

PASSWORD = "a-sample-password-of-tests"


@pytest.fixture(autouse=True)
def quick_passwords_and_slow_pages(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # Where queries are counted, none is added because the machine is busy.
    settings.CONFIGURATION_SECONDS = 60


@pytest.fixture
def operator(db) -> Callable[..., User]:
    """An operator in that role, made anew each time it is asked for by another name."""

    def make(role: str = "", name: str = "", superuser: bool = False) -> User:
        name = name or role or "nobody"
        found = User.objects.filter(username=name).first()
        if found:
            return found
        user = User.objects.create_user(username=name, password=PASSWORD, is_staff=True, is_superuser=superuser)
        if role:
            user.groups.add(Group.objects.get(name=role))
        return user

    return make


@pytest.fixture
def browser(operator) -> Callable[..., Client]:
    """A browser in which an operator of that role is logged in, reading English unless said otherwise."""

    def open_for(role: str = "", name: str = "", superuser: bool = False, language: str = "en") -> Client:
        client = Client(headers={"accept-language": language})
        client.force_login(operator(role, name, superuser))
        return client

    return open_for


@pytest.fixture
def history(member, other_member, now) -> None:
    """The sample member has bought, spent, given back, and holds points; the other one has bought once."""
    rulebook.publish_formula(points_per_unit=Decimal(1), categories={}, actor="tests", now=now)
    till.publish_policy(points_per_unit=100, threshold=0, step=1, max_share_bps=10_000, actor="tests", now=now)
    for n, whom in enumerate((member, member, member, other_member)):
        at = now - timedelta(days=10 - n)
        line = facts.Line("1", "SKU", "GROCERY/MILK", "", 1, 50_000)
        till.pay(member_id=whom.id, facts=facts.Purchase(f"P-{n}", at, "CNY", 50_000, (line,)), actor="tests", now=at)
    till.refund(purchase_ref="P-1", facts=facts.Refund("R-1", now, 20_000, ()), actor="tests", now=now)
    till.refund(purchase_ref="P-later", facts=facts.Refund("R-2", now, 100, ()), actor="tests", now=now)
    till.park_refund(facts=facts.Refund("R-3", now, 100, ()), member_ref=member.external_id, actor="tests", now=now)
    ledger.earn(member_id=member.id, points=70, source="campaign", policy=NEVER, occurred_at=now, actor="tests", key="campaign/1", now=now)
    ledger.spend(member_id=member.id, points=120, subject="redemption/1", actor="tests", key="redemption/1", now=now)
    ledger.hold(member_id=member.id, points=30, subject="checkout/1", expires_at=now + timedelta(hours=1), actor="tests", key="hold/1", now=now)


@pytest.fixture
def time_machine_at():
    """`with time_machine_at(moment):` everything inside happens then."""
    return lambda moment: time_machine.travel(moment, tick=False)
