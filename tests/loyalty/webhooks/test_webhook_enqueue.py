"""What happens becomes a delivery for every endpoint that asked for it, and nothing for any other."""

import pytest
from django.db import transaction

from accounts.members import services as members
from loyalty.outbox import services as outbox
from loyalty.outbox.models import OutboxRow
from loyalty.outbox.rules import Event
from loyalty.webhooks import selectors, services
from loyalty.webhooks.models import WebhookDelivery, WebhookEndpoint
from points.ledger import services as ledger
from points.terms.rules import NEVER

pytestmark = pytest.mark.django_db
URL = "https://shop.example.com/webhooks"
OURS = "loyalty.subscribers.tell_endpoints"


@pytest.fixture
def earn(member, now, django_capture_on_commit_callbacks):
    def do(points=100, key="k1"):
        with django_capture_on_commit_callbacks(execute=True):
            return ledger.earn(
                member_id=member.id, points=points, policy=NEVER, source="promotion", subject="purchase/1001", occurred_at=now, actor="tests", key=key, now=now
            )

    return do


def test_an_event_that_no_endpoint_wants_is_written_nowhere(earn, make):
    make(URL, "points.expired", "member.registered")
    earn()
    assert not OutboxRow.objects.filter(subscriber=OURS).exists()
    assert not WebhookDelivery.objects.exists()


def test_each_endpoint_that_wants_it_is_told_what_happened_with_the_storefronts_id(earn, make, member, now):
    first, second, _other = make(URL, "points.earned"), make(URL, "points.earned", "points.spent"), make(URL, "points.spent")
    entry = earn(100)
    rows = WebhookDelivery.objects.order_by("id")
    assert [row.endpoint_id for row in rows] == [first.id, second.id]
    assert rows[0].message_id == rows[1].message_id
    assert rows[0].payload == {
        "type": "points.earned",
        "timestamp": now.isoformat(),
        "data": {
            "member": "M-1", "entry": str(entry.id), "points": 100, "subject": "purchase/1001", "occurred_at": now.isoformat(), "available_after": 100,
        },
    }  # fmt: skip


def test_no_endpoint_is_told_after_it_was_switched_off(earn, make, now):
    endpoint = make(URL, "points.earned")
    earn()
    services.switch_off(endpoint_id=endpoint.id, actor="sample", reason="moves", now=now)
    earn(key="k2")
    assert WebhookDelivery.objects.count() == 1


def test_of_a_redemption_that_endpoint_is_told_which_wants_that_step(make, member, now):
    shipped, everything = make(URL, "redemption.shipped"), make(URL)
    told = {"redemption": "r", "reward": "mug", "kind": "goods", "quantity": 1, "points": 5, "cents": 0, "item": "", "status": "shipped"}
    for before in ("fulfilling", "shipped"):
        event = Event(topic="mall.redemption_changed", member_id=member.id, payload={**told, "before": before}, now=now)
        assert selectors.wanted(source=event.topic, payload=event.payload)
        services.enqueue(event=event)
    rows = WebhookDelivery.objects.order_by("id").values_list("endpoint_id", "topic")
    assert list(rows) == [(shipped.id, "redemption.shipped"), (everything.id, "redemption.shipped"), (everything.id, "redemption.changed")]
    assert WebhookDelivery.objects.first().payload["data"] == {
        "member": "M-1", "redemption": "r", "reward": "mug", "kind": "goods", "quantity": 1, "points": 5, "cents": 0, "status": "shipped", "before": "shipped",
    }  # fmt: skip


def test_of_a_redemption_that_waits_for_its_money_that_for_shipping_is_told_apart(make, member, now):
    make(URL, "redemption.held")
    told = {"redemption": "r", "reward": "mug", "kind": "goods", "quantity": 1, "points": 5, "cents": 0, "shipping_cents": 800, "item": ""}
    services.enqueue(event=Event(topic="mall.redemption_changed", member_id=member.id, payload={**told, "status": "held", "before": ""}, now=now))
    data = WebhookDelivery.objects.get().payload["data"]
    assert (data["cents"], data["shipping_cents"]) == (0, 800)


def test_a_merged_member_is_told_by_the_id_of_who_answers_for_them(make, member, other_member, now):
    make(URL)
    members.merge(member_id=other_member.id, into_id=member.id, now=now)
    dormant = {"days": 9, "since": "2026-01-01"}
    services.enqueue(event=Event(topic="tiers.member_dormant", member_id=other_member.id, payload=dormant, now=now))
    services.enqueue(event=Event(topic="points.members_merged", member_id=member.id, payload={"merged": str(other_member.id), "merge": "m"}, now=now))
    assert [row.payload["data"] for row in WebhookDelivery.objects.order_by("id")] == [{"member": "M-1", **dormant}, {"member": "M-1", "merged": "M-2"}]


def test_a_member_who_registers_is_told_of(make, now, django_capture_on_commit_callbacks):
    make(URL, "member.registered")
    with django_capture_on_commit_callbacks(execute=True):
        members.register(external_id="M-7", name="Sample Member", now=now)
    assert WebhookDelivery.objects.get().payload["data"] == {"member": "M-7"}


def test_while_nobody_listens_each_publication_asks_at_most_once_in_a_while(member, now, django_assert_num_queries):
    assert not selectors.wanted(source="points.spent", payload={})
    with transaction.atomic(), django_assert_num_queries(0):
        outbox.publish(topic="points.spent", member_id=member.id, payload={}, now=now)


@pytest.mark.parametrize(
    ("url", "topics", "refusal"),
    [
        ("http://shop.example.com/", ["points.earned"], services.AddressRefused),
        ("https://192.168.0.1/", ["points.earned"], services.AddressRefused),
        (URL, [], services.NothingAsked),
    ],
)
def test_an_endpoint_needs_an_address_and_something_to_be_told(url, topics, refusal, refuses, now):
    with refuses(refusal):
        services.make_endpoint(name="sample shop", url=url, topics=topics, actor="sample", now=now)
    assert not WebhookEndpoint.objects.exists()
