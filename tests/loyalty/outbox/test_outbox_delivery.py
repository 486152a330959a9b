from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import IntegrityError, transaction

from loyalty.audit import services as audit
from loyalty.audit.models import AuditEntry, JobRun
from loyalty.lib.ids import new_id
from loyalty.lib.readiness import NotReady
from loyalty.outbox import selectors, tasks
from loyalty.outbox import services as outbox
from loyalty.outbox.models import OutboxRow
from loyalty.outbox.rules import BACK_OFF, next_attempt

pytestmark = pytest.mark.django_db
Status = OutboxRow.Status


def numbers(events):
    return [event.payload["n"] for event in events]


@pytest.fixture
def refuse_two(subscribers, heard):
    """`ear` fails at the event with the number 2 while this set holds it."""
    refused = {2}

    def ear(event):
        if event.payload["n"] in refused:
            raise RuntimeError("not this one")
        heard.append(event)

    subscribers["ear"] = ear
    return refused


def test_a_line_is_delivered_in_the_order_in_which_it_was_written(happen, heard, now):
    happen(3, 1, 2, member_id=new_id())
    assert outbox.deliver_due(limit=10, now=now) == {"delivered": 3}
    assert numbers(heard) == [3, 1, 2]


def test_a_failure_holds_back_what_is_behind_it_on_its_line_and_nothing_else(happen, heard, refuse_two, subscribers, now):
    other = []
    subscribers["other"] = other.append
    happen(1, 2, 3, member_id=new_id())
    happen(4, member_id=new_id())
    happen(2, 5)
    outbox.deliver_due(limit=10, now=now)
    assert sorted(numbers(heard)) == [1, 4, 5]
    assert sorted(numbers(other)) == [1, 2, 2, 3, 4, 5]


def test_a_row_that_failed_is_not_tried_again_before_its_time(happen, heard, refuse_two, now):
    happen(2, 3, member_id=new_id())
    assert outbox.deliver_due(limit=10, now=now) == {"failed": 1}
    refuse_two.clear()
    assert outbox.deliver_due(limit=10, now=now + BACK_OFF[0] - timedelta(microseconds=1)) == {}
    assert outbox.deliver_due(limit=10, now=now + BACK_OFF[0]) == {"delivered": 2}
    assert numbers(heard) == [2, 3]


@pytest.mark.parametrize(
    ("failures", "wait"),
    [(1, timedelta(minutes=1)), (2, timedelta(minutes=5)), (3, timedelta(minutes=30)), (4, timedelta(hours=2)), (7, timedelta(days=1)), (8, None)],
)
def test_the_wait_grows_with_each_failure_until_it_is_given_up(failures, wait, now):
    assert next_attempt(failures=failures, now=now) == (wait and now + wait)


def test_the_last_failure_makes_a_dead_letter_that_its_line_waits_behind(happen, heard, refuse_two, now):
    happen(2, 3, member_id=new_id())
    outcomes = []
    for wait in (timedelta(0), *BACK_OFF):
        now += wait
        outcomes += outbox.deliver_due(limit=10, now=now)
    assert outcomes == ["failed"] * len(BACK_OFF) + ["given_up"]
    dead = OutboxRow.objects.order_by("id").first()
    assert (dead.status, dead.attempts, dead.last_error) == (Status.FAILED, 8, "RuntimeError: not this one")
    assert outbox.deliver_due(limit=10, now=now + timedelta(days=99)) == {}
    assert heard == []


@pytest.fixture
def dead_letter(happen, refuse_two, now):
    happen(2, 3, member_id=new_id())
    row = OutboxRow.objects.order_by("id").first()
    OutboxRow.objects.filter(id=row.id).update(status=Status.FAILED, attempts=8)
    return row


def test_a_dead_letter_is_retried_with_all_attempts_before_it(dead_letter, heard, refuse_two, now):
    outbox.retry(row_id=dead_letter.id, actor="sample", reason="the subscriber was mended", now=now)
    assert outbox.deliver_due(limit=10, now=now) == {"failed": 1}
    dead_letter.refresh_from_db()
    assert (dead_letter.status, dead_letter.attempts) == (Status.WAITING, 1)


def test_a_retry_delivers_at_once_and_what_waited_behind_it_too(dead_letter, heard, refuse_two, now, django_capture_on_commit_callbacks):
    refuse_two.clear()
    with django_capture_on_commit_callbacks(execute=True):
        outbox.retry(row_id=dead_letter.id, actor="sample", reason="the subscriber was mended", now=now)
    assert numbers(heard) == [2, 3]


def test_a_dropped_row_lets_the_ones_behind_it_go_on(dead_letter, heard, now, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        outbox.drop(row_id=dead_letter.id, actor="sample", reason="it concerns a test", now=now)
    assert numbers(heard) == [3]
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.verb, entry.subject, entry.reason) == ("sample", "outbox.drop", f"outbox/{dead_letter.id}", "it concerns a test")


def test_all_dead_letters_are_retried_at_once_by_the_job(dead_letter, heard, refuse_two, now):
    refuse_two.clear()
    assert outbox.retry_all(limit=10, actor="sample", reason="mended", now=now) == 1
    assert outbox.deliver_due(limit=10, now=now) == {"delivered": 2}
    assert AuditEntry.objects.get().figures == {"rows": 1}


@pytest.mark.parametrize("verb", [outbox.retry, outbox.drop])
def test_only_a_row_that_has_failed_can_be_retried_or_dropped(verb, happen, heard, now):
    happen(1)
    row = OutboxRow.objects.get()
    with pytest.raises(outbox.NotFailed), transaction.atomic():
        verb(row_id=row.id, actor="sample", reason="", now=now)
    outbox.deliver_due(limit=10, now=now)
    with pytest.raises(outbox.NotFailed), transaction.atomic():
        verb(row_id=row.id, actor="sample", reason="", now=now)


def test_a_row_whose_subscriber_is_gone_waits_for_an_operator(happen, heard, subscribers, now):
    happen(1)
    del subscribers["ear"]
    assert outbox.deliver_due(limit=10, now=now) == {"failed": 1}
    assert OutboxRow.objects.get().last_error == "KeyError: 'ear'"


def test_what_a_subscriber_wrote_before_it_failed_is_undone(happen, subscribers, now):
    def half(event):
        audit.record(actor="sample", verb="half", subject="", now=now)
        raise RuntimeError

    subscribers["ear"] = half
    happen(1)
    outbox.deliver_due(limit=10, now=now)
    assert not AuditEntry.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_subscriber_refused_by_the_database_at_the_very_end_has_failed_too(happen, left_to_the_job, subscribers, now):
    subscribers["ear"] = lambda _event: Permission.objects.create(name="x", codename="x", content_type_id=0)
    happen(1)
    assert outbox.deliver_due(limit=10, now=now) == {"failed": 1}
    assert OutboxRow.objects.get().last_error.startswith("IntegrityError: ")


def test_a_settled_row_has_its_time_and_an_open_one_has_none(happen, heard):
    happen(1)
    for values in ({"status": Status.DELIVERED}, {"settled_at": OutboxRow.objects.get().created_at}):
        with pytest.raises(IntegrityError), transaction.atomic():
            OutboxRow.objects.update(**values)


def test_the_job_delivers_what_is_due_and_says_how_much(happen, heard):
    happen(1, 2, 3)
    tasks.deliver()
    assert numbers(heard) == [1, 2, 3]
    assert JobRun.objects.get(job="outbox.deliver").counts == {"delivered": 3}


@pytest.mark.parametrize(("days", "left"), [(14, [3, 2]), (40, [3, 2, 1])])
def test_settled_rows_are_kept_for_so_many_days(days, left, happen, heard, now, settings):
    settings.OUTBOX_DAYS = days
    happen(1, 2, 3)
    settled = {1: now - timedelta(days=20), 2: now - timedelta(days=10)}
    for number, at in settled.items():
        OutboxRow.objects.filter(payload__n=number).update(status=Status.DELIVERED, settled_at=at)
    OutboxRow.objects.filter(payload__n=3).update(created_at=now - timedelta(days=99))
    tasks.prune()
    assert [row.payload["n"] for row in OutboxRow.objects.order_by("-id")] == left


def test_rows_are_pruned_in_batches(happen, heard, now):
    happen(1, 2, 3)
    outbox.deliver_due(limit=10, now=now)
    later = now + timedelta(seconds=1)
    assert [outbox.prune(before=later, limit=2) for _ in range(3)] == [2, 1, 0]


def test_an_event_long_overdue_is_a_readiness_alarm_and_one_put_off_is_not(happen, heard, refuse_two, now):
    happen(2, 3, member_id=new_id())
    assert selectors.nothing_overdue(now=now + timedelta(minutes=9))
    with pytest.raises(NotReady):
        selectors.nothing_overdue(now=now + timedelta(minutes=11))
    outbox.deliver_due(limit=10, now=now + timedelta(minutes=11))
    assert selectors.nothing_overdue(now=now + timedelta(minutes=11))


def test_rows_not_delivered_are_counted_by_status(dead_letter):
    assert selectors.open_rows_by_status() == {"waiting": 1, "failed": 1}
