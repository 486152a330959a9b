from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from unfold.admin import ModelAdmin
from unfold.decorators import action, display

from loyalty.lib.screens import ReadOnlyAdmin, ReasonForm, confirm, operator_name

from . import selectors, services
from .models import AuditEntry, JobRun

STATUS_COLOURS = {JobRun.Status.RUNNING: "info", JobRun.Status.DONE: "success", JobRun.Status.FAILED: "danger", JobRun.Status.ABANDONED: "warning"}


def _title(job: str) -> str:
    return str(services.JOBS[job].title) if job in services.JOBS else job


class JobFilter(admin.SimpleListFilter):
    title = _("job")
    parameter_name = "job"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        return [(name, _title(name)) for name in services.JOBS]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(job=self.value()) if self.value() else queryset


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ["at", "actor", "verb", "subject", "reason", "figures"]
    search_fields = ["actor", "verb", "subject", "reason", "=request_id"]
    search_help_text = _("Who, what, the object, the reason, or the id of the request")
    date_hierarchy = "at"


@admin.register(JobRun)
class JobRunAdmin(ReadOnlyAdmin):
    list_display = ["title", "state", "started_at", "finished_at", "duration_shown", "runs", "counts_shown", "error_shown"]
    list_filter = [JobFilter, "status"]
    list_before_template = "loyalty/audit/last_runs.html"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        last = selectors.last_runs(jobs=services.JOBS)
        rows = [[_title(name), *(self._summary(last[name]) if name in last else [gettext("has not run yet"), "", "", ""])] for name in services.JOBS]
        headers = [gettext("job"), gettext("status"), gettext("last sign of life"), gettext("took"), gettext("counts")]
        return super().changelist_view(request, {**(extra_context or {}), "last_runs": {"headers": headers, "rows": rows}})

    def _summary(self, run: JobRun) -> list[str]:
        moment = timezone.localtime(run.heartbeat_at)
        return [run.get_status_display(), f"{moment:%Y-%m-%d %H:%M:%S}", self.duration_shown(run), self.counts_shown(run)]

    @display(description=_("job"), ordering="job")
    def title(self, run: JobRun) -> str:
        return _title(run.job)

    @display(description=_("status"), label=STATUS_COLOURS, ordering="status")
    def state(self, run: JobRun) -> tuple[str, str]:
        return run.status, run.get_status_display()

    @display(description=_("took"))
    def duration_shown(self, run: JobRun) -> str:
        return "" if run.duration is None else f"{run.duration.total_seconds():.1f} s"

    @display(description=_("counts"))
    def counts_shown(self, run: JobRun) -> str:
        return ", ".join(f"{name} {count:,}" for name, count in run.counts.items()) or gettext("nothing to do")

    @display(description=_("error"))
    def error_shown(self, run: JobRun) -> str:
        return run.error[:120]


for _model in (PeriodicTask, IntervalSchedule, CrontabSchedule, SolarSchedule, ClockedSchedule):
    admin.site.unregister(_model)


@admin.register(PeriodicTask)
class ScheduleAdmin(ModelAdmin):
    """When each job runs. Jobs themselves are declared in code: a schedule may be changed or switched off, not invented."""

    list_display = ["title", "enabled", "schedule_shown", "last_ran"]
    list_filter = ["enabled"]
    search_fields = ["name", "task"]
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

        schedule = PeriodicTask.objects.get(id=object_id)
        consequence = _("The job is started once, besides its schedule. It is safe to run while another run is still going on.")
        back = reverse("admin:django_celery_beat_periodictask_change", args=[object_id])
        title = _("Run now: %(job)s") % {"job": _title(schedule.task)}
        return confirm(request, site=self.admin_site, title=title, consequence=consequence, form=ReasonForm(request.POST or None), act=act, back=back)

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
        return task.crontab.human_readable if task.crontab else str(task.scheduler)


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(ModelAdmin):
    list_display = ["__str__", "every", "period"]


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(ModelAdmin):
    list_display = ["__str__", "human_readable"]
    fields = ["human_readable", "minute", "hour", "day_of_month", "month_of_year", "day_of_week", "timezone"]
    readonly_fields = ["human_readable"]
