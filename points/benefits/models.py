from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from loyalty.lib.configuration import Configuration


class BenefitTerms(Configuration):
    class BirthdayOn(models.TextChoices):
        DAY = "day", _("the day itself")
        MONTH = "month", _("the first of its month")

    birthday_on = models.CharField(
        _("birthdays are told on"),
        max_length=5,
        choices=BirthdayOn,
        default=BirthdayOn.DAY,
        help_text=_("Then the rules about birthdays give what they give, once a year. Who registers later in that month is told the night after."),
    )
    history = HistoricalRecords(app="points")

    class Meta:
        verbose_name = _("terms of benefits")
        verbose_name_plural = _("terms of benefits")

    def __str__(self) -> str:
        return str(_("Terms of benefits"))


class AllowanceRound(models.Model):
    """A month's allowances: as of when, after which member to go on, and how it went. `again_on`: whoever was left out is tried again then."""

    month = models.CharField(_("month"), max_length=7, primary_key=True)
    as_of = models.DateTimeField(_("by the standing at"))
    after = models.UUIDField(null=True, editable=False)
    told = models.PositiveIntegerField(_("members told"), default=0)
    left_out = models.PositiveIntegerField(_("left out in this pass"), default=0)
    again_on = models.DateField(_("tried again on"), null=True, blank=True)
    done_at = models.DateTimeField(_("done"), null=True, blank=True)

    class Meta:
        verbose_name = _("round of monthly allowances")
        verbose_name_plural = _("rounds of monthly allowances")
        ordering = ["-month"]

    def __str__(self) -> str:
        return self.month
