"""Who is erased is neither told of any more nor named in what was told."""

import io
import json
import zipfile
from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from accounts.leaving import selectors as leaving_seen
from accounts.leaving import services as leaving
from loyalty.lib.ids import new_id
from loyalty.outbox.rules import Event
from loyalty.webhooks import services
from loyalty.webhooks.models import WebhookAttempt, WebhookDelivery

pytestmark = pytest.mark.django_db


@pytest.fixture
def erase(now):
    def do(member):
        maker, checker = (User.objects.create(username=name).pk for name in ("maker", "checker"))
        asked = leaving.request_erasure(member_id=member.id, reason="a letter", operator_id=maker, key=new_id(), now=now)
        due = leaving.approve_erasure(erasure_id=asked.id, operator_id=checker, now=now).due_at
        assert leaving.carry_out(seed=b"s" * 32, now=due) == 1
        return due

    return do


def test_what_waits_about_an_erased_member_is_not_sent_and_what_was_sent_is_not_kept(endpoint, receiver, happen, member, other_member, send, erase, now):
    receiver.answer = lambda said: 204 if said["data"]["days"] == 1 else 500
    happen(1, 2, 3, member_id=member.id)
    happen(1, member_id=other_member.id)
    send(now)
    due = erase(member)
    assert not WebhookDelivery.objects.filter(member_id=member.id).exists()
    assert not WebhookAttempt.objects.filter(member_id=member.id).exists()
    receiver.answer = lambda _said: 204
    assert send(due + timedelta(days=1)) == {}
    assert WebhookDelivery.objects.get().member_id == other_member.id


def test_another_members_events_name_them_no_more(endpoint, receiver, member, other_member, send, erase, now):
    payload = {"friend": "M-1", "completion": "c", "amount_cents": 5, "occurred_at": now.isoformat()}
    services.enqueue(event=Event(topic="accounts.referral_completed", member_id=other_member.id, payload=payload, now=now))
    receiver.answer, receiver.text = lambda _said: 500, "who is M-1"
    send(now)
    due = erase(member)
    receiver.answer = lambda _said: 200
    send(due + timedelta(days=1))
    told = receiver.taken[0].json["data"]
    assert told["member"] == "M-2"
    assert told["friend"].startswith("erased-")
    assert "M-1" not in json.dumps([*WebhookDelivery.objects.values("payload", "last_error"), *WebhookAttempt.objects.values("detail")])


def test_what_the_storefront_was_told_of_a_member_is_in_their_copy(endpoint, happen, member, now):
    happen(1, member_id=member.id)
    leaving.ask_copy(member_id=member.id, actor="sample", now=now)
    leaving.write_copy(now=now)
    copy = leaving_seen.last_copy(member_id=member.id)
    with zipfile.ZipFile(io.BytesIO(b"".join(leaving_seen.content(copy)))) as archive:
        (told,) = json.loads(archive.read("webhooks.json"))
    assert (told["topic"], told["payload"]["data"]["days"]) == ("member.dormant", 1)
