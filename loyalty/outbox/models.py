from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from .rules import Event


class OutboxRow(models.Model):
    class Status(models.TextChoices):
        WAITING = "waiting", _("waiting")
        FAILED = "failed", _("failed")
        DELIVERED = "delivered", _("delivered")
        DROPPED = "dropped", _("dropped")

    ARROWS = {
        Status.WAITING: (Status.WAITING, Status.DELIVERED, Status.FAILED, Status.DROPPED),
        Status.FAILED: (Status.WAITING, Status.DROPPED),
    }
    OPEN = (Status.WAITING, Status.FAILED)

    id = models.BigAutoField(primary_key=True)
    subscriber = models.CharField(_("subscriber"), max_length=150, help_text=_("The function that receives the event."))
    topic = models.CharField(_("event"), max_length=80)
    member_id = models.UUIDField(_("member"), null=True)
    payload = models.JSONField(_("content"))
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.WAITING)
    created_at = models.DateTimeField(_("happened"))
    due_at = models.DateTimeField(_("next attempt"))
    attempts = models.PositiveSmallIntegerField(_("failed attempts"), default=0)
    last_error = models.TextField(_("last error"), blank=True, default="")
    settled_at = models.DateTimeField(_("settled"), null=True)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("outbox")
        permissions = [("decide_outboxrow", _("Can retry and drop failed events"))]
        indexes = [
            models.Index("subscriber", "member_id", "id", name="outbox_line", condition=Q(status__in=("waiting", "failed"))),
            models.Index("due_at", name="outbox_due", condition=Q(status="waiting")),
        ]
        constraints = [
            models.CheckConstraint(
                name="outbox_settled_has_a_time",
                condition=Q(status__in=("waiting", "failed"), settled_at=None) | Q(status__in=("delivered", "dropped"), settled_at__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"{self.topic} → {self.subscriber}"

    @property
    def event(self) -> Event:
        return Event(id=self.id, topic=self.topic, member_id=self.member_id, payload=self.payload, now=self.created_at)
