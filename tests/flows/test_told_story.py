"""What a member does is told to the storefront's server, all of it, in order, with nothing that is ours alone."""

from datetime import timedelta

import pytest

from accounts.members import services as members
from loyalty.outbox.models import OutboxRow
from loyalty.webhooks import rules
from loyalty.webhooks import services as webhooks
from points.ledger import services as ledger
from points.terms.rules import ExpiryPolicy
from riskcontrol.screening import services as screening
from tests.loyalty.webhooks.receiver import Receiver
from tests.mall.conftest import Mall
from tests.mall.coupons.conftest import Coupons

pytestmark = pytest.mark.django_db


def test_a_members_story_is_told_as_it_happens(now, settings, django_capture_on_commit_callbacks):
    settings.WEBHOOK_INTERNAL_HOSTS = ["127.0.0.1"]
    mall, coupons = Mall(now), Coupons(now)
    mall.reward(points=100)
    coupons.template()
    with Receiver() as receiver:
        _endpoint, secret = webhooks.make_endpoint(name="sample shop", url=receiver.url, topics=list(rules.TOPICS), actor="tests", now=now)
        with django_capture_on_commit_callbacks(execute=True):
            member, _new = members.register(external_id="M-1", name="Sample Member", now=now)
            policy = ExpiryPolicy("days", 30)
            ledger.earn(member_id=member.id, points=500, policy=policy, source="campaign", occurred_at=now, actor="tests", key="campaign/1", now=now)
            mugs = mall.redeem(member, quantity=2)
            mall.step("ship", mugs, carrier="SF", tracking="SF-1")
            mall.step("deliver", mugs)
            for number in (1, 2):
                mall.step("return_", mugs, quantity=1, restock=True, reason="broken", key=f"R-{number}")
            coupon = coupons.issue(member)
            coupons.use(coupon)
            coupons.give_back(coupon)
            entry = screening.block(member_id=member.id, reason="a trial", actor="tests", now=now)
            screening.lift(entry_id=entry.id, reason="over", actor="tests", now=now)
            ledger.expire(member_id=member.id, actor="tests", now=now + timedelta(days=60))
        while webhooks.send_due(limit=100, clock=lambda: now + timedelta(days=60), luck=lambda: 0.5):
            pass
        told = [one.verified(secret) for one in receiver.told]

    assert [one["type"] for one in told] == [
        "member.registered",
        "points.earned",
        "points.spent",
        "redemption.confirmed",
        "redemption.fulfilling",
        "redemption.shipped",
        "redemption.delivered",
        "points.restored",
        "redemption.changed",
        "points.restored",
        "redemption.returned",
        "coupon.issued",
        "coupon.used",
        "coupon.given_back",
        "member.blocked",
        "member.unblocked",
        "points.expired",
    ]
    assert {one["data"]["member"] for one in told} == {"M-1"}
    assert str(member.id) not in b"".join(one.body for one in receiver.told).decode()
    assert [one["data"]["available_after"] for one in told if one["type"].startswith("points.")] == [500, 300, 400, 500, 0]
    assert not OutboxRow.objects.exclude(status=OutboxRow.Status.DELIVERED).exists()
