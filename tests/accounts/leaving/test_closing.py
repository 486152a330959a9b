"""A closed member: what stops, what goes on, and opening again."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from accounts.leaving import services
from accounts.members.models import Member
from loyalty.audit.models import AuditEntry
from points.ledger import services as ledger
from points.rulebook import services as rulebook
from points.terms.rules import NEVER

pytestmark = pytest.mark.django_db


@pytest.fixture
def publish_one_for_one(now):
    rulebook.publish_formula(points_per_unit=Decimal(1), categories={}, actor="tests", now=now)


@pytest.fixture
def closed(member, storefront, now):
    ledger.earn(member_id=member.id, points=500, source="campaign", policy=NEVER, actor="tests", key="g", now=now)
    answer = storefront.post("/api/v1/members/M-1/close", {"reason": "asked"}, format="json", headers={"Idempotency-Key": "c-1"})
    assert (answer.status_code, answer.json()) == (200, {"member": "M-1", "status": "closed"})
    return member


def post(storefront, path, body, key="k"):
    answer = storefront.post(f"/api/v1/{path}", body, format="json", headers={"Idempotency-Key": key})
    return answer.status_code, answer.json().get("code")


def test_what_a_closed_member_does_is_refused(closed, storefront, member_client, now):
    at = timezone.now().isoformat()
    assert storefront.put("/api/v1/members/M-1", {"name": "x"}, format="json").json()["code"] == "member_closed"
    assert storefront.post("/api/v1/members/M-1/token").json()["code"] == "member_closed"
    assert member_client.get("/api/v1/me/account").status_code == 401
    assert post(storefront, "holds", {"member": "M-1", "points": 5}) == (403, "screened")
    assert post(storefront, "members/M-1/spends", {"points": 5, "subject": "x"}) == (403, "screened")
    event = {"id": "E", "kind": "liked", "member": "M-1", "occurred_at": at, "data": {"subject": "S"}}
    assert storefront.post("/api/v1/events", {"events": [event]}, format="json").json()["results"][0]["code"] == "member_closed"


def test_a_purchase_is_recorded_and_earns_nothing(closed, storefront, publish_one_for_one):
    body = {"id": "1001", "member": "M-1", "occurred_at": timezone.now().isoformat(), "currency": "CNY", "lines": [{"amount_cents": 100}], "paid_cents": 100}
    answer = storefront.post("/api/v1/purchases", body, format="json", headers={"Idempotency-Key": "p"})
    assert (answer.status_code, answer.json()["earned"]) == (201, 0)


def test_what_puts_right_goes_on(member, storefront, publish_one_for_one, now):
    body = {
        "id": "1001",
        "member": "M-1",
        "occurred_at": timezone.now().isoformat(),
        "currency": "CNY",
        "lines": [{"amount_cents": 9_900}],
        "paid_cents": 9_900,
    }
    assert storefront.post("/api/v1/purchases", body, format="json", headers={"Idempotency-Key": "p"}).json()["earned"] == 99
    hold = storefront.post("/api/v1/holds", {"member": "M-1", "points": 10}, format="json", headers={"Idempotency-Key": "h"}).json()["id"]
    services.close(member_id=member.id, actor="tests", now=now)
    assert storefront.post(f"/api/v1/holds/{hold}/capture", {}, format="json", headers={"Idempotency-Key": "c"}).status_code == 200
    refund = {"id": "R", "occurred_at": timezone.now().isoformat(), "amount_cents": 9_900}
    assert storefront.post("/api/v1/purchases/1001/refunds", refund, format="json", headers={"Idempotency-Key": "r"}).json()["clawed_back"] == 99


def test_closing_again_says_the_same_and_is_on_record_once(closed, storefront):
    assert post(storefront, "members/M-1/close", {}, key="c-2") == (200, None)
    assert AuditEntry.objects.filter(verb="member.closed").count() == 1


def test_opened_again_the_member_goes_on(closed, storefront, refuses, now):
    with refuses(services.ReasonMissing):
        services.reopen(member_id=closed.id, reason="", actor="tests", now=now)
    assert services.reopen(member_id=closed.id, reason="asked", actor="tests", now=now)
    assert not services.reopen(member_id=closed.id, reason="asked", actor="tests", now=now)
    closed.refresh_from_db()
    assert closed.status == Member.Status.ACTIVE
    assert post(storefront, "members/M-1/spends", {"points": 5, "subject": "x"}) == (201, None)
    assert AuditEntry.objects.filter(verb="member.reopened", at__gte=now - timedelta(seconds=1)).count() == 1
