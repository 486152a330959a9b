from datetime import timedelta

import pytest
from django.db import connection, transaction

from loyalty.lib.ids import new_id
from loyalty.outbox import services as outbox
from loyalty.outbox.models import OutboxRow
from loyalty.outbox.rules import Event

pytestmark = pytest.mark.django_db
TOPIC = "tests.happened"


def test_an_event_that_nobody_hears_is_not_written(happen, subscribers, django_assert_num_queries, now):
    assert not outbox.heard(TOPIC)
    with transaction.atomic(), django_assert_num_queries(0):
        outbox.publish(topic=TOPIC, member_id=None, payload={}, now=now)
    assert not OutboxRow.objects.exists()


def test_an_event_has_a_row_for_each_of_its_subscribers(happen, heard, subscribers):
    subscribers["other"] = lambda _event: None
    assert outbox.heard(TOPIC)
    happen(1)
    assert set(OutboxRow.objects.values_list("subscriber", flat=True)) == {"ear", "other"}


def test_a_request_delivers_what_it_published_once_it_has_committed(happen, heard, now, django_capture_on_commit_callbacks):
    member_id = new_id()
    with django_capture_on_commit_callbacks(execute=True):
        happen(1, member_id=member_id)
        assert heard == []
    row = OutboxRow.objects.get()
    assert heard == [Event(id=row.id, topic=TOPIC, member_id=member_id, payload={"n": 1}, now=now)]
    assert (row.status, row.settled_at, row.attempts) == (OutboxRow.Status.DELIVERED, now, 0)


def test_a_request_also_delivers_what_waited_before_it_on_the_same_line(happen, heard, django_capture_on_commit_callbacks):
    member_id = new_id()
    happen(1, 2, member_id=member_id)
    with django_capture_on_commit_callbacks(execute=True):
        happen(3, member_id=member_id)
    assert [event.payload["n"] for event in heard] == [1, 2, 3]


def test_a_subscriber_that_fails_does_not_fail_the_request(happen, subscribers, django_capture_on_commit_callbacks):
    def fail(event):
        raise ValueError("no")

    subscribers["ear"] = fail
    with django_capture_on_commit_callbacks(execute=True):
        happen(1)
    assert OutboxRow.objects.get().last_error == "ValueError: no"


def test_a_batch_leaves_its_events_to_the_job(heard, now, django_capture_on_commit_callbacks):
    events = [Event(topic=TOPIC, member_id=new_id(), payload={}, now=now) for _ in range(outbox.LINES_AT_ONCE + 1)]
    with django_capture_on_commit_callbacks(execute=True) as asked, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(*outbox.insertion(events))
    assert asked == []
    outbox.deliver_due(limit=100, now=now)
    assert len(heard) == len(events)


def test_the_insertion_fits_into_a_statement_that_does_more(heard, now):
    events = [Event(topic=TOPIC, member_id=None, payload={"n": number, "words": "it's 50 %"}, now=now) for number in (1, 2)]
    with transaction.atomic(), connection.cursor() as cursor:
        sql, params = outbox.insertion(events)
        cursor.execute(f"WITH told AS ({sql} RETURNING id) SELECT count(*) FROM told", params)  # noqa: S608 (the statement under test)
        assert cursor.fetchone() == (2,)
    assert [row.payload for row in OutboxRow.objects.order_by("id")] == [event.payload for event in events]


def test_the_insertion_of_what_nobody_hears_is_empty(subscribers, now):
    assert outbox.insertion([Event(topic=TOPIC, member_id=None, payload={}, now=now)]) == ("", [])


@pytest.mark.django_db(transaction=True)
def test_an_event_of_a_transaction_that_rolls_back_is_never_told(heard, now):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        outbox.publish(topic=TOPIC, member_id=None, payload={}, now=now)
        raise ZeroDivisionError
    outbox.deliver_due(limit=10, now=now + timedelta(days=1))
    assert heard == []
    assert not OutboxRow.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_publishing_outside_of_a_transaction_is_a_bug(heard, now):
    with pytest.raises(AssertionError):
        outbox.publish(topic=TOPIC, member_id=None, payload={}, now=now)
