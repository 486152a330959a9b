from datetime import datetime
from zoneinfo import ZoneInfo, available_timezones

from babel.numbers import list_currencies
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from loyalty.lib.configuration import Configuration


def validate_zone(name: str) -> None:
    if name not in available_timezones():
        raise ValidationError(_("“%(name)s” is not an IANA time zone. Write it like Asia/Shanghai or America/New_York."), params={"name": name})


def validate_currency(code: str) -> None:
    if code not in list_currencies():
        raise ValidationError(_("“%(code)s” is not an ISO 4217 currency. Write three capital letters, like CNY."), params={"code": code})


class Programme(Configuration):
    points_name_zh = models.CharField(_("name of the points, Chinese"), max_length=30, default="积分", help_text=_("As members read it: 积分, 金币 …"))
    points_name_en = models.CharField(_("name of the points, English"), max_length=30, default="points")
    points_unit_zh = models.CharField(_("unit, Chinese"), max_length=10, default="分", blank=True, help_text=_("Stands after a number: 100 分."))
    points_unit_en = models.CharField(_("unit, English"), max_length=10, default="pts", blank=True)
    currency = models.CharField(
        _("currency"),
        max_length=3,
        blank=True,
        validators=[validate_currency],
        help_text=_("ISO 4217, like CNY. Left empty, the first purchase decides; after a purchase it cannot change."),
    )
    zone = models.CharField(
        _("time zone"), max_length=64, default="Asia/Shanghai", validators=[validate_zone], help_text=_("Decides where a business day begins and ends.")
    )
    previous_zone = models.CharField(max_length=64, blank=True, editable=False)
    zone_from = models.DateTimeField(null=True, editable=False)
    fact_window_days = models.PositiveIntegerField(
        _("oldest fact, in days"),
        default=400,
        validators=[MinValueValidator(1)],
        help_text=_("Purchases, refunds and events older than this are refused. Replays and imports are not bound by it."),
    )
    history = HistoricalRecords(app="loyalty")

    class Meta:
        verbose_name = _("programme")
        verbose_name_plural = _("programme")

    def __str__(self) -> str:
        return str(_("Programme settings"))

    @property
    def points_name(self) -> str:
        return self.points_name_zh if (get_language() or "").startswith("zh") else self.points_name_en

    @property
    def points_unit(self) -> str:
        return self.points_unit_zh if (get_language() or "").startswith("zh") else self.points_unit_en

    def zone_at(self, now: datetime) -> ZoneInfo:
        """The zone whose business days are in force at `now`."""
        return ZoneInfo(self.previous_zone if self.zone_from and now < self.zone_from else self.zone)

    def clean(self) -> None:
        self.currency = self.currency.upper()
