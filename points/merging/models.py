from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from loyalty.lib.ids import new_id


def member(title: object) -> models.ForeignKey:
    return models.ForeignKey("accounts.Member", verbose_name=title, on_delete=models.PROTECT, related_name="+", db_index=False)


def operator(title: object) -> models.ForeignKey:
    return models.ForeignKey(settings.AUTH_USER_MODEL, verbose_name=title, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False)


class Merge(models.Model):
    class Status(models.TextChoices):
        WAITING = "waiting", _("waiting for a second person")
        APPLIED = "applied", _("applied")
        REFUSED = "refused", _("refused")
        WITHDRAWN = "withdrawn", _("withdrawn")

    ARROWS = {Status.WAITING: (Status.APPLIED, Status.REFUSED, Status.WITHDRAWN)}

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    merged = member(_("is merged"))
    survivor = member(_("survives"))
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.WAITING)
    reason = models.CharField(_("reason"), max_length=300, help_text=_("How you know that both are one person. Kept for good."))
    requested_by = operator(_("requested by"))
    requested_at = models.DateTimeField(_("requested"))
    decided_by = operator(_("decided by"))
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    decision_reason = models.CharField(_("why it was refused"), max_length=300, blank=True)
    # What moved, as the preview said it: for whoever asks later.
    figures = models.JSONField(_("what moved"), default=dict, blank=True)

    class Meta:
        verbose_name = _("merge of members")
        verbose_name_plural = _("merges of members")
        ordering = ["-requested_at", "-id"]
        permissions = [("decide_merge", "Can approve and refuse merges of others")]
        constraints = [
            models.UniqueConstraint(fields=["merged"], condition=Q(status__in=["waiting", "applied"]), name="merge_once"),
            models.CheckConstraint(name="merge_of_two", condition=~Q(merged=F("survivor"))),
            models.CheckConstraint(name="merge_has_a_reason", condition=~Q(reason="")),
            models.CheckConstraint(name="merge_decided_by_another", condition=Q(decided_by=None) | ~Q(decided_by=F("requested_by"))),
            models.CheckConstraint(
                name="merge_status_says_what_happened",
                condition=Q(status="waiting", decided_by=None, decided_at=None)
                | Q(status__in=["applied", "refused"], decided_by__isnull=False, decided_at__isnull=False)
                | Q(status="withdrawn", decided_by=None, decided_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["-requested_at", "-id"], name="merge_newest"),
            models.Index(fields=["requested_at"], name="merge_waiting", condition=Q(status="waiting")),
            models.Index(fields=["survivor"], name="merge_survivor"),
        ]

    def __str__(self) -> str:
        return f"{self.merged.external_id} → {self.survivor.external_id}"
