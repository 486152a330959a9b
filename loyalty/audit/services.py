import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from datetime import time as time_of_day
from typing import Any, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from celery import Task, shared_task
from django.conf import settings
from django.db import OperationalError as DatabaseError
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask
from kombu.exceptions import OperationalError

from loyalty.lib.redaction import replace
from loyalty.lib.refusals import BusinessError

from .models import AuditEntry, JobRun
from .rules import Schedule, is_dead

# A run asks for no further batch after this long; it leaves the last batch room before the task's soft time limit.
RUN_SECONDS = 60
HEARTBEAT_SECONDS = 5
# A run that is silent for longer is taken for dead and its job is sent again.
SILENCE = timedelta(seconds=12)


# What a preview may take before it is given up.
PREVIEW_SECONDS = 5


class JobUnknown(BusinessError):
    code, status, title = "job_unknown", 404, _("There is no such job any more. Switch its schedule off.")


class BrokerAway(BusinessError):
    code, status, title = "broker_away", 503, _("The broker does not answer; the job was not started.")


def record(*, actor: str, verb: str, subject: str, reason: str = "", figures: dict[str, Any] | None = None, now: datetime) -> AuditEntry:
    """Write down that `actor` did `verb` to `subject`, in the transaction of the act. `figures`: plain JSON values."""
    return AuditEntry.objects.create(at=now, actor=actor, verb=verb, subject=subject, reason=reason, figures=figures or {}, request_id=_request_id())


def forget(*, member_ids: Collection[UUID], names: Collection[str], others: Collection[str], token: str) -> int:
    """What the trail says of members who are erased: reasons given about them go, `names` are replaced in what is about them, `others`
    wherever they stand. Who did what, and when, stays. In how many entries.
    """
    about = {"subjects": [f"member/{one}" for one in (*others, *map(str, member_ids))], "members": [str(one) for one in member_ids]}
    where = "subject = ANY(%(subjects)s) OR figures->>'member' = ANY(%(members)s)"
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE loyalty_auditentry SET reason = '' WHERE reason <> '' AND ({where})", about)  # noqa: S608 (our own names)
        cleared = cursor.rowcount
    named = replace(AuditEntry, "subject", "figures", names=names, token=token, where=where, values=about)
    return cleared + named + replace(AuditEntry, "subject", "reason", "figures", names=others, token=token)


class Run:
    """One run of a job, as the job sees it: the time it was started (`now`), whether to go on, and where to count what it does."""

    def __init__(self, row: JobRun, *, now: datetime) -> None:
        self.now = now
        self.counts: Counter[str] = Counter()
        self.cut_short = False
        self._row = row
        self._started = self._told = time.monotonic()

    @property
    def has_time(self) -> bool:
        """Whether to begin another batch. Ask between batches, outside of any transaction."""
        self.cut_short = time.monotonic() - self._started >= RUN_SECONDS
        return not self.cut_short

    @property
    def clock(self) -> datetime:
        return self.now + timedelta(seconds=time.monotonic() - self._started)

    def add(self, counts: dict[str, int] | None = None, /, **more: int) -> int:
        """Count what a batch did, and give how much it was: a job goes on while there is any."""
        done = Counter(counts or {}) + Counter(more)
        self.counts += done
        if time.monotonic() - self._told >= HEARTBEAT_SECONDS:
            self._told = time.monotonic()
            self.show_life()
        return done.total()

    def show_life(self) -> None:
        JobRun.objects.filter(id=self._row.id, status=JobRun.Status.RUNNING).update(heartbeat_at=self.clock, counts=dict(self.counts))


class Preview(Protocol):
    """What a job would do if it ran at `now`, by the names of its counts: `members`, `points` … Only reads; a few statements."""

    def __call__(self, *, now: datetime) -> Mapping[str, int]: ...


@dataclass(frozen=True)
class Job:
    name: str
    title: Any
    schedule: Schedule
    task: Task
    about: Any = ""
    preview: Preview | None = None


JOBS: dict[str, Job] = {}


def job(
    name: str, *, title: Any = "", about: Any = "", every: timedelta | None = None, daily_at: str | None = None, preview: Preview | None = None
) -> Callable[[Callable[[Run], None]], Task]:
    """Make a function a job: a Celery task of that name that beat starts on schedule and whose runs are recorded.

        @job("points.expire_due", title=_("Expire due points"), daily_at="00:05")
        def expire_due(run):
            while run.has_time and run.add(expired=ledger.expire_due(limit=1000, now=run.now)):
                pass

    `daily_at` is a time of day in the programme's zone. A daily job that ran out of time sends itself again. `title` and `about` are what
    operators read; `preview` tells them what the job would do before they start it by hand.
    """
    schedule = Schedule(every=every, daily_at=time_of_day.fromisoformat(daily_at) if daily_at else None)

    def declare(function: Callable[[Run], None]) -> Task:
        @shared_task(name=name, bind=True)
        def task(self: Task) -> None:
            with running(name, now=timezone.now()) as run:  # noqa: TID251 (the edge of every job)
                function(run)
            if run.cut_short and schedule.daily_at and not self.request.called_directly:
                self.apply_async()

        JOBS[name] = Job(name, title or name, schedule, task, about, preview)
        return task

    return declare


@contextmanager
def running(name: str, *, now: datetime) -> Iterator[Run]:
    """Record a run of the job `name` around what is done inside. A failure is recorded and goes on up."""
    abandon_dead(name, now=now)
    row = JobRun.objects.create(job=name, started_at=now, heartbeat_at=now, request_id=_request_id())
    run = Run(row, now=now)
    over = threading.Event()
    pulse = threading.Thread(target=_beat, args=(run, over), daemon=True)
    pulse.start()
    try:
        yield run
    except BaseException as error:
        _finish(row, run, JobRun.Status.FAILED, error=f"{type(error).__name__}: {error}"[:2000])
        raise
    else:
        _finish(row, run, JobRun.Status.DONE)
    finally:
        over.set()
        pulse.join()


def _beat(run: Run, over: threading.Event) -> None:
    """The run's sign of life, however long a batch takes: it ends with the process and with nothing else."""
    try:
        while not over.wait(HEARTBEAT_SECONDS):
            run.show_life()
    finally:
        connection.close()


def abandon_dead(name: str, *, now: datetime) -> int:
    """Mark the runs of that job whose process died; how many there were."""
    limit = timedelta(seconds=settings.CELERY_TASK_TIME_LIMIT)
    rows = JobRun.objects.filter(job=name, status=JobRun.Status.RUNNING)
    dead = [row.id for row in rows if is_dead(heartbeat_at=row.heartbeat_at, time_limit=limit, now=now)]
    return rows.filter(id__in=dead).update(status=JobRun.Status.ABANDONED, finished_at=now) if dead else 0


def resume_dead(*, now: datetime) -> int:
    """Send again each job whose run has shown no sign of life for a while: its process was killed. How many there were.

    A run that was only slow goes on beside the new one; jobs are safe twice at once.
    """
    silent = JobRun.objects.filter(status=JobRun.Status.RUNNING, heartbeat_at__lt=now - SILENCE)
    resumed = 0
    for run_id, name in silent.values_list("id", "job"):
        if name in JOBS and JobRun.objects.filter(id=run_id, status=JobRun.Status.RUNNING).update(status=JobRun.Status.ABANDONED, finished_at=now):
            JOBS[name].task.apply_async()
            resumed += 1
    return resumed


def _finish(row: JobRun, run: Run, status: JobRun.Status, *, error: str = "") -> None:
    with transaction.atomic():
        if status == JobRun.Status.DONE and not run.counts:
            before = JobRun.objects.filter(job=row.job, id__lt=row.id).order_by("-id").first()
            if before and before.status == status and not before.counts:
                JobRun.objects.filter(id=before.id).update(runs=F("runs") + 1, heartbeat_at=run.clock, finished_at=run.clock)
                row.delete()
                return
        # A run taken for dead stays abandoned: another goes on in its place.
        JobRun.objects.filter(id=row.id, status=JobRun.Status.RUNNING).update(
            status=status, counts=dict(run.counts), error=error, heartbeat_at=run.clock, finished_at=run.clock
        )


def run_now(*, job: str, actor: str, reason: str, now: datetime) -> None:
    """Send a job to the workers once, besides its schedule. Refuses: JobUnknown, BrokerAway."""
    if job not in JOBS:
        raise JobUnknown
    try:
        JOBS[job].task.apply_async()
    except OperationalError as error:
        raise BrokerAway from error
    record(actor=actor, verb="job.run", subject=f"job/{job}", reason=reason, now=now)


class NotPreviewed(Exception):
    """It would take too long to look."""


def asked(ask: Preview, *, now: datetime) -> dict[str, int]:
    """What `ask` answers, unless it takes more than a few seconds: then NotPreviewed."""
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL statement_timeout = %s", [PREVIEW_SECONDS * 1000])
            found = dict(ask(now=now))
            # Whatever was done besides looking is undone, the time limit too.
            transaction.set_rollback(True)
    except DatabaseError as error:
        raise NotPreviewed from error
    return found


def wake(*, job: str) -> None:
    """Send a job to the workers when this transaction is over. Where the broker is away, the job's schedule finds the work."""

    def send() -> None:
        with suppress(OperationalError):
            JOBS[job].task.apply_async(retry=False)

    transaction.on_commit(send)


def prune(*, before: datetime, limit: int) -> int:
    """Delete at most `limit` runs that finished before that time; how many it was."""
    oldest = JobRun.objects.filter(finished_at__lt=before).order_by("id").values("id")[:limit]
    return JobRun.objects.filter(id__in=oldest).delete()[0]


def create_schedules(*, zone: ZoneInfo) -> list[str]:
    """Give each job that has none its schedule; the names of those that got one. What is there is left as it is."""
    there = set(PeriodicTask.objects.values_list("task", flat=True))
    missing = [job for name, job in JOBS.items() if name not in there]
    for declared in missing:
        every, at = declared.schedule.every, declared.schedule.daily_at
        PeriodicTask.objects.get_or_create(
            name=declared.name,
            defaults={
                "task": declared.name,
                "interval": _interval(every) if every else None,
                "crontab": _crontab(minute=str(at.minute), hour=str(at.hour), timezone=zone) if at else None,
                # A worker that was away finds each frequent job once, not once for every time it missed.
                "expire_seconds": int(every.total_seconds()) if every else None,
            },
        )
    return [declared.name for declared in missing]


def follow_zone(*, zone: ZoneInfo) -> int:
    """Move the daily jobs to the zone whose business days are in force; how many were moved. Their hours stay."""
    daily = [name for name, declared in JOBS.items() if declared.schedule.daily_at]
    elsewhere = PeriodicTask.objects.filter(task__in=daily, crontab__isnull=False).exclude(crontab__timezone=zone).select_related("crontab")
    for task in elsewhere:
        was = task.crontab
        task.crontab = _crontab(
            minute=was.minute, hour=was.hour, day_of_month=was.day_of_month, month_of_year=was.month_of_year, day_of_week=was.day_of_week, timezone=zone
        )
        task.save()
    return len(elsewhere)


def _interval(every: timedelta) -> IntervalSchedule:
    seconds = {"every": int(every.total_seconds()), "period": IntervalSchedule.SECONDS}
    minutes = {"every": seconds["every"] // 60, "period": IntervalSchedule.MINUTES}
    values = seconds if seconds["every"] % 60 else minutes
    return IntervalSchedule.objects.filter(**values).first() or IntervalSchedule.objects.create(**values)


def _crontab(**values: Any) -> CrontabSchedule:
    return CrontabSchedule.objects.filter(**values).first() or CrontabSchedule.objects.create(**values)


def _request_id() -> str:
    context = structlog.contextvars.get_contextvars()
    return str(context.get("request_id") or context.get("task_id") or "")[:64]
