from datetime import UTC, datetime, timedelta
from io import StringIO
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core.management import call_command
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from loyalty.audit import services as audit
from loyalty.audit import tasks
from loyalty.programme import services as programme

pytestmark = pytest.mark.django_db


def schedule_jobs() -> str:
    out = StringIO()
    call_command("schedule_jobs", stdout=out)
    return out.getvalue()


@pytest.fixture
def nightly(declare):
    declare(lambda _run: None, "tests.nightly", daily_at="00:05")
    schedule_jobs()
    return PeriodicTask.objects.get(task="tests.nightly")


def test_every_job_gets_the_schedule_it_declares(declare):
    declare(lambda _run: None, "tests.often", every=timedelta(seconds=90))
    declare(lambda _run: None, "tests.nightly", daily_at="00:05")
    assert "tests.often: scheduled\n" in schedule_jobs()
    assert set(PeriodicTask.objects.values_list("task", flat=True)) == set(audit.JOBS)
    often = PeriodicTask.objects.get(task="tests.often")
    assert (often.interval.every, often.interval.period, often.expire_seconds) == (90, "seconds", 90)
    nightly = PeriodicTask.objects.get(task="tests.nightly").crontab
    assert (nightly.minute, nightly.hour, nightly.day_of_month, str(nightly.timezone)) == ("5", "0", "*", "Asia/Shanghai")


def test_a_second_time_nothing_changes(nightly):
    before = list(PeriodicTask.objects.order_by("id").values())
    assert schedule_jobs() == ""
    assert list(PeriodicTask.objects.order_by("id").values()) == before


def test_what_an_operator_changed_is_kept(nightly):
    nightly.enabled = False
    nightly.crontab = None
    nightly.interval = IntervalSchedule.objects.create(every=5, period="hours")
    nightly.save()
    schedule_jobs()
    nightly.refresh_from_db()
    assert (nightly.enabled, nightly.crontab, nightly.interval.every) == (False, None, 5)


def test_schedules_follow_the_zone_from_the_next_local_midnight_of_the_new_zone_on(nightly):
    nightly.crontab = CrontabSchedule.objects.create(minute="30", hour="2", timezone="Asia/Shanghai")
    nightly.save()
    with time_machine.travel(datetime(2026, 3, 10, 12, tzinfo=UTC), tick=False) as clock:
        programme.change_zone(zone="America/New_York", now=datetime.now(UTC))
        tasks.heartbeat()
        nightly.refresh_from_db()
        assert str(nightly.crontab.timezone) == "Asia/Shanghai"
        clock.move_to(datetime(2026, 3, 11, 4, 1, tzinfo=UTC))
        tasks.heartbeat()
    nightly.refresh_from_db()
    assert (nightly.crontab.hour, nightly.crontab.minute, str(nightly.crontab.timezone)) == ("2", "30", "America/New_York")


def test_the_zone_of_what_is_not_our_job_is_left_alone(nightly):
    crontab = CrontabSchedule.objects.create(minute="0", hour="1", timezone="Europe/Paris")
    other = PeriodicTask.objects.create(name="somebody else's", task="elsewhere.task", crontab=crontab)
    assert audit.follow_zone(zone=ZoneInfo("America/New_York")) > 0
    other.refresh_from_db()
    assert str(other.crontab.timezone) == "Europe/Paris"


@pytest.mark.parametrize(("moment", "due"), [("2026-03-10T16:04:59+00:00", False), ("2026-03-10T16:05:00+00:00", True)])
def test_beat_finds_a_daily_job_due_at_its_hour_in_the_programmes_zone(moment, due, nightly):
    yesterday = datetime(2026, 3, 9, 16, 5, 1, tzinfo=UTC)
    with time_machine.travel(datetime.fromisoformat(moment), tick=False):
        assert nightly.schedule.is_due(yesterday).is_due is due
