"""A member's story over the API and the night's jobs: register, buy, look, hold, pay, give back in parts, wait, expire; the books balance."""

import io
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core.management import call_command
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.keys import services as keys
from accounts.keys.models import Scope
from loyalty.audit import services as jobs
from mall.checkout import services as till
from points.rulebook import services as rulebook
from points.terms.models import Terms

pytestmark = pytest.mark.django_db
SHANGHAI = ZoneInfo("Asia/Shanghai")
BEGIN = datetime(2026, 3, 1, 12, tzinfo=SHANGHAI)


class Story:
    """The storefront, from one day to another."""

    def __init__(self, client, clock):
        self.client, self.clock, self.keys = client, clock, count(1)

    def ask(self, method, path, body=None):
        headers = {"Idempotency-Key": f"story-{next(self.keys)}"} if method == "post" else {}
        response = getattr(self.client, method)(f"/api/v1/{path}", body, format="json" if body is not None else None, headers=headers)
        assert response.status_code < 300, response.content
        return response.json()

    @property
    def at(self):
        return datetime.now(SHANGHAI).isoformat()

    def balance(self):
        shown = self.ask("get", "members/M-7/account")
        return tuple(shown[name] for name in ("available", "held", "pending", "debt"))

    def night(self):
        """The jobs of every night."""
        for name in ("points.mature_due", "points.release_overdue", "points.expire_due"):
            jobs.JOBS[name].task()

    def goes_on(self, **kwargs):
        self.clock.shift(timedelta(**kwargs))
        self.night()

    def kinds(self):
        return [entry["kind"] for entry in reversed(self.ask("get", "members/M-7/entries?limit=100")["results"])]


@pytest.fixture
def story(storefront_at, clock):
    return Story(storefront_at, clock)


@pytest.fixture
def clock():
    with time_machine.travel(BEGIN, tick=False) as traveller:
        yield traveller


@pytest.fixture
def storefront_at(clock, db):
    """A storefront's client at the story's beginning, with a programme: a point a yuan, double for shoes, six months."""
    now = timezone.now()
    rulebook.publish_formula(points_per_unit=Decimal(1), categories={"SHOES": "2"}, actor="tests", now=now)
    till.publish_policy(points_per_unit=100, threshold=100, step=50, max_share_bps=5_000, actor="tests", now=now)
    Terms.objects.create(id=1, expiry="months", length=6)
    _key, text = keys.issue(name="sample shop", scopes=Scope.values, expires_at=now + timedelta(days=400), actor="tests", now=now)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Api-Key {text}", HTTP_ACCEPT_LANGUAGE="en")
    return client


def audited():
    said = io.StringIO()
    call_command("audit_ledger", stdout=said)
    return said.getvalue()


def test_a_members_first_orders(story):
    assert story.ask("put", "members/M-7", {"name": "Sample Member", "language": "zh-CN"})["registered"] is True
    assert story.balance() == (0, 0, 0, 0)

    # The first order: 300 yuan of goods, 100 of them shoes.
    first = {
        "id": "1001", "member": "M-7", "occurred_at": story.at, "currency": "CNY", "shipping_cents": 1_000, "paid_cents": 31_000,
        "lines": [
            {"id": "1", "category": "SHOES/RUNNING", "quantity": 1, "amount_cents": 10_000},
            {"id": "2", "category": "HOME", "quantity": 4, "amount_cents": 20_000},
        ],
    }  # fmt: skip
    assert story.ask("post", "purchases", first)["earned"] == 400
    assert story.balance() == (400, 0, 0, 0)

    # A month later: what would this cart earn, and how many points may it use?
    story.goes_on(days=31)
    lines = [{"id": "1", "category": "HOME", "quantity": 2, "amount_cents": 6_000}]
    quote = story.ask("post", "quotes", {"member": "M-7", "lines": lines, "points": 333})
    assert (quote["burn"]["max_points"], quote["burn"]["points"], quote["earn"]) == (400, 300, 57)
    hold = story.ask("post", "holds", {"member": "M-7", "points": 300, "quote": quote["quote"], "purchase": "1002"})
    assert story.balance() == (100, 300, 0, 0)
    second = {"id": "1002", "member": "M-7", "occurred_at": story.at, "currency": "CNY", "paid_cents": 5_700, "hold": hold["id"], "lines": lines}
    paid = story.ask("post", "purchases", second)
    assert (paid["earned"], paid["spent"]) == (57, 300)
    assert story.balance() == (157, 0, 0, 0)

    # One of the two comes back, then a part of the rest, then all of it.
    one = story.ask("post", "purchases/1002/refunds", {"id": "R-1", "occurred_at": story.at, "lines": [{"id": "1", "quantity": 1}]})
    assert (one["restored"], one["clawed_back"]) == (150, 29)
    part = story.ask("post", "purchases/1002/refunds", {"id": "R-2", "occurred_at": story.at, "amount_cents": 1_000})
    assert (part["restored"], part["clawed_back"]) == (52, 10)
    rest = story.ask("post", "purchases/1002/refunds", {"id": "R-3", "occurred_at": story.at, "amount_cents": 1_850})
    assert (rest["restored"], rest["clawed_back"]) == (98, 18)
    assert story.balance() == (400, 0, 0, 0)

    # A hold that nobody pays comes back by itself.
    story.ask("post", "holds", {"member": "M-7", "points": 200})
    story.goes_on(days=1)
    assert story.balance() == (400, 0, 0, 0)

    # The shoes come back after the points were spent: what is missing is owed, and the next order settles it.
    story.ask("post", "members/M-7/spends", {"points": 350, "subject": "game/1"})
    back = story.ask("post", "purchases/1001/refunds", {"id": "R-4", "occurred_at": story.at, "lines": [{"id": "1"}]})
    assert (back["clawed_back"], back["debt"]) == (200, 150)
    third = {"id": "1003", "member": "M-7", "occurred_at": story.at, "currency": "CNY", "paid_cents": 20_000, "lines": [{"amount_cents": 20_000}]}
    assert story.ask("post", "purchases", third)["earned"] == 200
    assert story.balance() == (50, 0, 0, 0)

    # Six months after the last order its points are gone, at the end of that day and not before.
    expiring = story.ask("get", "members/M-7/account")["expiring"]
    assert expiring == [{"at": "2026-10-02T16:00:00Z", "points": 50}]
    story.clock.move_to(datetime(2026, 10, 2, 23, 59, 59, tzinfo=SHANGHAI))
    story.night()
    assert story.balance() == (50, 0, 0, 0)
    story.clock.shift(timedelta(seconds=1))
    assert story.balance() == (0, 0, 0, 0)
    assert story.kinds()[-1] != "expire"
    story.night()
    assert (story.balance(), story.kinds()[-1]) == ((0, 0, 0, 0), "expire")

    # What comes back of an order whose points have expired is not claimed twice.
    late = story.ask("post", "purchases/1003/refunds", {"id": "R-5", "occurred_at": story.at, "amount_cents": 20_000})
    assert (late["clawed_back"], late["waived"], late["debt"]) == (200, 50, 150)
    assert "The books balance." in audited()
    subjects = {entry["subject"] for entry in story.ask("get", "members/M-7/entries?limit=100")["results"]}
    assert subjects >= {"purchase/1001", "game/1", "purchase/1003/refund/R-5"}
