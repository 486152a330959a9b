from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from loyalty.lib.ids import new_id

from . import rules

TYPES = [(topic.name, _(topic.about)) for topic in rules.TOPICS.values()]


class WebhookEndpoint(models.Model):
    class OffWhy(models.TextChoices):
        BY_HAND = "by_hand", _("switched off by an operator")
        GONE = "gone", _("it answered that it is gone (410)")
        FAILING = "failing", _("it failed for five days")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(_("name"), max_length=100, help_text=_("Which server it is: “web shop, production”."))
    url = models.URLField(_("address"), max_length=500, help_text=_("Where events are sent to, with https://. It answers with 2xx within ten seconds."))
    topics = ArrayField(models.CharField(max_length=60), verbose_name=_("events"), help_text=_("What it is told. Of anything else nothing is kept for it."))
    generation = models.PositiveIntegerField(default=1, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    previous_digest = models.CharField(max_length=64, blank=True, editable=False)
    previous_until = models.DateTimeField(_("old secret signs until"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("made"), editable=False)
    off_at = models.DateTimeField(_("switched off"), null=True, blank=True, editable=False)
    off_why = models.CharField(_("why"), max_length=10, choices=OffWhy, blank=True, editable=False)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0, editable=False)
    failing_since = models.DateTimeField(_("failing since"), null=True, blank=True, editable=False)
    rests_until = models.DateTimeField(_("rests until"), null=True, blank=True, editable=False)
    history = HistoricalRecords(app="loyalty", excluded_fields=["digest", "previous_digest"])

    class Meta:
        verbose_name = _("webhook endpoint")
        verbose_name_plural = _("webhook endpoints")
        ordering = ["-id"]
        permissions = [("replay_webhookendpoint", _("Can replay, test and drop what webhook endpoints are sent"))]
        constraints = [
            models.CheckConstraint(name="webhook_endpoint_off_says_why", condition=Q(off_at=None, off_why="") | Q(off_at__isnull=False) & ~Q(off_why="")),
            models.CheckConstraint(
                name="webhook_endpoint_fails_since", condition=Q(failures=0, failing_since=None) | Q(failures__gt=0, failing_since__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return self.name


class WebhookDelivery(models.Model):
    class Status(models.TextChoices):
        WAITING = "waiting", _("waiting")
        FAILED = "failed", _("failed")
        DELIVERED = "delivered", _("delivered")
        DROPPED = "dropped", _("dropped")

    ARROWS = {
        Status.WAITING: (Status.WAITING, Status.DELIVERED, Status.FAILED, Status.DROPPED),
        Status.FAILED: (Status.WAITING, Status.DROPPED),
        # A replay.
        Status.DELIVERED: (Status.WAITING,),
        Status.DROPPED: (Status.WAITING,),
    }
    OPEN = (Status.WAITING, Status.FAILED)

    # Given by the database, because it is the order of a line.
    id = models.BigAutoField(primary_key=True)
    endpoint = models.ForeignKey(WebhookEndpoint, verbose_name=_("webhook endpoint"), on_delete=models.PROTECT, related_name="+", db_index=False)
    member_id = models.UUIDField(_("member"))
    message_id = models.UUIDField(_("webhook-id"), default=new_id, help_text=_("The same in every attempt and replay."))
    topic = models.CharField(_("event"), max_length=60)
    payload = models.JSONField(_("content"))
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.WAITING)
    created_at = models.DateTimeField(_("happened"))
    due_at = models.DateTimeField(_("next attempt"))
    attempts = models.PositiveSmallIntegerField(_("failed attempts"), default=0)
    claimed_until = models.DateTimeField(null=True)
    last_error = models.CharField(_("last error"), max_length=320, blank=True)
    settled_at = models.DateTimeField(_("settled"), null=True)

    class Meta:
        verbose_name = _("webhook delivery")
        verbose_name_plural = _("webhook deliveries")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                name="webhook_delivery_settled_has_a_time",
                condition=Q(status__in=("waiting", "failed"), settled_at=None) | Q(status__in=("delivered", "dropped"), settled_at__isnull=False),
            )
        ]
        indexes = [
            models.Index("endpoint", "member_id", "id", name="webhook_line", condition=Q(status__in=("waiting", "failed"))),
            models.Index("endpoint", "due_at", "id", name="webhook_due", condition=Q(status="waiting")),
            models.Index("endpoint", "status", "id", name="webhook_by_endpoint"),
            models.Index("member_id", "id", name="webhook_by_member"),
            models.Index("id", name="webhook_dead", condition=Q(status="failed")),
            models.Index("created_at", name="webhook_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.topic} → {self.endpoint}"

    @property
    def message(self) -> str:
        """What stands in the header `webhook-id`."""
        return f"msg_{self.message_id}"


class WebhookAttempt(models.Model):
    """One request, and what it was answered."""

    id = models.BigAutoField(primary_key=True)
    delivery = models.ForeignKey(WebhookDelivery, verbose_name=_("webhook delivery"), on_delete=models.CASCADE, related_name="tries")
    member_id = models.UUIDField(_("member"), db_index=True)
    at = models.DateTimeField(_("when"))
    status_code = models.PositiveSmallIntegerField(_("HTTP status"), null=True)
    detail = models.CharField(_("answer"), max_length=300, blank=True)
    milliseconds = models.PositiveIntegerField(_("took (ms)"))

    class Meta:
        verbose_name = _("webhook attempt")
        verbose_name_plural = _("webhook attempts")
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.status_code or ''} {self.detail}"
