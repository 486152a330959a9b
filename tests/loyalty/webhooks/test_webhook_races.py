"""Several senders at once send each thing once, and each member's in order."""

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection

from accounts.members import services as members
from loyalty.webhooks import selectors, services
from loyalty.webhooks.models import WebhookDelivery, WebhookEndpoint

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def endpoint(make, receiver):
    return make(receiver.url, "member.dormant")


def send_in_threads(senders, now):
    def run(_number):
        try:
            while services.send_due(limit=20, at_once=2, clock=lambda: now, luck=lambda: 0.5):
                pass
        finally:
            connection.close()

    with ThreadPoolExecutor(senders) as pool:
        list(pool.map(run, range(senders)))


@pytest.fixture
def everybody(happen, now):
    """Three members, to whom ten things happen each, in turns."""
    people = [members.register(external_id=f"M-{100 + number}", now=now)[0] for number in range(3)]
    for number in range(10):
        for who in people:
            happen(number, member_id=who.id)
    return [who.external_id for who in people]


def told_of(receiver):
    got = defaultdict(list)
    for one in receiver.told:
        got[one.json["data"]["member"]].append(one.json["data"]["days"])
    return got


def test_several_senders_send_each_thing_once_and_each_members_in_order(endpoint, receiver, everybody, now):
    send_in_threads(3, now)
    assert told_of(receiver) == {who: list(range(10)) for who in everybody}
    assert set(WebhookDelivery.objects.values_list("status", flat=True)) == {"delivered"}


def test_without_the_claim_things_would_be_sent_twice(endpoint, receiver, everybody, now, monkeypatch):
    """The control: senders that do not ask whether another one has it."""
    monkeypatch.setattr(services, "LEASE", timedelta(seconds=-1))
    send_in_threads(3, now)
    assert len(receiver.told) > 30


def test_a_delivery_that_is_dropped_while_its_answer_is_waited_for_stays_dropped(endpoint, receiver, happen, member, now):
    happen(1, member_id=member.id)
    row = WebhookDelivery.objects.get()

    def drop_meanwhile(_said):
        try:
            services.drop(delivery_id=row.id, actor="sample", reason="too late", now=now)
        finally:
            connection.close()
        return 204

    receiver.answer = drop_meanwhile
    assert services.send_due(limit=1, clock=lambda: now, luck=lambda: 0.5) == {}
    row.refresh_from_db()
    assert (row.status, row.tries.count()) == ("dropped", 0)
    assert not selectors.open_rows(endpoint_id=endpoint.id).exists()


@pytest.mark.parametrize("how", ["switched off", "moved"])
def test_an_endpoint_that_is_switched_off_or_moved_between_two_requests_gets_no_other_at_its_old_address(endpoint, receiver, happen, member, now, how):
    happen(1, 2, 3, member_id=member.id)

    def decide_meanwhile(_said):
        try:
            if how == "moved":
                about = {"name": endpoint.name, "topics": endpoint.topics, "url": receiver.url + "/new"}
                services.change_endpoint(endpoint_id=endpoint.id, **about, actor="sample", now=now)
            elif not WebhookEndpoint.objects.get(id=endpoint.id).off_at:
                services.switch_off(endpoint_id=endpoint.id, actor="sample", reason="not ours any more", now=now)
        finally:
            connection.close()
        return 204

    receiver.answer = decide_meanwhile
    while services.send_due(limit=10, clock=lambda: now, luck=lambda: 0.5):
        receiver.answer = lambda _said: 204
    old = [told for told in receiver.told if not told.path.endswith("/new")]
    assert (len(old), len(receiver.told)) == ((1, 3) if how == "moved" else (1, 1))
