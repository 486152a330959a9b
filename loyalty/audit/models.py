from datetime import timedelta

import pgtrigger
from django.db import models
from django.utils.translation import gettext_lazy as _

from loyalty.lib.ids import new_id
from loyalty.lib.redaction import only_redacted


class AuditEntry(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    at = models.DateTimeField(_("when"), db_index=True)
    actor = models.CharField(_("who"), max_length=100, db_index=True)
    verb = models.CharField(_("what"), max_length=80)
    subject = models.CharField(_("object"), max_length=200, db_index=True)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    figures = models.JSONField(_("figures"), default=dict, blank=True)
    request_id = models.CharField(_("request"), max_length=64, blank=True, help_text=_("Stands in the log lines of the same request."))

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit trail")
        ordering = ["-at", "-id"]
        triggers = [
            pgtrigger.Protect(name="audit_entry_stays", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(name="audit_entry_is_append_only", exclude=["subject", "reason", "figures"]),
            only_redacted("audit_entry_texts_stay", "subject", "reason", "figures"),
        ]

    def __str__(self) -> str:
        return f"{self.actor}: {self.verb} {self.subject}"


class JobRun(models.Model):
    class Status(models.TextChoices):
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        ABANDONED = "abandoned", _("abandoned")

    ARROWS = {Status.RUNNING: (Status.DONE, Status.FAILED, Status.ABANDONED)}

    id = models.BigAutoField(primary_key=True)
    job = models.CharField(_("job"), max_length=80)
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.RUNNING)
    started_at = models.DateTimeField(_("started"))
    heartbeat_at = models.DateTimeField(_("last sign of life"))
    finished_at = models.DateTimeField(_("finished"), null=True)
    runs = models.PositiveIntegerField(_("runs"), default=1, help_text=_("Runs in a row that found nothing to do share one line."))
    counts = models.JSONField(_("counts"), default=dict)
    error = models.TextField(_("error"), blank=True, default="")
    request_id = models.CharField(_("request"), max_length=64, blank=True, help_text=_("Stands in the log lines of the same run."))

    class Meta:
        verbose_name = _("job run")
        verbose_name_plural = _("job runs")
        ordering = ["-id"]
        indexes = [models.Index(fields=["job", "id"], name="job_run_by_job")]

    def __str__(self) -> str:
        return f"{self.job} {self.started_at:%Y-%m-%d %H:%M}"

    @property
    def duration(self) -> timedelta | None:
        """How long it took; None while it runs, and for several runs on one line."""
        return self.finished_at - self.started_at if self.finished_at and self.runs == 1 else None
