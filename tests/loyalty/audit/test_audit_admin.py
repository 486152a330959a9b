from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.urls import reverse
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from loyalty.audit import services as audit
from loyalty.audit.models import AuditEntry, JobRun

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


def test_the_page_of_job_runs_lists_each_run_in_words(client, operator, declare):
    operator("view_jobrun")
    declare(lambda run: run.add(expired=1234))()
    text = page(client, "loyalty_jobrun_changelist").content.decode()
    assert "expired 1,234" in text
    assert page(client, "loyalty_jobrun_changelist", job="tests.job", status="done").status_code == 200


def jobs(client):
    answer = page(client, "django_celery_beat_periodictask_changelist")
    return {row.job.name: row for row in answer.context["jobs"]}, answer.content.decode()


def test_the_page_of_jobs_says_of_each_when_it_ran_what_it_did_and_when_it_runs_next(client, operator, heartbeat_schedule, now):
    operator("view_periodictask", "change_periodictask")
    for minutes, seconds, counts in ((30, 4, {"expired": 7}), (20, 8, {"members": 1234})):
        at = now - timedelta(minutes=minutes)
        JobRun.objects.create(
            job="tests.job",
            status="done",
            started_at=at,
            heartbeat_at=at + timedelta(seconds=seconds),
            finished_at=at + timedelta(seconds=seconds),
            counts=counts,
        )
    rows, text = jobs(client)

    row = rows["tests.job"]
    assert (row.took, row.counts, row.failures, row.schedule) == ("8.0 s", "members 1,234", 0, "every minute")
    # The earlier on the left; the longest fills the chart.
    assert [(bar.x, bar.height, bar.status) for bar in row.bars] == [(0, 12, "done"), (7, 24, "done")]
    assert row.link in text
    assert row.run_link in text
    # Beat has not started it for so long.
    assert row.overdue == "19\xa0minutes"
    assert rows["audit.prune"].schedule == "none: run “upgrade”"
    assert "has not run yet" in text


def test_a_job_that_failed_stands_first_with_its_error(client, operator, heartbeat_schedule, now):
    operator("view_periodictask")
    JobRun.objects.create(job="tests.job", status="failed", started_at=now, heartbeat_at=now, finished_at=now, error="ValueError: too late")
    rows, text = jobs(client)

    assert next(iter(rows)) == "tests.job"
    assert "ValueError: too late" in text
    assert "1 of the last 1 runs failed." in text
    assert rows["tests.job"].next_at > now


def test_a_job_that_failed_stands_on_the_overview_and_leads_to_the_page_of_jobs(client, operator, now):
    operator("view_periodictask", "view_jobrun")
    JobRun.objects.create(job="audit.prune", status="failed", started_at=now, heartbeat_at=now, finished_at=now)
    [alarm] = [item for item in client.get(reverse("admin:index")).context["attention"] if item.title == "Jobs whose last run failed"]
    assert (alarm.count, alarm.link) == ("1", reverse("admin:django_celery_beat_periodictask_changelist"))


def test_a_daily_job_says_at_what_time_by_which_zone(client, operator, declare):
    operator("view_periodictask")
    declare(lambda _run: None, daily_at="00:02")
    audit.create_schedules(zone=ZoneInfo("Asia/Shanghai"))
    assert jobs(client)[0]["tests.job"].schedule == "daily at 00:02, Asia/Shanghai"
    CrontabSchedule.objects.update(day_of_week="1")
    assert jobs(client)[0]["tests.job"].schedule == "At 12:02 AM, only on Monday Asia/Shanghai"


def test_a_job_whose_worker_was_killed_says_so(client, operator, heartbeat_schedule, now):
    operator("view_periodictask")
    JobRun.objects.create(job="tests.job", status="abandoned", started_at=now, heartbeat_at=now, finished_at=now)
    rows, _text = jobs(client)
    assert (rows["tests.job"].error, rows["tests.job"].failures) == ("Its worker was killed.", 1)


def test_a_job_that_is_switched_off_has_no_next_run(client, operator, heartbeat_schedule):
    operator("view_periodictask")
    PeriodicTask.objects.update(enabled=False)
    rows, text = jobs(client)
    assert rows["tests.job"].next_at is None
    assert "switched off" in text


def test_the_page_of_jobs_takes_a_few_statements_however_many_jobs_and_runs(client, operator, heartbeat_schedule, now, django_assert_max_num_queries):
    operator("view_periodictask")
    JobRun.objects.bulk_create(JobRun(job="tests.job", status="done", started_at=now, heartbeat_at=now, finished_at=now) for _n in range(200))
    jobs(client)
    with django_assert_max_num_queries(12):
        jobs(client)


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


def previewed(client, schedule):
    return client.get(reverse("admin:django_celery_beat_periodictask_run_now", args=[schedule.pk]))


@pytest.fixture
def asked_for(declare):
    """Declares a job with that preview, and gives its schedule."""

    def make(preview):
        declare(lambda _run: None, about="Sample words.", preview=preview, every=timedelta(minutes=1))
        return PeriodicTask.objects.create(name="tests.job", task="tests.job", interval=IntervalSchedule.objects.create(every=1, period="minutes"))

    return make


def test_what_a_job_would_do_is_shown_before_it_is_started(client, operator, asked_for):
    operator("view_periodictask", "change_periodictask")
    text = previewed(client, asked_for(lambda **_asked: {"members": 1234, "points": 56789})).content.decode()
    assert "Sample words." in text
    assert "1,234" in text
    assert "56,789" in text


def test_a_preview_that_takes_too_long_is_given_up_and_the_job_can_be_started_all_the_same(client, operator, asked_for, monkeypatch):
    def slow(*, now):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(5)")
        return {}

    monkeypatch.setattr(audit, "PREVIEW_SECONDS", 0.05)
    operator("view_periodictask", "change_periodictask")
    answer = previewed(client, asked_for(slow))
    assert answer.status_code == 200
    assert "too much to be counted" in answer.content.decode()
    # The limit went with it.
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("0",)


def test_a_preview_changes_nothing_whatever_it_does(client, operator, asked_for, now):
    operator("view_periodictask", "change_periodictask")
    schedule = asked_for(lambda *, now: {"points": JobRun.objects.create(job="x", started_at=now, heartbeat_at=now).pk and 1})
    assert previewed(client, schedule).status_code == 200
    assert not JobRun.objects.exists()


def test_every_preview_can_be_asked(db, now):
    asked = {name: audit.asked(job.preview, now=now) for name, job in audit.JOBS.items() if job.preview}
    assert {"points.expire_due", "points.mature_due", "points.release_overdue", "points.remind", "points.keep_unannounced", "points.reconcile"} <= set(asked)
    assert all(isinstance(count, int) for counts in asked.values() for count in counts.values())


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
