from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from loyalty.approvals.models import Request


def member(title: object) -> models.ForeignKey:
    return models.ForeignKey("accounts.Member", verbose_name=title, on_delete=models.PROTECT, related_name="+", db_index=False)


class Merge(Request):
    merged = member(_("is merged"))
    survivor = member(_("survives"))
    reason = models.CharField(_("reason"), max_length=300, help_text=_("How you know that both are one person. Kept for good."))
    # What moved, as the preview said it: for whoever asks later.
    figures = models.JSONField(_("what moved"), default=dict, blank=True)

    class Meta(Request.Meta):
        verbose_name = _("merge of members")
        verbose_name_plural = _("merges of members")
        permissions = [("decide_merge", "Can approve and refuse merges of others")]
        constraints = [
            *Request.Meta.constraints,
            models.UniqueConstraint(fields=["merged"], condition=Q(status__in=["waiting", "applied"]), name="merge_once"),
            models.CheckConstraint(name="merge_of_two", condition=~Q(merged=F("survivor"))),
            models.CheckConstraint(
                name="merge_status_says_what_happened",
                condition=Q(status="waiting", decided_by=None, decided_at=None)
                | Q(status__in=["applied", "refused"], decided_by__isnull=False, decided_at__isnull=False)
                | Q(status="withdrawn", decided_by=None, decided_at__isnull=False),
            ),
        ]
        indexes = [*Request.Meta.indexes, models.Index(fields=["survivor"], name="merge_survivor")]

    def __str__(self) -> str:
        return f"{self.merged.external_id} → {self.survivor.external_id}"
