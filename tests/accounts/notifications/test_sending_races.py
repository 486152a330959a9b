"""Several at once on a real PostgreSQL. The control is the same without the claim, and it sends twice."""

from collections import Counter, deque
from datetime import timedelta
from threading import Barrier, Lock

import pytest
import time_machine
from django.db import connections

from accounts.channels import services as channels
from accounts.channels.rules import Outcome
from accounts.members import services as members
from accounts.notifications import services
from accounts.notifications.models import Attempt, Delivery, Message, NotificationKind, NotificationSettings
from accounts.notifications.services import Notice
from accounts.notifications.tasks import send_messages
from loyalty.audit.models import JobRun
from loyalty.lib.configuration import Configuration
from tests.together import at_once

from .conftest import DEVICE, EXPIRING, NOW, OPEN_ID

pytestmark = pytest.mark.django_db(transaction=True)
State = Delivery.State


class Provider:
    """Takes everything, and counts what it is given."""

    def __init__(self):
        self.got, self._lock = Counter(), Lock()

    def __call__(self, *, key, **about):
        with self._lock:
            self.got[key] += 1
        return Outcome("accepted", f"number-{key}")


@pytest.fixture
def provider(monkeypatch, every_channel):
    taken = Provider()
    monkeypatch.setattr(channels, "hand_over", taken)
    NotificationSettings(id=1, quiet_from=None, quiet_until=None, email_per_minute=0).save()
    NotificationKind.objects.update(channels=["email"])
    Configuration._held.clear()
    return taken


@pytest.fixture
def time_machine_at_noon():
    with time_machine.travel(NOW, tick=True):
        yield


def tell(number, kind="points_expiring"):
    for one in range(number):
        members.register(external_id=f"S-{one}", email=f"s{one}@sample.example", now=NOW)
    ids = members.ensure_all(external_ids=[f"S-{one}" for one in range(number)], now=NOW).values()
    services.notify_all(notices=[Notice(member_id, kind, "k", EXPIRING) for member_id in ids], now=NOW)


def send():
    return services.send_due(limit=200, clock=lambda: NOW)


def test_four_senders_at_once_send_each_message_once(provider):
    tell(60)
    outcomes = sum(at_once(*[send] * 4), Counter())
    assert outcomes == {"handed_over": 60}
    assert set(provider.got.values()) == {1}
    assert (len(provider.got), Attempt.objects.count()) == (60, 60)


def test_without_the_claim_they_would_be_sent_twice(provider, monkeypatch):
    def unclaimed(delivery, *, to, message, now):
        number = Attempt.objects.filter(delivery=delivery).count() + 1
        Delivery.objects.filter(id=delivery.id).update(state=State.SENDING, attempts=number)
        return Attempt(delivery=delivery, member_id=delivery.member_id, number=number, to=to, started_at=now)

    monkeypatch.setattr(services, "_begin", unclaimed)
    tell(60)
    at_once(*[send] * 4)
    assert max(provider.got.values()) > 1


def test_one_worker_waits_for_several_providers_at_the_same_time(provider, monkeypatch):
    """Four hand-overs of which none ends before the fourth has begun."""
    together = Barrier(4)

    def slow(**about):
        together.wait(60)
        return provider(**about)

    monkeypatch.setattr(channels, "hand_over", slow)
    tell(8)
    assert services.send_due(limit=8, at_once=4, clock=lambda: NOW) == {"handed_over": 8}
    assert set(provider.got.values()) == {1}


def test_the_job_sends_all_that_is_due_and_counts_it(provider, time_machine_at_noon):
    tell(30)
    assert services.selectors.would_send(now=NOW) == {"members": 30, "messages": 30}
    send_messages()
    assert JobRun.objects.get(job=services.JOB).counts == {"handed_over": 30}
    assert sum(provider.got.values()) == 30


def test_a_limit_a_minute_holds_for_all_senders_together(provider):
    NotificationSettings.objects.update(email_per_minute=25)
    Configuration._held.clear()
    tell(60)
    assert sum(at_once(*[send] * 4), Counter()) == {"handed_over": 25}
    assert sum(provider.got.values()) == 25


def test_the_same_key_told_by_eight_at_once_is_one_message(provider, ann):
    def tell_once():
        return services.notify(member_id=ann.id, kind="points_expiring", key="k", about=EXPIRING, now=NOW).id

    assert len(set(at_once(*[tell_once] * 8))) == 1
    assert (Message.objects.count(), Delivery.objects.count()) == (1, 1)


def test_the_days_marketing_is_counted_whoever_else_counts(provider, ann):
    NotificationKind.objects.update(channels=["inbox"])
    NotificationSettings.objects.update(marketing_per_day=3)
    Configuration._held.clear()

    def tell_one(number):
        return services.notify(member_id=ann.id, kind="member_dormant", key=f"k-{number}", about={"days": 90}, now=NOW).id

    at_once(*[lambda number=number: tell_one(number) for number in range(8)])
    assert Counter(Delivery.objects.values_list("state", flat=True)) == {State.HANDED_OVER: 3, State.SKIPPED: 5}


def test_two_channels_that_fail_at_once_leave_the_turn_to_the_next(provider, ann, monkeypatch):
    """Two devices of the first channel, refused in the same moment by two senders."""
    NotificationKind.objects.update(channels=["push", "wechat"], way="first")
    Configuration._held.clear()
    for value in (DEVICE, DEVICE + "x"):
        services.keep_address(member_id=ann.id, channel="push", value=value, now=NOW)
    services.keep_address(member_id=ann.id, channel="wechat", value=OPEN_ID, now=NOW)
    services.notify(member_id=ann.id, kind="points_expiring", key="k", about=EXPIRING, now=NOW)
    together = Barrier(2)

    def refuse(*, channel, **about):
        if channel == "push":
            together.wait(60)
        return Outcome("refused")

    monkeypatch.setattr(channels, "hand_over", refuse)
    devices = list(services.selectors.due(limit=10, now=NOW))
    assert len(devices) == 2
    at_once(*[lambda due=due: services._send(due, lambda: NOW) for due in devices])
    assert dict(Delivery.objects.values_list("channel", "state")) == {"push": State.REFUSED, "wechat": State.WAITING}


def test_a_lease_that_ran_out_is_taken_for_unanswered_once(provider, ann):
    NotificationKind.objects.update(resend_unknown=False)
    Configuration._held.clear()
    services.notify(member_id=ann.id, kind="points_expiring", key="k", about=EXPIRING, now=NOW)
    members.register(external_id="M-ann", email="ann@sample.example", now=NOW)
    (due,) = services.selectors.due(limit=10, now=NOW)
    message = services.rendered(kind=due.kind, text=services.selectors.text_for(kind=due.kind.code, channel="email", language="en"), member=ann, about=EXPIRING)
    services._begin(due.delivery, to="ann@sample.example", message=message, now=NOW)
    at_once(*[lambda: services.recover(limit=10, now=NOW + timedelta(minutes=4))] * 4)
    assert list(Attempt.objects.values_list("outcome", flat=True)) == ["unknown"]
    assert Delivery.objects.get().state == State.UNKNOWN


def test_a_pass_over_a_thousand_deliveries_asks_so_much_for_each_and_little_for_all(provider, monkeypatch, django_assert_max_num_queries):
    """Claim, attempt, pace; attempt, outcome: five statements in two transactions for each, and a few looks for a hundred."""
    # The connection itself: its proxy cannot be set back.
    monkeypatch.setattr(connections["default"], "queries_log", deque(maxlen=20_000))
    tell(1000, kind="birthday")
    with django_assert_max_num_queries(1000 * 9 + 10 * 8):
        for _ in range(10):
            assert services.send_due(limit=100, clock=lambda: NOW) == {"handed_over": 100}
    assert services.send_due(limit=100, clock=lambda: NOW) == {}
