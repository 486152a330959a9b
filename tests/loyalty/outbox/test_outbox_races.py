import random
import threading
from collections import defaultdict
from contextlib import suppress

import pytest
from django.db import OperationalError, connection

from loyalty.audit import services as audit
from loyalty.audit.models import AuditEntry
from loyalty.lib.ids import new_id
from loyalty.outbox import selectors
from loyalty.outbox import services as outbox
from loyalty.outbox.models import OutboxRow

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("left_to_the_job")]


@pytest.fixture
def while_the_first_is_being_delivered(happen, subscribers, aside, now):
    """Write two rows of a line, and call a function while a deliverer holds the first; what was begun and done, in order."""

    def meet(function):
        begun, done = [], []
        held, go_on = threading.Event(), threading.Event()

        def ear(event):
            begun.append(event.payload["n"])
            if len(begun) == 1:
                held.set()
                assert go_on.wait(20)
            done.append(event.payload["n"])

        subscribers["ear"] = ear
        happen(1, 2, member_id=new_id())
        deliverer = aside(lambda: outbox.deliver_due(limit=10, now=now))
        try:
            assert held.wait(20)
            function()
        finally:
            go_on.set()
            deliverer.join()
        return begun, done

    return meet


def test_a_second_deliverer_touches_neither_the_row_in_hand_nor_the_ones_behind_it(while_the_first_is_being_delivered, now):
    seen = []
    begun, done = while_the_first_is_being_delivered(lambda: seen.append(outbox.deliver_due(limit=10, now=now)))
    assert seen == [{}]
    assert begun == done == [1, 2]


def test_control_without_the_lock_a_row_is_delivered_twice(while_the_first_is_being_delivered, monkeypatch, now):
    monkeypatch.setattr(outbox, "_claim", lambda *_line: selectors.claimable(now=now).order_by("id").first())
    begun, _done = while_the_first_is_being_delivered(lambda: outbox.deliver_due(limit=10, now=now))
    assert begun.count(1) == 2


def test_control_a_lock_that_only_skips_delivers_out_of_order(while_the_first_is_being_delivered, monkeypatch, now):
    def any_due(*_line):
        return OutboxRow.objects.filter(status="waiting").select_for_update(skip_locked=True).order_by("id").first()

    monkeypatch.setattr(outbox, "_claim", any_due)
    _begun, done = while_the_first_is_being_delivered(lambda: outbox.deliver_line(subscriber="ear", member_id=None, limit=1, now=now))
    assert done == [2, 1]


def test_many_deliverers_deliver_each_row_once_and_each_line_in_order(happen, subscribers, aside, now):
    heard = defaultdict(list)
    dice = random.Random(7)

    def ear(event):
        if dice.random() < 0.2:
            raise RuntimeError("now and then")
        audit.record(actor="ear", verb="heard", subject=f"{event.member_id}/{event.payload['n']}", now=now)
        heard[event.member_id].append(event.payload["n"])

    subscribers["ear"] = ear
    members = [new_id() for _ in range(12)]
    for number in range(5):
        for member_id in members:
            happen(number, member_id=member_id)

    def deliver():
        # What failed is brought back at once, so that deliverers meet over and over.
        for _ in range(40):
            OutboxRow.objects.filter(status="waiting", due_at__gt=now).update(due_at=now, attempts=0)
            outbox.deliver_due(limit=100, now=now)

    for thread in [aside(deliver) for _ in range(4)]:
        thread.join()
    assert {member_id: heard[member_id] for member_id in members} == {member_id: [0, 1, 2, 3, 4] for member_id in members}
    assert AuditEntry.objects.count() == AuditEntry.objects.values("subject").distinct().count() == 60
    assert not OutboxRow.objects.exclude(status="delivered").exists()


def test_a_deliverer_that_dies_in_the_middle_loses_nothing_and_doubles_nothing(happen, subscribers, aside, now):
    def die(event):
        audit.record(actor="ear", verb="heard", subject="", now=now)
        with suppress(OperationalError), connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        raise SystemExit

    subscribers["ear"] = die
    happen(1)

    def deliver():
        with suppress(SystemExit):
            outbox.deliver_due(limit=10, now=now)

    aside(deliver).join()
    row = OutboxRow.objects.get()
    assert (row.status, row.attempts, AuditEntry.objects.count()) == ("waiting", 0, 0)
    subscribers["ear"] = lambda _event: audit.record(actor="ear", verb="heard", subject="", now=now)
    assert outbox.deliver_due(limit=10, now=now) == {"delivered": 1}
    assert AuditEntry.objects.count() == 1


def test_of_two_failures_of_one_row_at_once_one_counts(happen, subscribers, now):
    def fail(event):
        raise RuntimeError("first")

    subscribers["ear"] = fail
    happen(1)
    as_the_slower_saw_it = OutboxRow.objects.get()
    outbox.deliver_due(limit=1, now=now)
    outbox._put_off(as_the_slower_saw_it, RuntimeError("second"), now)
    row = OutboxRow.objects.get()
    assert (row.attempts, row.last_error) == (1, "RuntimeError: first")
