"""Whatever happens to a member's points is told: earned, spent, expired, and given back, taken back, adjusted."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from loyalty.lib import configuration
from loyalty.outbox.models import OutboxRow
from loyalty.webhooks.models import WebhookDelivery
from points.ledger import services as ledger
from points.merging import services as merging
from points.terms.rules import NEVER, ExpiryPolicy

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


class Books:
    """A member's points, from day to day."""

    def __init__(self, member, now, committed):
        self.member, self.now, self.committed, self.keys = member, now, committed, 0

    def do(self, verb, points, **more):
        self.keys += 1
        with self.committed(execute=True):
            return getattr(ledger, verb)(
                member_id=self.member.id, points=points, actor="tests", key=f"{verb}/{self.keys}", now=self.now, **{"subject": "purchase/1001", **more}
            )

    def earn(self, points, policy=NEVER):
        return self.do("earn", points, source="promotion", policy=policy)


@pytest.fixture
def books(member, now, django_capture_on_commit_callbacks):
    return Books(member, now, django_capture_on_commit_callbacks)


def verified(receiver, endpoint, send, at):
    """What the receiver was told, each checked by the reference library: type, points, and what is there besides."""
    send(at)
    told = [one.verified(endpoint.secret) for one in receiver.told]
    assert all(one["data"]["member"] == "M-1" and one["data"]["subject"] in ("purchase/1001", "") for one in told)
    return [(one["type"], one["data"]["points"], one["data"]["available_after"], one["data"].get("waived")) for one in told]


def test_points_that_come_back_are_taken_back_and_adjusted_are_told_in_order(books, receiver, make, send):
    endpoint = make(receiver.url)
    earned = books.earn(100)
    spent = books.do("spend", 80)
    books.do("restore", 30, entry_id=spent.id)
    books.do("clawback", 60, entry_id=earned.id)
    books.do("adjust", 500, reason="goodwill")
    books.do("adjust", -40, reason="a slip")
    assert verified(receiver, endpoint, send, books.now) == [
        ("points.earned", 100, 100, None),
        ("points.spent", 80, 20, None),
        ("points.restored", 30, 50, None),
        ("points.clawed_back", 60, 0, 0),
        ("points.adjusted", 500, 500, None),
        ("points.adjusted", -40, 450, None),
    ]


def test_what_had_expired_is_told_as_such_and_never_as_taken_twice(books, receiver, make, send):
    endpoint = make(receiver.url)
    earned = books.earn(100, ExpiryPolicy("days", 30))
    spent = books.do("spend", 40)
    books.now += 60 * DAY
    books.do("restore", 40, entry_id=spent.id)
    books.do("clawback", 100, entry_id=earned.id)
    assert verified(receiver, endpoint, send, books.now)[2:] == [
        ("points.expired", 60, 0, None),
        ("points.restored", 40, 40, None),
        ("points.expired", 40, 0, None),
        ("points.clawed_back", 100, 0, 100),
    ]


def test_an_adjustment_that_is_owed_is_told_as_taken(books, receiver, make, send):
    endpoint = make(receiver.url, "points.adjusted")
    books.do("adjust", -70, reason="a slip", overdraw=True)
    books.do("adjust", 100, reason="goodwill")
    assert verified(receiver, endpoint, send, books.now) == [("points.adjusted", -70, 0, None), ("points.adjusted", 100, 100, None)]


def test_what_nobody_wants_to_be_told_writes_no_row_and_takes_no_statement_more(books, make, monkeypatch):
    make("https://shop.example.com/webhooks", "points.earned")
    # As in a process that has run for a while, and has not changed who listens.
    configuration._changing.models = set()
    spent, earned = books.earn(900) and books.do("spend", 500), books.earn(100)

    def acts():
        with CaptureQueriesContext(connection) as statements:
            books.do("restore", 10, entry_id=spent.id)
            books.do("clawback", 10, entry_id=earned.id)
            books.do("adjust", 10, reason="goodwill")
            books.do("adjust", -10, reason="a slip")
        return len(statements)

    told = WebhookDelivery.objects.count()
    acts()
    before = acts()
    assert not OutboxRow.objects.filter(topic__in=["points.restored", "points.clawed_back", "points.adjusted"]).exists()
    assert WebhookDelivery.objects.count() == told
    monkeypatch.setattr("loyalty.outbox.services.SUBSCRIBERS", {})
    assert acts() == before


def test_what_a_merged_member_gets_back_is_told_with_what_who_answers_for_them_has_then(books, other_member, receiver, make, send, django_user_model):
    earned = books.earn(100)
    spent = books.do("spend", 80)
    ledger.earn(member_id=other_member.id, points=700, source="promotion", policy=NEVER, actor="tests", key="gift", now=books.now)
    maker, checker = (django_user_model.objects.create_user(name).pk for name in ("maker", "checker"))
    about = {"merged_id": books.member.id, "survivor_id": other_member.id, "reason": "one person", "key": uuid4()}
    asked = merging.request(**about, operator_id=maker, now=books.now)
    merging.approve(merge_id=asked.id, operator_id=checker, now=books.now)
    make(receiver.url, "points.restored", "points.clawed_back")
    with books.committed(execute=True):
        about = {"member_id": books.member.id, "actor": "tests", "now": books.now}
        ledger.restore(**about, points=80, entry_id=spent.id, key="back")
        ledger.clawback(**about, points=10, entry_id=earned.id, key="taken")
        merging.forward(**about)
    send(books.now)
    told = [one.json["data"] for one in receiver.told]
    assert [(one["member"], one["points"], one["available_after"]) for one in told] == [("M-2", 80, 790), ("M-2", 10, 790)]
