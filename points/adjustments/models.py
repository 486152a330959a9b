from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from loyalty.approvals.models import Request

from .rules import Limit


class Adjustment(Request):
    member = models.ForeignKey("accounts.Member", verbose_name=_("member"), on_delete=models.PROTECT, related_name="+", db_index=False)
    points = models.BigIntegerField(_("points"), help_text=_("Above zero gives points, below zero takes them: 500 or -500."))
    reason = models.CharField(_("reason"), max_length=300, help_text=_("Why it is right. Kept for good with the entry."))
    cost_centre = models.CharField(_("cost centre"), max_length=50, blank=True, help_text=_("Who pays for these points in the books, if your books need it."))
    entry = models.ForeignKey("points.Entry", verbose_name=_("entry"), null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False)

    class Meta(Request.Meta):
        verbose_name = _("adjustment")
        verbose_name_plural = _("adjustments")
        permissions = [("decide_adjustment", "Can approve and refuse adjustments of others")]
        constraints = [
            *Request.Meta.constraints,
            models.CheckConstraint(name="adjustment_moves_something", condition=~Q(points=0)),
            models.CheckConstraint(
                name="adjustment_status_says_what_happened",
                condition=Q(status="waiting", entry=None, decided_by=None, decided_at=None)
                | Q(status="applied", entry__isnull=False, decided_at__isnull=False)
                | Q(status="refused", entry=None, decided_by__isnull=False, decided_at__isnull=False)
                | Q(status="withdrawn", entry=None, decided_by=None, decided_at__isnull=False),
            ),
        ]
        indexes = [*Request.Meta.indexes, models.Index(fields=["member", "-requested_at"], name="adjustment_of_member")]

    def __str__(self) -> str:
        return f"{self.points:+,}"


class AdjustmentLimit(models.Model):
    group = models.OneToOneField("auth.Group", verbose_name=_("role"), primary_key=True, on_delete=models.CASCADE, related_name="+")
    per_adjustment = models.PositiveBigIntegerField(
        _("points per adjustment"),
        default=0,
        help_text=_("Alone, without a second person. 0: every adjustment needs one. Points taken count like points given."),
    )
    per_day = models.PositiveBigIntegerField(
        _("points per day"), default=0, help_text=_("All that one operator moves alone in one business day. What exceeds it waits for a second person.")
    )
    history = HistoricalRecords(app="points")

    class Meta:
        verbose_name = _("adjustment limit")
        verbose_name_plural = _("adjustment limits")

    def __str__(self) -> str:
        return str(self.group)

    @property
    def limit(self) -> Limit:
        return Limit(self.per_adjustment, self.per_day)


class AdjustmentDay(models.Model):
    """What one operator has moved alone on one business day."""

    operator = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    day = models.DateField()
    used = models.PositiveBigIntegerField(default=0)

    class Meta:
        verbose_name = _("adjusted alone in a day")
        verbose_name_plural = _("adjusted alone by day")
        constraints = [models.UniqueConstraint(fields=["operator", "day"], name="adjustment_day_once")]

    def __str__(self) -> str:
        return f"{self.day}: {self.used}"
