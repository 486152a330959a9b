import pytest
from django.urls import reverse
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from loyalty.audit import services as audit
from loyalty.audit import tasks
from loyalty.audit.models import AuditEntry

pytestmark = pytest.mark.django_db


@pytest.fixture
def heartbeat_schedule(declare):
    declare(lambda _run: None)
    return PeriodicTask.objects.create(name="tests.job", task="tests.job", interval=IntervalSchedule.objects.create(every=1, period="minutes"))


def page(client, name, *args, **query):
    return client.get(reverse(f"admin:{name}", args=args), query)


def test_the_audit_trail_is_searched_and_read_only(client, operator, now):
    operator("view_auditentry")
    entry = audit.record(actor="sample", verb="adjust", subject="member/M-1", reason="goodwill", now=now)
    audit.record(actor="sample", verb="block", subject="member/M-2", reason="many accounts", now=now)
    text = page(client, "loyalty_auditentry_changelist", q="member/M-1").content.decode()
    assert "goodwill" in text
    assert "many accounts" not in text
    assert page(client, "loyalty_auditentry_change", entry.pk).status_code == 200
    assert client.post(reverse("admin:loyalty_auditentry_change", args=[entry.pk]), {"reason": "x"}).status_code == 403
    assert page(client, "loyalty_auditentry_add").status_code == 403


def test_the_page_of_job_runs_says_when_each_job_ran_last(client, operator, declare):
    operator("view_jobrun")
    tasks.heartbeat()
    declare(lambda run: run.add(expired=1234))()
    text = page(client, "loyalty_jobrun_changelist").content.decode()
    assert "Last run of each job" in text
    assert "expired 1,234" in text
    assert "has not run yet" in text
    assert page(client, "loyalty_jobrun_changelist", job="tests.job", status="done").status_code == 200


def test_a_schedule_is_changed_and_the_change_is_on_record(client, operator, heartbeat_schedule):
    operator("view_periodictask", "change_periodictask")
    assert page(client, "django_celery_beat_periodictask_changelist").status_code == 200
    url = reverse("admin:django_celery_beat_periodictask_change", args=[heartbeat_schedule.pk])
    assert client.get(url).status_code == 200
    assert client.post(url, {"interval": heartbeat_schedule.interval_id}).status_code == 302
    heartbeat_schedule.refresh_from_db()
    assert not heartbeat_schedule.enabled
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.verb, entry.subject, entry.figures) == ("sample", "schedule.change", "job/tests.job", {"enabled": "False"})


def test_a_schedule_is_neither_invented_nor_deleted(client, operator, heartbeat_schedule):
    operator("view_periodictask", "add_periodictask", "delete_periodictask")
    assert page(client, "django_celery_beat_periodictask_add").status_code == 403
    assert client.post(reverse("admin:django_celery_beat_periodictask_delete", args=[heartbeat_schedule.pk])).status_code == 403


def run_now(client, schedule, **form):
    return client.post(reverse("admin:django_celery_beat_periodictask_run_now", args=[schedule.pk]), form)


def test_a_job_is_run_now_for_a_reason(client, operator, heartbeat_schedule, monkeypatch):
    sent = []
    monkeypatch.setattr("celery.app.task.Task.apply_async", lambda task: sent.append(task.name))
    operator("view_periodictask", "change_periodictask")
    assert run_now(client, heartbeat_schedule, reason="").status_code == 200
    assert sent == []
    assert run_now(client, heartbeat_schedule, reason="the worker was away").status_code == 302
    assert sent == ["tests.job"]
    assert AuditEntry.objects.get().reason == "the worker was away"


def test_who_may_only_look_may_not_run_a_job(client, operator, heartbeat_schedule):
    operator("view_periodictask")
    assert run_now(client, heartbeat_schedule, reason="just so").status_code == 403


def test_a_broker_that_is_away_is_a_refusal_and_leaves_no_entry(client, operator, heartbeat_schedule, monkeypatch, now):
    def away(task):
        raise audit.OperationalError

    monkeypatch.setattr("celery.app.task.Task.apply_async", away)
    with pytest.raises(audit.BrokerAway):
        audit.run_now(job="tests.job", actor="sample", reason="", now=now)
    with pytest.raises(audit.JobUnknown):
        audit.run_now(job="tests.gone", actor="sample", reason="", now=now)
    assert not AuditEntry.objects.exists()
