"""Somebody is erased. What looks back at the orders of all goes on, with the figures that are left of theirs."""

import io
from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from accounts.leaving import services as leaving
from points.rulebook import services as rulebook
from points.simulation import services as simulation
from points.simulation.models import SimulatedMember
from tests.mall.checkout.conftest import Shop, rule

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(now):
    return Shop(now)


@pytest.fixture
def erased(shop, member):
    """Two orders, one refunded by a line, one by an amount; then their member was erased."""
    version = rule(shop.now)
    shop.pay(member, shop.order(6_000, 4_000, number="1"))
    shop.refund(purchase="1", lines=[("2",)])
    shop.pay(member, shop.order(10_000, number="2"))
    shop.refund(3_000, purchase="2")
    maker, checker = (User.objects.create(username=name).pk for name in ("maker", "checker"))
    asked = leaving.request_erasure(member_id=member.id, reason="a letter", operator_id=maker, key=uuid4(), now=shop.now)
    leaving.approve_erasure(erasure_id=asked.id, operator_id=checker, now=shop.now)
    shop.wait(days=8)
    assert leaving.carry_out(seed=b"s" * 32, now=shop.now) == 1
    return version


def test_rules_are_simulated_over_the_orders_of_who_was_erased(shop, erased):
    draft = rulebook.draft(code=erased.rule.code, definition=erased.said, actor="tests", now=shop.now)
    first, last = (shop.now - timedelta(days=9)).date(), shop.now.date()
    row = simulation.ask(version_ids=[draft.id], first=first, last=last, actor="tests", key=uuid4(), now=shop.now)
    while simulation.work(now=shop.now):
        pass
    assert SimulatedMember.objects.filter(simulation=row).values_list("old", "new").get() == (130, 130)


def test_growth_of_earlier_orders_is_counted_over_theirs(erased):
    out = io.StringIO()
    call_command("backfill_growth", "--dry-run", stdout=out)
    assert out.getvalue().startswith("0 facts of 0 members would grow")
