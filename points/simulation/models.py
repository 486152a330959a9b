from django.db import models
from django.utils.translation import gettext_lazy as _

from loyalty.lib.ids import new_id


class Simulation(models.Model):
    class Status(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    ARROWS = {
        Status.WAITING: (Status.RUNNING, Status.CANCELLED),
        Status.RUNNING: (Status.DONE, Status.FAILED, Status.CANCELLED),
        Status.DONE: (),
        Status.FAILED: (),
        Status.CANCELLED: (),
    }
    OPEN = (Status.WAITING, Status.RUNNING)

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    drafts = models.JSONField(_("versions tried"), default=list, help_text=_("Ids of the rule versions that take their rules' place."))
    definitions = models.JSONField(_("as they stood"), default=dict, help_text=_("What these versions said when it was asked for."))
    first = models.DateField(_("from"))
    last = models.DateField(_("to"))
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.WAITING)
    asked_by = models.CharField(_("asked by"), max_length=150)
    asked_at = models.DateTimeField(_("asked"))
    total = models.BigIntegerField(_("facts in all"), default=0)
    done = models.BigIntegerField(_("facts decided"), default=0)
    cursor = models.JSONField(default=dict, editable=False)
    state = models.BinaryField(null=True, editable=False)
    seconds = models.FloatField(_("seconds of work"), default=0)
    result = models.JSONField(_("result"), null=True, editable=False)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    error = models.CharField(_("what went wrong"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("simulation")
        verbose_name_plural = _("simulations")
        ordering = ["-id"]
        indexes = [models.Index(fields=["asked_at"], name="simulation_open", condition=models.Q(status__in=["waiting", "running"]))]

    def __str__(self) -> str:
        return f"{self.first} – {self.last}"

    @property
    def percent(self) -> int:
        """How far it has come."""
        return 100 if self.status == self.Status.DONE else min(99, self.done * 100 // self.total) if self.total else 0
