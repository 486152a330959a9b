from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from loyalty.lib.configuration import Configuration

from .rules import ExpiryPolicy


class Terms(Configuration):
    class Expiry(models.TextChoices):
        CALENDAR_YEAR = "calendar_year", _("at the end of a calendar year")
        FISCAL_YEAR = "fiscal_year", _("at the end of a fiscal year")
        MONTHS = "months", _("a number of months later")
        DAYS = "days", _("a number of days later")
        NEVER = "never", _("never")

    class Pending(models.TextChoices):
        NONE = "none", _("at once")
        DAYS = "days", _("a number of days after payment")
        DELIVERED = "delivered", _("when the order was delivered")

    expiry = models.CharField(_("points expire"), max_length=20, choices=Expiry, default=Expiry.MONTHS)
    length = models.PositiveIntegerField(
        _("after"),
        default=12,
        validators=[MaxValueValidator(36_500)],
        help_text=_("Months or days; for calendar and fiscal years, how many years after the current one (0: at its end)."),
    )
    first_month = models.PositiveSmallIntegerField(
        _("first month of the fiscal year"),
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(12)],
        help_text=_("Only for fiscal years: 4 is April."),
    )
    restore_grace_days = models.PositiveIntegerField(
        _("grace for returned points, in days"),
        default=0,
        validators=[MaxValueValidator(3650)],
        help_text=_("Points given back to a lot that has expired meanwhile stay good for so long. 0: they expire at once."),
    )
    pending = models.CharField(_("points of a purchase can be spent"), max_length=10, choices=Pending, default=Pending.NONE)
    pending_days = models.PositiveIntegerField(
        _("days pending"), default=7, validators=[MaxValueValidator(3650)], help_text=_("Only where points wait a number of days after payment.")
    )
    history = HistoricalRecords(app="points")

    class Meta:
        verbose_name = _("terms of the points")
        verbose_name_plural = _("terms of the points")

    def __str__(self) -> str:
        return str(_("Terms of the points"))

    @property
    def policy(self) -> ExpiryPolicy:
        return ExpiryPolicy(self.expiry, self.length, self.first_month)

    def clean(self) -> None:
        if self.expiry in (self.Expiry.MONTHS, self.Expiry.DAYS) and self.length == 0:
            raise ValidationError({"length": _("Points that expire after 0 months or days are gone the day they come. Give at least 1.")})
        if self.expiry in (self.Expiry.CALENDAR_YEAR, self.Expiry.FISCAL_YEAR, self.Expiry.MONTHS) and self.length > 1200:
            raise ValidationError({"length": _("That is more than a lifetime. Choose “never” instead.")})
