import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from unfold.admin import ModelAdmin
from unfold.decorators import action, display

from loyalty.lib.callers import named
from loyalty.lib.screens import ReadOnlyAdmin, ScreenAdmin, operator_name

from . import selectors, services
from .models import AuditEntry, JobRun

STATUS_COLOURS = {JobRun.Status.RUNNING: "info", JobRun.Status.DONE: "success", JobRun.Status.FAILED: "danger", JobRun.Status.ABANDONED: "warning"}


def _title(job: str) -> str:
    return str(services.JOBS[job].title) if job in services.JOBS else job


FAILED = (JobRun.Status.FAILED, JobRun.Status.ABANDONED)
# A job that should have started so long ago waits for a worker, or for beat.
LATE = timedelta(minutes=2)
BARS_HIGH = 24
# What jobs count, in words. One that is missing here is shown as the code names it.
COUNTED = {
    "members": _("members"), "points": _("points"), "lots": _("lots"), "holds": _("holds"), "failed": _("failed"), "deleted": _("deleted"),
    "expired": _("expired"), "lapsed": _("lapsed"), "told": _("told"), "postponed": _("postponed"), "given_back": _("given back"),
    "delivered": _("delivered"), "given_up": _("given up"), "days": _("days"), "moved": _("moved"), "resumed": _("resumed"), "ended": _("ended"),
    "lifted": _("lifted"), "facts": _("facts"), "lines": _("lines"), "counted": _("counted"), "pruned": _("deleted"), "accounts": _("accounts"),
    "entries": _("entries"), "found": _("breaches"), "frozen": _("frozen"), "granted": _("granted"), "reached": _("reached"), "kept": _("kept"),
    "fell": _("fell"), "messages": _("messages"), "orders": _("orders"), "waiting": _("waiting"), "refused": _("refused"),
    "rentals": _("rentals"), "renewals": _("renewals"), "reminded": _("reminded"),
    "withdrawn": _("cancelled at the provider"), "unanswered": _("no answer"), "unknown": _("no answer"),
    "coupons": _("coupons"), "marked": _("newly unused"),
}  # fmt: skip


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{COUNTED.get(name, name)} {count:,}" for name, count in counts.items())


class JobFilter(admin.SimpleListFilter):
    title = _("job")
    parameter_name = "job"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        return [(name, _title(name)) for name in services.JOBS]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(job=self.value()) if self.value() else queryset


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ["at", "who", "verb", "subject", "reason", "told"]
    search_fields = ["actor", "verb", "subject", "reason", "=request_id"]
    search_help_text = _("Who, what, the object, the reason, or the id of the request")
    date_hierarchy = "at"

    @display(description=_("who"), ordering="actor")
    def who(self, entry: AuditEntry) -> str:
        return named(entry.actor)

    @display(description=_("figures"))
    def told(self, entry: AuditEntry) -> str:
        return json.dumps(entry.figures, ensure_ascii=False) if entry.figures else ""


@admin.register(JobRun)
class JobRunAdmin(ReadOnlyAdmin):
    list_display = ["title", "state", "started_at", "finished_at", "duration_shown", "runs", "counts_shown", "error_shown"]
    list_filter = [JobFilter, "status"]

    @display(description=_("job"), ordering="job")
    def title(self, run: JobRun) -> str:
        return _title(run.job)

    @display(description=_("status"), label=STATUS_COLOURS, ordering="status")
    def state(self, run: JobRun) -> tuple[str, str]:
        return run.status, run.get_status_display()

    @display(description=_("took"))
    def duration_shown(self, run: JobRun) -> str:
        return _seconds(run)

    @display(description=_("counts"))
    def counts_shown(self, run: JobRun) -> str:
        return _counts(run.counts) or gettext("nothing to do")

    @display(description=_("error"))
    def error_shown(self, run: JobRun) -> str:
        return run.error[:120]


class Bar(NamedTuple):
    """A run in the little chart of a job's last ones, which is BARS_HIGH."""

    x: int
    top: int
    height: int
    status: str
    said: str


class JobRow(NamedTuple):
    """A job as the page of jobs shows it."""

    job: services.Job
    schedule: str
    enabled: bool
    link: str
    run_link: str
    last: JobRun | None
    colour: str
    took: str
    counts: str
    failures: int
    lines: int
    error: str
    next_at: datetime | None
    overdue: str
    bars: Sequence[Bar]


def _bars(runs: Sequence[JobRun]) -> list[Bar]:
    timed = [run for run in reversed(runs) if run.duration is not None]
    longest = max((run.duration for run in timed), default=timedelta(0)) or timedelta(seconds=1)
    heights = [max(2, round(BARS_HIGH * (run.duration or timedelta(0)) / longest)) for run in timed]
    return [
        Bar(7 * n, BARS_HIGH - height, height, run.status, f"{_local(run.started_at)}: {_seconds(run)}")
        for n, (run, height) in enumerate(zip(timed, heights, strict=True))
    ]


def _local(moment: datetime) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M:%S}"


def _seconds(run: JobRun) -> str:
    return "" if run.duration is None else f"{run.duration.total_seconds():.1f} s"


def job_rows(*, now: datetime) -> list[JobRow]:
    """Every job of the code: those whose last run failed, then those that do something to members, then the housekeeping."""
    scheduled = {task.task: task for task in PeriodicTask.objects.filter(task__in=services.JOBS).select_related("interval", "crontab", "solar", "clocked")}
    recent = selectors.recent_runs(jobs=services.JOBS)
    rows = [_job_row(one, scheduled.get(one.name), recent.get(one.name, []), now=now) for one in services.JOBS.values()]
    return sorted(rows, key=lambda row: (row.last is None or row.last.status not in FAILED, row.job.preview is None))


def _job_row(one: services.Job, task: PeriodicTask | None, runs: Sequence[JobRun], *, now: datetime) -> JobRow:
    last = runs[0] if runs else None
    failed = [run for run in runs if run.status in FAILED]
    next_at = _next(task, last, now=now) if task and task.enabled else None
    return JobRow(
        job=one,
        schedule=_schedule(task) if task else gettext("none: run “upgrade”"),
        enabled=bool(task and task.enabled),
        link=reverse("admin:django_celery_beat_periodictask_change", args=[task.pk]) if task else "",
        run_link=reverse("admin:django_celery_beat_periodictask_run_now", args=[task.pk]) if task else "",
        last=last,
        colour=STATUS_COLOURS[JobRun.Status(last.status)] if last else "",
        took=_seconds(last) if last else "",
        counts=(_counts(last.counts) or gettext("nothing to do")) if last else "",
        failures=len(failed),
        lines=len(runs),
        error=failed[0].error[:300] or gettext("Its worker was killed.") if failed else "",
        next_at=next_at,
        overdue=timesince(next_at, now) if next_at and now - next_at > LATE else "",
        bars=_bars(runs),
    )


def _next(task: PeriodicTask, last: JobRun | None, *, now: datetime) -> datetime:
    """When beat starts it next; in the past where it should have long ago."""
    # Beat writes down only now and then what it has started; what it never has, it counts from when the schedule was made.
    ran = [moment for moment in (task.last_run_at, last.started_at if last and last.runs == 1 else last and last.heartbeat_at) if moment]
    since = max(ran, default=task.date_changed)
    return now + task.schedule.remaining_estimate(since) if since else now


def _schedule(task: PeriodicTask) -> str:
    at = task.crontab
    if at and at.minute.isdigit() and at.hour.isdigit() and {at.day_of_month, at.month_of_year, at.day_of_week} == {"*"}:
        return gettext("daily at %(time)s, %(zone)s") % {"time": f"{int(at.hour):02}:{int(at.minute):02}", "zone": at.timezone}
    return str(at.human_readable if at else task.scheduler)


for _model in (PeriodicTask, IntervalSchedule, CrontabSchedule, SolarSchedule, ClockedSchedule):
    admin.site.unregister(_model)


@admin.register(PeriodicTask)
class ScheduleAdmin(ScreenAdmin):
    """When each job runs. Jobs themselves are declared in code: a schedule may be changed or switched off, not invented."""

    list_display = ["title", "enabled", "schedule_shown", "last_ran"]
    readonly_fields = ["title", "code", "last_ran"]
    fieldsets = [
        (None, {"fields": ["title", "code", "enabled"]}),
        (
            _("Schedule"),
            {
                "fields": ["interval", "crontab", "last_ran"],
                "description": _("Choose one of the two. Times of day are kept in the programme's time zone: another zone is set back to it."),
            },
        ),
    ]
    actions = None
    actions_detail = ["run_now"]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        page = {**self.admin_site.each_context(request), "title": gettext("Jobs"), "may_run": self.has_change_permission(request)}
        return TemplateResponse(request, "loyalty/audit/jobs.html", {**page, "jobs": job_rows(now=timezone.now())})

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> Any:
        # Celery brings a schedule of its own, which is no operator's business.
        return super().get_queryset(request).filter(task__in=services.JOBS).select_related("interval", "crontab", "solar", "clocked")

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None:
            field.help_text = _("Off: the job no longer starts by itself; “Run now” still starts it.") if db_field.name == "enabled" else ""
        return field

    def save_model(self, request: HttpRequest, obj: PeriodicTask, form: ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        figures = {name: str(getattr(obj, name)) for name in form.changed_data}
        services.record(actor=operator_name(request), verb="schedule.change", subject=f"job/{obj.task}", figures=figures, now=timezone.now())

    @action(description=_("Run now"), permissions=["change"], icon="play_arrow")
    def run_now(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.run_now(job=schedule.task, actor=operator_name(request), reason=asked["reason"], now=timezone.now())
            return _("The job was sent to the workers. Its run appears among the job runs.")

        schedule = self.found(request, object_id)
        consequence = _("The job is started once, besides its schedule. It is safe to run while another run is still going on.")
        # Headed by what the job is, not by what the scheduler calls it.
        page = {**self._previewed(schedule.task), "opts": None, "object": None, "original": None}
        return self.ask(
            request, schedule, act, with_reason=True, title=_("Run now: %(job)s") % {"job": _title(schedule.task)}, consequence=consequence,
            back=reverse("admin:django_celery_beat_periodictask_changelist"), context=page, template="loyalty/audit/run_now.html",
        )  # fmt: skip

    def _previewed(self, job: str) -> dict[str, Any]:
        declared = services.JOBS.get(job)
        if declared is None or declared.preview is None:
            return {"about": declared.about if declared else ""}
        try:
            found = services.asked(declared.preview, now=timezone.now())
        except services.NotPreviewed:
            return {"about": declared.about, "too_long": True}
        return {"about": declared.about, "previewed": [(COUNTED.get(name, name), f"{count:,}") for name, count in found.items()]}

    @display(description=_("job"), ordering="name")
    def title(self, task: PeriodicTask) -> str:
        return _title(task.task)

    @display(description=_("name in the code"))
    def code(self, task: PeriodicTask) -> str:
        return task.task

    @display(description=_("last run"))
    def last_ran(self, task: PeriodicTask) -> Any:
        return task.last_run_at

    @display(description=_("schedule"))
    def schedule_shown(self, task: PeriodicTask) -> str:
        return _schedule(task)


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(ModelAdmin):
    list_display = ["__str__", "every", "period"]


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(ModelAdmin):
    list_display = ["__str__", "human_readable"]
    fields = ["human_readable", "minute", "hour", "day_of_month", "month_of_year", "day_of_week", "timezone"]
    readonly_fields = ["human_readable"]
